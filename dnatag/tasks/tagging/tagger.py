"""The tagger: tokens to spans, each with its posterior probability."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnatag.engine.batching import batches
from dnatag.engine.crf.chain import Chain
from dnatag.engine.inference.networks import token_runner
from dnatag.errors import InputError
from dnatag.formats.text.tokens import Entity
from dnatag.tasks.features import TokenFeatures, encode_all, join
from dnatag.tasks.predictor import Predictor, check_many
from dnatag.tasks.tagging.domain import HasEncoder, HasHomologs, Homologs
from dnatag.tasks.tagging.given import Given
from dnatag.tasks.tagging.model import TokenModel, load_token_model
from dnatag.tasks.tagging.posterior import Posterior

if TYPE_CHECKING:
    from typing import Self

__all__ = ["CHUNK", "Tagged", "Tagger"]

#: Tokens of a batch, padding included, and sequences that are sorted by length together.
BATCH_TOKENS = 2048
CHUNK = 1024


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
        On request the most probable labellings, each with its posterior probability.
    tokens : sequence
        What was tagged.
    offsets : tuple of (int, int) or None
        If a text was given, the place of each token in it, in characters, 0-based and half-open.
    text : str or None
        The text.
    """

    entities: list[Entity]
    tags: list[str]
    alternatives: list[tuple[float, list[Entity]]]
    tokens: Sequence[Any] = field(default=(), compare=False, repr=False)
    offsets: tuple[tuple[int, int], ...] | None = field(default=None, compare=False, repr=False)
    text: str | None = field(default=None, compare=False, repr=False)

    def place(self, entity: Entity) -> tuple[int, int]:
        """Return where an entity begins and ends in the text: characters, 0-based and half-open.

        Raises
        ------
        InputError
            If no text was given, but tokens or residues.
        """
        if self.offsets is None:
            raise InputError(
                "no text was tagged, so there are no places in characters; entity.start and "
                "entity.end are indices of 'tokens', words of a list or residues of a protein"
            )
        return self.offsets[entity.start][0], self.offsets[entity.end - 1][1]


class _Words(NamedTuple):
    """Distinct tokens, prepared for the network, and the row of each."""

    prepared: Any
    rows: dict[str, int]


