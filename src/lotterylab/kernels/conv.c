/* Training convolutions, each with or without norm, activation and pooling, in front of a chain of linear layers.

   One kept weight meets a row of image points in a few vector operations, so that pruned weights take no time.  The
   layers go over the whole batch one after the other, because a norm needs the statistics of the batch. */

#include "conv.h"

#define STRIP (SMALL ? 4 : 8) /* points of a row, */
#define OUTS 3  /* of so many channels after the convolution where it is whole, are computed together */

/* Where a strip's points go: y = bias + products, or, with ``adds``, y + products. */
typedef struct {
  const REAL *bias;
  int64_t adds, plane, pitch; /* vectors from one channel of y to the next, and from one row */
} Into;

/* Points of x from one point of a row to the next, and of y: 1 or 2. */
typedef struct {
  int x, y;
} Steps;

/* A strip of points of ``outs`` channels: y[r] = bias[r] + sum of w[r * n + j] * x[at[j]]; constants are fast. */
INLINE void strip(int outs, int points, Steps by, const REAL *w, int64_t n, const int32_t *at, const vec *x, Into to,
                  vec *y) {
  vec all[2 * OUTS][STRIP];
  for (int r = 0; r < outs; r++)
    for (int p = 0; p < points; p++)
      all[r][p] = to.adds ? y[r * to.plane + p * by.y] : (vec){} + (to.bias ? to.bias[r] : 0);
  for (int64_t j = 0; j < n; j++) {
    const vec *s = x + at[j];
    for (int p = 0; p < points; p++) {
      vec point = s[p * by.x];
      LOADED(point);
      for (int r = 0; r < outs; r++) all[r][p] += w[r * n + j] * point;
    }
  }
  for (int r = 0; r < outs; r++)
    for (int p = 0; p < points; p++) y[r * to.plane + p * by.y] = all[r][p];
}

/* Fewer points than a strip, of twice as many channels. */
INLINE void rest(int outs, int64_t wide, Steps by, const REAL *w, int64_t n, const int32_t *at, const vec *x, Into to,
                 vec *y) {
  int64_t q = 0;
  if (q + 4 <= wide) strip(outs, 4, by, w, n, at, x + q * by.x, to, y + q * by.y), q += 4;
  if (q + 2 <= wide) strip(outs, 2, by, w, n, at, x + q * by.x, to, y + q * by.y), q += 2;
  if (q < wide) strip(outs, 1, by, w, n, at, x + q * by.x, to, y + q * by.y);
}

INLINE void row(int outs, int64_t wide, Steps by, const REAL *w, int64_t n, const int32_t *at, const vec *x, Into to,
                vec *y) {
  int64_t q = 0;
  for (; q + STRIP <= wide; q += STRIP) strip(outs, STRIP, by, w, n, at, x + q * by.x, to, y + q * by.y);
  rest(outs, wide - q, by, w, n, at, x + q * by.x, to, y + q * by.y);
}

/* The kept weights of a convolution, by the channels of y, and the points of y that are computed, high x wide. */
typedef struct {
  int64_t outs, high, wide, whole;
  const int32_t *start, *at;
  const REAL *w;
} Side;

static inline Into from_channel(Into to, int64_t o) {
  to.bias = to.bias ? to.bias + o : 0;
  return to;
}

/* One tile: x with rows of ``pitch`` vectors. */
INLINE void convolve_by(Steps by, const Side *s, int64_t pitch, const vec *x, Into to, vec *y) {
  const int32_t *start = s->start;
  for (int64_t h = 0; h < s->high; h++, x += by.x * pitch, y += by.y * to.pitch) {
    int64_t o = 0;
    for (; s->whole && s->wide < STRIP && o + 2 * OUTS <= s->outs; o += 2 * OUTS)
      rest(2 * OUTS, s->wide, by, s->w + start[o], start[1], s->at, x, from_channel(to, o), y + o * to.plane);
    for (; s->whole && o + OUTS <= s->outs; o += OUTS)
      row(OUTS, s->wide, by, s->w + start[o], start[1], s->at, x, from_channel(to, o), y + o * to.plane);
    for (; o < s->outs; o++)
      row(1, s->wide, by, s->w + start[o], start[o + 1] - start[o], s->at + start[o], x, from_channel(to, o),
          y + o * to.plane);
  }
}

