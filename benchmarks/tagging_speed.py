"""Measure how many tokens a second dnatag tags, and a peer with the same network.

The peer is the same network, of the same model file, with the CRF of pytorch-crf: batches of 32
sentences, padded to the longest, in the order of the file or sorted by length. Its best paths are
compared with those of dnatag. With ``--spacy`` the named entity recogniser of a spaCy model takes
part, which finds other entities, with a network of its own. All begin with the tokens.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from genes import line
from torchcrf import CRF

from dnatag import Tagger, __version__
from dnatag.engine.crf.grammar import Grammar
from dnatag.formats.text.conll import read_conll
from dnatag.tasks.batches import collate
from dnatag.tasks.tagging.model import TokenModel

BATCH = 32
#: Score of what a grammar does not allow; pytorch-crf adds it up, so it must be finite.
ILLEGAL = -1e4
COLUMNS = ("tagged by", "threads", "s", "CPU s / s", "tokens/s", "x pytorch-crf")

Sentences = Sequence[Sequence[str]]


@dataclass
class Tool:
    """Something that tags sentences, and its shortest time.

    Parameters
    ----------
    name
        What it is called in the table.
    threads
        It may use.
    call
        Tags all sentences and returns what it found, one for each.
    tags
        Turns that into the tags of the model, if they should be those of dnatag.
    """

    name: str
    threads: int
    call: Callable[[Sentences], list[Any]]
    tags: Callable[[Any], list[str]] | None = None
    seconds: float = float("inf")
    cores: float = 0.0

    def measure(self, sentences: Sentences) -> None:
        """Run once more, and keep the time if it is the shortest."""
        cpu, begin = time.process_time(), time.perf_counter()
        self.call(sentences)
        seconds = time.perf_counter() - begin
        if seconds < self.seconds:
            self.seconds, self.cores = seconds, (time.process_time() - cpu) / seconds


def crf_of(grammar: Grammar, transition_weights: torch.Tensor) -> CRF:
    """Return the CRF of pytorch-crf that scores paths as a grammar does."""
    number = {state: i for i, state in enumerate(grammar.states)}
    weights = dict(zip(grammar.weights, transition_weights.tolist(), strict=True))
    crf = CRF(len(number), batch_first=True)
    with torch.no_grad():
        crf.transitions.fill_(ILLEGAL)
        for step in grammar.transitions:
            weight = 0.0 if step.weight is None else weights[step.weight]
            crf.transitions[number[step.source], number[step.target]] = weight
        crf.start_transitions.copy_(ILLEGAL * ~torch.from_numpy(grammar.mask(grammar.begin)))
        crf.end_transitions.copy_(ILLEGAL * ~torch.from_numpy(grammar.mask(grammar.end)))
    return crf


def pytorch_crf(model: TokenModel, by_length: bool) -> Callable[[Sentences], list[list[int]]]:
    """Return what finds the paths of sentences by pytorch-crf."""
    (network,) = model.networks
    crf = crf_of(model.labelling.grammar, network.transition_weights.detach())

    @torch.inference_mode()
    def call(sentences: Sentences) -> list[list[int]]:
        order = list(range(len(sentences)))
        if by_length:
            order.sort(key=lambda i: len(sentences[i]))
        paths: list[list[int]] = [[]] * len(sentences)
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            inputs, lengths = collate([model.featurizer.encode(sentences[i]) for i in batch])
            emissions = network(*inputs, lengths)
            mask = torch.arange(emissions.shape[1]) < lengths[:, None]
            for i, path in zip(batch, crf.decode(emissions, mask), strict=True):
                paths[i] = path
        return paths

    return call


def spacy_tool(name: str) -> Tool:
    """Return the named entity recogniser of a spaCy model, and nothing else of its pipeline.

    It must not need the vectors of another component: that of the small English model does not.
    """
    import spacy
    from spacy.tokens import Doc

    pipeline = spacy.load(name, enable=["ner"])

    def call(sentences: Sentences) -> list[Any]:
        docs = (Doc(pipeline.vocab, words=list(tokens)) for tokens in sentences)
        return [[(e.start, e.end, e.label_) for e in doc.ents] for doc in pipeline.pipe(docs)]

    return Tool(f"spaCy, ner of {name}", 1, call)


def tools_of(one: Tagger, options: argparse.Namespace) -> list[Tool]:
    """Return all that is measured; the first is dnatag, the second the peer."""
    model = one.model
    if model.domain.name != "text" or len(model.networks) > 1:
        sys.exit(f"{options.model}: a model of text, of one network, is needed")

    def dnatag(tagger: Tagger) -> Tool:
        return Tool("dnatag", tagger.threads, lambda s: list(tagger.tag_all(s)))

    def peer(name: str, by_length: bool) -> Tool:
        def tags(path: list[int]) -> list[str]:
            return model.labelling.tags(model.labelling.spans(np.array(path)), len(path))

        return Tool(name, 1, pytorch_crf(model, by_length), tags)

    return [
        dnatag(one),
        peer(f"pytorch-crf, batches of {BATCH}", by_length=False),
        peer(f"pytorch-crf, batches of {BATCH} by length", by_length=True),
        *([spacy_tool(options.spacy)] if options.spacy else []),
        dnatag(Tagger.load(options.model, "cpu", 2)),
    ]


def check(tagger: Tagger, tools: Sequence[Tool], sentences: Sentences) -> Iterator[str]:
    """Let all tag once; say of how many sentences a peer's tags are not the most probable ones."""
    tagged = tagger.tag_all(sentences, k_best=1)
    spans = [[entity.span for entity in one.alternatives[0][1]] for one in tagged]
    best = [tagger.model.labelling.tags(s, len(t)) for s, t in zip(spans, sentences, strict=True)]
    for tool in tools:
        found = tool.call(sentences)
        if tool.tags is not None:
            other = sum(tool.tags(one) != tags for one, tags in zip(found, best, strict=True))
            yield f"{tool.name}, threads {tool.threads}: {other}"


