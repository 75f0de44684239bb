// An LSTM over rows of items, such as the tokens of sentences, whose gate inputs are rows of a
// table.

#include <stdlib.h>
#include <string.h>

#include "kernels.h"

struct scratch {
    float *hidden[2], *cell, *sums;
    struct sums inputs[2];  // of this step and the next
};

static void divide(
    struct arena *arena, int64_t rows, int units, int lanes, struct scratch *scratch) {
    const size_t state = (size_t)rows * units * sizeof(float);
    scratch->hidden[0] = dnatag_take(arena, state);
    scratch->hidden[1] = dnatag_take(arena, state);
    scratch->cell = dnatag_take(arena, state);
    scratch->sums = dnatag_take(arena, 8 * lanes * rows * sizeof(float));
    for (int i = 0; i < 2; i++) {
        scratch->inputs[i] = (struct sums){.n_plain = 1};
        scratch->inputs[i].plain = dnatag_take(arena, rows * sizeof(float *));
    }
}

// Run an LSTM.
//
// Row r is the items from offset[r] on, length[r] of them; lengths do not increase. Item i enters
// the gates as row item[i] of `table`, 4 * units floats in the order of `struct step`, rows
// `table_stride` apart. It is read backwards if `backward`. The hidden state at item i is written to `out` + i *
// out_stride, `hidden` floats; with `last` only that at the end of row r, to out + r * out_stride.
// Of rows without items nothing is written. Returns -1 if there is no memory.
int dnatag_lstm(
    int set, int hidden, int units, const float *weights, int64_t rows, const int64_t *offset,
    const int32_t *length, const int32_t *item, const float *table, int64_t table_stride,
    int backward, int last, float *out, int64_t out_stride) {
    const struct kernels *kernels = dnatag_kernels(set);
    const int64_t whole = (rows + kernels->rows - 1) / kernels->rows * kernels->rows;
    struct scratch s;
    struct arena arena = {NULL, 0};
    divide(&arena, whole, units, kernels->lanes, &s);
    char *memory = calloc(arena.used + 64, 1);
    if (!memory) return -1;
    arena = (struct arena){memory + (64 - (uintptr_t)memory % 64), 0};
    divide(&arena, whole, units, kernels->lanes, &s);

    const int64_t block = kernels->rows;
    int64_t active = rows;
    // Rows that fill up the last block, or are done, go on with what input there is; nobody looks at
    // them.
    for (int i = 0; i < 2; i++)
        for (int64_t r = 0; r < whole; r++) s.inputs[i].plain[r] = table;
    for (int32_t t = -1; rows && t < length[0]; t++) {
        // Inputs one step ahead.
        struct sums *next = &s.inputs[(t + 1) & 1];
        for (int64_t r = 0; r < active; r++) {
            if (t + 1 >= length[r]) continue;
            const int64_t at = offset[r] + (backward ? length[r] - 2 - t : t + 1);
            next->plain[r] = table + item[at] * table_stride;
        }
        if (t < 0) continue;
        while (length[active - 1] <= t) active--;
        float *after = s.hidden[(t + 1) & 1];
        const struct step step = {
            .rows = (active + block - 1) / block * block,
            .hidden = hidden,
            .units = units,
            .weights = weights,
            .inputs = &s.inputs[t & 1],
            .sums = s.sums,
            .before = s.hidden[t & 1],
            .after = after,
            .cell = s.cell,
            .next = next,
        };
        kernels->step(&step);
        for (int64_t r = 0; r < active; r++) {
            const int64_t at = offset[r] + (backward ? length[r] - 1 - t : t);
            if (!last || t + 1 == length[r])
                memcpy(out + (last ? r : at) * out_stride, after + r * units,
                       hidden * sizeof(float));
        }
    }
    free(memory);
    return 0;
}
