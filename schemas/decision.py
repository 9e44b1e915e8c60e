"""What became of every document: one row each, and the records that could not become documents.

The conservation law over DECISION, for every source:
documents read = kept + held_out + dropped + not_sampled + quarantined.
"""

from typing import Literal, get_args

import pyarrow as pa

Outcome = Literal["kept", "held_out", "dropped", "not_sampled", "quarantined"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

DECISION = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field(
            "unit", pa.string(), nullable=False
        ),  # the input file or distribution it came from
        pa.field("source_id", pa.string(), nullable=False),
        pa.field("domain", pa.string()),
        pa.field("num_tokens", pa.int64(), nullable=False),  # 0 where nothing could be read
        pa.field("stage", pa.string(), nullable=False),  # the stage that decided
        pa.field("decision", pa.string(), nullable=False),  # one of OUTCOMES
        pa.field("reason", pa.string()),  # null for kept
        pa.field("evidence", pa.string()),  # a JSON object
    ]
)

QUARANTINE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # "quarantined-…": distinct from document ids
        pa.field("source", pa.string(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),  # see offset_unit; -1 where unknown
        pa.field("offset_unit", pa.string(), nullable=False),  # "line", "byte", "row", "record"
        pa.field(
            "reason", pa.string(), nullable=False
        ),  # a short fixed word, e.g. "malformed_json"
        pa.field("error", pa.string(), nullable=False),  # the message in full
        pa.field("excerpt", pa.binary(), nullable=False),  # the first bytes of what was refused
    ]
)
