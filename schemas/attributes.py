"""Attributes: columns beside documents, same shard, same row order, keyed by `id`.

Each annotator writes one of these; nothing here ever changes a document's text.
"""

import pyarrow as pa

ID = pa.field("id", pa.string(), nullable=False)

LANGUAGE = pa.schema(
    [
        ID,
        pa.field("language", pa.string(), nullable=False),
        pa.field("language_confidence", pa.float32(), nullable=False),
    ]
)

PII_SPAN = pa.struct(
    [
        pa.field("start", pa.int32(), nullable=False),  # code points, inclusive
        pa.field("end", pa.int32(), nullable=False),  # code points, exclusive
        pa.field("kind", pa.string(), nullable=False),
    ]
)
PII = pa.schema([ID, pa.field("pii", pa.list_(PII_SPAN), nullable=False)])

TOKENS = pa.schema([ID, pa.field("num_tokens", pa.int64(), nullable=False)])  # of the masked text

CONTAMINATION = pa.schema(
    [
        ID,
        pa.field("contaminated_by", pa.string()),  # "file#item" of the evaluation; null: clean
        pa.field("contamination_span", pa.string()),  # the words that match
    ]
)

DOMAIN = pa.schema(
    [
        ID,
        pa.field("domain", pa.string(), nullable=False),
        pa.field("domain_confidence", pa.float32(), nullable=False),  # 1 where the source says it
    ]
)

TOPIC = pa.schema(
    [
        ID,
        pa.field("topic", pa.string()),  # null: nobody states it, and there is no classifier
        pa.field("topic_confidence", pa.float32()),  # 1 where the source says it
    ]
)

# Of documents that are resampled; null for others. Sums are in units of `resample.weights.SCALE`.
NGRAM_WEIGHTS = pa.schema(
    [
        ID,
        pa.field("num_ngrams", pa.int64()),
        pa.field("weight", pa.int64()),  # summed over the n-grams
        pa.field("weight_by_half", pa.int64()),  # with a half of the target left unseen
    ]
)

QUALITY = pa.schema([ID, pa.field("quality", pa.float32())])

# One 64-bit hash a band; two documents with an equal hash in one band are candidates.
BANDS = pa.schema([ID, pa.field("bands", pa.list_(pa.uint64()), nullable=False)])

# The distinct hashes of a document's long lines, ascending; of a domain not asked for, none.
LINES = pa.schema([ID, pa.field("lines", pa.list_(pa.uint64()), nullable=False)])

# What is left out of a text when it is exported: whole lines, as pieces of the stored text.
CUT = pa.struct(
    [
        pa.field("start", pa.int32(), nullable=False),  # code points, inclusive
        pa.field("end", pa.int32(), nullable=False),  # code points, exclusive
    ]
)
CUTS = pa.schema(
    [
        ID,
        pa.field("cuts", pa.list_(CUT), nullable=False),  # sorted, apart from one another
        pa.field("num_lines", pa.int32(), nullable=False),  # cut; blank ones are not counted
        pa.field("num_bytes", pa.int64(), nullable=False),  # cut, of UTF-8
        pa.field("num_characters", pa.int32()),  # of what is left; null where nothing is cut
        pa.field("num_tokens", pa.int64()),  # of what is left, masked; null where nothing is cut
        pa.field("content", pa.string()),  # as an id begins, of what is left; null likewise
        pa.field("keeps_line", pa.bool_(), nullable=False),  # that is cut from other documents
    ]
)

# What the published rule sets judge by, counted as the released filters of FineWeb count it. Words
# are those of a tokenizer of prose, so marks are words too. What repeats is what comes again: a
# first occurrence is no duplicate.
COUNTS = (
    "num_characters",
    "num_words",  # that are no mark alone
    "num_stop_words",  # distinct ones, of Gopher's eight, in small letters
    "num_lines",  # that are not blank
    "num_prose_sentences",  # in the lines that C4 would keep
    "num_curly_bracket_lines",  # of prose, as C4 takes it
    "num_lorem_ipsum_lines",  # likewise
)
FRACTIONS = (
    "mean_word_length",  # marks alone left out
    "symbol_to_word_ratio",  # "#" or ellipses, whichever are more; may exceed 1
    "newline_to_word_ratio",  # may exceed 1
    "alphabetic_word_fraction",
    "bullet_line_fraction",  # of all lines, blank ones too
    "ellipsis_line_fraction",  # likewise
    "punctuated_line_fraction",
    "short_line_fraction",
    "duplicate_line_fraction",
    "duplicate_line_character_fraction",  # of all characters
    "duplicate_character_fraction_of_lines",  # of all but newlines
    "duplicate_paragraph_fraction",
    "duplicate_paragraph_character_fraction",
    *(f"top_{n}gram_character_fraction" for n in (2, 3, 4)),  # overlaps count twice
    *(f"duplicate_{n}gram_character_fraction" for n in (5, 6, 7, 8, 9, 10)),
)
HEURISTICS = pa.schema(
    [
        ID,
        *(pa.field(name, pa.int32(), nullable=False) for name in COUNTS),
        *(pa.field(name, pa.float32(), nullable=False) for name in FRACTIONS),
    ]
)

VERDICT = pa.schema(
    [
        ID,
        pa.field("stage", pa.string()),  # "filter", "language" or "decontaminate"; null: it passes
        pa.field("reason", pa.string()),  # such as "gopher_quality/mean_word_length"
        pa.field("evidence", pa.string()),  # a JSON object
    ]
)
