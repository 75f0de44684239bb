// Loops over the bases of a genome: what is counted to adapt to it, and the genes of a path.
//
// `base` are the numbers of bases in the direction of a strand, 0 to 3 for A, C, G, T and -1 for
// any other symbol; `flags` the property flags as that strand sees them. dnatag/native/loops.py
// describes the functions.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bases.h"

// The hexamers of a strand, base by base.
typedef struct {
    int index, clean; // the last six bases, and how many of them are not ambiguous
} Hexamer;

// Take one more base; return the index of the hexamer that it ends, -1 if that is ambiguous.
static int next(Hexamer *hexamer, int8_t b) {
    if (b < 0) {
        *hexamer = (Hexamer){0, 0};
        return -1;
    }
    hexamer->index = ((hexamer->index << 2) | b) & 4095;
    hexamer->clean++;
    return hexamer->clean >= 6 ? hexamer->index : -1;
}

// Index of the n bases from `first` on, -1 if one is ambiguous.
static int word(const int8_t *base, int64_t first, int n) {
    int index = 0;
    for (int i = 0; i < n; i++) {
        if (base[first + i] < 0) return -1;
        index = index * 4 + base[first + i];
    }
    return index;
}

// `codons` (16, 16, 16): flags of each codon of symbols.
void dnatag_properties(int64_t length, const uint8_t *symbols, const uint8_t *codons,
                       uint8_t *flags) {
    unsigned index = 0;
    for (int64_t t = 0; t < length; t++) {
        index = ((index << 4) | symbols[t]) & 4095;
        uint8_t found = t < 2 ? 0 : codons[index];
        // A codon is a start or a reverse stop at its first base, else at its last.
        flags[t] = found & (STOP | START_REVERSE);
        if (t >= 2) flags[t - 2] |= found & (START | STOP_REVERSE);
    }
}

void dnatag_count_hexamers(int64_t length, const int8_t *base, int64_t n_genes,
                           const int64_t *starts, const int64_t *ends, double *coding,
                           double *background) {
    Hexamer hexamer = {0, 0};
    for (int64_t t = 0; t < length; t++) {
        int index = next(&hexamer, base[t]);
        if (index >= 0) background[index] += 1;
    }
    for (int64_t g = 0; g < n_genes; g++)
        for (int64_t t = starts[g]; t < ends[g] - 5; t += 3) {
            int index = t >= 0 && t + 6 <= length ? word(base, t, 6) : -1;
            if (index >= 0) coding[index] += 1;
        }
}

// The hexamer of the other strand at the same place.
static int turned(int hexamer) {
    int other = 0;
    for (int i = 0; i < 6; i++) other |= (3 - ((hexamer >> 2 * i) & 3)) << 2 * (5 - i);
    return other;
}

// `offsets` (n + 1), of each sequence in `symbols`; `out` (n, 4096): the hexamers of both strands.
void dnatag_hexamers(int64_t n, const int64_t *offsets, const uint8_t *symbols, double *out) {
    int16_t other[4096];
    for (int h = 0; h < 4096; h++) other[h] = (int16_t)turned(h);
    memset(out, 0, (size_t)n * 4096 * sizeof(double));
    for (int64_t i = 0; i < n; i++, out += 4096) {
        Hexamer hexamer = {0, 0};
        for (int64_t t = offsets[i]; t < offsets[i + 1]; t++) {
            int index = next(&hexamer, NUMBERS[0][symbols[t] & 15]);
            if (index < 0) continue;
            out[index] += 1;
            out[other[index]] += 1;
        }
    }
}

// `counts` (n, 4096) of hexamers, `bins` (n), `totals` (bins, 4096); `out` (n): the logarithm of the
// probability of each row by the Markov chain of its bin without it.
void dnatag_among_others(int64_t n, const double *counts, const int64_t *bins,
                         const double *totals, double *out) {
    for (int64_t i = 0; i < n; i++, counts += 4096) {
        const double *total = totals + 4096 * bins[i];
        out[i] = 0.0;
        for (int h = 0; h < 4096; h += 4) {
            const double *own = counts + h, *all = total + h;
            if (own[0] + own[1] + own[2] + own[3] == 0.0) continue;
            double sum = 0.0;
            for (int b = 0; b < 4; b++) sum += all[b] - own[b];
            for (int b = 0; b < 4; b++)
                if (own[b] != 0.0) out[i] += own[b] * log((all[b] - own[b]) / sum);
        }
    }
}

