"""Text: words, hashes of words, and the `Tokenizer` that numbers words by their frequency."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError, UsageError
from graphc.keras.utils.location import located

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

Array = np.ndarray[Any, Any]
_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(text: str, filters: str = _FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """Return the words of a text: what stands between `split`s, each character of `filters` counting as a `split`."""
    splits: dict[str, str | int | None] = dict.fromkeys(filters, split)
    words = (text.lower() if lower else text).translate(str.maketrans(splits))
    return [word for word in words.split(split) if word]


def one_hot(text: str, n: int, filters: str = _FILTERS, lower: bool = True, split: str = " ") -> list[int]:
    """Return the words of a text as numbers from 1 to n - 1: `hashing_trick` with Python's `hash`.

    `hash` of a text differs between runs of Python unless PYTHONHASHSEED is set.
    """
    return hashing_trick(text, n, hash, filters=filters, lower=lower, split=split)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: str = _FILTERS,
    lower: bool = True,
    split: str = " ",
) -> list[int]:
    """Return the words of a text as numbers from 1 to n - 1, their hashes; two words may share a number.

    `hash_function`: Python's `hash` unless given, "md5" for one that is the same in every run, or a function.
    """
    if hash_function == "md5":
        hash_function = _md5
    number = hash_function if callable(hash_function) else hash
    return [number(word) % (n - 1) + 1 for word in text_to_word_sequence(text, filters, lower, split)]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers the words of texts from 1, the most frequent first, and turns texts into numbers or into rows.

    `num_words`: only numbers below it are used. `filters`, `lower`, `split`: as in `text_to_word_sequence`.
    `char_level`: characters instead of words. `oov_token` stands for words that are not known or not used; it gets
    the number 1. A text given as a list is a list of words. Number 0 belongs to no word.

    Attributes: `word_counts` (word -> occurrences, in the order of first appearance), `word_docs` (word -> texts with
    it), `index_docs` (the same by number), `word_index` (word -> number), `index_word`, `document_count`.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = _FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        document_count: int = 0,
        **kwargs: Any,
    ) -> None:
        if "nb_words" in kwargs:
            warnings.warn("`nb_words` of `Tokenizer` is now called `num_words`.", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise UsageError(located(f"Tokenizer does not know the arguments {', '.join(sorted(kwargs))}"))
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.document_count = document_count
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def fit_on_texts(self, texts: Iterable[str | list[str]]) -> None:
        """Count the words of the texts, on top of those counted before, and number them anew."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        by_count = sorted(self.word_counts, key=lambda word: self.word_counts[word], reverse=True)
        vocabulary = by_count if self.oov_token is None else [self.oov_token, *by_count]
        self.word_index = {word: i for i, word in enumerate(vocabulary, start=1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Sequence[Iterable[int]]) -> None:
        """Count in how many sequences each number occurs; enough for `sequences_to_matrix` in mode "tfidf"."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for index in set(sequence):
                self.index_docs[index] += 1

    def texts_to_sequences(self, texts: Iterable[str | list[str]]) -> list[list[int]]:
        """Return each text as the list of its words' numbers; words without one are left out, or `oov_token`."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[str | list[str]]) -> Iterator[list[int]]:
        """Yield what `texts_to_sequences` returns."""
        other = self._other()
        for text in texts:
            numbers = (self._used(self.word_index.get(word), other) for word in self._words(text))
            yield [number for number in numbers if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """Return each sequence as a text, words separated by blanks; the reverse of `texts_to_sequences`."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """Yield what `sequences_to_texts` returns."""
        other = self._other()
        for sequence in sequences:
            numbers = (self._used(i if i in self.index_word else None, other) for i in sequence)
            yield " ".join(self.index_word[i] for i in numbers if i is not None)

    def texts_to_matrix(self, texts: Iterable[str | list[str]], mode: str = "binary") -> Array:
        """Return the texts as rows of a matrix; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> Array:
        """Return a row for each sequence and a column for each number below `num_words`, float64.

        `mode` "binary": 1 where the number occurs; "count": how often; "freq": how often, divided by the sequence's
        length; "tfidf": (1 + log count) log(1 + documents / (1 + documents with it)). Raises OptionError for other
        modes, and where the width or the documents are not known.
        """
        if mode not in _MODES:
            raise OptionError(located(f"Unknown vectorization mode: {mode}; expected one of {', '.join(_MODES)}"))
        if not self.num_words and not self.word_index:
            raise OptionError(located("Give the Tokenizer num_words, or fit it on texts first: the width is not known"))
        if mode == "tfidf" and not self.document_count:
            raise OptionError(located('Fit the Tokenizer on texts or sequences before using the mode "tfidf"'))
        width = self.num_words or len(self.word_index) + 1
        rows = np.zeros((len(sequences), width))
        for row, sequence in zip(rows, sequences):
            for index, count in Counter(i for i in sequence if i < width).items():
                row[index] = self._weight(index, count, len(sequence), mode)
        return rows

    def get_config(self) -> dict[str, Any]:
        """Return the options, and what was learned as JSON texts."""
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            "word_counts": json.dumps(self.word_counts),
            "word_docs": json.dumps(self.word_docs),
            "index_docs": json.dumps(self.index_docs),
            "index_word": json.dumps(self.index_word),
            "word_index": json.dumps(self.word_index),
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return class and config as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)

    def _words(self, text: str | list[str]) -> Sequence[str]:
        if isinstance(text, list):
            return [word.lower() for word in text] if self.lower else text
        if self.char_level:
            return text.lower() if self.lower else text
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def _other(self) -> int | None:
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def _used(self, number: int | None, other: int | None) -> int | None:
        is_unused = number is None or (self.num_words and number >= self.num_words)
        return other if is_unused else number

    def _weight(self, index: int, count: int, length: int, mode: str) -> float:
        if mode == "count":
            return count
        if mode == "freq":
            return count / length
        if mode == "binary":
            return 1
        documents_with_it = self.index_docs.get(index, 0)
        return float((1 + np.log(count)) * np.log(1 + self.document_count / (1 + documents_with_it)))


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return the `Tokenizer` that `to_json` wrote down, ready to be fitted further."""
    config = dict(json.loads(json_string)["config"])
    names = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    learned = {name: json.loads(config.pop(name)) for name in names}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts.update(learned["word_counts"])
    tokenizer.word_docs.update(learned["word_docs"])
    # JSON has only texts as keys.
    tokenizer.index_docs.update({int(i): count for i, count in learned["index_docs"].items()})
    tokenizer.index_word = {int(i): word for i, word in learned["index_word"].items()}
    tokenizer.word_index = learned["word_index"]
    return tokenizer
