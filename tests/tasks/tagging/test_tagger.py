"""The tagger against all labellings of short sentences; and indifference to company."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dnatag
from dnatag.domains.text.domain import DOMAIN
from dnatag.domains.text.labels import Entities, Plain
from dnatag.domains.text.settings import TextNetwork
from dnatag.domains.text.words import WordFeaturizer
from dnatag.engine.crf.chain import Chain
from dnatag.engine.networks.token_tagger import TokenTagger
from dnatag.engine.networks.weights import TokenWeights
from dnatag.errors import InputError
from dnatag.formats.text.tokens import Entity, Span
from dnatag.models.file import load_model, save_model
from dnatag.tasks.batches import collate
from dnatag.tasks.tagging import schemes, tagger
from dnatag.tasks.tagging.domain import Homolog, Labelling
from dnatag.tasks.tagging.given import Given
from dnatag.tasks.tagging.model import TokenModel, load_token_model, save_token_model
from dnatag.tasks.tagging.posterior import Posterior
from dnatag.tasks.tagging.tagger import Tagger

WORDS = ["The", "patient", "had", "12", "mg", "of", "Aspirin-C", ",", "then", "more", "."]
CPU = "cpu"
ENTITIES = Entities(["A", "B"], "BIO")
PLAIN = Plain(["NN", "VB", "_"])

labellings = pytest.mark.parametrize("labelling", [ENTITIES, PLAIN], ids=["entities", "plain"])


def model(labelling: Labelling, characters: str = "cnn", temperature: float = 1.0) -> TokenModel:
    """Return a model of random weights, which has no clear opinion of anything."""
    torch.manual_seed(4)
    featurizer = WordFeaturizer.fit([WORDS])
    sizes = TextNetwork(words=6, shapes=3, characters=characters, spelling=6, hidden=5)
    networks = [
        TokenTagger(DOMAIN.tagger_config(featurizer, sizes), labelling.grammar) for _ in range(2)
    ]
    for network in networks:
        torch.nn.init.normal_(network.head.weight, std=2)
        torch.nn.init.normal_(network.transition_weights)
        network.temper(temperature)
    return TokenModel(DOMAIN, featurizer, tuple(map(TokenWeights.of, networks)), labelling)


def tagger_of(labelling: Labelling, threads: int = 1) -> Tagger:
    return Tagger(model(labelling), {}, CPU, threads)


def mean_scores(one: Tagger, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a sequence and weights of transitions, the means of the networks."""
    inputs, lengths = collate([one.model.featurizer.encode(tokens)])
    with torch.no_grad():
        scores = np.mean([f.network()(*inputs, lengths)[0].double() for f in one.model.networks], 0)
        transition_weights = np.mean([f.transition_weights for f in one.model.networks], 0)
    return scores, transition_weights


@cache
def legal_paths(
    states: tuple[str, ...], plain: bool, length: int
) -> list[tuple[tuple[str, ...], tuple[Span, ...]]]:
    """Return all legal sequences of states, and the spans of each; no two have the same."""
    paths = []
    for names in itertools.product(states, repeat=length):
        if plain:
            paths.append((names, tuple(Span(i, i + 1, name) for i, name in enumerate(names))))
        elif not schemes.faults(names, "IOBES"):
            paths.append((names, tuple(schemes.spans(names, "IOBES"))))
    assert len({spans for _, spans in paths}) == len(paths)
    return paths


def every_labelling(one: Tagger, tokens: list[str]) -> dict[tuple[Span, ...], float]:
    """Return the posteriors of all sets of spans, by enumeration."""
    labelling = one.model.labelling
    grammar = labelling.grammar
    scores, transition_weights = mean_scores(one, tokens)
    weights = dict(zip(grammar.weights, transition_weights.tolist(), strict=True))
    emission = [dict(zip(grammar.scores, row, strict=True)) for row in scores.tolist()]
    totals = {
        spans: sum(row[name] for row, name in zip(emission, names, strict=True))
        + sum(weights[f"{a} {b}"] for a, b in itertools.pairwise(names))
        for names, spans in legal_paths(grammar.states, isinstance(labelling, Plain), len(tokens))
    }
    total = np.logaddexp.reduce(list(totals.values()))
    return {spans: math.exp(score - total) for spans, score in totals.items()}


