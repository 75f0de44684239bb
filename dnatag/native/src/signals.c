// The signals of a genome's genes: what is counted around starts, and how starts are scored.
//
// `base` are the numbers of bases in the direction of a strand, 0 to 3 for A, C, G, T and -1 for
// any other symbol; `flags` the property flags as that strand sees them. dnatag/native/signals.py
// describes the functions.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bases.h"

// The 5-mers before a start, one base farther away at each step.
typedef struct {
    int index, clean; // the five bases, and how many of them are not ambiguous
} Before;

// Take one more base; return the index of the 5-mer that it begins, -1 if that is ambiguous.
static int farther(Before *before, int b) {
    if (b < 0) {
        *before = (Before){0, 0};
        return -1;
    }
    before->index = before->index >> 2 | b << 8;
    before->clean++;
    return before->clean >= 5 ? before->index : -1;
}

// What is counted around starts; `bins` is the bin of each gap between a 5-mer and a start.
typedef struct {
    int64_t before, behind, n_gaps, n_bins;
    const int64_t *bins;
} Surroundings;

static void count_start(const Surroundings *x, int64_t length, const int8_t *base, int64_t t,
                        double *codons, double *profile, double *motifs) {
    codons[codon(base[t], base[t + 1], base[t + 2])] += 1;
    for (int64_t i = -x->before; i < x->behind; i++)
        if (t + i >= 0 && t + i < length && base[t + i] >= 0)
            profile[4 * (i + x->before) + base[t + i]] += 1;
    Before before = {0, 0};
    for (int64_t gap = -4; gap < x->n_gaps && t - gap - 5 >= 0; gap++) {
        int index = farther(&before, base[t - gap - 5]);
        if (index >= 0) motifs[index * x->n_bins + x->bins[gap]] += 1;
    }
}

// `codons` (3, 64), `profiles` (3, before + behind, 4), `motifs` (3, 1024, bins).
void dnatag_count_starts(int64_t length, const int8_t *base, const uint8_t *flags, int64_t n_starts,
                         const int64_t *starts, const int64_t *kinds, double *codons,
                         double *profiles, double *motifs, int64_t before, int64_t behind,
                         int64_t n_gaps, int64_t n_bins, const int64_t *bins, int64_t reach) {
    Surroundings x = {before, behind, n_gaps, n_bins, bins};
    int64_t profile = 4 * (before + behind), motif = 1024 * n_bins;
    for (int64_t g = 0; g < n_starts; g++) {
        int64_t t = starts[g], kind = kinds[g];
        if (t < 0 || t + 3 > length) continue;
        count_start(&x, length, base, t, codons + 64 * kind, profiles + profile * kind,
                    motifs + motif * kind);
        for (int64_t way = -3; way <= 3; way += 6)
            for (int64_t rival = t + way; rival >= 0 && rival < length - 2; rival += way) {
                if (llabs(rival - t) > reach || flags[rival + 2] & STOP) break;
                if (flags[rival] & START)
                    count_start(&x, length, base, rival, codons + 64 * 2, profiles + profile * 2,
                                motifs + motif * 2);
            }
    }
}

// Where places begin and end; returns whether there are any.
static int extent(int64_t n, const int64_t *places, int64_t *low, int64_t *high) {
    if (n == 0) return 0;
    *low = *high = places[0];
    for (int64_t i = 1; i < n; i++) {
        *low = places[i] < *low ? places[i] : *low;
        *high = places[i] > *high ? places[i] : *high;
    }
    return 1;
}

// Number of a base of the forward strand, 4 for any other symbol and beyond the ends.
static int base_at(int64_t length, const uint8_t *symbols, int64_t t) {
    int b = t >= 0 && t < length ? NUMBERS[0][symbols[t] & 15] : -1;
    return b < 0 ? 4 : b;
}

// The same on the other strand.
static int turn(int b) { return b < 4 ? 3 - b : 4; }

