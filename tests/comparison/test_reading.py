"""What the readers see: the same contract in four formats, Word's numbering, tables, tracked changes, PDF pages."""

from __future__ import annotations

import random

import pytest
from benchmarks._documents import FORMATS, Item, draw, make, package

from placet.comparison.clauses import clauses
from placet.comparison.compare import compare
from placet.comparison.normal import normal, vocabulary
from placet.comparison.reading import read

ITEMS = [
    Item(0, True, "Payment & Taxes"),
    Item(1, False, 'The Customer shall pay the Supplier\'s invoice within thirty (30) days; the fee is "net".'),
    Item(2, False, "Late payments bear interest at 5% per annum."),
    Item(2, False, "Non-payment isn't a breach unless notified under Section 3(b) <and> repeated."),
    Item(0, True, "Termination"),
    Item(1, False, "Either party may terminate for out-of-pocket losses or self-dealing."),
]


def seen(data: bytes, name: str) -> list[tuple[str, str]]:
    """Label and text of every clause."""
    document = read(data, name)
    known = vocabulary(paragraph.text for paragraph in document.paragraphs)
    return [(clause.label, clause.text) for clause in clauses(document.paragraphs, known)]


def paragraph(text: str, more: str = "") -> str:
    return f"<w:p><w:pPr>{more}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", FORMATS)
def test_four_formats_say_the_same(form: str, seed: int) -> None:
    items = ITEMS * (8 if form == "pdf" else 1)
    reference = "\n\n".join(item.text for item in items).encode()
    found = compare(reference, "reference.txt", make(items, form, random.Random(seed)), f"other.{form}")
    assert {entry.statuses for entry in found.entries} == {("same",)}
    assert [clause.text for clause in found.after.clauses] == [normal(item.text) for item in items]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("1. A\n\n1.1 B\n\n(a) C\n\n(i) D\n\n(ii) E\n\n(b) F\n\n2. G", "1 1.1 1.1(a) 1.1(a)(i) 1.1(a)(ii) 1.1(b) 2"),
        ("Article I. A\n\nSection 1.1. B\n\nArticle II. C", "Article I|Section 1.1|Article II"),
        ("(g) A\n\n(h) B\n\n(i) C\n\n(j) D", "(g) (h) (i) (j)"),
        ("(iv) A\n\n(v) B\n\n(vi) C", "(iv) (v) (vi)"),
        ("§ 1 - A\n\n§ 2 - B", "§ 1|§ 2"),
        ("1) A\n\na) B\n\nb) C\n\n2) D", "1|1.a|1.b|2"),
        ("4.\n\nText of four.\n\n5.\n\nText of five.", "4 5"),
        ("Section 3 does not apply to affiliates.", ""),
        ("1.5 million dollars are due.\n\n(c) 2024 The Company", "|"),
    ],
)
def test_numbers_are_read_and_are_no_text(text: str, labels: str) -> None:
    expected = labels.split("|") if "|" in labels else labels.split(" ")
    found = seen(text.encode(), "a.txt")
    assert [label for label, _ in found] == expected
    if any(expected):
        assert not any(text[:1].isdigit() or text.startswith("(") for _, text in found)


def test_lines_are_joined_and_broken_words_made_whole() -> None:
    text = (
        "1. The obliga-\ntions of a non-\nexclusive licensee and a long-\nterm sub\u00ad\nlicensee\n\n2. Non-exclusive"
    )
    assert (
        seen(text.encode(), "a.txt")[0][1] == "The obligations of a non-exclusive licensee and a longterm sublicensee"
    )
    known = seen(f"{text} of long-term use".encode(), "a.txt")[0][1]
    assert "long-term" in known


def test_markdown_marks_are_formatting_and_links_are_text() -> None:
    text = """# Title
<!-- a remark -->
1. ## Service
    1.1 <span class="x">**Access.**</span> See [the policy](https://example.org/p) and _more_ of 3*4 \\* snake_case.
- one &amp; two
- three

| Item | Price |
| --- | ---: |
| Seat | $5 |

Signed: ________ by <Customer>
"""
    assert seen(text.encode(), "a.md") == [
        ("", "Title"),
        ("1", "Service"),
        ("1.1", "Access. See the policy (https://example.org/p) and more of 3*4 * snake_case."),
        ("1.1", "one & two"),
        ("1.1", "three"),
        ("", "Item | Price"),
        ("", "Seat | $5"),
        ("", "Signed: ________ by <Customer>"),
    ]


