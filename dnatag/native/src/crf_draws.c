// The CRF: posteriors of segments, and paths drawn from the posterior.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The segments of a sequence by their ends, the last first. Segment k has the states of the set
// `members[offset[k] + i]` at position `begin[k] + i`.
typedef struct {
    int64_t n;
    const int64_t *begin, *end, *offset;
    const int64_t *members;
    const uint8_t *sets; // (P, S)
    double *out;
    // Each takes the posteriors of the states at its last position and carries what is within its
    // sets back, as the sweep does with the posteriors of all paths.
    double *within; // (n, S)
    int64_t *running;
    int64_t n_running, pending;
} Segments;

// Begin the segments that end at a position, keep what is within the sets there, and finish those
// that begin there. `p` are the posteriors of the states.
static void visit(const Grammar *g, Segments *x, int64_t t, const double *p) {
    int64_t n_states = g->n_states;
    for (; x->pending < x->n && x->end[x->pending] == t + 1; x->pending++) {
        memcpy(x->within + x->pending * n_states, p, (size_t)n_states * sizeof(double));
        x->running[x->n_running++] = x->pending;
    }
    int64_t kept = 0;
    for (int64_t j = 0; j < x->n_running; j++) {
        int64_t k = x->running[j];
        double *own = x->within + k * n_states, total = 0.0;
        const uint8_t *set = x->sets + x->members[x->offset[k] + t - x->begin[k]] * n_states;
        for (int64_t s = 0; s < n_states; s++) {
            if (!set[crf_turned(g, t, s)]) own[s] = 0.0;
            total += own[s];
        }
        if (total == 0.0) {
            x->out[k] = -INFINITY;
        } else if (t == x->begin[k]) {
            x->out[k] += log(total);
        } else {
            if (total < 1e-30) {
                x->out[k] += log(total);
                crf_normalise(own, n_states);
            }
            x->running[kept++] = k;
        }
    }
    x->n_running = kept;
}

static void segments(const Sequence *q, Forward *f, Segments *x) {
    const Grammar *g = q->g;
    double *p = f->last;
    if (x->n == 0) return;
    crf_forward(q, f);
    for (int64_t k = 0; k < x->n; k++) x->out[k] = f->z > -INFINITY ? 0.0 : NAN;
    if (!(f->z > -INFINITY)) return;
    int64_t t = q->n - 1;
    for (Descent down = crf_descent(q, f); crf_down(&down);) {
        if (down.fresh) crf_normalise(p, g->n_states);
        for (; t >= down.t; t--) visit(g, x, t, p);
        if (x->n_running == 0 && x->pending == x->n) return;
        for (int64_t j = 0; j < x->n_running; j++)
            crf_split(g, down.step, down.shares, x->within + x->running[j] * g->n_states, f->terms);
        crf_split(g, down.step, down.shares, p, f->terms);
    }
    for (; t >= 0; t--) visit(g, x, t, p);
}

// `slice` (B + 1): the segments of each sequence, sorted by end, last first; `begin`, `end`,
// `offset`, `out` (segments); `members`; `sets` (P, S).
int dnatag_crf_segments(const Batch *batch, int64_t first, int64_t by, const int64_t *slice,
                        const int64_t *begin, const int64_t *end, const int64_t *offset,
                        const int64_t *members, const uint8_t *sets, double *out) {
    int64_t n_states = batch->grammar->n_states;
    Forward f;
    int failed = !crf_forward_new(&f, batch);
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        int64_t low = slice[b], n = slice[b + 1] - low;
        Segments x = {
            .n = n,
            .begin = begin + low,
            .end = end + low,
            .offset = offset + low,
            .members = members,
            .sets = sets,
            .out = out + low,
            .within = malloc((size_t)(n * n_states + 1) * sizeof(double)),
            .running = malloc((size_t)(n + 1) * sizeof(int64_t)),
        };
        failed = !x.within | !x.running;
        if (!failed) segments(&q, &f, &x);
        free(x.within);
        free(x.running);
    }
    crf_forward_free(&f);
    return failed;
}

// Index of one of n weights, by a number x within [0, 1).
static int64_t draw(const double *weights, int64_t n, double x) {
    double total = 0.0, sum = weights[0];
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++) total += weights[i];
    while (k < n - 1 && sum <= x * total) sum += weights[++k];
    return k;
}

// Draw a path for each column of `numbers`, of which it takes one at each position. `states` (N)
// is scratch space.
static void sample(const Sequence *q, Forward *f, int64_t n_paths, const double *numbers,
                   int16_t *paths, int64_t stride, int64_t *states) {
    const Grammar *g = q->g;
    if (q->n == 0) return;
    crf_forward(q, f);
    if (!(f->z > -INFINITY)) return;
    // The last state is drawn in the order of the states, wherever they have turned to.
    int64_t last = q->n - 1;
    for (int64_t s = 0; s < g->n_states; s++) f->terms[crf_turned(g, last, s)] = f->last[s];
    for (int64_t j = 0; j < n_paths; j++) {
        int64_t drawn = draw(f->terms, g->n_states, numbers[last * n_paths + j]);
        for (int64_t s = 0; s < g->n_states; s++)
            if (crf_turned(g, last, s) == drawn) states[j] = s;
    }
    Descent down = crf_descent(q, f);
    int more = crf_down(&down);
    for (int64_t t = last; t >= 0; t--) {
        const double *number = numbers + t * n_paths;
        // Whether the step behind position t is an event.
        int event = more && down.t == t + 1;
        for (int64_t j = 0; j < n_paths; j++) {
            uint16_t slot = event ? g->slot[down.step * g->n_states + states[j]] : UINT16_MAX;
            if (slot != UINT16_MAX) {
                const Target *to = g->target + g->target_start[down.step] + slot;
                const double *shares = down.shares + to->first - g->link_start[down.step];
                // None leads to a state only if sums became too large.
                if (to->end > to->first)
                    states[j] = g->link[to->first + draw(shares, to->end - to->first, number[j])]
                                    .source;
            }
            paths[j * stride + t] = (int16_t)crf_turned(g, t, states[j]);
        }
        if (event) more = crf_down(&down);
    }
}

// `numbers` (L, N) within [0, 1); `paths` (B, N, L).
int dnatag_crf_sample(const Batch *batch, int64_t first, int64_t by, int64_t n_paths,
                      const double *numbers, int16_t *paths) {
    Forward f;
    int64_t *states = malloc((size_t)(n_paths + 1) * sizeof(int64_t));
    int failed = !crf_forward_new(&f, batch) | !states;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        sample(&q, &f, n_paths, numbers, paths + b * n_paths * batch->n_positions,
               batch->n_positions, states);
    }
    free(states);
    crf_forward_free(&f);
    return failed;
}
