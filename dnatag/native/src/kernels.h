// Kernels of the networks, one set for each instruction set.
//
// All arrays are float32. What a kernel does to one row does not depend on the other rows, nor on
// where among them it stands: results are the same for any batch.

#ifndef DNATAG_KERNELS_H
#define DNATAG_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// Most lanes and rows per block of any set.
enum { MOST_LANES = 16, MOST_ROWS = 6 };

// One term of a sum of table rows.
struct term {
    const float *row;
    float scale;
};

// For each row of a batch a sum of table rows: `most` places of `terms` for each row, of which
// `count` are used.
struct sums {
    struct term *terms;
    int32_t *count;
    int most;
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
    const struct sums *inputs;
    const struct sums *next;  // of the next step: fetched ahead if not NULL
    int fetched;              // so many terms of each row
    const float *before;      // (rows, units)
    float *after;             // (rows, units)
    float *cell;              // (rows, units), in place
};

struct kernels {
    const char *name;
    int lanes;
    int rows;  // that are worked on at a time
    void (*step)(const struct step *step);
    // c += a times weights. a (rows, inner) and c (rows, columns) have rows `a_stride` and
    // `c_stride` apart; columns are a multiple of the lanes, in panels of up to four vectors:
    // weights are (panel, inner, columns of the panel).
    void (*product)(
        int64_t rows, int inner, int columns, const float *a, int64_t a_stride,
        const float *weights, float *c, int64_t c_stride);
};

// The set of a number, NULL beyond the last one. The best come first; only those that this
// machine has may be run.
const struct kernels *dnatag_kernels(int number);

// `count` floats at a multiple of 64 bytes, all zero, and moves `arena` behind them; with NULL for
// the arena's base it counts what is needed. The size of an arena thus comes from the same code
// that divides it.
struct arena {
    char *base;
    size_t used;
};
void *dnatag_take(struct arena *arena, size_t bytes);

#endif