def level(n: int, start: int, form: str, pattern: str, more: str = "") -> str:
    inside = f'<w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{pattern}"/>'
    return f'<w:lvl w:ilvl="{n}">{inside}</w:lvl>'


def test_word_shows_its_own_numbers() -> None:
    levels = level(0, 3, "upperRoman", "Article %1.") + level(1, 1, "decimal", "%1.%2", "<w:isLgl/>")
    levels += level(2, 1, "bullet", "o") + level(3, 1, "decimal", "%1.%4")
    numbering = f'<w:abstractNum w:abstractNumId="4">{levels}</w:abstractNum>'
    numbering += '<w:num w:numId="9"><w:abstractNumId w:val="4"/></w:num>'
    inside = '<w:numPr><w:ilvl w:val="{}"/><w:numId w:val="9"/></w:numPr>'
    styles = f'<w:style w:styleId="C"><w:pPr>{inside.format(1)}</w:pPr></w:style>'
    styled = '<w:pStyle w:val="C"/>'
    body = [
        paragraph("Term", inside.format(0)),
        paragraph("One.", styled),
        paragraph("Two.", styled),
        paragraph("dot", inside.format(2)),
        paragraph("odd", inside.format(3)),
        paragraph("End", inside.format(0)),
        paragraph("Three.", styled),
    ]
    assert seen(package("".join(body), numbering=numbering, styles=styles), "a.docx") == [
        ("Article III", "Term"),
        ("3.1", "One."),
        ("3.2", "Two."),
        ("3.2", "dot"),
        ("III.1", "odd"),
        ("Article IV", "End"),
        ("4.1", "Three."),
    ]


def test_tracked_changes_are_accepted_and_told() -> None:
    body = (
        "<w:p><w:r><w:t>Pay </w:t></w:r><w:del><w:r><w:delText>now</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>later</w:t></w:r></w:ins><w:moveFrom><w:r><w:t> gone</w:t></w:r></w:moveFrom>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t> hidden</w:t></w:r></w:p>"
    )
    document = read(package(body), "a.docx")
    assert [p.text for p in document.paragraphs] == ["Pay later hidden"]
    assert document.notes == (
        "The document has tracked changes; it is compared as if all were accepted.",
        "The document has hidden text; it is compared like all other: “hidden”.",
    )


def test_tables_are_read_row_by_row_and_footnotes_last() -> None:
    row = "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in ("Seat", "$5")) + "</w:tr>"
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    notes = f'<w:footnotes xmlns:w="{space}">{paragraph("Net.")}</w:footnotes>'
    body = f"{paragraph('Fees')}<w:tbl>{row}</w:tbl>{paragraph('End')}"
    document = read(package(body, more={"word/footnotes.xml": notes.encode()}), "a.docx")
    assert [p.text for p in document.paragraphs] == ["Fees", "Seat | $5", "End", "Net."]


def test_headers_footers_and_page_numbers_of_a_pdf_are_left_out() -> None:
    pages = [
        [(800, "SUPPLY AGREEMENT"), (700, f"{n}. Clause {n} says that"), (687, "it goes on."), (40, f"{n} / 3")]
        for n in (1, 2, 3)
    ]
    assert seen(draw(pages), "a.pdf") == [(str(n), f"Clause {n} says that it goes on.") for n in (1, 2, 3)]
    assert read(draw(pages), "a.pdf").notes == (
        "Left out as headers, footers and page numbers: SUPPLY AGREEMENT; # / #",
    )


def test_pages_without_text_are_told() -> None:
    document = read(draw([[(700, "1. Text here.")], []]), "a.pdf")
    assert document.notes == ("Pages without text, which may be scanned: 2. They were not compared.",)


def test_scripts_without_blanks_are_compared_letter_by_letter() -> None:
    one, other = "1. 供应商应在三十天内付款。\n\n2. ผู้ขายต้องส่งมอบ", "1. 供应商应在六十天内付款。\n\n2. ผู้ขายต้องส่งมอบ"
    found = compare(one.encode(), "a.txt", other.encode(), "b.txt")
    assert [(part.change, part.text) for part in found.entries[0].segments if part.change != "same"] == [
        ("removed", "三"),
        ("added", "六"),
    ]
    assert found.entries[1].statuses == ("same",)


