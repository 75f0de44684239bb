// The CRF: tiles, forward sums, and how posteriors are carried back.

#include "crf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Sequences with up to so many forward sums keep all of them; of longer ones, blocks of the second
// size are computed again on the way back.
#define WHOLE (1 << 21)
#define BLOCK (1 << 17)

Sequence crf_sequence(const Batch *batch, int64_t b) {
    const Grammar *g = batch->grammar;
    int64_t first = b * batch->n_positions;
    size_t size = batch->single ? sizeof(float) : sizeof(double);
    return (Sequence){
        .g = g,
        .theta = batch->theta,
        .channels = (const char *)batch->channels + (size_t)(first * g->n_channels) * size,
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

// Read the steps from position `base` to the next multiple of TILE or the one before `stop`.
void crf_load(const Sequence *q, Tile *tile, int64_t base, int64_t stop) {
    const Grammar *g = q->g;
    int64_t n_channels = g->n_channels, last = (base / TILE + 1) * TILE;
    if (last > stop - 1) last = stop - 1;
    int count = (int)(last - base), good = 1;
    double *to = tile->values;
    for (int i = 0; i <= count; i++, to += n_channels + 1) {
        int64_t first = (base + i) * n_channels;
        if (q->single)
            for (int64_t c = 0; c < n_channels; c++) to[c] = ((const float *)q->channels)[first + c];
        else
            for (int64_t c = 0; c < n_channels; c++) to[c] = ((const double *)q->channels)[first + c];
        for (int64_t c = 0; c < n_channels; c++) good &= to[c] < INFINITY;
        to[n_channels] = 0.0;
    }
    const uint8_t *flags = q->flags + base;
    for (int i = 1; i <= count; i++) {
        uint32_t row = g->row[((uint32_t)flags[i - 1] << g->bits) | flags[i]];
        tile->row[i] = row;
        tile->circle[i] = q->allowed ? -1 : g->circle[row];
    }
    tile->base = base;
    tile->count = count;
    tile->good = good;
}

// Number of steps from i on that go around the same circle as step i; 0 for a deciding step.
int crf_run(const Tile *tile, int i) {
    int first = i;
    if (tile->circle[i] < 0) return 0;
    while (i <= tile->count && tile->circle[i] == tile->circle[first]) i++;
    return i - first;
}

// The same, of the steps up to i.
int crf_run_down(const Tile *tile, int i) {
    int last = i;
    if (tile->circle[i] < 0) return 0;
    while (i > 0 && tile->circle[i] == tile->circle[last]) i--;
    return last - i;
}

// Take n steps around a circle, the first of them step i: add to each state what it passes.
void crf_add_run(const Grammar *g, const Tile *tile, int i, int n, double *sums, const double *from,
                 double *to) {
    int64_t n_states = g->n_states, width = g->n_channels + 1, circle = tile->circle[i];
    int64_t n_tracks = g->n_tracks[circle];
    uint32_t period = g->period[circle], at = 0;
    const uint32_t *channels = g->track_channel + circle * g->most_steps * g->most_tracks;
    memset(sums, 0, (size_t)(n_tracks + 1) * sizeof(double));
    for (int k = i; k < i + n; k++) {
        if (++at == period) at = 0;
        const double *values = tile->values + k * width;
        const uint32_t *channel = channels + at * g->most_tracks;
        for (int64_t j = 0; j < n_tracks; j++) sums[j] += values[channel[j]];
    }
    const uint32_t *turn = g->turn + (circle * g->most_steps + at) * n_states;
    const uint32_t *track = g->track + circle * g->n_emissions * n_states;
    for (int64_t s = 0; s < n_states; s++) {
        double total = sums[track[s]];
        for (int64_t j = 1; j < g->n_emissions; j++) total += sums[track[j * n_states + s]];
        to[turn[s]] = from[s] + total;
    }
}

double crf_emission(const Grammar *g, int64_t s, const double *values) {
    double total = values[g->emission[s]];
    for (int64_t j = 1; j < g->n_emissions; j++) total += values[g->emission[j * g->n_states + s]];
    return total;
}

double crf_score(const Sequence *q, uint32_t a, const double *now, const double *past) {
    const Grammar *g = q->g;
    return q->theta[g->weight[a]] + (now[g->enter[a]] + past[g->leave[a]]);
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
static void step(const Sequence *q, uint32_t row, const double *now, const double *past,
                 const double *from, double *to, double *terms) {
    const Grammar *g = q->g;
    const uint32_t *start = g->start + row * (g->n_states + 1);
    for (int64_t s = 0; s < g->n_states; s++) {
        uint32_t low = start[s], high = start[s + 1];
        double total = -INFINITY;
        if (high - low == 1) {
            total = from[g->source[low]] + crf_score(q, low, now, past);
        } else if (high > low) {
            for (uint32_t a = low; a < high; a++) {
                double x = from[g->source[a]] + crf_score(q, a, now, past);
                terms[a - low] = x;
                if (x > total) total = x;
            }
            if (total > -INFINITY) total = log_sum(terms, high - low, total);
        }
        to[s] = total + crf_emission(g, s, now);
    }
}

static void restrict_to(const Sequence *q, int64_t t, double *states) {
    if (!q->allowed) return;
    const uint8_t *allowed = q->allowed + t * q->g->n_states;
    for (int64_t s = 0; s < q->g->n_states; s++)
        if (!allowed[s]) states[s] = -INFINITY;
}

static double *swap(double **a, double **b) {
    double *other = *a;
    *a = *b;
    *b = other;
    return *a;
}

// Forward sums of the steps from position `base` on to the one before `stop`, where `f->alpha` are
// those of `base`. What rescaling takes off is added to the scale; 0 if a channel is not good.
static int fill(const Sequence *q, Forward *f, int64_t base, int64_t stop, Sum *scale) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states, width = g->n_channels + 1;
    Tile *tile = &f->tile;
    int good = 1;
    f->n_stored = 0;
    for (; base < stop - 1; base += tile->count) {
        crf_load(q, tile, base, stop);
        good &= tile->good;
        for (int i = 1, n; i <= tile->count; i += n) {
            n = crf_run(tile, i);
            if (n > 0) {
                crf_add_run(g, tile, i, n, f->sums, f->alpha, f->scratch);
            } else {
                n = 1;
                memcpy(f->stored + f->n_stored++ * n_states, f->alpha,
                       (size_t)n_states * sizeof(double));
                const double *now = tile->values + i * width;
                step(q, tile->row[i], now, now - width, f->alpha, f->scratch, f->terms);
                restrict_to(q, base + i, f->scratch);
            }
            swap(&f->alpha, &f->scratch);
        }
        if ((base + tile->count) % TILE == 0) crf_rescale(f->alpha, n_states, scale);
    }
    return good;
}

int crf_forward_new(Forward *f, const Grammar *g, int64_t longest) {
    int64_t n_states = g->n_states, width = g->n_channels + 1;
    int64_t block = longest;
    if (longest > WHOLE / n_states) {
        block = BLOCK / n_states / TILE * TILE;
        if (block < TILE) block = TILE;
    }
    if (block < 1) block = 1;
    int64_t n_blocks = longest / block + 1;
    *f = (Forward){.block = block};
    f->alpha = malloc((size_t)n_states * sizeof(double));
    f->scratch = malloc((size_t)n_states * sizeof(double));
    f->stored = malloc((size_t)(block * n_states) * sizeof(double));
    f->checkpoints = malloc((size_t)(n_blocks * n_states) * sizeof(double));
    f->last = malloc((size_t)n_states * sizeof(double));
    f->terms = malloc((size_t)n_states * sizeof(double));
    f->sums = malloc((size_t)(g->most_tracks + 1) * sizeof(double));
    f->tile.values = malloc((size_t)((TILE + 1) * width) * sizeof(double));
    return f->alpha && f->scratch && f->stored && f->checkpoints && f->last && f->terms &&
           f->sums && f->tile.values;
}

void crf_forward_free(Forward *f) {
    free(f->alpha);
    free(f->scratch);
    free(f->stored);
    free(f->checkpoints);
    free(f->last);
    free(f->terms);
    free(f->sums);
    free(f->tile.values);
}

// Forward sums of a sequence of one position or more.
void crf_forward(const Sequence *q, Forward *f) {
    const Grammar *g = q->g;
    int64_t n_states = g->n_states;
    size_t size = (size_t)n_states * sizeof(double);
    Sum scale = {0.0, 0.0};
    crf_load(q, &f->tile, 0, 1);
    int good = f->tile.good;
    for (int64_t s = 0; s < n_states; s++)
        f->alpha[s] = q->begin[s] ? crf_emission(g, s, f->tile.values) : -INFINITY;
    restrict_to(q, 0, f->alpha);
    crf_rescale(f->alpha, n_states, &scale);
    f->n_blocks = 0;
    do {
        int64_t base = f->n_blocks * f->block;
        int64_t stop = q->n - 1 - base > f->block ? base + f->block + 1 : q->n;
        memcpy(f->checkpoints + f->n_blocks++ * n_states, f->alpha, size);
        good &= fill(q, f, base, stop, &scale);
    } while (f->n_blocks * f->block < q->n - 1);
    double largest = -INFINITY, total = 0.0;
    for (int64_t s = 0; s < n_states; s++)
        if (q->end[s] && f->alpha[s] > largest) largest = f->alpha[s];
    f->z = good ? largest : NAN;
    if (!(f->z > -INFINITY)) return;
    for (int64_t s = 0; s < n_states; s++) {
        f->last[s] = q->end[s] ? exp(f->alpha[s] - largest) : 0.0;
        total += f->last[s];
    }
    for (int64_t s = 0; s < n_states; s++) f->last[s] /= total;
    crf_add(&scale, largest);
    crf_add(&scale, log(total));
    f->z = scale.high + scale.low;
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
// `alpha` are the forward sums there. If `d_theta` is not null, the probability of each transition
// is added to its weight in it and to its events in `d_now` and `d_past`.
void crf_split(const Sequence *q, uint32_t row, const double *alpha, const double *now,
               const double *past, const double *p, double *p_past, double *d_theta, double *d_now,
               double *d_past, double *terms) {
    const Grammar *g = q->g;
    const uint32_t *start = g->start + row * (g->n_states + 1);
    memset(p_past, 0, (size_t)g->n_states * sizeof(double));
    for (int64_t s = 0; s < g->n_states; s++) {
        uint32_t low = start[s], high = start[s + 1], n = high - low;
        if (p[s] < TINY || n == 0) continue;
        if (n == 1) {
            terms[0] = p[s];
        } else {
            double largest = -INFINITY, total = 0.0;
            for (uint32_t k = 0; k < n; k++) {
                terms[k] = alpha[g->source[low + k]] + crf_score(q, low + k, now, past);
                if (terms[k] > largest) largest = terms[k];
            }
            for (uint32_t k = 0; k < n; k++) {
                double d = terms[k] - largest;
                terms[k] = d == 0.0 ? 1.0 : d > LOG_TINY ? exp(d) : 0.0;
                total += terms[k];
            }
            for (uint32_t k = 0; k < n; k++) terms[k] *= p[s] / total;
        }
        for (uint32_t k = 0; k < n; k++) p_past[g->source[low + k]] += terms[k];
        if (!d_theta) continue;
        for (uint32_t k = 0; k < n; k++) {
            d_theta[g->weight[low + k]] += terms[k];
            d_now[g->enter[low + k]] += terms[k];
            d_past[g->leave[low + k]] += terms[k];
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
    d->i -= d->n;
    if (d->i == 0) {
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
        d->i = tile->count;
    }
    d->n = crf_run_down(tile, d->i);
    d->alpha = NULL;
    if (d->n == 0) {
        d->n = 1;
        d->alpha = f->stored + --d->stored * d->q->g->n_states;
    }
    return d->n;
}