// Take one codon step of n rows: change the frame, pass a hexamer in each of six, add up.
static void log_odds_step(int64_t n, double leave, const double *const *ratios,
                          double *restrict sums, double *restrict totals) {
    double enter = leave / 7, stay = 1 - leave;
    for (int64_t p = 0; p < n; p++) {
        double entering = enter * totals[p];
        double a = (sums[p] * stay + entering) * ratios[0][p];
        double b = (sums[n + p] * stay + entering) * ratios[1][p];
        double c = (sums[2 * n + p] * stay + entering) * ratios[2][p];
        double d = (sums[3 * n + p] * stay + entering) * ratios[3][p];
        double e = (sums[4 * n + p] * stay + entering) * ratios[4][p];
        double f = (sums[5 * n + p] * stay + entering) * ratios[5][p];
        double between = sums[6 * n + p] * stay + entering;
        sums[p] = a;
        sums[n + p] = b;
        sums[2 * n + p] = c;
        sums[3 * n + p] = d;
        sums[4 * n + p] = e;
        sums[5 * n + p] = f;
        sums[6 * n + p] = between;
        totals[p] = a + b + c + d + e + f + between;
    }
}

// Add the log-odds of a sequence to `out` (P). `sums` are (9, P), the last row of ones.
static void add_log_odds(int64_t length, const int8_t *base, int64_t n, const double *ratios,
                         double leave, const int16_t *other, double *sums, double *out) {
    double *totals = sums + 7 * n, *ones = sums + 8 * n;
    for (int64_t i = 0; i < 7 * n; i++) sums[i] = 1.0 / 7;
    for (int64_t p = 0; p < n; p++) totals[p] = 1.0;
    Hexamer hexamer = {0, 0};
    for (int64_t t = 0; t < 5 && t < length; t++) next(&hexamer, base[t]);
    for (int64_t t = 0; t < length - 7; t += 3) {
        const double *passed[6];
        for (int frame = 0; frame < 3; frame++) {
            int h = next(&hexamer, base[t + 5 + frame]);
            passed[frame] = h < 0 ? ones : ratios + h * n;
            passed[3 + frame] = h < 0 ? ones : ratios + other[h] * n;
        }
        log_odds_step(n, leave, passed, sums, totals);
        for (int64_t p = 0; p < n; p++) {
            double total = totals[p];
            if (!(total > 1e30 || total < 1e-30)) continue;
            out[p] += log(total);
            totals[p] = 1.0;
            for (int i = 0; i < 7; i++) sums[i * n + p] /= total;
        }
    }
    for (int64_t p = 0; p < n; p++) out[p] += log(totals[p]);
}

// `offsets` (sequences + 1) in `base`; `ratios` (4096, P); `out` (P). Returns 0, or 1 if memory is
// lacking.
int dnatag_genes_log_odds(int64_t sequences, const int64_t *offsets, const int8_t *base, int64_t n,
                          const double *ratios, double leave, double *out) {
    // Forward sums (7, P): the frames of both strands, and what is between genes.
    double *sums = malloc((size_t)(9 * n + 1) * sizeof(double));
    int16_t other[4096];
    if (!sums) return 1;
    double *ones = sums + 8 * n;
    for (int h = 0; h < 4096; h++) other[h] = (int16_t)turned(h);
    for (int64_t p = 0; p < n; p++) {
        ones[p] = 1.0;
        out[p] = 0.0;
    }
    for (int64_t i = 0; i < sequences; i++)
        add_log_odds(
            offsets[i + 1] - offsets[i], base + offsets[i], n, ratios, leave, other, sums, out);
    free(sums);
    return 0;
}

// A stretch in which a frame is open, as in the array of a caller.
typedef struct {
    int64_t left, right, strand, phase, partial5, partial3;
} OpenFrame;

static OpenFrame open_frame(const uint8_t *flags, int reverse, int64_t phase, int64_t left,
                            int64_t right) {
    // From the ends to where the frame has its codons.
    const int64_t to_left = ((phase - left) % 3 + 3) % 3, to_right = ((right - phase) % 3 + 3) % 3;
    const int start = reverse ? flags[right - 1] & START_REVERSE : flags[left] & START;
    const int stop = reverse ? flags[left] & STOP_REVERSE : flags[right - 1] & STOP;
    const int64_t skipped = reverse ? to_right : to_left, rest = reverse ? to_left : to_right;
    return (OpenFrame){left, right, reverse ? -1 : 1, skipped, skipped || !start, rest || !stop};
}

// Sort by start, then end, then strand, the forward one first; next to all are in order.
static void sort_frames(int64_t n, OpenFrame *x) {
    for (int64_t i = 1; i < n; i++) {
        const OpenFrame own = x[i];
        int64_t at = i;
        for (; at > 0; at--) {
            const OpenFrame *b = &x[at - 1];
            const int after = b->left != own.left ? b->left > own.left
                            : b->right != own.right ? b->right > own.right
                            : b->strand < own.strand;
            if (!after) break;
            x[at] = *b;
        }
        x[at] = own;
    }
}

