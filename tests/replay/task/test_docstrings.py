"""Examples from source code: parsed only, and the prompt never gives the answer away."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.replay.build import Document
from pipeline.replay.task.docstrings import docstring_candidates, document_examples, first_sentence
from pipeline.replay.task.examples import hold_out


def code(text: str, name: str = "a") -> Document:
    return Document(name, textwrap.dedent(text), "code", "MIT", 1)


def test_methods_are_dedented_and_lose_their_docstring() -> None:
    (example,) = document_examples(
        code(
            '''
            class Tree:
                @property
                def depth(self):
                    """Return the depth of the tree. Costs a walk."""
                    return 1 + max(child.depth for child in self.children)
            '''
        ),
        max_prompt_characters=400,
    )
    assert example.prompt == (
        "def depth(self):\n    return 1 + max(child.depth for child in self.children)\n# Does: "
    )
    assert example.completion == "Return the depth of the tree."


@pytest.mark.parametrize(
    "text",
    [
        'def f(): """Says what it does."""; return 1',
        'def f():\n    """Says what it does."""',
        'def f():\n    """Says what it does."""; x = 1\n    return x',
        'def f():\n    """Short."""\n    return 1',
        "def f():\n    return 1",
        "this is no Python, it is prose",
        "def f():\n\0",
        "(" * 5000,
        "x = '" + "y" * 600_000 + "'",
    ],
)
def test_unusable_source_gives_nothing(text: str) -> None:
    assert list(document_examples(code(text), 400)) == []


def test_invalid_escapes_are_no_warnings() -> None:
    source = 'def f(x):\n    """Matches a digit here."""\n    return re.match("\\d", x)\n'
    assert len(list(document_examples(code(source), 400))) == 1


def test_source_is_not_executed(tmp_path: Path) -> None:
    target = tmp_path / "executed"
    source = (
        f"open({str(target)!r}, 'w')\ndef f(x):\n    '''Return x plus one.'''\n    return x + 1\n"
    )
    assert len(list(document_examples(code(source), 400))) == 1
    assert not target.exists()


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Return the\nlength. And more.", "Return the length."),
        ("Return the length\n\nOf it.", "Return the length"),
        ("Too short", ""),
        ("word " * 100, ""),
        ("", ""),
    ],
)
def test_first_sentence(docstring: str, sentence: str) -> None:
    assert first_sentence(docstring) == sentence


def test_long_functions_are_cut_at_a_line() -> None:
    body = "".join(f"    x = step_{n}(x)\n" for n in range(50))
    source = f'def f(x):\n    """Apply fifty steps to x."""\n{body}    return x\n'
    (example,) = document_examples(code(source), 40)
    assert example.prompt == "def f(x):\n    x = step_0(x)\n# Does: "


def test_at_most_half_of_the_code_serves_the_task() -> None:
    source = 'def f{n}(x):\n    """Return number {n} of x."""\n    return x[{n}]\n'
    documents = [code(source.format(n=n), str(n)) for n in range(20)]
    candidates = docstring_candidates(documents, num_wanted=100, max_prompt_characters=400)
    assert len(candidates.document_ids) == 10
    assert {example.group for example in candidates.examples} == candidates.document_ids
    assert docstring_candidates(documents[::-1], 100, 400).examples == candidates.examples


def test_what_is_cut_is_not_the_end_of_the_file() -> None:
    items = list(range(1000))
    groups = [f"prompt {item}" for item in items]
    training, heldout = hold_out(items, groups, num_heldout=100, max_training=400)
    assert (len(training), len(heldout)) == (400, 100)
    for side in training, heldout:
        assert side == sorted(side)
        by_quarter = [sum(item // 250 == quarter for item in side) for quarter in range(4)]
        assert min(by_quarter) > len(side) / 8
    more, _ = hold_out(items, groups, num_heldout=100, max_training=600)
    assert set(training) < set(more)


@settings(max_examples=60)
@given(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=40), st.integers(1, 20))
def test_no_group_is_on_both_sides(groups: list[str], num_heldout: int) -> None:
    items = list(range(len(groups)))
    training, heldout = hold_out(items, groups, num_heldout, max_training=1000)
    assert not {groups[item] for item in training} & {groups[item] for item in heldout}
    assert 1 <= len(heldout) <= num_heldout
