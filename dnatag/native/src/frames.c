// Open reading frames that codon usage recognises, see dnatag/native/frames.py.

#include <stdint.h>

#include "bases.h"

enum { NO_START = 1, NO_STOP = 2 };

// Genes that are written, of `room`.
typedef struct {
    int64_t n, room, shortest, *genes;
    double least, *scores;
} Found;

static void add(Found *found, int64_t begin, int64_t end, int64_t open, double score) {
    if (end - begin < found->shortest || score < found->least || found->n == found->room) return;
    int64_t *gene = found->genes + 3 * found->n;
    gene[0] = begin;
    gene[1] = end;
    gene[2] = open;
    found->scores[found->n++] = score;
}

// One strand in its direction: `base` and `flags` (length), `starts` (length) the score of a start
// codon that begins there, `ratios` (4096) logarithms for the second codon of a hexamer, `edge` the score of a
// start that is beyond an end. `genes` (room, 3): begin, end, and what is open. Returns how many.
int64_t dnatag_coding_frames(
    int64_t length, const int8_t *base, const uint8_t *flags, const float *starts,
    const double *ratios, double edge, int64_t shortest, double least, int64_t room,
    int64_t *genes, double *scores) {
    Found found = {0, room, shortest, genes, least, scores};
    for (int64_t frame = 0; frame < 3; frame++) {
        int clear = 0; // whether there is a codon before, and it is not ambiguous
        for (int64_t first = frame, end; first + 3 <= length; first = end + 3) {
            int stops = 0, unknown = 0;
            for (end = first; end + 3 <= length; end += 3) {
                unknown = (base[end] | base[end + 1] | base[end + 2]) < 0;
                stops = !unknown && flags[end + 2] & STOP;
                if (unknown || stops) break;
            }
            const int64_t behind = stops ? end + 3 : end;
            // Behind the end of a contig or a gap a gene may have begun before it.
            int64_t begin = clear ? -1 : first, open = clear ? 0 : NO_START;
            double score = clear ? 0.0 : edge;
            int before = 0;
            for (int64_t t = first; t < end; t += 3) {
                const int codon = base[t] << 4 | base[t + 1] << 2 | base[t + 2];
                if (begin >= 0 && t > first) score += ratios[before << 6 | codon];
                before = codon;
                const int may_start = flags[t] & START && behind - t >= shortest;
                if (may_start && (begin < 0 || starts[t] > score)) {
                    begin = t;
                    score = starts[t];
                    open = 0;
                }
            }
            open |= stops ? 0 : NO_STOP;
            if (begin >= 0 && end > first) add(&found, begin, behind, open, score);
            clear = !unknown;
        }
    }
    return found.n;
}
