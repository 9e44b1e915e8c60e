"""Lines as read in bounded memory are the lines that splitting gives."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.lines import Line, read_lines


def split_lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return lines if lines[-1] else lines[:-1]


@settings(max_examples=200)
@given(st.lists(st.text("ab\n", max_size=6).map(str.encode)), st.integers(1, 5))
def test_the_lines_whatever_the_chunks(chunks: list[bytes], max_bytes: int) -> None:
    expected = [
        Line(number, content[:max_bytes], len(content))
        for number, content in enumerate(split_lines(b"".join(chunks)), start=1)
    ]
    assert list(read_lines(iter(chunks), max_bytes)) == expected
