/* A convolution as Python fills it in, and what follows it, in points.c.

   Images are computed LANES at a time, a tile: an image point of a channel is a vector of LANES images. */

#ifndef LOTTERYLAB_CONV_H
#define LOTTERYLAB_CONV_H

#include "kernel.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct {
  int64_t in, out, high, wide;  /* channels before and after; size of the images before */
  int64_t size, pad, rim;       /* of the kernel; zeros around the images; size - 1 - pad, zeros around the gradient */
  int64_t stride, room;         /* 1 or 2; zeros around the images as they lie in x, at least ``pad`` */
  int64_t first, bias, whole;   /* places among the parameters; bias -1: none */
  const int32_t *start, *at;    /* the kept weights of channel r after it are start[r] .. start[r + 1]; the vector that */
                                /* each reads, counted from the place of the point */
  const int32_t *back_start, *back_at, *back_from; /* the same the other way, and which weight it is, for the pixels */
                                /* of even and odd rows and columns apart where the stride is 2 */
  const uint8_t *kept;          /* of a whole convolution: 1 where a weight is kept, or none */
  int64_t norm, scale, shift;   /* 1: a norm, with the places of its parameters */
  double eps, momentum;
  REAL *mean, *var;             /* running */
  int64_t act, pool;
  REAL *x, *y;                  /* (tiles, in, high + 2 room, wide + 2 room) vectors; before norm and pooling */
  REAL *z, *dz;                 /* the layer's values, with z_pad zeros around, and their gradients, without */
  int64_t z_pad;
  uint8_t *best;                /* which of four points is the largest */
  int64_t patches;              /* 1: computed by patches.c */
  int64_t together;             /* 1: dy has all tiles; 0: one tile */
  REAL *dy, *back;              /* with ``rim`` zeros around; the weights in the order of back_from */
  REAL *stats;                  /* mean, 1 / deviation, and two means of gradients, of each channel */
  REAL *dx;                     /* (tiles, in, high, wide) vectors, or none */
  int64_t adds;                 /* 1: gradients are added to those in dx; 0: they are written there */
  REAL *plus, *plus_dx;         /* the z of another layer, added before the activation, and its dz; or none */
  int64_t plus_channels, plus_high, plus_wide, plus_pad; /* of that layer, whose z_pad is the last one */
  int64_t plus_every, plus_adds; /* 2: every second pixel of it; as ``adds`` */
} Conv;

typedef struct {
  int64_t convs;
  const Conv *conv;
  const Chain *chain;
  int64_t tiles, features;      /* that the buffers hold; values of an image in front of the chain */
  int64_t points;               /* each is the mean of so many points after the last convolution */
  REAL *room;                   /* for patches.c */
  double scales;                /* the loss has so many times the sum of the sizes of the norms' scales */
} Net;

static inline int64_t after(const Conv *v, int64_t size) { return (size + 2 * v->pad - v->size) / v->stride + 1; }

/* Vectors of one tile in x, and from one of its rows to the next. */
static inline int64_t pitch_of(const Conv *v) { return v->wide + 2 * v->room; }
static inline int64_t images_of(const Conv *v) { return v->in * (v->high + 2 * v->room) * pitch_of(v); }

/* Where a convolution's images begin in x, less what lies around them. */
static inline const vec *begin(const Conv *v) { return (const vec *)v->x + (v->room - v->pad) * (pitch_of(v) + 1); }

/* Rows of a channel of dy, and vectors of a row. */
static inline int64_t edge_of(const Conv *v, int64_t size) { return after(v, size) + 2 * v->rim; }

/* Whether y has all tiles. */
static inline int in_y(const Conv *v, int train) { return v->patches || (v->norm && train); }

/* Mean and variance of each channel over the batch. */
void lotterylab_measure(const Conv *v, int64_t images, int64_t tiles);

/* Norm, pooling and activation of one tile. */
void lotterylab_finish(const Conv *v, const Chain *c, int64_t tile, int train);

/* From gradients of a layer's values to those before its activation, in place, and the sums that its norm needs. */
void lotterylab_open(const Conv *v, const Chain *c, int64_t images, int64_t tiles, double scales);

/* Passes gradients of a layer's values on to the layer whose values were added to them. */
void lotterylab_return(const Conv *v, int64_t tiles);

/* The gradients of one tile's points before norm and pooling, into ``room``, with ``rim`` zeros around. */
void lotterylab_spread(const Conv *v, const Chain *c, int64_t images, int64_t tile, vec *room);

/* Adds the gradients of the stored weights from some tiles to g, in slopes.c; dy has one tile each ``dy_step`` vectors. */
void lotterylab_slopes(const Conv *v, int64_t tiles, const vec *x, int64_t dy_step, REAL *g);

/* Whole 3 x 3 convolutions, in patches.c: the points after one, the gradients of those before it, and of its weights. */
int64_t lotterylab_patches_room(int64_t in, int64_t out);
void lotterylab_patches(const Conv *v, const REAL *w, const REAL *bias, int64_t tiles, REAL *room);
void lotterylab_patches_back(const Conv *v, const REAL *w, int64_t tiles, REAL *room);
void lotterylab_patches_slopes(const Conv *v, int64_t tiles, REAL *g, REAL *room);

#endif
