"""What people read before they sign is what they sign: one line of characters that are seen."""

from __future__ import annotations

import json
import logging
import sys
import unicodedata
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from placet.core.batch_file import BatchHeader
from placet.core.encodings import text_of
from placet.core.errors import InputError
from placet.core.evidence import InputEvidence
from placet.core.logs import VisibleFormatter
from placet.core.offers import Scope
from placet.core.text import demand_seen, flaw, is_seen, tidied, visible
from placet.core.times import UnixTime
from placet.core.trust import Auditor
from placet.core.unicode_age import LAST, is_newer
from placet.core.values import Text, address_of, parse, quotation
from placet.owner.answers import OfferAnswer
from placet.vault.frames import AdmitArguments

GOOD = (
    "Bank A",
    "Österreichische Sparkasse",
    "株式会社みずほ銀行",
    "Банк",
    "ẞ",
    "₹ 5, 100 %",
    "नमस्ते",
    "بنك",
    "a'b\"c<d>&\\",
)
BAD = {
    "escape": "Bank\x1b[31m",
    "C1 escape": "Bank\x9b31m",
    "bell": "Bank\a",
    "delete": "Bank\x7f",
    "line feed": "Bank\nSigned: yes",
    "carriage return": "Bank\rB",
    "next line": "Bank\x85B",
    "line separator": "Bank\u2028B",
    "right-to-left override": "Bank\u202eknaB",
    "isolate": "Bank\u2066B",
    "left-to-right mark": "Bank\u200e",
    "zero width space": "Ba\u200bnk",
    "joiner": "Ba\u200dnk",
    "byte order mark": "\ufeffBank",
    "soft hyphen": "Ba\u00adnk",
    "tag": "Bank\U000e0041",
    "variation selector": "Bank\ufe0f",
    "combining joiner": "Ba\u034fnk",
    "Hangul filler": "Bank\u3164",
    "empty Braille": "Bank\u2800",
    "no-break space": "Bank\u00a0A",
    "wide blank": "Bank\u3000A",
    "not NFC": "O\u0308sterreich",
    "Kelvin sign, which NFC changes": "\u212a",
    "unassigned": "Bank\u0378",
    "newer than Unicode 14": "Bank\U0001fae8",
    "private": "Bank\ue000",
    "surrogate": "Bank\ud800",
    "blank before": " Bank",
    "blank after": "Bank ",
    "two blanks": "Bank  A",
    "marks without end": "a" + "\u0323\u0317\u0318\u0319\u031c",
    "mark first": "\u0301a",
    "empty": "",
    "too long": "a" * 401,
}


@pytest.mark.parametrize("name", GOOD)
def test_names_of_the_world_are_taken(name: str) -> None:
    assert flaw(name) is None
    assert TypeAdapter(Text).validate_python(name) == visible(name) == tidied(name, 255) == name


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_seen_is_refused(what: str) -> None:
    with pytest.raises(ValidationError):
        Auditor(address=bytes(20), name=BAD[what])


VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "batch.json").read_text(encoding="utf-8"))
SCOPE = json.loads(VECTOR["header"])["scope"]


@pytest.mark.parametrize("what", BAD)
def test_no_document_brings_in_what_is_not_seen(what: str) -> None:
    """One door for all: nodes, vaults, owners and auditors read scopes and trust lists as these types alone."""
    assert {
        door.model_fields["scope"].annotation for door in (OfferAnswer, InputEvidence, AdmitArguments, BatchHeader)
    } == {Scope}
    assert parse(Scope, SCOPE).title
    with pytest.raises(InputError):
        parse(Scope, SCOPE | {"title": BAD[what]})
    with pytest.raises(InputError):
        parse(Scope, json.dumps(SCOPE | {"title": BAD[what]}))


@given(st.text(max_size=30))
def test_the_sink_writes_out_what_the_rule_hides(text: str) -> None:
    shown = visible(text)
    assert all(is_seen(character) for character in shown)
    assert visible(shown) == shown
    if flaw(text) is None:
        assert shown == text


