"""Padded sequences, windows of series, vocabularies, the sonnets."""

import io
import pickle
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from mistakes import assert_speaks

from backprop import CorruptFileError, datasets
from backprop.core.errors import ShapeError
from backprop.datasets import Vocabulary, load_shakespeare, pad_sequences, windows

SEQUENCES = [[1], [2, 3], [4, 5, 6]]


# --- padding: the examples of Keras's documentation -----------------------------------------------


def test_padding_is_that_of_keras() -> None:
    found = pad_sequences(SEQUENCES)
    np.testing.assert_array_equal(found, [[0, 0, 1], [0, 2, 3], [4, 5, 6]])
    assert found.dtype == np.int32
    np.testing.assert_array_equal(
        pad_sequences(SEQUENCES, value=-1), [[-1, -1, 1], [-1, 2, 3], [4, 5, 6]]
    )
    np.testing.assert_array_equal(
        pad_sequences(SEQUENCES, padding="post"), [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    )
    np.testing.assert_array_equal(pad_sequences(SEQUENCES, maxlen=2), [[0, 1], [2, 3], [5, 6]])
    np.testing.assert_array_equal(
        pad_sequences(SEQUENCES, maxlen=2, truncating="post"), [[0, 1], [2, 3], [4, 5]]
    )
    assert pad_sequences(SEQUENCES, maxlen=5).shape == (3, 5)


def test_padding_of_steps_with_features() -> None:
    sequences = [np.ones((2, 3)), np.full((4, 3), 0.5), np.empty((0,))]
    found = pad_sequences(sequences, dtype="float32", padding="post", value=9)
    assert found.shape == (3, 4, 3)
    assert found.dtype == np.float32
    assert (found[0, :2] == 1).all()
    assert (found[0, 2:] == 9).all()
    assert (found[1] == 0.5).all()
    assert (found[2] == 9).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sequences": []}, ["sequences is empty"]),
        ({"sequences": [[1], 2]}, ["number 1 is 2"]),
        ({"sequences": ["word"]}, ["number 0 is 'word'", "Vocabulary"]),
        ({"sequences": [[[1, 2]], [[1]]]}, ["same shape", "(1,)", "(2,)"]),
        ({"sequences": [[0.5]]}, ["sequence 0", "int32 cannot hold", "dtype='float32'"]),
        ({"sequences": [[1], [300]], "dtype": "uint8"}, ["sequence 1", "uint8"]),
        ({"sequences": [[1], [2, np.nan]]}, ["sequences[1] holds nan, first in row 1"]),
        ({"sequences": [[2**40]]}, ["sequence 0", "int32 cannot hold", "dtype='int64'"]),
        ({"sequences": [[1]], "value": 0.5}, ["value must be a number of int32", "0.5"]),
        ({"sequences": [[1]], "value": 2, "dtype": "bool"}, ["value must be a number of bool"]),
        ({"sequences": [[1]], "padding": "left"}, ["padding must be 'pre' or 'post'", "'left'"]),
        ({"sequences": [[1]], "truncating": 3}, ["truncating must be"]),
        ({"sequences": [[1]], "maxlen": 0}, ["maxlen"]),
        ({"sequences": [[1]], "dtype": "flaot32"}, ["dtype must be one of numbers", "'flaot32'"]),
        ({"sequences": [[1]], "dtype": str}, ["dtype must be one of numbers, such as 'int32'"]),
    ],
)
def test_mistakes_in_padding(arguments: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=re.escape(words[0])) as caught:
        pad_sequences(**arguments)
    assert_speaks(caught, words)


# --- windows --------------------------------------------------------------------------------------


