// The network of k-mers: both strands of a batch of tiles, step by step.

#include "kmer.h"

#include <stdlib.h>
#include <string.h>

// Sites whose surroundings are gathered for one product.
enum { SITES = 48 };

// Rows of a batch are the tiles forward and reverse in turn, so that row ^ 1 is the other strand;
// each is read in its own direction.
struct batch {
    const struct kmer_network *net;
    const struct kernels *kernels;
    const struct kmer_tile *tiles;
    int64_t rows, whole;  // whole: filled up to a multiple of the kernels' rows
    struct kmers kmers;
    struct sums inputs[2];
    float *hidden[2], *cell, *head;
    // Of each row the sites it has come to, and from the end those its other strand has.
    int64_t *come, *left;
    const int32_t **place;
    float **seen;
    float **encoded;  // (sites, 2 * hidden): hidden states of the own and the other strand
};

static void divide(struct arena *arena, struct batch *b) {
    const size_t whole = b->whole, state = whole * b->net->units * sizeof(float);
    const int most = b->net->stride * (1 + b->net->features);
    for (int i = 0; i < 2; i++) {
        b->hidden[i] = dnatag_take(arena, state);
        b->inputs[i].most = most;
        b->inputs[i].terms = dnatag_take(arena, whole * most * sizeof(struct term));
        b->inputs[i].count = dnatag_take(arena, whole * sizeof(int32_t));
    }
    b->cell = dnatag_take(arena, state);
    b->head = dnatag_take(arena, whole * b->net->head_columns * sizeof(float));
    b->come = dnatag_take(arena, whole * sizeof *b->come);
    b->left = dnatag_take(arena, whole * sizeof *b->left);
    b->place = dnatag_take(arena, whole * sizeof *b->place);
    b->seen = dnatag_take(arena, whole * sizeof *b->seen);
    b->encoded = dnatag_take(arena, whole * sizeof *b->encoded);
    int64_t sites = 0;
    for (int64_t i = 0; i < b->rows; i++) sites += b->tiles[i / 2].sites[i % 2];
    float *encoded = dnatag_take(arena, sites * 2 * b->net->hidden * sizeof(float));
    if (!arena->base) return;
    for (int64_t i = 0; i < b->rows; i++) {
        const struct kmer_tile *tile = &b->tiles[i / 2];
        const int64_t before = i % 2 ? tile->sites[0] : 0, sites_of_row = tile->sites[i % 2];
        b->place[i] = tile->place + before;
        b->seen[i] = tile->seen + before * b->net->site_hidden;
        b->encoded[i] = encoded;
        encoded += sites_of_row * 2 * b->net->hidden;
        b->left[i] = sites_of_row;
    }
}

// Position of a row's site, in the row's direction. Sites are numbered in this direction too.
static int64_t position(const struct batch *b, int64_t row, int64_t site) {
    const struct kmer_tile *tile = &b->tiles[row / 2];
    if (row % 2 == 0) return tile->start + b->place[row][site];
    return tile->length - 1 - tile->start - b->place[row][tile->sites[1] - 1 - site];
}

// What enters the gates, and the dense channels, of a row at a step.
static void gather(const struct batch *b, int64_t row, int64_t t, struct sums *inputs) {
    const struct kmer_network *net = b->net;
    const struct kmer_tile *tile = &b->tiles[row / 2];
    struct term *terms = inputs->terms + row * inputs->most, *term = terms;
    const int32_t *index = b->kmers.index[row] + t * net->stride;
    for (int64_t q = 0; q < net->stride; q++) {
        const int64_t mixed = index[q] - b->kmers.size;
        const float *from = mixed < 0 ? net->tables + (q * b->kmers.size + index[q]) * net->width
                                      : b->kmers.rows + (q * b->kmers.mixed + mixed) * net->width;
        *term++ = (struct term){from, 1.0f};
    }
    for (int64_t q = 0; q < net->stride; q++) {
        const int64_t at = t * net->stride + q;
        const float *x = tile->features + (row % 2 ? tile->length - 1 - at : at) * net->features;
        for (int64_t f = 0; f < net->features; f++) {
            // Most are zero: they are those of starts.
            const float value = x[row % 2 ? net->turned[f] : f];
            if (value != 0.0f)
                *term++ = (struct term){
                    net->of_features + (q * net->features + f) * net->width, value};
        }
    }
    inputs->count[row] = (int32_t)(term - terms);
}

