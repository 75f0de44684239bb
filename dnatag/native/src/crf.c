// The CRF: tiles, forward sums, and how posteriors are carried back.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Sequences keep all shares if there are up to so many; of others, blocks that surely have no more
// are computed again on the way back.
#define WHOLE (1 << 21)

static Sequence sequence(const Batch *batch, int64_t b) {
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

Sequence crf_sequence(const Batch *batch, int64_t b) {
    Sequence q = sequence(batch, b);
    int64_t n = q.n * q.g->n_scores;
    int good = 1, tame = 1;
    for (int64_t w = 0; w < q.g->n_weights; w++) good &= q.weights[w] < INFINITY;
    if (q.single)
        for (int64_t i = 0; i < n; i++) {
            float x = ((const float *)q.scores)[i];
            good &= x < INFINITY;
            tame &= fabsf(x) < (float)TAME;
        }
    else
        for (int64_t i = 0; i < n; i++) {
            double x = ((const double *)q.scores)[i];
            good &= x < INFINITY;
            tame &= fabs(x) < TAME;
        }
    q.good = good;
    q.tame = tame;
    return q;
}

int64_t crf_longest(const Batch *batch) {
    int64_t longest = 0;
    for (int64_t b = 0; b < batch->n_batch; b++)
        if (batch->lengths[b] > longest) longest = batch->lengths[b];
    return longest;
}

// Number of the step to a position, whose flags these are.
static uint32_t step_to(const Grammar *g, const uint8_t *flags, int64_t phase) {
    return g->row[((uint32_t)flags[-1] << g->n_flags) | flags[0]] * (uint32_t)g->period +
           (uint32_t)phase;
}

// Count what the events of a sequence have, given where that of each step starts.
int64_t crf_count(const Batch *batch, int64_t b, const uint32_t *start) {
    Sequence q = sequence(batch, b);
    const Grammar *g = q.g;
    int64_t total = 0;
    for (int64_t t = 1, phase = 1 % g->period; t < q.n; t++) {
        uint32_t step = step_to(g, q.flags + t, phase);
        total += start[step + 1] - start[step];
        phase = phase + 1 == g->period ? 0 : phase + 1;
    }
    return total;
}

int crf_tile_new(Tile *tile, const Grammar *g) {
    tile->sums = calloc((size_t)((TILE + 1) * (g->n_tracks + 1)), sizeof(double));
    return tile->sums != NULL;
}

// Whether a score at a position ends a tile.
static int wild(const Sequence *q, int64_t t) {
    int tame = 1;
    for (int64_t i = t * q->g->n_scores; i < (t + 1) * q->g->n_scores; i++) {
        double x = q->single ? ((const float *)q->scores)[i] : ((const double *)q->scores)[i];
        tame &= fabs(x) < TAME;
    }
    return !tame;
}

// Sums of the tracks after each step of a tile; the first are zeros.
#define ADD_TRACKS(TYPE)                                                                 \
    for (int i = 1; i <= tile->count; i++) {                                             \
        const TYPE *now = (const TYPE *)q->scores + (tile->base + i) * g->n_scores;      \
        const uint32_t *column = g->track_score + phase * n_tracks;                      \
        for (int64_t k = 0; k < n_tracks; k++)                                           \
            sums[n_tracks + 1 + k] = sums[k] + now[column[k]];                           \
        sums += n_tracks + 1;                                                            \
        phase = phase + 1 == period ? 0 : phase + 1;                                     \
    }

// Find the events of the steps from position `base` to the next multiple of TILE or the one before
// `stop`.
void crf_events(const Sequence *q, Tile *tile, int64_t base, int64_t stop) {
    const Grammar *g = q->g;
    int64_t last = (base / TILE + 1) * TILE, phase = (base + 1) % g->period;
    if (last > stop - 1) last = stop - 1;
    int count = (int)(last - base), events = 0;
    for (int i = 1; i <= count; i++) {
        uint32_t step = step_to(g, q->flags + base + i, phase);
        tile->at[events] = i;
        tile->step[events] = step;
        // Not a branch, which would often be guessed wrong.
        events += g->target_start[step + 1] > g->target_start[step];
        phase = phase + 1 == g->period ? 0 : phase + 1;
    }
    tile->base = base;
    tile->count = count;
    tile->events = events;
}

// Read these steps, or only those to a score that ends the tile, with the sums of the tracks.
void crf_load(const Sequence *q, Tile *tile, int64_t base, int64_t stop) {
    const Grammar *g = q->g;
    int64_t n_tracks = g->n_tracks, period = g->period, phase = (base + 1) % period;
    crf_events(q, tile, base, stop);
    for (int i = 1; !q->tame && i < tile->count; i++)
        if (wild(q, base + i)) tile->count = i;
    while (tile->events > 0 && tile->at[tile->events - 1] > tile->count) tile->events--;
    double *sums = tile->sums;
    if (q->single) {
        ADD_TRACKS(float)
    } else {
        ADD_TRACKS(double)
    }
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

// What the states that have a part in an event have passed before it.
const double *crf_before(const Sequence *q, const Tile *tile, int event, double *passed) {
    const Grammar *g = q->g;
    uint32_t step = tile->step[event], first = g->part_start[step];
    const double *sums = tile->sums + (tile->at[event] - 1) * (g->n_tracks + 1);
    crf_passed(g, g->part + first, g->part_start[step + 1] - first, sums, passed);
    return passed;
}

// Add to the states what they have passed at the end of a tile.
void crf_end(const Grammar *g, const Tile *tile, double *passed, double *states) {
    // `turn` begins with all states in order.
    crf_passed(g, g->turn, g->n_states, tile->sums + tile->count * (g->n_tracks + 1), passed);
    for (int64_t s = 0; s < g->n_states; s++) states[s] += passed[s];
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

// Where states are restricted, give up those that are not allowed at some positions.
void crf_restrict(const Sequence *q, int64_t first, int64_t last, double *states) {
    if (!q->allowed) return;
    for (int64_t t = first; t <= last; t++) {
        const uint8_t *allowed = q->allowed + t * q->g->n_states;
        for (int64_t s = 0; s < q->g->n_states; s++)
            if (!allowed[crf_turned(q->g, t, s)]) states[s] = -INFINITY;
    }
}

// Log sum of n terms, which become their shares in it.
static double log_sum(double *terms, uint32_t n) {
    double largest = -INFINITY, total = 0.0;
    for (uint32_t a = 0; a < n; a++) largest = terms[a] > largest ? terms[a] : largest;
    if (!(largest > -INFINITY)) {
        for (uint32_t a = 0; a < n; a++) terms[a] = 0.0;
        return largest;
    }
    for (uint32_t a = 0; a < n; a++) {
        double d = terms[a] - largest;
        terms[a] = d == 0.0 ? 1.0 : d > LOG_TINY ? exp(d) : 0.0;
        total += terms[a];
    }
    if (total == 1.0) return largest;
    for (uint32_t a = 0; a < n; a++) terms[a] /= total;
    return largest + log(total);
}

// Forward sums after an event, and the shares of its transitions.
static void take(const Sequence *q, Forward *f, int event, double *shares) {
    const Grammar *g = q->g;
    const Tile *tile = &f->tile;
    uint32_t step = tile->step[event], n_links = g->link_start[step + 1] - g->link_start[step];
    const Transition *link = g->link + g->link_start[step];
    const double *now = crf_values(q, tile->base + tile->at[event], f->values);
    const double *passed = crf_before(q, tile, event, f->passed);
    // All links look at the sums before the event.
    for (uint32_t a = 0; a < n_links; a++) {
        const Transition *x = link + a;
        shares[a] = f->alpha[x->source] + passed[x->source] + crf_score(q, x, now);
    }
    for (uint32_t k = g->target_start[step]; k < g->target_start[step + 1]; k++) {
        const Target *to = g->target + k;
        uint32_t n = to->end - to->first;
        f->alpha[to->state] = log_sum(shares, n) - passed[to->state];
        shares += n;
    }
}

// Forward sums of the steps from position `base` on to the one before `stop`, where `f->alpha` are
// those of `base`. What rescaling takes off is added to the scale.
static void fill(const Sequence *q, Forward *f, int64_t base, int64_t stop, Sum *scale) {
    const Grammar *g = q->g;
    Tile *tile = &f->tile;
    f->n_shares = 0;
    for (; base < stop - 1; base += tile->count) {
        crf_load(q, tile, base, stop);
        int64_t done = base;
        for (int event = 0; event < tile->events; event++) {
            int64_t t = base + tile->at[event];
            crf_restrict(q, done + 1, t - 1, f->alpha);
            take(q, f, event, f->shares + f->n_shares);
            f->n_shares += g->link_start[tile->step[event] + 1] - g->link_start[tile->step[event]];
            done = t - 1;
        }
        crf_restrict(q, done + 1, base + tile->count, f->alpha);
        crf_end(g, tile, f->passed, f->alpha);
        crf_rescale(f->alpha, g->n_states, scale);
    }
}

int crf_forward_new(Forward *f, const Batch *batch) {
    const Grammar *g = batch->grammar;
    int64_t n_states = g->n_states, longest = crf_longest(batch), block = longest, most = 0;
    for (int64_t b = 0; b < batch->n_batch; b++) {
        int64_t n = crf_count(batch, b, g->link_start);
        most = n > most ? n : most;
    }
    if (most > WHOLE) {
        block = TILE;
        while (block < longest && 2 * block * g->most_links <= WHOLE) block *= 2;
        most = block * g->most_links;
    }
    if (block < 1) block = 1;
    int64_t n_blocks = longest / block + 1;
    *f = (Forward){.block = block};
    size_t states = (size_t)n_states * sizeof(double);
    f->alpha = malloc(states);
    f->shares = malloc((size_t)(most + 1) * sizeof(double));
    f->checkpoints = malloc((size_t)n_blocks * states);
    f->last = malloc(states);
    f->passed = malloc(states);
    f->terms = malloc(states);
    f->values = malloc((size_t)(2 * (g->n_scores + 1)) * sizeof(double));
    return crf_tile_new(&f->tile, g) && f->alpha && f->shares && f->checkpoints && f->last &&
           f->passed && f->terms && f->values;
}

void crf_forward_free(Forward *f) {
    free(f->alpha);
    free(f->shares);
    free(f->checkpoints);
    free(f->last);
    free(f->passed);
    free(f->terms);
    free(f->values);
    free(f->tile.sums);
}

// Forward sums of a sequence of one position or more.
void crf_forward(const Sequence *q, Forward *f) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    size_t size = (size_t)n_states * sizeof(double);
    Sum scale = {0.0, 0.0};
    f->z = NAN;
    if (!q->good) return;
    const double *now = crf_values(q, 0, f->values);
    for (int64_t s = 0; s < n_states; s++)
        f->alpha[s] = q->begin[s] ? crf_emission(g, s, now) : -INFINITY;
    crf_restrict(q, 0, 0, f->alpha);
    crf_rescale(f->alpha, n_states, &scale);
    f->n_blocks = 0;
    do {
        int64_t base = f->n_blocks * f->block;
        int64_t stop = q->n - 1 - base > f->block ? base + f->block + 1 : q->n;
        memcpy(f->checkpoints + f->n_blocks++ * n_states, f->alpha, size);
        fill(q, f, base, stop, &scale);
    } while (f->n_blocks * f->block < q->n - 1);
    double largest = -INFINITY, total = 0.0;
    for (int64_t s = 0; s < n_states; s++) {
        if (!q->end[crf_turned(g, q->n - 1, s)]) f->alpha[s] = -INFINITY;
        if (f->alpha[s] > largest) largest = f->alpha[s];
    }
    f->z = largest;
    if (!(largest > -INFINITY)) return;
    for (int64_t s = 0; s < n_states; s++) total += f->last[s] = exp(f->alpha[s] - largest);
    for (int64_t s = 0; s < n_states; s++) f->last[s] /= total;
    crf_add(&scale, largest);
    crf_add(&scale, log(total));
    f->z = scale.high + scale.low;
    // Sums may still have become too large.
    if (!isfinite(f->z)) f->z = NAN;
}

// Compute a block again, unless it is the one at hand.
static void refill(const Sequence *q, Forward *f, int64_t block) {
    if (block == f->n_blocks - 1) return;
    int64_t n_states = q->g->n_states;
    Sum scale = {0.0, 0.0};
    memcpy(f->alpha, f->checkpoints + block * n_states, (size_t)n_states * sizeof(double));
    fill(q, f, block * f->block, (block + 1) * f->block + 1, &scale);
}

// Carry probabilities of states back over an event, in place.
void crf_split(const Grammar *g, uint32_t step, const double *shares, double *p, double *moved) {
    const Target *first = g->target + g->target_start[step];
    const Target *end = g->target + g->target_start[step + 1];
    for (const Target *to = first; to < end; to++) {
        moved[to - first] = p[to->state];
        p[to->state] = 0.0;
    }
    for (const Target *to = first; to < end; to++) {
        uint32_t n = to->end - to->first;
        double all = moved[to - first];
        for (uint32_t a = 0; all >= TINY && a < n; a++)
            p[g->link[to->first + a].source] += all * shares[a];
        shares += n;
    }
}

Descent crf_descent(const Sequence *q, Forward *f) {
    int64_t block = q->n > 1 ? f->n_blocks : 0;
    f->tile.base = block * f->block;
    return (Descent){.q = q, .f = f, .block = block};
}


// Go on to the event before; returns whether there is one.
int crf_down(Descent *d) {
    Forward *f = d->f;
    Tile *tile = &f->tile;
    d->fresh = 0;
    while (d->event == 0) {
        int64_t base = tile->base - TILE;
        if (tile->base == d->block * f->block) {
            if (d->block == 0) return 0;
            refill(d->q, f, --d->block);
            d->stored = f->n_shares;
            int64_t last = (d->block + 1) * f->block;
            if (last > d->q->n - 1) last = d->q->n - 1;
            base = (last - 1) / TILE * TILE;
        }
        crf_events(d->q, tile, base, d->q->n);
        d->event = tile->events;
        d->fresh = 1;
    }
    d->event--;
    d->t = tile->base + tile->at[d->event];
    d->step = tile->step[d->event];
    d->stored -= d->q->g->link_start[d->step + 1] - d->q->g->link_start[d->step];
    d->shares = f->shares + d->stored;
    return 1;
}
