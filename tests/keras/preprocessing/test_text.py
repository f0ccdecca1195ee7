"""Text: words, hashes, the Tokenizer."""

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from graphc.keras.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)

TEXTS = ["The cat sat, the cat ran.", "A dog sat!", "the dog"]


def fitted(**options: Any) -> Tokenizer:
    tokenizer = Tokenizer(**options)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def test_words() -> None:
    assert text_to_word_sequence("Hello,\tbig  World!") == ["hello", "big", "world"]
    assert text_to_word_sequence("A-b c", filters="-", lower=False) == ["A", "b", "c"]
    assert text_to_word_sequence("a<>b!c", filters="!", split="<>") == ["a", "b", "c"]
    assert text_to_word_sequence("it's") == ["it's"]
    assert text_to_word_sequence("...") == []


def test_hashes() -> None:
    words = "one two one three"
    numbers = hashing_trick(words, 9, hash_function="md5")
    assert numbers == [int(hashlib.md5(w.encode()).hexdigest(), 16) % 8 + 1 for w in words.split()]
    assert one_hot(words, 9) == hashing_trick(words, 9) == [hash(w) % 8 + 1 for w in words.split()]
    assert hashing_trick(words, 5, hash_function=len) == [4, 4, 4, 2]


def test_counts_and_numbers() -> None:
    tokenizer = fitted()
    assert list(tokenizer.word_counts.items()) == [("the", 3), ("cat", 2), ("sat", 2), ("ran", 1), ("a", 1), ("dog", 2)]
    assert tokenizer.word_index == {"the": 1, "cat": 2, "sat": 3, "dog": 4, "ran": 5, "a": 6}
    assert tokenizer.index_word[4] == "dog"
    assert dict(tokenizer.word_docs) == {"the": 2, "cat": 1, "sat": 2, "ran": 1, "a": 1, "dog": 2}
    assert dict(tokenizer.index_docs) == {1: 2, 2: 1, 3: 2, 4: 2, 5: 1, 6: 1}
    assert tokenizer.document_count == 3


def test_fitting_twice_adds_up() -> None:
    tokenizer = fitted()
    tokenizer.fit_on_texts([["Dog", "dog"]])
    assert (tokenizer.word_counts["dog"], tokenizer.word_index["dog"]) == (4, 1)
    assert tokenizer.document_count == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 4], [3]]),
        ({"num_words": 4}, [[1], [3]]),
        ({"oov_token": "?"}, [[2, 1, 5], [1, 4]]),
        ({"oov_token": "?", "num_words": 5}, [[2, 1, 1], [1, 4]]),
        ({"lower": False}, [[4], [3]]),
    ],
)
def test_texts_as_numbers(options: dict[str, Any], expected: list[list[int]]) -> None:
    tokenizer = fitted(**options)
    if options.get("lower") is False:
        expected = [[tokenizer.word_index["dog"]], [tokenizer.word_index["sat"]]]
    texts = ["THE new dog", "owls sat"] if options.get("lower", True) else ["THE new dog", "Owls sat"]
    assert tokenizer.texts_to_sequences(texts) == expected
    assert list(tokenizer.texts_to_sequences_generator(texts)) == expected


def test_lists_and_characters() -> None:
    assert fitted().texts_to_sequences([["The", "big cat", "cat"]]) == [[1, 2]]
    assert fitted(lower=False).texts_to_sequences([["the", "CAT"]]) == [[fitted(lower=False).word_index["the"]]]
    tokenizer = Tokenizer(char_level=True)
    tokenizer.fit_on_texts(["abB", "B c"])
    assert tokenizer.word_index == {"b": 1, "a": 2, " ": 3, "c": 4}
    assert tokenizer.texts_to_sequences(["Cab!"]) == [[4, 2, 1]]


def test_numbers_as_texts() -> None:
    assert fitted().sequences_to_texts([[1, 4, 99], [0]]) == ["the dog", ""]
    assert fitted(oov_token="?").sequences_to_texts([[2, 99]]) == ["the ?"]
    assert fitted(oov_token="?", num_words=3).sequences_to_texts([[2, 5, 1]]) == ["the ? ?"]
    assert fitted(num_words=3).sequences_to_texts([[2, 5, 1]]) == ["cat the"]


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("binary", [0, 1, 1, 0]),
        ("count", [0, 3, 1, 0]),
        ("freq", [0, 0.6, 0.2, 0]),
        ("tfidf", [0, (1 + np.log(3)) * np.log(1 + 3 / 3), np.log(1 + 3 / 2), 0]),
    ],
)
def test_matrix(mode: str, row: list[float]) -> None:
    rows = fitted(num_words=4).sequences_to_matrix([[1, 2, 1, 1, 5], []], mode=mode)
    np.testing.assert_allclose(rows, [row, [0, 0, 0, 0]])
    assert rows.dtype == np.float64


def test_matrix_of_texts() -> None:
    rows = fitted().texts_to_matrix(["cat cat dog"], mode="count")
    np.testing.assert_array_equal(rows, [[0, 0, 2, 0, 1, 0, 0]])


def test_fitting_on_numbers() -> None:
    tokenizer = Tokenizer(num_words=4)
    tokenizer.fit_on_sequences([[1, 1, 2], [2], [3]])
    assert (tokenizer.document_count, dict(tokenizer.index_docs)) == (3, {1: 1, 2: 2, 3: 1})
    rows = tokenizer.sequences_to_matrix([[2]], mode="tfidf")
    np.testing.assert_allclose(rows, [[0, 0, np.log(1 + 3 / 3), 0]])


def test_bad_tokenizers() -> None:
    with pytest.raises(ValueError, match="the width is not known"):
        Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match="before using the mode"):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], mode="tfidf")
    with pytest.raises(ValueError, match="Unknown vectorization mode: rare"):
        fitted().texts_to_matrix(TEXTS, mode="rare")
    with pytest.raises(TypeError, match="does not know the arguments words"):
        Tokenizer(words=3)
    with pytest.warns(UserWarning, match="now called `num_words`"):
        assert Tokenizer(nb_words=3).num_words == 3


def test_tokenizer_as_json() -> None:
    tokenizer = fitted(num_words=5, oov_token="?", filters=".,")
    text = tokenizer.to_json(sort_keys=True)
    assert json.loads(text)["class_name"] == "Tokenizer"
    again = tokenizer_from_json(text)
    assert again.get_config() == tokenizer.get_config()
    assert again.texts_to_sequences(["the owl sat"]) == tokenizer.texts_to_sequences(["the owl sat"])
    np.testing.assert_array_equal(again.texts_to_matrix(TEXTS, "tfidf"), tokenizer.texts_to_matrix(TEXTS, "tfidf"))
    for each in (tokenizer, again):
        each.fit_on_texts(["a new word"])
    assert again.get_config() == tokenizer.get_config()
