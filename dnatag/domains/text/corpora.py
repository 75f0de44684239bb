"""Corpora of tagged sentences: files to one scheme, with notes on what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from dnatag.domains.text.documents import read_annotated
from dnatag.domains.text.settings import TextCorpus
from dnatag.errors import InputError
from dnatag.formats.registry import DOCUMENTS, recognise_source
from dnatag.formats.text.conll import read_conll
from dnatag.formats.text.documents import Split
from dnatag.formats.text.tokens import Sentence
from dnatag.report import Observer, counted
from dnatag.tasks.corpora import SPLITS, file_names, note_seen
from dnatag.tasks.tagging import schemes
from dnatag.tasks.tagging.domain import TaggedCorpus, TaggedSequence

__all__ = ["read_corpora"]

#: More different tags than this are rather words, from a wrong column.
MANY_TAGS = 500
#: So many faults or types are named.
NAMED = 5
#: Sentences of so many tokens are hardly written twice, and of so many hardly written at all.
LONG, LONGEST = 5, 1000
#: Where a type is tagged so often, another one that is tagged once may be a slip.
OFTEN = 100


class _Place(NamedTuple):
    """A sentence and its file."""

    path: Path
    sentence: Sentence

    def __str__(self) -> str:
        return f"{self.path}: in the sentence at line {self.sentence.line}"


def read_corpora(
    corpora: Sequence[TextCorpus], split: Split, observer: Observer
) -> tuple[list[TaggedCorpus], str]:
    """Read the corpora of a recipe; all get the scheme of the first.

    Parameters
    ----------
    corpora : sequence of TextCorpus
        Their files.
    split : callable
        How the model splits raw text.
    observer : Observer
        Receives notes on the schemes, and warnings of what may not be meant: tags that do not fit
        their scheme, types that are not trained on or differ in capitals alone, sentences that are
        trained on and measured with.

    Returns
    -------
    corpora : list of TaggedCorpus
    scheme : str
        Scheme of all tags.

    Raises
    ------
    InputError
        If a file cannot be read, or has what cannot be meant: a few tags that no scheme has among
        those of spans, ``types`` that do not occur, plain tags beside spans; or there is no
        sentence to train on, or no span in any, or one plain tag in all.
    """
    result: list[TaggedCorpus] = []
    scheme = ""
    for number, files in enumerate(corpora, 1):
        where = f"[[corpus]] {number}"
        places = {name: list(_places(files, name, split, observer)) for name in SPLITS}
        every = list(chain.from_iterable(places.values()))
        own = files.scheme or _scheme(every, where, observer)
        scheme = scheme or own
        if (own == schemes.PLAIN) != (scheme == schemes.PLAIN):
            raise InputError(
                f"{where} has tags of scheme {own}, the one before of {scheme}; "
                "one model cannot be trained on both"
            )
        if files.scheme == schemes.PLAIN:
            _note_spans(every, where, observer)
        _note_faults(every, own, where, observer)
        splits = {
            name: [_converted(place.sentence, own, scheme) for place in part]
            for name, part in places.items()
        }
        names = files.names
        _check_types(names, splits, scheme, where, observer)
        if names is not None:
            splits = {
                name: [
                    replace(s, tags=tuple(schemes.renamed(s.tags or (), scheme, names)))
                    for s in part
                ]
                for name, part in splits.items()
            }
        types = None if names is None else tuple(dict.fromkeys(names.values()))
        result.append(TaggedCorpus(splits, file_names(files), files.weight, types))
    path = next(path for files in corpora for path in files.train)
    if not any(corpus.splits["train"] for corpus in result):
        raise InputError(f"{path}: has no sentence to train on")
    there = _types(_all(result, "train"), scheme)
    if not there:
        raise InputError(f"{path}: nothing is tagged in the files to train on, all tags are O")
    if scheme == schemes.PLAIN and len(there) == 1:
        raise InputError(
            f"{path}: all tags to train on are '{next(iter(there))}', so that there is nothing to "
            "learn; name another 'tag_column'"
        )
    _note_untrained(result, scheme, observer)
    _note_alike(result, scheme, observer)
    longest = max(map(len, _all(result, "train")), default=0)
    if longest > LONGEST:
        observer.note(
            f"warning: a sentence to train on has {longest} tokens; are the empty lines between "
            "sentences missing?"
        )
    # Short ones, such as thanks, may be said twice.
    named = f"sentences {{}}, of {LONG} tokens or more,"
    note_seen(result, lambda s: s.tokens if len(s) >= LONG else None, named, observer)
    return result, scheme


def _places(files: TextCorpus, name: str, split: Split, observer: Observer) -> Iterator[_Place]:
    """Read the sentences of a split; tags that are none of a given scheme are refused."""
    for path in getattr(files, name):
        for sentence in _sentences(path, files, split, observer):
            place = _Place(path, sentence)
            if sentence.tokens and files.scheme is not None:
                _check_tags(place, files.scheme)
            if sentence.tokens:
                yield place


def _sentences(
    path: Path, files: TextCorpus, split: Split, observer: Observer
) -> Iterable[Sentence]:
    """Read the sentences of a file in columns, or of an annotation tool."""
    # Columns that are too irregular to be recognised are read, and faults in them named.
    wanted = "wanted is text in columns, or what annotation tools export"
    among = ("conll", "lines", *DOCUMENTS)
    source, format = recognise_source(path, among, wanted, encoding=files.encoding, prefer="conll")
    if format.name in DOCUMENTS:
        return read_annotated(source, format.name, files.encoding, split, observer)
    return read_conll(
        source, files.token_column or "auto", files.tag_column or "auto", files.encoding
    )


def _check_tags(place: _Place, scheme: str) -> None:
    try:
        schemes.spans(_tags(place), scheme)
    except ValueError as error:
        raise InputError(
            f"{place}: {error}; leave 'scheme' out of the recipe, or name another 'tag_column'"
        ) from None


def _scheme(places: Sequence[_Place], where: str, observer: Observer) -> str:
    """Return the scheme that fits; a few tags that fit none among those of spans are refused."""
    scheme = schemes.detect([_tags(place) for place in places])
    if scheme != schemes.PLAIN:
        return scheme
    counts = Counter(tag for place in places for tag in _tags(place))
    stray = schemes.stray(counts)
    if stray:
        first, place = next(
            (tag, place) for place in places for tag in _tags(place) if tag in stray
        )
        raise InputError(
            f"{place}: '{first}' is no tag of spans, such as B-PER or O, as others of {where} "
            f"are; there are {_several(stray)}; fix them, or, if tags without spans are "
            'meant, set scheme = "plain" in the recipe'
        )
    if len(counts) > MANY_TAGS:
        observer.note(
            f"warning: {where} has {len(counts)} different tags; is 'tag_column' the right one?"
        )
    elif schemes.OUTSIDE in counts:
        observer.note(
            f"warning: {where}: tags are taken as plain, one for each token without spans, though "
            f"O is among them: {_several(counts)}; spans are written as B-PER, I-PER"
        )
    return scheme


def _note_spans(places: Sequence[_Place], where: str, observer: Observer) -> None:
    """Warn of tags that look like those of spans, though the recipe says that they are plain."""
    found = schemes.detect([_tags(place) for place in places])
    if found != schemes.PLAIN:
        observer.note(
            f'warning: {where}: scheme = "plain" takes each token by itself, and the tags look '
            f"like spans in {found}; leave 'scheme' out to find spans"
        )


def _note_faults(places: Sequence[_Place], scheme: str, where: str, observer: Observer) -> None:
    """Note the scheme and how many tags are illegal in it, with the first."""
    tokens = sum(len(place.sentence) for place in places)
    found = [
        (place, fault) for place in places for _, fault in schemes.faults(_tags(place), scheme)
    ]
    if not found:
        if tokens:
            observer.note(f"{where}: tags are {scheme}, all {tokens} fit")
        return
    place, fault = found[0]
    observer.note(
        f"warning: {where}: tags are {scheme}, and {len(found)} of {tokens} are illegal in it "
        f"(read as conlleval reads them); the first: {place}, {fault}"
    )


def _check_types(
    types: Mapping[str, str] | None,
    splits: Mapping[str, Sequence[Sentence]],
    scheme: str,
    where: str,
    observer: Observer,
) -> None:
    """Refuse `types` none of which occurs, warn of some that do not and of others that do."""
    if types is None:
        return
    if scheme == schemes.PLAIN:
        raise InputError(f"{where}: 'types' is for spans, and its tags are plain")
    there = _types(chain.from_iterable(splits.values()), scheme)
    missing = [name for name in types if name not in there]
    if not types:
        raise InputError(f"{where}: 'types' is empty; leave it out, and all types are learnt")
    if len(missing) == len(types):
        raise InputError(
            f"{where}: 'types' names {', '.join(types)}, which do not occur; there are "
            f"{_several(there)}"
        )
    if missing:
        observer.note(f"warning: {where}: 'types' names {', '.join(missing)}, never tagged there")
    others = {name: count for name, count in there.items() if name not in types}
    if others:
        observer.note(
            f"warning: {where}: 'types' does not name what is tagged there, and is passed over: "
            f"{_several(others)}"
        )


def _note_untrained(corpora: Sequence[TaggedCorpus], scheme: str, observer: Observer) -> None:
    """Warn of types that are tagged only once, or not at all, in the files to train on."""
    by_split = {split: _types(_all(corpora, split), scheme) for split in SPLITS}
    later = by_split["validate"] + by_split["test"]
    known = by_split["train"]
    once = {name: 1 for name, count in known.items() if count == 1}
    if once and scheme != schemes.PLAIN and max(known.values()) >= OFTEN:
        observer.note(f"warning: tagged once only, are they meant? {_several(once)}")
    unknown = {name: count for name, count in later.items() if name not in known}
    if unknown:
        observer.note(
            "warning: only in files to validate on or to test with, so that the model cannot find "
            f"them: {_several(unknown)}"
        )


def _note_alike(corpora: Sequence[TaggedCorpus], scheme: str, observer: Observer) -> None:
    """Warn of types that may be meant to be one, and of spans of the type O or of none."""
    counts = _types(chain.from_iterable(_all(corpora, name) for name in SPLITS), scheme)
    groups = schemes.alike(counts)
    for names in groups[:NAMED]:
        observer.note(f"warning: they differ in capitals alone, are they one? {_several(names)}")
    if len(groups) > NAMED:
        more = counted(len(groups) - NAMED, "more groups")
        observer.note(f"warning: and there are {more} of such types")
    if scheme != schemes.PLAIN and schemes.OUTSIDE in counts:
        spans = counted(counts[schemes.OUTSIDE], "spans")
        observer.note(f"warning: {spans} of the type O, such as B-O; is O alone meant?")
    if (unnamed := counts.pop("", 0)) and counts:
        observer.note(
            f"warning: {counted(unnamed, 'spans')} without a type, such as B where B-PER is meant, "
            f"beside {_several(counts)}"
        )


def _all(corpora: Iterable[TaggedCorpus], split: str) -> Iterator[TaggedSequence]:
    return chain.from_iterable(corpus.splits[split] for corpus in corpora)


def _types(sentences: Iterable[TaggedSequence], scheme: str) -> Counter[str]:
    return Counter(span.type for s in sentences for span in schemes.spans(s.tags or (), scheme))


def _converted(sentence: Sentence, source: str, target: str) -> Sentence:
    return replace(sentence, tags=tuple(schemes.convert(sentence.tags or (), source, target)))


def _tags(place: _Place) -> tuple[str, ...]:
    return place.sentence.tags or ()


def _several(counts: Mapping[str, int]) -> str:
    """Name the commonest, with how often each is there."""
    common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    named = ", ".join(f"{name or schemes.UNNAMED} ({count})" for name, count in common[:NAMED])
    rest = len(common) - NAMED
    return named + (f" and {rest} more" if rest > 0 else "")
