/* Training convolutions, each with or without norm, activation and pooling, in front of a chain of linear layers.

   One kept weight meets a row of image points in a few vector operations, so that pruned weights take no time.  The
   layers go over the whole batch one after the other, because a norm needs the statistics of the batch. */

#include "conv.h"

#define STRIP (SMALL ? 4 : 8) /* points of a row, */
#define OUTS 3  /* of so many channels after the convolution where it is whole, are computed together */
#define STEP 4  /* points whose part in a gradient is added at a time */
#define SIDE 3  /* of the kernels whose gradients have a loop of their own, */
#define TAPS (SIDE * SIDE)
#define PAIR (SMALL ? 1 : 2) /* for so many channels together */


/* A strip of points of ``outs`` channels: y[r] = bias[r] + sum of w[r * n + j] * x[at[j]]; constants are fast. */
static inline __attribute__((always_inline)) void strip(int outs, int points, const REAL *w, int64_t n,
                                                        const int32_t *at, const vec *x, const REAL *bias, vec *y,
                                                        int64_t plane) {
  vec all[2 * OUTS][STRIP];
  for (int r = 0; r < outs; r++)
    for (int p = 0; p < points; p++) all[r][p] = (vec){} + (bias ? bias[r] : 0);
  for (int64_t j = 0; j < n; j++) {
    const vec *s = x + at[j];
    for (int p = 0; p < points; p++) {
      vec point = s[p];
      LOADED(point);
      for (int r = 0; r < outs; r++) all[r][p] += w[r * n + j] * point;
    }
  }
  for (int r = 0; r < outs; r++)
    for (int p = 0; p < points; p++) y[r * plane + p] = all[r][p];
}

/* Fewer points than a strip, of twice as many channels. */
static inline __attribute__((always_inline)) void rest(int outs, int64_t wide, const REAL *w, int64_t n,
                                                       const int32_t *at, const vec *x, const REAL *bias, vec *y,
                                                       int64_t plane) {
  int64_t q = 0;
  if (q + 4 <= wide) strip(outs, 4, w, n, at, x + q, bias, y + q, plane), q += 4;
  if (q + 2 <= wide) strip(outs, 2, w, n, at, x + q, bias, y + q, plane), q += 2;
  if (q < wide) strip(outs, 1, w, n, at, x + q, bias, y + q, plane);
}

static inline __attribute__((always_inline)) void row(int outs, int64_t wide, const REAL *w, int64_t n,
                                                      const int32_t *at, const vec *x, const REAL *bias, vec *y,
                                                      int64_t plane) {
  int64_t q = 0;
  for (; q + STRIP <= wide; q += STRIP) strip(outs, STRIP, w, n, at, x + q, bias, y + q, plane);
  rest(outs, wide - q, w, n, at, x + q, bias, y + q, plane);
}

/* One tile: x with rows of ``pitch`` vectors, y (outs, high, wide). */
static void convolve(int64_t outs, int64_t high, int64_t wide, int64_t pitch, int64_t whole, const int32_t *start,
                     const int32_t *at, const REAL *w, const REAL *bias, const vec *x, vec *y) {
  int64_t plane = high * wide;
  for (int64_t h = 0; h < high; h++) {
    const vec *from = x + h * pitch;
    int64_t o = 0;
    for (; whole && wide < STRIP && o + 2 * OUTS <= outs; o += 2 * OUTS)
      rest(2 * OUTS, wide, w + start[o], start[1], at, from, bias ? bias + o : 0, y + (o * high + h) * wide, plane);
    for (; whole && o + OUTS <= outs; o += OUTS)
      row(OUTS, wide, w + start[o], start[1], at, from, bias ? bias + o : 0, y + (o * high + h) * wide, plane);
    for (; o < outs; o++)
      row(1, wide, w + start[o], start[o + 1] - start[o], at + start[o], from, bias ? bias + o : 0,
          y + (o * high + h) * wide, 0);
  }
}

/* Images before a convolution and gradients after it, of several tiles, in vectors. */
typedef struct {
  const vec *x, *dy;
  int64_t tiles, x_step, dy_step; /* from one tile to the next */
  int64_t high, wide, pitch, edge; /* of the points after it; vectors in a row of x, and of dy */
} Sides;