def test_invisible_characters_are_left_out_and_told() -> None:
    plain, tricked = b"1. Pay 100 now.", "1. Pay \u202e100\u202c n\u200bow.".encode()
    found = compare(plain, "a.txt", tricked, "b.txt")
    assert found.summary.same == 1
    assert found.after.notes == ("3 invisible characters were left out of the comparison.",)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("3.8 Other.\n\n4. TAKEDOWNS\n\n4.1 Yours.\n\n5. PRICE", "3.8|4|4.1|5"),
        ("3. A.\n\n3.1 B.\n\n1. one;\n\n2. two;\n\n3.2 C.\n\n4. NEXT", "3|3.1|3.1.1|3.1.2|3.2|4"),
        ("ARTICLE I\nTERMS\n\nSection 1.01 Definitions. As in Exhibit A.\n\nSection 1.02 Sale and Loan. It sells.",
         "ARTICLE I|Section 1.01|Section 1.02"),
        ("Section 2.01. The Loan. It lends.\n\n(a) First, it\n\n(i) sub;\n\n(b) then\n\nSection 2.02 Interest",
         "Section 2.01|Section 2.01(a)|Section 2.01(a)(i)|Section 2.01(b)|Section 2.02"),
        ("Section 1.01 Sale. It sells.\nSection 1.02 Price. It pays.", "Section 1.01|Section 1.02"),
        ("4.1(a) The first\n\n4.1(a)(i) the second\n\n12A. Inserted", "4.1(a)|4.1(a)(i)|12A"),
        ("I. General\n\nA. Foo is here.\n\n1. baz\n\nB. Moo\n\nII. Other", "I|I.A|I.A.1|I.B|II"),
        ("Schedule 1 - Fees\n\n1. Due.\n\n1.1 Paid.\n\nPart B - Tax\n\n1. None.\n\nAnnex II: Data\n\nA.1 List",
         "Schedule 1|Schedule 1, 1|Schedule 1, 1.1|Schedule 1, Part B|Schedule 1, Part B, 1|Annex II|Annex II, A.1"),
        ("ARTICLE ONE. Terms\n\nArt. 2. Price\n\nSec. 3. Loss", "ARTICLE ONE|Art. 2|Sec. 3"),
        ("1. Terms ......... 3\n\nSchedule 1 Fees ....... 7\n\n1. Terms\n\n1.1 In this", "1|Schedule 1|1|1.1"),
        ("1. A\n\n2.\n\n3. C", "1|3"),
        ("U.S. persons are excluded.\n\n5 Business Days are due.\n\nSection 9 Applies to all.", "||"),
    ],
)  # fmt: skip
def test_numbers_are_those_that_lawyers_cite(text: str, labels: str) -> None:
    assert [label for label, _ in seen(text.encode(), "a.txt")] == labels.split("|")


def test_a_section_put_between_others_is_the_only_change() -> None:
    sections = [
        "Purchase and Sale. Seller sells the Shares.",
        "Purchase Price. The price is USD 5,000,000.",
        "Closing.",
    ]
    before = "\n\n".join(f"Section 1.0{n} {text}" for n, text in enumerate(sections, 1))
    sections.insert(1, "Adjustment. The price follows the net debt.")
    after = "\n\n".join(f"Section 1.0{n} {text}" for n, text in enumerate(sections, 1))
    found = compare(before.encode(), "a.txt", after.encode(), "b.txt")
    assert [e.statuses for e in found.entries if e.statuses != ("same",)] == [("added",)]


def test_a_heading_after_a_closed_list_has_its_own_number_in_markdown() -> None:
    assert seen(b"**3.8**\tNothing in.\n## 4.\tTAKEDOWNS\n", "a.md") == [("3.8", "Nothing in."), ("4", "TAKEDOWNS")]


def test_an_empty_numbered_paragraph_counts() -> None:
    numbering = f'<w:abstractNum w:abstractNumId="4">{level(0, 1, "decimal", "%1.")}</w:abstractNum>'
    numbering += '<w:num w:numId="9"><w:abstractNumId w:val="4"/></w:num>'
    inside = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="9"/></w:numPr>'
    body = paragraph("One.", inside) + paragraph("", inside) + paragraph("Three.", inside)
    assert seen(package(body, numbering=numbering), "a.docx") == [("1", "One."), ("3", "Three.")]