def about(options: argparse.Namespace) -> str:
    """Say what runs, where, and how."""
    packages = ["torch", "pytorch-crf", *(["spacy"] if options.spacy else [])]
    return (
        f"dnatag {__version__}, {', '.join(f'{p} {version(p)}' for p in packages)}, Python "
        f"{platform.python_version()}, {platform.system()} {platform.machine()}; "
        f"{os.cpu_count()} cores; best of {options.repeat}"
    )


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", required=True, help="model of text: a name or a file")
    parser.add_argument("--input", type=Path, required=True, help="CoNLL file, tokens in column 1")
    parser.add_argument("--repeat", type=int, default=3, help="take the best of so many runs")
    parser.add_argument("--spacy", metavar="NAME", help="installed spaCy model to measure as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sentences = [s.tokens for s in read_conll(options.input) if s.tokens]
    tokens = sum(map(len, sentences))
    tagger = Tagger.load(options.model, "cpu")
    tools = tools_of(tagger, options)

    print(f"{about(options)}\n")
    print(f"{options.input.name}: {len(sentences)} sentences, {tokens} tokens.")
    print("The time is that of encoding the tokens, the network, and decoding, of a loaded model.")
    print("That of dnatag includes the exact posteriors of all spans; the peers have none.\n")
    print("The tags of the peers are the most probable ones; sentences where dnatag has others as")
    print("the first of its k best:\n")
    for difference in check(tagger, tools, sentences):
        print(f"- {difference}", flush=True)
    # In turns, so that all have their share of what else the machine does.
    for _ in range(options.repeat):
        for tool in tools:
            tool.measure(sentences)
    print(f"\n{line(COLUMNS)}")
    print(line(["---", *["---:"] * (len(COLUMNS) - 1)]))
    for tool in tools:
        cells = [tool.name, str(tool.threads), f"{tool.seconds:.2f}", f"{tool.cores:.2f}"]
        cells += [f"{tokens / tool.seconds:.0f}", f"{tools[1].seconds / tool.seconds:.2f}"]
        print(line(cells))


if __name__ == "__main__":
    main()
