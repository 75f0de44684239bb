"""The loops over genomes in NumPy, for where there is no native library."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = [
    "among_others",
    "best_bins",
    "centre_starts",
    "coding_frames",
    "count_hexamers",
    "count_starts",
    "drop_starts",
    "features",
    "genes_log_odds",
    "hexamers",
    "least_rotation",
    "mark_repeats",
    "move_contigs",
    "open_bases",
    "open_frames",
    "properties",
    "rbs_log_odds",
    "score_lengths",
]

START, STOP, START_REVERSE, STOP_REVERSE = 1, 2, 4, 8
#: Positions worked on at once, since NumPy turns indices into 8-byte integers.
_BLOCK = 1 << 20
#: Number of the base that a symbol is, -1 if it is not one base; on the reverse strand.
_BASE = np.full(16, -1, np.int8)
_BASE[[1, 2, 4, 8]] = range(4)
_TURNED = np.where(_BASE < 0, _BASE, 3 - _BASE)


def properties(symbols: np.ndarray, codons: np.ndarray) -> np.ndarray:
    """See :func:`dnatag.native.loops.properties`."""
    flags = np.zeros(len(symbols), dtype=np.uint8)
    for begin in range(0, len(symbols) - 2, _BLOCK):
        block = symbols[begin : begin + _BLOCK + 2]
        found = codons[block[:-2], block[1:-1], block[2:]]
        flags[begin : begin + len(found)] |= found & (START | STOP_REVERSE)
        flags[begin + 2 : begin + 2 + len(found)] |= found & (STOP | START_REVERSE)
    return flags


def count_hexamers(
    base: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    coding: np.ndarray,
    background: np.ndarray,
) -> None:
    """See :func:`dnatag.native.loops.count_hexamers`."""
    hexamers = _words(base, 6)
    background += _counts(hexamers)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        places = np.arange(start, end - 5, 3)
        coding += _counts(hexamers[places[(places >= 0) & (places < len(base))]])


def among_others(counts: np.ndarray, bins: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """See :func:`dnatag.native.loops.among_others`."""
    others = (totals[bins] - counts).reshape(-1, 1024, 4)
    logs = np.log(others / others.sum(2, keepdims=True)).reshape(-1, 4096)
    log_likelihoods: np.ndarray = (counts * logs).sum(1)
    return log_likelihoods


def hexamers(symbols: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """See :func:`dnatag.native.loops.hexamers`."""
    out = np.zeros((len(offsets) - 1, 4096))
    for row, low, high in zip(out, offsets[:-1], offsets[1:], strict=True):
        own = symbols[low:high]
        for base in (_BASE[own], _TURNED[own[::-1]]):
            row += _counts(_words(base, 6))
    return out


def best_bins(
    symbols: np.ndarray,
    offsets: np.ndarray,
    chains: np.ndarray,
    bins: np.ndarray,
    totals: np.ndarray,
) -> np.ndarray:
    """See :func:`dnatag.native.binning.best_bins`."""
    counts = hexamers(symbols, offsets) / 2
    likelihood = counts @ chains
    inside = np.flatnonzero(bins >= 0)
    likelihood[inside, bins[inside]] = among_others(counts[inside], bins[inside], totals)
    best: np.ndarray = likelihood.argmax(1)
    return best


def move_contigs(
    symbols: np.ndarray,
    offsets: np.ndarray,
    bins: np.ndarray,
    chosen: np.ndarray,
    counted: np.ndarray,
) -> None:
    """See :func:`dnatag.native.binning.move_contigs`."""
    counts = hexamers(symbols, offsets) / 2
    inside = bins >= 0
    np.subtract.at(counted, bins[inside], counts[inside])
    np.add.at(counted, chosen, counts)


def genes_log_odds(
    base: np.ndarray, offsets: np.ndarray, ratios: np.ndarray, leave: float
) -> np.ndarray:
    """See :func:`dnatag.native.loops.genes_log_odds`."""
    each = [_log_odds(base[low:high], ratios, leave) for low, high in pairwise(offsets.tolist())]
    odds: np.ndarray = np.sum([np.zeros(len(ratios)), *each], axis=0)
    return odds


def _log_odds(base: np.ndarray, ratios: np.ndarray, leave: float) -> np.ndarray:
    """Return the log-odds of one sequence, (P,)."""
    hexamers = _words(base, 6)
    number = np.arange(4096)
    turned = np.zeros(4096, dtype=np.int64)
    for i in range(6):
        turned |= (3 - ((number >> 2 * i) & 3)) << 2 * (5 - i)
    # The last column is of ambiguous hexamers, which change nothing.
    passed = np.pad(ratios, ((0, 0), (0, 1)), constant_values=1.0)
    turned = np.append(turned, 4096)
    out = np.zeros(len(ratios))
    # Forward sums of the frames of both strands and of what is between genes.
    sums = np.full((7, len(ratios)), 1 / 7)
    for t in range(0, len(base) - 7, 3):
        sums = sums * (1 - leave) + leave * sums.sum(0) / 7
        ahead = hexamers[t : t + 3]
        sums[:3] *= passed[:, ahead].T
        sums[3:6] *= passed[:, turned[ahead]].T
        total = sums.sum(0)
        scaled = (total > 1e30) | (total < 1e-30)
        if scaled.any():
            out[scaled] += np.log(total[scaled])
            sums[:, scaled] /= total[scaled]
    out += np.log(sums.sum(0))
    return out


def count_starts(
    base: np.ndarray,
    flags: np.ndarray,
    starts: np.ndarray,
    kinds: np.ndarray,
    start_codons: np.ndarray,
    profiles: np.ndarray,
    pentamers: np.ndarray,
    before: int,
    behind: int,
    bins: np.ndarray,
    reach: int,
) -> None:
    """See :func:`dnatag.native.signals.count_starts`."""
    last = len(base) - 3
    counted = []
    for start, kind in zip(starts.tolist(), kinds.tolist(), strict=True):
        if not 0 <= start <= last:
            continue
        counted.append((start, kind))
        for way in (-3, 3):
            rival = start + way
            while 0 <= rival <= last and abs(rival - start) <= reach:
                if flags[rival + 2] & STOP:
                    break
                if flags[rival] & START:
                    counted.append((rival, 2))
                rival += way
    places, kinds = np.array(counted, np.int64).reshape(-1, 2).T
    np.add.at(start_codons, (kinds, _codons(base, places)), 1)
    for i in range(-before, behind):
        on, here = _at(base, places + i)
        np.add.at(profiles, (kinds[on], i + before, here[on]), 1)
    words = _words(base, 5)
    for gap, number in enumerate(bins.tolist()):
        on, here = _at(words, places - gap - 5)
        np.add.at(pentamers, (kinds[on], here[on], number), 1)


def features(
    symbols: np.ndarray,
    flags: np.ndarray,
    places: np.ndarray,
    hexamers: np.ndarray,
    start_codons: np.ndarray,
    profiles: np.ndarray,
    pentamers: np.ndarray,
    before: int,
    behind: int,
    bins: np.ndarray,
    scale: float,
) -> np.ndarray:
    """See :func:`dnatag.native.signals.features`."""
    out = np.zeros((len(symbols), 12), np.float32)
    for base, of_start, half in (
        (_BASE[symbols], flags & START, out[:, :6]),
        (_TURNED[symbols[::-1]], flags[::-1] & START_REVERSE, out[::-1, 6:]),
    ):
        index = _words(base, 6)
        clean = index < 4096
        half[clean, 0] = hexamers[index[clean]]
        starts = np.flatnonzero(of_start)
        starts = starts[starts + 3 <= len(base)]
        half[starts, 1] = start_codons[_codons(base, starts)]
        totals = np.zeros((2, len(starts)))
        for i in range(-before, behind):
            on, here = _at(base, starts + i)
            totals[:, on] += profiles[i + before, here[on]].T
        half[starts, 2:4] = (totals * scale).T
        words = _words(base, 5)
        best = np.full((2, len(starts)), -9.0, np.float32)
        for gap, number in enumerate(bins.tolist()):
            on, here = _at(words, starts - gap - 5)
            best[:, on] = np.maximum(best[:, on], pentamers[number, here[on]].T)
        half[starts, 4:] = np.where(best > -9.0, best, 0.0).T
    wanted: np.ndarray = out[places]
    return wanted


def rbs_log_odds(
    symbols: np.ndarray,
    places: np.ndarray,
    reverse: bool,
    weights: np.ndarray,
    spacers: np.ndarray,
    shortest: int,
) -> np.ndarray:
    """See :func:`dnatag.native.signals.rbs_log_odds`."""
    base = _TURNED[symbols[::-1]] if reverse else _BASE[symbols]
    starts = len(base) - 1 - places if reverse else places
    total = np.full(len(places), spacers[-1], np.float64)
    for i, share in enumerate(spacers[:-1].astype(float)):
        score = np.zeros(len(places))
        for j, of_base in enumerate(weights):
            on, here = _at(base, starts - shortest - i - len(weights) + j)
            score[on] += of_base[here[on]]
        total += share * np.exp(score)
    log_odds: np.ndarray = np.log(total).astype(np.float32)
    return log_odds


def open_frames(path: np.ndarray, flags: np.ndarray, frame_of_state: np.ndarray) -> np.ndarray:
    """See :func:`dnatag.native.loops.open_frames`."""
    n = len(path)
    position = np.arange(n + 1)
    stops = np.append(False, (flags & STOP) > 0)
    stops_reverse = np.append((flags & STOP_REVERSE) > 0, False)
    runs = []
    for reverse in range(2):
        for phase in range(3):
            within = (position - phase) % 3
            column = 5 - within if reverse else within
            is_open = np.zeros(n + 2, bool)  # from the position before the first on
            is_open[1:-1] = frame_of_state[path, column[:-1]] & (path >= 0)
            cut = (within == 0) & (stops_reverse if reverse else stops)
            began = np.flatnonzero(is_open[1:] & (cut | ~is_open[:-1]))
            ended = np.flatnonzero(is_open[:-1] & (cut | ~is_open[1:]))
            both = np.full((2, len(began)), [[reverse], [phase]])
            runs.append(np.column_stack([*both, began, ended]))
    found = np.concatenate(runs)
    reverse, phase, left, right = found[np.lexsort((found[:, 0], found[:, 3], found[:, 2]))].T
    # From the ends to where the frame has its codons.
    to_left, to_right = (phase - left) % 3, (right - phase) % 3
    skipped, rest = np.where(reverse, (to_right, to_left), (to_left, to_right))
    first, last = np.where(reverse, (right - 1, left), (left, right - 1))
    no_start = flags[first] & np.where(reverse, START_REVERSE, START) == 0
    no_stop = flags[last] & np.where(reverse, STOP_REVERSE, STOP) == 0
    return np.column_stack(
        [left, right, 1 - 2 * reverse, skipped, (skipped > 0) | no_start, (rest > 0) | no_stop]
    )


def open_bases(flags: np.ndarray, long_frame: int) -> int:
    """See :func:`dnatag.native.loops.open_bases`."""
    change = np.zeros(len(flags) + 1, np.int64)
    for stop in (STOP, STOP_REVERSE):
        for frame in range(3):
            stops = np.flatnonzero(flags[frame::3] & stop) * 3 + frame
            before, end = np.append(-1, stops), np.append(stops, len(flags))
            long = end - before > long_frame
            np.add.at(change, before[long] + 1, 1)
            np.add.at(change, end[long], -1)
    return int((change.cumsum()[:-1] > 0).sum())


def coding_frames(
    base: np.ndarray,
    flags: np.ndarray,
    starts: np.ndarray,
    ratios: np.ndarray,
    edge: float,
    shortest: int,
    least: float,
) -> tuple[np.ndarray, np.ndarray]:
    """See :func:`dnatag.native.frames.coding_frames`."""
    found: list[tuple[int, int, int]] = []
    scores: list[float] = []
    for frame in range(3):
        codons = base[frame:][: (len(base) - frame) // 3 * 3].astype(np.int64).reshape(-1, 3)
        clear = np.logical_and.reduce(codons >= 0, axis=1)
        numbers = np.where(clear, codons @ (16, 4, 1), -1)
        own = flags[frame:][: 3 * len(codons)].reshape(-1, 3)
        stops: np.ndarray = own[:, 2] & STOP > 0
        may_start: np.ndarray = own[:, 0] & START > 0
        step = np.zeros(len(codons))
        step[1:] = ratios[np.maximum(numbers[:-1] * 64 + numbers[1:], 0)]
        sums, after = step.cumsum(), 0
        for end in [*np.flatnonzero(stops | ~clear).tolist(), len(codons)]:
            stop = end < len(codons) and bool(clear[end])
            last = end + stop - -(-shortest // 3)
            places = np.flatnonzero(may_start[after : max(min(end, last + 1), after)]) + after
            values = starts[frame + 3 * places].astype(float)
            if cut_off := after < end and (after == 0 or not clear[after - 1]):
                places, values = np.append(after, places), np.append(edge, values)
            if len(places):
                best = int((values - sums[places]).argmax())
                score = values[best] + sums[end - 1] - sums[places[best]]
                size = 3 * (end + stop - int(places[best]))
                if size >= shortest and score >= least:
                    begin = frame + 3 * int(places[best])
                    found.append((begin, begin + size, (cut_off and best == 0) + 2 * (not stop)))
                    scores.append(score)
            after = end + 1
    return np.array(found, np.int64).reshape(-1, 3), np.array(scores)


def drop_starts(
    flags: np.ndarray, start: int, stop: int, last: int, step: int, shortest: int, longest: int
) -> None:
    """See :func:`dnatag.native.loops.drop_starts`."""
    own = flags[::-1] if step > 0 else flags  # as it is read
    place = np.arange(len(own))
    for frame in range(3):
        ends = np.where((own & stop > 0) & (place % 3 == frame), place, -1)
        end = np.maximum.accumulate(ends)
        size = place - np.maximum(end, 0) + 1
        dropped = (size > longest) | (end >= 0) & (size < shortest)
        dropped &= (own & start > 0) & (place >= 2) & ((place - 2) % 3 == frame)
        own[dropped] &= 255 - start


def centre_starts(
    scores: np.ndarray,
    flags: np.ndarray,
    bounds: np.ndarray,
    columns: np.ndarray,
    place: np.ndarray,
    reverse: np.ndarray,
    start_scores: np.ndarray,
    evidence: np.ndarray,
    scale: float,
) -> np.ndarray:
    """See :func:`dnatag.native.starts.centre_starts`."""
    centred = np.array(evidence, np.float32)
    for low, high in pairwise(bounds.tolist()):
        for back, stop in enumerate((STOP, STOP_REVERSE)):
            here = np.flatnonzero((place >= low) & (place < high) & (reverse == back))
            at = high - 1 - place[here] if back else place[here] - low
            own_flags, own_scores = (x[low:high][:: -1 if back else 1] for x in (flags, scores))
            frame_scores = own_scores[:, columns[3 * back : 3 * back + 3]]
            stops = np.flatnonzero(own_flags & stop)
            for frame in range(3):
                chosen = np.flatnonzero(at % 3 == frame)
                if len(chosen):
                    chosen = chosen[np.argsort(at[chosen])]
                    before = _before(frame_scores, frame)[at[chosen] // 3]
                    ends = stops[(stops - 2) % 3 == frame]
                    gene = np.searchsorted(ends, at[chosen])
                    chosen = here[chosen]
                    odds = scale * (start_scores[chosen] - before)
                    centred[chosen] -= _gain(odds, scale * evidence[chosen], gene) / scale
    return centred


def _before(frame_scores: np.ndarray, frame: int) -> np.ndarray:
    """Scores of all that comes before each codon of a frame, float64."""
    end = frame + (len(frame_scores) - frame) // 3 * 3
    of_codons = sum(frame_scores[frame + i : end : 3, i] for i in range(3))
    return np.concatenate([[0.0], np.cumsum(of_codons, dtype=np.float64)])


def _gain(score: np.ndarray, evidence: np.ndarray, gene: np.ndarray) -> np.ndarray:
    """Return what evidence multiplies the odds of each gene by, as a logarithm."""
    first = np.flatnonzero(np.diff(gene, prepend=-1))
    of_gene = np.repeat(np.arange(len(first)), np.diff(first, append=len(gene)))
    odds = np.exp(score - np.maximum.reduceat(score, first)[of_gene])
    more = odds * np.exp(evidence)
    gain: np.ndarray = np.log(np.add.reduceat(more, first) / np.add.reduceat(odds, first))
    return gain[of_gene]


def score_lengths(
    scores: np.ndarray,
    flags: np.ndarray,
    rows: np.ndarray,
    lengths: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    columns: np.ndarray,
    scale: float,
    by_length: np.ndarray,
) -> None:
    """See :func:`dnatag.native.starts.score_lengths`."""
    most = len(by_length) - 1
    for row in rows.tolist():
        n = int(lengths[row])
        scores[row, :n] *= np.float32(scale)
        for way, start, stop, is_open, own_columns in (
            (1, START, STOP, begins[row], columns[:4]),
            (-1, START_REVERSE, STOP_REVERSE, ends[row], columns[4:]),
        ):
            own, of_strand = scores[row, :n][::way], flags[row, :n][::way]
            starts, stops = np.flatnonzero(of_strand & start), np.flatnonzero(of_strand & stop)
            for frame in range(3):
                here = starts[starts % 3 == frame]
                # Where the stop codons end; what has none is open to the last base.
                last = np.append(stops[(stops - 2) % 3 == frame], n - 1)
                size = last[np.searchsorted(last[:-1], here + 2)] - here + 1
                own[here, own_columns[3]] += by_length[np.minimum(size, most)]
                if is_open and n:
                    own[0, own_columns[-frame % 3]] += by_length[min(last[0] + 1, most)]


def mark_repeats(symbols: np.ndarray, max_period: int, shortest: int, out: np.ndarray) -> bool:
    """See :func:`dnatag.native.loops.mark_repeats`."""
    found = False
    for period in range(1, max_period + 1):
        ahead = symbols[period:]
        same = (ahead == symbols[: len(ahead)]) & (ahead != 15)
        edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
        for begin, end in edges.reshape(-1, 2).tolist():
            if end - begin + period >= shortest:
                out[begin : end + period] = True
                found = True
    return found


def least_rotation(symbols: np.ndarray) -> int:
    """See :func:`dnatag.native.loops.least_rotation`; Duval's form of Booth's algorithm."""
    circle, n = symbols.tobytes(), len(symbols)
    i, j, k = 0, 1, 0
    while i < n and j < n and k < n:
        a, b = circle[(i + k) % n], circle[(j + k) % n]
        if a == b:
            k += 1
            continue
        if a > b:
            i += k + 1
        else:
            j += k + 1
        if i == j:
            j += 1
        k = 0
    return min(i, j)


def _words(base: np.ndarray, n: int) -> np.ndarray:
    """Index of the n bases from each one on, int64 (L,); 4**n if that is ambiguous or not whole."""
    words = np.full(len(base), 4**n)
    if len(base) >= n:
        index = np.zeros(len(base) - n + 1, np.int64)
        clean = np.ones(len(index), bool)
        for i in range(n):
            here = base[i : len(index) + i]
            index = index * 4 + here
            clean &= here >= 0
        words[: len(index)] = np.where(clean, index, 4**n)
    return words


def _codons(base: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Index of the codons at places, whose ambiguous bases count as A."""
    codons = np.zeros(len(places), np.int64)
    for i in range(3):
        codons = codons * 4 + np.maximum(base[places + i], 0)
    return codons


def _at(values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where there is a base or word (of 5), and what it is there."""
    inside = (places >= 0) & (places < len(values))
    here = np.zeros(len(places), np.int64)
    here[inside] = values[places[inside]]
    return inside & (here >= 0) & (here < 1024), here


def _counts(hexamers: np.ndarray) -> np.ndarray:
    return np.bincount(hexamers, minlength=4097)[:4096].astype(float)
