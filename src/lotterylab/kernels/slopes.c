/* The gradients of the weights of a convolution. */

#include "conv.h"

#define STEP 4  /* points whose part in a gradient is added at a time */
#define SIDE 3  /* of the kernels whose gradients have a loop of their own, */
#define TAPS (SIDE * SIDE)
#define PAIR (SMALL ? 1 : 2) /* for so many channels together */

/* Images before a convolution and gradients after it, of several tiles, in vectors. */
typedef struct {
  const vec *x, *dy;
  int64_t tiles, x_step, dy_step; /* from one tile to the next */
  int64_t high, wide; /* of the points after it */
  int64_t pitch, edge, plane, channel; /* vectors in a row of x, in a row and a channel of dy, in a channel of x */
} Sides;

/* The gradients of the kept weights of some channels, LANES weights at a time. */
INLINE void slopes_of_kept(int stride, const Conv *v, int64_t first, int64_t last, const Sides *s, REAL *g) {
  for (int64_t o = first; o < last; o++)
    for (int64_t j = v->start[o], end = v->start[o + 1]; j < end; j += LANES) {
      int64_t here = end - j < LANES ? end - j : LANES, at[LANES];
      vec all[LANES];
      for (int i = 0; i < LANES; i++) at[i] = v->at[i < here ? j + i : j], all[i] = (vec){};
      for (int64_t t = 0; t < s->tiles; t++)
        for (int64_t h = 0; h < s->high; h++) {
          const vec *d = s->dy + t * s->dy_step + o * s->plane + h * s->edge;
          const vec *from = s->x + t * s->x_step + h * stride * s->pitch;
          int64_t q = 0;
          for (; q + STEP <= s->wide; q += STEP)
            for (int i = 0; i < LANES; i++)
              for (int p = 0; p < STEP; p++) all[i] += d[q + p] * from[at[i] + (q + p) * stride];
          for (; q < s->wide; q++)
            for (int i = 0; i < LANES; i++) all[i] += d[q] * from[at[i] + q * stride];
        }
      vec found = sums(all);
      for (int64_t i = 0; i < here; i++) g[j + i] += found[i];
    }
}

/* The gradients of PAIR channels after a whole convolution of side SIDE: all weights that read one channel together. */
INLINE void slopes_of_pair(int stride, const Conv *v, int64_t o, const Sides *s, REAL *g) {
  for (int64_t c = 0; c < v->in; c++) {
    vec all[PAIR][TAPS > LANES ? TAPS : LANES] = {};
    for (int64_t t = 0; t < s->tiles; t++) {
      const vec *dy = s->dy + t * s->dy_step + o * s->plane, *x = s->x + t * s->x_step + c * s->channel;
      for (int64_t h = 0; h < s->high; h++)
        for (int64_t q = 0; q < s->wide; q++)
          for (int k = 0; k < TAPS; k++) {
            vec point = x[(h * stride + k / SIDE) * s->pitch + q * stride + k % SIDE];
            LOADED(point);
            for (int r = 0; r < PAIR; r++) all[r][k] += dy[r * s->plane + h * s->edge + q] * point;
          }
    }
    for (int r = 0; r < PAIR; r++) {
      REAL *to = g + v->start[o + r] + c * TAPS;
      vec found = sums(all[r]);
      for (int k = 0; k < TAPS; k++) to[k] += k < LANES ? found[k] : sum(all[r][k]);
    }
  }
}

INLINE void slopes_by(int stride, const Conv *v, const Sides *s, REAL *g) {
  int64_t o = 0;
  if (v->whole && v->size == SIDE)
    for (; o + PAIR <= v->out; o += PAIR) slopes_of_pair(stride, v, o, s, g);
  slopes_of_kept(stride, v, o, v->out, s, g);
}

/* The gradients of the stored weights from some tiles. */
void lotterylab_slopes(const Conv *v, int64_t tiles, const vec *x, int64_t dy_step, REAL *g) {
  int64_t edge = edge_of(v, v->wide), pitch = pitch_of(v);
  Sides s = {.x = x, .dy = (const vec *)v->dy + v->rim * (edge + 1), .tiles = tiles, .x_step = images_of(v),
             .dy_step = dy_step, .high = after(v, v->high), .wide = after(v, v->wide), .pitch = pitch, .edge = edge,
             .plane = edge_of(v, v->high) * edge, .channel = (v->high + 2 * v->room) * pitch};
  if (v->stride == 1) slopes_by(1, v, &s, g);
  else slopes_by(2, v, &s, g);
}
