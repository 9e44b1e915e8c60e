"""What an id says, and what it does not depend on."""

from pipeline.normalize.identity import document_id, quarantine_id, text_digest


def test_equal_texts_share_the_first_half_of_their_ids() -> None:
    here, there = document_id("text", "a", "u", 0), document_id("text", "b", "v", 0)
    assert here != there
    assert here[:24] == there[:24] == text_digest("text")


def test_golden_ids() -> None:
    assert (
        document_id("naïve", "wiki", "a/b.jsonl", 0) == "f86fd89de87a848a45bfe777-40b7c8e57403b29c"
    )
    assert (
        quarantine_id("wiki", "a", "f", 3, "bad_utf8", 0)
        == "quarantined-b7f55c90a91b4b0aef5f539574f8f07b"
    )


def test_each_part_of_the_place_matters() -> None:
    parts = [("s", "u", 0), ("su", "", 0), ("s", "u", 1), ("t", "u", 0), ("s", "v", 0)]
    assert len({document_id("text", *part) for part in parts}) == len(parts)
