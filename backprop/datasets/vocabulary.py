"""Texts as numbers: of words, or of characters."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from backprop.core.array_errors import is_missing, refuse_gap
from backprop.core.arrays import as_numbers, as_python
from backprop.core.checks import check_choice, check_integer, is_row
from backprop.core.durable import FilePath, check_file, replacing
from backprop.core.elsewhere import KnowsElsewhere, WithoutItems
from backprop.core.errors import CorruptFileError, said
from backprop.core.file_kinds import check_regular, kind_of_file
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.datasets.sequences import ENDS, check_no_table, pad_sequences

LETTERS = r"[^\W_]"
"""Letters and digits."""

INSIDE = "['’\u200c\u200d-]"
"""What belongs to a word between letters only, as in ``don't``: also what joins letters unseen."""

KINDS = ("words", "characters")
LARGEST = 1 << 28
"""Bytes that the words of a file may have."""

PADDING, UNKNOWN = 0, 1
"""The numbers of a padded step, and of what is not in the vocabulary."""


ELSEWHERE = {
    **dict.fromkeys(("adapt", "fit", "fit_on_texts"), "Vocabulary(texts) has numbered the words"),
    **dict.fromkeys(("transform", "texts_to_sequences"), "write encode(texts)"),
    **dict.fromkeys(("inverse_transform", "sequences_to_texts"), "write decode(numbers)"),
    **dict.fromkeys(("get_vocabulary", "vocabulary_"), "write tokens, whose first is number 2"),
    "word_index": "the number of tokens[k] is k + 2",
    "vocabulary_size": "write len(vocabulary)",
}
"""What Keras and scikit-learn call the verbs of a vocabulary, and what to write here."""


class Vocabulary(KnowsElsewhere, WithoutItems):
    """The words or characters of some texts, numbered from the most frequent one on.

    0 stands for padded steps (``Embedding(len(vocabulary), …, mask_zero=True)``) and 1 for what is
    not in the vocabulary. Words are taken in small letters and without punctuation; an accent that
    is a character of its own belongs to its letter, so that both ways to write é are one word.

    Args:
        texts: The texts; one string counts as one text.
        kind: ``"words"`` or ``"characters"``.
        size: The most numbers that are given, 0 and 1 included; all words get one unless given.

    Attributes:
        kind: Likewise.
        tokens: The words or characters, of which the first has the number 2.

    Example:
        >>> vocabulary = bp.datasets.Vocabulary(["To be, or not to be"])
        >>> vocabulary.encode(["Not to be!", "or"])
        array([[4, 3, 2],
               [5, 0, 0]], dtype=int32)
        >>> vocabulary.decode([4, 3, 2])
        'not to be'
    """

    _elsewhere = ELSEWHERE
    tokens: list[str]
    _instead_of_items = "write encode(texts), decode(numbers), or tokens, which is a list"

    @answered
    def __init__(
        self, texts: str | Iterable[str], kind: str = "words", size: int | None = None
    ) -> None:
        self.kind = check_choice(kind, "kind", KINDS)
        counts = Counter(token for text in as_texts(texts) for token in self.split(text))
        most = len(counts) if size is None else check_integer(size, "size", 3) - 2
        frequent = sorted(counts, key=lambda token: (-counts[token], token))
        self._number(frequent[:most])

    def __setattr__(self, name: str, value: Any) -> None:
        if name[0] != "_" and name != "tokens" and "_numbers" in vars(self):
            raise AttributeError(
                f"{name} of a Vocabulary cannot be set: make another one, such as "
                f"Vocabulary(texts, kind='words', size=None)."
            )
        if name == "tokens" and "_numbers" in vars(self):
            value = self._checked(value)
        object.__setattr__(self, name, value)

    def _checked(self, given: Any) -> list[str]:
        """The tokens, each of which may be found in a text and has one number.

        Raises:
            TypeError: They are no list of strings.
            ValueError: One is never found, or stands there twice.
        """
        tokens = list(given) if is_row(given) else given
        if not (is_row(tokens) and all(isinstance(token, str) for token in tokens)):
            raise TypeError(f"tokens must be a list of strings, but they are {said(tokens)}.")
        for token in tokens:
            if self.split(token) != [token]:
                raise ValueError(
                    f"tokens holds {token!r}, which is never found: a text is split into "
                    f"{self.kind}, and this into {self.split(token)}."
                )
        if len(set(tokens)) < len(tokens):
            twice = next(token for token, n in Counter(tokens).items() if n > 1)
            raise ValueError(f"tokens holds {twice!r} twice: a token has one number.")
        return [*map(str, tokens)]

    def _number(self, tokens: Sequence[str]) -> None:
        vars(self)["tokens"] = list(tokens)
        self._numbered = self.tokens.copy()
        self._numbers = {token: k for k, token in enumerate(tokens, UNKNOWN + 1)}

    def _follow(self) -> None:
        """Numbers the tokens anew if the list was changed, as its owner may."""
        if self.tokens != self._numbered:
            self._number(self._checked(self.tokens))

    def __len__(self) -> int:
        """How many numbers there are, 0 and 1 among them."""
        return len(self.tokens) + 2

    def split(self, text: str) -> list[str]:
        """A text's words or characters."""
        return list(text) if self.kind == "characters" else words_in(text.lower())

    @answered
    def encode(
        self, texts: str | Iterable[str], maxlen: int | None = None, padding: str = "post"
    ) -> Array:
        """The numbers of a text's words or characters.

        Args:
            texts: One text, or several.
            maxlen: How many are kept of each text; all of the longest unless given.
            padding: Where the shorter of several texts are filled up with 0, and where longer ones
                are cut: ``"pre"`` or ``"post"``.

        Returns:
            int32 numbers, shape ``(T,)`` for one text and ``(N, maxlen)`` for several.

        Raises:
            ValueError: There are no texts, or one is missing.
            TypeError: They are no strings.
        """
        check_choice(padding, "padding", ENDS)
        self._follow()
        numbers = [
            np.array([self._numbers.get(token, UNKNOWN) for token in self.split(text)], np.int32)
            for text in as_texts(texts)
        ]
        if isinstance(texts, str):
            kept = len(numbers[0]) if maxlen is None else check_integer(maxlen, "maxlen")
            return numbers[0][-kept:] if padding == "pre" else numbers[0][:kept]
        if not numbers:
            raise ValueError("texts is empty: pass at least one text.")
        return pad_sequences(numbers, maxlen, padding=padding, truncating=padding)

    @answered
    def decode(self, numbers: Any) -> Any:
        """The text of numbers ``(T,)``, or the list of texts of numbers ``(N, T)``.

        Padded steps are left out, and what was not in the vocabulary is ``[UNK]``, or ``�`` among
        characters.

        Raises:
            ValueError: There is no such number.
            TypeError: They are no numbers of words or characters.
        """
        self._follow()
        numbers = np.atleast_1d(as_numbers(numbers, "numbers"))
        if numbers.ndim > 1:
            return [self.decode(row) for row in numbers]
        wrong = numbers[~np.isin(numbers, np.arange(len(self)))]
        if wrong.size:
            raise ValueError(
                f"numbers must be whole ones between 0 and {len(self) - 1}, but they hold "
                f"{wrong[0]}."
            )
        names = ["", "[UNK]" if self.kind == "words" else "�", *self.tokens]
        found = [names[int(k)] for k in numbers if k != PADDING]
        return (" " if self.kind == "words" else "").join(found)

    @answered
    def save(self, path: FilePath) -> None:
        """Writes the vocabulary into a file of NumPy's, ``.npz``."""
        self._follow()
        written = json.dumps({"kind": self.kind, "tokens": list(self.tokens)}).encode()
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, vocabulary=np.frombuffer(written, np.uint8))

    @classmethod
    def load(cls, path: FilePath) -> Vocabulary:
        """The vocabulary of a file that ``save`` wrote.

        Raises:
            CorruptFileError: It is no such file, or damaged.
        """
        import zipfile  # slow to load, and only files need it

        name = check_file(path)
        check_regular(name)
        with open(name, "rb") as file:
            stored = io.BytesIO(file.read())
        try:
            with zipfile.ZipFile(stored) as archive:
                member = archive.getinfo("vocabulary.npy")
                if member.file_size > LARGEST:
                    raise ValueError("it says that it is larger than any vocabulary")
                content = io.BytesIO(archive.read(member))  # all of it: the checksum is at its end
            kept = json.loads(np.load(content, allow_pickle=False).tobytes())
            vocabulary = cls("", kept["kind"])
            vocabulary._number([str(token) for token in kept["tokens"]])
        except Exception as error:  # whatever zipfile, NumPy and json make of other files
            what = kind_of_file(name, "vocabulary.npy")
            raise CorruptFileError(f"{name!r} holds no vocabulary: {what}.") from error
        return vocabulary


