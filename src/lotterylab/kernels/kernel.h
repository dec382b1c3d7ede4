/* What the C of this room shares: vectors, the structs that Python fills, and the parts of a chain.

   A REAL is a float; for comparisons it is a double. */

#ifndef LOTTERYLAB_KERNEL_H
#define LOTTERYLAB_KERNEL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef REAL
#define REAL float
#endif
/* Bytes of a vector, which is one register: compilers keep wider ones in memory.  SMALL: there are 16 of them, not 32. */
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#define SMALL (BYTES < 64)
#define LANES ((int)(BYTES / sizeof(REAL)))
#define TILE 64
#define PARTS (TILE / LANES)

typedef REAL vec __attribute__((vector_size(BYTES)));
typedef __typeof__(__builtin_choose_expr(sizeof(REAL) == 4, (int32_t)0, (int64_t)0)) integer;
typedef integer index_vec __attribute__((vector_size(BYTES)));

/* Loads a vector once, where a compiler would load it again for each product. */
#if defined(__AVX512F__)
#define LOADED(v) __asm__("" : "+v"(v))
#elif defined(__AVX__)
#define LOADED(v) __asm__("" : "+x"(v))
#else
#define LOADED(v) (void)(v)
#endif

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
  int64_t helds;
  const int32_t *held;        /* the places of so many biases, scales and shifts that the mask removes */
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

enum { RELU, LEAKY_RELU, SOFTSIGN, TANH, SIGMOID };

static REAL sum(vec v) {
  REAL s[LANES];
  memcpy(s, &v, sizeof v);
  for (int half = LANES / 2; half; half /= 2)
    for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}

/* a in the lanes where ``mask`` is -1, b where it is 0 */
static inline vec choose(index_vec mask, vec a, vec b) {
  return (vec)((mask & (index_vec)a) | (~mask & (index_vec)b));
}

#if defined(__GNUC__) && !defined(__clang__)
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
  for (int l = 0; l < LANES; l += 2) v[l] = fold(v[l], v[l + 1], 1);
  for (int l = 0; LANES > 2 && l < LANES; l += 4) v[l] = fold(v[l], v[(l + 2) % LANES], 2);
  for (int l = 0; LANES > 4 && l < LANES; l += 8) v[l] = fold(v[l], v[(l + 4) % LANES], 4);
  if (LANES > 8) v[0] = fold(v[0], v[8 % LANES], 8);
  return v[0];
}
#else
static inline vec sums(vec *v) {
  vec all;
  for (int l = 0; l < LANES; l++) all[l] = sum(v[l]);
  return all;
}
#endif

/* e to the power of x, to 2 units in the last place; a loop of these is vectors. */
static inline REAL power(REAL x) {
  if (sizeof(REAL) == 8) return exp(x);
  float at = x > 88.3f ? 88.3f : x < -87.3f ? -87.3f : x; /* NaN stays NaN */
  float n = rintf(at * 1.44269504f), r = (at - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f, p = p * r + 8.3334519073e-3f, p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f, p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1;
  union { float real; int32_t bits; } scaled = {p};
  scaled.bits += (int32_t)n * (1 << 23);
  return scaled.real;
}

static inline REAL tangent(REAL x) {
  if (sizeof(REAL) == 8) return tanh(x);
  REAL size = x < 0 ? -x : x, e = power(-2 * size), z = x * x, far = (1 - e) / (1 + e);
  REAL near = (REAL)-5.70498872745e-3 * z + (REAL)2.06390887954e-2;
  near = near * z - (REAL)5.37397155531e-2, near = near * z + (REAL)1.33314422036e-1;
  near = (near * z - (REAL)3.33332819422e-1) * z * x + x;
  return size < (REAL)0.625 ? near : x < 0 ? -far : far;
}

static inline void act_on(int64_t act, double slope, REAL *y, int64_t n) {
  if (act == RELU)
    for (int64_t i = 0; i < n; i++) y[i] = y[i] < 0 ? 0 : y[i]; /* NaN stays NaN */
  else if (act == LEAKY_RELU)
    for (int64_t i = 0; i < n; i++) y[i] = y[i] > 0 ? y[i] : y[i] * (REAL)slope;
  else if (act == SOFTSIGN)
    for (int64_t i = 0; i < n; i++) y[i] = y[i] / (1 + (y[i] < 0 ? -y[i] : y[i]));
  else if (act == TANH)
    for (int64_t i = 0; i < n; i++) y[i] = tangent(y[i]);
  else
    for (int64_t i = 0; i < n; i++) y[i] = 1 / (1 + power(-y[i]));
}

/* d times the slope of the activation where it gave y */
static inline void act_back(int64_t act, double slope, const REAL *y, REAL *d, int64_t n) {
  if (act == RELU)
    for (int64_t i = 0; i < n; i++) d[i] = y[i] > 0 ? d[i] : 0;
  else if (act == LEAKY_RELU)
    for (int64_t i = 0; i < n; i++) d[i] = y[i] > 0 ? d[i] : d[i] * (REAL)slope;
  else if (act == SOFTSIGN)
    for (int64_t i = 0; i < n; i++) {
      REAL rest = 1 - (y[i] < 0 ? -y[i] : y[i]);
      d[i] *= rest * rest;
    }
  else if (act == TANH)
    for (int64_t i = 0; i < n; i++) d[i] *= 1 - y[i] * y[i];
  else
    for (int64_t i = 0; i < n; i++) d[i] *= y[i] * (1 - y[i]);
}

/* Parts of a chain, in chain.c */
void lotterylab_forward(const Chain *c, int64_t k);
void lotterylab_backward(const Chain *c, int64_t k);
double lotterylab_compare(const Chain *c, const int64_t *label, int64_t images, int64_t batch, int64_t *hits);
void lotterylab_update(const Chain *c, const Rule *rule, double lr, int64_t updates);

#endif
