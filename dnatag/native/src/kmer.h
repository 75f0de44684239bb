// The network of k-mers: what both of its files know.

#ifndef DNATAG_KMER_H
#define DNATAG_KMER_H

#include "kernels.h"

// Weights. A row of a table is `width` floats: the gate columns, 4 * units in the order of
// `struct step`, and the dense scores of a step, own = stride * (scores - 1), filled up to a
// multiple of the lanes.
struct kmer_network {
    int32_t set;
    int32_t symbols, letters, kmer, embedding;
    int32_t stride, hidden, units, own, width;
    int32_t scores;        // of one strand: the dense ones and that of sites
    int32_t head_columns;  // 2 * own, filled up to a multiple of the lanes
    int32_t features;
    int32_t before, behind, site_embedding, site_hidden;
    int32_t site_columns;  // site_hidden, filled up to a multiple of the lanes
    const float *spread;    // (symbols, letters)
    const int8_t *letter;   // of each symbol, -1 if it is not one letter
    const uint8_t *mirror;  // symbol of the other strand
    const int32_t *turned;  // order of the features on the other strand
    const float *vectors;   // (letters ** kmer, embedding)
    const float *inputs;    // (stride), each packed (embedding, width)
    const float *bias;      // (width), of the first place of a step
    const float *tables;    // (stride, letters ** kmer, width)
    const float *of_features;  // (stride, features, width)
    const float *recurrent;    // as of `struct step`
    const float *head;         // packed (hidden, head_columns): for the own strand and the other
    const float *site_vectors;  // (letters ** kmer, site_embedding), a multiple of 8
    const float *site_bias;     // (site_columns)
    const float *context;       // (stride), each packed (2 * hidden, site_columns)
    const float *view;  // packed ((before + behind) * site_embedding, site_columns)
    // The layers of the score of a site: packed (features, site_columns), (site_hidden,
    // site_columns) and (site_hidden, 1 column filled up), and the biases of the last two.
    const float *score_features, *score, *score_bias, *last, *last_bias;
};

// A stretch to be read, and where the results for its kept part go.
//
// Sites are those of the forward, then those of the reverse strand, each in ascending order.
struct kmer_tile {
    const uint8_t *symbols;  // (length)
    const float *features;   // (length, features)
    int64_t length;          // a multiple of the stride
    int64_t start, end;      // kept
    int64_t sites[2];        // how many, of each strand
    const int32_t *place;    // of each site, from `start` on
    float *scores;           // (end - start, 2 * scores), zeros
    float *seen;             // (sites, site_hidden)
};

// The k-mers of the rows of a batch; those with other symbols than letters have rows of their own.
struct kmers {
    int32_t **index;  // of each row, one number for each position
    int64_t size;     // number of k-mers of letters
    int64_t mixed;    // number of others; their numbers begin at `size`
    uint64_t *words;  // of these
    int32_t *slots;   // hash table of the words, -1 where empty
    int64_t capacity;
    float *rows;          // (stride, mixed, width)
    float *site_vectors;  // (mixed, site_embedding)
};

// Number the k-mers; rows are the tiles forward and reverse in turn. Returns -1 if there is no
// memory; to be freed in any case.
int dnatag_index_kmers(
    const struct kmer_network *network, int64_t tiles, const struct kmer_tile *tile,
    struct kmers *kmers);
void dnatag_free_kmers(struct kmers *kmers, int64_t rows);

#endif
