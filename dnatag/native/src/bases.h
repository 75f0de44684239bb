// Bases and property flags, as the loops over genomes see them.

#ifndef DNATAG_BASES_H
#define DNATAG_BASES_H

#include <stdint.h>

// The property flags, as in dnatag/domains/genes/codes.py.
enum { START = 1, STOP = 2, START_REVERSE = 4, STOP_REVERSE = 8 };

// Number of the base that a symbol is, -1 if it is not one base; on either strand.
static const int8_t NUMBERS[2][16] = {
    {-1, 0, 1, -1, 2, -1, -1, -1, 3, -1, -1, -1, -1, -1, -1, -1},
    {-1, 3, 2, -1, 1, -1, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1},
};

// Index of a codon, in which ambiguous bases count as A.
static inline int codon(int first, int second, int third) {
    return (first < 0 ? 0 : first) * 16 + (second < 0 ? 0 : second) * 4 + (third < 0 ? 0 : third);
}

#endif