// Bases of a pair, with 4 for any other symbol.
enum { PAIRS = 25 };

// What is seen in a stretch of a sequence, of which item `t - first` belongs to base t: the words
// that it begins on the forward strand, and those of the same bases on the reverse strand. The
// number of a word that is ambiguous, or not whole, is that behind the last one.
enum { HEXAMERS = 4096, WORDS = 1024 };
typedef struct {
    int64_t first;
    int16_t *hexamer, *hexamer_turned, *word, *word_turned; // words are 5-mers
    uint8_t *pair; // 5 * base + next base
} Stretch;

// Look at the bases from `low` on, to the one before `high`. Returns whether there is memory.
static int look(Stretch *x, int64_t length, const uint8_t *symbols, int64_t low, int64_t high) {
    // Words are known when their last base is.
    x->first = low - 5;
    size_t size = (size_t)(high - x->first);
    x->hexamer = malloc(size * (4 * sizeof(int16_t) + 1));
    if (!x->hexamer) return 0;
    x->hexamer_turned = x->hexamer + size;
    x->word = x->hexamer_turned + size;
    x->word_turned = x->word + size;
    x->pair = (uint8_t *)(x->word_turned + size);
    unsigned ahead = 0, back = 0, clean = 0, before = 4;
    for (int64_t t = low, at = 0; t < high; t++, at++) {
        unsigned b = (unsigned)base_at(length, symbols, t);
        clean = b < 4 ? clean + 1 : 0;
        ahead = (ahead << 2 | (b & 3)) & 4095;
        back = back >> 2 | (3 - (b & 3)) << 10;
        x->hexamer[at] = clean >= 6 ? (int16_t)ahead : HEXAMERS;
        x->hexamer_turned[at] = clean >= 6 ? (int16_t)back : HEXAMERS;
        x->word[at + 1] = clean >= 5 ? (int16_t)(ahead & 1023) : WORDS;
        x->word_turned[at + 1] = clean >= 5 ? (int16_t)(back >> 2) : WORDS;
        x->pair[at + 4] = (uint8_t)(5 * before + b);
        before = b;
    }
    return 1;
}

// Tables of signals, both for first genes of operons and for inner ones.
typedef struct {
    const float *codons; // (64)
    const double *profiles; // (before + behind, 5, 2), by base, the last for none
    const float *motifs; // (bins, WORDS + 1, 2), the last for none
    int64_t before, around, n_gaps;
    const int64_t *bins; // (n_gaps), of each number of bases between a word and a start
    double scale;
} Signals;

// Some starts of a strand: items of what is seen there, and where their features go, five numbers.
enum { MOST_STARTS = 256 };
typedef struct {
    int64_t n, item[MOST_STARTS];
    float *out[MOST_STARTS];
} Starts;

// Add up profiles for two bases at once: (n_pairs, PAIRS, 2).
static void pair_up(const Signals *x, int reverse, double *pairs) {
    for (int64_t i = 0; i < x->around; i += 2, pairs += 2 * PAIRS)
        for (int pair = 0; pair < PAIRS; pair++) {
            int left = pair / 5, right = pair % 5;
            const double *one = x->profiles + 10 * i + 2 * (reverse ? turn(right) : left);
            const double *other = x->profiles + 10 * (i + 1) + 2 * (reverse ? turn(left) : right);
            for (int k = 0; k < 2; k++)
                pairs[2 * pair + k] = one[k] + (i + 1 < x->around ? other[k] : 0.0);
        }
}

