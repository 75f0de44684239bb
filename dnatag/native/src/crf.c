// The CRF: tiles, forward sums, and how posteriors are carried back.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Sequences with up to so many forward sums before deciding steps keep all of them; of longer ones,
// blocks of the second size are computed again on the way back.
#define WHOLE (5 << 19)
#define BLOCK (1 << 17)

Sequence crf_sequence(const Batch *batch, int64_t b) {
    const Grammar *g = batch->grammar;
    int64_t first = b * batch->n_positions;
    size_t size = batch->single ? sizeof(float) : sizeof(double);
    return (Sequence){
        .g = g,
        .weights = batch->weights,
        .scores = (const char *)batch->scores + (size_t)(first * g->n_scores) * size,
        .single = batch->single != 0,
        .flags = batch->flags + first,
        .allowed = batch->allowed ? batch->allowed + first * g->n_states : NULL,
        .begin = batch->begin + b * g->n_states,
        .end = batch->end + b * g->n_states,
        .n = batch->lengths[b],
    };
}

int64_t crf_longest(const Batch *batch) {
    int64_t longest = 0;
    for (int64_t b = 0; b < batch->n_batch; b++)
        if (batch->lengths[b] > longest) longest = batch->lengths[b];
    return longest;
}

// Number of steps of a sequence at which there is a decision to be made.
int64_t crf_decisions(const Sequence *q) {
    const Grammar *g = q->g;
    if (q->allowed) return q->n - 1;
    int64_t n = 0;
    for (int64_t t = 1; t < q->n; t++)
        n += g->circle[g->row[((uint32_t)q->flags[t - 1] << g->n_flags) | q->flags[t]]] < 0;
    return n;
}

// Whether no score and no weight is NaN or infinity.
int crf_good(const Sequence *q) {
    int64_t n = q->n * q->g->n_scores;
    int good = 1;
    for (int64_t w = 0; w < q->g->n_weights; w++) good &= q->weights[w] < INFINITY;
    if (q->single)
        for (int64_t i = 0; i < n; i++) good &= ((const float *)q->scores)[i] < INFINITY;
    else
        for (int64_t i = 0; i < n; i++) good &= ((const double *)q->scores)[i] < INFINITY;
    return good;
}

// Read the steps from position `base` to the next multiple of TILE or the one before `stop`.
void crf_load(const Sequence *q, Tile *tile, int64_t base, int64_t stop) {
    const Grammar *g = q->g;
    int64_t last = (base / TILE + 1) * TILE;
    if (last > stop - 1) last = stop - 1;
    const uint8_t *flags = q->flags + base;
    int count = (int)(last - base), parts = 0;
    int32_t before = -1, n_flags = (int32_t)g->n_flags, decide = q->allowed ? -1 : 0;
    for (int i = 1; i <= count; i++) {
        uint32_t row = g->row[((uint32_t)flags[i - 1] << n_flags) | flags[i]];
        int32_t circle = g->circle[row] | decide;
        tile->row[i] = row;
        tile->circle[i] = circle;
        // Not a branch, which would often be guessed wrong.
        tile->first[parts] = i;
        parts += (circle < 0) | (circle != before);
        before = circle;
    }
    tile->first[parts] = count + 1;
    tile->base = base;
    tile->count = count;
    tile->parts = parts;
}

static void read_scores(const Sequence *q, int64_t t, double *to) {
    int64_t n = q->g->n_scores;
    if (q->single)
        for (int64_t c = 0; c < n; c++) to[c] = ((const float *)q->scores)[t * n + c];
    else
        for (int64_t c = 0; c < n; c++) to[c] = ((const double *)q->scores)[t * n + c];
    to[n] = 0.0;
}

// Write the scores of position t - 1, if there is one, and of t, each with a zero behind them;
// return the latter.
const double *crf_values(const Sequence *q, int64_t t, double *values) {
    double *now = values + q->g->n_scores + 1;
    if (t > 0) read_scores(q, t - 1, values);
    read_scores(q, t, now);
    return now;
}

// Sums of four tracks over the steps whose scores begin at `first`, up to `stop`.
#define ADD_TRACKS(TYPE)                                                  \
    for (int64_t at = 1 % period, i = first; i < stop; i += n_scores) {   \
        const uint32_t *score = scores + at * most_tracks;                \
        const TYPE *values = (const TYPE *)q->scores + i;                 \
        a += values[score[0]];                                            \
        b += values[score[1]];                                            \
        c += values[score[2]];                                            \
        d += values[score[3]];                                            \
        at = at + 1 == period ? 0 : at + 1;                               \
    }

