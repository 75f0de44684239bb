// The CRF: what its files share. dnatag/native/crf.py says what the functions for callers do.
//
// Forward sums and scores are logarithms in double precision, rescaled every TILE positions, so
// that sequences of any length keep full precision. A sequence is read tile by tile: the steps
// from position base to base + count. Steps along which every state has exactly one way on, in a
// circle of few states (a row with a `circle`), are taken many at a time: what the states gain are
// sums of scores, and no decision needs to be kept.

#ifndef DNATAG_CRF_H
#define DNATAG_CRF_H

#include <stdint.h>

// Positions at multiples of this are where forward sums are rescaled.
#define TILE 64
// Probabilities below this, and ratios below its logarithm, count as zero.
#define TINY 1e-250
#define LOG_TINY (-575.6462732485115)

// A step from a state, with the weight and the scores that it adds: one of the state that it
// enters, one of the position that it leaves.
typedef struct {
    uint32_t source, weight, enter, leave;
} Transition;

// A grammar as the loops read it. Absent weights and scores point to a zero behind the last one.
typedef struct {
    int64_t n_flags, n_states, n_scores, n_weights;
    int64_t n_emissions; // M
    const uint32_t *row; // (4**n_flags): row of the flags of two neighbours
    const uint32_t *start; // (R, S + 1): slices of the next, by target
    const Transition *transition;
    const uint32_t *emission; // (M, S): scores that a state adds up
    // The same by what is to be done: states that are reached from one state only, transitions into
    // such states that have a weight or an event, and states that are reached from several.
    const uint32_t *only; // (R, S): that state, S if there is none or several
    const uint32_t *scored_start, *scored; // (R + 1): slices of the next, transitions
    const uint32_t *scored_target; // of the transitions in `scored`
    const uint32_t *join_start, *join; // (R + 1): slices of the next, states
    // Rows whose steps are circles; P steps lead back to where they began.
    int64_t most_steps, most_tracks; // largest P and T
    const int32_t *circle; // (R): its number, -1 for none
    const uint32_t *period; // P of each circle
    const uint32_t *n_tracks; // T of each circle
    const uint16_t *behind; // (circles, S): the state from which a state is reached
    const uint32_t *turn; // (circles, most_steps, S): where a state is after so many steps
    const uint32_t *track; // (circles, M, S): tracks that a state passes, `most_tracks` for none
    // (circles, most_steps, most_tracks): score of a track after so many steps; most_tracks is a
    // multiple of 4, and scores of tracks that are not there are any.
    const uint32_t *track_score;
} Grammar;

// Sequences padded to the same length; `allowed` may be null: no restriction.
typedef struct {
    const Grammar *grammar;
    const double *weights; // (W + 1), a zero last
    const void *scores; // float or double (B, L, C)
    int64_t single; // whether float
    const uint8_t *flags; // (B, L)
    const int64_t *lengths; // (B)
    const uint8_t *allowed; // (B, L, S)
    const uint8_t *begin, *end; // (B, S)
    int64_t n_batch, n_positions;
} Batch;

// One of them.
typedef struct {
    const Grammar *g;
    const double *weights;
    const void *scores;
    int single;
    const uint8_t *flags, *allowed, *begin, *end;
    int64_t n;
} Sequence;

// A stretch of steps, cut into parts: a deciding step, or steps around the same circle.
typedef struct {
    int64_t base;
    int count, parts;
    uint32_t row[TILE + 1]; // of the step to position base + i
    int32_t circle[TILE + 1]; // of the same, -1 if a decision is to be made
    int first[TILE + 2]; // i of the first step of each part, count + 1 after the last
} Tile;

// Compensated sum: the sum, and its lost low part.
typedef struct {
    double high, low;
} Sum;

// Forward sums of a sequence: those before each deciding step of a block, and of each block's base.
typedef struct {
    double z; // log partition, NaN if a score is NaN or infinity
    int64_t block, n_blocks; // block i has the steps to positions i * block + 1 ...
    int64_t n_stored; // deciding steps of the block filled last
    double *alpha, *scratch; // (S + 1), -infinity last
    double *stored; // (up to `block`, S)
    double *checkpoints; // (n_blocks, S)
    double *last; // (S): posterior of the states at the last position
    double *terms; // (S)
    double *sums; // (most_tracks + 1)
    double *values; // (2, C + 1): of a deciding step, see crf_values
    Tile tile;
} Forward;

// Of a row of scores and the one before it: what a state adds up, and what a transition does.

static inline double crf_emission(const Grammar *g, int64_t s, const double *now) {
    double total = now[g->emission[s]];
    for (int64_t j = 1; j < g->n_emissions; j++) total += now[g->emission[j * g->n_states + s]];
    return total;
}

static inline double crf_score(const Sequence *q, const Transition *a, const double *now) {
    const double *past = now - (q->g->n_scores + 1);
    return q->weights[a->weight] + (now[a->enter] + past[a->leave]);
}

Sequence crf_sequence(const Batch *batch, int64_t b);
int64_t crf_longest(const Batch *batch);
int64_t crf_decisions(const Sequence *q);
int crf_good(const Sequence *q);

void crf_load(const Sequence *q, Tile *tile, int64_t base, int64_t stop);
const double *crf_values(const Sequence *q, int64_t t, double *values);
void crf_add_run(const Sequence *q, const Tile *tile, int i, int n, double *sums,
                 const double *from, double *to);
void crf_restrict(const Sequence *q, int64_t t, double *states);
void crf_rescale(double *states, int64_t n, Sum *scale);
void crf_add(Sum *total, double x);

int crf_forward_new(Forward *f, const Batch *batch);
void crf_forward_free(Forward *f);
void crf_forward(const Sequence *q, Forward *f);
void crf_split(const Sequence *q, uint32_t row, const double *alpha, const double *now,
               const double *p, double *p_past, double *d_weights, double *d_now, double *terms);
void crf_split_run(const Grammar *g, const Tile *tile, int i, int n, const double *p,
                   double *p_past);
void crf_normalise(double *p, int64_t n);

// The steps of a sequence from the last to the first, after crf_forward.
typedef struct {
    const Sequence *q;
    Forward *f;
    int64_t block, stored;
    int part;
    int i, n; // the steps to positions base + i - n + 1 ... base + i of `f->tile`
    const double *alpha; // before a deciding step, of which n is 1; null for steps around a circle
} Descent;

Descent crf_descent(const Sequence *q, Forward *f);
int crf_down(Descent *d);

#endif
