"""Kernel: UTF-8 text → the figures that the published rule sets judge by, in one pass a text.

Reads bytes and offsets as Arrow keeps them, and tables over code points; returns counts, a
row a text. Words are what white space separates, lines are never blank, paragraphs are runs of
lines between blank ones. Spans hold no surrounding white space. Two pieces are held to be equal
when their 64-bit hashes are.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels.repetition import first_occurrences, ngram_coverage, span_hashes
from pipeline.kernels.shingles import Hashes, Integers
from pipeline.kernels.utf8 import Bytes, decode

Codes = npt.NDArray[np.uint32]
Kinds = npt.NDArray[np.uint8]

SPACE, LETTER, BULLET, TERMINAL, WIDE_TERMINAL, QUOTE, CLOSING = (1 << bit for bit in range(7))
NEWLINE, FULL_STOP, ELLIPSIS, HASH = ord("\n"), ord("."), ord("…"), ord("#")
OPEN_BRACKET, CLOSE_BRACKET = ord("{"), ord("}")
MAX_TOP_NGRAM, MAX_NGRAM = 4, 10  # Rae et al. 2021, table A1

(
    CHARACTERS, WORDS, STOP_WORDS, LINES, PROSE_SENTENCES, BRACKETS, LOREM_IPSUM, WORD_CHARACTERS,
    SYMBOLS, NEWLINES, WORDS_WITH_LETTER, BULLET_LINES, ELLIPSIS_LINES, PUNCTUATED_LINES,
    SHORT_LINES, LINE_CHARACTERS, DUPLICATE_LINES, DUPLICATE_LINE_CHARACTERS, PARAGRAPHS,
    PARAGRAPH_CHARACTERS, DUPLICATE_PARAGRAPHS, DUPLICATE_PARAGRAPH_CHARACTERS, NGRAMS,
) = range(23)  # fmt: skip
NUM_FIGURES = NGRAMS + MAX_NGRAM - 1  # characters in repeated n-grams, n from 2


class Alphabet(NamedTuple):
    """Of each code point: its lower case (uint32) and the flags above (uint8)."""

    lower: Codes
    kinds: Kinds


class Phrases(NamedTuple):
    """Phrases in lower case, end to end: phrase i is codes[starts[i]:starts[i + 1]].

    The first is counted; a line with any other is boilerplate. `seconds`: of each ASCII character
    that phrases begin with, the character they all go on with; else 0.
    """

    codes: Codes
    starts: Integers
    seconds: Codes


class Rules(NamedTuple):
    """What the figures depend on: hashes of stop words, shape (forms, words), and lengths."""

    stop_words: Hashes
    longest_stop_word: int
    min_line_words: int
    short_line: int


class Spans(NamedTuple):
    """Spans of code points: starts inclusive, ends exclusive; int64."""

    starts: Integers
    ends: Integers


@njit(cache=True, nogil=True)
def text_figures(
    data: Bytes, offsets: Integers, alphabet: Alphabet, phrases: Phrases, rules: Rules
) -> Integers:
    """Return the figures of each text: int64, shape (texts, NUM_FIGURES)."""
    num_texts = offsets.size - 1
    figures = np.zeros((num_texts, NUM_FIGURES), np.int64)
    for text in range(num_texts):
        codes = decode_all(data, offsets[text], offsets[text + 1])
        own = figures[text]
        kinds = np.empty(codes.size, np.uint8)
        for place in range(codes.size):
            kinds[place] = alphabet.kinds[codes[place]]
        words, lines_of_words = find_words(codes, kinds)
        _count_characters(codes, own)
        hashes = span_hashes(codes, words.starts, words.ends)
        _count_words(kinds, words, hashes, rules, own)
        lines, paragraphs, line_num_words = find_lines(words, lines_of_words)
        is_boilerplate = _find_phrases(codes, alphabet.lower, lines, phrases, own)
        _count_lines(codes, kinds, lines, line_num_words, is_boilerplate, rules, own)
        _count_repeated(codes, lines, own, LINE_CHARACTERS)
        own[PARAGRAPHS] = paragraphs.starts.size
        _count_repeated(codes, paragraphs, own, PARAGRAPH_CHARACTERS)
        lengths = words.ends - words.starts
        own[NGRAMS:] = ngram_coverage(hashes, lengths, MAX_TOP_NGRAM, MAX_NGRAM)
    return figures


@njit(cache=True, nogil=True)
def decode_all(data: Bytes, start: int, end: int) -> Codes:
    """Return the code points of data[start:end]: uint32."""
    codes = np.empty(end - start, np.uint32)
    size, position, stop = 0, np.uintp(start), np.uintp(end)
    while position < stop:
        code, width = decode(data, position)
        codes[size] = code
        size, position = size + 1, position + width
    return codes[:size]


@njit(cache=True, nogil=True)
def find_words(codes: Codes, kinds: Kinds) -> tuple[Spans, Integers]:
    """Return the words, and of each how many newlines stand before it."""
    limit = codes.size // 2 + 1
    starts, ends, lines = (
        np.empty(limit, np.int64),
        np.empty(limit, np.int64),
        np.empty(limit, np.int64),
    )
    count, newlines, inside = 0, 0, False
    for place in range(codes.size):
        is_space = kinds[place] & SPACE > 0
        if inside and is_space:
            ends[count] = place
            count += 1
        elif not inside and not is_space:
            starts[count], lines[count] = place, newlines
        inside = not is_space
        newlines += codes[place] == NEWLINE
    if inside:
        ends[count] = codes.size
        count += 1
    return Spans(starts[:count], ends[:count]), lines[:count]


@njit(cache=True, nogil=True)
def find_lines(words: Spans, lines_of_words: Integers) -> tuple[Spans, Spans, Integers]:
    """Return lines and paragraphs, and how many words each line has."""
    limit = words.starts.size
    lines = Spans(np.empty(limit, np.int64), np.empty(limit, np.int64))
    paragraphs = Spans(np.empty(limit, np.int64), np.empty(limit, np.int64))
    num_words = np.zeros(limit, np.int64)
    num_lines, num_paragraphs = 0, 0
    for word in range(limit):
        step = lines_of_words[word] - lines_of_words[word - 1] if word else 2
        if step > 1:
            paragraphs.starts[num_paragraphs] = words.starts[word]
            num_paragraphs += 1
        if step > 0:
            lines.starts[num_lines] = words.starts[word]
            num_lines += 1
        lines.ends[num_lines - 1] = words.ends[word]
        paragraphs.ends[num_paragraphs - 1] = words.ends[word]
        num_words[num_lines - 1] += 1
    return (
        Spans(lines.starts[:num_lines], lines.ends[:num_lines]),
        Spans(paragraphs.starts[:num_paragraphs], paragraphs.ends[:num_paragraphs]),
        num_words[:num_lines],
    )


@njit(cache=True, nogil=True)
def _count_characters(codes: Codes, own: Integers) -> None:
    hashes, ellipses, stops = 0, 0, 0
    for place in range(codes.size):
        code = codes[place]
        own[NEWLINES] += code == NEWLINE
        own[BRACKETS] += (code == OPEN_BRACKET) | (code == CLOSE_BRACKET)
        hashes += code == HASH
        ellipses += code == ELLIPSIS
        stops = stops + 1 if code == FULL_STOP else 0
        if stops == 3:
            ellipses, stops = ellipses + 1, 0
    own[CHARACTERS] = codes.size
    own[SYMBOLS] = max(hashes, ellipses)


@njit(cache=True, nogil=True)
def _count_words(kinds: Kinds, words: Spans, hashes: Hashes, rules: Rules, own: Integers) -> None:
    """Count words, their characters, those with a letter, and the distinct stop words."""
    own[WORDS] = hashes.size
    is_seen = np.zeros(rules.stop_words.shape[1], np.bool_)
    for word in range(hashes.size):
        length = words.ends[word] - words.starts[word]
        own[WORD_CHARACTERS] += length
        for place in range(words.starts[word], words.ends[word]):
            if kinds[place] & LETTER:
                own[WORDS_WITH_LETTER] += 1
                break
        if length <= rules.longest_stop_word:
            for form in range(rules.stop_words.shape[0]):
                for stop_word in range(rules.stop_words.shape[1]):
                    is_seen[stop_word] |= hashes[word] == rules.stop_words[form, stop_word]
    own[STOP_WORDS] = is_seen.sum()


@njit(cache=True, nogil=True)
def _find_phrases(
    codes: Codes, lower: Codes, lines: Spans, phrases: Phrases, own: Integers
) -> npt.NDArray[np.bool_]:
    """Say of each line whether it is boilerplate; count the first phrase."""
    is_boilerplate = np.zeros(lines.starts.size, np.bool_)
    for line in range(lines.starts.size):
        place, end = lines.starts[line], lines.ends[line]
        while place + 1 < end:
            code, following = lower[codes[place]], lower[codes[place + 1]]
            if code >= phrases.seconds.size or phrases.seconds[code] != following:
                place += 1
                continue
            phrase = _phrase_at(codes[place:end], lower, phrases)
            own[LOREM_IPSUM] += phrase == 0
            is_boilerplate[line] |= phrase > 0
            place += phrases.starts[1] if phrase == 0 else 1
    return is_boilerplate


@njit(cache=True, nogil=True)
def _phrase_at(codes: Codes, lower: Codes, phrases: Phrases) -> int:
    """Return the number of the phrase that the code points begin with, or -1."""
    for phrase in range(phrases.starts.size - 1):
        start, stop = phrases.starts[phrase], phrases.starts[phrase + 1]
        if stop - start > codes.size:
            continue
        offset = 0
        while offset < stop - start and lower[codes[offset]] == phrases.codes[start + offset]:
            offset += 1
        if offset == stop - start:
            return phrase
    return -1


@njit(cache=True, nogil=True)
def _count_lines(
    codes: Codes,
    kinds: Kinds,
    lines: Spans,
    num_words: Integers,
    is_boilerplate: npt.NDArray[np.bool_],
    rules: Rules,
    own: Integers,
) -> None:
    """Count lines by how they begin and end, and the sentences of those that are prose."""
    own[LINES] = lines.starts.size
    for line in range(lines.starts.size):
        start, end = lines.starts[line], lines.ends[line]
        last = codes[end - 1]
        is_punctuated = kinds[end - 1] & (TERMINAL | QUOTE) > 0
        ends_in_stops = end - start >= 3 and (
            last == FULL_STOP and codes[end - 2] == FULL_STOP and codes[end - 3] == FULL_STOP
        )
        is_ellipsis = last == ELLIPSIS or ends_in_stops
        own[BULLET_LINES] += kinds[start] & BULLET > 0
        own[PUNCTUATED_LINES] += is_punctuated
        own[ELLIPSIS_LINES] += is_ellipsis
        own[SHORT_LINES] += end - start <= rules.short_line
        is_long = num_words[line] >= rules.min_line_words
        if is_punctuated and not is_ellipsis and is_long and not is_boilerplate[line]:
            own[PROSE_SENTENCES] += max(1, _count_sentences(kinds, start, end))


@njit(cache=True, nogil=True)
def _count_sentences(kinds: Kinds, start: int, end: int) -> int:
    """Count the sentence ends of a line.

    A terminal mark, or what closes right after one, before white space or the end. Abbreviations
    count too: the rules ask for three sentences, not for an exact number.
    """
    count = 0
    for place in range(start, end):
        is_end = kinds[place] & TERMINAL > 0
        if kinds[place] & CLOSING and place > start:
            is_end |= kinds[place - 1] & TERMINAL > 0
        before_space = place + 1 == kinds.size or kinds[place + 1] & SPACE > 0
        count += (is_end and before_space) or kinds[place] & WIDE_TERMINAL > 0
    return count


@njit(cache=True, nogil=True)
def _count_repeated(codes: Codes, spans: Spans, own: Integers, figure: int) -> None:
    """Write characters of all spans, spans that repeat an earlier one, and their characters."""
    first = first_occurrences(span_hashes(codes, spans.starts, spans.ends))
    for span in range(first.size):
        length = spans.ends[span] - spans.starts[span]
        own[figure] += length
        if first[span] != span:
            own[figure + 1] += 1
            own[figure + 2] += length
