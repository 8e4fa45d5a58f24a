"""Nothing that a reader of a PDF sees is missed in silence, and what no reader sees is told.

The kinds are those of ISO 32000: each is written here by hand, in two versions that differ only there.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from pypdf import PdfWriter

from pdf_writer import line, pdf, stream
from placet.comparison.reading import read
from placet.core.errors import DataError
from telling import compared, edited, noted, quiet

FIRST = line("1. The Supplier shall deliver.") + line("2. Option chosen:", y=680)
FORM = "/Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F1 @font>>>>"
IMAGE = "/Type/XObject/Subtype/Image/Width 2/Height 2/ColorSpace/DeviceGray/BitsPerComponent 8"
RECT = "/Rect[200 676 400 696]"
SECRET = line("ghost", y=600)


def look(text: str) -> bytes:
    return stream(f"BT /F1 11 Tf 2 5 Td ({text}) Tj ET" if text else "", FORM)


def annotated(annotation: str, drawn: str = "", **objects: str | bytes) -> bytes:
    return pdf(FIRST + drawn, objects={**objects, "one": annotation}, page="/Annots[@one]")


def field(entries: str, form: str = "", **objects: str | bytes) -> bytes:
    """One form field, beside the second line."""
    one = f"<</Type/Annot/Subtype/Widget/F 4{RECT}{entries}>>"
    return pdf(FIRST, objects={**objects, "one": one}, page="/Annots[@one]", root=f"/AcroForm<</Fields[@one]{form}>>")


def tick(state: str) -> bytes:
    looks = "/AP<</N<</Yes @yes/Off @off>>>>"
    boxes = {"yes": stream("0 0 m 9 9 l S", FORM), "off": stream("", FORM)}
    return field(f"/FT/Btn/V/{state}/AS/{state}{looks}", **boxes)


def layered(text: str, shown: bool) -> bytes:
    """A text in a layer."""
    drawn = f"/OC /L1 BDC {line(text, y=600)} EMC"
    default = "" if shown else "/OFF[@layer]"
    return pdf(
        FIRST + drawn,
        objects={"layer": "<</Type/OCG/Name(Draft)>>"},
        resources="/Properties<</L1 @layer>>",
        root=f"/OCProperties<</OCGs[@layer]/D<<{default}>>>>",
    )


def expressed(expression: str, text: str = "ghost", usage: str = "") -> bytes:
    """A text in a membership of two layers, of which the first is on and the second off."""
    used = "/AS[<</Event/View/Category[/View]/OCGs[@on]>><</Event/Print/Category[/Print]/OCGs[@on]>>]" if usage else ""
    return pdf(
        FIRST + f"/OC /L1 BDC {line(text, y=600)} EMC",
        objects={
            "on": f"<</Type/OCG/Name(A){usage and f'/Usage<<{usage}>>'}>>",
            "off": "<</Type/OCG/Name(B)>>",
            "rule": f"<</Type/OCMD{expression}>>",
        },
        resources="/Properties<</L1 @rule>>",
        root=f"/OCProperties<</OCGs[@on @off]/D<</OFF[@off]{used}>>>>",
    )


def pictured(content: str, y: int = 676) -> bytes:
    raw = (content * 4)[:4]
    return pdf(
        FIRST + f"q 12 0 0 12 200 {y} cm /X1 Do Q", objects={"x": stream(raw, IMAGE)}, resources="/XObject<</X1 @x>>"
    )


def typed(mapped: str | None, glyph: str = "0 0 9 9 re f") -> bytes:
    """A letter of a Type 3 font that draws a box."""
    cmap = f"1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfchar <41> <{mapped}> endbfchar"
    unicode = "/ToUnicode @map" if mapped else ""
    font = (
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 10 10]/FontMatrix[0.1 0 0 0.1 0 0]/CharProcs<</own @glyph>>"
        f"/Encoding<</Differences[65/own]>>/FirstChar 65/LastChar 65/Widths[10]{unicode}>>"
    )
    drawn = "BT /T3 11 Tf 1 0 0 1 200 680 Tm (A) Tj ET"
    objects = {"glyph": stream(glyph), "map": stream(cmap), "own": font}
    return pdf(FIRST + drawn, objects=objects, resources="").replace(b"/F1 3 0 R", b"/F1 3 0 R/T3 6 0 R")


def embedded(content: str) -> bytes:
    names = "/Names<</EmbeddedFiles<</Names[(a.txt) @spec]>>>>"
    return pdf(FIRST, objects={"file": stream(content), "spec": "<</EF<</F @file>>>>"}, root=names)


READ: dict[str, Callable[[str], bytes]] = {
    "a line": lambda t: pdf(FIRST + line(t, y=600)),
    "a form inside the page": lambda t: pdf(FIRST + "/X1 Do", objects={"x": look(t)}, resources="/XObject<</X1 @x>>"),
    "a turned line": lambda t: pdf(FIRST + f"BT /F1 11 Tf 0 1 -1 0 40 300 Tm ({t}) Tj ET"),
    "a turned page": lambda t: pdf(FIRST + line(t, y=600), page="/Rotate 90"),
    "a field's value": lambda t: field(f"/FT/Tx/V({t})/AP<</N @look>>", look=look(t)),
    "a field without a look": lambda t: field(f"/FT/Tx/V({t})"),
    "a field whose look is made anew": lambda t: field(
        f"/FT/Tx/V({t})/AP<</N @look>>", "/NeedAppearances true", look=look("old")
    ),
    "a field that shows something else": lambda t: field("/FT/Tx/V(held)/AP<</N @look>>", look=look(t)),
    "a field's choice": lambda t: field(f"/FT/Ch/V({t[0]})/Opt[[(a)(alpha)][(o)(omega)]]"),
    "a box": lambda t: tick("Yes" if t == "alpha" else "Off"),
    "a push button": lambda t: field("/FT/Btn/Ff 65536/AP<</N @look>>", look=look(t)),
    "a push button without a look": lambda t: field(f"/FT/Btn/Ff 65536/MK<</CA({t})>>"),
    "a signature": lambda t: field("/FT/Sig/AP<</N @look>>", look=look(t)),
    "a text over the page": lambda t: annotated(
        f"<</Subtype/FreeText{RECT}/Contents({t})/AP<</N @look>>>>", look=look(t)
    ),
    "a text over the page without a look": lambda t: annotated(f"<</Subtype/FreeText{RECT}/Contents({t})>>"),
    "a stamp": lambda t: annotated(f"<</Subtype/Stamp{RECT}/AP<</N @look>>>>", look=look(t)),
    "a layer": lambda t: layered(t, shown=True),
    "a layer by an expression": lambda t: expressed("/VE[/And @on[/Not @off]]/OCGs @off", t),
    "a rich text over the page": lambda t: annotated(f"<</Subtype/FreeText{RECT}/RC(<p>{t}</p>)>>"),
    "a Type 3 font with a map": lambda t: typed("0061" if t == "alpha" else "0062"),
    "words without blanks": lambda t: pdf(
        FIRST + f"BT /F1 11 Tf 60 600 Td [(Pay){'-300' if t == 'alpha' else '0'}(now)] TJ ET"
    ),
}

NOTED: dict[str, Callable[[str], bytes]] = {
    "a picture": pictured,
    "a picture at another place": lambda t: pictured("same", 676 if t == "alpha" else 698),
    "a picture in the page's own text": lambda t: pdf(
        FIRST + f"q 12 0 0 12 200 676 cm BI /W 2 /H 2 /CS /G /BPC 8 ID {t[:4]} EI Q"
    ),
    "a tick that is drawn": lambda t: pdf(FIRST + ("200 680 m 206 676 l 212 690 l S" if t == "alpha" else "")),
    "a small box that is filled": lambda t: pdf(FIRST + f"200 680 9 9 re {'f' if t == 'alpha' else 'S'}"),
    "a tick at another place": lambda t: pdf(
        FIRST + ("200 680 m 206 676 l 212 690 l S" if t == "alpha" else "200 700 m 206 696 l 212 710 l S")
    ),
    "a drawing in a form field": lambda t: field(
        "/FT/Sig/AP<</N @look>>", look=stream(f"0 0 m {9 if t == 'alpha' else 5} 9 l S", FORM)
    ),
    "a remark": lambda t: annotated(f"<</Subtype/Text{RECT}/Contents({t})>>"),
    "ink": lambda t: annotated(
        f"<</Subtype/Ink{RECT}/AP<</N @look>>>>", look=stream(f"0 0 m {len(t) if t == 'alpha' else 9} 9 l S", FORM)
    ),
    "a blackened place": lambda t: pdf(FIRST + ("0 g 200 676 90 12 re f" if t == "alpha" else "")),
    "the column of a tick": lambda t: pdf(
        FIRST
        + "".join(line(word, x, 600) for word, x in (("Item", 60), ("Yes", 200), ("No", 300)))
        + line("Renewal", 60, 585)
        + line("x", 204 if t == "alpha" else 303, 585)
    ),
    "a redaction to come": lambda t: annotated(f"<</Subtype/{'Redact' if t == 'alpha' else 'Square'}{RECT}>>"),
    "what a redaction will say": lambda t: annotated(f"<</Subtype/Redact{RECT}/OverlayText({t})>>"),
    "a layer that an expression hides": lambda t: expressed("/VE[/Or @off[/Not @on]]/OCGs @on", t),
    "a layer that a view hides": lambda t: expressed("/OCGs @on", t, "/View<</ViewState/OFF>>"),
    "a highlight": lambda t: annotated(
        f"<</Subtype/Highlight/Rect[60 {676 if t == 'alpha' else 696} 160 {690 if t == 'alpha' else 712}]>>"
    ),
    "a file at a page": lambda t: annotated(f"<</Subtype/FileAttachment{RECT}/FS<</EF<</F @file>>>>>>", file=stream(t)),
    "a film": lambda t: annotated(f"<</Subtype/{'Movie' if t == 'alpha' else 'RichMedia'}{RECT}>>"),
    "an annotation of a later kind": lambda t: annotated(f"<</Subtype/Later{RECT}/Contents({t})>>"),
    "a hidden field": lambda t: field(f"/FT/Tx/V({t})").replace(b"/F 4", b"/F 2"),
    "a link's target": lambda t: annotated(f"<</Subtype/Link{RECT}/A<</S/URI/URI(https://example.org/{t})>>>>"),
    "a hidden layer": lambda t: layered(t, shown=False),
    "a Type 3 font without a map": lambda t: typed(None, "0 0 9 9 re f" if t == "alpha" else "0 0 m 9 9 l S"),
    "an embedded file": embedded,
    "a form in XML": lambda t: pdf(FIRST, objects={"x": stream(f"<x>{t}</x>")}, root="/AcroForm<</XFA @x>>"),
    "a script": lambda t: pdf(FIRST, root=f"/OpenAction<</S/JavaScript/JS({t})>>"),
    "a pattern": lambda t: pdf(
        FIRST + "/Pattern cs /P1 scn 0 0 100 100 re f",
        objects={
            "p": stream(f"BT ({t}) Tj ET", "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9")
        },
        resources="/Pattern<</P1 @p>>",
    ),
    "a text behind the letters": lambda t: pdf(FIRST + f"/Span <</ActualText({t})>> BDC {line('x', y=600)} EMC"),
    "a header": lambda t: pdf(*[line(f"Value {t}", y=810) + FIRST + line(f"Page {n}", y=30) for n in (1, 2)]),
    "a header that counts like a page": lambda t: pdf(
        *[line(f"Value {5 if t == 'alpha' else 50}", y=810) + FIRST + line(f"Page {n}", y=30) for n in (1, 2)]
    ),
}

UNSEEN: dict[str, tuple[str, bytes]] = {
    "drawn invisibly": ("invisibly", pdf(FIRST + "3 Tr " + SECRET)),
    "white": ("colour", pdf(FIRST + "1 g " + SECRET)),
    "as its ground": ("colour", pdf(FIRST + "0.2 0.3 0.4 rg 0 590 300 30 re f " + SECRET)),
    "transparent": ("transparent", pdf(FIRST + "/G1 gs " + SECRET, resources="/ExtGState<</G1<</ca 0>>>>")),
    "by no ink": (
        "colour",
        pdf(
            FIRST + "/Ink cs 0 scn " + SECRET,
            objects={"tint": stream("{0}", "/FunctionType 4/Domain[0 1]/Range[0 1]")},
            resources="/ColorSpace<</Ink[/Separation/Spot/DeviceGray @tint]>>",
        ),
    ),
    "behind a mask": ("mask", pdf(FIRST + "/G1 gs " + SECRET, resources="/ExtGState<</G1<</SMask<</S/Alpha>>>>>>")),
    "of no width": ("tiny", pdf(FIRST + "BT /F1 11 Tf 0 Tz 60 600 Td (ghost) Tj ET")),
    "on the screen alone": ("in print", expressed("/OCGs @on", usage="/Print<</PrintState/OFF>>")),
    "tiny": ("tiny", pdf(FIRST + line("ghost", y=600, size=0.5))),
    "outside of the page": ("outside", pdf(FIRST + line("ghost", y=900))),
    "outside of the page's crop": ("outside", pdf(FIRST + SECRET, page="/CropBox[0 640 595 842]")),
    "cut off": ("cut off", pdf(FIRST + "0 0 20 20 re W n " + SECRET)),
    "covered by a box": ("covered", pdf(FIRST + SECRET + "1 g 50 590 200 30 re f")),
    "covered by a picture": (
        "covered",
        pdf(
            FIRST + SECRET + "q 200 0 0 40 50 590 cm /X1 Do Q",
            objects={"x": stream("abcd", IMAGE)},
            resources="/XObject<</X1 @x>>",
        ),
    ),
    "covered by a remark": (
        "covered",
        annotated(
            "<</Subtype/Stamp/Rect[50 590 250 610]/AP<</N @look>>>>", SECRET, look=stream("0 g 0 0 200 20 re f", FORM)
        ),
    ),
}

STRUCK = {
    "by a line": pdf(FIRST + SECRET + "58 604 m 92 604 l S"),
    "by a thin box": pdf(FIRST + SECRET + "58 603.5 40 0.7 re f"),
    "by a remark of several lines": annotated(
        "<</Subtype/StrikeOut/Rect[58 598 300 720]"
        "/QuadPoints[58 612 92 612 58 598 92 598 58 712 92 712 58 698 92 698]>>",
        SECRET,
    ),
    "by a remark": annotated("<</Subtype/StrikeOut/Rect[58 598 92 610]>>", SECRET),
}


@pytest.mark.parametrize("kind", READ)
def test_what_a_page_shows_is_read(kind: str) -> None:
    one, other = READ[kind]("alpha"), READ[kind]("omega")
    assert edited(one, other, "pdf")
    assert quiet(one, "pdf")
    assert quiet(other, "pdf")


@pytest.mark.parametrize("kind", NOTED)
def test_what_is_no_text_is_told_where_it_differs(kind: str) -> None:
    one, other = NOTED[kind]("alpha"), NOTED[kind]("omega")
    assert not edited(one, other, "pdf")
    assert noted(one, other, "pdf")
    assert quiet(one, "pdf")


@pytest.mark.parametrize("kind", UNSEEN)
def test_text_that_no_reader_sees_is_told(kind: str) -> None:
    why, content = UNSEEN[kind]
    found = read(content, "a.pdf")
    assert "ghost" in " ".join(paragraph.text for paragraph in found.paragraphs)
    assert [note for note in found.notes if why in note and "“ghost”" in note]


@pytest.mark.parametrize("kind", STRUCK)
def test_text_that_is_struck_through_is_told(kind: str) -> None:
    assert [note for note in read(STRUCK[kind], "a.pdf").notes if "strikes through" in note and "ghost" in note]


def test_nothing_is_told_of_what_is_seen() -> None:
    dark = "0 0 0 rg 0 590 300 30 re f 1 g " + SECRET
    dark += "0 g 40 500 200 60 re 42 502 196 56 re f* " + line("framed", y=520)
    rules = "50 690 m 400 690 l S 50 596 300 0.5 re f"
    for drawn in ("1 g 0 0 595 842 re f 0 g " + FIRST + dark, FIRST + rules + SECRET):
        assert read(pdf(drawn), "a.pdf").notes == ()


def test_every_operator_that_shows_text_is_read() -> None:
    shown = "(a1) Tj [(a2) -50 (a3)] TJ T* (a4) ' 1 2 (a5) \" <6136> Tj"
    found = read(pdf(FIRST + f"BT /F1 11 Tf 14 TL 60 600 Td {shown} ET"), "a.pdf")
    text = " ".join(paragraph.text for paragraph in found.paragraphs)
    assert all(f"a{n}" in text for n in range(1, 7))


def test_every_annotation_is_read_or_told() -> None:
    """All kinds of ISO 32000-2, table 171, and one of later times: by what they look like, and by what they say."""
    kinds = (
        "Text FreeText Line Square Circle Polygon PolyLine Highlight Underline Squiggly StrikeOut Caret Stamp Ink "
        "FileAttachment Sound Movie Screen PrinterMark TrapNet Watermark 3D Redact Projection RichMedia Later Link "
        "Widget"
    )
    for kind in kinds.split():
        seen = [annotated(f"<</Subtype/{kind}{RECT}/AP<</N @look>>>>", look=look(text)) for text in ("alpha", "omega")]
        assert edited(seen[0], seen[1], "pdf"), kind
        drawn = [
            annotated(f"<</Subtype/{kind}{RECT}/AP<</N @look>>>>", look=stream(f"0 0 m {n} 9 l S", FORM))
            for n in (5, 9)
        ]
        assert noted(drawn[0], drawn[1], "pdf"), kind
        if kind not in ("Link", "Widget"):
            said = [annotated(f"<</Subtype/{kind}{RECT}/Contents({text})>>") for text in ("alpha", "omega")]
            assert noted(said[0], said[1], "pdf") or edited(said[0], said[1], "pdf"), kind


def test_every_object_on_a_page_is_told() -> None:
    for kind in ("Image", "PS", "Later"):
        pair = [
            pdf(
                FIRST + "q 12 0 0 12 200 676 cm /X1 Do Q",
                objects={"x": stream(text, IMAGE.replace("/Image/", f"/{kind}/"))},
                resources="/XObject<</X1 @x>>",
            )
            for text in ("abcd", "efgh")
        ]
        assert noted(pair[0], pair[1], "pdf"), kind


def test_words_without_blanks_between_them_are_split() -> None:
    """By the gaps between letters, whatever operators make them; letters set wide are one word."""
    placed = "".join(
        f"1 0 0 1 {60 + x} 600 Tm ({letter}) Tj "
        for x, letter in ((0, "W"), (10.4, "e"), (20, "p"), (26.2, "a"), (32.4, "y"))
    )
    wide = "BT /F1 11 Tf 4 Tc 60 580 Td (NOTICE) Tj ET BT /F1 11 Tf 60 560 Td [(D)-300(A)-300(T)-300(E)-300(S)] TJ ET"
    spaced = "BT /F1 11 Tf 60 540 Td [(The)-250(Supplier)-250(pays)] TJ ET"
    found = read(pdf(FIRST + f"BT /F1 11 Tf {placed} ET" + wide + spaced), "a.pdf")
    text = " ".join(paragraph.text for paragraph in found.paragraphs)
    assert "We pay" in text
    assert "NOTICE" in text
    assert "DATES" in text
    assert "The Supplier pays" in text


def test_columns_drawn_in_turns_are_put_in_order_and_told() -> None:
    left = ["1. The Supplier shall deliver", "the goods within thirty days", "of the order of the Customer."]
    right = ["2. The Customer shall pay for", "the goods within sixty days of", "the invoice, without deduction."]
    turns = "".join(
        line(a, 60, 700 - 14 * n) + line(b, 310, 700 - 14 * n) for n, (a, b) in enumerate(zip(left, right, strict=True))
    )
    straight = "".join(
        line(text, x, 700 - 14 * n) for x, side in ((60, left), (310, right)) for n, text in enumerate(side)
    )
    assert not edited(pdf(turns), pdf(straight), "pdf")
    assert [note for note in read(pdf(turns), "a.pdf").notes if "Columns" in note]
    rows = "".join(
        line(a, 60, 600 - 14 * n) + line(b, 310, 600 - 14 * n)
        for n, (a, b) in enumerate([("Seat", "5"), ("Desk", "7"), ("Chair", "9"), ("Lamp", "2")])
    )
    found = read(pdf(FIRST + rows), "a.pdf")
    assert not found.notes
    assert "Seat 5" in " ".join(paragraph.text for paragraph in found.paragraphs)


def test_headers_and_footers_that_a_browser_prints_are_left_out() -> None:
    """On every page, close to the text, marked as such or not; the address and the date differ, the clauses don't."""

    def printed(date: str, name: str, marked: bool) -> bytes:
        pages = []
        for n in range(1, 5):
            around = line(date, 24, 822, 8) + line("Terms", 300, 822, 8) + line(f"file:///{name} {n}/4", 24, 14, 8)
            around = f"/Artifact <</Type/Pagination>> BDC {around} EMC " if marked else around
            body = "".join(line(f"{k}. Duty {k} is due.", y=800 - 14 * k) for k in range(50 * n - 49, 50 * n + 1) if k)
            body = "".join(line(f"{50 * n + k}. Duty {50 * n + k} is due.", y=800 - 15 * k) for k in range(51))
            pages.append(body + around)
        return pdf(*pages)

    for marked in (True, False):
        one, other = printed("11/28/26, 10:03 PM", "a.html", marked), printed("11/29/26, 9:00 AM", "b.html", marked)
        assert not edited(one, other, "pdf"), marked
        note = " ".join(compared(one, other, "pdf").after.notes)
        assert "11/29/26, 9:00 AM Terms" in note
        assert "file:///b.html #/#" in note


