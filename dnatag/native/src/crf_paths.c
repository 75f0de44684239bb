// The CRF: the best path, and the best k.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Best sums after a deciding step, and the state each comes from: the lowest of equals.
static void decide(const Sequence *q, uint32_t row, const double *now, const double *from,
                   double *to, uint16_t *back) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    const uint32_t *only = g->only + row * n_states, *start = g->start + row * (n_states + 1);
    for (int64_t s = 0; s < n_states; s++) {
        to[s] = from[only[s]];
        back[s] = (uint16_t)only[s];
    }
    for (uint32_t k = g->scored_start[row]; k < g->scored_start[row + 1]; k++)
        to[g->scored_target[k]] += crf_score(q, g->transition + g->scored[k], now);
    for (uint32_t k = g->join_start[row]; k < g->join_start[row + 1]; k++) {
        uint32_t s = g->join[k], source = 0;
        double largest = -INFINITY;
        const Transition *end = g->transition + start[s + 1];
        for (const Transition *a = g->transition + start[s]; a < end; a++) {
            double x = from[a->source] + crf_score(q, a, now);
            source = x > largest ? a->source : source;
            largest = x > largest ? x : largest;
        }
        to[s] = largest;
        back[s] = (uint16_t)source;
    }
    for (int64_t s = 0; s < n_states; s++) to[s] += crf_emission(g, s, now);
}

// What the search for the best path works with.
typedef struct {
    Tile tile;
    double *best, *other; // (S + 1), -infinity last
    double *sums; // (most_tracks + 1)
    double *values; // (2, C + 1)
    uint16_t *back; // (decisions, S)
} Search;

static double viterbi(const Sequence *q, Search *x, int16_t *path) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states, decision = 0;
    Sum scale = {0.0, 0.0};
    Tile *tile = &x->tile;
    const double *now = crf_values(q, 0, x->values);
    for (int64_t s = 0; s < n_states; s++)
        x->best[s] = q->begin[s] ? crf_emission(g, s, now) : -INFINITY;
    crf_restrict(q, 0, x->best);
    crf_rescale(x->best, n_states, &scale);
    for (int64_t base = 0; base < q->n - 1; base += tile->count) {
        crf_load(q, tile, base, q->n);
        for (int part = 0; part < tile->parts; part++) {
            int i = tile->first[part];
            if (tile->circle[i] >= 0) {
                int n = tile->first[part + 1] - i;
                crf_add_run(q, tile, i, n, x->sums, x->best, x->other);
            } else {
                now = crf_values(q, base + i, x->values);
                decide(q, tile->row[i], now, x->best, x->other, x->back + decision++ * n_states);
                crf_restrict(q, base + i, x->other);
            }
            double *best = x->other;
            x->other = x->best;
            x->best = best;
        }
        if ((base + tile->count) % TILE == 0) crf_rescale(x->best, n_states, &scale);
    }
    double largest = -INFINITY;
    int64_t state = 0;
    for (int64_t s = 0; s < n_states; s++)
        if (q->end[s] && x->best[s] > largest) {
            largest = x->best[s];
            state = s;
        }
    if (!crf_good(q)) return NAN;
    if (largest == -INFINITY) return largest;
    crf_add(&scale, largest);
    double score = scale.high + scale.low;
    // Sums may still have become too large.
    if (!isfinite(score)) return NAN;
    for (int64_t t = q->n - 1; t > 0; t--) {
        uint32_t row = g->row[((uint32_t)q->flags[t - 1] << g->n_flags) | q->flags[t]];
        int32_t circle = q->allowed ? -1 : g->circle[row];
        // Not a branch, which would often be guessed wrong.
        decision -= circle < 0;
        int32_t at = circle < 0 ? 0 : circle;
        const uint16_t *behind[] = {g->behind + at * n_states, x->back + decision * n_states};
        path[t] = (int16_t)state;
        state = behind[circle < 0][state];
    }
    path[0] = (int16_t)state;
    return score;
}