def spans_of(entities: list[Entity]) -> tuple[Span, ...]:
    return tuple(Span(e.start, e.end, e.type) for e in entities)


def same(one: tagger.Tagged, other: tagger.Tagged) -> bool:
    """Whether two results say the same, scores up to rounding."""
    pairs = [(one.entities, other.entities), *(
        (a[1], b[1]) for a, b in zip(one.alternatives, other.alternatives, strict=True)
    )]  # fmt: skip
    return (
        one.tags == other.tags
        and all(spans_of(a) == spans_of(b) for a, b in pairs)
        and all(abs(x.score - y.score) < 1e-4 for a, b in pairs for x, y in zip(a, b, strict=True))
        and np.allclose(
            [s for s, _ in one.alternatives], [s for s, _ in other.alternatives], atol=1e-4
        )
    )


# Against enumeration -------------------------------------------------------------------------


@labellings
@pytest.mark.parametrize("first", range(0, 8, 2))
def test_posteriors_are_exact(labelling: Labelling, first: int) -> None:
    one, tokens = tagger_of(labelling), WORDS[first : first + 4]
    truth = every_labelling(one, tokens)
    found = one.tag(tokens, k_best=12)
    ranked = sorted(truth, key=truth.__getitem__, reverse=True)
    if labelling is PLAIN:
        assert spans_of(found.entities) == ranked[0]
    assert found.tags == labelling.tags(spans_of(found.entities), len(tokens))
    assert [spans_of(entities) for _, entities in found.alternatives] == ranked[:12]
    assert [share for share, _ in found.alternatives] == pytest.approx(
        [truth[spans] for spans in ranked[:12]], rel=1e-4
    )
    for entities in (found.entities, *(entities for _, entities in found.alternatives)):
        for entity, span in zip(entities, spans_of(entities), strict=True):
            expected = sum(p for spans, p in truth.items() if span in spans)
            assert entity.score == pytest.approx(expected, abs=1e-5)


@labellings
def test_all_labellings_of_a_short_sentence(labelling: Labelling) -> None:
    one = tagger_of(labelling)
    truth = every_labelling(one, WORDS[:3])
    # The last word is outside, or the last span, of either type, has one to three words.
    assert len(truth) == (27 if labelling is PLAIN else 11 + 2 * (11 + 3 + 1))
    found = one.tag(WORDS[:3], k_best=1000).alternatives
    assert {spans_of(entities) for _, entities in found} == set(truth)
    assert sum(share for share, _ in found) == pytest.approx(1)


@labellings
def test_posteriors_of_labels(labelling: Labelling) -> None:
    one, tokens = tagger_of(labelling), WORDS[2:6]
    truth = every_labelling(one, tokens)
    shares = one.posteriors(tokens)
    expected = np.zeros((len(tokens), len(labelling.labels)))
    for spans, probability in truth.items():
        covered = {i: s.type for s in spans for i in range(s.start, s.end)}
        for i in range(len(tokens)):
            expected[i, labelling.labels.index(covered.get(i, "O"))] += probability
    assert shares == pytest.approx(expected, abs=1e-5)
    assert one.posteriors([]).shape == (0, len(labelling.labels))


@labellings
def test_paths_are_drawn_as_often_as_they_are_probable(labelling: Labelling) -> None:
    """But for those that are never to be drawn."""
    one, tokens = tagger_of(labelling), WORDS[4:8]
    first = labelling.grammar.states[0]
    with torch.inference_mode():
        posterior = one._posterior([tokens])
        drawn = posterior.draw(4000, [f"{first} {first}"])[0]
    truth = {}
    for spans, probability in every_labelling(one, tokens).items():
        states = labelling.allowed(labelling.tags(spans, len(tokens)), None).argmax(1)
        if not any(a == b == 0 for a, b in itertools.pairwise(states)):
            truth[spans] = probability
    total = sum(truth.values())
    assert 0.05 < total < 0.98
    found = Counter(tuple(labelling.spans(path)) for path in drawn)
    assert set(found) <= set(truth)
    for spans, probability in truth.items():
        assert found[spans] / 4000 == pytest.approx(probability / total, abs=0.03)


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.45])
def test_the_spans_found_are_the_best_set(threshold: float) -> None:
    """Of all sets it has the most of what posteriors exceed the threshold by."""
    sizes = set()
    for first in range(7):
        tokens = WORDS[first : first + 5]
        one, other = (
            Tagger(model(Entities(["A", "B"], "BIO", t), temperature=0.2), {}, CPU)
            for t in (threshold, 0.3)
        )
        truth = every_labelling(one, tokens)
        posteriors = Counter[Span]()
        for spans, probability in truth.items():
            posteriors.update(dict.fromkeys(spans, probability))
        best = max(truth, key=lambda spans: sum(posteriors[s] - threshold for s in spans))
        found = one.tag(tokens)
        assert spans_of(found.entities) == best
        assert found == other.tag(tokens, min_score=threshold)
        assert [e.score for e in found.entities] == pytest.approx(
            [posteriors[s] for s in best], abs=1e-5
        )
        sizes.add(len(best))
    assert len(sizes) > 1


