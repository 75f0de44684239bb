// Scores of the sites of a network of k-mers, of what was seen there and of the features.

#include "kmer.h"

#include <stdlib.h>
#include <string.h>

// Sites that are worked on at once, so that what is between the layers stays in the fastest cache.
enum { SITES = 24 };

static void rectify(float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

static void fill_rows(float *x, int64_t rows, const float *row, int64_t columns) {
    for (int64_t i = 0; i < rows; i++) memcpy(x + i * columns, row, columns * sizeof *x);
}

// `back` (n): whether a site is on the reverse strand, `seen` (n, site_hidden), `features`
// (n, features) as the forward strand has them; `out` (n). Returns -1 if there is no memory.
int dnatag_score_sites(
    const struct kmer_network *net, int64_t n, const uint8_t *back, const float *seen,
    const float *features, float *out) {
    const struct kernels *kernels = dnatag_kernels(net->set);
    const int64_t columns = net->site_columns, hidden = net->site_hidden, lanes = kernels->lanes;
    float *own = calloc(SITES * (net->features + 2 * columns + lanes), sizeof *own);
    if (!own) return -1;
    float *x = own + SITES * net->features, *y = x + SITES * columns, *z = y + SITES * columns;
    for (int64_t first = 0; first < n; first += SITES) {
        const int64_t rows = n - first < SITES ? n - first : SITES;
        for (int64_t i = 0; i < rows; i++) {
            const float *of_site = features + (first + i) * net->features;
            for (int f = 0; f < net->features; f++)
                own[i * net->features + f] = of_site[back[first + i] ? net->turned[f] : f];
            memcpy(x + i * columns, seen + (first + i) * hidden, hidden * sizeof *x);
        }
        kernels->product(
            rows, net->features, columns, own, net->features, net->score_features, x, columns);
        rectify(x, rows * columns);
        fill_rows(y, rows, net->score_bias, columns);
        kernels->product(rows, hidden, columns, x, columns, net->score, y, columns);
        rectify(y, rows * columns);
        fill_rows(z, rows, net->last_bias, lanes);
        kernels->product(rows, hidden, lanes, y, columns, net->last, z, lanes);
        for (int64_t i = 0; i < rows; i++) out[first + i] = z[i * lanes];
    }
    free(own);
    return 0;
}
