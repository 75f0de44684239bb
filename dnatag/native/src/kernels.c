// The kernels of each instruction set, and which of them this machine has.

#include "kernels.h"

#include <stdlib.h>

// 2^x for |x| <= 1/2 is 1 + x * (EXP2_1 + x * (EXP2_2 + ...)), to 1e-7 of it.
#define EXP2_1 6.931469776e-01f
#define EXP2_2 2.402224209e-01f
#define EXP2_3 5.550733743e-02f
#define EXP2_4 9.671512640e-03f
#define EXP2_5 1.326472720e-03f

#if defined(__x86_64__)
#include <immintrin.h>

#define LANES 16
#define ROWS 6
#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
#define NAME(f) f##_avx512
#define SPLAT(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define MIN(a, b) _mm512_min_ps(a, b)
#define MAX(a, b) _mm512_max_ps(a, b)
#define IN_REGISTER(x) __asm__("" : "+v"(x))
#include "kernels_template.h"

#define LANES 8
#define ROWS 3
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(f) f##_avx2
#define SPLAT(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define MIN(a, b) _mm256_min_ps(a, b)
#define MAX(a, b) _mm256_max_ps(a, b)
#define IN_REGISTER(x) __asm__("" : "+x"(x))
#include "kernels_template.h"

#elif defined(__aarch64__)
#include <arm_neon.h>

#define LANES 4
#define ROWS 6
#define TARGET
#define NAME(f) f##_neon
#define SPLAT(x) vdupq_n_f32(x)
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define MIN(a, b) vminq_f32(a, b)
#define MAX(a, b) vmaxq_f32(a, b)
#define IN_REGISTER(x)
#include "kernels_template.h"
#endif

#define LANES 4
#define ROWS 3
#define TARGET
#define NAME(f) f##_portable
#define SPLAT(x) ((V){(x), (x), (x), (x)})
#define FMA(a, b, c) ((a) * (b) + (c))
#define CHOOSE(where, a, b) ((V)(((where) & (I)(a)) | (~(where) & (I)(b))))
#define MIN(a, b) CHOOSE((a) < (b), a, b)
#define MAX(a, b) CHOOSE((a) > (b), a, b)
#define IN_REGISTER(x)
#include "kernels_template.h"

static const struct kernels SETS[] = {
#if defined(__x86_64__)
    {"avx512", 16, 6, step_avx512, back_avx512, sum_avx512, product_avx512},
    {"avx2", 8, 3, step_avx2, back_avx2, sum_avx2, product_avx2},
#elif defined(__aarch64__)
    {"neon", 4, 6, step_neon, back_neon, sum_neon, product_neon},
#endif
    {"portable", 4, 3, step_portable, back_portable, sum_portable, product_portable},
};
enum { N_SETS = sizeof SETS / sizeof *SETS };

const struct kernels *dnatag_kernels(int number) {
    return number >= 0 && number < N_SETS ? SETS + number : NULL;
}

// Name of a set, NULL beyond the last one.
const char *dnatag_instructions(int number) {
    const struct kernels *kernels = dnatag_kernels(number);
    return kernels ? kernels->name : NULL;
}

// Lanes of a set of this machine; 0 if it has none of this number.
int dnatag_lanes(int number) {
    const struct kernels *kernels = dnatag_kernels(number);
    if (!kernels) return 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (kernels->lanes == 16 && !(avx2 && avx512)) return 0;
    if (kernels->lanes == 8 && !avx2) return 0;
#endif
    return kernels->lanes;
}

// See `struct kernels`.
void dnatag_product(
    int set, int64_t rows, int64_t inner, int64_t columns, const float *a, const float *weights,
    float *c) {
    dnatag_kernels(set)->product(rows, inner, columns, a, inner, weights, c, columns);
}

void *dnatag_take(struct arena *arena, size_t bytes) {
    void *place = arena->base ? arena->base + arena->used : NULL;
    arena->used += (bytes + 63) / 64 * 64;
    return place;
}
