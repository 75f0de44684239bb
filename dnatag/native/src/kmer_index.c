// Numbers of k-mers, and what stands for k-mers with ambiguous symbols.

#include <stdlib.h>
#include <string.h>

#include "kmer.h"

static int grow(struct kmers *k) {
    const int64_t capacity = k->capacity ? 2 * k->capacity : 64;
    uint64_t *words = realloc(k->words, capacity * sizeof *words);
    if (words) k->words = words;
    int32_t *slots = realloc(k->slots, 2 * capacity * sizeof *slots);
    if (slots) k->slots = slots;
    if (!words || !slots) return -1;
    k->capacity = capacity;
    const uint64_t mask = 2 * capacity - 1;
    memset(slots, -1, 2 * capacity * sizeof *slots);
    for (int64_t i = 0; i < k->mixed; i++) {
        uint64_t at = words[i] * 0x9E3779B97F4A7C15u >> 32 & mask;
        while (slots[at] >= 0) at = (at + 1) & mask;
        slots[at] = (int32_t)i;
    }
    return 0;
}

// Number of a word with other symbols than letters, among the words so far; -1: no memory.
static int32_t number_of(struct kmers *k, uint64_t word) {
    if (k->mixed == k->capacity && grow(k) < 0) return -1;
    const uint64_t mask = 2 * k->capacity - 1;
    uint64_t at = word * 0x9E3779B97F4A7C15u >> 32 & mask;
    for (; k->slots[at] >= 0; at = (at + 1) & mask)
        if (k->words[k->slots[at]] == word) return k->slots[at];
    k->words[k->mixed] = word;
    k->slots[at] = (int32_t)k->mixed;
    return (int32_t)k->mixed++;
}

static int symbol_at(
    const struct kmer_network *net, const struct kmer_tile *tile, int reverse, int64_t t) {
    if (t >= tile->length) return 0;
    return reverse ? net->mirror[tile->symbols[tile->length - 1 - t]] : tile->symbols[t];
}

// Number the k-mers of one strand. What lies beyond its end counts as symbol 0.
static int index_row(
    const struct kmer_network *net, const struct kmer_tile *tile, int reverse, struct kmers *k,
    int32_t *index) {
    const int64_t ahead = net->kmer - 1;
    const uint32_t size = (uint32_t)k->size;
    uint32_t number = 0;
    int64_t pure = 0;
    int32_t last = 0;
    uint64_t last_word = UINT64_MAX;
    for (int64_t t = 0; t < tile->length + ahead; t++) {
        const int letter = net->letter[symbol_at(net, tile, reverse, t)];
        number = (number * net->letters + (letter < 0 ? 0 : letter)) % size;
        pure = letter < 0 ? 0 : pure + 1;
        if (t < ahead) continue;
        if (pure >= net->kmer) {
            index[t - ahead] = (int32_t)number;
            continue;
        }
        uint64_t word = 0;
        for (int64_t i = t - ahead; i <= t; i++)
            word = word * net->symbols + symbol_at(net, tile, reverse, i);
        // Runs of N are long.
        if (word != last_word) last = number_of(k, word);
        if (last < 0) return -1;
        last_word = word;
        index[t - ahead] = (int32_t)(k->size + last);
    }
    return 0;
}

// The k-mers that a word may stand for, in ascending order, and the share of each.
struct shares {
    int64_t n;
    int32_t *kmer;
    float *share;
};

static void spread(const struct kmer_network *net, uint64_t word, struct shares *s) {
    uint64_t place = 1;
    for (int i = 1; i < net->kmer; i++) place *= net->symbols;
    s->n = 1;
    s->kmer[0] = 0;
    s->share[0] = 1.0f;
    for (int i = 0; i < net->kmer; i++, place /= net->symbols) {
        const float *of_letter = net->spread + word / place % net->symbols * net->letters;
        int64_t n = 0, possible = 0;
        for (int l = 0; l < net->letters; l++) possible += of_letter[l] != 0.0f;
        // Backwards, because it grows in place.
        for (int64_t j = s->n - 1, at = s->n * possible; j >= 0; j--) {
            const int32_t kmer = s->kmer[j];
            const float share = s->share[j];
            for (int l = net->letters - 1; l >= 0; l--) {
                if (of_letter[l] == 0.0f) continue;
                s->kmer[--at] = kmer * net->letters + l;
                s->share[at] = share * of_letter[l];
                n++;
            }
        }
        s->n = n;
    }
}

// The mean of the vectors of k-mers.
static void average(
    const struct shares *s, double *sum, const float *vectors, int dimension, float *out) {
    for (int e = 0; e < dimension; e++) sum[e] = 0.0;
    for (int64_t j = 0; j < s->n; j++) {
        const float *vector = vectors + (int64_t)s->kmer[j] * dimension;
        for (int e = 0; e < dimension; e++) sum[e] += s->share[j] * vector[e];
    }
    for (int e = 0; e < dimension; e++) out[e] = (float)sum[e];
}

static int mix(const struct kmer_network *net, struct kmers *k) {
    const int widest = net->embedding > net->site_embedding ? net->embedding : net->site_embedding;
    struct shares shares = {0, malloc(k->size * sizeof(int32_t)), malloc(k->size * sizeof(float))};
    double *sum = malloc(widest * sizeof *sum);
    float *vectors = malloc(k->mixed * net->embedding * sizeof *vectors);
    k->site_vectors = malloc(k->mixed * net->site_embedding * sizeof(float));
    k->rows = calloc(net->stride * k->mixed * net->width, sizeof(float));
    int status = -1;
    if (shares.kmer && shares.share && sum && vectors && k->site_vectors && k->rows) {
        for (int64_t i = 0; i < k->mixed; i++) {
            spread(net, k->words[i], &shares);
            average(&shares, sum, net->vectors, net->embedding, vectors + i * net->embedding);
            average(&shares, sum, net->site_vectors, net->site_embedding,
                    k->site_vectors + i * net->site_embedding);
            memcpy(k->rows + i * net->width, net->bias, net->width * sizeof(float));
        }
        for (int64_t place = 0; place < net->stride; place++)
            dnatag_kernels(net->set)->product(
                k->mixed, net->embedding, net->width, vectors, net->embedding,
                net->inputs + place * net->embedding * net->width,
                k->rows + place * k->mixed * net->width, net->width);
        status = 0;
    }
    free(shares.kmer);
    free(shares.share);
    free(sum);
    free(vectors);
    return status;
}

int dnatag_index_kmers(
    const struct kmer_network *net, int64_t tiles, const struct kmer_tile *tile, struct kmers *k) {
    *k = (struct kmers){.size = 1};
    for (int i = 0; i < net->kmer; i++) k->size *= net->letters;
    k->index = calloc(2 * tiles + 1, sizeof *k->index);
    if (!k->index) return -1;
    for (int64_t row = 0; row < 2 * tiles; row++) {
        k->index[row] = malloc((tile[row / 2].length + 1) * sizeof(int32_t));
        if (!k->index[row]) return -1;
        if (index_row(net, &tile[row / 2], row % 2, k, k->index[row]) < 0) return -1;
    }
    return k->mixed ? mix(net, k) : 0;
}

void dnatag_free_kmers(struct kmers *k, int64_t rows) {
    for (int64_t row = 0; k->index && row < rows; row++) free(k->index[row]);
    free(k->index);
    free(k->words);
    free(k->slots);
    free(k->rows);
    free(k->site_vectors);
}