def words_in(text: str) -> list[str]:
    """The words of a text in small letters."""
    if text.isascii():
        return word_pattern(signs=False).findall(text)
    text = unicodedata.normalize("NFC", text).replace("i\u0307", "i")  # "İ" in small letters
    return word_pattern(signs=True).findall(text)


@cache
def word_pattern(signs: bool) -> re.Pattern[str]:
    """The pattern of a word: letters, with the accents and vowel signs that are written at them.

    Python counts no sign among the letters, so that words of Hindi, Hebrew or Arabic would fall to
    pieces at their vowels.
    """
    part = f"{LETTERS}+"
    if signs:  # those from U+10000 on, of scripts seldom written, would slow down the rest
        characters = map(chr, range(0x300, 0x10000))
        found = "".join(c for c in characters if unicodedata.category(c).startswith("M"))
        part += f"(?:[{found}]+{LETTERS}*)*"
    return re.compile(f"{part}(?:{INSIDE}{part})*")


def as_texts(texts: str | Iterable[str]) -> list[str]:
    """A list of texts.

    Raises:
        TypeError: They are no strings.
        ValueError: One is missing.
    """
    if isinstance(texts, str):
        return [texts]
    check_no_table(texts, "texts")
    if not hasattr(texts, "__iter__") or getattr(texts, "shape", None) == ():
        given = said(texts)
        raise TypeError(f"texts must be one string or a list of strings, but they are {given}.")
    found = list(map(as_python, texts))
    for k, text in enumerate(found):
        if is_missing(text):
            refuse_gap("texts", str(text), f"row {k}")
        if not isinstance(text, str):
            advice = ""
            if isinstance(text, list | tuple | np.ndarray):
                advice = ": join the words of each by ' '.join(…)"
            elif isinstance(text, bytes):
                advice = ": make text of each by str(…, 'utf-8')"
            raise TypeError(f"texts must be strings, but one of them is {said(text)}{advice}.")
    return found
