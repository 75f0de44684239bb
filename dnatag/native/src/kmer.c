// The network of k-mers: both strands of a batch of tiles, step by step.

#include "kmer.h"

#include <stdlib.h>
#include <string.h>

// Sites whose surroundings are gathered for one product.
enum { SITES = 48 };

// One strand of a tile, in its own direction: positions, steps and sites are numbered in it.
struct row {
    const struct kmer_tile *tile;
    int reverse;
    int64_t steps;
    const int32_t *index;  // of the k-mer at each position
    int64_t sites;
    const int32_t *place;
    float *seen;
    float *encoded;   // (sites, 2 * hidden), hidden states of the own and of the other strand
    int64_t own;      // sites that have got their own hidden state,
    int64_t others;   // and that have not got the other one: they get it from the last site on
    int64_t own_due, others_due;  // at which steps of this row, -1 if there is none
};

// Rows are the tiles forward and reverse in turn, so that row ^ 1 is the other strand.
struct batch {
    const struct kmer_network *net;
    const struct kernels *kernels;
    int64_t rows, whole;  // whole: filled up to a multiple of the kernels' rows
    struct kmers kmers;
    struct row *row;
    struct sums inputs[2];  // of this step and the next
    float *sums;
    float *hidden[2], *cell, *head;
};

// Position of a site.
static int64_t position(const struct row *row, int64_t site) {
    const int64_t start = row->tile->start;
    if (!row->reverse) return start + row->place[site];
    return row->tile->length - 1 - start - row->place[row->sites - 1 - site];
}

static void set_due(const struct kmer_network *net, struct row *row) {
    row->own_due = row->own < row->sites ? position(row, row->own) / net->stride : -1;
    row->others_due = row->others > 0 ? position(row, row->others - 1) / net->stride : -1;
}

static void divide(struct arena *arena, struct batch *b, const struct kmer_tile *tiles) {
    const struct kmer_network *net = b->net;
    const size_t whole = b->whole, state = whole * net->units * sizeof(float);
    const int most = net->stride * net->features;
    b->row = dnatag_take(arena, b->rows * sizeof *b->row);
    for (int i = 0; i < 2; i++) {
        b->inputs[i] = (struct sums){.n_plain = net->stride, .most = most};
        b->inputs[i].plain = dnatag_take(arena, whole * net->stride * sizeof(float *));
        b->inputs[i].terms = dnatag_take(arena, whole * most * sizeof(struct term));
        b->inputs[i].count = dnatag_take(arena, whole * sizeof(int64_t));
    }
    b->sums = dnatag_take(arena, whole * 8 * b->kernels->lanes * sizeof(float));
    b->hidden[0] = dnatag_take(arena, state);
    b->hidden[1] = dnatag_take(arena, state);
    b->cell = dnatag_take(arena, state);
    b->head = dnatag_take(arena, whole * net->head_columns * sizeof(float));
    for (int64_t i = 0; i < b->rows; i++) {
        const struct kmer_tile *tile = &tiles[i / 2];
        const int64_t sites = tile->sites[i % 2], before = i % 2 ? tile->sites[0] : 0;
        float *encoded = dnatag_take(arena, sites * 2 * net->hidden * sizeof(float));
        if (!arena->base) continue;
        b->row[i] = (struct row){
            .tile = tile,
            .reverse = i % 2,
            .steps = tile->length / net->stride,
            .index = b->kmers.index[i],
            .sites = sites,
            .place = tile->place + before,
            .seen = tile->seen + before * net->site_hidden,
            .encoded = encoded,
            .others = sites,
        };
        set_due(net, &b->row[i]);
    }
}

// Fetch what the next step needs: there are too many places for the processor to foresee them.
static void fetch(const float *from, int64_t n) {
    for (int64_t i = 0; i < n + 15; i += 16) __builtin_prefetch(from + (i < n ? i : n - 1));
}

