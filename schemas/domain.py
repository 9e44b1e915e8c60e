"""The domains: what kind of text a document is.

One closed list, so that a recipe, a published mixture and a classifier speak of the same thing.
Order is the order of display everywhere.
"""

from typing import Annotated

from pydantic import AfterValidator

DOMAINS: dict[str, str] = {
    "web": "pages of the open web",
    "encyclopedic": "encyclopaedias and reference works",
    "books": "fiction and non-fiction of book length",
    "code": "source code",
    "papers": "scholarly articles, abstracts, textbooks of science",
    "forum": "questions, answers and discussion threads",
    "legal": "laws, cases, contracts, licences, patents",
    "government": "publications and speeches of public bodies",
    "news": "newspaper and agency articles",
    "math": "mathematics: problems, proofs, exposition",
    "techdocs": "documentation and manuals of software",
    "dialogue": "subtitles, chat, e-mail, transcripts of speech",
    "instruction": "tasks with their answers",
    "synthetic": "text written by language models",
}


def known_domain(name: str) -> str:
    """Return `name` if it is a domain; raise ValueError that lists the domains otherwise."""
    if name not in DOMAINS:
        raise ValueError(f"unknown domain {name!r}; known: {', '.join(DOMAINS)}")
    return name


def known_domain_or_auto(name: str) -> str:
    """Return `name` if it is a domain or `auto`; raise ValueError otherwise."""
    return name if name == "auto" else known_domain(name)


Domain = Annotated[str, AfterValidator(known_domain)]
DomainOrAuto = Annotated[str, AfterValidator(known_domain_or_auto)]
