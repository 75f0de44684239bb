from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnatag.errors import InputError
from dnatag.formats.text.conll import Column, read_conll, write_conll
from dnatag.formats.text.tokens import Sentence


def read(
    tmp_path: Path,
    data: str | bytes,
    token_column: Column = "auto",
    tag_column: Column | None = None,
    *,
    encoding: str = "utf-8",
) -> list[Sentence]:
    path = tmp_path / "x.conll"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_conll(path, token_column, tag_column, encoding))


def written(sentences: list[Sentence], tag: str = "T") -> str:
    handle = io.StringIO()
    for sentence in sentences:
        write_conll(handle, sentence, [tag] * len(sentence.tokens))
    return handle.getvalue()


def message(tmp_path: Path, data: str | bytes, *columns: int, encoding: str = "utf-8") -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data, *columns, encoding=encoding)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/x.conll: ")
    assert "\n" not in text
    return text.removeprefix(f"{tmp_path}/x.conll: ")


SPACED = "Zoe NNP B-PER\nsmiled VBD O\n\n\nIn IN O\nOslo NNP B-LOC\n"


def test_columns_separated_by_spaces(tmp_path: Path) -> None:
    first, second = read(tmp_path, SPACED, 1, -1)
    assert (first.tokens, first.tags, first.line) == (("Zoe", "smiled"), ("B-PER", "O"), 1)
    assert (second.tokens, second.tags, second.line) == (("In", "Oslo"), ("O", "B-LOC"), 5)
    assert read(tmp_path, SPACED)[0].tags is None
    assert read(tmp_path, SPACED, -2, 1)[1].tokens == ("IN", "NNP")
    assert written([first, second]) == (
        "Zoe NNP B-PER T\nsmiled VBD O T\n\nIn IN O T\nOslo NNP B-LOC T\n\n"
    )


def test_a_line_with_tabs_is_split_at_tabs_only(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "10 000\tO\n#\tO\n# x\tO\n", 1, 2)
    assert sentence.tokens == ("10 000", "#", "# x")
    assert written([sentence]) == "10 000\tO\tT\n#\tO\tT\n# x\tO\tT\n\n"


def test_a_no_break_space_is_within_a_token(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "10\u00a0000  CD   O \n", 1, -1)
    assert (sentence.tokens, sentence.tags) == (("10\u00a0000",), ("O",))


def test_one_column_gets_a_tab(tmp_path: Path) -> None:
    sentences = read(tmp_path, "#tag\nword \n \t \nlast")
    assert [s.tokens for s in sentences] == [("#tag", "word"), ("last",)]
    assert written(sentences) == "#tag\tT\nword\tT\n\nlast\tT\n\n"