class Tagger(Predictor[TokenModel]):
    """Tags tokens with a model; see :class:`dnatag.tasks.predictor.Predictor`.

    Parameters
    ----------
    homologs : Homologs or None
        Finds sequences that are read beside those to tag.
    """

    read = staticmethod(load_token_model)

    def __init__(
        self,
        model: TokenModel,
        metadata: dict[str, Any],
        device: str,
        threads: int = 1,
        homologs: Homologs | None = None,
    ) -> None:
        super().__init__(model, metadata, device, threads)
        self.homologs = homologs
        self._network = token_runner(model.networks, device)
        members = [network.transition_weights for network in model.networks]
        self._transition_weights: np.ndarray = np.stack(members).mean(0)

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str],
        device: str = "auto",
        threads: int = 1,
        homologs: str | os.PathLike[str] | None = None,
        encoder: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Load a model; see :meth:`dnatag.tasks.predictor.Predictor.load`.

        Parameters
        ----------
        model, device, threads
            As there.
        homologs
            File of sequences among which homologs of those to tag are looked for (of proteins:
            FASTA); labels are then those that all of them support together.
        encoder
            Folder of the language model that the model was trained with, if that is not where it
            was any more.

        Raises
        ------
        InputError
            As there, or if homologs are of no use to the model or cannot be read, or so with a
            language model, or it is another one than that in training.
        DnatagError
            As there, or if a library for homologs or the language model is not installed.
        """
        tagger = super().load(model, device, threads)
        if homologs is not None:
            domain = tagger.model.domain
            if not isinstance(domain, HasHomologs):
                raise InputError(
                    f"{os.fspath(homologs)}: a model of {domain.name} has no use for homologs"
                )
            tagger.homologs = domain.homologs(Path(homologs))
        featurizer = tagger.model.featurizer
        if isinstance(featurizer, HasEncoder):
            featurizer.open_encoder(None if encoder is None else Path(encoder))
        elif encoder is not None:
            raise InputError(f"{os.fspath(encoder)}: {model} was trained without a language model")
        return tagger

    def tag(self, sequence: Any, k_best: int = 0, min_score: float | None = None) -> Tagged:
        """Tag one sequence.

        Parameters
        ----------
        sequence
            Of text a string, which is split into tokens, or a list of tokens. Of proteins a str,
            ``Bio.Seq`` or ``SeqRecord``, or a list of residues. Of features an array (T, F).
        k_best
            How many of the most probable labellings to give in ``alternatives``.
        min_score
            Leave out spans with a lower posterior. For entities it takes the place of the model's
            threshold, so that a low one finds more.

        Raises
        ------
        InputError
            If the sequence is of another type or has what it cannot have, or a number is out of
            its range.

        Examples
        --------
        >>> tagged = Tagger.load("biomedical").tag("Aspirin can cause ulcers.")
        >>> [(entity.type, tagged.place(entity)) for entity in tagged.entities]
        [('Chemical', (0, 7)), ('Disease', (18, 24))]
        """
        return next(self.tag_all([sequence], k_best, min_score, ahead=1))

    def posteriors(self, sequence: Any) -> np.ndarray:
        """Return the posterior probability of each label at each token of a sequence.

        Parameters
        ----------
        sequence
            As for tagging.

        Returns
        -------
        numpy.ndarray
            float32 (L, number of labels), in the order of ``model.labelling.labels``.
        """
        tokens = self._given(sequence).tokens
        labelling = self.model.labelling
        if not len(tokens):
            return np.zeros((0, len(labelling.labels)), np.float32)
        of_state = np.eye(len(labelling.labels), dtype=np.float32)[labelling.label_of]
        with self._network.pool(1) as pool:
            return pool.submit(self._posterior, [tokens]).result().marginals(of_state)[0]

    def tag_all(
        self,
        sequences: Iterable[Any],
        k_best: int = 0,
        min_score: float | None = None,
        ahead: int = CHUNK,
    ) -> Iterator[Tagged]:
        """Tag sequences, in their order.

        Parameters
        ----------
        sequences
            Each as for one: of text strings are whole texts, not tokens. They are read as they are
            needed.
        k_best, min_score
            As for one.
        ahead
            How many are read before the first of them is tagged: with 1 each result comes as soon
            as it can, more are faster.

        Raises
        ------
        InputError
            As for one.
        """
        check_many(sequences, "tag", ahead)
        if not isinstance(k_best, int) or k_best < 0:
            raise InputError(f"k_best must be a whole number and not below 0, not {k_best!r}")
        if min_score is not None and not (
            isinstance(min_score, (int, float, np.number))
            and not isinstance(min_score, bool)
            and 0 <= min_score <= 1
        ):
            raise InputError(f"min_score is a probability, from 0 to 1, not {min_score!r}")
        return self._tag_all(map(self._given, sequences), k_best, min_score, ahead)

    def _given(self, sequence: Any) -> Given:
        if isinstance(sequence, Given):  # read from a file, and checked there
            return sequence
        return self.model.domain.given(sequence, self.model.featurizer)

    def _tag_all(
        self, given: Iterator[Given], k_best: int, min_score: float | None, ahead: int
    ) -> Iterator[Tagged]:
        # One sequence at a time has no work for a second thread.
        with self._network.pool(1 if ahead == 1 else self.threads) as pool:
            while part := list(islice(given, ahead)):
                chunk = [one.tokens for one in part]
                empty = Tagged([], [], [(1.0, list[Entity]())][:k_best])
                results = [empty] * len(chunk)
                words = self._words(chunk)
                full = [i for i, tokens in enumerate(chunk) if len(tokens)]
                groups = [
                    [full[i] for i in group]
                    for group in batches([len(chunk[i]) for i in full], BATCH_TOKENS)
                ]
                work = pool.map(partial(self._tag_group, chunk, words, k_best, min_score), groups)
                for group, tagged in zip(groups, work, strict=True):
                    for i, one in zip(group, tagged, strict=True):
                        results[i] = one
                for one, (tokens, offsets, text) in zip(results, part, strict=True):
                    yield replace(one, tokens=tokens, offsets=offsets, text=text)

    def _tag_group(
        self,
        chunk: Sequence[Sequence[str]],
        words: _Words | None,
        k_best: int,
        min_score: float | None,
        group: Sequence[int],
    ) -> list[Tagged]:
        """Tag some of a chunk of sequences, none of them empty."""
        sequences = [chunk[i] for i in group]
        labelling = self.model.labelling
        posterior = self._posterior(sequences, words)
        best = [
            [entity for entity in found if entity.score >= (min_score or 0)]
            for found in labelling.best(posterior, min_score)
        ]
        alternatives = self._alternatives(posterior, k_best) if k_best else [[] for _ in best]
        return [
            Tagged(found, labelling.tags([entity.span for entity in found], len(tokens)), others)
            for tokens, found, others in zip(sequences, best, alternatives, strict=True)
        ]

    def _alternatives(
        self, posterior: Posterior, number: int
    ) -> list[list[tuple[float, list[Entity]]]]:
        """Return the most probable labellings of each sequence, with their probabilities."""
        ranked = posterior.k_best(number)
        spans = [[self.model.labelling.spans(path) for _, path in paths] for paths in ranked]
        entities = map(iter, posterior.entities([list(chain(*of_paths)) for of_paths in spans]))
        return [
            [(p, list(islice(rest, len(row)))) for (p, _), row in zip(paths, of_paths, strict=True)]
            for paths, of_paths, rest in zip(ranked, spans, entities, strict=True)
        ]

    def _posterior(
        self, sequences: Sequence[Sequence[str]], words: _Words | None = None
    ) -> Posterior:
        """Run the networks, on the homologs of sequences too.

        What counts is the mean of the scores of all tokens that stand for one another.
        """
        alone = self._alone(sequences, words)
        if self.homologs is None:
            return alone
        scores = alone.chain.scores.copy()
        found = self.model.labelling.best(alone, None)
        for mine, tokens, entities in zip(scores, sequences, found, strict=True):
            homologs = self.homologs.find(tokens, [entity.span for entity in entities])
            number = np.ones((len(mine), 1), np.float32)
            for group in batches([len(homolog.tokens) for homolog in homologs], BATCH_TOKENS):
                theirs = self._alone([homologs[i].tokens for i in group]).chain.scores
                for i, its in zip(group, theirs, strict=True):
                    mine[homologs[i].own] += its[homologs[i].its]
                    number[homologs[i].own] += 1
            mine /= number
        return replace(alone, chain=replace(alone.chain, scores=scores))

    def _words(self, sequences: Sequence[Sequence[str]]) -> _Words | None:
        """Prepare the distinct tokens of sequences, if they are the same wherever they stand."""
        if self.model.featurizer.in_context:
            return None
        distinct = list(dict.fromkeys(chain.from_iterable(sequences)))
        return _Words(
            self._prepare(self.model.featurizer.encode(distinct)),
            {word: row for row, word in enumerate(distinct)},
        )

    def _prepare(self, tokens: TokenFeatures) -> Any:
        return self._network.prepare(tokens.categories, tokens.features, tokens.parts)

    def _alone(self, sequences: Sequence[Sequence[str]], words: _Words | None = None) -> Posterior:
        """Run the networks on sequences."""
        lengths = np.array([len(tokens) for tokens in sequences])
        words = self._words(sequences) if words is None else words
        if words is None:
            encoded = join(encode_all(self.model.featurizer, sequences))
            prepared, rows = self._prepare(encoded), np.arange(len(encoded))
        else:
            prepared, number = words
            rows = np.array([number[token] for tokens in sequences for token in tokens])
        labelling = self.model.labelling
        there = np.arange(lengths.max()) < lengths[:, None]
        scores = np.zeros((*there.shape, len(labelling.grammar.scores)), np.float32)
        scores[there] = self._network.scores(prepared, rows, lengths)
        flags = np.zeros(there.shape, np.uint8)
        of_batch = Chain(labelling.grammar, scores, self._transition_weights, flags, lengths)
        return Posterior(of_batch, labelling.stretch)