static void convolve(Steps by, const Side *s, int64_t pitch, const vec *x, Into to, vec *y) {
  if (by.x > 1) convolve_by((Steps){2, 1}, s, pitch, x, to, y);
  else if (by.y > 1) convolve_by((Steps){1, 2}, s, pitch, x, to, y);
  else convolve_by((Steps){1, 1}, s, pitch, x, to, y);
}

/* Images (n, height, width, channels) into the tiles of the first layer. */
static void pack(const Conv *v, const REAL *inputs, int64_t images, int64_t tiles) {
  int64_t pitch = pitch_of(v), plane = (v->high + 2 * v->room) * pitch, count = v->high * v->wide * v->in;
  for (int64_t t = 0; t < tiles; t++)
    for (int64_t h = 0; h < v->high; h++)
      for (int64_t q = 0; q < v->wide; q++)
        for (int64_t i = 0; i < v->in; i++) {
          REAL *to = v->x + ((t * v->in + i) * plane + (h + v->room) * pitch + q + v->room) * LANES;
          const REAL *from = inputs + t * LANES * count + (h * v->wide + q) * v->in + i;
          for (int64_t l = 0; l < LANES; l++) to[l] = t * LANES + l < images ? from[l * count] : 0;
        }
}

static void forward(const Net *net, int64_t images, int64_t tiles, int train) {
  const Chain *c = net->chain;
  for (const Conv *v = net->conv; v < net->conv + net->convs; v++) {
    const REAL *w = c->w + v->first, *bias = v->bias < 0 ? 0 : c->w + v->bias;
    Side side = {v->out, after(v, v->high), after(v, v->wide), v->whole, v->start, v->at, w};
    int64_t points = v->out * side.high * side.wide, keep = in_y(v, train);
    if (v->patches) lotterylab_patches(v, w, bias, tiles, net->room);
    for (int64_t t = 0; !v->patches && t < tiles; t++) {
      vec *y = (vec *)v->y + (keep ? t * points : 0);
      Into to = {bias, 0, side.high * side.wide, side.wide};
      convolve((Steps){v->stride, 1}, &side, pitch_of(v), begin(v) + t * images_of(v), to, y);
      if (!keep) lotterylab_finish(v, c, t, train);
    }
    if (!keep) continue;
    if (v->norm && train) lotterylab_measure(v, images, tiles);
    for (int64_t t = 0; t < tiles; t++) lotterylab_finish(v, c, t, train);
  }
}

/* The gradients of one tile's points before a convolution, from ``dy``. */
static void convolve_back(const Conv *v, const vec *dy, vec *dx) {
  Into to = {0, v->adds, v->high * v->wide, v->wide};
  const int32_t *start = v->back_start;
  int64_t first = 0;
  for (int64_t h = 0; h < v->stride; h++)
    for (int64_t q = 0; q < v->stride; q++, start += v->in + 1) {
      int64_t high = (v->high - h + v->stride - 1) / v->stride, wide = (v->wide - q + v->stride - 1) / v->stride;
      Side side = {v->in, high, wide, v->whole, start, v->back_at + first, v->back + first};
      convolve((Steps){1, v->stride}, &side, edge_of(v, v->wide), dy, to, dx + h * v->wide + q);
      first += start[v->in];
    }
}