// What enters the gates, and the dense scores, of a row at a step; nothing behind its end.
static void gather(const struct batch *b, int64_t number, int64_t t) {
    const struct kmer_network *net = b->net;
    const struct row *row = &b->row[number];
    const struct sums *inputs = &b->inputs[t & 1];
    const int stride = net->stride, features = net->features;
    inputs->count[number] = 0;
    if (t >= row->steps) return;
    const float **plain = inputs->plain + number * stride;
    for (int64_t q = 0; q < stride; q++) {
        const int64_t index = row->index[t * stride + q], mixed = index - b->kmers.size;
        plain[q] = mixed < 0 ? net->tables + (q * b->kmers.size + index) * net->width
                             : b->kmers.rows + (q * b->kmers.mixed + mixed) * net->width;
        fetch(plain[q] + 4 * net->units, net->width - 4 * net->units);
    }
    struct term *const terms = inputs->terms + number * inputs->most, *term = terms;
    const int64_t next = row->reverse ? -features : features;
    const float *x = row->tile->features + (row->reverse ? row->tile->length - 1 : 0) * features +
                     t * stride * next;
    fetch(x + stride * next + (row->reverse ? (stride - 1) * next : 0), stride * features);
    const float *weights = net->of_features;
    for (int q = 0; q < stride; q++, x += next)
        for (int f = 0; f < features; f++, weights += net->width) {
            // Most are zero: those of starts. Without a branch, which nobody could foresee.
            const float value = x[row->reverse ? net->turned[f] : f];
            *term = (struct term){weights, value};
            term += value < 0.0f || value > 0.0f;
        }
    inputs->count[number] = term - terms;
}

// Add dense scores of a step of a row, `own` numbers, to its tile's.
static void add_scores(
    const struct kmer_network *net, const struct row *row, int64_t t, const float *dense) {
    const struct kmer_tile *tile = row->tile;
    const int64_t n = net->scores - 1, way = row->reverse ? -1 : 1;
    const int64_t next = way * 2 * net->scores, wanted = tile->end - tile->start;
    int64_t at = (row->reverse ? tile->length - 1 : 0) + way * t * net->stride - tile->start;
    float *out = tile->scores + row->reverse * net->scores + at * 2 * net->scores;
    for (int q = 0; q < net->stride; q++, at += way, out += next, dense += n)
        if (at >= 0 && at < wanted)
            for (int64_t c = 0; c < n; c++) out[c] += dense[c];
    fetch(out + (row->reverse ? (net->stride - 1) * next : 0), 2 * net->stride * net->scores);
}

// Use the hidden states of the rows after a step: of each position the scores are the sum of
// what either strand says of it, so that their order does not matter.
static void use(struct batch *b, int64_t active, int64_t t, const float *hidden) {
    const struct kmer_network *net = b->net;
    const size_t bytes = net->hidden * sizeof(float);
    // What fills up the own scores is zeros.
    const int64_t tail = net->width - 4 * net->units, others = net->head_columns - tail;
    b->kernels->sum(
        active, &b->inputs[t & 1], 4 * net->units, tail, b->head, net->head_columns);
    for (int64_t i = 0; others && i < active; i++)
        memset(b->head + i * net->head_columns + tail, 0, others * sizeof(float));
    b->kernels->product(
        active, net->hidden, net->head_columns, hidden, net->units, net->head, b->head,
        net->head_columns);
    for (int64_t i = 0; i < active; i++) {
        struct row *row = &b->row[i], *other = &b->row[i ^ 1];
        const int64_t turned = row->steps - 1 - t;
        const float *head = b->head + i * net->head_columns, *state = hidden + i * net->units;
        add_scores(net, row, t, head);
        add_scores(net, other, turned, head + net->own);
        for (; row->own_due == t; set_due(net, row))
            memcpy(row->encoded + row->own++ * 2 * net->hidden, state, bytes);
        for (; other->others_due == turned; set_due(net, other))
            memcpy(other->encoded + (2 * --other->others + 1) * net->hidden, state, bytes);
    }
}