// Add dense channels of a step of a row, `own` numbers, to its tile's.
static void add_channels(const struct batch *b, int64_t row, int64_t t, const float *dense) {
    const struct kmer_network *net = b->net;
    const struct kmer_tile *tile = &b->tiles[row / 2];
    for (int64_t q = 0; q < net->stride; q++) {
        int64_t at = t * net->stride + q;
        if (row % 2) at = tile->length - 1 - at;
        if (at < tile->start || at >= tile->end) continue;
        float *out =
            tile->channels + ((at - tile->start) * 2 + row % 2) * (int64_t)net->channels;
        for (int c = 0; c < net->channels - 1; c++) out[c] += dense[q * (net->channels - 1) + c];
    }
}

// Use the hidden states of the rows after a step: of each position the channels are the sum of
// what either strand says of it, so that the order does not matter.
static void use(struct batch *b, int64_t active, int64_t t, const float *hidden) {
    const struct kmer_network *net = b->net;
    const struct sums *inputs = &b->inputs[t & 1];
    memset(b->head, 0, active * net->head_columns * sizeof(float));
    for (int64_t row = 0; row < active; row++) {
        const struct term *term = inputs->terms + row * inputs->most;
        float *head = b->head + row * net->head_columns;
        for (int i = 0; i < inputs->count[row]; i++)
            for (int c = 0; c < net->own; c++)
                head[c] += term[i].scale * term[i].row[4 * net->units + c];
    }
    b->kernels->product(
        active, net->hidden, net->head_columns, hidden, net->units, net->head, b->head,
        net->head_columns);
    for (int64_t row = 0; row < active; row++) {
        const int64_t steps = b->tiles[row / 2].length / net->stride, other = row ^ 1;
        const float *head = b->head + row * net->head_columns, *state = hidden + row * net->units;
        const size_t bytes = net->hidden * sizeof(float);
        add_channels(b, row, t, head);
        add_channels(b, other, steps - 1 - t, head + net->own);
        int64_t *come = &b->come[row], *left = &b->left[other];
        for (; *come < b->tiles[row / 2].sites[row % 2]; ++*come) {
            if (position(b, row, *come) / net->stride != t) break;
            memcpy(b->encoded[row] + *come * 2 * net->hidden, state, bytes);
        }
        for (; *left > 0; --*left) {
            if (position(b, other, *left - 1) / net->stride != steps - 1 - t) break;
            memcpy(b->encoded[other] + (*left * 2 - 1) * net->hidden, state, bytes);
        }
    }
}

// What is seen at sites of one row, all of one place of a step.
static void look(
    const struct batch *b, int64_t row, int64_t place, int64_t n, const int64_t *site,
    float *context, float *view, float *seen) {
    const struct kmer_network *net = b->net;
    const int64_t steps = b->tiles[row / 2].length, size = b->kmers.size;
    const int64_t e = net->site_embedding, wide = 2 * (int64_t)net->hidden;
    const int64_t columns = net->site_columns, around = net->before + net->behind;
    for (int64_t i = 0; i < n; i++) {
        memcpy(seen + i * columns, net->site_bias, columns * sizeof(float));
        memcpy(context + i * wide, b->encoded[row] + site[i] * wide, wide * sizeof(float));
        float *out = view + i * around * e;
        int64_t at = position(b, row, site[i]) - net->before;
        for (int64_t j = 0; j < around; j++, at++, out += e) {
            if (at < 0 || at >= steps) {
                memset(out, 0, e * sizeof(float));
                continue;
            }
            const int64_t index = b->kmers.index[row][at];
            const float *from = index < size ? net->site_vectors + index * e
                                             : b->kmers.site_vectors + (index - size) * e;
            for (int64_t k = 0; k < e; k++) out[k] = from[k];
        }
    }
    b->kernels->product(
        n, (int)(around * e), (int)columns, view, around * e, net->view, seen, columns);
    b->kernels->product(
        n, (int)wide, (int)columns, context, wide, net->context + place * wide * columns, seen,
        columns);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = row % 2 ? b->tiles[row / 2].sites[1] - 1 - site[i] : site[i];
        memcpy(b->seen[row] + at * net->site_hidden, seen + i * columns,
               net->site_hidden * sizeof(float));
    }
}

