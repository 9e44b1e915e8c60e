"""Personal data: what must be found, what must be left alone, and in what time."""

import gzip
import json
import time
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.pii import PiiAnnotator
from pipeline.pii.find import find_pii
from pipeline.pii.masking import mask
from schemas.attributes import PII
from schemas.recipe import PiiKind

KINDS: tuple[PiiKind, ...] = get_args(PiiKind)

# Assembled, so that no scanner takes this file itself for a leak.
AWS_KEY = "AKIA" + "QX7ZR2LMN4TB5VKD"
GITHUB_TOKEN = "ghp_" + "9fKq2ZxT7vWb4LmN8sRd3HcY6jPg1QaE5uXo"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiJhbm5hIn0." + "dBjftJeZ4CVPmB92K27uhbUJU1p1r"
RANDOM_VALUE = "q8Zt3" + "LmX0vBn7KpR2sWd9"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"

PERSONAL: list[tuple[PiiKind, str, str]] = [
    ("email", "Write to ", "jane.doe+lists@mail.gmail.com"),
    ("email", "Contact: <", "j_smith@univ-paris.fr"),
    ("email", "mailto:", "info@walsheim-brauerei.de"),
    ("email", "She is ", "O42@x.co.uk"),
    ("ip", "from ", "172.217.9.174"),
    ("ip", "ip=", "98.137.11.163"),
    ("ip", "host (", "2001:4860:4001:801::1011"),
    ("phone", "call ", "+44 20 7065 5320"),
    ("phone", "or ", "+33 (0)5 49 02 38 98"),
    ("phone", "Telefax: ", "+49 69 7922-4500"),
    ("phone", "", "+35315339837"),
    ("phone", "at ", "(212) 867-5309"),
    ("phone", "at ", "1-844-872-4681"),
    ("phone", "Téléphone : ", "05.54.67.12.60"),
    ("phone", "Tel. ", "020 7946 0958"),
    ("phone", "au ", "+43\xa05\xa01766\xa01000"),
    ("phone", "text (", "+1 415 842 2837"),
    ("card", "paid by ", "4539 1488 0343 6467"),
    ("card", "Visa no. ", "4539148803436467"),
    ("card", "", "3487-945807-30215"),
    ("iban", "IBAN: ", "DE89 3704 0044 0532 0130 00"),
    ("iban", "to ", "GB82WEST12345698765432"),
    ("secret", "key ", AWS_KEY),
    ("secret", "https://", GITHUB_TOKEN),
    ("secret", "Bearer ", JWT),
    ("secret", "", PRIVATE_KEY),
    ("secret", 'api_key = "', RANDOM_VALUE),
    ("secret", "'SECRET_KEY': '", RANDOM_VALUE),
    ("secret", "xoxb token: ", "xoxb-" + "123456abcd-7890efgh-QwErTyUiOp"),
]

HARMLESS = [
    "somebody@example.com", "user@mail.example.org", "exchangeadmin@contoso.com",
    "git@github.com:python/cpython.git", "icon@2x.png", "y = a@b.transpose", "@decorator.name",
    "pip install package@1.2.3", "getty@tty1.service", "Tweet @jack. Then leave.",
    "127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.254.1", "192.0.2.44", "203.0.113.195",
    "169.254.169.254", "255.255.255.0", "239.255.255.250", "0.0.0.0",
    "version 2.8.5.201", "MinimumVersion 2.8.5.201", "v1.2.3.4", "1.2.3.4", "section 8.2.4.45",
    "package==4.66.1.2026", "1.3.6.1.4.1.311.21", "300.300.300.300",
    "::1", "fe80::1", "2001:db8::1", "std::vector", "12:30:45", "00:1B:44:11:3A:B7",
    "ISBN 978-0-306-40615-7", "ISBN 0-306-40615-2", "2024-01-15 10:30:00", "20240115103000",
    "3.14159265358979", "1 234 567 890", "pages 123-456-789", "1999-2004", "+0100", "+12 +34 +56",
    "555-0123", "(212) 555-0199", "10.1000/182", "0x1234567890", "1234-5678-9012-3456",
    "4242 4242 4242 4242", "4539 1488 0343 6468", "4539148803436467", "DE88 3704 0044 0532 0130 00",
    "DE89 3704 0044 0532 0130 0", "DE893704004405320130001", "XX89 3704 0044 0532 0130 00",
    "sha256: 9f86d081884c7d659a2feaa0c55ad015", 'password = "correcthorsebatterystaple"',
    "AKIA" + "IOSFODNN7EXAMPLE", 'api_key = "your_api_key_goes_here_1"',
    'token = "xxxxxxxxxxxxxxxx1"',
    'secret_name = "projects/my-project/secrets"', "ghp_short", "eyJ0.eyJ1.x",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "before", "value"), PERSONAL)
