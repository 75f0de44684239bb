// An LSTM over rows of items, such as the tokens of sentences, whose gate inputs are rows of a
// table.

#include <stdlib.h>
#include <string.h>

#include "kernels.h"

struct scratch {
    float *hidden[2], *cell, *sums;
    struct sums inputs;
    const float **ahead;
};

static void divide(
    struct arena *arena, int64_t rows, int units, int lanes, struct scratch *scratch) {
    const size_t state = (size_t)rows * units * sizeof(float);
    scratch->hidden[0] = dnatag_take(arena, state);
    scratch->hidden[1] = dnatag_take(arena, state);
    scratch->cell = dnatag_take(arena, state);
    scratch->sums = dnatag_take(arena, 8 * lanes * rows * sizeof(float));
    scratch->inputs.most = 1;
    scratch->inputs.terms = dnatag_take(arena, rows * sizeof(struct term));
    scratch->inputs.count = dnatag_take(arena, rows * sizeof(int64_t));
    scratch->ahead = dnatag_take(arena, rows * sizeof *scratch->ahead);
}

// Run an LSTM.
//
// Row r is the items from offset[r] on, length[r] of them; lengths do not increase. Item i enters
// the gates as row item[i] of `table`, whose rows are 4 * units floats, ordered as in `struct
// step`. It is read backwards if `backward`. The hidden state at item i is written to `out` + i *
// out_stride, `hidden` floats; with `last` only that at the end of row r, to out + r * out_stride.
// Of rows without items nothing is written. Returns -1 if there is no memory.
int dnatag_lstm(
    int set, int hidden, int units, const float *weights, int64_t rows, const int64_t *offset,
    const int32_t *length, const int32_t *item, const float *table, int backward, int last,
    float *out, int64_t out_stride) {
    const struct kernels *kernels = dnatag_kernels(set);
    const int64_t whole = (rows + kernels->rows - 1) / kernels->rows * kernels->rows;
    struct scratch s;
    struct arena arena = {NULL, 0};
    divide(&arena, whole, units, kernels->lanes, &s);
    char *memory = calloc(arena.used + 64, 1);
    if (!memory) return -1;
    arena = (struct arena){memory + (64 - (uintptr_t)memory % 64), 0};
    divide(&arena, whole, units, kernels->lanes, &s);

    const int64_t width = 4 * (int64_t)units, block = kernels->rows;
    int64_t active = rows;
    for (int64_t r = 0; r < whole; r++) s.ahead[r] = table;
    for (int32_t t = 0; rows && t < length[0]; t++) {
        while (length[active - 1] <= t) active--;
        for (int64_t r = 0; r < active; r++) {
            const int64_t at = offset[r] + (backward ? length[r] - 1 - t : t);
            s.inputs.terms[r] = (struct term){table + item[at] * width, 1.0f};
            s.inputs.count[r] = 1;
            if (t + 1 < length[r]) s.ahead[r] = table + item[at + (backward ? -1 : 1)] * width;
        }
        // Rows that fill up the last block have no input, those that are done the one they had;
        // nobody looks at them.
        float *after = s.hidden[(t + 1) & 1];
        const struct step step = {
            .rows = (active + block - 1) / block * block,
            .hidden = hidden,
            .units = units,
            .weights = weights,
            .inputs = &s.inputs,
            .sums = s.sums,
            .before = s.hidden[t & 1],
            .after = after,
            .cell = s.cell,
            .ahead = s.ahead,
            .n_ahead = 1,
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
