// The CRF: log partitions with gradients, and marginals.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The posteriors of one sequence on the way back, two by turns.
typedef struct {
    double *p, *past, *turned; // (S + 1), the last for what leads nowhere
} Posteriors;

static int posteriors_new(Posteriors *x, const Grammar *g) {
    size_t size = (size_t)(g->n_states + 1) * sizeof(double);
    x->p = malloc(size);
    x->past = malloc(size);
    x->turned = malloc(size);
    return x->p && x->past && x->turned;
}

static void posteriors_free(Posteriors *x) {
    free(x->p);
    free(x->past);
    free(x->turned);
}

static void go_on(Posteriors *x) {
    double *p = x->p;
    x->p = x->past;
    x->past = p;
}

// Where the gradient of a sequence goes.
typedef struct {
    void *d_scores; // (n, C), as the scores
    double factor;
    double *weights; // (W + 1)
    double *values; // (TILE + 1, C + 1): of a tile
} Gradient;

// Add row i of the tile to the gradient of a position, and clear it.
static void flush(const Sequence *q, Gradient *d, int i, int64_t position) {
    int64_t n = q->g->n_scores;
    double *values = d->values + i * (n + 1);
    if (q->single)
        for (int64_t c = 0; c < n; c++)
            ((float *)d->d_scores)[position * n + c] += (float)(d->factor * values[c]);
    else
        for (int64_t c = 0; c < n; c++)
            ((double *)d->d_scores)[position * n + c] += d->factor * values[c];
    memset(values, 0, (size_t)(n + 1) * sizeof(double));
}

static void add_emissions(const Grammar *g, const double *p, double *values) {
    for (int64_t j = 0; j < g->n_emissions; j++)
        for (int64_t s = 0; s < g->n_states; s++)
            values[g->emission[j * g->n_states + s]] += p[s];
}

// The same for n steps around a circle, of which the last is step i; `p` are the posteriors before
// the first of them, `sums` is scratch space.
static void add_run(const Grammar *g, const Tile *tile, int i, int n, const double *p,
                    double *sums, double *values) {
    int64_t n_states = g->n_states, width = g->n_scores + 1, circle = tile->circle[i];
    int64_t n_tracks = g->n_tracks[circle];
    uint32_t period = g->period[circle], at = 0;
    const uint32_t *track = g->track + circle * g->n_emissions * n_states;
    const uint32_t *scores = g->track_score + circle * g->most_steps * g->most_tracks;
    memset(sums, 0, (size_t)(g->most_tracks + 1) * sizeof(double));
    for (int64_t j = 0; j < g->n_emissions; j++)
        for (int64_t s = 0; s < n_states; s++) sums[track[j * n_states + s]] += p[s];
    for (int k = i - n + 1; k <= i; k++) {
        if (++at == period) at = 0;
        const uint32_t *score = scores + at * g->most_tracks;
        for (int64_t j = 0; j < n_tracks; j++) values[k * width + score[j]] += sums[j];
    }
}

// Log partition; its gradient times the factor is added if that is not 0.
static double partition(const Sequence *q, Forward *f, Posteriors *x, Gradient *d) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states, width = g->n_scores + 1;
    if (q->n == 0) return 0.0;
    crf_forward(q, f);
    if (d->factor == 0.0 || !(f->z > -INFINITY)) return f->z;
    memcpy(x->p, f->last, (size_t)n_states * sizeof(double));
    memset(d->values, 0, (size_t)((TILE + 1) * width) * sizeof(double));
    memset(d->weights, 0, (size_t)(g->n_weights + 1) * sizeof(double));
    const Tile *tile = &f->tile;
    Descent down = crf_descent(q, f);
    for (int n; (n = crf_down(&down)) > 0; go_on(x)) {
        int i = down.i;
        if (down.alpha) {
            const double *now = crf_values(q, tile->base + i, f->values);
            double *d_now = d->values + i * width;
            add_emissions(g, x->p, d_now);
            crf_split(q, tile->row[i], down.alpha, now, x->p, x->past, d->weights, d_now, f->terms);
        } else {
            crf_split_run(g, tile, i, n, x->p, x->past);
            add_run(g, tile, i, n, x->past, f->sums, d->values);
        }
        if (i > n) continue;
        for (int k = 1; k <= tile->count; k++) flush(q, d, k, tile->base + k);
        // What events of the first step add to the position before is the next tile's.
        memcpy(d->values + TILE * width, d->values, (size_t)width * sizeof(double));
        memset(d->values, 0, (size_t)width * sizeof(double));
        crf_normalise(x->past, n_states);
    }
    add_emissions(g, x->p, d->values + TILE * width);
    flush(q, d, TILE, 0);
    return f->z;
}

// `factor` (B); `d_scores` (B, L, C) as the scores, not read where the factor is 0; `d_weights`
// (B, W); `z` (B). Of the batch's sequences `first`, `first + by` and so on, as in what follows.
// Returns 0, or 1 if memory is lacking.
int dnatag_crf_log_partition(const Batch *batch, int64_t first, int64_t by, const double *factor,
                             void *d_scores, double *d_weights, double *z) {
    const Grammar *g = batch->grammar;
    size_t size = batch->single ? sizeof(float) : sizeof(double);
    size_t stride = (size_t)(batch->n_positions * g->n_scores) * size;
    Forward f;
    Posteriors x;
    Gradient d = {
        .weights = malloc((size_t)(g->n_weights + 1) * sizeof(double)),
        .values = malloc((size_t)((TILE + 1) * (g->n_scores + 1)) * sizeof(double)),
    };
    int failed = !crf_forward_new(&f, batch) | !posteriors_new(&x, g) |
                 !d.weights | !d.values;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        d.factor = factor[b];
        d.d_scores = d.factor == 0.0 ? NULL : (char *)d_scores + (size_t)b * stride;
        z[b] = partition(&q, &f, &x, &d);
        if (q.n == 0 || d.factor == 0.0 || !(z[b] > -INFINITY)) continue;
        for (int64_t w = 0; w < g->n_weights; w++)
            d_weights[b * g->n_weights + w] += d.factor * d.weights[w];
    }
    free(d.weights);
    free(d.values);
    posteriors_free(&x);
    crf_forward_free(&f);
    return failed;
}

