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
        int64_t begin = -1, open = 0; // of the best gene that is open, -1 if there is none
        int before = -1;              // the codon before, -1 if there is none
        int64_t t = frame;
        double score = 0.0;
        for (; t + 3 <= length; t += 3) {
            if ((base[t] | base[t + 1] | base[t + 2]) < 0) {
                if (begin >= 0) add(&found, begin, t, open | NO_STOP, score);
                begin = before = -1;
                continue;
            }
            const int codon = base[t] << 4 | base[t + 1] << 2 | base[t + 2];
            if (flags[t + 2] & STOP) {
                if (begin >= 0) add(&found, begin, t + 3, open, score);
                begin = -1;
            } else {
                // Behind the end of a contig or a gap a gene may have begun before it.
                if (before < 0) {
                    begin = t;
                    open = NO_START;
                    score = edge;
                } else if (begin >= 0) {
                    score += ratios[before << 6 | codon];
                }
                if (flags[t] & START && (begin < 0 || starts[t] > score)) {
                    begin = t;
                    open = 0;
                    score = starts[t];
                }
            }
            before = codon;
        }
        if (begin >= 0) add(&found, begin, t, open | NO_STOP, score);
    }
    return found.n;
}
