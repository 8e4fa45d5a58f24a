"""A font may draw other letters than the text says: told for every format of font program that a PDF takes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import pytest

from pdf_writer import line, pdf, stream
from placet.comparison.reading import read
from placet.comparison.reading.font_cff import cff
from placet.comparison.reading.font_glyphs import DIGITS, Glyphs, glyph_name
from placet.comparison.reading.font_truetype import truetype
from placet.comparison.reading.font_type1 import type1
from telling import compared, edited, quiet

TEXT = "Feeis1236"
FIRST = line("1. The Supplier shall deliver.")
Drawn = Mapping[str, str]
"""By letter: the one whose outline is drawn in its place."""


def outline(letter: str) -> bytes:
    return b"outline of " + letter.encode()


def _index(items: list[bytes]) -> bytes:
    if not items:
        return b"\0\0"
    places = [1]
    for item in items:
        places.append(places[-1] + len(item))
    offsets = b"".join(place.to_bytes(2, "big") for place in places)
    return struct.pack(">HB", len(items), 2) + offsets + b"".join(items)


def _int(value: int) -> bytes:
    return b"\x1d" + struct.pack(">l", value)


def cff_of(letters: str, drawn: Drawn) -> bytes:
    """Names as strings of its own; codes in order of the letters from 65."""
    names = [f"x.{n}" for n in range(3)]  # strings that are no letters' names
    standard = {letter: 17 + n for n, letter in enumerate("0123456789")}
    standard |= {chr(65 + n): 34 + n for n in range(26)} | {chr(97 + n): 66 + n for n in range(26)}
    glyphs = _index([b"none", *(outline(drawn.get(letter, letter)) for letter in letters)])
    charset = b"\0" + b"".join(struct.pack(">H", standard[letter]) for letter in letters)
    encoding = bytes((0, len(letters), *(65 + n for n in range(len(letters)))))
    head, strings = b"\1\0\4\2" + _index([b"Own"]), _index([name.encode() for name in names]) + _index([])
    size = len(head) + len(_index([bytes(18)])) + len(strings)
    places = (size, size + len(charset), size + len(charset) + len(encoding))
    top = b"".join(_int(place) + bytes((key,)) for place, key in zip(places, (15, 16, 17), strict=True))
    return head + _index([top]) + strings + charset + encoding + glyphs


def _encrypted(data: bytes, key: int) -> bytes:
    made = bytearray()
    for byte in data:
        made.append(byte ^ (key >> 8))
        key = ((made[-1] + key) * 52_845 + 22_719) & 0xFFFF
    return bytes(made)


def type1_of(letters: str, drawn: Drawn) -> bytes:
    outlines = {
        glyph_name(letter): _encrypted(b"lenI" + outline(drawn.get(letter, letter)), 4_330) for letter in letters
    }
    entries = b"".join(b"/%s %d RD %s ND\n" % (name.encode(), len(one), one) for name, one in outlines.items())
    codes = b"".join(b"dup %d /%s put\n" % (65 + n, glyph_name(letter).encode()) for n, letter in enumerate(letters))
    return b"%!PS\n/Encoding 256 array\n" + codes + b"eexec " + _encrypted(b"rand/CharStrings 9\n" + entries, 55_665)


def truetype_of(letters: str, drawn: Drawn) -> bytes:
    glyphs = [b""]
    for letter in letters:
        shape = ord(drawn.get(letter, letter))
        glyphs.append(struct.pack(">hhhhhHH", 1, 0, 0, 100, shape, 2, 0) + bytes((1, 1, 1, shape, 9, 9, 9, 9)))
    places = [sum(map(len, glyphs[:n])) for n in range(len(glyphs) + 1)]
    ordered = sorted((ord(letter), n) for n, letter in enumerate(letters, 1))
    ends = [*(code for code, _ in ordered), 0xFFFF]
    shifts = [*((n - code) & 0xFFFF for code, n in ordered), 1]
    count = len(ends)
    form4 = struct.pack(">HHHHHHH", 4, 16 + 8 * count, 0, 2 * count, 0, 0, 0)
    form4 += struct.pack(f">{count}HH{count}H{count}H{count}H", *ends, 0, *ends, *shifts, *[0] * count)
    tables = {
        b"glyf": b"".join(glyphs),
        b"head": bytes(50) + struct.pack(">hh", 1, 0),
        b"loca": struct.pack(f">{len(places)}L", *places),
        b"cmap": struct.pack(">HHHHL", 0, 1, 3, 1, 12) + form4,
    }
    begin, directory, body = 12 + 16 * len(tables), b"", b""
    for tag, table in tables.items():
        directory += struct.pack(">4sLLL", tag, 0, begin + len(body), len(table))
        body += table
    return struct.pack(">LHHHH", 0x10000, len(tables), 0, 0, 0) + directory + body


def _cmap(codes: Mapping[int, str], wide: bool) -> str:
    form = "<{:04x}> <{:04x}>" if wide else "<{:02x}> <{:04x}>"
    pairs = "\n".join(form.format(code, ord(text)) for code, text in codes.items())
    space = "<0000> <ffff>" if wide else "<00> <ff>"
    return f"1 begincodespacerange\n{space}\nendcodespacerange\n{len(codes)} beginbfchar\n{pairs}\nendbfchar"


def _set(codes: Mapping[int, str], objects: dict[str, str | bytes], wide: bool = False) -> bytes:
    """A page that shows the codes in the font `own`."""
    shown = "".join(f"{code:0{4 if wide else 2}x}" for code in codes)
    form = "/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</Font<</F9 @own>>>>"
    page = stream(f"BT /F9 11 Tf 1 0 0 1 60 600 Tm <{shown}> Tj ET", form)
    return pdf(FIRST + "/X1 Do", objects={**objects, "page": page}, resources="/XObject<</X1 @page>>")


def simple(program: bytes, key: str, text: str, *, subtype: str = "Type1", names: str = "", entries: str = "") -> bytes:
    """A font of one byte a letter: what its text says, code by code, is `text`."""
    codes = {65 + n: letter for n, letter in enumerate(text)}
    encoding = f"/Encoding<</Differences[65{names}]>>" if names else ""
    own = f"<</Type/Font/Subtype/{subtype}/BaseFont/ABCDEF+Own/FirstChar 65/LastChar 90/Widths[{'600 ' * 26}]"
    objects: dict[str, str | bytes] = {
        "program": stream(program, entries),
        "about": f"<</Type/FontDescriptor/FontName/ABCDEF+Own/Flags 4/{key} @program>>",
        "own": f"{own}/FontDescriptor @about{encoding}/ToUnicode @map>>",
        "map": stream(_cmap(codes, wide=False)),
    }
    return _set(codes, objects)


def composite(program: bytes, key: str, text: str, entries: str = "") -> bytes:
    """A font of two bytes a letter, whose nth code is its nth glyph."""
    codes = dict(enumerate(text, 1))
    kind = "CIDFontType2" if key == "FontFile2" else "CIDFontType0"
    objects: dict[str, str | bytes] = {
        "program": stream(program, entries),
        "about": f"<</Type/FontDescriptor/FontName/Own/{key} @program>>",
        "inner": f"<</Type/Font/Subtype/{kind}/BaseFont/Own/CIDToGIDMap/Identity/DW 600/FontDescriptor @about>>",
        "own": "<</Type/Font/Subtype/Type0/BaseFont/Own/Encoding/Identity-H/DescendantFonts[@inner]/ToUnicode @map>>",
        "map": stream(_cmap(codes, wide=True)),
    }
    return _set(codes, objects, wide=True)


def procedures(text: str, drawn: Drawn) -> bytes:
    """A Type 3 font whose procedures have names that say nothing."""
    codes = {65 + n: letter for n, letter in enumerate(text)}
    glyphs = {f"p{n}": stream(f"0 0 {ord(drawn.get(letter, letter))} 9 re f") for n, letter in enumerate(text)}
    parts = "".join(f"/g{n} @p{n}q " for n in range(len(text)))
    names = "".join(f"/g{n}" for n in range(len(text)))
    own = (
        f"<</Type/Font/Subtype/Type3/FontBBox[0 0 10 10]/FontMatrix[0.1 0 0 0.1 0 0]/CharProcs<<{parts}>>"
        f"/Encoding<</Differences[65{names}]>>/FirstChar 65/LastChar 90/Widths[{'6 ' * 26}]/ToUnicode @map>>"
    )
    objects: dict[str, str | bytes] = {f"{name}q": content for name, content in glyphs.items()}
    return _set(codes, {**objects, "own": own, "map": stream(_cmap(codes, wide=False))})


NAMES = "".join(f"/{glyph_name(letter)}" for letter in TEXT)
LYING = TEXT.replace("6", "9")
LETTERS = "".join(dict.fromkeys(TEXT))
FALSE_NAMES: dict[str, Callable[[str], bytes]] = {
    "CFF by its own encoding": lambda t: simple(
        cff_of(LETTERS, {}), "FontFile3", "".join(dict.fromkeys(t)), entries="/Subtype/Type1C"
    ),
    "Type 1 by its own encoding": lambda t: simple(type1_of(LETTERS, {}), "FontFile", "".join(dict.fromkeys(t))),
    "CFF by the PDF's encoding": lambda t: simple(
        cff_of(LETTERS, {}), "FontFile3", t, names=NAMES, entries="/Subtype/Type1C"
    ),
    "composite CFF": lambda t: composite(
        cff_of(LETTERS, {}), "FontFile3", "".join(dict.fromkeys(t)), "/Subtype/CIDFontType0C"
    ),
}
FALSE_LOOKS: dict[str, Callable[[Drawn], bytes]] = {
    "CFF": lambda d: simple(cff_of(LETTERS, d), "FontFile3", TEXT, names=NAMES, entries="/Subtype/Type1C"),
    "Type 1": lambda d: simple(type1_of(LETTERS, d), "FontFile", TEXT, names=NAMES),
    "TrueType": lambda d: simple(truetype_of(LETTERS, d), "FontFile2", TEXT, names=NAMES, subtype="TrueType"),
    "composite TrueType": lambda d: composite(truetype_of(LETTERS, d), "FontFile2", LETTERS),
    "Type 3": lambda d: procedures(LETTERS, d),
}


@pytest.mark.parametrize("kind", FALSE_NAMES)
def test_a_letter_that_the_font_names_otherwise_is_told(kind: str) -> None:
    honest, lying = FALSE_NAMES[kind](TEXT), FALSE_NAMES[kind](LYING)
    assert quiet(honest, "pdf")
    assert read(honest, "a.pdf").notes == ()
    assert [note for note in read(lying, "a.pdf").notes if "6 → 9" in note]


@pytest.mark.parametrize("kind", FALSE_LOOKS)
def test_a_letter_that_is_drawn_as_another_is_told(kind: str) -> None:
    """As another one of the same text, and otherwise than in the other version."""
    honest, twin, other = (FALSE_LOOKS[kind](drawn) for drawn in ({}, {"6": "3"}, {"6": "8"}))
    assert quiet(honest, "pdf")
    assert read(honest, "a.pdf").notes == ()
    assert [note for note in read(twin, "a.pdf").notes if "6 = 3" in note or "3 = 6" in note]
    assert not edited(honest, other, "pdf")
    assert [note for note in compared(honest, other, "pdf").after.notes if "look otherwise" in note and "“6”" in note]


def test_a_letter_that_is_drawn_in_two_ways_is_told() -> None:
    whole = composite(truetype_of("Feis12369", {}), "FontFile2", "Feis12399")
    assert [note for note in read(whole, "a.pdf").notes if "in two ways" in note and "“9”" in note]


@pytest.mark.parametrize(
    ("read_program", "made"),
    [(cff, cff_of(LETTERS, {})), (type1, type1_of(LETTERS, {})), (truetype, truetype_of(LETTERS, {}))],
)
def test_a_broken_font_is_no_error_of_its_own(read_program: Callable[[bytes], Glyphs], made: bytes) -> None:
    """Cut anywhere: the errors that a reader of fonts has to expect."""
    assert read_program(made).outlines
    for cut in range(len(made)):
        try:
            read_program(made[:cut])
        except (struct.error, LookupError, ValueError):
            continue


def test_names_of_digits_are_those_of_the_glyph_list() -> None:
    assert [glyph_name(digit) for digit in "0123456789"] == list(DIGITS)


def test_the_work_on_fonts_is_bounded_and_what_is_left_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.comparison.reading.pdf_outlines._WORK", 1_000)
    notes = read(FALSE_LOOKS["CFF"]({}), "a.pdf").notes
    assert [note for note in notes if "so many fonts that 1 of them" in note]


def test_a_font_without_an_encoding_is_read_by_its_own() -> None:
    whole = simple(type1_of(LETTERS, {}), "FontFile", LETTERS)
    plain = whole.replace(b"/ToUnicode", b"/Otherwise")
    assert LETTERS in " ".join(paragraph.text for paragraph in read(plain, "a.pdf").paragraphs)
