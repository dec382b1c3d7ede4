/* What follows a convolution, image point by image point: norm, activation, 2 x 2 max-pooling, sums; and the way back. */

#include "conv.h"

typedef unsigned char places __attribute__((vector_size(BYTES / sizeof(REAL)))); /* which of four points, a lane each */

/* 1 in each lane of a tile that has an image. */
static vec present(int64_t images, int64_t tile) {
  vec lanes;
  for (int l = 0; l < LANES; l++) lanes[l] = tile * LANES + l < images;
  return lanes;
}

/* Mean and variance of each channel over the batch: two passes, whose sums grow a row at a time. */
void lotterylab_measure(const Conv *v, int64_t images, int64_t tiles) {
  int64_t points = after(v, v->high) * after(v, v->wide), wide = after(v, v->wide);
  double count = (double)images * points;
  for (int64_t o = 0; o < v->out; o++) {
    double found[2] = {0, 0};
    for (int pass = 0; pass < 2; pass++) {
      REAL mean = pass ? found[0] / count : 0;
      for (int64_t t = 0; t < tiles; t++) {
        const vec *y = (const vec *)v->y + (t * v->out + o) * points;
        vec lanes = present(images, t);
        for (int64_t h = 0; h < points; h += wide) {
          vec all = {};
          for (int64_t q = 0; q < wide; q++) {
            vec value = (y[h + q] - mean) * lanes;
            all += pass ? value * value : value;
          }
          found[pass] += sum(all);
        }
      }
    }
    double mean = found[0] / count, variance = found[1] / count;
    v->stats[o] = mean;
    v->stats[v->out + o] = 1 / sqrt(variance + v->eps);
    v->mean[o] += v->momentum * (mean - v->mean[o]);
    v->var[o] += v->momentum * (variance * count / (count > 1 ? count - 1 : 1) - v->var[o]);
  }
}

/* The row of another layer's values that is added to row h of channel o. */
static const vec *added(const Conv *v, int64_t tile, int64_t o, int64_t h) {
  int64_t pitch = v->plus_wide + 2 * v->plus_pad, rows = v->plus_high + 2 * v->plus_pad;
  int64_t row = (tile * v->plus_channels + o) * rows + h * v->plus_every + v->plus_pad;
  return (const vec *)v->plus + row * pitch + v->plus_pad;
}

/* Norm, pooling and activation of one tile. */
void lotterylab_finish(const Conv *v, const Chain *c, int64_t tile, int train) {
  int64_t high = after(v, v->high), wide = after(v, v->wide), window = v->pool ? 2 : 1;
  int64_t down = high / window, right = wide / window, pitch = right + 2 * v->z_pad, plane = (down + 2 * v->z_pad) * pitch;
  const vec *y = (const vec *)v->y + (in_y(v, train) ? tile * v->out * high * wide : 0);
  for (int64_t o = 0; o < v->out; o++, y += high * wide) {
    vec *z = (vec *)v->z + (tile * v->out + o) * plane + v->z_pad * (pitch + 1);
    places *best = (places *)v->best + (tile * v->out + o) * down * right;
    REAL mean = 0, scale = 1, shift = 0;
    if (v->norm) {
      mean = train ? v->stats[o] : v->mean[o];
      scale = c->w[v->scale + o] * (train ? v->stats[v->out + o] : (REAL)(1 / sqrt((double)v->var[o] + v->eps)));
      shift = c->w[v->shift + o];
    }
    for (int64_t h = 0; h < down; h++, z += pitch) {
      for (int64_t q = 0; q < right; q++) {
        const vec *at = y + h * window * wide + q * window;
        vec top = v->norm ? (at[0] - mean) * scale + shift : at[0];
        index_vec which = {};
        for (int k = 1; v->pool && k < 4; k++) {
          vec value = at[(k >> 1) * wide + (k & 1)];
          if (v->norm) value = (value - mean) * scale + shift;
          index_vec more = (value > top) | (value != value); /* NaN stays NaN, as in torch */
          top = choose(more, value, top);
          which = (more & k) | (~more & which);
        }
        z[q] = top;
        if (v->pool && train) best[h * right + q] = __builtin_convertvector(which, places);
      }
      if (v->plus && o < v->plus_channels) {
        const vec *other = added(v, tile, o, h);
        for (int64_t q = 0; q < right; q++) z[q] += other[q * v->plus_every];
      }
      if (v->act) act_on(c->act, c->slope, (REAL *)z, right * LANES);
    }
  }
}