def test_windows_and_what_follows_them() -> None:
    X, y = windows(np.arange(6), 3)
    np.testing.assert_array_equal(X, [[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    np.testing.assert_array_equal(y, [[3], [4], [5]])
    X, y = windows(range(8), 3, horizon=2, stride=3)
    np.testing.assert_array_equal(X, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(y, [[3, 4], [6, 7]])


def test_windows_of_several_series_are_copies_of_their_own() -> None:
    series = np.arange(10.0).reshape(5, 2)
    X, y = windows(series, 2)
    assert X.shape == (3, 2, 2)
    assert y.shape == (3, 1, 2)
    np.testing.assert_array_equal(X[1], series[1:3])
    np.testing.assert_array_equal(y[1, 0], series[3])
    assert X.flags.c_contiguous
    X[...] = 0
    assert series.any()


def test_mistakes_in_windows() -> None:
    with pytest.raises(
        ShapeError, match=r"shape \(4,\), but a window of 4 steps with 1 to predict"
    ):
        windows(np.arange(4), 4)
    for wrong in ({"length": 0}, {"horizon": 0}, {"stride": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be an integer"):
            windows(np.arange(9), **{"length": 2, **wrong})


# --- vocabularies ---------------------------------------------------------------------------------

TEXTS = ["To be, or not to be", "That is the question: don't be"]


def test_words_are_numbered_from_the_most_frequent_on() -> None:
    vocabulary = Vocabulary(TEXTS)
    assert vocabulary.tokens[:2] == ["be", "to"]
    assert vocabulary.tokens[2:] == sorted(vocabulary.tokens[2:])
    assert "don't" in vocabulary.tokens
    assert len(vocabulary) == len(vocabulary.tokens) + 2
    np.testing.assert_array_equal(vocabulary.encode("To be, to see"), [3, 2, 3, 1])
    found = vocabulary.encode(["be", "To be, to be"])
    np.testing.assert_array_equal(found, [[2, 0, 0, 0], [3, 2, 3, 2]])
    assert found.dtype == np.int32
    in_front = vocabulary.encode(["be", "To be, to be"], maxlen=3, padding="pre")
    np.testing.assert_array_equal(in_front, [[0, 0, 2], [2, 3, 2]])
    np.testing.assert_array_equal(vocabulary.encode("to be", maxlen=1), [3])
    np.testing.assert_array_equal(vocabulary.encode(["", "be"]), [[0], [2]])


@pytest.mark.parametrize(
    "text",
    [
        "नमस्ते दुनिया, यह हिन्दी है",
        "தமிழ் ஒரு மொழி",
        "می\u200cخواهم به خانه بروم",
        "שָׁלוֹם עוֹלָם",
        "un e\u0301te\u0301 nai\u0308f; l’e\u0301te\u0301 rock'n'roll",
        "the cat’s naïve well-known x² 90s",
    ],
    ids=["Hindi", "Tamil", "Persian", "Hebrew", "accents of their own", "English"],
)
def test_words_keep_the_signs_that_are_written_at_their_letters(text: str) -> None:
    words = re.sub("[,;]", "", unicodedata.normalize("NFC", text)).split()
    vocabulary = Vocabulary(text)
    assert vocabulary.split(text) == words
    assert vocabulary.decode(vocabulary.encode(text)) == " ".join(words)
    assert sorted(vocabulary.tokens) == sorted(set(words))


def test_one_text_is_cut_where_several_are() -> None:
    vocabulary = Vocabulary(TEXTS)
    for padding in ("pre", "post"):
        for text in TEXTS:
            (row,) = vocabulary.encode([text], maxlen=3, padding=padding)
            np.testing.assert_array_equal(vocabulary.encode(text, 3, padding), row)
    assert vocabulary.encode("", maxlen=3, padding="pre").shape == (0,)
    with pytest.raises(ValueError, match="padding must be 'pre' or 'post'"):
        vocabulary.encode("to be", padding="left")


def test_tokens_that_are_changed_later_are_numbered_likewise(tmp_path: Path) -> None:
    vocabulary = Vocabulary(TEXTS, size=4)
    vocabulary.tokens.append("not")
    np.testing.assert_array_equal(vocabulary.encode("not to be"), [4, 3, 2])
    for tokens in (["question", "that"], ("question", "that"), np.array(["question", "that"])):
        vocabulary.tokens = tokens
        np.testing.assert_array_equal(vocabulary.encode("That question, not"), [3, 2, 1])
        assert vocabulary.decode([3, 2]) == "that question"
        vocabulary.save(tmp_path / "v.npz")
        assert Vocabulary.load(tmp_path / "v.npz").tokens == ["question", "that"]


def test_numbers_become_words_again() -> None:
    vocabulary = Vocabulary(TEXTS)
    for text in TEXTS:
        plain = re.sub("[,:]", "", text.lower())
        assert vocabulary.decode(vocabulary.encode(text)) == plain
    assert vocabulary.decode(vocabulary.encode(["to see", "be"])) == ["to [UNK]", "be"]


def test_characters_come_back_as_they_were() -> None:
    text = load_shakespeare()[:3000]
    vocabulary = Vocabulary(text, "characters")
    numbers = vocabulary.encode(text)
    assert numbers.shape == (3000,)
    assert vocabulary.tokens[0] == " "
    assert vocabulary.decode(numbers) == text
    assert vocabulary.decode(vocabulary.encode("é!")) == "�!"
    assert vocabulary.decode([[2, 0, 0]]) == [" "]


@pytest.mark.parametrize(
    "words",
    [
        ["हिन्दी", "भाषा"],
        ["தமிழ்", "மொழி"],
        ["שָׁלוֹם", "לֹא"],
        ["مَرْحَبًا", "بِكَ"],
        ["می\u200cخواهم", "نمی\u200cدانم"],
        ["état-major", "l’été"],
    ],
)
def test_words_keep_the_characters_that_stand_behind_their_letters(words: list[str]) -> None:
    vocabulary = Vocabulary(f"«{words[0]}», {words[1]}! {words[0]}.")
    assert vocabulary.tokens == words
    np.testing.assert_array_equal(vocabulary.encode(" ".join(words)), [2, 3])
    assert vocabulary.decode([2, 3]) == " ".join(words)


def test_both_ways_to_write_an_accent_are_one_word(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["cafe\u0301 CAFÉ", "İzmir"])
    assert vocabulary.tokens == ["café", "izmir"]
    np.testing.assert_array_equal(vocabulary.encode("Café cafe\u0301 cafe İZMİR"), [2, 2, 1, 3])
    vocabulary.save(tmp_path / "v.npz")
    assert Vocabulary.load(tmp_path / "v.npz").tokens == vocabulary.tokens


def test_what_others_call_the_verbs_of_a_vocabulary() -> None:
    vocabulary = Vocabulary(TEXTS)
    for name, advice in {
        "adapt": r"Vocabulary\(texts\) has numbered the words",
        "texts_to_sequences": r"write encode\(texts\)",
        "get_vocabulary": "write tokens",
        "word_index": r"the number of tokens\[k\] is k \+ 2",
    }.items():
        with pytest.raises(AttributeError, match=f"Vocabulary has no attribute '{name}': {advice}"):
            getattr(vocabulary, name)
    for call in (lambda: vocabulary["be"], lambda: "be" in vocabulary, lambda: list(vocabulary)):
        with pytest.raises(TypeError, match=r"Vocabulary has no items: .*tokens, which"):
            call()
    with pytest.raises(ValueError, match="texts is empty: pass at least one text"):
        vocabulary.encode([])
    assert pickle.loads(pickle.dumps(vocabulary)).tokens == vocabulary.tokens


def test_the_size_counts_padding_and_the_unknown() -> None:
    vocabulary = Vocabulary(TEXTS, size=4)
    assert vocabulary.tokens == ["be", "to"]
    assert len(vocabulary) == 4
    assert vocabulary.encode(TEXTS).max() == 3


def test_a_vocabulary_is_saved_and_loaded(tmp_path: Path) -> None:
    for kind in ("words", "characters"):
        vocabulary = Vocabulary([*TEXTS, "naïve\n\x00 “Ωμέγα”"], kind)
        path = tmp_path / f"{kind}.vocabulary"
        vocabulary.save(path)
        other = Vocabulary.load(path)
        assert (other.kind, other.tokens) == (kind, vocabulary.tokens)
        np.testing.assert_array_equal(other.encode(TEXTS), vocabulary.encode(TEXTS))


def test_a_damaged_vocabulary_is_never_believed(tmp_path: Path) -> None:
    vocabulary, path = Vocabulary(TEXTS), tmp_path / "words.npz"
    vocabulary.save(path)
    content = path.read_bytes()
    for k in range(len(content)):
        path.write_bytes(content[:k] + bytes([content[k] ^ 16]) + content[k + 1 :])
        try:
            tokens = Vocabulary.load(path).tokens
        except CorruptFileError:
            continue
        assert tokens == vocabulary.tokens


LISTS = {"t": [[1, 2], [3, 4]]}
TABLES = [pd.DataFrame, pl.DataFrame, pa.table, dict]


@pytest.mark.parametrize("make", TABLES)
def test_a_frame_is_no_list_of_texts_or_sequences(make: Any) -> None:
    """Its items are the names of its columns, or the columns: a vocabulary of one word, ``t``."""
    words = r"must be a list or a column, but it is a \w+: pass .* such as"
    texts = make({"t": TEXTS})
    for call in (lambda: Vocabulary(texts), lambda: Vocabulary(TEXTS).encode(texts)):
        with pytest.raises(TypeError, match=rf"^texts {words} texts\['t'\]"):
            call()
    assert Vocabulary(texts["t"]).tokens == Vocabulary(TEXTS).tokens
    with pytest.raises(TypeError, match=rf"^sequences {words} sequences\['t'\]"):
        pad_sequences(make(LISTS))
    np.testing.assert_array_equal(pad_sequences(make(LISTS)["t"]), LISTS["t"])


def test_mistakes_with_vocabularies() -> None:
    with pytest.raises(ValueError, match="kind must be 'words' or 'characters'"):
        Vocabulary(TEXTS, "letters")
    with pytest.raises(TypeError, match="texts must be strings, but one of them is 3"):
        Vocabulary(["a", 3])
    with pytest.raises(TypeError, match=r"one of them is b'a': make text of each by str\(…, 'utf"):
        Vocabulary([b"a"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="texts must be one string or a list of strings, but"):
        Vocabulary(np.array("a b"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sequences must be a list of sequences, but it is array"):
        pad_sequences(np.array(1.0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size must be an integer of 3 or more"):
        Vocabulary(TEXTS, size=2)
    vocabulary = Vocabulary(TEXTS)
    with pytest.raises(ValueError, match=f"between 0 and {len(vocabulary) - 1}, but they hold 99"):
        vocabulary.decode([2, 99])
    with pytest.raises(ValueError, match="padding must be"):
        vocabulary.encode(TEXTS, padding="left")


def test_files_that_hold_no_vocabulary(tmp_path: Path) -> None:
    other = tmp_path / "other"
    Vocabulary(TEXTS).save(other)
    whole = other.read_bytes()
    with io.BytesIO() as file:
        np.savez(file, a=np.ones(3))
        arrays = file.getvalue()
    with io.BytesIO() as file:
        np.save(file, np.ones(3))
        array = file.getvalue()
    for written, words in {
        arrays: "it holds the arrays a",
        array: "a single array",
        b"": "it is empty",
        b"hello": r"no \.npz archive",
        whole[:-20]: "cut off",
        pickle.dumps({}): "pickle",
    }.items():
        other.write_bytes(written)
        with pytest.raises(ValueError, match=f"holds no vocabulary: .*{words}"):
            Vocabulary.load(other)


# --- the sonnets ----------------------------------------------------------------------------------


def test_all_sonnets_are_there() -> None:
    text = load_shakespeare()
    assert (len(text), len(set(text))) == (95_609, 62)
    parts = re.split(r"^([IVXLC]+)\n\n", text, flags=re.MULTILINE)
    numbers, poems = parts[1::2], parts[2::2]
    assert len(numbers) == 154
    assert (numbers[0], numbers[17], numbers[-1]) == ("I", "XVIII", "CLIV")
    lines = [len(poem.strip().split("\n")) for poem in poems]
    assert [n + 1 for n, length in enumerate(lines) if length != 14] == [99, 126]
    assert (lines[98], lines[125]) == (15, 12)
    assert poems[17].startswith("Shall I compare thee to a summer's day?\nThou art more lovely")
    assert text == load_shakespeare()
    assert "load_shakespeare" in datasets.__all__


def test_arguments_of_other_kinds_are_named() -> None:
    vocabulary = Vocabulary(["to be or not to be"])
    calls: list[tuple[Any, type[Exception], str]] = [
        (lambda: pad_sequences(5), TypeError, "sequences must be a list of sequences, .* 5"),
        (
            lambda: pad_sequences([[1]], dtype="int8", value=300),
            ValueError,
            "value .* 300",
        ),
        (lambda: Vocabulary(None), TypeError, "texts must be one string or a list .* None"),
        (lambda: vocabulary.encode(3), TypeError, "texts must be one string or a list .* 3"),
        (lambda: vocabulary.decode("ab"), TypeError, "numbers must hold numbers"),
        (lambda: vocabulary.decode([2, 1.5]), ValueError, "whole ones between 0 and 5, .* 1.5"),
        (lambda: vocabulary.decode([[2], [3, 4]]), ValueError, "rows of unequal length"),
    ]
    for call, error, message in calls:
        with pytest.raises(error, match=message):
            call()
    assert vocabulary.decode([]) == ""


@pytest.mark.parametrize(
    ("numbers", "dtype"), [([1e39], "float32"), ([70000.0], "float16"), ([70000], "float16")]
)
def test_numbers_that_overflow_are_refused_by_their_sequence(numbers, dtype):
    with pytest.raises(ValueError, match=f"^sequence 1 holds numbers that {dtype} cannot hold"):
        pad_sequences([[1, 2], numbers], dtype=dtype)
    with pytest.raises(ValueError, match=f"^value must be a number of {dtype}"):
        pad_sequences([[1, 2], [1]], dtype=dtype, value=numbers[0])
    found = pad_sequences([[np.inf], [1.0, 2.0]], dtype=dtype, value=-np.inf)
    np.testing.assert_array_equal(found, [[-np.inf, np.inf], [1, 2]])


def test_digits_that_are_lost_in_padding_are_told_of():
    times = [(1.7e9 + np.arange(k, k + 5)).tolist() for k in range(4)]
    with pytest.warns(
        RuntimeWarning, match='^what sequences holds varies by .* dtype="float64" here'
    ):
        pad_sequences(times, dtype="float32")
    pad_sequences(times, dtype="float64")
    pad_sequences([[0.1, 0.2], []], dtype="float32")


@pytest.mark.parametrize(
    ("missing", "shown"), [(None, "None"), (np.nan, "nan"), (pd.NA, "<NA>")], ids=repr
)
def test_a_sequence_that_is_missing_is_named_by_its_row(missing: Any, shown: str) -> None:
    for column in ([[1, 2], [3], missing], pd.Series([[1, 2], [3], missing])):
        with pytest.raises(ValueError, match=f"^sequences holds {shown}, first in row 2: remove"):
            pad_sequences(column)


@pytest.mark.parametrize(
    "texts",
    [["to be", None], pd.Series(["to be", None]), pl.Series(["a", None]), pa.array(["a", None])],
)
def test_a_text_that_is_missing_is_named_by_its_row(texts: Any) -> None:
    for call in (Vocabulary, Vocabulary("to be").encode):
        with pytest.raises(ValueError, match=r"^texts holds (None|nan), first in row 1: remove or"):
            call(texts)


def test_a_text_of_an_array_is_a_text() -> None:
    texts = np.array(["to be", "or not"])
    vocabulary = Vocabulary(texts)
    np.testing.assert_array_equal(vocabulary.encode(texts[0]), vocabulary.encode("to be"))
    assert Vocabulary(texts[0]).tokens == ["be", "to"]


def test_texts_that_are_cut_into_words_are_joined_as_the_error_advises() -> None:
    words = [["to", "be"], ["or", "not"]]
    with pytest.raises(TypeError, match=r"one of them is \['to', 'be'\]: join .* ' '.join"):
        Vocabulary(words)  # type: ignore[arg-type]
    assert Vocabulary([" ".join(each) for each in words]).tokens == ["be", "not", "or", "to"]


@pytest.mark.parametrize("one", [False, True], ids=["frames", "columns"])
def test_groups_of_a_frame_become_sequences_as_the_error_advises(one: bool) -> None:
    frame = pd.DataFrame({"patient": [1, 2, 2], "pulse": [60.0, 70.0, 80.0], "age": [3.0, 4, 4]})
    for groups in (frame.groupby("patient"), pl.from_pandas(frame).group_by("patient")):
        if one and not isinstance(groups, pd.api.typing.DataFrameGroupBy):
            continue
        sequences = groups["pulse"] if one else groups
        with pytest.raises(TypeError, match=r"^sequences gives a key with each sequence") as error:
            pad_sequences(sequences, dtype="float32")
        advice = str(error.value).rpartition("pass ")[2].rstrip(".")
        padded = pad_sequences(eval(advice, {"sequences": sequences}), dtype="float32")
        assert padded.shape == ((2, 2) if one else (2, 2, 3))


def test_dates_in_sequences_are_not_taken_for_text() -> None:
    dates = np.array(["2020-01-01", "2020-01-02"], "M8[D]")
    for days in (dates, list(dates), pd.Series(dates)):
        with pytest.raises(TypeError, match=r"number 1 has the dtype datetime64.*subtract a date"):
            pad_sequences([[1, 2], days])
