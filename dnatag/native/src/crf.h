// The CRF: what its files share. dnatag/native/crf.py says what the functions for callers do.
//
// Most steps of some grammars only turn the states: every state has exactly one way on, and after
// a period of few steps all are where they were. So states are numbered by where they would be at
// position 0 if they only turned, and a step lists the *targets* at which something else happens:
// an event. Between events nothing is computed but sums of scores, which few series of scores, the
// *tracks*, give to all states. A grammar that does not turn has a period of 1 and a track for each
// score.
//
// Forward sums and scores are logarithms in double precision. A sequence is read tile by tile: the
// steps from position base to base + count. Within a tile the sums do not have what the tracks of
// their state have added up since its base. At its end that is added, and they are rescaled, so
// that sequences of any length keep full precision.

#ifndef DNATAG_CRF_H
#define DNATAG_CRF_H

#include <stdint.h>

// Tiles end at multiples of this, at the latest.
#define TILE 64
// Scores beyond this end a tile: what a track has added up could not be taken off again.
#define TAME 1e6
// Probabilities below this, and ratios below its logarithm, count as zero.
#define TINY 1e-250
#define LOG_TINY (-575.6462732485115)

// A step from a state, with the weight and the scores that it adds: one of the state that it
// enters, one of the position that it leaves.
typedef struct {
    uint32_t source, weight, enter, leave;
} Transition;

// A state, and its links from `first` on to the one before `end`.
typedef struct {
    uint32_t state, first, end;
} Target;

// A grammar as the loops read it. Absent weights and scores point to a zero behind the last one.
typedef struct {
    int64_t n_flags, n_states, n_scores, n_weights;
    int64_t n_emissions; // M
    const uint32_t *row; // (4**n_flags): row of the flags of two neighbours
    const uint32_t *start; // (R, S + 1): slices of the next, by target
    const Transition *transition;
    const uint32_t *emission; // (M, S): scores that a state adds up
    // The same as states turn, P steps in a period; step r * P + t % P to position t is of row r.
    int64_t period, n_tracks, most_links; // P, T, and transitions of an event at most
    const uint32_t *turn; // (P, S): where a state is after so many steps
    const uint32_t *track; // (M, S): tracks that a state adds up, T for none
    const uint32_t *track_score; // (P, T): score of a track after so many steps
    const uint32_t *target_start; // (R * P + 1): slices of the next
    const Target *target; // what does more than turn
    const uint32_t *link_start; // (R * P + 1): slices of the next
    const Transition *link; // transitions to the targets, in their order
    const uint32_t *part_start, *part; // (R * P + 1), slices: states that are targets or sources
    const uint16_t *slot; // (R * P, S): number of a state among the targets, or 65535
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
    int good, tame; // whether no score or weight is NaN or infinity; whether no score ends a tile
} Sequence;

// A stretch of steps, and those to positions base + at[i] that are events.
typedef struct {
    int64_t base;
    int count, events;
    int at[TILE + 1];
    uint32_t step[TILE + 1];
    double *sums; // (TILE + 1, T + 1): of the tracks, and a zero; first those of the base
} Tile;

// Compensated sum: the sum, and its lost low part.
typedef struct {
    double high, low;
} Sum;

// Forward sums of a sequence, and how they came about: for the events of a block, the share that
// each transition has in its target. The sums themselves are kept for the base of each block.
typedef struct {
    double z; // log partition, NaN if a score is NaN or infinity
    int64_t block, n_blocks; // block i has the steps to positions i * block + 1 ...
    int64_t n_shares; // of the block filled last
    double *alpha; // (S)
    double *shares; // as many as the events of a block need
    double *checkpoints; // (n_blocks, S)
    double *last; // (S): posterior of the states at the last position
    double *passed, *terms; // (S)
    double *values; // (2, C + 1): see crf_values
    Tile tile;
} Forward;

// What a state adds up of a row of scores.
static inline double crf_emission(const Grammar *g, int64_t s, const double *now) {
    double total = now[g->emission[s]];
    for (int64_t j = 1; j < g->n_emissions; j++) total += now[g->emission[j * g->n_states + s]];
    return total;
}

// What a transition adds, of a row of scores and the one before it.
static inline double crf_score(const Sequence *q, const Transition *a, const double *now) {
    const double *past = now - (q->g->n_scores + 1);
    return q->weights[a->weight] + (now[a->enter] + past[a->leave]);
}

// Where state s is at a position.
static inline uint32_t crf_turned(const Grammar *g, int64_t position, int64_t s) {
    return g->turn[position % g->period * g->n_states + s];
}

// What each of n states has passed, given the sums of the tracks.
static inline void crf_passed(const Grammar *g, const uint32_t *states, int64_t n,
                              const double *sums, double *passed) {
    const uint32_t *track = g->track;
    for (int64_t i = 0; i < n; i++) passed[states[i]] = sums[track[states[i]]];
    for (int64_t j = 1; j < g->n_emissions; j++) {
        track += g->n_states;
        for (int64_t i = 0; i < n; i++) passed[states[i]] += sums[track[states[i]]];
    }
}

Sequence crf_sequence(const Batch *batch, int64_t b);
int64_t crf_longest(const Batch *batch);
int64_t crf_count(const Batch *batch, int64_t b, const uint32_t *start);

int crf_tile_new(Tile *tile, const Grammar *g);
void crf_events(const Sequence *q, Tile *tile, int64_t base, int64_t stop);
void crf_load(const Sequence *q, Tile *tile, int64_t base, int64_t stop);
const double *crf_values(const Sequence *q, int64_t t, double *values);
const double *crf_before(const Sequence *q, const Tile *tile, int event, double *passed);
void crf_end(const Grammar *g, const Tile *tile, double *passed, double *states);
void crf_restrict(const Sequence *q, int64_t first, int64_t last, double *states);
void crf_rescale(double *states, int64_t n, Sum *scale);
void crf_add(Sum *total, double x);

int crf_forward_new(Forward *f, const Batch *batch);
void crf_forward_free(Forward *f);
void crf_forward(const Sequence *q, Forward *f);
void crf_split(const Grammar *g, uint32_t step, const double *shares, double *p, double *moved);
void crf_normalise(double *p, int64_t n);

// The events of a sequence from the last to the first, after crf_forward.
typedef struct {
    const Sequence *q;
    Forward *f;
    int64_t block, stored;
    int event;
    int fresh; // whether a tile has been begun
    int64_t t; // the event's position
    uint32_t step;
    const double *shares;
} Descent;

Descent crf_descent(const Sequence *q, Forward *f);
int crf_down(Descent *d);

#endif