// Take n steps around a circle, the first of them step i: add to each state what it passes.
void crf_add_run(const Sequence *q, const Tile *tile, int i, int n, double *sums,
                 const double *from, double *to) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states, n_scores = g->n_scores, most_tracks = g->most_tracks;
    int64_t circle = tile->circle[i], period = g->period[circle];
    int64_t first = (tile->base + i) * n_scores, stop = first + n * n_scores;
    for (int64_t j = 0; j < g->n_tracks[circle]; j += 4) {
        const uint32_t *scores = g->track_score + circle * g->most_steps * most_tracks + j;
        double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
        if (q->single) {
            ADD_TRACKS(float)
        } else {
            ADD_TRACKS(double)
        }
        sums[j] = a;
        sums[j + 1] = b;
        sums[j + 2] = c;
        sums[j + 3] = d;
    }
    sums[most_tracks] = 0.0;
    const uint32_t *turn = g->turn + (circle * g->most_steps + n % period) * n_states;
    const uint32_t *track = g->track + circle * g->n_emissions * n_states;
    for (int64_t s = 0; s < n_states; s++) {
        double total = sums[track[s]];
        for (int64_t j = 1; j < g->n_emissions; j++) total += sums[track[j * n_states + s]];
        to[turn[s]] = from[s] + total;
    }
}

// Neumaier's sum.
void crf_add(Sum *total, double x) {
    double t = total->high + x;
    if (fabs(total->high) >= fabs(x))
        total->low += (total->high - t) + x;
    else
        total->low += (x - t) + total->high;
    total->high = t;
}

// Take the largest of the states off all of them and add it to the scale.
void crf_rescale(double *states, int64_t n, Sum *scale) {
    double largest = -INFINITY;
    for (int64_t s = 0; s < n; s++)
        if (states[s] > largest) largest = states[s];
    if (largest > -INFINITY) {
        for (int64_t s = 0; s < n; s++) states[s] -= largest;
        crf_add(scale, largest);
    }
}

// Make probabilities sum to 1, against drift.
void crf_normalise(double *p, int64_t n) {
    double total = 0.0;
    for (int64_t s = 0; s < n; s++) total += p[s];
    for (int64_t s = 0; s < n; s++) p[s] /= total;
}

static double log_sum(const double *values, uint32_t n, double largest) {
    double total = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        double d = values[i] - largest;
        if (d == 0.0)
            total += 1.0;
        else if (d > -40.0)
            total += exp(d);
    }
    return total == 1.0 ? largest : largest + log(total);
}

// One deciding step of the forward sums.
static void step(const Sequence *q, uint32_t row, const double *now, const double *from,
                 double *to, double *terms) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    const uint32_t *only = g->only + row * n_states, *start = g->start + row * (n_states + 1);
    for (int64_t s = 0; s < n_states; s++) to[s] = from[only[s]];
    for (uint32_t k = g->scored_start[row]; k < g->scored_start[row + 1]; k++)
        to[g->scored_target[k]] += crf_score(q, g->transition + g->scored[k], now);
    for (uint32_t k = g->join_start[row]; k < g->join_start[row + 1]; k++) {
        uint32_t s = g->join[k], n = start[s + 1] - start[s];
        const Transition *x = g->transition + start[s];
        double largest = -INFINITY;
        for (uint32_t a = 0; a < n; a++) {
            terms[a] = from[x[a].source] + crf_score(q, x + a, now);
            largest = terms[a] > largest ? terms[a] : largest;
        }
        to[s] = largest > -INFINITY ? log_sum(terms, n, largest) : largest;
    }
    for (int64_t s = 0; s < n_states; s++) to[s] += crf_emission(g, s, now);
}

// Where states are restricted, give up those that are not allowed.
void crf_restrict(const Sequence *q, int64_t t, double *states) {
    if (!q->allowed) return;
    const uint8_t *allowed = q->allowed + t * q->g->n_states;
    for (int64_t s = 0; s < q->g->n_states; s++)
        if (!allowed[s]) states[s] = -INFINITY;
}