// `paths` (B, L), left alone where there is none; `totals` (B).
int dnatag_crf_viterbi(const Batch *batch, int64_t first, int64_t by, int16_t *paths,
                       double *totals) {
    const Grammar *g = batch->grammar;
    Search x = {
        .best = malloc((size_t)(g->n_states + 1) * sizeof(double)),
        .other = malloc((size_t)(g->n_states + 1) * sizeof(double)),
        .sums = malloc((size_t)(g->most_tracks + 1) * sizeof(double)),
        .values = malloc((size_t)(2 * (g->n_scores + 1)) * sizeof(double)),
    };
    int failed = !x.best | !x.other | !x.sums | !x.values;
    if (!failed) x.best[g->n_states] = x.other[g->n_states] = -INFINITY;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        totals[b] = 0.0;
        if (q.n == 0) continue;
        x.back = malloc((size_t)(crf_decisions(&q) * g->n_states + 1) * sizeof(uint16_t));
        failed = !x.back;
        if (!failed) totals[b] = viterbi(&q, &x, paths + b * batch->n_positions);
        free(x.back);
    }
    free(x.best);
    free(x.other);
    free(x.sums);
    free(x.values);
    return failed;
}

// Ways to reach a state, sorted by falling score: the state before, and which of its ways.
typedef struct {
    double *totals;
    int16_t *sources, *ranks;
    int64_t count;
} Ways;

// Insert a way behind equals; the last falls out if there are more than k.
static void insert(Ways *ways, int64_t k, double x, int16_t source, int16_t rank) {
    int64_t i = ways->count < k ? ways->count : k - 1;
    for (; i > 0 && ways->totals[i - 1] < x; i--) {
        ways->totals[i] = ways->totals[i - 1];
        ways->sources[i] = ways->sources[i - 1];
        ways->ranks[i] = ways->ranks[i - 1];
    }
    ways->totals[i] = x;
    ways->sources[i] = source;
    ways->ranks[i] = rank;
    if (ways->count < k) ways->count++;
}

// What the search for the best k paths works with.
typedef struct {
    Tile tile;
    double *values; // (2, C + 1)
    double *best; // (2, S, k)
    int64_t *counts; // (2, S)
    int16_t *sources, *ranks; // (n, S, k)
    int16_t *states, *state_ranks; // (k): where the best paths end
} Ranking;

// The best ways to the states at position t.
static void rank(const Sequence *q, Ranking *x, int64_t k, int64_t t, uint32_t row) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    const double *now = crf_values(q, t, x->values);
    const double *best = x->best + (~t & 1) * n_states * k;
    const int64_t *counts = x->counts + (~t & 1) * n_states;
    for (int64_t s = 0; s < n_states; s++) {
        int64_t cell = (t * n_states + s) * k;
        Ways ways = {x->best + ((t & 1) * n_states + s) * k, x->sources + cell, x->ranks + cell, 0};
        double emission = crf_emission(g, s, now);
        int may = emission != -INFINITY && !(q->allowed && !q->allowed[t * n_states + s]);
        if (may && t == 0) {
            if (q->begin[s]) insert(&ways, k, emission, 0, 0);
        } else if (may) {
            const uint32_t *start = g->start + row * (n_states + 1) + s;
            for (const Transition *a = g->transition + start[0]; a < g->transition + start[1]; a++) {
                uint32_t source = a->source;
                double score = crf_score(q, a, now);
                if (score == -INFINITY) continue;
                for (int64_t r = 0; r < counts[source]; r++) {
                    double y = best[source * k + r] + score;
                    if (ways.count == k && y <= ways.totals[k - 1]) break;
                    insert(&ways, k, y, (int16_t)source, (int16_t)r);
                }
            }
            for (int64_t r = 0; r < ways.count; r++) ways.totals[r] += emission;
        }
        x->counts[(t & 1) * n_states + s] = ways.count;
    }
}