STAMPS = {
    "Chrome": ("11/28/26, 10:03 PM  Terms", "file:///a.html", "{}/{}"),
    "Chrome elsewhere": ("28.11.2026, 22:03  Terms", "https://example.org/a", "{}/{}"),
    "Firefox": ("Terms  https://example.org/a", "{} of {}", "11/28/2026, 10:03 PM"),
}


@pytest.mark.parametrize("kind", STAMPS)
@pytest.mark.parametrize("count", [1, 3])
def test_what_a_browser_prints_is_known_by_its_form(kind: str, count: int) -> None:
    """On a page alone, and above a title so large that the header stands close to it."""
    pages = []
    for n in range(1, count + 1):
        above, *below = (text.format(n, count) for text in STAMPS[kind])
        around = line(above, 24, 826, 8) + line(below[0], 24, 14, 8) + line(below[1], 500, 14, 8)
        title = line("Master Agreement", y=803, size=24) if n == 1 else ""
        pages.append(
            around + title + "".join(line(f"{9 * n + k}. Duty {9 * n + k} is due.", y=760 - 70 * k) for k in range(9))
        )
    text = " ".join(paragraph.text for paragraph in read(pdf(*pages), "a.pdf").paragraphs)
    assert text.startswith("Master Agreement 9. Duty 9 is due.")
    assert "Terms" not in text
    assert f"{count}/{count}" not in text
    assert f"{count} of {count}" not in text


