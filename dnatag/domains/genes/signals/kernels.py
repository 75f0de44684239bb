"""Compiled loops: the tables of gene signals, and the genes of a path.

Those of the signals read one strand in its direction: `base`, int8 (L,), is 0 to 3 for A, C, G, T
and -1 for any other symbol; `flags`, uint8 (L,), are the flags as that strand has them.
"""

from __future__ import annotations

import math

import numpy as np

from dnatag.domains.genes.codes import START, STOP, STOP_REVERSE
from dnatag.engine.compiling import compiled

__all__ = [
    "count_hexamers",
    "count_starts",
    "drop_starts",
    "features",
    "genes_log_odds",
    "mark_repeats",
    "open_bases",
    "open_runs",
    "rbs_log_odds",
]


@compiled
def _codon(base, t):
    """Index of the codon at a base, whose ambiguous bases count as A."""
    codon = 0
    for i in range(3):
        codon = codon * 4 + max(base[t + i], 0)
    return codon


@compiled
def _pentamer(base, first):
    """Index of the 5-mer at a base, -1 if it is ambiguous."""
    index = 0
    for i in range(5):
        b = base[first + i]
        if b < 0:
            return -1
        index = index * 4 + b
    return index


@compiled
def _hexamers(base):
    """Index of the hexamer at each base, -1 if it is ambiguous or not whole."""
    hexamer = np.full(len(base), -1, dtype=np.int16)
    index, clean = 0, 0
    for t in range(len(base)):
        b = base[t]
        if b < 0:
            clean = 0
            index = 0
        else:
            clean += 1
            index = ((index << 2) | b) & 4095
            if clean >= 6:
                hexamer[t - 5] = index
    return hexamer


@compiled
def count_hexamers(base, starts, ends, coding, background):
    """Count hexamers at codon starts of the intervals, and at every base of this strand."""
    hexamer = _hexamers(base)
    for h in hexamer:
        if h >= 0:
            background[h] += 1
    for g in range(len(starts)):
        for t in range(starts[g], ends[g] - 5, 3):
            if hexamer[t] >= 0:
                coding[hexamer[t]] += 1


@compiled
def genes_log_odds(base, ratios, leave):
    """How much more probable a sequence is with genes than without, for each row of ratios.

    Between genes and in each of six frames codons follow each other; before each one the frame
    may change, with probability `leave`. `ratios` (P, 4096) are those of the second codon of a
    hexamer, given the first, inside genes and anywhere.
    """
    hexamer = _hexamers(base)
    turned = np.zeros(4096, dtype=np.int16)
    for h in range(4096):
        for i in range(6):
            turned[h] |= (3 - ((h >> 2 * i) & 3)) << 2 * (5 - i)
    out = np.zeros(len(ratios))
    for p in range(len(ratios)):
        # Forward sums, of the frames of both strands and of what is between genes.
        sums = np.full(7, 1 / 7)
        for t in range(0, len(base) - 7, 3):
            entering = leave * sums.sum() / 7
            sums *= 1 - leave
            sums += entering
            for frame in range(3):
                h = hexamer[t + frame]
                if h >= 0:
                    sums[frame] *= ratios[p, h]
                    sums[3 + frame] *= ratios[p, turned[h]]
            total = sums.sum()
            if total > 1e30 or total < 1e-30:
                out[p] += np.log(total)
                sums /= total
        out[p] += np.log(sums.sum())
    return out


@compiled
def _count_start(base, t, start_codons, profile, pentamers, before, behind, bins):
    """Add the surroundings of one start codon to the counts."""
    length = len(base)
    start_codons[_codon(base, t)] += 1
    for i in range(-before, behind):
        if 0 <= t + i < length and base[t + i] >= 0:
            profile[i + before, base[t + i]] += 1
    for gap in range(len(bins)):
        first = t - gap - 5
        if first < 0:
            break
        index = _pentamer(base, first)
        if index >= 0:
            pentamers[index, bins[gap]] += 1


@compiled
def count_starts(
    base, flags, starts, kinds, start_codons, profiles, pentamers, before, behind, bins, reach
):
    """Count starts by kind (0 first, 1 inner) and their in-frame rivals (kind 2)."""
    length = len(base)
    for g in range(len(starts)):
        t = starts[g]
        if t + 3 > length:
            continue
        kind = kinds[g]
        _count_start(
            base, t, start_codons[kind], profiles[kind], pentamers[kind], before, behind, bins
        )
        for way in (-3, 3):
            rival = t + way
            while 0 <= rival < length - 2 and abs(rival - t) <= reach:
                if flags[rival + 2] & STOP:
                    break
                if flags[rival] & START:
                    _count_start(
                        base,
                        rival,
                        start_codons[2],
                        profiles[2],
                        pentamers[2],
                        before,
                        behind,
                        bins,
                    )
                rival += way