static void rescale(Ranking *x, int64_t n_states, int64_t k, int64_t t, Sum *scale) {
    double *best = x->best + (t & 1) * n_states * k, largest = -INFINITY;
    const int64_t *counts = x->counts + (t & 1) * n_states;
    for (int64_t s = 0; s < n_states; s++)
        if (counts[s] > 0 && best[s * k] > largest) largest = best[s * k];
    if (!(largest > -INFINITY)) return;
    for (int64_t s = 0; s < n_states; s++)
        for (int64_t r = 0; r < counts[s]; r++) best[s * k + r] -= largest;
    crf_add(scale, largest);
}

static int64_t k_best(const Sequence *q, Ranking *x, int64_t k, int16_t *paths, int64_t stride,
                      double *totals) {
    int64_t n_states = q->g->n_states, last = q->n - 1;
    Sum scale = {0.0, 0.0};
    Tile *tile = &x->tile;
    rank(q, x, k, 0, 0);
    rescale(x, n_states, k, 0, &scale);
    for (int64_t base = 0; base < last; base += tile->count) {
        crf_load(q, tile, base, q->n);
        for (int i = 1; i <= tile->count; i++)
            rank(q, x, k, base + i, tile->row[i]);
        int64_t t = base + tile->count;
        if (t % TILE == 0) rescale(x, n_states, k, t, &scale);
    }
    if (!crf_good(q)) return 0;
    Ways ways = {totals, x->states, x->state_ranks, 0};
    for (int64_t s = 0; s < n_states; s++) {
        int64_t cell = (last & 1) * n_states + s;
        for (int64_t r = 0; q->end[s] && r < x->counts[cell]; r++) {
            double y = x->best[cell * k + r];
            if (ways.count == k && y <= totals[k - 1]) break;
            insert(&ways, k, y, (int16_t)s, (int16_t)r);
        }
    }
    for (int64_t i = 0; i < ways.count; i++) {
        int16_t s = x->states[i], r = x->state_ranks[i];
        totals[i] = (scale.high + totals[i]) + scale.low;
        for (int64_t t = last; t >= 0; t--) {
            int64_t cell = (t * n_states + s) * k + r;
            paths[i * stride + t] = s;
            s = x->sources[cell];
            r = x->ranks[cell];
        }
    }
    return ways.count;
}

// `paths` (B, k, L), `totals` (B, k), `counts` (B): how many there are.
int dnatag_crf_k_best(const Batch *batch, int64_t first, int64_t by, int64_t k, int16_t *paths,
                      double *totals, int64_t *counts) {
    const Grammar *g = batch->grammar;
    int64_t n_states = g->n_states, length = batch->n_positions;
    size_t cells = (size_t)(crf_longest(batch) * n_states * k + 1);
    Ranking x = {
        .values = malloc((size_t)(2 * (g->n_scores + 1)) * sizeof(double)),
        .best = malloc((size_t)(2 * n_states * k) * sizeof(double)),
        .counts = malloc((size_t)(2 * n_states) * sizeof(int64_t)),
        .sources = malloc(cells * sizeof(int16_t)),
        .ranks = malloc(cells * sizeof(int16_t)),
        .states = malloc((size_t)k * sizeof(int16_t)),
        .state_ranks = malloc((size_t)k * sizeof(int16_t)),
    };
    int failed = !x.values | !x.best | !x.counts | !x.sources | !x.ranks | !x.states |
                 !x.state_ranks;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        counts[b] = 1;
        totals[b * k] = 0.0;
        if (q.n > 0)
            counts[b] = k_best(&q, &x, k, paths + b * k * length, length, totals + b * k);
    }
    free(x.values);
    free(x.best);
    free(x.counts);
    free(x.sources);
    free(x.ranks);
    free(x.states);
    free(x.state_ranks);
    return failed;
}
