"""The tagger: tokens to spans, each with its posterior probability."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dnatag.engine import crf
from dnatag.engine.grammar import Grammar
from dnatag.engine.windows import batches, choose_device, torch_threads
from dnatag.errors import InputError
from dnatag.formats.tokens import Entity, Span
from dnatag.models import find_model
from dnatag.tagging.corpus import collate
from dnatag.tagging.model import TokenModel, load

__all__ = ["Tagged", "Tagger"]

#: Tokens of a batch, padding included, and sequences that are sorted by length together.
BATCH_TOKENS = 2048
CHUNK = 1024
#: Paths that the best labelling is the centre of, where it is not simply the most probable one.
SAMPLES = 200


class _Inputs(NamedTuple):
    """What the functions of the CRF are called with."""

    grammar: Grammar
    channels: Tensor
    theta: Tensor
    bits: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class Tagged:
    """A sequence of tokens with its labels.

    Attributes
    ----------
    entities : list of Entity
        The spans of the best labelling, in order. Each has the posterior probability that
        exactly these tokens are a span of this type.
    tags : list of str
        The best labelling in the model's scheme.
    alternatives : list of (float, list of Entity)
        On request the best labellings, best first, each with its posterior probability.
    """

    entities: list[Entity]
    tags: list[str]
    alternatives: list[tuple[float, list[Entity]]]


class Tagger:
    """Tags tokens with a model.

    Parameters
    ----------
    model : TokenModel
        The model.
    metadata : dict
        Of its file.
    device : torch.device
        Where the network runs.
    threads : int
        CPU threads.
    """

    def __init__(
        self, model: TokenModel, metadata: dict[str, Any], device: torch.device, threads: int = 1
    ) -> None:
        self.model = model
        self.metadata = metadata
        self.device = device
        self.threads = threads
        self._network = model.network.to(device).eval()
        self._theta = self._network.theta.detach()
        self._crf = crf.implementation("cpu" if device.type == "mps" else device.type)

    @classmethod
    def load(cls, model: str | os.PathLike[str], device: str = "auto", threads: int = 1) -> Tagger:
        """Load a model.

        Parameters
        ----------
        model
            Name of a model (see ``dnatag models list``) or a model file.
        device
            auto, cpu, cuda or mps.
        threads
            CPU threads.

        Raises
        ------
        InputError
            If there is no such model or device, or it tags no tokens.
        """
        try:
            place = choose_device(device)
        except ValueError as error:
            raise InputError(str(error)) from None
        return cls(*load(find_model(model)), place, threads)

    def tag(self, tokens: Sequence[str], k_best: int = 0) -> Tagged:
        """Tag one sequence.

        Parameters
        ----------
        tokens
            Words of a sentence, or residues of a protein.
        k_best
            How many of the best labellings to give in ``alternatives``.
        """
        return next(self.tag_all([tokens], k_best))

    def posteriors(self, tokens: Sequence[str]) -> np.ndarray:
        """Return the posterior probability of each label at each token of a sequence.

        Parameters
        ----------
        tokens
            As for tagging.

        Returns
        -------
        numpy.ndarray
            float32 (L, number of labels), in the order of ``model.labelling.labels``.
        """
        labelling = self.model.labelling
        if not len(tokens):
            return np.zeros((0, len(labelling.labels)), np.float32)
        with torch.inference_mode(), torch_threads(self.threads):
            inputs = self._inputs([tokens])
            of_state = torch.eye(len(labelling.labels))[torch.from_numpy(labelling.label_of)]
            shares = self._crf.marginals(*inputs, project=of_state.to(inputs[1].device))
        result: np.ndarray = shares[0].cpu().numpy()
        return result

    def tag_all(self, sequences: Iterable[Sequence[str]], k_best: int = 0) -> Iterator[Tagged]:
        """Tag sequences, in their order.

        Parameters
        ----------
        sequences
            Read as they are needed, some hundreds at a time.
        k_best
            As for one.
        """
        rest = iter(sequences)
        pool = ThreadPoolExecutor(self.threads, initializer=torch.set_num_threads, initargs=(1,))
        with torch_threads(1), pool:
            while chunk := list(islice(rest, CHUNK)):
                empty = Tagged([], [], [(1.0, list[Entity]())][:k_best])
                results = [empty] * len(chunk)
                full = [i for i, tokens in enumerate(chunk) if len(tokens)]
                groups = [
                    [full[i] for i in group]
                    for group in batches([len(chunk[i]) for i in full], BATCH_TOKENS)
                ]
                work = pool.map(lambda g: self._tag([chunk[i] for i in g], k_best), groups)
                for group, tagged in zip(groups, work, strict=True):
                    for i, one in zip(group, tagged, strict=True):
                        results[i] = one
                yield from results

    def _tag(self, sequences: Sequence[Sequence[str]], k_best: int) -> list[Tagged]:
        """Tag a batch of sequences, none of them empty."""
        with torch.inference_mode():
            inputs = self._inputs(sequences)
            lengths = inputs[-1].tolist()
            spans = [[best] for best in self._best(inputs, lengths)]
            shares: list[list[float]] = [[] for _ in sequences]
            if k_best:
                total = self._crf.log_partition(*inputs).tolist()
                for i, (paths, scores) in enumerate(self._crf.k_best(*inputs, k_best)):
                    spans[i] += [self.model.labelling.spans(path) for path in paths.numpy()]
                    shares[i] = [math.exp(s - total[i]) for s in scores.tolist()]
            entities = self._entities(spans, inputs)
        return [
            Tagged(
                found[0],
                self.model.labelling.tags(of_paths[0], n),
                list(zip(share, found[1:], strict=True)),
            )
            for found, of_paths, share, n in zip(entities, spans, shares, lengths, strict=True)
        ]

    def _inputs(self, sequences: Sequence[Sequence[str]]) -> _Inputs:
        """Run the network; return what the functions of the CRF are called with."""
        inputs, lengths = collate([self.model.encoder.encode(tokens) for tokens in sequences])
        lengths = lengths.to(self.device)
        channels = self._network(*(x.to(self.device) for x in inputs), lengths).float()
        theta = self._theta
        if self.device.type == "mps":
            # The sums need double precision, which this kind of device has not.
            channels, theta, lengths = channels.cpu(), theta.cpu(), lengths.cpu()
        bits = torch.zeros(channels.shape[:2], dtype=torch.uint8, device=channels.device)
        return _Inputs(self.model.labelling.grammar, channels, theta, bits, lengths)

    def _best(self, inputs: _Inputs, lengths: Sequence[int]) -> list[list[Span]]:
        """Decode: spans of the best labelling of each sequence."""
        labelling = self.model.labelling
        if labelling.centre is None:
            best = self._crf.viterbi(*inputs)[0].cpu().numpy()
            return [labelling.spans(path[:n]) for path, n in zip(best, lengths, strict=True)]
        never = [weight in labelling.not_decoded for weight in inputs.grammar.weights]
        # A score that all others together cannot make up for.
        theta = inputs.theta.masked_fill(torch.tensor(never, device=inputs.theta.device), -1e9)
        paths = self._crf.sample(*inputs._replace(theta=theta), SAMPLES).numpy()
        return [labelling.centre(drawn[:, :n]) for drawn, n in zip(paths, lengths, strict=True)]

    def _entities(self, spans: list[list[list[Span]]], inputs: _Inputs) -> list[list[list[Entity]]]:
        """Give spans their posteriors."""
        grammar, channels, theta, bits, sizes = inputs
        lengths = sizes.tolist()
        wanted = list(dict.fromkeys(
            (i, span) for i, of_paths in enumerate(spans) for path in of_paths for span in path
        ))  # fmt: skip
        numbers: dict[bytes, int] = {}
        sets: list[np.ndarray] = []
        segments = []
        for i, span in wanted:
            stretch = self.model.labelling.stretch(span, lengths[i])
            indices = []
            for row in stretch.states:
                if (number := numbers.setdefault(row.tobytes(), len(sets))) == len(sets):
                    sets.append(row)
                indices.append(number)
            segments.append(crf.Segment(i, stretch.start, np.array(indices, np.int64)))
        scores: dict[tuple[int, Span], float] = {}
        if segments:
            table = torch.from_numpy(np.stack(sets)).to(channels.device)
            logs: Tensor = self._crf.segment_log_posterior(
                grammar, channels, theta, bits, sizes, segments, table
            )
            scores = dict(zip(wanted, logs.exp().clamp(0, 1).tolist(), strict=True))
        return [
            [[Entity(s.type, s.start, s.end, scores[i, s]) for s in path] for path in of_paths]
            for i, of_paths in enumerate(spans)
        ]
