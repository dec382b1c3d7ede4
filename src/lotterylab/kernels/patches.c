/* Whole 3 x 3 convolutions by patches of 2 x 2 points: 16 products of transformed numbers in place of 36.

   With images d (4 x 4), a kernel g (3 x 3) and points y (2 x 2), y = A' [(G g G') * (B' d B)] A; gradients go the same
   way back.  [lavin2016fast, section 4.1: F(2 x 2, 3 x 3)] */

#include "conv.h"

#define SIDE 4 /* of the images that a patch reads */
#define ALL (SIDE * SIDE)
#define TAPS 9
#define OUTS 3   /* channels, */
#define WIDTH (SMALL ? 4 : 8) /* of so many patches, are multiplied together */
#define GROUP 24 /* channels whose products wait to be transformed back */
#define SPAN 16  /* patches whose gradients are summed in one go */
#define ROW (SPAN + 1) /* vectors from one row of these to the next: a power of 2 would crowd few lines of the cache */
#define HIGH (SMALL ? 2 : 4) /* for so many channels after */
#define BLOCK 4  /* and before */

/* Planes of images: (tiles, channels, rows, pitch) vectors. */
typedef struct {
  const vec *at;
  int64_t channels, rows, pitch;
} Planes;

/* Points that are computed: high x wide of each tile, in patches, row by row. */
typedef struct {
  int64_t tiles, high, wide, down, right;
} Points;

typedef struct {
  int64_t tile, row, column; /* of the patch's first point */
} Patch;

static Points points_of(int64_t tiles, int64_t high, int64_t wide) {
  return (Points){tiles, high, wide, (high + 1) / 2, (wide + 1) / 2};
}

static int64_t patches_in(const Points *s) { return s->tiles * s->down * s->right; }

/* Patch n; the last one for those beyond it. */
static inline Patch patch_of(const Points *s, int64_t n) {
  int64_t all = patches_in(s), each = s->down * s->right;
  if (n >= all) n = all - 1;
  return (Patch){n / each, n % each / s->right * 2, n % s->right * 2};
}

static inline const vec *start_of(const Planes *x, const Patch *p, int64_t channel) {
  return x->at + ((p->tile * x->channels + channel) * x->rows + p->row) * x->pitch + p->column;
}

/* G g G' of each kernel, as (ALL, outs, in); backwards, the kernels are turned and channels change sides. */
static void transform_kernels(const REAL *w, int64_t outs, int64_t in, int back, REAL *u) {
  for (int64_t o = 0; o < outs; o++)
    for (int64_t c = 0; c < in; c++) {
      const REAL *g = w + (back ? c * outs + o : o * in + c) * TAPS;
      REAL half[SIDE][3];
      for (int q = 0; q < 3; q++) {
        REAL a = back ? g[8 - q] : g[q], b = back ? g[5 - q] : g[3 + q], d = back ? g[2 - q] : g[6 + q];
        half[0][q] = a, half[1][q] = (a + b + d) / 2, half[2][q] = (a - b + d) / 2, half[3][q] = d;
      }
      for (int i = 0; i < SIDE; i++) {
        REAL a = half[i][0], b = half[i][1], d = half[i][2];
        REAL all[SIDE] = {a, (a + b + d) / 2, (a - b + d) / 2, d};
        for (int j = 0; j < SIDE; j++) u[((i * SIDE + j) * outs + o) * in + c] = all[j];
      }
    }
}

/* Vectors from one of the ALL products of WIDTH patches to the next. */
static inline int64_t apart(int64_t channels) { return channels * WIDTH + 1; }

/* One side of a patch's images: points that there are, vectors from one to the next, and from one number to the next. */
typedef struct {
  int64_t points, step, next;
} Along;

