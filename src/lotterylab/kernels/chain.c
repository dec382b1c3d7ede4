/* Training a chain of linear layers of which only the kept weights exist.

   A batch is cut into tiles of TILE images.  Numbers of a tile are stored unit by unit, TILE numbers each, so that one
   kept weight meets TILE images in a few vector operations and no index is looked up twice.  A layer is a matrix in
   compressed rows, or a whole one of which a mask removes the gradient.  All weights, then the biases, are one array, as
   are gradients and optimizer state. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef REAL
#define REAL float
#endif
#define BYTES 64 /* of a vector: one register with AVX-512, two with AVX2 */
#define LANES ((int)(BYTES / sizeof(REAL)))
#define TILE 64
#define PARTS (TILE / LANES)
#define BLOCK 16 /* images whose bytes are gathered together */
#define ROWS 4   /* and LANES / ROWS columns of a whole matrix are computed together */
#define COLS (LANES / ROWS)

typedef REAL vec __attribute__((vector_size(BYTES)));
typedef __typeof__((vec){} < (vec){}) index_vec; /* an integer a lane */

typedef struct {
  int64_t rows, cols;         /* units after and before the layer */
  const int32_t *start, *col; /* the kept weights of row r are start[r] .. start[r + 1]; the unit that each reads; */
                              /* no start: the matrix is whole */
  const uint8_t *kept;        /* of a whole matrix: 1 where a weight is kept, or none */
  int64_t first, bias;        /* places of its first weight and its first bias among the parameters; bias -1: none */
} Layer;

typedef struct {
  int64_t layers, act, count; /* count of parameters */
  const Layer *layer;
  double slope;               /* of a leaky ReLU below 0 */
  REAL *w, *g, *first, *second; /* parameters, gradients, optimizer state */
  REAL **unit, **back;        /* the tile's numbers and their gradients, inputs first */
} Chain;

typedef struct {
  const uint8_t *images;  /* (n, count) */
  const int64_t *labels;
  const int32_t *pixel;   /* the pixels that some kept weight reads */
  const REAL *table;      /* the number that each byte of each of these pixels' channels means, (channels, 256) */
  const int32_t *channel; /* of each of these pixels, times 256 */
  int64_t count;          /* of pixels in an image, in all channels */
} Images;

typedef struct {
  int64_t adam, nesterov, decoupled, updates;
  double momentum, beta1, beta2, eps, decay;
} Rule;

enum { RELU, LEAKY_RELU, SOFTSIGN };

static REAL sum(vec v) {
  REAL s[LANES];
  memcpy(s, &v, sizeof v);
  for (int half = LANES / 2; half; half /= 2)
    for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}

/* Lanes l and l ^ bit of a, added, where l lacks the bit, and those of b where it has it. */
static inline __attribute__((always_inline)) vec fold(vec a, vec b, int bit) {
  index_vec own, other;
  for (int l = 0; l < LANES; l++) {
    own[l] = l + (l & bit ? LANES : 0);
    other[l] = (l ^ bit) + (l & bit ? LANES : 0);
  }
  return __builtin_shuffle(a, b, own) + __builtin_shuffle(a, b, other);
}

/* The sum of each of LANES vectors, in the lane of its place. */
static inline __attribute__((always_inline)) vec sums(vec *v) {
#if defined(__GNUC__) && !defined(__clang__)
  for (int l = 0; l < LANES; l += 2) v[l] = fold(v[l], v[l + 1], 1);
  for (int l = 0; l < LANES; l += 4) v[l] = fold(v[l], v[l + 2], 2);
  for (int l = 0; l < LANES; l += 8) v[l] = fold(v[l], v[l + 4], 4);
  if (LANES == 16) v[0] = fold(v[0], v[8 % LANES], 8);
  return v[0];
#else
  vec all;
  for (int l = 0; l < LANES; l++) all[l] = sum(v[l]);
  return all;
#endif
}

static void gather(const Images *data, const int64_t *order, int64_t images, int64_t units, REAL *x) {
  for (int64_t b = 0; b < TILE; b += BLOCK) {
    const uint8_t *bytes[BLOCK];
    for (int i = 0; i < BLOCK; i++) bytes[i] = data->images + data->count * order[b + i < images ? b + i : 0];
    for (int64_t k = 0; k < units; k++) {
      const REAL *table = data->table + data->channel[k];
      int64_t pixel = data->pixel[k];
      for (int i = 0; i < BLOCK; i++) x[k * TILE + b + i] = table[bytes[i][pixel]];
    }
  }
}