/* From gradients of a layer's values to those before its activation, in place, and the sums that its norm needs. */
void lotterylab_open(const Conv *v, const Chain *c, int64_t images, int64_t tiles, double scales) {
  int64_t high = after(v, v->high), wide = after(v, v->wide), window = v->pool ? 2 : 1;
  int64_t down = high / window, right = wide / window, pitch = right + 2 * v->z_pad, plane = (down + 2 * v->z_pad) * pitch;
  for (int64_t o = 0; o < v->out; o++) {
    REAL mean = v->norm ? v->stats[o] : 0, inverse = v->norm ? v->stats[v->out + o] : 1;
    double shift = 0, scale = 0;
    for (int64_t t = 0; t < tiles; t++) {
      const vec *z = (const vec *)v->z + (t * v->out + o) * plane + v->z_pad * (pitch + 1);
      const vec *y = (const vec *)v->y + (t * v->out + o) * high * wide;
      const places *best = (const places *)v->best + (t * v->out + o) * down * right;
      vec *d = (vec *)v->dz + (t * v->out + o) * down * right;
      for (int64_t h = 0; h < down; h++, z += pitch, d += right, best += right) {
        if (v->act) act_back(c->act, c->slope, (const REAL *)z, (REAL *)d, right * LANES);
        if (!v->norm) continue;
        vec all = {}, of_scale = {};
        for (int64_t q = 0; q < right; q++) {
          const vec *at = y + h * window * wide + q * window;
          vec value = at[0];
          if (v->pool) {
            index_vec which = __builtin_convertvector(best[q], index_vec);
            for (int k = 1; k < 4; k++) value = choose(which == k, at[(k >> 1) * wide + (k & 1)], value);
          }
          all += d[q];
          of_scale += d[q] * ((value - mean) * inverse);
        }
        shift += sum(all);
        scale += sum(of_scale);
      }
    }
    if (!v->norm) continue;
    double count = (double)images * high * wide;
    c->g[v->shift + o] += shift;
    REAL gamma = c->w[v->scale + o];
    c->g[v->scale + o] += scale + scales * ((gamma > 0) - (gamma < 0));
    v->stats[2 * v->out + o] = shift / count;
    v->stats[3 * v->out + o] = scale / count;
  }
}

/* Passes gradients of a layer's values on to the layer whose values were added to them. */
void lotterylab_return(const Conv *v, int64_t tiles) {
  int64_t high = after(v, v->high), wide = after(v, v->wide), plane = v->plus_high * v->plus_wide;
  int64_t both = v->out < v->plus_channels ? v->out : v->plus_channels;
  if (!v->plus_adds) memset(v->plus_dx, 0, sizeof(vec) * tiles * v->plus_channels * plane);
  for (int64_t t = 0; t < tiles; t++)
    for (int64_t o = 0; o < both; o++) {
      const vec *d = (const vec *)v->dz + (t * v->out + o) * high * wide;
      vec *to = (vec *)v->plus_dx + (t * v->plus_channels + o) * plane;
      for (int64_t h = 0; h < high; h++)
        for (int64_t q = 0; q < wide; q++) to[(h * v->plus_wide + q) * v->plus_every] += d[h * wide + q];
    }
}

/* The gradients of one tile's points before norm and pooling. */
void lotterylab_spread(const Conv *v, const Chain *c, int64_t images, int64_t tile, vec *room) {
  int64_t high = after(v, v->high), wide = after(v, v->wide), window = v->pool ? 2 : 1, edge = edge_of(v, v->wide);
  int64_t down = high / window, right = wide / window;
  vec lanes = present(images, tile);
  for (int64_t o = 0; o < v->out; o++) {
    const vec *y = (const vec *)v->y + (v->norm ? (tile * v->out + o) * high * wide : 0);
    const vec *d = (const vec *)v->dz + (tile * v->out + o) * down * right;
    const places *best = (const places *)v->best + (tile * v->out + o) * down * right;
    vec *dy = room + (o * edge_of(v, v->high) + v->rim) * edge + v->rim;
    REAL factor = 1;
    if (v->norm) factor = c->w[v->scale + o] * v->stats[v->out + o];
    for (int64_t h = 0; h < high; h++)
      for (int64_t q = 0; q < wide; q++)
        if (v->norm) {
          vec unit = (y[h * wide + q] - v->stats[o]) * v->stats[v->out + o];
          dy[h * edge + q] = lanes * (-factor * (v->stats[2 * v->out + o] + unit * v->stats[3 * v->out + o]));
        } else
          dy[h * edge + q] = (vec){};
    for (int64_t h = 0; h < down; h++)
      for (int64_t q = 0; q < right; q++) {
        vec *to = dy + (h * edge + q) * window, here = factor * d[h * right + q];
        if (!v->pool) {
          to[0] += here;
          continue;
        }
        index_vec which = __builtin_convertvector(best[h * right + q], index_vec);
        for (int k = 0; k < 4; k++) to[(k >> 1) * edge + (k & 1)] += choose(which == k, here, (vec){});
      }
    if (v->bias >= 0) {
      vec all = {};
      for (int64_t h = 0; h < high; h++)
        for (int64_t q = 0; q < wide; q++) all += dy[h * edge + q];
      c->g[v->bias + o] += sum(all);
    }
  }
}
