"""The native networks against the torch modules."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from dnatag.domains.genes import model as genes
from dnatag.domains.genes.codes import START, GeneticCode
from dnatag.domains.genes.nucleotides import COMPLEMENT, SPREAD, encode, reverse_complement
from dnatag.domains.genes.signals.gene_signals import MIRROR_FEATURES, GeneSignals, mirror_flags
from dnatag.domains.genes.structures.prokaryotic import prokaryotic
from dnatag.engine.networks.configs import (
    KmerTaggerConfig,
    PartsConfig,
    SiteConfig,
    TokenTaggerConfig,
)
from dnatag.engine.networks.kmer_tagger import KmerTagger
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.errors import DnatagError
from dnatag.models.names import find_model
from dnatag.native.kernels import instruction_sets
from dnatag.native.kmer_network import KmerNetwork
from dnatag.native.library import why_missing
from dnatag.native.tiles import EncodedTile, Tile
from dnatag.native.token_network import TokenNetwork
from dnatag.tasks.tagging import model as tagging

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=str(why_missing()))

EXAMPLES = Path(__file__).parents[2] / "examples"
SETS = list(instruction_sets()) if why_missing() is None else []
MIRROR = (COMPLEMENT, [int(mirror_flags(np.array([b]))[0]) for b in range(16)], MIRROR_FEATURES)
AMBIGUOUS = b"ACGTTGNNRYKMSWBDHVACGTGATGCATCGATTGAGCNACTG" + 40 * b"N" + b"ATGACN" + 20 * b"ACGTGNA"


@cache
def shipped() -> tuple[KmerTagger, dict]:
    weights, _, metadata = genes.load_gene_model(find_model("prokaryotes"))
    return weights.network(), metadata["network"]["config"]


def native(tagger: KmerTagger, instructions: str | None = None) -> KmerNetwork:
    weights = {name: w.numpy() for name, w in tagger.state_dict().items()}
    return KmerNetwork(weights, tagger.config.to_dict(), SPREAD, MIRROR, instructions)


@cache
def example(name: str) -> bytes:
    return b"".join(gzip.decompress((EXAMPLES / name).read_bytes()).split(b"\n")[1:])


def signals(seed: int) -> GeneSignals:
    rng = np.random.default_rng(seed)
    tables = {k: rng.normal(size=v.shape) / 2 for k, v in GeneSignals.none().to_arrays().items()}
    return GeneSignals(**{k: v.astype(np.float32) for k, v in tables.items()})


def tile(
    sequence: bytes, own: GeneSignals | None = None, margins: tuple[int, int] = (0, 0)
) -> Tile:
    symbols = encode(sequence)
    symbols = symbols[: len(symbols) // 6 * 6]
    flags = GeneticCode.ncbi(11).properties(symbols)
    features = (own or GeneSignals.none()).features(symbols, flags)
    return Tile(symbols, flags, features, margins[0], len(symbols) - margins[1])


@cache
def tiles() -> list[Tile]:
    """Tiles of all kinds, in no order of length."""
    phage, genome = example("lambda.fna.gz"), example("buchnera.fna.gz")
    return [
        tile(phage[:3000], signals(1)),
        tile(AMBIGUOUS, signals(1)),
        tile(b""),
        tile(genome[100_000:104_000], signals(2), (600, 300)),
        tile(phage[40_000:], margins=(3, 0)),
        tile(b"ATGACG"),
        tile(300 * b"N"),
        tile(genome[:900], signals(3), (450, 450)),
    ]  # fmt: skip


def reference(tagger: KmerTagger, seen: Tile) -> tuple[EncodedTile, np.ndarray]:
    """What torch reads, and the scores of the sites."""
    symbols, flags, features = (torch.tensor(np.array(x))[None] for x in seen[:3])
    with torch.inference_mode():
        dense, sites = tagger.encode(symbols, flags, features, torch.tensor([len(seen.symbols)]))
        assert sites is not None
        scores = tagger.score(
            sites.column, sites.hidden, features[sites.row, sites.position]
        ).numpy()
    place, channel = sites.position.numpy(), sites.column.numpy()
    order = np.lexsort((place, channel))
    order = order[(place[order] >= seen.start) & (place[order] < seen.end)]
    read = EncodedTile(
        dense[0, seen.start : seen.end].numpy(),
        place[order] - seen.start,
        channel[order],
        sites.hidden.numpy()[order],
    )
    return read, scores[order]


def assert_reads(tagger: KmerTagger, network: KmerNetwork, given: Sequence[Tile]) -> None:
    for seen, read in zip(given, network.encode(given), strict=True):
        assert read.scores.shape == (seen.end - seen.start, network.n_scores)
        if not len(seen.symbols):
            continue
        expected, scores = reference(tagger, seen)
        np.testing.assert_array_equal(read.position, expected.position)
        np.testing.assert_array_equal(read.column, expected.column)
        np.testing.assert_allclose(read.scores, expected.scores, atol=2e-5)
        np.testing.assert_allclose(read.hidden, expected.hidden, atol=5e-5)
        at = read.position + seen.start
        found = network.score(read.column, read.hidden, seen.features[at])
        np.testing.assert_allclose(found, scores, atol=5e-5)


def assert_same(a: Sequence[EncodedTile], b: Sequence[EncodedTile]) -> None:
    for one, other in zip(a, b, strict=True):
        for x, y in zip(one, other, strict=True):
            assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize("instructions", SETS)
def test_kmers_like_torch(instructions):
    tagger, _ = shipped()
    assert_reads(tagger, native(tagger, instructions), tiles())


@pytest.mark.parametrize("instructions", SETS)
def test_kmers_of_any_batch(instructions):
    network = native(shipped()[0], instructions)
    expected = network.encode(tiles())
    assert network.encode([]) == []
    assert_same([network.encode([one])[0] for one in tiles()], expected)
    assert_same(network.encode(tiles()[::-1])[::-1], expected)
    assert_same(network.encode(tiles() * 3), expected * 3)
    # So many that not all are read at once.
    assert_same(network.encode(tiles()[5:6] * 99 + tiles()[:1]), expected[5:6] * 99 + expected[:1])
    with ThreadPoolExecutor(2) as pool:
        assert_same(list(pool.map(lambda one: network.encode([one])[0], tiles())), expected)


def test_kmers_read_alike_from_either_strand():
    network = native(shipped()[0])
    for seen, read in zip(tiles(), network.encode(tiles()), strict=True):
        symbols, n = reverse_complement(seen.symbols), len(seen.symbols)
        features = np.ascontiguousarray(seen.features[::-1, MIRROR_FEATURES])
        flags = mirror_flags(seen.flags)
        turned = network.encode([Tile(symbols, flags, features, n - seen.end, n - seen.start)])[0]
        halves = np.split(turned.scores[::-1], 2, axis=1)
        np.testing.assert_array_equal(np.concatenate(halves[::-1], axis=1), read.scores)
        assert len(turned.position) == len(read.position)


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("hidden", [5, 16, 24])
def test_kmers_of_other_sizes(instructions, hidden):
    torch.manual_seed(hidden)
    site = SiteConfig(flag=START, before=5, behind=3, embedding=3, hidden=hidden + 1)
    config = KmerTaggerConfig(kmer=3, embedding=7, features=12, stride=2, hidden=hidden, site=site)
    mirror = genes._MIRROR
    tagger = KmerTagger(config, prokaryotic().grammar, SPREAD, mirror).eval()
    assert_reads(tagger, native(tagger, instructions), tiles())


@pytest.mark.parametrize("instructions", SETS)
def test_gates_that_are_sure(instructions):
    torch.manual_seed(1)
    tagger = genes.build(hidden=24).eval()
    with torch.no_grad():
        for name, weight in tagger.encoder.named_parameters():
            weight *= 60 if "weight_ih" in name else 4
    network = native(tagger, instructions)
    read = network.encode([tiles()[0]])[0]
    assert np.isfinite(read.scores).all()
    expected, _ = reference(tagger, tiles()[0])
    # Such a network is chaotic here and there.
    assert np.quantile(abs(read.scores - expected.scores), 0.9) < 1e-3


def test_sites_scored_with_other_features():
    tagger, _ = shipped()
    network, seen = native(tagger), tiles()[0]
    read = network.encode([seen])[0]
    some = np.arange(0, len(read.position), 3)
    features = signals(9).features(seen.symbols, seen.flags)[read.position]
    found = network.score(read.column[some], read.hidden[some], features[some])
    all_of_them = network.score(read.column, read.hidden, features)
    assert found.tobytes() == all_of_them[some].tobytes()
    none = np.zeros(0, int)
    assert network.score(none, read.hidden[:0], features[:0]).shape == (0,)


def test_networks_that_are_not_read_natively():
    tagger, config = shipped()
    weights = {name: w.numpy() for name, w in tagger.state_dict().items()}
    with pytest.raises(DnatagError, match="one layer"):
        KmerNetwork(weights, config | {"layers": 2}, SPREAD, MIRROR)
    with pytest.raises(KeyError):
        KmerNetwork({}, config, SPREAD, MIRROR)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"symbols": np.full(3000, 16, np.uint8)}, "no symbol 16"),
        ({"end": 3001}, "lie inside"),
        ({"flags": np.zeros(2997, np.uint8)}, "lie inside"),
        ({"features": np.zeros((3000, 11), np.float32)}, "do not fit"),
    ],
)
def test_tiles_that_are_none(wrong, message):
    with pytest.raises(ValueError, match=message):
        native(shipped()[0]).encode([tiles()[0]._replace(**wrong)])


class Sentences:
    """Random sequences of a few distinct tokens."""

    def __init__(self, config: TokenTaggerConfig, seed: int) -> None:
        rng, d = np.random.default_rng(seed), 90
        self.categories = np.stack([rng.integers(0, n, d) for n, _ in config.categories], 1)
        self.features = rng.normal(size=(d, config.features)).astype(np.float32)
        symbols = config.parts.symbols if config.parts else 2
        self.parts = rng.integers(1, symbols, (d, 9))
        self.parts[np.arange(9) >= rng.integers(0, 10, d)[:, None]] = 0
        self.lengths = np.array([3, 0, 40, 1, 17, 17, 2, 0])
        self.tokens = rng.integers(0, d, self.lengths.sum())

    def expected(self, tagger: TokenTagger) -> np.ndarray:
        sequences = np.split(self.tokens, np.cumsum(self.lengths)[:-1])
        padded = np.zeros((len(sequences), max(self.lengths)), int)
        for row, own in zip(padded, sequences, strict=True):
            row[: len(own)] = own
        inputs = (torch.tensor(x[padded]) for x in (self.categories, self.features, self.parts))
        with torch.inference_mode():
            scores = tagger(*inputs, torch.tensor(self.lengths)).numpy()
        return np.concatenate([c[:n] for c, n in zip(scores, self.lengths, strict=True)])


def token_network(tagger: TokenTagger, instructions: str | None = None) -> TokenNetwork:
    weights = {name: w.numpy() for name, w in tagger.state_dict().items()}
    return TokenNetwork(weights, tagger.config.to_dict(), instructions)


def assert_tokens(tagger: TokenTagger, instructions: str) -> None:
    network, given = token_network(tagger, instructions), Sentences(tagger.config, 3)
    inputs = network.inputs(given.categories, given.features, given.parts)
    found = network.scores(inputs, given.tokens, given.lengths)
    np.testing.assert_allclose(found, given.expected(tagger), atol=3e-5)


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("name", ["biomedical", "topology"])
def test_tokens_like_torch(instructions, name):
    for weights in tagging.load_token_model(find_model(name))[0].networks[:2]:
        tagger = weights.network()
        assert_tokens(tagger, instructions)


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("encoder", ["cnn", "lstm", None])
@pytest.mark.parametrize(("hidden", "layers"), [(8, 1), (13, 2), (32, 1), (40, 3)])
def test_tokens_of_other_sizes(instructions, encoder, hidden, layers):
    torch.manual_seed(hidden)
    parts = PartsConfig(symbols=12, encoder=encoder, embedding=5, hidden=14) if encoder else None
    config = TokenTaggerConfig(
        categories=((30, 6), (4, 3)), features=3, parts=parts, hidden=hidden, layers=layers
    )
    assert_tokens(TokenTagger(config, prokaryotic().grammar).eval(), instructions)


@pytest.mark.parametrize("instructions", SETS)
def test_tokens_of_any_batch(instructions):
    tagger = tagging.load_token_model(find_model("biomedical"))[0].networks[0].network()
    network, given = token_network(tagger, instructions), Sentences(tagger.config, 4)
    inputs = network.inputs(given.categories, given.features, given.parts)
    expected = network.scores(inputs, given.tokens, given.lengths)
    one_by_one = [
        network.inputs(given.categories[i : i + 1], given.features[i : i + 1],
                       given.parts[i : i + 1])
        for i in range(len(inputs))
    ]  # fmt: skip
    assert np.concatenate(one_by_one).tobytes() == inputs.tobytes()
    rows = np.split(given.tokens, np.cumsum(given.lengths)[:-1])
    with ThreadPoolExecutor(2) as pool:
        alone = pool.map(lambda row: network.scores(inputs, row, np.array([len(row)])), rows)
    assert np.concatenate(list(alone)).tobytes() == expected.tobytes()
    none = np.zeros(0, int)
    assert network.scores(inputs, none, none).shape == (0, len(tagger.grammar.scores))


def test_tokens_that_are_none():
    tagger = tagging.load_token_model(find_model("biomedical"))[0].networks[0].network()
    network, given = token_network(tagger), Sentences(tagger.config, 5)
    inputs = network.inputs(given.categories, given.features, given.parts)
    with pytest.raises(ValueError, match="fit neither"):
        network.scores(inputs, given.tokens, given.lengths[:-3])
    with pytest.raises(ValueError, match="fit neither"):
        network.scores(inputs[:3], given.tokens, given.lengths)
    with pytest.raises(ValueError, match="symbols from 0"):
        network.inputs(given.categories, given.features, given.parts + 87)
