"""Binning: contigs of a mixture sorted by composition into those of one genome each.

Bins begin with the genomes of the reference panel. Each contig goes to the bin in which it is most
probable, by a Markov chain of the bin's composition, round after round: the chain is that of the
panel's genome at first, and the more that of the contigs in the bin the more there are. A contig
does not count as evidence for itself: it is compared to its own bin without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dnatag.domains.genes.loops import among_others, best_bins, hexamers, move_contigs
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.formats.sequences.records import Contig

__all__ = ["binning_gain", "chains", "choose_bins"]

#: Of each hexamer, that of the other strand at the same place.
_TURNED = np.arange(4096)[::-1].reshape((4,) * 6).transpose().ravel()


def chains(counts: np.ndarray) -> np.ndarray:
    """Return the Markov chains of the fifth order that counts of hexamers give.

    Parameters
    ----------
    counts : numpy.ndarray
        Floats (n, 4096) above 0, counts or shares of hexamers.

    Returns
    -------
    numpy.ndarray
        Floats (n, 4096), logarithm of the probability of a hexamer's last base, given the others.
    """
    of_bases = counts.reshape(-1, 1024, 4)
    chains: np.ndarray = np.log(of_bases / of_bases.sum(2, keepdims=True))
    return chains.reshape(counts.shape)


def choose_bins(
    contigs: Sequence[Contig], known: np.ndarray, settings: SelfTrainingSettings, threads: int = 1
) -> np.ndarray:
    """Sort contigs into bins.

    Parameters
    ----------
    contigs : sequence of Contig
        A mixture.
    known : numpy.ndarray
        Floats (P, 4096), shares of the hexamers of the panel's genomes, on both strands together.
    settings : SelfTrainingSettings
        Weight of the panel and number of rounds.
    threads : int
        Number of threads.

    Returns
    -------
    numpy.ndarray
        Integers (N,), the number of the panel's genome that the bin of each contig began with.
        The order of the contigs does not matter.
    """
    prior = settings.binning_prior * known
    bins, counted = np.full(len(contigs), -1), np.zeros_like(prior)
    before: list[np.ndarray] = []
    for _ in range(settings.binning_rounds):
        total = prior + counted
        chosen = _best_bins(contigs, bins, total, settings.binning_batch, threads)
        # Contigs at the border of two bins may go back and forth without end.
        again = next((i for i, x in enumerate(before) if (x == chosen).all()), len(before))
        if period := before[again:]:
            return period[(settings.binning_rounds - 1 - again) % len(period)]
        before.append(chosen)
        moved = np.flatnonzero(chosen != bins)
        for rows, batch in _batches([contigs[i] for i in moved.tolist()], settings.binning_batch):
            own = moved[rows]
            move_contigs(*_joined(batch), bins[own], chosen[own], counted)
        bins = chosen
    return bins


def _best_bins(
    contigs: Sequence[Contig], bins: np.ndarray, total: np.ndarray, size: int, threads: int
) -> np.ndarray:
    """Find the best bin of each contig, given what is in the bins."""
    own = chains(total)
    both = np.ascontiguousarray((own + own[:, _TURNED]).T / 2)

    def work(batch: tuple[np.ndarray, Sequence[Contig]]) -> np.ndarray:
        rows, some = batch
        return best_bins(*_joined(some), both, bins[rows], total)

    with ThreadPoolExecutor(threads) as pool:
        each = list(pool.map(work, _batches(contigs, size)))
    return np.concatenate(each or [bins])


def binning_gain(
    contigs: Sequence[Contig], known: np.ndarray, settings: SelfTrainingSettings, threads: int = 1
) -> float:
    """Compute how much more probable contigs are in bins than all in one.

    Parameters
    ----------
    contigs, known, settings, threads
        See :func:`choose_bins`; there must be contigs and genomes of the panel.

    Returns
    -------
    float
        Nats per 1000 bases; no contig counts as evidence for itself.
    """
    together = np.sum(
        [counts.sum(0) for _, counts in _counts(contigs, settings.binning_batch)], axis=0
    )
    one = np.full(len(contigs), (chains(known) @ together).argmax())
    bins = choose_bins(contigs, known, settings, threads)
    gain = _log_likelihood(contigs, bins, known, settings)
    gain -= _log_likelihood(contigs, one, known, settings)
    return 1000 * gain / sum(map(len, contigs))


def _log_likelihood(
    contigs: Sequence[Contig], bins: np.ndarray, known: np.ndarray, settings: SelfTrainingSettings
) -> float:
    """Log-likelihood of contigs, each given the others in its bin."""
    total = settings.binning_prior * known
    for rows, counts in _counts(contigs, settings.binning_batch):
        total += _sums(counts, bins[rows], len(known))
    return sum(
        float(among_others(counts, bins[rows], total).sum())
        for rows, counts in _counts(contigs, settings.binning_batch)
    )


def _sums(counts: np.ndarray, bins: np.ndarray, number: int) -> np.ndarray:
    """Add up the counts of contigs, (N, 4096), in each bin: (number of bins, 4096)."""
    # Halves of integers, so that their order does not matter.
    sums: np.ndarray = (bins == np.arange(number)[:, None]).astype(float) @ counts
    return sums


def _counts(contigs: Sequence[Contig], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield numbers of contigs, and the hexamers of a strand of each: float64 (n, 4096)."""
    for rows, batch in _batches(contigs, size):
        yield rows, hexamers(*_joined(batch)) / 2


def _batches(contigs: Sequence[Contig], size: int) -> Iterator[tuple[np.ndarray, Sequence[Contig]]]:
    """Yield contigs, some at a time, and their numbers."""
    for first in range(0, len(contigs), size):
        batch = contigs[first : first + size]
        yield np.arange(first, first + len(batch)), batch


def _joined(contigs: Sequence[Contig]) -> tuple[np.ndarray, np.ndarray]:
    """Give the symbols of contigs, and where each begins and the last one ends."""
    symbols = encode(b"".join(contig.sequence for contig in contigs))
    return symbols, np.cumsum([0, *map(len, contigs)])