@compiled
def features(
    base, flags, hexamers, start_codons, profiles, pentamers, before, behind, bins, scale, out
):
    """Fill the features of one strand, (L, 6); starts are scored where a start codon begins."""
    length = len(base)
    index, clean = 0, 0
    for t in range(length):
        b = base[t]
        if b < 0:
            clean = 0
            index = 0
        else:
            clean += 1
            index = ((index << 2) | b) & 4095
            if clean >= 6:
                out[t - 5, 0] = hexamers[index]
        # In a slice of a contig, the last codon may lie beyond the end.
        if not flags[t] & START or t + 3 > length:
            continue
        out[t, 1] = start_codons[_codon(base, t)]
        for kind in range(2):
            total = 0.0
            for i in range(-before, behind):
                if 0 <= t + i < length and base[t + i] >= 0:
                    total += profiles[kind, i + before, base[t + i]]
            out[t, 2 + kind] = total * scale
        best_first, best_inner = -9.0, -9.0
        for gap in range(len(bins)):
            first = t - gap - 5
            if first < 0:
                break
            word = _pentamer(base, first)
            if word >= 0:
                best_first = max(best_first, pentamers[0, word, bins[gap]])
                best_inner = max(best_inner, pentamers[1, word, bins[gap]])
        out[t, 4] = best_first if best_first > -9.0 else 0.0
        out[t, 5] = best_inner if best_inner > -9.0 else 0.0


@compiled
def rbs_log_odds(base, places, weights, spacers, shortest, out):
    """Fill the log-odds of an RBS motif before start codons, (M,)."""
    width = len(weights)
    n = len(spacers) - 1
    for m in range(len(places)):
        total = float(spacers[n])
        for i in range(n):
            first = places[m] - shortest - i - width
            score = 0.0
            for j in range(width):
                t = first + j
                if t >= 0 and base[t] >= 0:
                    score += weights[j, base[t]]
            total += spacers[i] * math.exp(score)
        out[m] = math.log(total)


@compiled
def open_bases(flags, long_frame):
    """Count the bases in reading frames of either strand with more than so many bases."""
    n = len(flags)
    depth = np.zeros(n + 1, dtype=np.int64)
    for stop in (STOP, STOP_REVERSE):
        for frame in range(3):
            before = -1
            for t in range(frame, n + 3, 3):
                end = min(t, n)
                if end == n or flags[t] & stop:
                    if end - before > long_frame:
                        depth[before + 1] += 1
                        depth[end] -= 1
                    before = end
                    if end == n:
                        break
    total = 0
    is_open = 0
    for t in range(n):
        is_open += depth[t]
        total += is_open > 0
    return total


@compiled
def open_runs(path, flags, frame_of_state, out):
    """Find where frames are open, one stretch for each gene even if they follow at once.

    Fills `out`, int64 (N, 4), with reverse strand (0 or 1), phase (position modulo 3 of a codon's
    left base), left and right end; returns the number of stretches, which may be more than N.
    """
    count = 0
    began = np.full(6, -1, dtype=np.int64)
    n_open = 0
    for t in range(len(path) + 1):
        inside = t < len(path)
        state = path[t] if inside else 0
        if state == 0 and n_open == 0:
            continue
        for reverse in range(2):
            for phase in range(3):
                i = 3 * reverse + phase
                position = (t - phase) % 3
                if reverse:
                    is_open = frame_of_state[state, 5 - position]
                    cut = position == 0 and inside and flags[t] & STOP_REVERSE
                else:
                    is_open = frame_of_state[state, position]
                    cut = position == 0 and t > 0 and flags[t - 1] & STOP
                if began[i] >= 0 and (cut or not is_open):
                    if count < len(out):
                        out[count, 0] = reverse
                        out[count, 1] = phase
                        out[count, 2] = began[i]
                        out[count, 3] = t
                    count += 1
                    began[i] = -1
                    n_open -= 1
                if is_open and began[i] < 0:
                    began[i] = t
                    n_open += 1
    return count


@compiled
def mark_repeats(symbols, max_period, shortest, out):
    """Mark tandem repeats of at least `shortest` bases and periods up to `max_period` in `out`.

    Returns whether there are any. Runs of N are no repeats.
    """
    same = np.zeros(max_period + 1, dtype=np.int64)
    found = False
    for t in range(1, len(symbols)):
        for period in range(1, min(max_period, t) + 1):
            if symbols[t] == symbols[t - period] and symbols[t] != 15:
                same[period] += 1
                length = same[period] + period
                if length == shortest:
                    out[t + 1 - length : t + 1] = True
                    found = True
                elif length > shortest:
                    out[t] = True
            else:
                same[period] = 0
    return found


@compiled
def drop_starts(flags, start, stop, last, step, shortest, longest):
    """Clear the start flags of genes with fewer than `shortest` or more than `longest` bases.

    The strand is read backwards from index `last` in steps of `-step`, 1 for the forward strand
    and -1 for the reverse one. A frame without a stop codon runs off the end.
    """
    n = len(flags)
    # For each frame, how many bases ago its next stop codon ended.
    ends = np.full(3, -1, dtype=np.int64)
    t = last
    for i in range(n):
        if flags[t] & stop:
            ends[i % 3] = i
        if flags[t] & start and i >= 2:
            end = ends[(i - 2) % 3]
            length = i - max(end, 0) + 1
            if length > longest or (end >= 0 and length < shortest):
                flags[t] &= 255 - start
        t -= step
