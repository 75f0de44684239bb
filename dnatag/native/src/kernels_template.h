// Kernels over vectors, included once for each instruction set.
//
// Before: LANES, ROWS (of a block, so that 4 * ROWS sums stay in registers), TARGET (an attribute),
// NAME(f), SPLAT(x), FMA(a, b, c) = a * b + c, MIN(a, b), MAX(a, b), IN_REGISTER(x), so that x is
// not read from memory again for each use.

typedef float NAME(V) __attribute__((vector_size(4 * LANES)));
typedef float NAME(Loose) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t NAME(I) __attribute__((vector_size(4 * LANES)));

#define V NAME(V)
#define I NAME(I)
#define LOAD(p) ((V) * (const NAME(Loose) *)(p))
#define STORE(p, x) (*(NAME(Loose) *)(p) = (x))

// exp(scale * x) for a scale of -1 or -2, to 2e-7 of it; exponents are held within +-28, where
// sigmoid and tanh are done and products of three exponentials still fit.
TARGET static inline V NAME(exponential)(V x, float scale) {
    // Adding 1.5 * 2^23 rounds to an integer, which is then in the low bits.
    const V shifter = SPLAT(12582912.0f), bound = SPLAT(28.0f * 1.44269504f);
    V y = x * SPLAT(scale * 1.44269504f);
    y = MIN(MAX(y, -bound), bound);
    const V shifted = y + shifter;
    const V f = y - (shifted - shifter);
    V p = SPLAT(EXP2_5);
    p = FMA(p, f, SPLAT(EXP2_4));
    p = FMA(p, f, SPLAT(EXP2_3));
    p = FMA(p, f, SPLAT(EXP2_2));
    p = FMA(p, f, SPLAT(EXP2_1));
    p = FMA(p, f, SPLAT(1.0f));
    return (V)((I)p + ((I)shifted << 23));
}

// Gates of a block of units of ROWS rows to new cells and hidden states, one after the other for
// all rows, so that no row waits for its own results.
TARGET static inline void NAME(gate)(
    const float *gates, int64_t stride, int64_t units, float *cell, float *hidden) {
    const V one = SPLAT(1.0f);
    V i[ROWS], f[ROWS], u[ROWS], c[ROWS];
    for (int r = 0; r < ROWS; r++) {
        i[r] = one + NAME(exponential)(LOAD(gates + r * stride), -1.0f);
        f[r] = one + NAME(exponential)(LOAD(gates + r * stride + LANES), -1.0f);
        u[r] = NAME(exponential)(LOAD(gates + r * stride + 2 * LANES), -2.0f);
    }
    for (int r = 0; r < ROWS; r++) {
        // cell / f + (1 - u) / ((1 + u) * i) over one denominator: division is slow.
        const V iu = FMA(u[r], i[r], i[r]);
        c[r] = FMA(LOAD(cell + r * units), iu, (one - u[r]) * f[r]) / (iu * f[r]);
        STORE(cell + r * units, c[r]);
    }
    for (int r = 0; r < ROWS; r++) {
        const V o = one + NAME(exponential)(LOAD(gates + r * stride + 3 * LANES), -1.0f);
        const V e = NAME(exponential)(c[r], -2.0f);
        STORE(hidden + r * units, (one - e) / FMA(e, o, o));
    }
}

TARGET static inline V NAME(sigmoid)(V x) {
    return SPLAT(1.0f) / (SPLAT(1.0f) + NAME(exponential)(x, -1.0f));
}

TARGET static inline V NAME(tanh)(V x) {
    const V e = NAME(exponential)(x, -2.0f);
    return (SPLAT(1.0f) - e) / (SPLAT(1.0f) + e);
}

// The same for one row whose gates are kept.
TARGET static inline void NAME(kept_gate)(
    const float *gates, float *cell, float *kept, float *hidden) {
    const V i = NAME(sigmoid)(LOAD(gates)), f = NAME(sigmoid)(LOAD(gates + LANES));
    const V u = NAME(tanh)(LOAD(gates + 2 * LANES)), o = NAME(sigmoid)(LOAD(gates + 3 * LANES));
    const V c = FMA(f, LOAD(cell), i * u);
    STORE(kept, i);
    STORE(kept + LANES, f);
    STORE(kept + 2 * LANES, u);
    STORE(kept + 3 * LANES, o);
    STORE(cell, c);
    STORE(hidden, o * NAME(tanh)(c));
}