// `frames` (S, 6), S at most 128: the frames that are open in a state; `out` (N).
int64_t dnatag_open_frames(int64_t length, const int8_t *path, const uint8_t *flags, int64_t n_states,
                         const uint8_t *frames, int64_t n_out, OpenFrame *out) {
    // Bit 3 * reverse + phase: the genes that are open in a state, by position modulo 3.
    uint8_t genes[3 * 128] = {0};
    for (int64_t s = 0; s < n_states; s++)
        for (int64_t turn = 0; turn < 3; turn++)
            for (int phase = 0; phase < 3; phase++) {
                int64_t position = (turn - phase + 3) % 3;
                if (frames[6 * s + position]) genes[3 * s + turn] |= (uint8_t)(1 << phase);
                if (frames[6 * s + 5 - position]) genes[3 * s + turn] |= (uint8_t)(8 << phase);
            }
    int64_t count = 0, began[6] = {0};
    unsigned open = 0;
    for (int64_t t = 0, turn = 0; t <= length; t++, turn = turn == 2 ? 0 : turn + 1) {
        unsigned now = t < length && path[t] >= 0 ? genes[3 * path[t] + turn] : 0, cut = 0;
        if (t > 0 && flags[t - 1] & STOP) cut |= 1u << turn;
        if (t < length && flags[t] & STOP_REVERSE) cut |= 8u << turn;
        if (now == open && !(open & cut)) continue;
        for (int i = 0; i < 6; i++) {
            unsigned bit = 1u << i;
            if (open & bit && (cut & bit || !(now & bit))) {
                if (count < n_out) out[count] = open_frame(flags, i / 3, i % 3, began[i], t);
                count++;
                open &= ~bit;
            }
            if (now & bit && !(open & bit)) {
                began[i] = t;
                open |= bit;
            }
        }
    }
    if (count <= n_out) sort_frames(count, out);
    return count;
}

void dnatag_drop_starts(int64_t length, uint8_t *flags, int start, int stop, int64_t last,
                        int64_t step, int64_t shortest, int64_t longest) {
    // For each frame, how many bases ago its next stop codon ended.
    int64_t ends[3] = {-1, -1, -1};
    for (int64_t i = 0, t = last; i < length; i++, t -= step) {
        if (flags[t] & stop) ends[i % 3] = i;
        if (!(flags[t] & start) || i < 2) continue;
        int64_t end = ends[(i - 2) % 3], size = i - (end < 0 ? 0 : end) + 1;
        if (size > longest || (end >= 0 && size < shortest)) flags[t] &= (uint8_t)~start;
    }
}

// Returns -1 if memory is lacking.
int64_t dnatag_open_bases(int64_t length, const uint8_t *flags, int64_t long_frame) {
    // How many frames begin to be open at each base, less those that end before it.
    int8_t *change = calloc((size_t)(length + 1), 1);
    if (!change) return -1;
    for (int i = 0; i < 6; i++) {
        uint8_t stop = i < 3 ? STOP : STOP_REVERSE;
        for (int64_t t = i % 3, before = -1; before < length; t += 3) {
            int64_t end = t < length ? t : length;
            if (end < length && !(flags[t] & stop)) continue;
            if (end - before > long_frame) {
                change[before + 1]++;
                change[end]--;
            }
            before = end;
        }
    }
    int64_t total = 0, open = 0;
    for (int64_t t = 0; t < length; t++) {
        open += change[t];
        total += open > 0;
    }
    free(change);
    return total;
}

// Whether a base is the same as the one a period before it, and no N.
static int repeated(const uint8_t *symbols, int64_t t, int64_t period) {
    return symbols[t] == symbols[t - period] && symbols[t] != 15;
}

// Returns whether there are any; `shortest` is more than `max_period`.
int dnatag_mark_repeats(int64_t length, const uint8_t *symbols, int64_t max_period,
                        int64_t shortest, uint8_t *out) {
    int found = 0;
    for (int64_t period = 1; period <= max_period; period++) {
        int64_t least = shortest - period; // bases in a row that must be repeated
        // Those before `t` are looked at; behind one that is not repeated all begins anew.
        for (int64_t t = shortest; t <= length;) {
            int64_t first = t;
            while (first > t - least && repeated(symbols, first - 1, period)) first--;
            if (first > t - least) {
                t = first + least;
                continue;
            }
            while (t < length && repeated(symbols, t, period)) t++;
            memset(out + first - period, 1, (size_t)(t - first + period));
            found = 1;
            t += 1 + least;
        }
    }
    return found;
}

// Duval's two-pointer form of Booth's algorithm, in linear time.
int64_t dnatag_least_rotation(int64_t n, const uint8_t *symbols) {
    int64_t i = 0, j = 1, k = 0;
    while (i < n && j < n && k < n) {
        // Both are below 2 n.
        int64_t at = i + k < n ? i + k : i + k - n, other = j + k < n ? j + k : j + k - n;
        if (symbols[at] == symbols[other]) {
            k++;
            continue;
        }
        if (symbols[at] > symbols[other])
            i += k + 1;
        else
            j += k + 1;
        if (i == j) j++;
        k = 0;
    }
    return i < j ? i : j;
}
