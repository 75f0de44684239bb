// An LSTM in training: forward with all that its gradient needs, and backward. Rows are sequences of
// equal length; gate columns and recurrent weights are ordered as in `struct step`.

#include <stdlib.h>
#include <string.h>

#include "kernels.h"

// Fill `hidden`, (rows, steps, units), `cell`, the same, and `gates`, (rows, steps, 4 * units): what
// enters them is turned into what they are. Returns -1 if there is no memory.
int dnatag_lstm_forward(
    int set, int hidden_units, int units, const float *weights, int64_t rows, int64_t steps,
    float *gates, float *cell, float *hidden) {
    const struct kernels *kernels = dnatag_kernels(set);
    const int64_t block = kernels->rows, whole = (rows + block - 1) / block * block;
    const size_t state = (size_t)whole * units * sizeof(float);
    struct sums inputs = {.n_plain = 1};
    float *sums = NULL, *states[2] = {NULL, NULL}, *cells = NULL, *unused = NULL, **kept = NULL;
    char *memory = NULL;
    for (int pass = 0; pass < 2; pass++) {
        struct arena arena = {NULL, 0};
        if (pass) arena.base = memory + (64 - (uintptr_t)memory % 64);
        inputs.plain = dnatag_take(&arena, whole * sizeof *inputs.plain);
        sums = dnatag_take(&arena, whole * 8 * kernels->lanes * sizeof(float));
        states[0] = dnatag_take(&arena, state);
        states[1] = dnatag_take(&arena, state);
        cells = dnatag_take(&arena, state);
        unused = dnatag_take(&arena, 4 * units * sizeof(float));
        kept = dnatag_take(&arena, whole * sizeof *kept);
        if (pass == 0) memory = calloc(arena.used + 64, 1);
        if (!memory) return -1;
    }
    for (int64_t t = 0; t < steps; t++) {
        for (int64_t r = 0; r < whole; r++) {
            // Nobody looks at the rows that fill up the last block.
            kept[r] = r < rows ? gates + (r * steps + t) * 4 * units : unused;
            inputs.plain[r] = kept[r];
        }
        const struct step step = {
            .rows = whole,
            .hidden = hidden_units,
            .units = units,
            .weights = weights,
            .inputs = &inputs,
            .sums = sums,
            .before = states[t & 1],
            .after = states[(t + 1) & 1],
            .cell = cells,
            .kept = kept,
        };
        kernels->step(&step);
        for (int64_t r = 0; r < rows; r++) {
            memcpy(hidden + (r * steps + t) * units, step.after + r * units, units * sizeof(float));
            memcpy(cell + (r * steps + t) * units, cells + r * units, units * sizeof(float));
        }
    }
    free(memory);
    return 0;
}

// Turn gates that were kept into gradients of what entered them, for the gradient of all hidden
// states, which is used up. `weights` are recurrent ones packed as in `product`, (4 * units, units).
// Returns -1 if there is no memory.
int dnatag_lstm_backward(
    int set, int units, const float *weights, int64_t rows, int64_t steps, float *gates,
    const float *cell, float *grad_hidden) {
    const struct kernels *kernels = dnatag_kernels(set);
    float *grad_cell = calloc((size_t)(rows + 1) * units, sizeof *grad_cell);
    if (!grad_cell) return -1;
    const float *zeros = grad_cell + rows * units;
    for (int64_t t = steps - 1; t >= 0; t--) {
        for (int64_t r = 0; r < rows; r++) {
            const int64_t at = r * steps + t;
            float *own = gates + at * 4 * units;
            const struct back back = {
                .units = units,
                .gates = own,
                .cell = cell + at * units,
                .before = t ? cell + (at - 1) * units : zeros,
                .grad_hidden = grad_hidden + at * units,
                .grad_cell = grad_cell + r * units,
                .grad = own,
            };
            kernels->back(&back);
        }
        if (t)
            kernels->product(
                rows, 4 * units, units, gates + t * 4 * units, steps * 4 * units, weights,
                grad_hidden + (t - 1) * units, steps * units);
    }
    free(grad_cell);
    return 0;
}