TARGET static void NAME(back)(const struct back *s) {
    const V one = SPLAT(1.0f);
    for (int64_t unit = 0; unit < s->units; unit += LANES) {
        const float *gates = s->gates + 4 * unit;
        float *grad = s->grad + 4 * unit;
        const V i = LOAD(gates), f = LOAD(gates + LANES), u = LOAD(gates + 2 * LANES);
        const V o = LOAD(gates + 3 * LANES), h = LOAD(s->grad_hidden + unit);
        const V t = NAME(tanh)(LOAD(s->cell + unit));
        const V c = FMA(h * o, one - t * t, LOAD(s->grad_cell + unit));
        STORE(grad, c * u * i * (one - i));
        STORE(grad + LANES, c * LOAD(s->before + unit) * f * (one - f));
        STORE(grad + 2 * LANES, c * i * (one - u * u));
        STORE(grad + 3 * LANES, h * t * o * (one - o));
        STORE(s->grad_cell + unit, c * f);
    }
}

// A block of rows times a panel of weights of a constant number of vectors, added to `in`.
TARGET static inline __attribute__((always_inline)) void NAME(multiply)(
    const int vectors, int64_t inner, const float *const *a, const float *w,
    const float *const *in, float *const *out) {
    V sum[ROWS][4];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sum[r][v] = LOAD(in[r] + v * LANES);
    for (int64_t k = 0; k < inner; k++, w += vectors * LANES) {
        V x[ROWS];
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) x[r] = SPLAT(a[r][k]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            V y = LOAD(w + v * LANES);
            IN_REGISTER(y);
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) sum[r][v] = FMA(x[r], y, sum[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) STORE(out[r] + v * LANES, sum[r][v]);
}

// Each by itself, so that nothing else takes up registers.
#define MULTIPLY(f, vectors)                                                              \
    TARGET static __attribute__((noinline)) void NAME(f)(                                 \
        int64_t inner, const float *const *a, const float *w, const float *const *in,     \
        float *const *out) {                                                              \
        NAME(multiply)(vectors, inner, a, w, in, out);                                    \
    }
MULTIPLY(multiply1, 1)
MULTIPLY(multiply2, 2)
MULTIPLY(multiply3, 3)
MULTIPLY(multiply4, 4)
#undef MULTIPLY

// Sums of a constant number of vectors at column `at`, for all rows.
TARGET static inline __attribute__((always_inline)) void NAME(sum_part)(
    const int vectors, const int64_t n_plain, int64_t rows, const struct sums *sums, int64_t at,
    float *out, int64_t stride) {
    for (int64_t row = 0; row < rows; row++, out += stride) {
        const float *const *plain = sums->plain + row * n_plain;
        V a[8];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) a[v] = LOAD(plain[0] + at + v * LANES);
#pragma GCC unroll 4
        for (int64_t i = 1; i < n_plain; i++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) a[v] += LOAD(plain[i] + at + v * LANES);
        const struct term *term = sums->terms + row * sums->most;
        const struct term *end = term + (sums->most ? sums->count[row] : 0);
        for (; term < end; term++) {
            const V scale = SPLAT(term->scale);
            const float *from = term->row + at;
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) a[v] = FMA(scale, LOAD(from + v * LANES), a[v]);
        }
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) STORE(out + v * LANES, a[v]);
    }
}

// The same, with its loops unrolled for the numbers of plain rows that there are.
TARGET static inline __attribute__((always_inline)) void NAME(sum_columns)(
    const int vectors, int64_t rows, const struct sums *sums, int64_t at, float *out,
    int64_t stride) {
    switch (sums->n_plain) {
    case 1: NAME(sum_part)(vectors, 1, rows, sums, at, out, stride); break;
    case 3: NAME(sum_part)(vectors, 3, rows, sums, at, out, stride); break;
    default: NAME(sum_part)(vectors, sums->n_plain, rows, sums, at, out, stride);
    }
}