static int look_all(const struct batch *b) {
    const struct kmer_network *net = b->net;
    const int64_t wide = 2 * (int64_t)net->hidden;
    const int64_t around = (net->before + net->behind) * (int64_t)net->site_embedding;
    float *context = malloc(SITES * (wide + around + net->site_columns) * sizeof *context);
    if (!context) return -1;
    float *view = context + SITES * wide, *seen = view + SITES * around;
    int64_t site[SITES];
    for (int64_t row = 0; row < b->rows; row++)
        for (int64_t place = 0; place < net->stride; place++) {
            const int64_t sites = b->tiles[row / 2].sites[row % 2];
            int64_t n = 0;
            for (int64_t i = 0; i < sites; i++) {
                if (position(b, row, i) % net->stride != place) continue;
                site[n++] = i;
                if (n < SITES) continue;
                look(b, row, place, n, site, context, view, seen);
                n = 0;
            }
            if (n) look(b, row, place, n, site, context, view, seen);
        }
    free(context);
    return 0;
}

static void run(struct batch *b) {
    const int64_t block = b->kernels->rows, stride = b->net->stride;
    int64_t active = b->rows;
    for (int64_t t = -1; b->rows && t < b->tiles[0].length / stride; t++) {
        // Inputs one step ahead. Rows that fill up the last block, or are done, have none, and
        // what becomes of them is not looked at.
        struct sums *next = &b->inputs[(t + 1) & 1];
        int64_t going = active;
        while (going && b->tiles[(going - 1) / 2].length / stride <= t + 1) going--;
        for (int64_t row = 0; row < going; row++) gather(b, row, t + 1, next);
        for (int64_t row = going; row < b->whole; row++) next->count[row] = 0;
        if (t >= 0) {
            const struct step step = {
                .rows = (active + block - 1) / block * block,
                .hidden = b->net->hidden,
                .units = b->net->units,
                .weights = b->net->recurrent,
                .inputs = &b->inputs[t & 1],
                .next = next,
                .fetched = (int)stride,
                .before = b->hidden[t & 1],
                .after = b->hidden[(t + 1) & 1],
                .cell = b->cell,
            };
            b->kernels->step(&step);
            use(b, active, t, step.after);
        }
        active = going;
    }
}

// Read a batch of tiles, whose lengths do not increase. Returns -1 if there is no memory.
int dnatag_read_kmers(const struct kmer_network *net, int64_t tiles, const struct kmer_tile *tile) {
    const struct kernels *kernels = dnatag_kernels(net->set);
    const int64_t block = kernels->rows;
    struct batch b = {.net = net, .kernels = kernels, .tiles = tile, .rows = 2 * tiles};
    b.whole = (b.rows + block - 1) / block * block;
    struct arena arena = {NULL, 0};
    divide(&arena, &b);
    char *memory = calloc(arena.used + 64, 1);
    int status = memory ? dnatag_index_kmers(net, tiles, tile, &b.kmers) : -1;
    if (status == 0) {
        arena = (struct arena){memory + (64 - (uintptr_t)memory % 64), 0};
        divide(&arena, &b);
        run(&b);
        status = look_all(&b);
    }
    if (memory) dnatag_free_kmers(&b.kmers, b.rows);
    free(memory);
    return status;
}