def test_a_value_at_the_end_of_a_page_is_no_page_number() -> None:
    def priced(fee: int) -> bytes:
        return pdf(line("1. The fee in EUR:", y=800) + line(str(fee), y=40), line("2. The rest.", y=800))

    assert edited(priced(30), priced(40), "pdf")
    assert quiet(priced(30), "pdf")


def test_numbers_of_schedules_at_the_top_of_pages_are_no_header() -> None:
    body = "".join(line(f"and line {k} of it.", y=700 - 14 * k) for k in range(5))
    pages = [line(f"Schedule {n}", y=800) + body + line(str(n), y=30) for n in (1, 2, 3)]
    found = read(pdf(*pages), "a.pdf")
    assert [one.text for one in found.paragraphs if one.text.startswith("Schedule")] == [
        f"Schedule {n}" for n in (1, 2, 3)
    ]
    assert [one.text for one in found.margins] == ["#"]


def test_headers_of_left_and_right_pages_are_left_out() -> None:
    pages = [
        line("Left" if n % 2 else "Right", y=810) + line(f"{n}. Duty.", y=500) + line(f"- {n} -", y=30)
        for n in range(1, 6)
    ]
    assert [one.text for one in read(pdf(*pages), "a.pdf").paragraphs] == [f"{n}. Duty." for n in range(1, 6)]