// Score the bases around starts, by pairs.
static void score_profiles(const Signals *x, const Stretch *seen, int reverse,
                           const double *pairs, const Starts *starts) {
    const double *const end = pairs + (x->around + 1) / 2 * 2 * PAIRS;
    const int64_t way = reverse ? -2 : 2, first = reverse ? x->before - 1 : -x->before;
    for (int64_t i = 0; i < starts->n; i++) {
        const uint8_t *pair = seen->pair + starts->item[i] + first;
        // Two sums at a time, since one waits for itself.
        double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
        const double *odds = pairs;
        for (; odds < end - 2 * PAIRS; odds += 4 * PAIRS, pair += 2 * way) {
            a += odds[2 * pair[0]];
            b += odds[2 * pair[0] + 1];
            c += odds[2 * PAIRS + 2 * pair[way]];
            d += odds[2 * PAIRS + 2 * pair[way] + 1];
        }
        if (odds < end) {
            a += odds[2 * pair[0]];
            b += odds[2 * pair[0] + 1];
        }
        starts->out[i][1] = (float)((a + c) * x->scale);
        starts->out[i][2] = (float)((b + d) * x->scale);
    }
}

// Find the best word before each start, bin by bin, so that the table of one stays in the cache.
static void score_words(const Signals *x, const Stretch *seen, int reverse, const Starts *starts) {
    const int16_t *const words = reverse ? seen->word_turned + 1 : seen->word - 5;
    const int64_t way = reverse ? 1 : -1;
    for (int64_t i = 0; i < starts->n; i++) starts->out[i][3] = starts->out[i][4] = -9.0f;
    for (int64_t gap = 0, end; gap < x->n_gaps; gap = end) {
        const float *const odds = x->motifs + 2 * (WORDS + 1) * x->bins[gap];
        for (end = gap + 1; end < x->n_gaps && x->bins[end] == x->bins[gap];) end++;
        for (int64_t i = 0; i < starts->n; i++) {
            const int16_t *word = words + starts->item[i] + gap * way;
            float *out = starts->out[i] + 3, first = out[0], inner = out[1];
            for (int64_t k = gap; k < end; k++, word += way) {
                const float *own = odds + 2 * *word;
                first = first > own[0] ? first : own[0];
                inner = inner > own[1] ? inner : own[1];
            }
            out[0] = first;
            out[1] = inner;
        }
    }
    for (int64_t i = 0; i < starts->n; i++)
        for (int k = 3; k < 5; k++)
            if (!(starts->out[i][k] > -9.0f)) starts->out[i][k] = 0.0f;
}

// Features of the starts of a strand among `places`.
static void score_starts(const Signals *x, const Stretch *seen, int reverse, int64_t length,
                         const uint8_t *symbols, const uint8_t *flags, int64_t n,
                         const int64_t *places, const double *pairs, float *out) {
    const int8_t *number = NUMBERS[reverse];
    const int64_t way = reverse ? -1 : 1;
    const uint8_t wanted = reverse ? START_REVERSE : START;
    for (int64_t i = 0; i < n;) {
        Starts starts;
        for (starts.n = 0; i < n && starts.n < MOST_STARTS; i++, out += 12) {
            int64_t t = places[i];
            // In a slice of a contig, the last codon may lie beyond the end.
            if (!(flags[t] & wanted) || t + 2 * way < 0 || t + 2 * way >= length) continue;
            const uint8_t *s = symbols + t;
            out[0] = x->codons[codon(number[s[0]], number[s[way]], number[s[2 * way]])];
            starts.item[starts.n] = t - seen->first;
            starts.out[starts.n++] = out;
        }
        score_profiles(x, seen, reverse, pairs, &starts);
        score_words(x, seen, reverse, &starts);
    }
}

