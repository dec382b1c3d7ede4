/* Training a chain of linear layers of which only the kept weights exist.

   A batch is cut into tiles of TILE images.  Numbers of a tile are stored unit by unit, TILE numbers each, so that one
   kept weight meets TILE images in a few vector operations and no index is looked up twice.  A layer is a matrix in
   compressed rows, or a whole one of which a mask removes the gradient.  All weights, then the biases, are one array, as
   are gradients and optimizer state. */

#include "kernel.h"

#define BLOCK 16            /* images whose bytes are gathered together */
#define SOME 4              /* vectors of a tile, */
#define ROWS (SMALL ? 3 : 4) /* of so many rows of a whole matrix, are computed together */
#define TALL 6              /* rows and */
#define SPAN (SMALL ? 2 : 4) /* vectors of columns of its gradient are computed together */
#define WIDE (SPAN * LANES)

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

/* SOME vectors of a row. */
static void forward_row(const Layer *layer, const REAL *v, const REAL *x, REAL bias, int64_t r, vec *y) {
  vec even[SOME], odd[SOME]; /* two sums, so that one need not wait for the other */
  for (int p = 0; p < SOME; p++) even[p] = (vec){} + bias, odd[p] = (vec){};
  int64_t j = layer->start[r], end = layer->start[r + 1];
  for (; j + 1 < end; j += 2) {
    const vec *a = (const vec *)(x + (int64_t)layer->col[j] * TILE);
    const vec *b = (const vec *)(x + (int64_t)layer->col[j + 1] * TILE);
    for (int p = 0; p < SOME; p++) even[p] += v[j] * a[p], odd[p] += v[j + 1] * b[p];
  }
  if (j < end) {
    const vec *a = (const vec *)(x + (int64_t)layer->col[j] * TILE);
    for (int p = 0; p < SOME; p++) even[p] += v[j] * a[p];
  }
  for (int p = 0; p < SOME; p++) y[p] = even[p] + odd[p];
}

/* SOME vectors of ``rows`` sums over n: y[r] = bias[r] + sum of w[r * down + i * right] * x[i]; a constant ``rows`` is fast. */
static inline __attribute__((always_inline)) void product(int rows, const REAL *w, int64_t down, int64_t right,
                                                          int64_t n, const REAL *x, const REAL *bias, REAL *y) {
  vec all[ROWS][SOME];
  for (int r = 0; r < rows; r++)
    for (int p = 0; p < SOME; p++) all[r][p] = (vec){} + (bias ? bias[r] : 0);
  for (int64_t i = 0; i < n; i++) {
    const vec *a = (const vec *)(x + i * TILE);
    for (int r = 0; r < rows; r++)
      for (int p = 0; p < SOME; p++) all[r][p] += w[r * down + i * right] * a[p];
  }
  for (int r = 0; r < rows; r++)
    for (int p = 0; p < SOME; p++) ((vec *)(y + r * TILE))[p] = all[r][p];
}

/* All sums of a tile. */
static void products(int64_t rows, const REAL *w, int64_t down, int64_t right, int64_t n, const REAL *x,
                     const REAL *bias, REAL *y) {
  for (int64_t b = 0; b < TILE; b += SOME * LANES) {
    int64_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
      product(ROWS, w + r * down, down, right, n, x + b, bias ? bias + r : 0, y + r * TILE + b);
    for (; r < rows; r++) product(1, w + r * down, down, right, n, x + b, bias ? bias + r : 0, y + r * TILE + b);
  }
}