static void act_on(const Chain *c, REAL *y, int64_t n) {
  if (c->act == RELU)
    for (int64_t i = 0; i < n; i++) y[i] = y[i] < 0 ? 0 : y[i]; /* NaN stays NaN */
  else if (c->act == LEAKY_RELU)
    for (int64_t i = 0; i < n; i++) y[i] = y[i] > 0 ? y[i] : y[i] * (REAL)c->slope;
  else
    for (int64_t i = 0; i < n; i++) y[i] = y[i] / (1 + (y[i] < 0 ? -y[i] : y[i]));
}

/* d times the slope of the activation where it gave y */
static void act_back(const Chain *c, const REAL *y, REAL *d, int64_t n) {
  if (c->act == RELU)
    for (int64_t i = 0; i < n; i++) d[i] = y[i] > 0 ? d[i] : 0;
  else if (c->act == LEAKY_RELU)
    for (int64_t i = 0; i < n; i++) d[i] = y[i] > 0 ? d[i] : d[i] * (REAL)c->slope;
  else
    for (int64_t i = 0; i < n; i++) {
      REAL rest = 1 - (y[i] < 0 ? -y[i] : y[i]);
      d[i] *= rest * rest;
    }
}

static void forward_row(const Layer *layer, const REAL *v, const REAL *x, REAL bias, int64_t r, vec *y) {
  vec even[PARTS], odd[PARTS]; /* two sums, so that one need not wait for the other */
  for (int p = 0; p < PARTS; p++) even[p] = (vec){} + bias, odd[p] = (vec){};
  int64_t j = layer->start[r], end = layer->start[r + 1];
  for (; j + 1 < end; j += 2) {
    const vec *a = (const vec *)(x + (int64_t)layer->col[j] * TILE);
    const vec *b = (const vec *)(x + (int64_t)layer->col[j + 1] * TILE);
    for (int p = 0; p < PARTS; p++) even[p] += v[j] * a[p], odd[p] += v[j + 1] * b[p];
  }
  if (j < end) {
    const vec *a = (const vec *)(x + (int64_t)layer->col[j] * TILE);
    for (int p = 0; p < PARTS; p++) even[p] += v[j] * a[p];
  }
  for (int p = 0; p < PARTS; p++) y[p] = even[p] + odd[p];
}

/* ``rows`` sums over n: y[r] = bias[r] + sum of w[r * down + i * right] * x[i]; a constant ``rows`` is fast. */
static inline __attribute__((always_inline)) void product(int rows, const REAL *w, int64_t down, int64_t right,
                                                          int64_t n, const REAL *x, const REAL *bias, REAL *y) {
  vec all[ROWS][PARTS];
  for (int r = 0; r < rows; r++)
    for (int p = 0; p < PARTS; p++) all[r][p] = (vec){} + (bias ? bias[r] : 0);
  for (int64_t i = 0; i < n; i++) {
    const vec *a = (const vec *)(x + i * TILE);
    for (int r = 0; r < rows; r++)
      for (int p = 0; p < PARTS; p++) all[r][p] += w[r * down + i * right] * a[p];
  }
  for (int r = 0; r < rows; r++)
    for (int p = 0; p < PARTS; p++) ((vec *)(y + r * TILE))[p] = all[r][p];
}

static void forward(const Chain *c, int k) {
  const Layer *layer = c->layer + k;
  const REAL *v = c->w + layer->first, *x = c->unit[k], *bias = layer->bias < 0 ? 0 : c->w + layer->bias;
  REAL *y = c->unit[k + 1];
  int64_t rows = layer->rows, cols = layer->cols, r = 0;
  if (layer->start)
    for (; r < rows; r++) forward_row(layer, v, x, bias ? bias[r] : 0, r, (vec *)(y + r * TILE));
  for (; r + ROWS <= rows; r += ROWS) product(ROWS, v + r * cols, cols, 1, cols, x, bias ? bias + r : 0, y + r * TILE);
  for (; r < rows; r++) product(1, v + r * cols, cols, 1, cols, x, bias ? bias + r : 0, y + r * TILE);
  if (k + 1 < c->layers) act_on(c, y, rows * TILE);
}