// A matrix (S, K) by the entries of its columns that are not zero, and where its products with the
// posteriors go.
typedef struct {
    int64_t n; // K
    const int64_t *start; // (K + 1)
    const int64_t *state;
    const double *factor;
    // (circles, most_steps, K): the column that is this one before so many steps; for a circle for
    // which there are none, negative.
    const int64_t *column;
    double *before; // (K)
    void *out; // (n, K), as the scores
} Projection;

static void multiply(const Projection *to, const double *p, double *product) {
    for (int64_t c = 0; c < to->n; c++) {
        double total = 0.0;
        for (int64_t k = to->start[c]; k < to->start[c + 1]; k++)
            total += p[to->state[k]] * to->factor[k];
        product[c] = total;
    }
}

static void write(const Sequence *q, const Projection *to, int64_t position, const double *p) {
    int64_t first = position * to->n;
    multiply(to, p, to->before);
    for (int64_t c = 0; c < to->n; c++)
        if (q->single)
            ((float *)to->out)[first + c] = (float)to->before[c];
        else
            ((double *)to->out)[first + c] = to->before[c];
}

// The same for n steps around a circle, the last to position base + i; `p` are the posteriors
// before the first of them.
static void write_run(const Sequence *q, const Projection *to, const Tile *tile, int i, int n,
                      const double *p, double *turned) {
    const Grammar *g = q->g;
    int64_t circle = tile->circle[i], period = g->period[circle], n_columns = to->n;
    const int64_t *column = to->column + circle * g->most_steps * n_columns;
    int same = n_columns > 0 && column[0] >= 0;
    if (same) multiply(to, p, to->before);
    for (int64_t k = 1; k <= n; k++) {
        int64_t position = tile->base + i - n + k, at = k % period, first = position * n_columns;
        if (!same) {
            const uint32_t *turn = g->turn + (circle * g->most_steps + at) * g->n_states;
            for (int64_t s = 0; s < g->n_states; s++) turned[turn[s]] = p[s];
            write(q, to, position, turned);
        } else if (q->single) {
            for (int64_t c = 0; c < n_columns; c++)
                ((float *)to->out)[first + c] = (float)to->before[column[at * n_columns + c]];
        } else {
            for (int64_t c = 0; c < n_columns; c++)
                ((double *)to->out)[first + c] = to->before[column[at * n_columns + c]];
        }
    }
}

static void fill_rows(const Sequence *q, const Projection *to, double x) {
    for (int64_t i = 0; i < q->n * to->n; i++)
        if (q->single)
            ((float *)to->out)[i] = (float)x;
        else
            ((double *)to->out)[i] = x;
}

static void marginals(const Sequence *q, Forward *f, Posteriors *x, const Projection *to) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    if (q->n == 0) return;
    crf_forward(q, f);
    if (!(f->z > -INFINITY)) {
        fill_rows(q, to, f->z == -INFINITY ? 0.0 : NAN);
        return;
    }
    memcpy(x->p, f->last, (size_t)n_states * sizeof(double));
    const Tile *tile = &f->tile;
    Descent down = crf_descent(q, f);
    for (int n; (n = crf_down(&down)) > 0; go_on(x)) {
        int i = down.i;
        if (down.alpha) {
            const double *now = crf_values(q, tile->base + i, f->values);
            write(q, to, tile->base + i, x->p);
            crf_split(q, tile->row[i], down.alpha, now, x->p, x->past, NULL, NULL, f->terms);
        } else {
            crf_split_run(g, tile, i, n, x->p, x->past);
            write_run(q, to, tile, i, n, x->past, x->turned);
        }
        if (i == n) crf_normalise(x->past, n_states);
    }
    write(q, to, 0, x->p);
}

// `start` (K + 1), `state`, `factor`, `column`: see Projection; `out` (B, L, K) as the scores.
int dnatag_crf_marginals(const Batch *batch, int64_t first, int64_t by, int64_t n_columns,
                         const int64_t *start, const int64_t *state, const double *factor,
                         const int64_t *column, void *out) {
    size_t size = batch->single ? sizeof(float) : sizeof(double);
    size_t stride = (size_t)(batch->n_positions * n_columns) * size;
    Forward f;
    Posteriors x;
    double *before = malloc((size_t)(n_columns + 1) * sizeof(double));
    int failed = !crf_forward_new(&f, batch) |
                 !posteriors_new(&x, batch->grammar) | !before;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        Projection to = {.n = n_columns, .start = start, .state = state, .factor = factor};
        to.column = column;
        to.before = before;
        to.out = (char *)out + (size_t)b * stride;
        marginals(&q, &f, &x, &to);
    }
    free(before);
    posteriors_free(&x);
    crf_forward_free(&f);
    return failed;
}
