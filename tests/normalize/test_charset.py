"""Decoding of web pages: browsers' order, and what they would guess wrongly."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.charset import decode_html, decode_plain, web_codec

RUSSIAN = "Привет, как дела? Это обычный русский текст о погоде и о природе."
KOREAN = "<p>안녕하세요, 이것은 한국어 본문입니다.</p>"


def meta(label: str) -> str:
    return f'<html><head><meta charset="{label}"></head>'


@pytest.mark.parametrize(
    ("data", "http", "expected"),
    [
        (codecs.BOM_UTF8 + "é".encode(), "windows-1251", "é"),
        (codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), None, "é"),
        (codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), "utf-8", "é"),
        (RUSSIAN.encode("koi8-r"), "KOI8-R", RUSSIAN),
        (RUSSIAN.encode("cp1251"), None, RUSSIAN),
        (RUSSIAN.encode(), None, RUSSIAN),
        (KOREAN.encode(), None, KOREAN),
        (KOREAN.encode("euc-kr"), "ks_c_5601-1987", KOREAN),
        ("naïve “quotes”".encode("cp1252"), "iso-8859-1", "naïve “quotes”"),
        ("日本語".encode("iso2022_jp"), "iso-2022-jp", "日本語"),
        (b"", None, ""),
    ],
)
def test_what_is_declared_or_can_be_told(data: bytes, http: str | None, expected: str) -> None:
    assert decode_html(data, http) == expected


def test_meta_counts_within_its_first_bytes_alone() -> None:
    page = meta("windows-1251") + RUSSIAN
    assert decode_html(page.encode("cp1251")) == page
    late = " " * 2000 + meta("koi8-r") + RUSSIAN
    assert decode_html(late.encode()) == late
    commented = f"<!-- {meta('koi8-r')} -->" + RUSSIAN
    assert decode_html(commented.encode("cp1251")) == commented


def test_http_goes_before_meta_and_a_wrong_header_before_nothing() -> None:
    page = meta("koi8-r") + RUSSIAN
    assert decode_html(page.encode("cp1251"), "windows-1251") == page
    assert decode_html(page.encode("koi8-r"), "utf-8") == page  # it cannot be UTF-8
    assert decode_html(page.encode("koi8-r"), "no-such-encoding") == page


def test_a_page_that_calls_itself_utf16_in_ascii_is_not() -> None:
    page = meta("utf-16") + "é"
    assert decode_html(page.encode()) == page


def test_few_wrong_bytes_cost_few_characters() -> None:
    assert decode_html("é".encode() * 50 + b"\xff", "utf-8") == "é" * 50 + "\ufffd"


def test_plain_text_has_no_meta() -> None:
    text = meta("koi8-r") + RUSSIAN
    assert decode_plain(text.encode()) == text


@pytest.mark.parametrize("label", ["unicode_escape", "idna", "hex", "utf-7", "", "\0", "rot13"])
def test_encodings_of_python_alone_are_none_of_the_web(label: str) -> None:
    assert web_codec(label) is None


@pytest.mark.parametrize(
    ("label", "codec"),
    [("Latin1", "cp1252"), (" utf8 ", "utf-8"), ("x-sjis", "cp932"), ("gb2312", "gb18030")],
)
def test_labels(label: str, codec: str) -> None:
    assert web_codec(label) == codec


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "utf-16", "big5", "junk"]))
def test_any_bytes_give_a_string_that_can_be_encoded(data: bytes, http: str | None) -> None:
    decode_html(data, http).encode()
    decode_plain(data, http).encode()
