// Sums of rows of a table, and their gradient: what a product with one-hot vectors comes to.

#include <stdint.h>

// Write to each of n rows of `out` the sum of the `places` rows of `table` that its indices name.
void dnatag_sum_rows(
    int64_t n, int64_t places, int64_t columns, const float *table, const int64_t *index,
    float *out) {
    for (int64_t i = 0; i < n; i++, index += places, out += columns) {
        const float *first = table + index[0] * columns;
        for (int64_t c = 0; c < columns; c++) out[c] = first[c];
        for (int64_t p = 1; p < places; p++) {
            const float *from = table + index[p] * columns;
            for (int64_t c = 0; c < columns; c++) out[c] += from[c];
        }
    }
}

// Add each of n rows of `grad` to the rows of `table` that its indices name.
void dnatag_spread_rows(
    int64_t n, int64_t places, int64_t columns, const float *grad, const int64_t *index,
    float *table) {
    for (int64_t i = 0; i < n; i++, index += places, grad += columns)
        for (int64_t p = 0; p < places; p++) {
            float *to = table + index[p] * columns;
            for (int64_t c = 0; c < columns; c++) to[c] += grad[c];
        }
}