/* B' d B of one patch, first along a, then along b: the order of the sums. */
INLINE void transform_image(const vec *from, Along a, Along b, vec *to) {
  int whole = a.points >= SIDE && b.points >= SIDE;
  vec half[SIDE][SIDE];
  for (int j = 0; j < SIDE; j++) {
    vec d[SIDE];
    for (int i = 0; i < SIDE; i++)
      d[i] = whole || (i < a.points && j < b.points) ? from[i * a.step + j * b.step] : (vec){};
    half[0][j] = d[0] - d[2], half[1][j] = d[1] + d[2], half[2][j] = d[2] - d[1], half[3][j] = d[1] - d[3];
  }
  for (int i = 0; i < SIDE; i++, to += a.next) {
    const vec *h = half[i];
    to[0] = h[0] - h[2], to[b.next] = h[1] + h[2], to[2 * b.next] = h[2] - h[1], to[3 * b.next] = h[1] - h[3];
  }
}

/* B' d B of WIDTH patches from ``first`` on, as (ALL, channels, WIDTH). */
static void transform_images(const Planes *x, const Points *s, int64_t first, vec *v) {
  int64_t next = apart(x->channels);
  for (int p = 0; p < WIDTH; p++) {
    Patch patch = patch_of(s, first + p);
    Along rows = {x->rows - patch.row, x->pitch, SIDE * next}, columns = {x->pitch - patch.column, 1, next};
    for (int64_t c = 0; c < x->channels; c++)
      transform_image(start_of(x, &patch, c), rows, columns, v + c * WIDTH + p);
  }
}

/* m[r][p] = sum of u[r][j] v[j][p] over n channels; beyond ``rows``, the last row again. */
static void multiply(const REAL *restrict u, int64_t rows, int64_t n, const vec *restrict v, vec *restrict m) {
  const REAL *row[OUTS];
  for (int r = 0; r < OUTS; r++) row[r] = u + (r < rows ? r : rows - 1) * n;
  vec all[OUTS][WIDTH] = {};
  for (int64_t j = 0; j < n; j++, v += WIDTH) {
    REAL w[OUTS];
    for (int r = 0; r < OUTS; r++) w[r] = row[r][j];
    for (int p = 0; p < WIDTH; p++) {
      vec point = v[p];
      LOADED(point);
      for (int r = 0; r < OUTS; r++) all[r][p] += w[r] * point;
    }
  }
  for (int r = 0; r < OUTS; r++)
    for (int p = 0; p < WIDTH; p++) m[r * WIDTH + p] = all[r][p];
}

/* A' m A of one patch, plus the bias, into the points that there are, or added to them. */
static inline void transform_back(const vec *m, REAL bias, int64_t adds, const Points *s, const Patch *p, vec *y) {
  int64_t next = apart(GROUP);
  vec half[2][SIDE];
  for (int j = 0; j < SIDE; j++) {
    const vec *a = m + j * next;
    vec middle = a[SIDE * next], low = a[2 * SIDE * next];
    half[0][j] = a[0] + middle + low, half[1][j] = middle - low - a[3 * SIDE * next];
  }
  for (int i = 0; i < 2 && p->row + i < s->high; i++, y += s->wide) {
    const vec *h = half[i];
    vec left = h[0] + h[1] + h[2] + bias, right = h[1] - h[2] - h[3] + bias;
    y[0] = adds ? y[0] + left : left;
    if (p->column + 1 < s->wide) y[1] = adds ? y[1] + right : right;
  }
}

