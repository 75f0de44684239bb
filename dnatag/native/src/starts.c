// Evidence for the starts of genes, and for their lengths, put into the scores of the CRF.
// dnatag/native/starts.py describes the functions.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bases.h"

// Starts with evidence, and the scores of the bases of genes.
typedef struct {
    const float *scores, *own, *evidence; // (length, width), (starts), (starts)
    const uint8_t *flags;
    int64_t width;
    double scale;
    float *out;
    int32_t *site; // of each base the number of the start there, -1 for none
    int64_t *start; // those of a gene,
    double *odds;   // and their scores
} Rivals;

// Centre the evidence for the n starts of a gene.
static void centre_gene(const Rivals *x, int64_t n) {
    double highest = -INFINITY, sum = 0.0, more = 0.0;
    for (int64_t i = 0; i < n; i++) highest = x->odds[i] > highest ? x->odds[i] : highest;
    for (int64_t i = 0; i < n; i++) {
        const double odds = exp(x->odds[i] - highest);
        sum += odds;
        more += odds * exp(x->scale * x->evidence[x->start[i]]);
    }
    const double gain = log(more / sum) / x->scale;
    for (int64_t i = 0; i < n; i++)
        x->out[x->start[i]] = (float)(x->evidence[x->start[i]] - gain);
}

// The same for all genes of a frame, whose codons begin at base `t` and every third one on, of a
// stretch of which base `last` is the last; `columns` are of the three positions in a codon.
static void centre_frame(
    const Rivals *x, int64_t t, int64_t last, int way, uint8_t stop, const int32_t *columns) {
    const int64_t next = way * x->width;
    int64_t n = 0;
    double before = 0.0;
    for (; (last - t) * way >= 0; t += 3 * way) {
        // Up to what all starts of a gene share: the score from a start on is what lies before it.
        if (x->site[t] >= 0) {
            x->start[n] = x->site[t];
            x->odds[n++] = x->scale * (x->own[x->site[t]] - before);
        }
        if ((last - t) * way < 2) break;
        const float *scores = x->scores + t * x->width;
        before += scores[columns[0]] + scores[next + columns[1]] + scores[2 * next + columns[2]];
        if (n == 0 || !(x->flags[t + 2 * way] & stop)) continue;
        centre_gene(x, n);
        n = 0;
    }
    if (n) centre_gene(x, n);
}

// `bounds` (n_windows + 1) of the stretches in `flags` (length) and `scores` (length, width);
// `place`, `reverse`, `own`, `evidence` and `out` (n): first bases of starts, ...; `columns` (6).
// Returns whether memory is lacking.
int dnatag_centre_starts(
    int64_t n_windows, const int64_t *bounds, const uint8_t *flags, int64_t width,
    const float *scores, const int32_t *columns, int64_t n, const int64_t *place,
    const uint8_t *reverse, const float *own, const float *evidence, double scale, float *out) {
    const int64_t length = bounds[n_windows];
    Rivals x = {scores, own, evidence, flags, width, scale, out, NULL, NULL, NULL};
    x.site = malloc((size_t)(length + 1) * sizeof *x.site);
    x.start = malloc((size_t)(n + 1) * sizeof *x.start);
    x.odds = malloc((size_t)(n + 1) * sizeof *x.odds);
    const int failed = !x.site | !x.start | !x.odds;
    for (int back = 0; back < 2 && !failed; back++) {
        memset(x.site, -1, (size_t)length * sizeof *x.site);
        for (int64_t i = 0; i < n; i++)
            if (reverse[i] == back) x.site[place[i]] = (int32_t)i;
        const uint8_t stop = back ? STOP_REVERSE : STOP;
        for (int64_t w = 0; w < n_windows; w++)
            for (int frame = 0; frame < 3; frame++) {
                const int64_t low = bounds[w], high = bounds[w + 1] - 1;
                centre_frame(
                    &x, back ? high - frame : low + frame, back ? low : high, back ? -1 : 1, stop,
                    columns + 3 * back);
            }
    }
    free(x.site);
    free(x.start);
    free(x.odds);
    return failed;
}

// One strand of a row of scores, read against its direction, from its last base `last`: see
// dnatag_score_lengths.
static void score_strand(
    int64_t length, const uint8_t *flags, int start, int stop, int64_t last, int64_t way, int open,
    int64_t most, const float *by_length, const int32_t *columns, int64_t width, float *scores) {
    int64_t ends[3] = {0, 0, 0};
    for (int64_t i = 0, t = last; i < length; i++, t -= way) {
        if (flags[t] & stop) ends[i % 3] = i;
        if (!(flags[t] & start)) continue;
        const int64_t size = i - ends[(i + 1) % 3] + 1;
        scores[t * width + columns[3]] += by_length[size < most ? size : most];
    }
    for (int i = 0; open && length && i < 3; i++) {
        // Genes without a start, whose first base is the last that was read.
        const int64_t size = length - ends[i], phase = (length - i + 3) % 3;
        float *first = scores + (last - way * (length - 1)) * width;
        first[columns[(3 - phase) % 3]] += by_length[size < most ? size : most];
    }
}

// Of some rows of `flags` (rows, positions) and `scores` (rows, positions, width): scale the scores,
// and add what the length of a gene gives, `by_length` (most + 1), at its start; where the row is
// open at its begin or end also at the first base of genes that run off it. `columns` (8): of the
// frames and starts of the forward, then the reverse strand.
void dnatag_score_lengths(
    int64_t n, const int64_t *rows, int64_t positions, const int64_t *lengths,
    const uint8_t *begins, const uint8_t *ends, double scale, int64_t most, const float *by_length,
    const int32_t *columns, int64_t width, const uint8_t *flags, float *scores) {
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = rows[i], length = lengths[row];
        const uint8_t *own_flags = flags + row * positions;
        float *own = scores + row * positions * width;
        for (int64_t at = 0; at < length * width; at++) own[at] *= (float)scale;
        score_strand(length, own_flags, START, STOP, length - 1, 1, begins[row], most, by_length,
                     columns, width, own);
        score_strand(length, own_flags, START_REVERSE, STOP_REVERSE, 0, -1, ends[row], most,
                     by_length, columns + 4, width, own);
    }
}
