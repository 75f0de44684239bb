// Kernels of the networks, one set for each instruction set.
//
// All arrays are float32. What a kernel does to one row does not depend on the other rows, nor on
// where among them it stands: results are the same for any batch.

#ifndef DNATAG_KERNELS_H
#define DNATAG_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// One term of a sum of table rows.
struct term {
    const float *row;
    float scale;
};

// For each row of a batch a sum of table rows: `n_plain` of them as they are, none of which may be
// NULL, and `count` terms of `most` places.
struct sums {
    const float **plain;  // (rows, n_plain)
    int64_t n_plain;
    struct term *terms;
    int64_t *count;
    int64_t most;
};

// One step of an LSTM for a batch of rows.
//
// Units are in blocks of as many as there are lanes, the last block filled up with units without
// weights. Gate columns are ordered (block, gate, unit in the block), gates input, forget, cell,
// output. `weights` are recurrent ones, (block, hidden, gate, unit in the block).
struct step {
    int64_t rows;  // a multiple of the set's
    int hidden, units;
    const float *weights;
    const struct sums *inputs;  // of 4 * units columns, what enters from outside
    float *sums;                // (rows, 8 * lanes), for their sums
    const float *before;        // (rows, units)
    float *after;               // (rows, units)
    float *cell;                // (rows, units), in place
    // Where the gates of each row are kept, 4 * units numbers each, if not NULL.
    float *const *kept;
    // Plain rows are fetched before they are needed, also those of the next step; NULL for neither.
    const struct sums *next;
};

// One step of an LSTM back, for one row: the gradient of what enters its gates.
struct back {
    int64_t units;
    const float *gates;          // (4 * units), kept
    const float *cell, *before;  // (units), of this step and the one before
    const float *grad_hidden;    // (units)
    float *grad_cell;            // (units), in place: of this step's, then of the one before
    float *grad;                 // (4 * units)
};

struct kernels {
    const char *name;
    int lanes;
    int rows;  // that are worked on at a time
    void (*step)(const struct step *step);
    void (*back)(const struct back *back);
    // out (rows, columns), rows `stride` apart, = sums of the columns from `first` on, a multiple of
    // the lanes.
    void (*sum)(
        int64_t rows, const struct sums *sums, int64_t first, int64_t columns, float *out,
        int64_t stride);
    // c += a times weights. a (rows, inner) and c (rows, columns) have rows `a_stride` and
    // `c_stride` apart; columns are a multiple of the lanes, in panels of up to four vectors:
    // weights are (panel, inner, columns of the panel).
    void (*product)(
        int64_t rows, int64_t inner, int64_t columns, const float *a, int64_t a_stride,
        const float *weights, float *c, int64_t c_stride);
};

// The set of a number, NULL beyond the last one. The best come first; only those that this
// machine has may be run.
const struct kernels *dnatag_kernels(int number);

// Memory for one call, divided by dnatag_take into places at multiples of 64 bytes. With NULL for
// its base the arena only counts, so that its size comes from the same code that divides it.
struct arena {
    char *base;
    size_t used;
};
void *dnatag_take(struct arena *arena, size_t bytes);

#endif
