// Binning of contigs by their hexamers, see dnatag/native/binning.py.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bases.h"

enum { HEXAMERS = 4096 };

// The hexamers of a contig: of each pair of a hexamer and that of the other strand, which has the
// number of the lesser one, how often it occurs on a strand; and how often each on both strands.
// All are zeros but for those that are listed.
typedef struct {
    int32_t count[HEXAMERS], both[HEXAMERS];
    int16_t other[HEXAMERS];
    int16_t pairs[HEXAMERS];
    int64_t n;
} Counts;

static Counts *make_counts(void) {
    Counts *x = calloc(1, sizeof *x);
    for (int h = 0; x && h < HEXAMERS; h++)
        for (int i = 0; i < 6; i++) x->other[h] |= (int16_t)((3 - (h >> 2 * i & 3)) << 2 * (5 - i));
    return x;
}

static void count(Counts *x, const uint8_t *symbols, int64_t length) {
    int index = 0, clean = 0;
    for (int64_t t = 0; t < length; t++) {
        const int b = NUMBERS[0][symbols[t] & 15];
        index = (index << 2 | (b & 3)) & (HEXAMERS - 1);
        clean = b < 0 ? 0 : clean + 1;
        if (clean >= 6) x->count[index < x->other[index] ? index : x->other[index]]++;
    }
    // In order, so that sums do not depend on the strand.
    x->n = 0;
    for (int h = 0; h < HEXAMERS; h++) {
        if (!x->count[h]) continue;
        x->pairs[x->n++] = (int16_t)h;
        x->both[h] += x->count[h];
        x->both[x->other[h]] += x->count[h];
    }
}

static void clear(Counts *x) {
    for (int64_t i = 0; i < x->n; i++) {
        const int h = x->pairs[i];
        x->count[h] = x->both[h] = x->both[x->other[h]] = 0;
    }
}

static __attribute__((noinline)) void add_row(
    int64_t n, double times, const double *restrict row, double *restrict sums) {
    for (int64_t p = 0; p < n; p++) sums[p] += times * row[p];
}

// Logarithm of the probability by the Markov chain of `total` (4096) hexamers without the contig.
static double among_others(const Counts *x, const double *total) {
    // One logarithm of a product for many of shares.
    double logs = 0.0, above = 1.0, below = 1.0;
    uint8_t seen[HEXAMERS / 4] = {0};
    for (int64_t i = 0; i < 2 * x->n; i++) {
        const int first = (i % 2 ? x->other[x->pairs[i / 2]] : x->pairs[i / 2]) & ~3;
        if (seen[first / 4]) continue;
        seen[first / 4] = 1;
        const int32_t *own = x->both + first;
        double left[4];
        for (int b = 0; b < 4; b++) left[b] = total[first + b] - 0.5 * own[b];
        const double sum = left[0] + left[1] + left[2] + left[3];
        for (int b = 0; b < 4; b++) {
            if (own[b] > 2) {
                logs += own[b] * log(left[b] / sum);
            } else if (own[b] > 0) {
                above *= own[b] == 2 ? left[b] * left[b] : left[b];
                below *= own[b] == 2 ? sum * sum : sum;
            }
        }
        if (above > 1e-100 && above < 1e100 && below > 1e-100 && below < 1e100) continue;
        logs += log(above) - log(below);
        above = below = 1.0;
    }
    // Half of what is on both strands counts.
    return 0.5 * (logs + log(above) - log(below));
}

// `offsets` (n + 1) of contigs in `symbols`; `chains` (4096, P), whose rows count for a hexamer and
// its turned one together; `bins` (n), -1 for none; `totals` (P, 4096) of hexamers in the bins;
// `chosen` (n). Returns whether memory is lacking.
int dnatag_choose_bins(
    int64_t n, const int64_t *offsets, const uint8_t *symbols, int64_t n_bins, const double *chains,
    const int64_t *bins, const double *totals, int64_t *chosen) {
    double *likelihood = malloc((size_t)n_bins * sizeof *likelihood);
    Counts *x = make_counts();
    const int failed = !likelihood | !x;
    for (int64_t i = 0; i < n && !failed; i++) {
        count(x, symbols + offsets[i], offsets[i + 1] - offsets[i]);
        for (int64_t p = 0; p < n_bins; p++) likelihood[p] = 0.0;
        for (int64_t k = 0; k < x->n; k++) {
            const int pair = x->pairs[k];
            add_row(n_bins, x->count[pair], chains + n_bins * pair, likelihood);
        }
        if (bins[i] >= 0)
            likelihood[bins[i]] = among_others(x, totals + HEXAMERS * bins[i]);
        chosen[i] = 0;
        for (int64_t p = 1; p < n_bins; p++)
            if (likelihood[p] > likelihood[chosen[i]]) chosen[i] = p;
        clear(x);
    }
    free(likelihood);
    free(x);
    return failed;
}

// Take contigs out of the bins that they were in, -1 for none, and add them to others: `counted`
// (P, 4096). Returns whether memory is lacking.
int dnatag_move_contigs(
    int64_t n, const int64_t *offsets, const uint8_t *symbols, const int64_t *from,
    const int64_t *to, double *counted) {
    Counts *x = make_counts();
    for (int64_t i = 0; x && i < n; i++) {
        if (from[i] == to[i]) continue;
        count(x, symbols + offsets[i], offsets[i + 1] - offsets[i]);
        for (int64_t k = 0; k < 2 * x->n; k++) {
            const int pair = x->pairs[k / 2], hexamer = k % 2 ? x->other[pair] : pair;
            const double half = 0.5 * x->count[pair];
            if (from[i] >= 0) counted[HEXAMERS * from[i] + hexamer] -= half;
            counted[HEXAMERS * to[i] + hexamer] += half;
        }
        clear(x);
    }
    const int failed = !x;
    free(x);
    return failed;
}
