"""Binning: contigs of a mixture sorted by composition into those of one genome each.

Bins begin with the genomes of the reference panel. Each contig goes to the bin in which it is most
probable, by a Markov chain of the bin's composition, round after round: the chain is that of the
panel's genome at first, and the more that of the contigs in the bin the more there are. A contig
does not count as evidence for itself: it is compared to its own bin without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dnatag.domains.genes.loops import among_others, hexamers
from dnatag.domains.genes.nucleotides import encode
from dnatag.domains.genes.selftraining.settings import SelfTrainingSettings
from dnatag.formats.sequences.records import Contig

__all__ = ["binning_gain", "chains", "choose_bins"]


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
    contigs: Sequence[Contig], known: np.ndarray, settings: SelfTrainingSettings
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

    Returns
    -------
    numpy.ndarray
        Integers (N,), the number of the panel's genome that the bin of each contig began with.
        The order of the contigs does not matter.
    """
    prior = settings.binning_prior * known
    total = prior
    bins = np.full(len(contigs), -1)
    for turn in range(settings.binning_rounds):
        now = chains(total)
        chosen, counted = np.empty_like(bins), np.zeros_like(prior)
        for rows, counts in _counts(contigs, settings.binning_batch):
            likelihood = counts @ now.T
            if turn:
                own = among_others(counts, bins[rows], total)
                likelihood[np.arange(len(rows)), bins[rows]] = own
            chosen[rows] = likelihood.argmax(1)
            counted += _sums(counts, chosen[rows], len(prior))
        if (chosen == bins).all():
            break
        bins, total = chosen, prior + counted
    return bins


def binning_gain(
    contigs: Sequence[Contig], known: np.ndarray, settings: SelfTrainingSettings
) -> float:
    """Compute how much more probable contigs are in bins than all in one.

    Parameters
    ----------
    contigs, known, settings
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
    gain = _log_likelihood(contigs, choose_bins(contigs, known, settings), known, settings)
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
    for first in range(0, len(contigs), size):
        batch = contigs[first : first + size]
        symbols = encode(b"".join(contig.sequence for contig in batch))
        counts = hexamers(symbols, np.cumsum([0, *map(len, batch)]))
        yield np.arange(first, first + len(batch)), counts / 2
