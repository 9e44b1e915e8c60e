r"""LaTeX: the markup stays, what is no prose goes."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.formats.tex import clean_tex

PAPER = r"""% a comment
\documentclass{article}
\newcommand{\R}{\mathbb{R}}
\def\ie{i.e.}
\newcommand{\pair}[2]{(#1, #2)}
\renewcommand\Rn{\R^n}
\begin{document}
\title{A paper} \maketitle
\section{Spaces} % they are real
Let $x \in \Rn$, \ie a point of $\R^n$; 50\% of \Root and $\pair{a}{b}$.
\begin{verbatim}
100% as it is
\end{verbatim}
\bibliographystyle{plain}
\begin{thebibliography}{9}
\bibitem{a} A. Author, A title.
\end{thebibliography}
\section*{Appendix}
More.
\end{document}
Never read.
"""


def test_a_paper() -> None:
    lines = [line.strip() for line in clean_tex(PAPER).strip().splitlines() if line.strip()]
    assert lines == [
        r"\section{Spaces}",
        r"Let $x \in \mathbb{R}^n$, i.e. a point of $\mathbb{R}^n$; 50\% of \Root and"
        r" $\pair{a}{b}$.",
        r"\begin{verbatim}",
        "100% as it is",
        r"\end{verbatim}",
        r"\section*{Appendix}",
        "More.",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("no preamble\n\\section{A} b", "no preamble\n\\section{A} b"),
        ("\\documentclass{a}\\begin{document}only text", "only text"),
        ("a \\\\% gone", "a \\\\"),
        ("a \\% stays", "a \\% stays"),
        ("\\newcommand{\\x}{unclosed", "\\newcommand{\\x}{unclosed"),
    ],
)
def test_examples(before: str, after: str) -> None:
    assert clean_tex(before) == after


def test_macros_cannot_make_a_text_explode() -> None:
    levels = "abcdefghij"
    bomb = "\\def\\a{" + "x" * 90 + "}"
    for inner, outer in itertools.pairwise(levels):
        bomb += f"\\def\\{outer}{{" + f"\\{inner} " * 20 + "}"
    assert len(clean_tex(bomb + "\\j " * 1000 + "\\a " * 10_000)) < 200_000


@settings(max_examples=100)
@given(st.text("\\{}%$ab\n #", max_size=60))
def test_any_text_is_read(text: str) -> None:
    clean_tex("\\begin{document}" + text)