# What comes out is legal ---------------------------------------------------------------------


@pytest.fixture(scope="module", params=["BIO", "IOBES", "BILOU", "IOB1"])
def of_scheme(request: pytest.FixtureRequest) -> Tagger:
    return tagger_of(Entities(["A", "B"], request.param))


@given(tokens=st.lists(st.text(min_size=1, max_size=40), max_size=12))
@settings(deadline=None, max_examples=40)
def test_tags_are_legal(of_scheme: Tagger, tokens: list[str]) -> None:
    """Whatever the words are: unknown ones, unknown characters, anything that is text."""
    scheme = of_scheme.model.labelling.to_dict()["scheme"]
    found = of_scheme.tag(Given(tokens), k_best=5)  # as from a file, where words may have spaces
    assert len(found.tags) == len(tokens)
    assert schemes.faults(found.tags, scheme) == []
    assert tuple(schemes.spans(found.tags, scheme)) == spans_of(found.entities)
    shares = [share for share, _ in found.alternatives]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-9
    readings = [spans_of(entities) for _, entities in found.alternatives]
    assert len(set(readings)) == len(readings)
    for spans in readings:
        assert all(0 <= s.start < s.end <= len(tokens) for s in spans)
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
    for entity in found.entities:
        assert of_scheme.model.labelling.to_dict()["threshold"] <= entity.score <= 1


# Company -------------------------------------------------------------------------------------


def mixed(number: int = 40) -> list[list[str]]:
    """Return sentences of all lengths, some empty, some words unknown or long."""
    rng = np.random.default_rng(1)
    words = [*WORDS, "Ω", "x" * 90, "unknown", "\u0928\u092e"]
    return [[str(w) for w in rng.choice(words, n)] for n in rng.integers(0, 25, number)]


