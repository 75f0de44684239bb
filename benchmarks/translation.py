"""Train and measure translators of Multi30k, several seeds each.

Every run is the command that is printed below its table. Models that are in the folder of the runs
already are not trained again, and interrupted runs go on. References and translations are
lower-cased tokens; BLEU is sacrebleu's, of the tokens as they are (none) and split by itself (13a).
"""

from __future__ import annotations

import argparse
import lzma
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tagging import RECIPES, train

from dnatag.tasks.seq2seq.metrics import evaluate_translations
from dnatag.tasks.seq2seq.translator import TextTranslator

#: Language, what is published for networks of this kind, and what is to be reached, BLEU.
LANGUAGES = (("de", "BiGRU 38.1", 38.1), ("fr", "BiGRU 52.5", 56.0))
FOLDER = "translation/multi30k/tok"


def read(data: Path, name: str, language: str) -> list[str]:
    """Read the lines of a part in a language."""
    with lzma.open(data / FOLDER / f"{name}.lc.norm.tok.{language}.xz", "rt") as file:
        return [line.rstrip("\n") for line in file]


def lines(options: argparse.Namespace, pool: ThreadPoolExecutor) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| English to | published | at least | BLEU (none) | BLEU (13a) | chrF | seeds (none) |"
    yield "|---|---|---|---|---|---|---|"
    commands, signature = [], ""
    for language, published, goal in LANGUAGES:
        if options.task and language not in options.task:
            continue
        paths = [options.runs / f"multi30k-{language}-{seed}.dnatag" for seed in options.seeds]
        recipe = RECIPES / f"multi30k-{language}.toml"
        jobs = [
            pool.submit(train, recipe, options.data, seed, path)
            for seed, path in zip(options.seeds, paths, strict=True)
        ]
        own = [job.result() for job in jobs]
        commands.append(own[0])
        source, truth = (read(options.data, "test_2016_flickr", x) for x in ("en", language))
        rows = []
        for path in paths:
            translator = TextTranslator.load(path, "cpu", options.jobs)
            found = [one[0].text for one in translator.translate_all(source)]
            plain = evaluate_translations(truth, found, "none")
            signature = plain.signature
            rows.append([plain.bleu, evaluate_translations(truth, found).bleu, plain.chrf])
        means = 100 * np.array(rows)
        cells = " | ".join(f"{x:.2f}" for x in means.mean(0))
        each = ", ".join(f"{x:.2f}" for x in means[:, 0])
        yield f"| {language} | {published} | {goal} | {cells} | {each} |"
    yield ""
    yield f"sacrebleu: {signature}"
    yield ""
    yield from (f"    {command}" for command in commands)


def main() -> None:
    """Run what is asked for, and print it in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with translation, …")
    parser.add_argument("--runs", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--task", action="append", help="only this language: de, fr")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, a thread each")
    options = parser.parse_args()
    options.runs.mkdir(exist_ok=True, parents=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        print("\n".join(lines(options, pool)), flush=True)


if __name__ == "__main__":
    main()