/* The gradient of one row's weights, and what the row adds to that of the units before it, unless dx is none. */
static void backward_row(const Layer *layer, const REAL *v, const REAL *x, const vec *dy, int64_t r, REAL *g, REAL *dx) {
  vec d[PARTS];
  for (int p = 0; p < PARTS; p++) d[p] = dy[p];
  for (int64_t j = layer->start[r], end = layer->start[r + 1]; j < end; j += LANES) {
    int64_t here = end - j < LANES ? end - j : LANES;
    vec all[LANES];
    for (int64_t i = 0; i < here; i++) {
      const vec *a = (const vec *)(x + (int64_t)layer->col[j + i] * TILE);
      all[i] = d[0] * a[0];
      for (int p = 1; p < PARTS; p++) all[i] += d[p] * a[p];
    }
    if (here == LANES) {
      vec found = sums(all), before;
      memcpy(&before, g + j, sizeof before);
      before += found;
      memcpy(g + j, &before, sizeof before);
    } else
      for (int64_t i = 0; i < here; i++) g[j + i] += sum(all[i]);
    for (int64_t i = 0; i < here && dx; i++) {
      vec *da = (vec *)(dx + (int64_t)layer->col[j + i] * TILE);
      for (int p = 0; p < PARTS; p++) da[p] += v[j + i] * d[p];
    }
  }
}

/* The gradient of a whole matrix, (rows, cols), from dy and x. */
static void outer(int64_t rows, int64_t cols, const REAL *dy, const REAL *x, REAL *g) {
  for (int64_t r = 0; r < rows; r += ROWS)
    for (int64_t q = 0; q < cols; q += COLS) {
      const vec *d[ROWS], *a[COLS];
      vec all[LANES];
      for (int i = 0; i < ROWS; i++) d[i] = (const vec *)(dy + (r + i < rows ? r + i : r) * TILE);
      for (int j = 0; j < COLS; j++) a[j] = (const vec *)(x + (q + j < cols ? q + j : q) * TILE);
      for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
          all[i * COLS + j] = d[i][0] * a[j][0];
          for (int p = 1; p < PARTS; p++) all[i * COLS + j] += d[i][p] * a[j][p];
        }
      vec found = sums(all);
      for (int i = 0; i < ROWS && r + i < rows; i++)
        for (int j = 0; j < COLS && q + j < cols; j++) g[(r + i) * cols + q + j] += found[i * COLS + j];
    }
}

static void backward(const Chain *c, int k) {
  const Layer *layer = c->layer + k;
  const REAL *v = c->w + layer->first, *x = c->unit[k], *dy = c->back[k + 1];
  REAL *g = c->g + layer->first, *dx = k ? c->back[k] : 0;
  int64_t rows = layer->rows, cols = layer->cols, q = 0;
  for (int64_t r = 0; r < rows && layer->bias >= 0; r++) {
    vec all = {};
    for (int p = 0; p < PARTS; p++) all += ((const vec *)(dy + r * TILE))[p];
    c->g[layer->bias + r] += sum(all);
  }
  if (layer->start) {
    if (dx) memset(dx, 0, sizeof(REAL) * cols * TILE);
    for (int64_t r = 0; r < rows; r++) backward_row(layer, v, x, (const vec *)(dy + r * TILE), r, g, dx);
  } else {
    outer(rows, cols, dy, x, g);
    for (int64_t i = 0; i < rows * cols && layer->kept; i++) g[i] = layer->kept[i] ? g[i] : 0;
    for (; q + ROWS <= cols && dx; q += ROWS) product(ROWS, v + q, 1, cols, rows, dy, 0, dx + q * TILE);
    for (; q < cols && dx; q++) product(1, v + q, 1, cols, rows, dy, 0, dx + q * TILE);
  }
  if (dx) act_back(c, x, dx, cols * TILE);
}

