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

QUALITY = pa.schema([ID, pa.field("quality", pa.float32())])

# One 64-bit hash a band; two documents with an equal hash in one band are candidates.
BANDS = pa.schema([ID, pa.field("bands", pa.list_(pa.uint64()), nullable=False)])
