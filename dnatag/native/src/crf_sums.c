// The CRF: log partitions with gradients, and marginals.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Where the gradient of a sequence goes.
typedef struct {
    void *d_scores; // (n, C), as the scores
    double factor;
    double *weights; // (W + 1)
    double *tracks; // (T + 1): posteriors of the tracks
} Gradient;

static void add_score(const Sequence *q, const Gradient *d, int64_t t, uint32_t score, double x) {
    int64_t i = t * q->g->n_scores + score;
    if (q->single)
        ((float *)d->d_scores)[i] += (float)(d->factor * x);
    else
        ((double *)d->d_scores)[i] += d->factor * x;
}

// Add the posteriors of the tracks to the scores that they have from position `first` to `last`.
static void add_tracks(const Sequence *q, const Gradient *d, const double *p, int64_t first,
                       int64_t last) {
    const Grammar *g = q->g;
    memset(d->tracks, 0, (size_t)(g->n_tracks + 1) * sizeof(double));
    for (int64_t j = 0; j < g->n_emissions; j++)
        for (int64_t s = 0; s < g->n_states; s++)
            d->tracks[g->track[j * g->n_states + s]] += p[s];
    for (int64_t t = first; t <= last; t++) {
        const uint32_t *score = g->track_score + t % g->period * g->n_tracks;
        for (int64_t k = 0; k < g->n_tracks; k++) add_score(q, d, t, score[k], d->tracks[k]);
    }
}

// Add the probabilities of the transitions of an event to their weights and scores.
static void add_event(const Descent *down, const Gradient *d, const double *p) {
    const Sequence *q = down->q;
    const Grammar *g = q->g;
    const double *share = down->shares;
    for (uint32_t k = g->target_start[down->step]; k < g->target_start[down->step + 1]; k++)
        for (uint32_t a = g->target[k].first; a < g->target[k].end; a++) {
            const Transition *x = g->link + a;
            double probability = p[g->target[k].state] * *share++;
            d->weights[x->weight] += probability;
            if (x->enter < g->n_scores) add_score(q, d, down->t, x->enter, probability);
            if (x->leave < g->n_scores) add_score(q, d, down->t - 1, x->leave, probability);
        }
}

// Log partition; its gradient times the factor is added if that is not 0.
static double partition(const Sequence *q, Forward *f, Gradient *d) {
    const Grammar *g = q->g;
    double *p = f->last;
    if (q->n == 0) return 0.0;
    crf_forward(q, f);
    if (d->factor == 0.0 || !(f->z > -INFINITY)) return f->z;
    memset(d->weights, 0, (size_t)(g->n_weights + 1) * sizeof(double));
    int64_t last = q->n - 1;
    for (Descent down = crf_descent(q, f); crf_down(&down); last = down.t - 1) {
        if (down.fresh) crf_normalise(p, g->n_states);
        add_tracks(q, d, p, down.t, last);
        add_event(&down, d, p);
        crf_split(g, down.step, down.shares, p, f->terms);
    }
    add_tracks(q, d, p, 0, last);
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
    Gradient d = {
        .weights = malloc((size_t)(g->n_weights + 1) * sizeof(double)),
        .tracks = malloc((size_t)(g->n_tracks + 1) * sizeof(double)),
    };
    int failed = !crf_forward_new(&f, batch) | !d.weights | !d.tracks;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        d.factor = factor[b];
        d.d_scores = d.factor == 0.0 ? NULL : (char *)d_scores + (size_t)b * stride;
        z[b] = partition(&q, &f, &d);
        if (q.n == 0 || d.factor == 0.0 || !(z[b] > -INFINITY)) continue;
        for (int64_t w = 0; w < g->n_weights; w++)
            d_weights[b * g->n_weights + w] += d.factor * d.weights[w];
    }
    free(d.weights);
    free(d.tracks);
    crf_forward_free(&f);
    return failed;
}

// A matrix (S, K) by the entries of its columns that are not zero, for each step of a period, and
// where its products with the posteriors go.
typedef struct {
    int64_t n; // K
    const int64_t *start; // (K + 1)
    const int64_t *state; // (P, entries)
    const double *factor; // (entries)
    // (P, K): the column that is this one before so many steps; negative if there are none.
    const int64_t *column;
    double *product; // (K)
    void *out; // (n, K), as the scores
} Projection;

static void multiply(const Projection *to, const double *p, int64_t phase) {
    const int64_t *state = to->state + phase * to->start[to->n];
    for (int64_t c = 0; c < to->n; c++) {
        double total = 0.0;
        for (int64_t k = to->start[c]; k < to->start[c + 1]; k++)
            total += p[state[k]] * to->factor[k];
        to->product[c] = total;
    }
}

// Write the products for the positions from `first` to `last`, which have the same posteriors.
static void write(const Sequence *q, const Projection *to, const double *p, int64_t first,
                  int64_t last) {
    const Grammar *g = q->g;
    int64_t n = to->n, phase = first % g->period;
    int same = n > 0 && to->column[0] >= 0;
    if (same) multiply(to, p, 0);
    for (int64_t t = first; t <= last; t++) {
        if (!same) multiply(to, p, phase);
        const int64_t *column = to->column + (same ? phase : 0) * n;
        for (int64_t c = 0; c < n; c++) {
            double x = to->product[same ? column[c] : c];
            if (q->single)
                ((float *)to->out)[t * n + c] = (float)x;
            else
                ((double *)to->out)[t * n + c] = x;
        }
        phase = phase + 1 == g->period ? 0 : phase + 1;
    }
}

static void fill_rows(const Sequence *q, const Projection *to, double x) {
    for (int64_t i = 0; i < q->n * to->n; i++)
        if (q->single)
            ((float *)to->out)[i] = (float)x;
        else
            ((double *)to->out)[i] = x;
}

static void marginals(const Sequence *q, Forward *f, const Projection *to) {
    const Grammar *g = q->g;
    double *p = f->last;
    if (q->n == 0) return;
    crf_forward(q, f);
    if (!(f->z > -INFINITY)) {
        fill_rows(q, to, f->z == -INFINITY ? 0.0 : NAN);
        return;
    }
    int64_t last = q->n - 1;
    for (Descent down = crf_descent(q, f); crf_down(&down); last = down.t - 1) {
        if (down.fresh) crf_normalise(p, g->n_states);
        write(q, to, p, down.t, last);
        crf_split(g, down.step, down.shares, p, f->terms);
    }
    write(q, to, p, 0, last);
}

// `start` (K + 1), `state`, `factor`, `column`: see Projection; `out` (B, L, K) as the scores.
int dnatag_crf_marginals(const Batch *batch, int64_t first, int64_t by, int64_t n_columns,
                         const int64_t *start, const int64_t *state, const double *factor,
                         const int64_t *column, void *out) {
    size_t size = batch->single ? sizeof(float) : sizeof(double);
    size_t stride = (size_t)(batch->n_positions * n_columns) * size;
    Forward f;
    double *product = malloc((size_t)(n_columns + 1) * sizeof(double));
    int failed = !crf_forward_new(&f, batch) | !product;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        Projection to = {.n = n_columns, .start = start, .state = state, .factor = factor};
        to.column = column;
        to.product = product;
        to.out = (char *)out + (size_t)b * stride;
        marginals(&q, &f, &to);
    }
    free(product);
    crf_forward_free(&f);
    return failed;
}