/* The gradients of the kept weights of some channels, LANES weights at a time. */
static void slopes_of_kept(const Conv *v, int64_t first, int64_t last, const Sides *s, REAL *g) {
  for (int64_t o = first; o < last; o++)
    for (int64_t j = v->start[o], end = v->start[o + 1]; j < end; j += LANES) {
      int64_t here = end - j < LANES ? end - j : LANES, at[LANES];
      vec all[LANES];
      for (int i = 0; i < LANES; i++) at[i] = v->at[i < here ? j + i : j], all[i] = (vec){};
      for (int64_t t = 0; t < s->tiles; t++)
        for (int64_t h = 0; h < s->high; h++) {
          const vec *d = s->dy + t * s->dy_step + (o * (s->high + 2 * v->rim) + h) * s->edge;
          const vec *from = s->x + t * s->x_step + h * s->pitch;
          int64_t q = 0;
          for (; q + STEP <= s->wide; q += STEP)
            for (int i = 0; i < LANES; i++)
              for (int p = 0; p < STEP; p++) all[i] += d[q + p] * from[at[i] + q + p];
          for (; q < s->wide; q++)
            for (int i = 0; i < LANES; i++) all[i] += d[q] * from[at[i] + q];
        }
      vec found = sums(all);
      for (int64_t i = 0; i < here; i++) g[j + i] += found[i];
    }
}

/* The gradients of PAIR channels after a whole convolution of side SIDE: all weights that read one channel together. */
static void slopes_of_pair(const Conv *v, int64_t o, const Sides *s, REAL *g) {
  int64_t plane = (s->high + 2 * v->rim) * s->edge, before = (v->high + 2 * v->pad) * s->pitch;
  for (int64_t c = 0; c < v->in; c++) {
    vec all[PAIR][TAPS > LANES ? TAPS : LANES] = {};
    for (int64_t t = 0; t < s->tiles; t++) {
      const vec *dy = s->dy + t * s->dy_step + o * plane, *x = s->x + t * s->x_step + c * before;
      for (int64_t h = 0; h < s->high; h++)
        for (int64_t q = 0; q < s->wide; q++)
          for (int k = 0; k < TAPS; k++) {
            vec point = x[(h + k / SIDE) * s->pitch + q + k % SIDE];
            LOADED(point);
            for (int r = 0; r < PAIR; r++) all[r][k] += dy[r * plane + h * s->edge + q] * point;
          }
    }
    for (int r = 0; r < PAIR; r++) {
      REAL *to = g + v->start[o + r] + c * TAPS;
      vec found = sums(all[r]);
      for (int k = 0; k < TAPS; k++) to[k] += k < LANES ? found[k] : sum(all[r][k]);
    }
  }
}

/* The gradients of the stored weights from some tiles. */
static void slopes(const Conv *v, int64_t tiles, const vec *x, int64_t x_step, int64_t dy_step, REAL *g) {
  int64_t o = 0, wide = after(v, v->wide), edge = wide + 2 * v->rim;
  Sides s = {x,    (const vec *)v->dy + v->rim * (edge + 1),     tiles, x_step, dy_step, after(v, v->high), wide,
             v->wide + 2 * v->pad, edge};
  if (v->whole && v->size == SIDE)
    for (; o + PAIR <= v->out; o += PAIR) slopes_of_pair(v, o, &s, g);
  slopes_of_kept(v, o, v->out, &s, g);
}

/* Images (n, height, width, channels) into the tiles of the first layer. */
static void pack(const Conv *v, const REAL *inputs, int64_t images, int64_t tiles) {
  int64_t pitch = v->wide + 2 * v->pad, plane = (v->high + 2 * v->pad) * pitch, count = v->high * v->wide * v->in;
  for (int64_t t = 0; t < tiles; t++)
    for (int64_t h = 0; h < v->high; h++)
      for (int64_t q = 0; q < v->wide; q++)
        for (int64_t i = 0; i < v->in; i++) {
          REAL *to = v->x + ((t * v->in + i) * plane + (h + v->pad) * pitch + q + v->pad) * LANES;
          const REAL *from = inputs + t * LANES * count + (h * v->wide + q) * v->in + i;
          for (int64_t l = 0; l < LANES; l++) to[l] = t * LANES + l < images ? from[l * count] : 0;
        }
}

static void forward(const Net *net, int64_t images, int64_t tiles, int train) {
  const Chain *c = net->chain;
  for (const Conv *v = net->conv; v < net->conv + net->convs; v++) {
    int64_t high = after(v, v->high), wide = after(v, v->wide), pitch = v->wide + 2 * v->pad;
    int64_t before = v->in * (v->high + 2 * v->pad) * pitch, keep = in_y(v, train);
    const REAL *w = c->w + v->first, *bias = v->bias < 0 ? 0 : c->w + v->bias;
    if (v->patches) lotterylab_patches(v, w, bias, tiles, net->room);
    for (int64_t t = 0; !v->patches && t < tiles; t++) {
      vec *y = (vec *)v->y + (keep ? t * v->out * high * wide : 0);
      convolve(v->out, high, wide, pitch, v->whole, v->start, v->at, w, bias, (const vec *)v->x + t * before, y);
      if (!keep) lotterylab_finish(v, c, t, train);
    }
    if (!keep) continue;
    if (v->norm && train) lotterylab_measure(v, images, tiles);
    for (int64_t t = 0; t < tiles; t++) lotterylab_finish(v, c, t, train);
  }
}

