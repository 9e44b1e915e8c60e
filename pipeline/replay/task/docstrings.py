"""The docstring task: from a function's first lines, say in one sentence what it does.

Reads documents of domain `code`; those that parse as Python give examples. Always true: source is
parsed by `ast` and never executed; the prompt holds no part of the docstring.
"""

import ast
import textwrap
import warnings
from collections.abc import Iterator, Sequence

from pipeline.replay.build import Document
from pipeline.replay.split import hash_rank
from pipeline.replay.task.examples import Candidates, Example

PROMPT_END = "\n# Does: "
MAX_SOURCE_CHARACTERS = 500_000  # a parser's memory grows with its input
MIN_WORDS = 3  # fewer say nothing
MAX_COMPLETION_CHARACTERS = 200

Function = ast.FunctionDef | ast.AsyncFunctionDef


def docstring_candidates(
    documents: Sequence[Document], num_wanted: int, max_prompt_characters: int
) -> Candidates:
    """Return about `num_wanted` examples from at most half of the code documents.

    Documents are taken in order of a hash of their id; the other half of the code stays with the
    base model and the anchor.
    """
    code = {document.id: document for document in documents if document.domain == "code"}
    ranked = sorted(code.values(), key=lambda document: hash_rank("task", document.id))
    examples: list[Example] = []
    used: set[str] = set()
    for document in ranked:
        if len(examples) >= num_wanted or len(used) >= len(code) // 2:
            break
        found = list(document_examples(document, max_prompt_characters))
        if found:
            examples += found
            used.add(document.id)
    return Candidates(examples[:num_wanted], frozenset(used))


def document_examples(document: Document, max_prompt_characters: int) -> Iterator[Example]:
    """Yield an example for each documented function of a Python source, in line order."""
    tree = _parse(document.text)
    if tree is None:
        return
    lines = document.text.splitlines()
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    for function in sorted(functions, key=lambda node: (node.lineno, node.col_offset)):
        sentence = first_sentence(ast.get_docstring(function) or "")
        source = source_without_docstring(function, lines)
        if sentence and source:
            prompt = first_lines(source, max_prompt_characters) + PROMPT_END
            yield Example(document.id, prompt, sentence)


def _parse(text: str) -> ast.Module | None:
    """Return the syntax tree, or None where the text is not Python (or too much of it)."""
    if len(text) > MAX_SOURCE_CHARACTERS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in others' code
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def first_sentence(docstring: str) -> str:
    """Return the docstring's first sentence on one line, or "" where it says too little."""
    paragraph = " ".join(docstring.split("\n\n", 1)[0].split())
    head, stop, _ = paragraph.partition(". ")
    sentence = head + stop.strip()
    short = len(sentence) <= MAX_COMPLETION_CHARACTERS
    return sentence if short and len(sentence.split()) >= MIN_WORDS else ""


def first_lines(source: str, max_characters: int) -> str:
    """Return the leading lines that fit into `max_characters`; the first always stays."""
    first, *rest = source.split("\n")
    kept, size = [first], len(first)
    for line in rest:
        size += 1 + len(line)
        if size > max_characters:
            break
        kept.append(line)
    return "\n".join(kept)


def source_without_docstring(function: Function, lines: Sequence[str]) -> str:
    """Return the function's lines without decorators and docstring; "" if nothing else is left.

    Also "" where the docstring shares a line with code, or tree and lines disagree (a form feed
    ends a line for `str.splitlines` alone).
    """
    docstring, *rest = function.body
    if not rest or function.end_lineno is None or docstring.end_lineno is None:
        return ""
    first, last = docstring.lineno - 1, docstring.end_lineno
    if first < function.lineno or rest[0].lineno <= last or function.end_lineno > len(lines):
        return ""
    kept = [*lines[function.lineno - 1 : first], *lines[last : function.end_lineno]]
    source = textwrap.dedent("\n".join(kept)).strip("\n")
    return source if source.startswith(("def ", "async def ")) else ""