/* y (tiles, outs, high, wide) from planes x; ``w`` as in ``transform_kernels``. */
static void convolve(const Planes *x, const Points *s, const REAL *w, int64_t outs, int back, const REAL *bias,
                     int64_t adds, vec *y, REAL *room) {
  vec *v = (vec *)room, *m = v + ALL * apart(x->channels);
  REAL *u = (REAL *)(m + ALL * apart(GROUP));
  transform_kernels(w, outs, x->channels, back, u);
  for (int64_t first = 0, all = patches_in(s); first < all; first += WIDTH) {
    transform_images(x, s, first, v);
    for (int64_t from = 0; from < outs; from += GROUP) {
      int64_t end = from + GROUP < outs ? from + GROUP : outs;
      for (int k = 0; k < ALL; k++)
        for (int64_t o = from; o < end; o += OUTS)
          multiply(u + (k * outs + o) * x->channels, end - o, x->channels, v + k * apart(x->channels),
                   m + k * apart(GROUP) + (o - from) * WIDTH);
      for (int p = 0; p < WIDTH && first + p < all; p++) {
        Patch patch = patch_of(s, first + p);
        for (int64_t o = from; o < end; o++) {
          vec *to = y + ((patch.tile * outs + o) * s->high + patch.row) * s->wide + patch.column;
          transform_back(m + (o - from) * WIDTH + p, bias ? bias[o] : 0, adds, s, &patch, to);
        }
      }
    }
  }
}

/* Vectors from one of the ALL products of SPAN patches to the next: rows of ROW, one a channel, and some more. */
static inline int64_t beyond(int64_t channels) { return (channels + BLOCK) * ROW; }

/* B' d B of SPAN patches from ``first`` on, as (ALL, channels, ROW). */
static void take_images(const Planes *x, const Points *s, int64_t first, vec *to) {
  int64_t next = beyond(x->channels);
  for (int64_t p = 0; p < SPAN && first + p < patches_in(s); p++) {
    Patch patch = patch_of(s, first + p);
    Along rows = {x->rows - patch.row, x->pitch, SIDE * next}, columns = {x->pitch - patch.column, 1, next};
    for (int64_t c = 0; c < x->channels; c++)
      transform_image(start_of(x, &patch, c), columns, rows, to + c * ROW + p);
  }
}

/* The same of gradients: A d A' of their 2 x 2 points, of those that there are. */
static void take_slopes(const Planes *dy, const Points *s, int64_t first, vec *to) {
  int64_t next = beyond(dy->channels);
  for (int64_t p = 0; p < SPAN && first + p < patches_in(s); p++) {
    Patch patch = patch_of(s, first + p);
    int low = patch.row + 1 < s->high, right = patch.column + 1 < s->wide;
    for (int64_t c = 0; c < dy->channels; c++) {
      const vec *from = start_of(dy, &patch, c), zero = {};
      vec a = from[0], b = right ? from[1] : zero, d = low ? from[dy->pitch] : zero;
      vec e = low && right ? from[dy->pitch + 1] : zero;
      vec up[SIDE] = {a, a + b, a - b, -b}, down[SIDE] = {d, d + e, d - e, -e};
      vec *out = to + c * ROW + p;
      for (int k = 0; k < SIDE; k++) {
        out[k * next] = up[k], out[(SIDE + k) * next] = up[k] + down[k];
        out[(2 * SIDE + k) * next] = up[k] - down[k], out[(3 * SIDE + k) * next] = -down[k];
      }
    }
  }
}

static inline int64_t blocks(int64_t channels, int64_t each) { return (channels + each - 1) / each; }

/* The place of the gradient for channels o and c: HIGH x BLOCK of them lie together. */
static inline int64_t place(int64_t o, int64_t c, int64_t in) {
  int64_t block = o / HIGH * blocks(in, BLOCK) + c / BLOCK;
  return (block * HIGH + o % HIGH) * BLOCK + c % BLOCK;
}

/* g[o][c] += sum over patches of d[o][p] x[c][p], in rows of ROW; up to BLOCK - 1 rows more are read, for nothing. */
static void add_products(const vec *d, int64_t outs, const vec *x, int64_t in, int64_t patches, REAL *g) {
  for (int64_t c = 0; c < in; c += BLOCK)
    for (int64_t o = 0; o < outs; o += HIGH) {
      const vec *row = d + o * ROW, *column = x + c * ROW;
      vec all[HIGH * BLOCK];
      for (int i = 0; i < HIGH * BLOCK; i++) all[i] = (vec){};
      for (int64_t p = 0; p < patches; p++) {
        vec point[BLOCK];
        for (int q = 0; q < BLOCK; q++) {
          point[q] = column[q * ROW + p];
          LOADED(point[q]);
        }
        for (int r = 0; r < HIGH; r++) {
          vec slope = row[r * ROW + p];
          for (int q = 0; q < BLOCK; q++) all[r * BLOCK + q] += slope * point[q];
        }
      }
      for (int i = 0; i < HIGH * BLOCK; i += LANES) *(vec *)(g + place(o, c, in) + i) += sums(all + i);
    }
}