def test_a_page_that_is_a_picture_with_recognised_text_is_told() -> None:
    scan = "q 595 0 0 842 0 0 cm /X1 Do Q 3 Tr " + FIRST
    found = read(pdf(scan, objects={"x": stream("abcd", IMAGE)}, resources="/XObject<</X1 @x>>"), "a.pdf")
    assert [note for note in found.notes if "recognised" in note]


def test_a_field_that_holds_something_else_than_it_shows_is_told() -> None:
    whole = field("/FT/Tx/V(900)/AP<</N @look>>", look=look("100"))
    assert "A form field shows “100” and holds “900”." in read(whole, "a.pdf").notes
    assert "100" in read(whole, "a.pdf").paragraphs[-1].text


def test_a_font_that_names_other_letters_than_it_shows_is_told() -> None:
    cmap = "1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfchar <31> <0039> endbfchar"
    lying = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding/ToUnicode @map>>"
    whole = pdf(FIRST + line("ghost 100", y=600), objects={"font": lying, "map": stream(cmap)})
    assert [note for note in read(whole, "a.pdf").notes if "1 → 9" in note]


def truetype(letters: str, drawn: dict[str, int]) -> tuple[str, dict[str, str | bytes]]:
    """A composite font whose code n is the nth letter, drawn as an outline of its own number, or of another one."""
    outlines = [b""]
    for letter in letters:
        height = drawn.get(letter, ord(letter))
        outlines.append(struct.pack(">hhhhhHH", 1, 0, 0, 100, height, 2, 0) + bytes((1, 1, 1, height, 9, 9, 9, 9)))
    places, at = [], 0
    for outline in [*outlines, b""]:
        places.append(at)
        at += len(outline)
    tables = {b"glyf": b"".join(outlines), b"head": bytes(50) + struct.pack(">hh", 1, 0)}
    tables[b"loca"] = struct.pack(f">{len(places)}L", *places)
    begin, directory, body = 12 + 16 * len(tables), b"", b""
    for tag, table in tables.items():
        directory += struct.pack(">4sLLL", tag, 0, begin + len(body), len(table))
        body += table
    program = struct.pack(">LHHHH", 0x10000, len(tables), 0, 0, 0) + directory + body
    pairs = "".join(f"<{n:04x}> <{ord(letter):04x}>\n" for n, letter in enumerate(letters, 1))
    cmap = f"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n{len(letters)} beginbfchar\n{pairs}endbfchar"
    inner = "<</Type/Font/Subtype/CIDFontType2/BaseFont/Own/CIDToGIDMap/Identity/DW 600/FontDescriptor @about>>"
    objects: dict[str, str | bytes] = {
        "program": stream(program),
        "about": "<</Type/FontDescriptor/FontName/Own/FontFile2 @program>>",
        "inner": inner,
        "map": stream(cmap),
        "own": "<</Type/Font/Subtype/Type0/BaseFont/Own/Encoding/Identity-H/DescendantFonts[@inner]/ToUnicode @map>>",
    }
    codes = "".join(f"{n:04x}" for n in range(1, len(letters) + 1))
    return f"BT /F9 11 Tf 1 0 0 1 60 600 Tm <{codes}> Tj ET", objects