def test_line_ends_byte_order_mark_and_compression(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbfa\tO\r\n\r\nb\tO\r\n"
    for packed in (data, gzip.compress(data)):
        sentences = read(tmp_path, packed, 1, 2)
        assert [(s.tokens, s.tags) for s in sentences] == [(("a",), ("O",)), (("b",), ("O",))]


def test_documents_are_kept_in_place(tmp_path: Path) -> None:
    data = "-DOCSTART- -X- O\n\na X O\n\n-DOCSTART- -X- O\nb X O\n\n\n-DOCSTART- -X- O\n\n"
    sentences = read(tmp_path, data)
    assert [(s.tokens, s.line) for s in sentences] == [(("a",), 3), (("b",), 5), ((), 9)]
    assert written(sentences) == (
        "-DOCSTART- -X- O\n\na X O T\n\n-DOCSTART- -X- O\nb X O T\n\n-DOCSTART- -X- O\n\n"
    )


def test_a_document_ends_the_sentence_before(tmp_path: Path) -> None:
    sentences = read(tmp_path, "a\tO\n-DOCSTART-\tO\nb\tO\n")
    assert [s.tokens for s in sentences] == [("a",), ("b",)]
    assert written(sentences) == "a\tO\tT\n\n-DOCSTART-\tO\nb\tO\tT\n\n"


CONLLU = (
    "# global.columns = ID FORM MISC\n\n# sent_id = 1\n# text = Vamos al mar.\n"
    "1\tVamos\t_\n2-3\tal\t_\n2\ta\t_\n3\tel\t_\n4\tmar\t_\n4.1\tlejos\t_\n5\t.\t_\n\n"
)


def test_conllu(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, CONLLU, 2)
    assert sentence.tokens == ("Vamos", "a", "el", "mar", ".")
    assert sentence.line == 3
    lines = zip(CONLLU.splitlines(), written([sentence]).splitlines(), strict=True)
    added = [after.removeprefix(before) for before, after in lines]
    assert added == ["", "", "", "", "\tT", "", "\tT", "\tT", "\tT", "", "\tT", ""]


def test_ranges_are_tokens_in_the_first_column(tmp_path: Path) -> None:
    assert read(tmp_path, "6-4\tO\n5.2\tO\n")[0].tokens == ("6-4", "5.2")


def test_hashes_are_tokens_where_columns_are_spaced_or_tokens_came_before(tmp_path: Path) -> None:
    assert read(tmp_path, "# X O\na X O\n")[0].tokens == ("#", "a")
    assert read(tmp_path, "# note\na\tO\n#b\n")[0].tokens == ("a", "#b")


def test_comments_alone_are_not_lost(tmp_path: Path) -> None:
    data = "###1\n\n###2\n\na\tO\n\n###3\n"
    sentences = read(tmp_path, data)
    assert [s.tokens for s in sentences] == [("a",), ()]
    assert written(sentences) == "###1\n\n###2\n\na\tO\tT\n\n###3\n\n"


@pytest.mark.parametrize("data", ["", "\n", " \r\n\n"])
def test_nothing(tmp_path: Path, data: str) -> None:
    assert read(tmp_path, data) == []


@pytest.mark.parametrize(
    ("data", "columns", "words"),
    [
        ("a O\nb\n", (1, 2), "line 2: has 1 columns, no column 2;"),
        ("\na\tO\n", (-3,), "line 2: has 2 columns, no column -3;"),
        ("a\tO\n\tO\n", (1,), "line 2: column 1 is empty;"),
        ("a\t\n", (1, -1), "line 1: column -1 is empty;"),
        (b"a\nb\xe9\n", (), "line 2: byte 0xE9 is not utf-8; name the encoding of the file"),
    ],
)
def test_bad_line(tmp_path: Path, data: str | bytes, columns: tuple[int, ...], words: str) -> None:
    assert message(tmp_path, data, *columns).startswith(words)


def test_encodings(tmp_path: Path) -> None:
    assert read(tmp_path, "né".encode("latin-1"), encoding="latin-1")[0].tokens == ("né",)
    assert read(tmp_path, "né\tO\n".encode("utf-16"), encoding="utf-16")[0].tokens == ("né",)
    assert message(tmp_path, b"abc\n", encoding="utf-16").endswith(
        "--encoding, in recipes with 'encoding'"
    )
    assert message(tmp_path, b"abc\n", encoding="utf-9").endswith("no encoding 'utf-9' is known")


def test_column_zero(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        read(tmp_path, "a\n", 0)


def test_sentences_of_other_formats() -> None:
    assert written([Sentence(("a b", "#")), Sentence(())]) == "a b\tT\n#\tT\n\n\n"
    for token in ("a\tb", "\n", "\ud83d"):
        with pytest.raises(InputError, match="line 7: CoNLL columns cannot hold the token"):
            written([Sentence((token,), line=7)])
    with pytest.raises(ValueError, match="one tag for each token"):
        write_conll(io.StringIO(), Sentence(("a",)), [])


cells = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=6
).filter(lambda text: text[0] not in "#\ufeff")
rows = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(rows, max_size=4),
    st.integers(1, 3),
    st.sampled_from(["\t", " ", "   "]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    expected: list[list[tuple[str, str, str]]],
    columns: int,
    separator: str,
    end: str,
) -> None:
    path = tmp_path_factory.mktemp("conll") / "x.conll"
    lines = [[separator.join(row[:columns]) + end for row in sentence] for sentence in expected]
    path.write_bytes(end.join("".join(sentence) for sentence in lines).encode())
    handle = io.StringIO()
    for sentence, original in zip(read_conll(path), expected, strict=True):
        write_conll(handle, sentence, [row[2] for row in original])
    path.write_bytes(handle.getvalue().encode())
    again = [(s.tokens, s.tags) for s in read_conll(path, tag_column=-1)]
    assert again == [(tuple(r[0] for r in s), tuple(r[2] for r in s)) for s in expected]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.text(min_size=1, max_size=6), cells), min_size=1, max_size=5),
        max_size=4,
    )
)
def test_round_trip_of_other_formats(
    tmp_path_factory: pytest.TempPathFactory, expected: list[list[tuple[str, str]]]
) -> None:
    handle = io.StringIO()
    wanted = []
    for sentence in expected:
        tokens, tags = zip(*sentence, strict=True)
        try:
            write_conll(handle, Sentence(tokens), tags)
        except InputError:
            continue
        wanted.append((tokens, tags))
    path = tmp_path_factory.mktemp("conll") / "x.conll"
    path.write_bytes(("\ufeff" + handle.getvalue()).encode())
    assert [(s.tokens, s.tags) for s in read_conll(path, 1, 2)] == wanted


