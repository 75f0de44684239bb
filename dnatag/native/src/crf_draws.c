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
    double *within; // (n, 2, S + 1), the last for what leads nowhere
    int64_t *running;
    int64_t n_running, pending;
} Segments;

static double *within(const Segments *x, int64_t k, int64_t t, int64_t n_states) {
    return x->within + (2 * k + (t & 1)) * (n_states + 1);
}

// Begin the segments that end at a position, keep what is within the sets there, and finish those
// that begin there. `p` are the posteriors of the states.
static void visit(Segments *x, int64_t t, const double *p, int64_t n_states) {
    for (; x->pending < x->n && x->end[x->pending] == t + 1; x->pending++) {
        memcpy(within(x, x->pending, t, n_states), p, (size_t)n_states * sizeof(double));
        x->running[x->n_running++] = x->pending;
    }
    int64_t kept = 0;
    for (int64_t j = 0; j < x->n_running; j++) {
        int64_t k = x->running[j];
        double *own = within(x, k, t, n_states), total = 0.0;
        const uint8_t *set = x->sets + x->members[x->offset[k] + t - x->begin[k]] * n_states;
        for (int64_t s = 0; s < n_states; s++) {
            if (!set[s]) own[s] = 0.0;
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

// Carry posteriors one step back, to position base + i - 1.
static void carry(const Sequence *q, Forward *f, const Descent *down, int i, const double *now,
                  const double *p, double *past) {
    if (down->alpha)
        crf_split(q, f->tile.row[i], down->alpha, now, p, past, NULL, NULL, f->terms);
    else
        crf_split_run(q->g, &f->tile, i, 1, p, past);
}

static void segments(const Sequence *q, Forward *f, Segments *x, double *both) {
    int64_t n_states = q->g->n_states;
    if (x->n == 0) return;
    crf_forward(q, f);
    for (int64_t k = 0; k < x->n; k++) x->out[k] = f->z > -INFINITY ? 0.0 : NAN;
    if (!(f->z > -INFINITY)) return;
    double *p = both, *past = both + n_states + 1;
    memcpy(p, f->last, (size_t)n_states * sizeof(double));
    Descent down = crf_descent(q, f);
    while (crf_down(&down) > 0) {
        for (int i = down.i; i > down.i - down.n; i--) {
            int64_t t = f->tile.base + i;
            visit(x, t, p, n_states);
            if (x->n_running == 0 && x->pending == x->n) return;
            const double *now = crf_values(q, t, f->values);
            for (int64_t j = 0; j < x->n_running; j++)
                carry(q, f, &down, i, now, within(x, x->running[j], t, n_states),
                      within(x, x->running[j], t - 1, n_states));
            carry(q, f, &down, i, now, p, past);
            double *other = p;
            p = past;
            past = other;
            if (i == 1) crf_normalise(p, n_states);
        }
    }
    visit(x, 0, p, n_states);
}

// `slice` (B + 1): the segments of each sequence, sorted by end, last first; `begin`, `end`,
// `offset`, `out` (segments); `members`; `sets` (P, S).
int dnatag_crf_segments(const Batch *batch, int64_t first, int64_t by, const int64_t *slice,
                        const int64_t *begin, const int64_t *end, const int64_t *offset,
                        const int64_t *members, const uint8_t *sets, double *out) {
    int64_t n_states = batch->grammar->n_states;
    Forward f;
    double *both = malloc((size_t)(2 * (n_states + 1)) * sizeof(double));
    int failed = !crf_forward_new(&f, batch) | !both;
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
            .within = malloc((size_t)(n * 2 * (n_states + 1) + 1) * sizeof(double)),
            .running = malloc((size_t)(n + 1) * sizeof(int64_t)),
        };
        failed = !x.within | !x.running;
        if (!failed) segments(&q, &f, &x, both);
        free(x.within);
        free(x.running);
    }
    free(both);
    crf_forward_free(&f);
    return failed;
}

// Index of one of n weights, by their running sums and a number x within [0, 1).
static int64_t draw(const double *sums, int64_t n, double x) {
    int64_t k = 0;
    x *= sums[n - 1];
    while (k < n - 1 && sums[k] <= x) k++;
    return k;
}

// Draw a path for each column of `numbers`, of which it takes one at each position. `sums` (S, S)
// and `summed` (S) are scratch space.
static void sample(const Sequence *q, Forward *f, int64_t n_paths, const double *numbers,
                   int16_t *paths, int64_t stride, double *sums, int64_t *summed) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states, last = q->n - 1;
    if (q->n == 0) return;
    crf_forward(q, f);
    if (!(f->z > -INFINITY)) return;
    for (int64_t s = 0; s < n_states; s++) {
        sums[s] = (s > 0 ? sums[s - 1] : 0.0) + f->last[s];
        summed[s] = q->n;
    }
    for (int64_t j = 0; j < n_paths; j++)
        paths[j * stride + last] = (int16_t)draw(sums, n_states, numbers[last * n_paths + j]);
    Descent down = crf_descent(q, f);
    while (crf_down(&down) > 0) {
        for (int i = down.i; i > down.i - down.n; i--) {
            int64_t t = f->tile.base + i;
            const double *now = crf_values(q, t, f->values);
            const uint32_t *start = g->start + f->tile.row[i] * (n_states + 1);
            for (int64_t j = 0; j < n_paths; j++) {
                int16_t *path = paths + j * stride + t;
                int64_t s = *path, k = 0;
                uint32_t n = start[s + 1] - start[s];
                const Transition *x = g->transition + start[s];
                double *own = sums + s * n_states;
                // Once for all paths through a state.
                if (n > 1 && summed[s] != t) {
                    double largest = -INFINITY, total = 0.0;
                    summed[s] = t;
                    for (uint32_t a = 0; a < n; a++) {
                        own[a] = down.alpha[x[a].source] + crf_score(q, x + a, now);
                        if (own[a] > largest) largest = own[a];
                    }
                    for (uint32_t a = 0; a < n; a++) own[a] = total += exp(own[a] - largest);
                }
                if (n > 1) k = draw(own, n, numbers[(t - 1) * n_paths + j]);
                // None leads to a state only if sums became too large.
                path[-1] = n > 0 ? (int16_t)x[k].source : 0;
            }
        }
    }
}

// `numbers` (L, N) within [0, 1); `paths` (B, N, L).
int dnatag_crf_sample(const Batch *batch, int64_t first, int64_t by, int64_t n_paths,
                      const double *numbers, int16_t *paths) {
    int64_t n_states = batch->grammar->n_states;
    Forward f;
    double *sums = malloc((size_t)(n_states * n_states) * sizeof(double));
    int64_t *summed = malloc((size_t)n_states * sizeof(int64_t));
    int failed = !crf_forward_new(&f, batch) | !sums | !summed;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        sample(&q, &f, n_paths, numbers, paths + b * n_paths * batch->n_positions,
               batch->n_positions, sums, summed);
    }
    free(sums);
    free(summed);
    crf_forward_free(&f);
    return failed;
}