def set_in(letters: str, **drawn: int) -> bytes:
    content, objects = truetype(letters, drawn)
    number = 3 + list(objects).index("own") + 1
    return pdf(FIRST + content, objects=objects).replace(b"/F1 3 0 R", b"/F1 3 0 R/F9 %d 0 R" % number)


def test_a_font_that_draws_other_letters_is_told() -> None:
    """The text says 9 where the page shows what is 6 elsewhere: in the other version, or in the same one."""
    honest, lying = set_in("Feeis1239"), set_in("Feeis1239", **{"9": ord("6")})
    assert not edited(honest, lying, "pdf")
    assert quiet(honest, "pdf")
    notes = compared(honest, lying, "pdf").after.notes
    assert [note for note in notes if "look otherwise" in note and "“9”" in note]
    assert [note for note in read(set_in("Fe69", **{"9": ord("6")}), "a.pdf").notes if "6 = 9" in note]


def test_an_empty_password_is_told_as_such() -> None:
    for password, found in (("", "restrictions"), ("secret", "a password")):
        writer = PdfWriter(clone_from=io.BytesIO(pdf(FIRST)))
        writer.encrypt(password, "owner", algorithm="AES-256")
        written = io.BytesIO()
        writer.write(written)
        with pytest.raises(DataError) as refused:
            read(written.getvalue(), "a.pdf")
        assert refused.value.code == "data.encrypted"
        assert str(refused.value.found).startswith(found)