/* The vectors that the functions below need for a convolution of these channels. */
int64_t lotterylab_patches_room(int64_t in, int64_t out) {
  int64_t most = in > out ? in : out, weights = ALL * (in + BLOCK) * (out + BLOCK) / LANES + 1;
  int64_t points = ALL * (apart(most) + apart(GROUP)), spans = ALL * (beyond(in) + beyond(out));
  return weights + (points > spans ? points : spans);
}

/* The points after a convolution, of all tiles. */
void lotterylab_patches(const Conv *v, const REAL *w, const REAL *bias, int64_t tiles, REAL *room) {
  Planes x = {(const vec *)v->x, v->in, v->high + 2 * v->pad, v->wide + 2 * v->pad};
  Points s = points_of(tiles, after(v, v->high), after(v, v->wide));
  convolve(&x, &s, w, v->out, 0, bias, 0, (vec *)v->y, room);
}

/* The gradients of the points before it. */
void lotterylab_patches_back(const Conv *v, const REAL *w, int64_t tiles, REAL *room) {
  Planes dy = {(const vec *)v->dy, v->out, after(v, v->high) + 2 * v->rim, after(v, v->wide) + 2 * v->rim};
  Points s = points_of(tiles, v->high, v->wide);
  convolve(&dy, &s, w, v->in, 1, 0, v->adds, (vec *)v->dx, room);
}

/* The gradients of its weights, added to g. */
void lotterylab_patches_slopes(const Conv *v, int64_t tiles, REAL *g, REAL *room) {
  int64_t high = after(v, v->high), wide = after(v, v->wide), edge = wide + 2 * v->rim;
  int64_t count = blocks(v->out, HIGH) * blocks(v->in, BLOCK) * HIGH * BLOCK;
  Points s = points_of(tiles, high, wide);
  Planes x = {(const vec *)v->x, v->in, v->high + 2 * v->pad, v->wide + 2 * v->pad};
  Planes dy = {(const vec *)v->dy + v->rim * (edge + 1), v->out, high + 2 * v->rim, edge};
  vec *images = (vec *)room, *slopes = images + ALL * beyond(v->in);
  REAL *found = (REAL *)(slopes + ALL * beyond(v->out));
  memset(found, 0, sizeof(REAL) * ALL * count);
  for (int64_t first = 0, all = patches_in(&s); first < all; first += SPAN) {
    take_images(&x, &s, first, images);
    take_slopes(&dy, &s, first, slopes);
    for (int k = 0; k < ALL; k++)
      add_products(slopes + k * beyond(v->out), v->out, images + k * beyond(v->in), v->in,
                   all - first < SPAN ? all - first : SPAN, found + k * count);
  }
  for (int64_t i = 0; i < v->out * v->in; i++) {
    REAL half[3][SIDE];
    for (int j = 0; j < SIDE; j++) {
      const REAL *a = found + j * count + place(i / v->in, i % v->in, v->in);
      REAL middle = a[SIDE * count], low = a[2 * SIDE * count];
      half[0][j] = a[0] + (middle + low) / 2, half[1][j] = (middle - low) / 2;
      half[2][j] = (middle + low) / 2 + a[3 * SIDE * count];
    }
    for (int r = 0; r < 3; r++) {
      const REAL *h = half[r];
      REAL *to = g + i * TAPS + r * 3;
      to[0] += h[0] + (h[1] + h[2]) / 2, to[1] += (h[1] - h[2]) / 2, to[2] += (h[1] + h[2]) / 2 + h[3];
    }
  }
}