void lotterylab_forward(const Chain *c, int64_t k) {
  const Layer *layer = c->layer + k;
  const REAL *v = c->w + layer->first, *x = c->unit[k], *bias = layer->bias < 0 ? 0 : c->w + layer->bias;
  REAL *y = c->unit[k + 1];
  int64_t rows = layer->rows, cols = layer->cols, r = 0;
  if (layer->start)
    for (; r < rows; r++)
      for (int64_t b = 0; b < TILE; b += SOME * LANES)
        forward_row(layer, v, x + b, bias ? bias[r] : 0, r, (vec *)(y + r * TILE + b));
  products(rows - r, v + r * cols, cols, 1, cols, x, bias ? bias + r : 0, y + r * TILE);
  if (k + 1 < c->layers) act_on(c->act, c->slope, y, rows * TILE);
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

/* A few rows of WIDE columns of a gradient, from dy and the columns image by image; a constant ``rows`` is fast. */
static inline __attribute__((always_inline)) void corner(int rows, const REAL *dy, const vec turned[TILE][SPAN], int64_t down,
                                                         int64_t right, REAL *g) {
  vec all[TALL][SPAN] = {};
  for (int b = 0; b < TILE; b++)
    for (int r = 0; r < rows; r++)
      for (int s = 0; s < SPAN; s++) all[r][s] += dy[r * TILE + b] * turned[b][s];
  for (int r = 0; r < rows; r++)
    for (int64_t i = 0; i < right; i++) g[r * down + i] += ((REAL *)all[r])[i];
}

/* The gradient of a whole matrix, (rows, cols), from dy and x. */
static void outer(int64_t rows, int64_t cols, const REAL *dy, const REAL *x, REAL *g) {
  vec turned[TILE][SPAN];
  for (int64_t q = 0; q < cols; q += WIDE) {
    int64_t right = cols - q < WIDE ? cols - q : WIDE, r = 0;
    for (int64_t i = 0; i < WIDE; i++)
      for (int b = 0; b < TILE; b++) ((REAL *)turned[b])[i] = i < right ? x[(q + i) * TILE + b] : 0;
    for (; r + TALL <= rows; r += TALL) corner(TALL, dy + r * TILE, turned, cols, right, g + r * cols + q);
    for (; r + 2 <= rows; r += 2) corner(2, dy + r * TILE, turned, cols, right, g + r * cols + q);
    if (r < rows) corner(1, dy + r * TILE, turned, cols, right, g + r * cols + q);
  }
}

/* The gradients of a layer, and of the units before it where ``back`` has a place for them. */
void lotterylab_backward(const Chain *c, int64_t k) {
  const Layer *layer = c->layer + k;
  const REAL *v = c->w + layer->first, *x = c->unit[k], *dy = c->back[k + 1];
  REAL *g = c->g + layer->first, *dx = c->back[k];
  int64_t rows = layer->rows, cols = layer->cols;
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
    if (dx) products(cols, v, 1, cols, rows, dy, 0, dx);
  }
  if (k) act_back(c->act, c->slope, x, dx, cols * TILE);
}

/* The loss of a tile, summed over its images, its hits, and the gradient of the mean over ``batch`` images. */
double lotterylab_compare(const Chain *c, const int64_t *label, int64_t images, int64_t batch, int64_t *hits) {
  int64_t classes = c->layer[c->layers - 1].rows;
  const REAL *z = c->unit[c->layers];
  REAL *d = c->back[c->layers];
  double loss = 0;
  for (int64_t b = 0; b < TILE; b++) {
    if (b >= images) {
      for (int64_t k = 0; k < classes; k++) d[k * TILE + b] = 0;
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
    REAL scale = 1 / (all * batch);
    for (int64_t k = 0; k < classes; k++) d[k * TILE + b] *= scale;
    d[label[b] * TILE + b] -= (REAL)1 / batch;
  }
  return loss;
}

void lotterylab_update(const Chain *c, const Rule *rule, double lr, int64_t updates) {
  REAL *w = c->w, *g = c->g, *m = c->first, *v = c->second;
  REAL rate = lr, decay = rule->decay;
  for (int64_t i = 0; i < c->helds; i++) g[c->held[i]] = 0;
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
  REAL stride = lr / (1 - pow(rule->beta1, t)), widen = 1 / sqrt(1 - pow(rule->beta2, t));
  REAL shrink = rule->decoupled ? 1 - lr * rule->decay : 1, pull = rule->decoupled ? 0 : decay;
  for (int64_t i = 0; i < c->count; i++) {
    REAL before = w[i] * shrink, slope = g[i] + pull * w[i];
    m[i] += one * (slope - m[i]);
    v[i] = beta2 * v[i] + two * slope * slope;
    REAL spread = sizeof(REAL) == 4 ? sqrtf(v[i]) : sqrt(v[i]);
    w[i] = before - stride * m[i] / (spread * widen + eps);
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
      for (int k = 0; k < c->layers; k++) lotterylab_forward(c, k);
      of_batch += lotterylab_compare(c, label, here, n, hits);
      for (int k = (int)c->layers - 1; k >= 0; k--) lotterylab_backward(c, k);
    }
    *loss += of_batch;
    lotterylab_update(c, rule, lr[step], updates++);
  }
}

/* The logits of images order[0 .. images), (images, classes). */
void lotterylab_logits(const Chain *c, const Images *data, const int64_t *order, int64_t images, REAL *logits) {
  int64_t classes = c->layer[c->layers - 1].rows;
  for (int64_t tile = 0; tile < images; tile += TILE) {
    int64_t here = images - tile < TILE ? images - tile : TILE;
    gather(data, order + tile, here, c->layer[0].cols, c->unit[0]);
    for (int k = 0; k < c->layers; k++) lotterylab_forward(c, k);
    for (int64_t b = 0; b < here; b++)
      for (int64_t k = 0; k < classes; k++) logits[(tile + b) * classes + k] = c->unit[c->layers][k * TILE + b];
  }
}