@given(st.text(max_size=60), st.integers(3, 40))
def test_a_files_name_becomes_a_line(name: str, longest: int) -> None:
    plain = tidied(name, longest)
    assert flaw(plain) is None
    assert len(plain) <= longest + 1


def test_a_long_name_keeps_its_ending() -> None:
    assert tidied("x" * 1000 + ".docx", 255).endswith(".docx")
    assert tidied("O\u0308ffnung.pdf", 255) == "Öffnung.pdf"


def test_every_character_is_one_or_the_other_whatever_python_says() -> None:
    """The list of newer characters covers this Python's Unicode, and nothing that was assigned before."""
    version = tuple(int(part) for part in unicodedata.unidata_version.split(".")[:2])
    assert version <= LAST, "make placet.core.unicode_age anew"
    if version == (14, 0):
        points = [p for p in range(sys.maxunicode + 1) if is_newer(p) and unicodedata.category(chr(p)) != "Cn"]
        assert points == []


def test_words_of_others_are_written_out_and_cut() -> None:
    words = TypeAdapter(Annotated[str, *quotation(10)]).validate_python
    assert words("\x1b[2Jhello to you") == "\\x1b[2Jhel"


def test_texts_inside_documents() -> None:
    assert demand_seen({"a": ["b  c", 1, None]}) == {"a": ["b  c", 1, None]}
    for document in ({"a\u202e": 1}, {"a": ["x\x00"]}, "\u200b", [[["\x1b"]]]):
        with pytest.raises(ValueError, match="visible characters"):
            demand_seen(document)


def test_a_log_steers_no_terminal_and_says_its_zone() -> None:
    record = logging.LogRecord("peer", logging.WARNING, "", 0, "refused: %s", ("\x1b[2J\u202ex",), None)
    line = VisibleFormatter().format(record)
    assert line.endswith("Z WARNING peer: refused: \\x1b[2J\\u202ex")


@pytest.mark.parametrize("text", ["naïve = 'x'\nb = 1\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le bom", "utf-16-be bom"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_files_as_windows_tools_write_them(text: str, encoding: str, ends: str) -> None:
    content = text.replace("\n", ends)
    raw = ("\ufeff" + content).encode(encoding[:-4]) if encoding.endswith("bom") else content.encode(encoding)
    assert text_of(raw, "file") == text


def test_what_else_a_file_is_has_a_name() -> None:
    for raw, word in ((b"na\xefve", "1252"), ("ab".encode("utf-16-le"), "UTF-16"), ("ab".encode("utf-32"), "UTF-32")):
        with pytest.raises(InputError) as caught:
            text_of(raw, "file")
        assert caught.value.code == "input.encoding"
        assert word in f"{caught.value}"
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (1_764_432_000_000, "milliseconds"),
        (1_764_432_000_000_000, "microseconds"),
        (1_764_432_000_000_000_000, "nanoseconds"),
        (1 << 47, "9999"),
    ],
)
def test_another_unit_than_seconds_is_told_as_such(value: int, word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        TypeAdapter(UnixTime).validate_python(value)
    assert TypeAdapter(UnixTime).validate_python(1_764_432_000) == 1_764_432_000


def test_an_address_whose_checksum_is_wrong_is_mistyped() -> None:
    # From EIP-55.
    right = ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
    for text in right:
        assert address_of(text) == address_of(text.lower()) == address_of("0x" + text[2:].upper())
        assert Auditor.model_validate({"address": text, "name": "a"}).address == address_of(text)
        wrong = text[:-1] + text[-1].swapcase() if text[-1].isalpha() else text[:3] + text[3].swapcase() + text[4:]
        with pytest.raises(InputError, match="mistyped"):
            address_of(wrong)
        with pytest.raises(ValidationError, match="EIP-55"):
            Auditor.model_validate({"address": wrong, "name": "a"})