def test_finds_exactly_what_is_personal(kind: PiiKind, before: str, value: str) -> None:
    quote = before[-1:] if before[-1:] in "\"'" else " "
    text = f"Ünïcödé 🙂 {before}{value}{quote} and so on."
    (span,) = find_pii(text, KINDS)
    assert (span["kind"], text[span["start"] : span["end"]]) == (kind, value)


@pytest.mark.parametrize("text", HARMLESS)
def test_leaves_the_rest_alone(text: str) -> None:
    assert find_pii(f"See {text} for more.", KINDS) == []
    assert find_pii(text, KINDS) == []


@pytest.mark.parametrize("kind", KINDS)
def test_finds_only_the_kinds_asked_for(kind: PiiKind) -> None:
    text = "\n".join(f"{before}{value}\"' ." for _, before, value in PERSONAL)
    expected = sum(labelled == kind for labelled, _, _ in PERSONAL)
    spans = find_pii(text, (kind,))
    assert {span["kind"] for span in spans} == {kind}
    assert len(spans) == pytest.approx(expected, abs=2)  # quotes differ for two secrets


@settings(max_examples=200)
@given(st.lists(st.sampled_from([*(b + v for _, b, v in PERSONAL), *HARMLESS, " ", "@", "é"])))
def test_spans_are_sorted_and_apart(pieces: list[str]) -> None:
    text = "".join(pieces)
    spans = find_pii(text, KINDS)
    edges = [edge for span in spans for edge in (span["start"], span["end"])]
    assert edges == sorted(edges)
    assert all(span["start"] < span["end"] <= len(text) for span in spans)


@pytest.mark.parametrize(
    "unit",
    [
        "a", "@", "a@", "a.", "a@a.", "a@b.c.", "1", "1.", "1 ", "+1", "(", "(1", "+1 (", "1-",
        "2001:", "2:", ":", "eyJ", "eyJaaaaaaaaaaa.", "-eyJ-", "-----BEGIN RSA PRIVATE KEY-----",
        "gh", "ghp_", "='", "= \"aaaaaaaaaaaaaaaaaaaa", "xoxb-", "+1 212 ", "tel ", "tel 1", "AKIA",
        "\xa0", "%", "_", "4", "4539 ", "4539 1488 0343 6467 ", "DE89", "DE89 3704 ", "visa 4",
        "sk-", "SG.",
    ],
)  # fmt: skip
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.perf_counter()
        find_pii(text, KINDS)
        return time.perf_counter() - start

    seconds(1000)
    assert seconds(1_000_000) < 8


def test_few_hits_in_the_news(corpora: Path) -> None:
    with gzip.open(corpora / "news/bbc.jsonl.gz", "rt", encoding="utf-8") as lines:
        hits = [find_pii(json.loads(line)["text"], KINDS) for line in lines]
    assert sum(map(len, hits)) == 0


def test_annotates_what_masking_understands() -> None:
    texts = ["Ask 🙂 jane@doe.net or +44 20 7065 5320.", "Nothing here."]
    batch = pa.RecordBatch.from_pydict({"id": ["a", "b"], "text": texts})
    result = PiiAnnotator(KINDS).annotate(batch)
    assert result.schema == PII
    spans = result["pii"].to_pylist()
    assert mask(texts[0], spans[0]) == "Ask 🙂 <EMAIL> or <PHONE>."
    assert mask(texts[1], spans[1]) == texts[1]


def test_identity_ignores_the_order_of_kinds() -> None:
    assert PiiAnnotator(("ip", "email")).identity == PiiAnnotator(("email", "ip")).identity
    assert PiiAnnotator(("ip",)).identity != PiiAnnotator(("email",)).identity
