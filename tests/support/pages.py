"""Pages of two domains with notices that recur, and the slow obvious way to cut them."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.dedup.candidates import WORD

EMAIL = "press@mail.org"
NOTICE = "We use cookies and other techniques to improve what you see on these pages, always."
OTHER_NOTICE = (
    "wE usE cookies  and other TECHNIQUES to improve what you see on these pages - always"
)
FOOTER = f"For questions about this page and about all the others here write to {EMAIL} or call us"
TWICE = "This line is long enough to be cut where it is said a second time in " + " ".join(
    f"word{number}" for number in range(30)
)
SHORT = "Read more here"
RECIPE: dict[str, Any] = {
    "name": "pages",
    "sources": [
        {"name": "site", "kind": "files", "paths": ["site/*.jsonl"], "license": "MIT",
         "domain": "web"},
        {"name": "talk", "kind": "files", "paths": ["talk/*.jsonl"], "license": "MIT",
         "domain": "forum"},
    ],
    "cleaning": {"rules": []},
    "mixture": {"web": 0.5, "forum": 0.5},
    "sample": {"tokens": 100_000, "heldout_documents": 2},
}  # fmt: skip


def write_pages(folder: Path) -> Path:
    """Write the recipe and its input, and return the recipe's path."""
    words = random.Random(3)
    bodies = [prose(words) for _ in range(24)]
    notices = [NOTICE, OTHER_NOTICE]
    site = [
        f"{notices[i % 2]}\n\n{body}\n{SHORT}\n\n{FOOTER}" for i, body in enumerate(bodies[:14])
    ]
    site.append(f"{bodies[14]}\n\n{TWICE}\n{SHORT}\n{bodies[15]}\n{TWICE}")
    site.append(f"{NOTICE}\n\n{SHORT}\n{FOOTER}")  # nothing of its own
    short = "Twenty words that two pages share and nothing else but notices " * 2
    site += [f"{short}\n\n{NOTICE}", f"{short}\n\n{FOOTER}"]  # one text, once cut
    talk = [f"{NOTICE}\n{body}\n{FOOTER}" for body in bodies[16:]]
    for name, texts in (("site", site), ("talk", talk)):
        (folder / name).mkdir(parents=True)
        for part in range(3):
            rows = [json.dumps({"text": text}) + "\n" for text in texts[part::3]]
            (folder / name / f"{part}.jsonl").write_text("".join(rows))
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


def prose(words: random.Random) -> str:
    """Return three paragraphs of lines that nobody else has."""
    lines = [" ".join(f"w{words.randrange(9999)}" for _ in range(15)) for _ in range(6)]
    return "\n".join(lines[:3]) + "\n\n" + "\n".join(lines[3:])


def cut_by_hand(
    texts: Sequence[str], min_words: int, min_documents: int, min_words_within: int
) -> list[list[str]]:
    """Return the lines left of each text, best survivor first; blank ones are left out."""
    documents = [[line for line in text.split("\n") if line] for text in texts]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for rank, lines in enumerate(documents):
        for words in {words_of(line) for line in lines}:
            holders[words].append(rank)
    left = []
    for rank, lines in enumerate(documents):
        kept, said = [], set()
        for line in lines:
            words = words_of(line)
            owners = holders[words]
            is_elsewhere = len(owners) >= min_documents and owners[0] != rank
            is_said = words in said and len(words) >= min_words_within
            if len(words) < min_words or not (is_elsewhere or is_said):
                kept.append(line)
            said.add(words)
        left.append(kept)
    return left


def words_of(line: str) -> tuple[str, ...]:
    """Return the words that a line is known by."""
    return tuple(WORD.findall(line.lower().replace("ς", "σ")))