// Forward sums of the steps from position `base` on to the one before `stop`, where `f->alpha` are
// those of `base`. What rescaling takes off is added to the scale.
static void fill(const Sequence *q, Forward *f, int64_t base, int64_t stop, Sum *scale) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    Tile *tile = &f->tile;
    f->n_stored = 0;
    for (; base < stop - 1; base += tile->count) {
        crf_load(q, tile, base, stop);
        for (int part = 0; part < tile->parts; part++) {
            int i = tile->first[part];
            if (tile->circle[i] >= 0) {
                int n = tile->first[part + 1] - i;
                crf_add_run(q, tile, i, n, f->sums, f->alpha, f->scratch);
            } else {
                memcpy(f->stored + f->n_stored++ * n_states, f->alpha,
                       (size_t)n_states * sizeof(double));
                const double *now = crf_values(q, base + i, f->values);
                step(q, tile->row[i], now, f->alpha, f->scratch, f->terms);
                crf_restrict(q, base + i, f->scratch);
            }
            double *alpha = f->scratch;
            f->scratch = f->alpha;
            f->alpha = alpha;
        }
        if ((base + tile->count) % TILE == 0) crf_rescale(f->alpha, n_states, scale);
    }
}

int crf_forward_new(Forward *f, const Batch *batch) {
    const Grammar *g = batch->grammar;
    int64_t n_states = g->n_states, longest = crf_longest(batch), block = longest, most = 0;
    for (int64_t b = 0; b < batch->n_batch; b++) {
        Sequence q = crf_sequence(batch, b);
        int64_t n = crf_decisions(&q);
        most = n > most ? n : most;
    }
    if (most > WHOLE / n_states) {
        block = BLOCK / n_states / TILE * TILE;
        if (block < TILE) block = TILE;
        most = block;
    }
    if (block < 1) block = 1;
    int64_t n_blocks = longest / block + 1;
    *f = (Forward){.block = block};
    f->alpha = malloc((size_t)(n_states + 1) * sizeof(double));
    f->scratch = malloc((size_t)(n_states + 1) * sizeof(double));
    f->stored = malloc((size_t)(most * n_states + 1) * sizeof(double));
    f->checkpoints = malloc((size_t)(n_blocks * n_states) * sizeof(double));
    f->last = malloc((size_t)n_states * sizeof(double));
    f->terms = malloc((size_t)n_states * sizeof(double));
    f->sums = malloc((size_t)(g->most_tracks + 1) * sizeof(double));
    f->values = malloc((size_t)(2 * (g->n_scores + 1)) * sizeof(double));
    if (!f->alpha || !f->scratch) return 0;
    f->alpha[n_states] = f->scratch[n_states] = -INFINITY;
    return f->stored && f->checkpoints && f->last && f->terms && f->sums && f->values;
}

void crf_forward_free(Forward *f) {
    free(f->alpha);
    free(f->scratch);
    free(f->stored);
    free(f->checkpoints);
    free(f->last);
    free(f->terms);
    free(f->sums);
    free(f->values);
}

// Forward sums of a sequence of one position or more.
void crf_forward(const Sequence *q, Forward *f) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    size_t size = (size_t)n_states * sizeof(double);
    Sum scale = {0.0, 0.0};
    const double *now = crf_values(q, 0, f->values);
    for (int64_t s = 0; s < n_states; s++)
        f->alpha[s] = q->begin[s] ? crf_emission(g, s, now) : -INFINITY;
    crf_restrict(q, 0, f->alpha);
    crf_rescale(f->alpha, n_states, &scale);
    f->n_blocks = 0;
    do {
        int64_t base = f->n_blocks * f->block;
        int64_t stop = q->n - 1 - base > f->block ? base + f->block + 1 : q->n;
        memcpy(f->checkpoints + f->n_blocks++ * n_states, f->alpha, size);
        fill(q, f, base, stop, &scale);
    } while (f->n_blocks * f->block < q->n - 1);
    double largest = -INFINITY, total = 0.0;
    for (int64_t s = 0; s < n_states; s++)
        if (q->end[s] && f->alpha[s] > largest) largest = f->alpha[s];
    f->z = crf_good(q) ? largest : NAN;
    if (!(f->z > -INFINITY)) return;
    for (int64_t s = 0; s < n_states; s++) {
        f->last[s] = q->end[s] ? exp(f->alpha[s] - largest) : 0.0;
        total += f->last[s];
    }
    for (int64_t s = 0; s < n_states; s++) f->last[s] /= total;
    crf_add(&scale, largest);
    crf_add(&scale, log(total));
    f->z = scale.high + scale.low;
    // Sums may still have become too large.
    if (!isfinite(f->z)) f->z = NAN;
}

