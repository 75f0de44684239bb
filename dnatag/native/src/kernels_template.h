// Kernels over vectors, included once for each instruction set.
//
// Before: LANES, ROWS (of a block, so that ROWS * 4 sums stay in registers), TARGET (an
// attribute), NAME(f), SPLAT(x), FMA(a, b, c) = a * b + c, MIN(a, b), MAX(a, b).

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

// Gates of a block of units to its new cells and hidden states.
TARGET static inline void NAME(gate)(
    V input, V forget, V update, V output, float *cell, float *hidden) {
    const V one = SPLAT(1.0f);
    const V i = one + NAME(exponential)(input, -1.0f);
    const V f = one + NAME(exponential)(forget, -1.0f);
    const V u = NAME(exponential)(update, -2.0f);
    const V o = one + NAME(exponential)(output, -1.0f);
    // cell / f + (1 - u) / ((1 + u) * i) over one denominator: division is slow.
    const V iu = FMA(u, i, i);
    const V c = FMA(LOAD(cell), iu, (one - u) * f) / (iu * f);
    const V e = NAME(exponential)(c, -2.0f);
    STORE(cell, c);
    STORE(hidden, (one - e) / FMA(e, o, o));
}

TARGET static void NAME(step)(const struct step *s) {
    const int hidden = s->hidden, most = s->inputs->most;
    const int64_t units = s->units;
    for (int64_t block = 0; block < units; block += LANES) {
        const float *weights = s->weights + block * hidden * 4;
        for (int64_t row = 0; row < s->rows; row += ROWS) {
            V a[ROWS][4];
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) {
                const struct term *term = s->inputs->terms + (row + r) * most;
                const struct term *end = term + s->inputs->count[row + r];
                V a0 = SPLAT(0.0f), a1 = a0, a2 = a0, a3 = a0;
                for (; term < end; term++) {
                    const V scale = SPLAT(term->scale);
                    const float *t = term->row + block * 4;
                    a0 = FMA(scale, LOAD(t), a0);
                    a1 = FMA(scale, LOAD(t + LANES), a1);
                    a2 = FMA(scale, LOAD(t + 2 * LANES), a2);
                    a3 = FMA(scale, LOAD(t + 3 * LANES), a3);
                }
                a[r][0] = a0, a[r][1] = a1, a[r][2] = a2, a[r][3] = a3;
            }
            if (s->next)
                for (int r = 0; r < ROWS; r++)
                    for (int i = 0; i < s->fetched && i < s->next->count[row + r]; i++) {
                        const float *t = s->next->terms[(row + r) * s->next->most + i].row;
                        for (int g = 0; g < 4 * LANES; g += 16)
                            __builtin_prefetch(t + block * 4 + g, 0, 2);
                    }
            const float *h = s->before + row * units, *w = weights;
            for (int k = 0; k < hidden; k++, w += 4 * LANES) {
                V x[ROWS];
#pragma GCC unroll 8
                for (int r = 0; r < ROWS; r++) x[r] = SPLAT(h[r * units + k]);
#pragma GCC unroll 4
                for (int g = 0; g < 4; g++) {
                    V y = LOAD(w + g * LANES);
                    IN_REGISTER(y);
#pragma GCC unroll 8
                    for (int r = 0; r < ROWS; r++) a[r][g] = FMA(x[r], y, a[r][g]);
                }
            }
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) {
                const int64_t at = (row + r) * units + block;
                NAME(gate)(a[r][0], a[r][1], a[r][2], a[r][3], s->cell + at, s->after + at);
            }
        }
    }
}

// A panel of up to four vectors for a block of rows; the number of vectors is a constant.
TARGET static inline __attribute__((always_inline)) void NAME(panel)(
    const int vectors, int64_t rows, int inner, const float *a, int64_t a_stride,
    const float *weights, float *c, int64_t c_stride) {
    for (int64_t row = 0; row < rows; row += ROWS) {
        // The last block reads its last row again for those that are missing.
        const float *from[ROWS];
        V sum[ROWS][4];
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) {
            const int64_t own = row + r < rows ? row + r : rows - 1;
            from[r] = a + own * a_stride;
            for (int v = 0; v < vectors; v++) sum[r][v] = LOAD(c + own * c_stride + v * LANES);
        }
        const float *w = weights;
        for (int k = 0; k < inner; k++, w += vectors * LANES) {
            V x[ROWS];
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) x[r] = SPLAT(from[r][k]);
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
            if (row + r < rows)
                for (int v = 0; v < vectors; v++)
                    STORE(c + (row + r) * c_stride + v * LANES, sum[r][v]);
    }
}

TARGET static void NAME(product)(
    int64_t rows, int inner, int columns, const float *a, int64_t a_stride, const float *weights,
    float *c, int64_t c_stride) {
    for (int done = 0; done < columns; done += 4 * LANES) {
        const float *w = weights + (int64_t)done * inner;
        switch ((columns - done) / LANES) {
        case 1: NAME(panel)(1, rows, inner, a, a_stride, w, c + done, c_stride); break;
        case 2: NAME(panel)(2, rows, inner, a, a_stride, w, c + done, c_stride); break;
        case 3: NAME(panel)(3, rows, inner, a, a_stride, w, c + done, c_stride); break;
        default: NAME(panel)(4, rows, inner, a, a_stride, w, c + done, c_stride);
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