// `places` (n); `hexamers` (4096), and tables as in `Signals`; `out` (n, 12): the features of the
// forward, then of the reverse strand. Returns whether memory is lacking.
int dnatag_features(int64_t length, const uint8_t *symbols, const uint8_t *flags, int64_t n,
                    const int64_t *places, const float *hexamers, const float *codons,
                    const double *profiles, const float *motifs, int64_t before, int64_t behind,
                    int64_t n_gaps, const int64_t *bins, double scale, float *out) {
    int64_t low, high, reach = before + behind + n_gaps + 12;
    if (!extent(n, places, &low, &high)) return 0;
    Stretch seen;
    Signals x = {codons, profiles, motifs, before, before + behind, n_gaps, bins, scale};
    double *pairs = malloc((size_t)(x.around + 1) * PAIRS * sizeof(double));
    int failed = !look(&seen, length, symbols, low - reach, high + reach) | !pairs;
    if (!failed) {
        memset(out, 0, (size_t)n * 12 * sizeof(float));
        for (int64_t i = 0; i < n; i++) {
            int64_t at = places[i] - seen.first;
            int hexamer = seen.hexamer[at], other = seen.hexamer_turned[at - 5];
            if (hexamer < HEXAMERS) out[12 * i] = hexamers[hexamer];
            if (other < HEXAMERS) out[12 * i + 6] = hexamers[other];
        }
        for (int reverse = 0; reverse < 2; reverse++) {
            pair_up(&x, reverse, pairs);
            score_starts(&x, &seen, reverse, length, symbols, flags, n, places, pairs,
                         out + 6 * reverse + 1);
        }
    }
    free(seen.hexamer);
    free(pairs);
    return failed;
}

// Three bases, with 4 for any other symbol.
enum { TRIPLETS = 125 };

// Multiply `odds` (width, 4) for three bases at once: (ways to read `width` bases, TRIPLETS).
static void triple_up(int64_t width, const double *odds, int reverse, double *triplets) {
    for (int64_t j = 0; j < width; j += 3)
        for (int triplet = 0; triplet < TRIPLETS; triplet++) {
            int bases[] = {triplet / 25, triplet / 5 % 5, triplet % 5};
            double product = 1.0;
            for (int i = 0; i < 3 && j + i < width; i++) {
                int b = reverse ? turn(bases[2 - i]) : bases[i];
                if (b < 4) product *= odds[4 * (j + i) + b];
            }
            *triplets++ = product;
        }
}

// `places` (n_places) on the forward strand, `odds` (width, 4), of bases in the motif, `spacers`
// (n + 1), `out` (n_places). Returns whether memory is lacking.
int dnatag_rbs_log_odds(int64_t length, const uint8_t *symbols, int reverse, int64_t n_places,
                        const int64_t *places, int64_t width, const double *odds, int64_t n,
                        const float *spacers, int64_t shortest, float *out) {
    int64_t low, high, n_triplets = (width + 2) / 3, reach = shortest + n + 3 * n_triplets + 3;
    if (!extent(n_places, places, &low, &high)) return 0;
    int64_t first = low - reach, size = high + reach - first;
    double *triplets = malloc((size_t)(n_triplets * TRIPLETS + 1) * sizeof(double));
    uint8_t *triplet = malloc((size_t)size + 2);
    int failed = !triplets | !triplet;
    if (!failed) triple_up(width, odds, reverse, triplets);
    // Of each base, the triplet that it begins.
    unsigned three = 124;
    for (int64_t t = 0; t < size + 2 && !failed; t++) {
        three = three % 25 * 5 + (unsigned)base_at(length, symbols, first + t);
        if (t >= 2) triplet[t - 2] = (uint8_t)three;
    }
    for (int64_t m = 0; m < n_places && !failed; m++) {
        const uint8_t *start = triplet + places[m] - first;
        double total = spacers[n];
        for (int64_t i = 0; i < n; i++) {
            // The first of a motif, in the direction of the strand.
            const int64_t away = shortest + i + width;
            const uint8_t *seen = reverse ? start + away - 2 : start - away;
            double product = spacers[i];
            for (int64_t j = 0; j < n_triplets; j++)
                product *= triplets[TRIPLETS * j + (reverse ? seen[-3 * j] : seen[3 * j])];
            total += product;
        }
        out[m] = (float)log(total);
    }
    free(triplets);
    free(triplet);
    return failed;
}