TARGET static void NAME(sum)(
    int64_t rows, const struct sums *sums, int64_t first, int64_t columns, float *out,
    int64_t stride) {
    int64_t at = 0;
    for (; at + 2 * LANES <= columns; at += 2 * LANES)
        NAME(sum_columns)(2, rows, sums, first + at, out + at, stride);
    if (at < columns) NAME(sum_columns)(1, rows, sums, first + at, out + at, stride);
}

TARGET static void NAME(step)(const struct step *s) {
    const int64_t units = s->units, stride = 8 * LANES;
    for (int64_t block = 0; block < units; block += LANES) {
        // Inputs of two blocks at a time.
        const int64_t half = block / LANES % 2;
        float *sums = s->sums + half * 4 * LANES;
        if (half == 0 && block + LANES < units)
            NAME(sum_columns)(8, s->rows, s->inputs, block * 4, sums, stride);
        else if (half == 0)
            NAME(sum_columns)(4, s->rows, s->inputs, block * 4, sums, stride);
        // Fetched ahead are those two blocks further on, perhaps in the next step.
        const int last = block + 2 * LANES >= units;
        const struct sums *fetched = last && s->next ? s->next : s->inputs;
        const int64_t column = last ? half * 4 * LANES : (block + 2 * LANES) * 4;
        for (int64_t row = 0; row < s->rows; row += ROWS) {
            const float *before[ROWS];
            float *to[ROWS];
            for (int r = 0; r < ROWS; r++) {
                before[r] = s->before + (row + r) * units;
                to[r] = sums + (row + r) * stride;
            }
            const int64_t n_plain = s->next ? fetched->n_plain : 0;
            const float *const *plain = fetched->plain + row * n_plain;
            for (int64_t i = 0; i < ROWS * n_plain; i++)
#pragma GCC unroll 4
                for (int c = 0; c < 4 * LANES; c += 16)
                    __builtin_prefetch(plain[i] + column + c, 0, 2);
            const float *weights = s->weights + block * s->hidden * 4;
            NAME(multiply4)(s->hidden, before, weights, (const float *const *)to, to);
        }
        for (int64_t row = 0; s->kept && row < s->rows; row++) {
            const int64_t at = row * units + block;
            NAME(kept_gate)(
                sums + row * stride, s->cell + at, s->kept[row] + 4 * block, s->after + at);
        }
        for (int64_t row = 0; !s->kept && row < s->rows; row += ROWS) {
            const int64_t at = row * units + block;
            NAME(gate)(sums + row * stride, stride, units, s->cell + at, s->after + at);
        }
    }
}

TARGET static void NAME(product)(
    int64_t rows, int64_t inner, int64_t columns, const float *a, int64_t a_stride,
    const float *weights, float *c, int64_t c_stride) {
    const float *from[ROWS];
    float *to[ROWS];
    for (int64_t column = 0; column < columns; column += 4 * LANES) {
        const int64_t left = (columns - column) / LANES, vectors = left < 4 ? left : 4;
        // So much of a panel at a time stays in the fastest cache for all rows.
        for (int64_t k = 0, n; k < inner; k += n, weights += n * vectors * LANES) {
            n = inner - k < 1024 / LANES ? inner - k : 1024 / LANES;
            for (int64_t row = 0; row < rows; row += ROWS) {
                // The last block does its last row again for those that are missing.
                for (int r = 0; r < ROWS; r++) {
                    const int64_t own = row + r < rows ? row + r : rows - 1;
                    from[r] = a + own * a_stride + k;
                    to[r] = c + own * c_stride + column;
                }
                const float *const *in = (const float *const *)to;
                switch (vectors) {
                case 1: NAME(multiply1)(n, from, weights, in, to); break;
                case 2: NAME(multiply2)(n, from, weights, in, to); break;
                case 3: NAME(multiply3)(n, from, weights, in, to); break;
                default: NAME(multiply4)(n, from, weights, in, to);
                }
            }
        }
    }
}

#undef V
#undef I
#undef LOAD
#undef STORE
#undef LANES
#undef ROWS
#undef TARGET
#undef NAME
#undef SPLAT
#undef FMA
#undef MIN
#undef MAX
#undef IN_REGISTER
