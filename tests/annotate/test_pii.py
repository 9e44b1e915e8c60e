"""The screening of texts: nothing that the finders find is ever passed over."""

import json
from pathlib import Path

import pyarrow as pa
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.pii import FLAGS, PiiAnnotator, find_all
from pipeline.pii.find import find_pii
from schemas.attributes import PII

KINDS = tuple(FLAGS)
PIECES = (
    "me@here.org", "you@", " tel: ", "phone ", "(", ")", "+", "-", ".", " ", "\u00a0", "\u2003",
    "/", "212", "555", "2368", "+44 20 7946 0958", "8.8.8.8", "141.20.5", ".7", "2001:db8::",
    "2a00:1450:", "٣٤٥٦٧٨٩", "１２３", "ghp_", "A" * 36, "AKIA", "ABCDEFGHIJKLMNOP", "token",
    " = ", ": ", '"', "'", "q8ZrT2mLw9XvB4nK", "-----BEGIN RSA PRIVATE KEY-----",
    "-----END RSA PRIVATE KEY-----", "\n", "é", "4539 1488 0343 6467", "card 4539148803436467",
    "DE89", " 3704 0044 0532 0130 00", "370400440532013000", "sk-ant-", "npm_",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text()


@settings(max_examples=500)
@given(st.lists(TEXTS, max_size=3))
def test_screened_texts_hold_what_the_finders_find(texts: list[str]) -> None:
    array = pa.array(["x@y.org", *texts], pa.string()).slice(1)
    assert find_all(array, KINDS) == [find_pii(text, KINDS) for text in texts]


def test_every_kind_passes_the_screen() -> None:
    examples = {
        "email": "write to someone@university.edu",
        "ip": "from 141.20.5.188 and 2a00:1450:4001:81b::200e",
        "phone": "tel. 030 1234 5678 or +44 20 7946 0958",
        "card": "4539 1488 0343 6467 and 3487 945807 30215",
        "iban": "DE89 3704 0044 0532 0130 00 or GB82WEST12345698765432",
        "secret": "key AKIAIOSFODNN7REALKEY and token = 'q8ZrT2mLw9XvB4nKq8'",
    }
    for kind, text in examples.items():
        (found,) = find_all(pa.array([text]), KINDS)
        assert found == find_pii(text, KINDS)
        assert len([span for span in found if span["kind"] == kind]) == (
            1 if kind == "email" else 2
        )


def test_real_pages(corpora: Path) -> None:
    data = (corpora / "web" / "readability_pages.jsonl.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(data).splitlines()
    texts = [
        value for line in lines for value in json.loads(line).values() if isinstance(value, str)
    ]
    found = find_all(pa.array(texts, pa.string()), KINDS)
    assert found == [find_pii(text, KINDS) for text in texts]
    assert sum(map(len, found)) > 20


def test_annotates_every_row_with_the_kinds_asked_for() -> None:
    texts = ["me@here.org from 8.8.8.8", "nothing", ""]
    batch = pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], "text": texts})
    result = PiiAnnotator(("email",)).annotate(batch)
    assert result.schema == PII
    spans = result.column("pii").to_pylist()
    assert spans == [[{"start": 0, "end": 11, "kind": "email"}], [], []]