static void run(struct batch *b) {
    const struct kmer_network *net = b->net;
    const int64_t block = b->kernels->rows;
    int64_t active = b->rows;
    for (int i = 0; i < 2; i++)
        for (int64_t r = 0; r < b->whole * net->stride; r++) b->inputs[i].plain[r] = net->tables;
    for (int64_t i = 0; i < active; i++) gather(b, i, 0);
    for (int64_t t = 0; b->rows && t < b->row[0].steps; t++) {
        while (b->row[active - 1].steps <= t) active--;
        for (int64_t i = 0; i < active; i++) gather(b, i, t + 1);
        // Rows that fill up the last block, or are done, go on with what input there is; nobody
        // looks at them.
        const struct step step = {
            .rows = (active + block - 1) / block * block,
            .hidden = net->hidden,
            .units = net->units,
            .weights = net->recurrent,
            .inputs = &b->inputs[t & 1],
            .sums = b->sums,
            .before = b->hidden[t & 1],
            .after = b->hidden[(t + 1) & 1],
            .cell = b->cell,
            .next = &b->inputs[(t + 1) & 1],
        };
        b->kernels->step(&step);
        use(b, active, t, step.after);
    }
}

// What is seen at sites of one row, all of one place of a step.
static void look(
    const struct batch *b, const struct row *row, int64_t place, int64_t n, const int64_t *site,
    float *context, float *view, float *seen) {
    const struct kmer_network *net = b->net;
    const int64_t e = net->site_embedding, wide = 2 * (int64_t)net->hidden;
    const int64_t columns = net->site_columns, around = net->before + net->behind;
    for (int64_t i = 0; i < n; i++) {
        memcpy(seen + i * columns, net->site_bias, columns * sizeof(float));
        memcpy(context + i * wide, row->encoded + site[i] * wide, wide * sizeof(float));
        float *out = view + i * around * e;
        int64_t at = position(row, site[i]) - net->before;
        for (int64_t j = 0; j < around; j++, at++, out += e) {
            if (at < 0 || at >= row->tile->length) {
                memset(out, 0, e * sizeof(float));
                continue;
            }
            const int64_t index = row->index[at], mixed = index - b->kmers.size;
            const float *from = mixed < 0 ? net->site_vectors + index * e
                                          : b->kmers.site_vectors + mixed * e;
            for (int64_t k = 0; k < e; k += 8) memcpy(out + k, from + k, 8 * sizeof *out);
        }
    }
    b->kernels->product(
        n, around * e, columns, view, around * e, net->view, seen, columns);
    b->kernels->product(
        n, wide, columns, context, wide, net->context + place * wide * columns, seen,
        columns);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = row->reverse ? row->sites - 1 - site[i] : site[i];
        memcpy(row->seen + at * net->site_hidden, seen + i * columns,
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
    for (const struct row *row = b->row; row < b->row + b->rows; row++)
        for (int64_t place = 0; place < net->stride; place++) {
            int64_t n = 0;
            for (int64_t i = 0; i < row->sites; i++) {
                if (position(row, i) % net->stride != place) continue;
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

// Read a batch of tiles, whose lengths do not increase. Returns -1 if there is no memory.
int dnatag_read_kmers(
    const struct kmer_network *net, int64_t tiles, const struct kmer_tile *tile) {
    struct batch b = {.net = net, .kernels = dnatag_kernels(net->set), .rows = 2 * tiles};
    const int64_t block = b.kernels->rows;
    b.whole = (b.rows + block - 1) / block * block;
    struct arena arena = {NULL, 0};
    divide(&arena, &b, tile);
    char *memory = calloc(arena.used + 64, 1);
    int status = memory ? dnatag_index_kmers(net, tiles, tile, &b.kmers) : -1;
    if (status == 0) {
        arena = (struct arena){memory + (64 - (uintptr_t)memory % 64), 0};
        divide(&arena, &b, tile);
        run(&b);
        status = look_all(&b);
    }
    if (memory) dnatag_free_kmers(&b.kmers, b.rows);
    free(memory);
    return status;
}