// Compute the forward sums of a block again, unless they are those at hand.
static void refill(const Sequence *q, Forward *f, int64_t block) {
    if (block == f->n_blocks - 1) return;
    int64_t n_states = q->g->n_states;
    Sum scale = {0.0, 0.0};
    memcpy(f->alpha, f->checkpoints + block * n_states, (size_t)n_states * sizeof(double));
    fill(q, f, block * f->block, (block + 1) * f->block + 1, &scale);
}

// Carry the probabilities of the states at a position over to those of the one before.
//
// `alpha` are the forward sums there. If `d_weights` is not null, the probability of each
// transition is added to its weight in it and to its events in `d_now` and the row before it.
void crf_split(const Sequence *q, uint32_t row, const double *alpha, const double *now,
               const double *p, double *p_past, double *d_weights, double *d_now, double *terms) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    const uint32_t *only = g->only + row * n_states, *start = g->start + row * (n_states + 1);
    double *d_past = d_weights ? d_now - (g->n_scores + 1) : NULL;
    memset(p_past, 0, (size_t)(n_states + 1) * sizeof(double));
    for (int64_t s = 0; s < n_states; s++) p_past[only[s]] += p[s];
    if (d_weights)
        for (uint32_t k = g->scored_start[row]; k < g->scored_start[row + 1]; k++) {
            const Transition *x = g->transition + g->scored[k];
            double share = p[g->scored_target[k]];
            d_weights[x->weight] += share;
            d_now[x->enter] += share;
            d_past[x->leave] += share;
        }
    for (uint32_t k = g->join_start[row]; k < g->join_start[row + 1]; k++) {
        uint32_t s = g->join[k], n = start[s + 1] - start[s];
        if (p[s] < TINY) continue;
        const Transition *x = g->transition + start[s];
        double largest = -INFINITY, total = 0.0;
        for (uint32_t a = 0; a < n; a++) {
            terms[a] = alpha[x[a].source] + crf_score(q, x + a, now);
            largest = terms[a] > largest ? terms[a] : largest;
        }
        for (uint32_t a = 0; a < n; a++) {
            double d = terms[a] - largest;
            terms[a] = d == 0.0 ? 1.0 : d > LOG_TINY ? exp(d) : 0.0;
            total += terms[a];
        }
        for (uint32_t a = 0; a < n; a++) {
            double share = terms[a] * (p[s] / total);
            p_past[x[a].source] += share;
            if (!d_weights) continue;
            d_weights[x[a].weight] += share;
            d_now[x[a].enter] += share;
            d_past[x[a].leave] += share;
        }
    }
}

// The same over n steps around a circle, of which the last is step i.
void crf_split_run(const Grammar *g, const Tile *tile, int i, int n, const double *p,
                   double *p_past) {
    int64_t circle = tile->circle[i], at = n % (int)g->period[circle];
    const uint32_t *turn = g->turn + (circle * g->most_steps + at) * g->n_states;
    for (int64_t s = 0; s < g->n_states; s++) p_past[s] = p[turn[s]];
}

Descent crf_descent(const Sequence *q, Forward *f) {
    int64_t block = q->n > 1 ? f->n_blocks : 0;
    f->tile.base = block * f->block;
    return (Descent){.q = q, .f = f, .block = block};
}

// Go on to the next lower steps; return how many they are, 0 after the first step.
int crf_down(Descent *d) {
    Forward *f = d->f;
    Tile *tile = &f->tile;
    if (d->part == 0) {
        int64_t base = tile->base - TILE;
        if (tile->base == d->block * f->block) {
            if (d->block-- == 0) return 0;
            refill(d->q, f, d->block);
            d->stored = f->n_stored;
            int64_t last = (d->block + 1) * f->block;
            if (last > d->q->n - 1) last = d->q->n - 1;
            base = (last - 1) / TILE * TILE;
        }
        crf_load(d->q, tile, base, d->q->n);
        d->part = tile->parts;
    }
    d->i = tile->first[d->part] - 1;
    d->n = d->i + 1 - tile->first[--d->part];
    d->alpha = NULL;
    if (tile->circle[d->i] < 0) d->alpha = f->stored + --d->stored * d->q->g->n_states;
    return d->n;
}