@labellings
@pytest.mark.parametrize("threads", [1, 2])
def test_alone_and_in_company(
    labelling: Labelling, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = mixed()
    alone = [tagger_of(labelling).tag(s, k_best=3) for s in sentences]
    for chunk, batch in ((1024, 4096), (7, 50)):
        monkeypatch.setattr(tagger, "BATCH_TOKENS", batch)
        together = list(tagger_of(labelling, threads).tag_all(sentences, k_best=3, ahead=chunk))
        assert len(together) == len(sentences)
        assert all(map(same, alone, together))


def test_threads_change_nothing() -> None:
    one, two = (list(tagger_of(ENTITIES, n).tag_all(mixed(200), 2)) for n in (1, 2))
    assert one == two


def test_sentences_are_read_as_they_are_needed() -> None:
    read = []

    def sentences() -> Iterator[list[str]]:
        for number in itertools.count():
            read.append(number)
            yield WORDS[: number % 4]

    results = tagger_of(ENTITIES).tag_all(sentences(), ahead=5)
    assert read == []
    first = [len(next(results).tags) for _ in range(5)]
    assert first == [0, 1, 2, 3, 0]
    assert len(read) == 5
    assert len(next(results).tags) == 1
    assert len(read) == 10


def test_torch_has_its_threads_again() -> None:
    before = torch.get_num_threads()
    list(tagger_of(ENTITIES).tag_all(mixed(3)))
    tagger_of(ENTITIES).tag(WORDS)
    assert torch.get_num_threads() == before


@labellings
def test_no_tokens_no_sentences(labelling: Labelling) -> None:
    one = tagger_of(labelling)
    assert one.tag([]) == tagger.Tagged([], [], [])
    assert one.tag([], k_best=3) == tagger.Tagged([], [], [(1.0, [])])
    assert list(one.tag_all([])) == []
    found = list(one.tag_all([[], WORDS, [], []]))
    assert [len(t.tags) for t in found] == [0, len(WORDS), 0, 0]
    assert same(found[1], one.tag(WORDS))


@labellings
def test_a_very_long_sentence(labelling: Labelling) -> None:
    """As any other, and with others of a batch."""
    one = tagger_of(labelling)
    long = [WORDS[i % len(WORDS)] + ("x" if i % 7 == 0 else "") for i in range(5000)]
    found, after = one.tag_all([long, WORDS])
    assert len(found.tags) == 5000
    assert all(0 < entity.score <= 1 for entity in found.entities)
    assert same(after, one.tag(WORDS))
    # Far from its end a sentence does not know how it ends.
    half = one.tag(long[:2500])
    assert half.tags[:2300] == found.tags[:2300]


@pytest.mark.parametrize("characters", ["cnn", "lstm"])
def test_words_never_seen(characters: str) -> None:
    """Of unknown words only shape and spelling count, of unknown characters only their number."""
    one = Tagger(model(ENTITIES, characters), {}, CPU)
    assert same(one.tag(["Ωω", "mg"]), one.tag(["Яя", "mg"]))
    together = one.tag(["had", "Ωω" * 30, "!!!"])
    assert len(together.tags) == 3


# Files ---------------------------------------------------------------------------------------


@labellings
def test_a_model_survives_its_file(labelling: Labelling, tmp_path: Path) -> None:
    path = tmp_path / "m.dnatag"
    before = model(labelling)
    save_token_model(path, before, {"card": "# Random"})
    after, about = load_token_model(path)
    assert about["card"] == "# Random"
    assert about["domain"] == "text"
    assert not any(network.network().training for network in after.networks)
    assert after.labelling.to_dict() == labelling.to_dict()
    assert after.labelling.grammar == labelling.grammar
    for one, other in zip(before.networks, after.networks, strict=True):
        assert other.config == one.config
        for name, weights in one.network().state_dict().items():
            assert torch.equal(other.network().state_dict()[name], weights.half().float()), name
    for sentence in mixed(5):
        if sentence:
            encoded = [m.featurizer.encode(sentence) for m in (before, after)]
            assert np.array_equal(encoded[0].categories, encoded[1].categories)
            assert np.array_equal(encoded[0].parts, encoded[1].parts)
    # Once rounded, always the same file.
    save_token_model(tmp_path / "again.dnatag", after, {"card": "# Random"})
    assert (tmp_path / "again.dnatag").read_bytes() == path.read_bytes()
    loaded = Tagger.load(path, "cpu")
    assert loaded.metadata == about
    assert same(loaded.tag(WORDS, 2), Tagger(after, about, CPU).tag(WORDS, 2))


def damaged(tensors: dict, about: dict) -> Iterator[tuple[dict, dict]]:
    """Yield what a whole model is without one of its parts, or with one that does not fit."""
    for name in tensors:
        yield {k: v for k, v in tensors.items() if k != name}, about
    for key in ("targets", "network"):
        yield tensors, {k: v for k, v in about.items() if k != key}
        yield tensors, about | {key: None}
        yield tensors, about | {key: {}}
    network = about["network"]
    for key in network:
        yield tensors, about | {"network": {k: v for k, v in network.items() if k != key}}
        yield tensors, about | {"network": network | {key: None}}
        yield tensors, about | {"network": network | {key: {}}}
    for members in (0, 1, 10**6):
        yield tensors, about | {"network": network | {"members": members}}
    for claim in ({"hidden": 10**9}, {"hidden": 10**30}, {"layers": 10**9}, {"hidden": -1}):
        yield tensors, about | {"network": network | {"config": network["config"] | claim}}
    yield tensors | {"more": np.zeros(1)}, about
    yield tensors | {"0.more": np.zeros(1)}, about
    yield tensors | {"0.head.bias": np.zeros(1)}, about
    yield tensors | {"featurizer.words": np.array([255, 0], np.uint8)}, about
    for types in (["A"], ["A", "A"]):
        targets = {"kind": "entities", "types": types, "scheme": "BIO", "threshold": 0.5}
        yield tensors, about | {"targets": targets}


def test_damaged_models(tmp_path: Path) -> None:
    path = tmp_path / "m.dnatag"
    save_token_model(path, model(ENTITIES), {})
    tensors, about = load_model(path)
    count = 0
    for parts in damaged(tensors, about):
        save_model(path, *parts)
        with pytest.raises(InputError) as refusal:
            load_token_model(path)
        assert str(refusal.value).startswith(f"{path} does not hold a whole model of text: ")
        assert "\n" not in str(refusal.value)
        count += 1
    assert count > 20


def test_other_models() -> None:
    with pytest.raises(
        InputError, match="is a model of genes for the task annotation, not for tagging"
    ):
        Tagger.load("prokaryotes")
    with pytest.raises(InputError, match="no model and no file named nobody"):
        Tagger.load("nobody")


def test_files_that_are_no_models(tmp_path: Path) -> None:
    path = tmp_path / "m.dnatag"
    save_token_model(path, model(ENTITIES), {})
    whole = path.read_bytes()
    for data in (b"", whole[:-1], whole[: len(whole) // 2], b"\0" * 64, b"Ada\tB-PER\n"):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"m\.dnatag"):
            Tagger.load(path)
    save_model(path, {}, {"card": "# No domain"})
    with pytest.raises(InputError, match="holds no model of a network"):
        Tagger.load(path)


def test_devices_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_token_model(tmp_path / "m.dnatag", model(ENTITIES), {})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no cuda device here; use the device cpu"):
        Tagger.load(tmp_path / "m.dnatag", "cuda")


def test_the_package_imports_it_on_demand() -> None:
    code = (
        "import sys, dnatag; assert 'Tagger' in dnatag.__all__; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert dnatag.Tagger is Tagger


# Homologs -----------------------------------------------------------------------------------


class Company:
    """Homologs of whatever has the word "patient": given beforehand, and of different lengths."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[str], Sequence[Span]]] = []

    def find(self, tokens: Sequence[str], spans: Sequence[Span]) -> list[Homolog]:
        self.asked.append((tokens, spans))
        if "patient" not in tokens:
            return []
        return [
            Homolog(("had", "12", "Aspirin-C"), np.array([0, 2]), np.array([1, 2])),
            Homolog(tuple(WORDS), np.array([2, 3]), np.array([9, 10])),
        ]


@labellings
def test_relatives_count_like_the_sequence_itself(labelling: Labelling) -> None:
    alone, company = tagger_of(labelling), Company()
    one = Tagger(alone.model, {}, CPU, 1, company)
    tokens = WORDS[:4]

    mean, transition_weights = mean_scores(one, tokens)
    first, second = (mean_scores(one, homolog.tokens)[0] for homolog in company.find(tokens, []))
    mean[0] = (mean[0] + first[1]) / 2
    mean[2] = (mean[2] + first[2] + second[9]) / 3
    mean[3] = (mean[3] + second[10]) / 2
    chain = Chain[np.ndarray](
        labelling.grammar,
        np.array(mean[None], np.float32),
        np.array(transition_weights),
        np.zeros((1, 4), np.uint8),
        np.array([4]),
    )
    posterior = Posterior(chain, labelling.stretch)
    expected = posterior.marginals(
        np.eye(len(labelling.labels), dtype=np.float32)[labelling.label_of]
    )
    assert one.posteriors(tokens) == pytest.approx(expected[0], abs=1e-5)
    found, best = one.tag(tokens).entities, labelling.best(posterior, None)[0]
    assert spans_of(found) == spans_of(best)
    assert [e.score for e in found] == pytest.approx([e.score for e in best], abs=1e-5)
    # It was asked with what is found without homologs.
    assert company.asked[-1] == (tuple(tokens), [e.span for e in alone.tag(tokens).entities])


@labellings
def test_relatives_of_one_do_not_touch_the_others(labelling: Labelling) -> None:
    alone = tagger_of(labelling)
    one = Tagger(alone.model, {}, CPU, 2, Company())
    sentences = [WORDS[:5], WORDS[2:9], [], WORDS[4:], WORDS]
    for tokens, found in zip(sentences, one.tag_all(sentences, k_best=3), strict=True):
        assert same(found, one.tag(tokens, k_best=3))
        if "patient" not in tokens:
            assert same(found, alone.tag(tokens, k_best=3))
