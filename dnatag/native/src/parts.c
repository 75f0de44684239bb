// Parts of tokens, such as the letters of words, seen by filters over three neighbours.

#include <math.h>
#include <stdint.h>

// Fill `out`, (tokens, filters), with tanh of the largest of each filter, zeros for a token
// without parts. `parts`, (tokens, width), are symbols, 0 behind the last one of a token. `table`,
// (3, symbols, filters), is what a symbol before, at and behind a part adds to `bias`.
void dnatag_filters(
    int64_t tokens, int64_t width, const int32_t *parts, int64_t symbols, int64_t filters,
    const float *table, const float *bias, float *out) {
    const float *before = table, *at = table + symbols * filters, *behind = at + symbols * filters;
    for (; tokens-- > 0; parts += width, out += filters) {
        int64_t length = 0;
        while (length < width && parts[length]) length++;
        for (int64_t f = 0; f < filters; f++) out[f] = length ? -INFINITY : 0.0f;
        for (int64_t t = 0; t < length; t++) {
            const float *x = at + parts[t] * filters;
            const float *left = before + (t ? parts[t - 1] : 0) * filters;
            const float *right = behind + (t + 1 < length ? parts[t + 1] : 0) * filters;
            for (int64_t f = 0; f < filters; f++) {
                const float y = bias[f] + left[f] + x[f] + right[f];
                out[f] = y > out[f] ? y : out[f];
            }
        }
        for (int64_t f = 0; f < filters; f++) out[f] = tanhf(out[f]);
    }
}