/* The loss of a tile, summed over its images, its hits, and the gradient of the mean over ``batch`` images. */
static double compare(const Chain *c, const int64_t *label, int64_t images, int64_t batch, int64_t *hits, int train) {
  int64_t classes = c->layer[c->layers - 1].rows;
  const REAL *z = c->unit[c->layers];
  REAL *d = c->back[c->layers];
  double loss = 0;
  for (int64_t b = 0; b < TILE; b++) {
    if (b >= images) {
      for (int64_t k = 0; k < classes && train; k++) d[k * TILE + b] = 0;
      continue;
    }
    int64_t best = 0;
    for (int64_t k = 1; k < classes; k++)
      if (z[k * TILE + b] > z[best * TILE + b] || (z[k * TILE + b] != z[k * TILE + b] && z[best * TILE + b] == z[best * TILE + b]))
        best = k;
    REAL top = z[best * TILE + b], all = 0;
    for (int64_t k = 0; k < classes; k++) all += d[k * TILE + b] = sizeof(REAL) == 4 ? expf(z[k * TILE + b] - top) : exp(z[k * TILE + b] - top);
    loss += log(all) + top - z[label[b] * TILE + b];
    *hits += best == label[b];
    if (!train) continue;
    REAL scale = 1 / (all * batch);
    for (int64_t k = 0; k < classes; k++) d[k * TILE + b] *= scale;
    d[label[b] * TILE + b] -= (REAL)1 / batch;
  }
  return loss;
}

static void update(const Chain *c, const Rule *rule, double lr, int64_t updates) {
  REAL *w = c->w, *g = c->g, *m = c->first, *v = c->second;
  REAL rate = lr, decay = rule->decay;
  if (!rule->adam) {
    REAL momentum = rule->momentum;
    for (int64_t i = 0; i < c->count; i++) {
      REAL slope = g[i] + decay * w[i];
      if (momentum) {
        m[i] = momentum * m[i] + slope;
        slope = rule->nesterov ? slope + momentum * m[i] : m[i];
      }
      w[i] -= rate * slope;
    }
    return;
  }
  double t = updates + 1;
  REAL one = 1 - rule->beta1, beta2 = rule->beta2, two = 1 - rule->beta2, eps = rule->eps;
  REAL stride = lr / (1 - pow(rule->beta1, t)), root = sqrt(1 - pow(rule->beta2, t));
  REAL shrink = rule->decoupled ? 1 - lr * rule->decay : 1, pull = rule->decoupled ? 0 : decay;
  for (int64_t i = 0; i < c->count; i++) {
    REAL before = w[i] * shrink, slope = g[i] + pull * w[i];
    m[i] += one * (slope - m[i]);
    v[i] = beta2 * v[i] + two * slope * slope;
    REAL spread = sizeof(REAL) == 4 ? sqrtf(v[i]) : sqrt(v[i]);
    w[i] = before - stride * m[i] / (spread / root + eps);
  }
}

/* Train on images order[0 .. steps * batch), of which the last step may have fewer; ``last`` is their number. */
void lotterylab_train(const Chain *c, const Images *data, const Rule *rule, const int64_t *order, int64_t images,
                      int64_t batch, const double *lr, double *loss, int64_t *hits) {
  int64_t updates = rule->updates;
  for (int64_t from = 0, step = 0; from < images; from += batch, step++) {
    int64_t n = images - from < batch ? images - from : batch;
    double of_batch = 0;
    memset(c->g, 0, sizeof(REAL) * c->count);
    for (int64_t tile = 0; tile < n; tile += TILE) {
      const int64_t *at = order + from + tile;
      int64_t here = n - tile < TILE ? n - tile : TILE, label[TILE];
      gather(data, at, here, c->layer[0].cols, c->unit[0]);
      for (int64_t b = 0; b < here; b++) label[b] = data->labels[at[b]];
      for (int k = 0; k < c->layers; k++) forward(c, k);
      of_batch += compare(c, label, here, n, hits, 1);
      for (int k = (int)c->layers - 1; k >= 0; k--) backward(c, k);
    }
    *loss += of_batch;
    update(c, rule, lr[step], updates++);
  }
}

/* The logits of images order[0 .. images), (images, classes). */
void lotterylab_logits(const Chain *c, const Images *data, const int64_t *order, int64_t images, REAL *logits) {
  int64_t classes = c->layer[c->layers - 1].rows;
  for (int64_t tile = 0; tile < images; tile += TILE) {
    int64_t here = images - tile < TILE ? images - tile : TILE;
    gather(data, order + tile, here, c->layer[0].cols, c->unit[0]);
    for (int k = 0; k < c->layers; k++) forward(c, k);
    for (int64_t b = 0; b < here; b++)
      for (int64_t k = 0; k < classes; k++) logits[(tile + b) * classes + k] = c->unit[c->layers][k * TILE + b];
  }
}