static void backward(const Net *net, int64_t images, int64_t tiles) {
  const Chain *c = net->chain;
  for (const Conv *v = net->conv + net->convs - 1; v >= net->conv; v--) {
    int64_t step = v->together ? v->out * edge_of(v, v->high) * edge_of(v, v->wide) : 0;
    REAL *g = c->g + v->first;
    lotterylab_open(v, c, images, tiles, net->scales);
    if (v->plus) lotterylab_return(v, tiles);
    int64_t turned = v->dx && !v->patches ? v->start[v->out] : 0;
    for (int64_t j = 0; j < turned; j++) v->back[j] = c->w[v->first + v->back_from[j]];
    for (int64_t t = 0; t < tiles; t++) {
      lotterylab_spread(v, c, images, t, (vec *)v->dy + t * step);
      if (v->dx && !v->patches)
        convolve_back(v, (const vec *)v->dy + t * step, (vec *)v->dx + t * v->in * v->high * v->wide);
      if (!v->together) lotterylab_slopes(v, 1, begin(v) + t * images_of(v), step, g);
    }
    if (v->patches && v->dx) lotterylab_patches_back(v, c->w + v->first, tiles, net->room);
    if (v->patches) lotterylab_patches_slopes(v, tiles, g, net->room);
    else if (v->together) lotterylab_slopes(v, tiles, begin(v), step, g);
    for (int64_t j = 0; v->kept && j < v->start[v->out]; j++) g[j] = v->kept[j] ? g[j] : 0;
  }
}

/* The values of PARTS tiles from tile ``first`` on, unit by unit, into the chain's tile. */
static void gather(const Net *net, int64_t first, int64_t tiles) {
  const vec *z = (const vec *)net->conv[net->convs - 1].z;
  vec *to = (vec *)net->chain->unit[0];
  for (int64_t f = 0; f < net->features; f++)
    for (int64_t p = 0; p < PARTS; p++) {
      const vec *from = z + ((first + p) * net->features + f) * net->points;
      vec all = first + p < tiles ? from[0] : (vec){};
      for (int64_t k = 1; first + p < tiles && k < net->points; k++) all += from[k];
      to[f * PARTS + p] = all / (REAL)net->points;
    }
}

/* The gradients of these values, from the chain's tile. */
static void scatter(const Net *net, int64_t first, int64_t tiles) {
  vec *d = (vec *)net->conv[net->convs - 1].dz;
  const vec *from = (const vec *)net->chain->back[0];
  for (int64_t p = 0; p < PARTS && first + p < tiles; p++)
    for (int64_t f = 0; f < net->features; f++) {
      vec each = from[f * PARTS + p] / (REAL)net->points;
      for (int64_t k = 0; k < net->points; k++) d[((first + p) * net->features + f) * net->points + k] = each;
    }
}

/* One step: images (n, height, width, channels); the sum of their losses and their hits are added. */
void lotterylab_conv_train(const Net *net, const Rule *rule, const REAL *inputs, const int64_t *labels, int64_t images,
                           double lr, double *loss, int64_t *hits) {
  const Chain *c = net->chain;
  int64_t tiles = (images + LANES - 1) / LANES;
  memset(c->g, 0, sizeof(REAL) * c->count);
  pack(net->conv, inputs, images, tiles);
  forward(net, images, tiles, 1);
  for (int64_t first = 0; first < tiles; first += PARTS) {
    int64_t from = first * LANES, here = images - from < TILE ? images - from : TILE;
    gather(net, first, tiles);
    for (int64_t k = 0; k < c->layers; k++) lotterylab_forward(c, k);
    *loss += lotterylab_compare(c, labels + from, here, images, hits);
    for (int64_t k = c->layers - 1; k >= 0; k--) lotterylab_backward(c, k);
    scatter(net, first, tiles);
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
      gather(net, first, tiles);
      for (int64_t k = 0; k < c->layers; k++) lotterylab_forward(c, k);
      for (int64_t b = 0; b < TILE && first * LANES + b < here; b++)
        for (int64_t k = 0; k < classes; k++)
          logits[(from + first * LANES + b) * classes + k] = c->unit[c->layers][k * TILE + b];
    }
  }
}