static void backward(const Net *net, int64_t images, int64_t tiles) {
  const Chain *c = net->chain;
  for (const Conv *v = net->conv + net->convs - 1; v >= net->conv; v--) {
    int64_t edge = after(v, v->wide) + 2 * v->rim, before = v->in * (v->high + 2 * v->pad) * (v->wide + 2 * v->pad);
    int64_t step = v->together ? v->out * (after(v, v->high) + 2 * v->rim) * edge : 0;
    REAL *g = c->g + v->first;
    lotterylab_open(v, c, images, tiles, net->scales);
    int64_t turned = v->dx && !v->patches ? v->back_start[v->in] : 0;
    for (int64_t j = 0; j < turned; j++) v->back[j] = c->w[v->first + v->back_from[j]];
    for (int64_t t = 0; t < tiles; t++) {
      lotterylab_spread(v, c, images, t, (vec *)v->dy + t * step);
      if (v->dx && !v->patches)
        convolve(v->in, v->high, v->wide, edge, v->whole, v->back_start, v->back_at, v->back, 0,
                 (const vec *)v->dy + t * step, (vec *)v->dx + t * v->in * v->high * v->wide);
      if (!v->together) slopes(v, 1, (const vec *)v->x + t * before, before, step, g);
    }
    if (v->patches && v->dx) lotterylab_patches_back(v, c->w + v->first, tiles, net->room);
    if (v->patches) lotterylab_patches_slopes(v, tiles, g, net->room);
    else if (v->together) slopes(v, tiles, (const vec *)v->x, before, step, g);
    for (int64_t j = 0; v->kept && j < v->start[v->out]; j++) g[j] = v->kept[j] ? g[j] : 0;
  }
}

/* The values of PARTS tiles from tile ``first`` on, unit by unit, into the chain's tile. */
static void gather(const Net *net, int64_t first, int64_t tiles, int64_t features) {
  const vec *z = (const vec *)net->conv[net->convs - 1].z;
  vec *to = (vec *)net->chain->unit[0];
  for (int64_t f = 0; f < features; f++)
    for (int64_t p = 0; p < PARTS; p++) to[f * PARTS + p] = first + p < tiles ? z[(first + p) * features + f] : (vec){};
}

/* One step: images (n, height, width, channels); the sum of their losses and their hits are added. */
void lotterylab_conv_train(const Net *net, const Rule *rule, const REAL *inputs, const int64_t *labels, int64_t images,
                           double lr, double *loss, int64_t *hits) {
  const Chain *c = net->chain;
  int64_t tiles = (images + LANES - 1) / LANES, features = net->features;
  memset(c->g, 0, sizeof(REAL) * c->count);
  pack(net->conv, inputs, images, tiles);
  forward(net, images, tiles, 1);
  for (int64_t first = 0; first < tiles; first += PARTS) {
    int64_t from = first * LANES, here = images - from < TILE ? images - from : TILE;
    gather(net, first, tiles, features);
    for (int64_t k = 0; k < c->layers; k++) lotterylab_forward(c, k);
    *loss += lotterylab_compare(c, labels + from, here, images, hits);
    for (int64_t k = c->layers - 1; k >= 0; k--) lotterylab_backward(c, k);
    vec *d = (vec *)net->conv[net->convs - 1].dz;
    for (int64_t p = 0; p < PARTS && first + p < tiles; p++)
      for (int64_t f = 0; f < features; f++) d[(first + p) * features + f] = ((vec *)c->back[0])[f * PARTS + p];
  }
  backward(net, images, tiles);
  lotterylab_update(c, rule, lr, rule->updates);
}

/* Images that a vector has. */
int64_t lotterylab_lanes(void) { return LANES; }

/* The logits of images (n, height, width, channels), as (n, classes), by running statistics. */
void lotterylab_conv_logits(const Net *net, const REAL *inputs, int64_t images, REAL *logits) {
  const Chain *c = net->chain;
  const Conv *v = net->conv;
  int64_t classes = c->layer[c->layers - 1].rows, room = net->tiles * LANES;
  for (int64_t from = 0; from < images; from += room) {
    int64_t here = images - from < room ? images - from : room, tiles = (here + LANES - 1) / LANES;
    pack(v, inputs + from * v->high * v->wide * v->in, here, tiles);
    forward(net, here, tiles, 0);
    for (int64_t first = 0; first < tiles; first += PARTS) {
      gather(net, first, tiles, net->features);
      for (int64_t k = 0; k < c->layers; k++) lotterylab_forward(c, k);
      for (int64_t b = 0; b < TILE && first * LANES + b < here; b++)
        for (int64_t k = 0; k < classes; k++)
          logits[(from + first * LANES + b) * classes + k] = c->unit[c->layers][k * TILE + b];
    }
  }
}