UNIVERSAL = (
    "# sent_id = 1\n1-2\tdel\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\t_\tADP\t_\t_\t_\t_\t_\t_\n"
    "2\tel\t_\tDET\t_\t_\t_\t_\t_\t_\n2.1\tx\t_\tVERB\t_\t_\t_\t_\t_\t_\n"
    "3\tmar\t_\tNOUN\t_\t_\t_\t_\t_\tSpaceAfter=No\n\n"
)


def test_the_columns_of_conll_u(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, UNIVERSAL, "auto", "auto")
    assert (sentence.tokens, sentence.tags) == (("de", "el", "mar"), ("ADP", "DET", "NOUN"))
    # What is tagged has one more column, and its tags are there.
    (tagged,) = read(tmp_path, written([sentence]), "auto", "auto")
    assert (tagged.tokens, tagged.tags) == (sentence.tokens, ("T", "T", "T"))
    assert read(tmp_path, UNIVERSAL, "auto", 10)[0].tags == ("_", "_", "SpaceAfter=No")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("2\tel", "4\tel", "line 4: begins with '4' in place of 2"),
        ("3\tmar", "5\tmar", "line 6: begins with '5' in place of 3"),
        ("3\tmar", "1\tmar", "line 6: begins with '1' in place of 3"),
        ("3\tmar", "# sent_id = 2\n1\tmar", "line 6: begins with '#' in place of 3"),
        ("1\tde", "2\tde", "line 3: begins with '2' in place of 1"),
    ],
)
def test_faults_in_the_numbers_of_conll_u(tmp_path: Path, old: str, new: str, place: str) -> None:
    assert message(tmp_path, UNIVERSAL.replace(old, new)).startswith(place)
    later = message(tmp_path, UNIVERSAL + UNIVERSAL.replace(old, new))
    assert later.startswith(f"line {int(place[5]) + 7}: ")


def test_named_columns_need_no_numbers(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, UNIVERSAL.replace("3\tmar", "5\tmar"), 2)
    assert sentence.tokens == ("de", "el", "mar")


def test_spaces_at_the_end_are_no_part_of_a_tag(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "a \tO \nb\tB-X  \n", 1, 2)
    assert (sentence.tokens, sentence.tags) == (("a ", "b"), ("O", "B-X"))


def test_numbers_are_not_taken_for_tokens(tmp_path: Path) -> None:
    for data in (UNIVERSAL, "1 One O\n2 two O\n3 three O\n"):
        assert message(tmp_path, data, 1) == (
            "the first column counts the tokens; name the column of the tokens, 2 in CoNLL-U, "
            "with token-column"
        )
    assert read(tmp_path, "1 One O\n2 two O\n3 three O\n")[0].tokens == ("One", "two", "three")
    # Tokens may be numbers.
    assert read(tmp_path, "1\tO\n2\tO\n")[0].tokens == ("1", "2")
    assert read(tmp_path, "1\n2\n3\n")[0].tokens == ("1", "2", "3")


def test_control_characters_of_other_columns_are_written_as_escapes(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, "a\tB-\x1b[31mX\nb\t\x07\u200fO\n")
    assert written([sentence]) == "a\tB-\\x1b[31mX\tT\nb\t\\x07\u200fO\tT\n\n"
