"""The tagger of letters: k-mers, a BiLSTM, and heads that give the scores of a grammar."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dnatag.engine.crf.grammar import Grammar
from dnatag.engine.networks.base import TaggerNetwork
from dnatag.engine.networks.configs import KmerTaggerConfig, Mirror, SiteConfig
from dnatag.engine.networks.encoders import BiLSTM, reverse
from dnatag.engine.networks.kmers import KmerEmbedding, KmerIndex
from dnatag.engine.networks.native_layers import look_up, recur, row_sums, usable, with_mirror_image
from dnatag.native.training import Recurrence

__all__ = ["KmerTagger", "Sites"]


class Sites(NamedTuple):
    """M sites of a batch, encoded by the network.

    Attributes
    ----------
    row, position : Tensor
        int64 (M,), sequence of the batch and position in it.
    column : Tensor
        int64 (M,), the column of their score.
    hidden : Tensor
        float32 (M, hidden), all that their score depends on but for the features.
    """

    row: Tensor
    position: Tensor
    column: Tensor
    hidden: Tensor


class _SiteHead(nn.Module):
    """Scores sites from the k-mers around them, the encoder and the features."""

    def __init__(self, config: KmerTaggerConfig, site: SiteConfig, kmers: int) -> None:
        super().__init__()
        self.site = site
        self.stride = config.stride
        self.embedding = KmerEmbedding(kmers, site.embedding)
        self.view = nn.Linear((site.before + site.behind) * site.embedding, site.hidden)
        # The encoder knows the position within a step only by where it writes what.
        self.context = nn.ModuleList(
            nn.Linear(2 * config.hidden, site.hidden, bias=False) for _ in range(config.stride)
        )
        self.features = nn.Linear(max(config.features, 1), site.hidden, bias=False)
        self.out = nn.Sequential(
            nn.ReLU(), nn.Linear(site.hidden, site.hidden), nn.ReLU(), nn.Linear(site.hidden, 1)
        )

    def encode(
        self, index: Tensor, mixed: Tensor, flags: Tensor, encoded: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return row and position of each site, (M,), and its vector, (M, hidden)."""
        sites = (flags & self.site.flag).nonzero()
        # Sorted by their position in the step, so that each context layer has one slice.
        sites = sites[torch.argsort(sites[:, 1] % self.stride, stable=True)]
        row, position = sites[:, 0], sites[:, 1]
        counts = torch.bincount(position % self.stride, minlength=self.stride).tolist()
        table = self.embedding.table(mixed)
        # A last row of zeros stands for what lies outside the window.
        table = torch.cat([table, table.new_zeros(1, table.shape[1])])
        before, behind = self.site.before, self.site.behind
        around = nn.functional.pad(index.int(), (before, behind), value=len(table) - 1)
        view = around.unfold(1, before + behind, 1)[row, position]
        x = self.view(look_up(table, view).flatten(1))
        context = torch.split(encoded[row, position // self.stride], counts)
        return (
            row,
            position,
            x + torch.cat([f(c) for f, c in zip(self.context, context, strict=True)]),
        )

    def score(self, hidden: Tensor, features: Tensor) -> Tensor:
        """Return the scores of sites, (M,), for their vectors and their features, (M, F)."""
        x = hidden + self.features(features) if features.shape[-1] else hidden
        scores: Tensor = self.out(x).squeeze(1)
        return scores


class KmerTagger(TaggerNetwork):
    """A tagger of letters, which takes k-mers, several positions at a step.

    With a `mirror` the grammar's scores are two halves, the second being what the first is when
    the sequence is read from its other end. The network then computes one half from either end,
    with the same weights, and its results do not depend on the end.

    Parameters
    ----------
    config : KmerTaggerConfig
        Sizes.
    grammar : Grammar
        The grammar whose scores are computed.
    spread : numpy.ndarray
        float32 (symbols, letters), the letters that symbols stand for, see :class:`KmerIndex`.
    mirror : Mirror or None
        The symmetry of the domain.
    """

    _symbols: Tensor
    _flags: Tensor
    _features: Tensor

    def __init__(
        self, config: KmerTaggerConfig, grammar: Grammar, spread: np.ndarray, mirror: Mirror | None
    ) -> None:
        super().__init__()
        self.config = config
        self.grammar = grammar
        self.dropout = config.dropout
        self.mirror = mirror
        self.own_scores = len(grammar.scores) // (2 if mirror else 1)
        self.index = KmerIndex(spread, config.kmer)
        self.embedding = KmerEmbedding(self.index.size, config.embedding)
        width = config.stride * (config.embedding + config.features)
        self.encoder = BiLSTM(
            width,
            config.hidden,
            config.layers,
            mirror is not None,
            config.dropout,
            drop_inputs=False,
        )
        self.dense_scores = self.own_scores - (config.site is not None)
        self.head = nn.Linear(2 * config.hidden + width, config.stride * self.dense_scores)
        nn.init.zeros_(self.head.bias)
        nn.init.normal_(self.head.weight, std=0.02)
        self.site = None if config.site is None else _SiteHead(config, config.site, self.index.size)
        self.transition_weights = nn.Parameter(torch.zeros(len(grammar.weights)))
        if mirror is not None:
            self.register_buffer("_symbols", torch.tensor(mirror.symbols), persistent=False)
            self.register_buffer("_flags", torch.tensor(mirror.flags), persistent=False)
            self.register_buffer(
                "_features", torch.tensor(mirror.features, dtype=torch.int64), persistent=False
            )

    def forward(self, symbols: Tensor, flags: Tensor, features: Tensor, lengths: Tensor) -> Tensor:
        """Compute the scores.

        Parameters
        ----------
        symbols, flags : Tensor
            uint8 (B, L), symbols and property words; 0 past the end of a row. L is a multiple
            of the stride.
        features : Tensor
            float32 (B, L, F).
        lengths : Tensor
            int64 (B,), multiples of the stride.

        Returns
        -------
        Tensor
            float32 (B, L, C).
        """
        scores, sites = self.encode(symbols, flags, features, lengths)
        if sites is None:
            return scores
        at_sites = self.score(sites.column, sites.hidden, features[sites.row, sites.position])
        where = sites.row, sites.position, sites.column
        return scores.index_put(where, at_sites.to(scores.dtype))

    def encode(
        self, symbols: Tensor, flags: Tensor, features: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Sites | None]:
        """Compute the scores, but those of the sites, which are left zero.

        Parameters
        ----------
        symbols, flags, features, lengths : Tensor
            As for the scores.

        Returns
        -------
        scores : Tensor
            float32 (B, L, C).
        sites : Sites or None
            None without a site head.
        """
        if self.mirror is None:
            dense, found = self._oriented(symbols, flags, features, lengths)
            halves = [dense]
        else:
            turned = reverse(symbols, lengths).long()
            symbols = torch.cat([symbols, self._symbols[turned].to(symbols.dtype)])
            flags = torch.cat([flags, self._flags[reverse(flags, lengths).long()].to(flags.dtype)])
            features = torch.cat([features, reverse(features, lengths)[..., self._features]])
            dense, found = self._oriented(symbols, flags, features, torch.cat([lengths, lengths]))
            ahead, back = dense.chunk(2)
            halves = [ahead, reverse(back, lengths)]
        if found is None:
            return torch.cat(halves, -1), None
        none = dense.new_zeros(*halves[0].shape[:2], 1)
        scores = torch.cat([x for half in halves for x in (half, none)], -1)
        row, position, hidden = found
        if self.mirror is None:
            return scores, Sites(row, position, torch.full_like(row, self.dense_scores), hidden)
        is_back = row >= len(lengths)
        row = torch.where(is_back, row - len(lengths), row)
        position = torch.where(is_back, lengths.to(row.device)[row] - 1 - position, position)
        column = self.dense_scores + is_back * self.own_scores
        return scores, Sites(row, position, column, hidden)

    def score(self, column: Tensor, hidden: Tensor, features: Tensor) -> Tensor:
        """Compute the scores of sites.

        Parameters
        ----------
        column, hidden : Tensor
            Integers (M,) and float32 (M, hidden), of :class:`Sites`, or some of them.
        features : Tensor
            float32 (M, F), of their positions; not necessarily what the encoder was given.

        Returns
        -------
        Tensor
            float32 (M,).
        """
        assert self.site is not None
        if self.mirror is not None:
            is_back = (column >= self.own_scores)[:, None]
            features = torch.where(is_back, features[:, self._features], features)
        return self.site.score(hidden, features)

    def _oriented(
        self, symbols: Tensor, flags: Tensor, features: Tensor, lengths: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor] | None]:
        stride = self.config.stride
        index, mixed = self.index(symbols)
        vectors = self.embedding.table(mixed)
        one_lstm = self.mirror is not None and self.config.layers == 1
        read = self._by_tables if one_lstm and usable(vectors) else self._by_vectors
        encoded, of_input = read(index, vectors, features.to(vectors.dtype), lengths // stride)
        # The head reads both, but joining them would take more memory than all the rest.
        # Contiguous, so that autograd multiplies the gradient from its fast side.
        of_encoded = self.head.weight[:, : encoded.shape[-1]].contiguous()
        dense = nn.functional.linear(encoded, of_encoded) + of_input
        dense = dense.view(*symbols.shape, self.dense_scores)
        if self.site is None:
            return dense, None
        return dense, self.site.encode(index, mixed, flags, encoded)

    def _by_vectors(
        self, index: Tensor, vectors: Tensor, features: Tensor, steps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what the encoder, and what the head makes of the input: (B, T, ...)."""
        batch, length = index.shape
        x = torch.cat([nn.functional.embedding(index, vectors), features], -1)
        x = x.view(batch, length // self.config.stride, -1)
        of_x = self.head.weight[:, 2 * self.config.hidden :]
        return self.encoder(x, steps), nn.functional.linear(x, of_x, self.head.bias)

    def _by_tables(
        self, index: Tensor, vectors: Tensor, features: Tensor, steps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the same, by the native library."""
        batch, length = index.shape
        stride, kmers = self.config.stride, len(vectors)
        places = (index.view(-1, stride) + torch.arange(0, stride * kmers, kmers)).contiguous()
        width = features.shape[-1]
        beside = features.reshape(len(places), stride * width)

        def enter(weight: Tensor, bias: Tensor) -> Tensor:
            # Of k-mers the product with the weights is in a table, one for each place of a step.
            by_place = weight.view(len(weight), stride, -1)
            of_kmers, of_features = torch.split(by_place, [vectors.shape[1], width], -1)
            table = (vectors @ of_kmers.permute(1, 2, 0) + bias / stride).flatten(0, 1)
            rest = of_features.reshape(len(weight), stride * width)
            entering = row_sums(table, places).addmm_(beside, rest.T)
            return entering.view(batch, length // stride, -1)

        of_input, of_hidden, *biases = self.encoder.ahead[0].parameters()
        recurrence = Recurrence(of_hidden.detach().numpy())
        columns = torch.from_numpy(recurrence.columns)
        weight = nn.functional.pad(of_input, (0, 0, 0, 1))[columns]
        bias = nn.functional.pad(torch.stack([*biases]).sum(0), (0, 1))[columns]
        own = recur(enter(weight, bias), of_hidden, recurrence)
        encoded = self.encoder.drop(with_mirror_image(own, steps))
        return encoded, enter(self.head.weight[:, 2 * self.config.hidden :], self.head.bias)
