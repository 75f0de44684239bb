// The CRF: the best path, and the best k.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Sums that differ by less are the same but for rounding: what states have passed is taken off and
// added again.
#define EQUAL 1e-11

// What the search for the best path works with.
typedef struct {
    Tile tile;
    double *best, *passed, *reached; // (S)
    double *values; // (2, C + 1)
    uint16_t *back; // of the targets of all events
} Search;

// Best sums after an event, and the state each comes from: the lowest of equals.
static void decide(const Sequence *q, Search *x, int event, uint16_t *back) {
    const Grammar *g = q->g;
    uint32_t step = x->tile.step[event], first = g->target_start[step];
    uint32_t n = g->target_start[step + 1] - first;
    const double *now = crf_values(q, x->tile.base + x->tile.at[event], x->values);
    const double *passed = crf_before(q, &x->tile, event, x->passed);
    // All links look at the sums before the event.
    for (uint32_t k = 0; k < n; k++) {
        const Target *to = g->target + first + k;
        double largest = -INFINITY;
        uint32_t source = 0;
        for (uint32_t a = to->first; a < to->end; a++) {
            const Transition *way = g->link + a;
            double y = x->best[way->source] + passed[way->source] + crf_score(q, way, now);
            source = y > largest + EQUAL ? way->source : source;
            largest = y > largest ? y : largest;
        }
        x->reached[k] = largest - passed[to->state];
        back[k] = (uint16_t)source;
    }
    for (uint32_t k = 0; k < n; k++) x->best[g->target[first + k].state] = x->reached[k];
}

// Read the path backwards that ends in a state.
static void trace(const Sequence *q, Search *x, int64_t s, const uint16_t *back, int16_t *path) {
    const Grammar *g = q->g;
    int64_t t = q->n - 1;
    for (int64_t base = t > 0 ? (t - 1) / TILE * TILE : -1; base >= 0; base -= TILE) {
        crf_events(q, &x->tile, base, q->n);
        for (int event = x->tile.events - 1; event >= 0; event--) {
            uint32_t step = x->tile.step[event];
            for (; t >= base + x->tile.at[event]; t--) path[t] = (int16_t)crf_turned(g, t, s);
            back -= g->target_start[step + 1] - g->target_start[step];
            uint16_t slot = g->slot[step * g->n_states + s];
            if (slot != UINT16_MAX) s = back[slot];
        }
    }
    for (; t >= 0; t--) path[t] = (int16_t)crf_turned(g, t, s);
}

static double viterbi(const Sequence *q, Search *x, int16_t *path) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    Sum scale = {0.0, 0.0};
    Tile *tile = &x->tile;
    uint16_t *back = x->back;
    if (!q->good) return NAN;
    const double *now = crf_values(q, 0, x->values);
    for (int64_t s = 0; s < n_states; s++)
        x->best[s] = q->begin[s] ? crf_emission(g, s, now) : -INFINITY;
    crf_restrict(q, 0, 0, x->best);
    crf_rescale(x->best, n_states, &scale);
    for (int64_t base = 0; base < q->n - 1; base += tile->count) {
        crf_load(q, tile, base, q->n);
        int64_t done = base;
        for (int event = 0; event < tile->events; event++) {
            int64_t t = base + tile->at[event];
            crf_restrict(q, done + 1, t - 1, x->best);
            decide(q, x, event, back);
            back += g->target_start[tile->step[event] + 1] - g->target_start[tile->step[event]];
            done = t - 1;
        }
        crf_restrict(q, done + 1, base + tile->count, x->best);
        crf_end(g, tile, x->passed, x->best);
        crf_rescale(x->best, n_states, &scale);
    }
    double largest = -INFINITY;
    int64_t state = 0, lowest = n_states;
    for (int64_t s = 0; s < n_states; s++) {
        int64_t here = crf_turned(g, q->n - 1, s);
        int better = x->best[s] > largest + EQUAL;
        if (!q->end[here] || x->best[s] == -INFINITY) continue;
        if (!better && (x->best[s] < largest - EQUAL || here > lowest)) continue;
        largest = x->best[s] > largest ? x->best[s] : largest;
        state = s;
        lowest = here;
    }
    if (largest == -INFINITY) return largest;
    crf_add(&scale, largest);
    double score = scale.high + scale.low;
    // Sums may still have become too large.
    if (!isfinite(score)) return NAN;
    trace(q, x, state, back, path);
    return score;
}

// `paths` (B, L), left alone where there is none; `totals` (B).
int dnatag_crf_viterbi(const Batch *batch, int64_t first, int64_t by, int16_t *paths,
                       double *totals) {
    const Grammar *g = batch->grammar;
    size_t states = (size_t)g->n_states * sizeof(double);
    Search x = {
        .best = malloc(states),
        .passed = malloc(states),
        .reached = malloc(states),
        .values = malloc((size_t)(2 * (g->n_scores + 1)) * sizeof(double)),
    };
    int failed = !crf_tile_new(&x.tile, g) | !x.best | !x.passed | !x.reached | !x.values;
    for (int64_t b = first; b < batch->n_batch && !failed; b += by) {
        Sequence q = crf_sequence(batch, b);
        totals[b] = 0.0;
        if (q.n == 0) continue;
        x.back = malloc((size_t)(crf_count(batch, b, g->target_start) + 1) * sizeof(uint16_t));
        failed = !x.back;
        if (!failed) totals[b] = viterbi(&q, &x, paths + b * batch->n_positions);
        free(x.back);
    }
    free(x.best);
    free(x.passed);
    free(x.reached);
    free(x.values);
    free(x.tile.sums);
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
    if (!q->good) return 0;
    rank(q, x, k, 0, 0);
    rescale(x, n_states, k, 0, &scale);
    for (int64_t t = 1; t <= last; t++) {
        rank(q, x, k, t, q->g->row[((uint32_t)q->flags[t - 1] << q->g->n_flags) | q->flags[t]]);
        if (t % TILE == 0) rescale(x, n_states, k, t, &scale);
    }
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
