"""Contracts as files: the same clauses as Markdown, plain text, DOCX or PDF, each with its own numbering and layout."""

from __future__ import annotations

import io
import random
import textwrap
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

FORMATS = ("md", "txt", "docx", "pdf")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@dataclass(frozen=True)
class Item:
    """A clause as an author has it: its level, whether it is a heading, its words."""

    level: int
    heading: bool
    text: str


def roman(number: int) -> str:
    pairs = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
    written = ""
    for value, letters in pairs:
        written, number = written + letters * (number // value), number % value
    return written


def _letters(number: int) -> str:
    return _LETTERS[(number - 1) % 26] * ((number - 1) // 26 + 1)


def numbered(items: Sequence[Item], scheme: str) -> Iterator[tuple[str, Item]]:
    """Each clause with its number in one of three schemes."""
    counts = [0, 0, 0]
    for item in items:
        counts[item.level] += 1
        counts[item.level + 1 :] = [0] * (2 - item.level)
        one, two, three = counts
        if scheme == "articles":
            yield (f"Article {roman(one).upper()}.", f"Section {one}.{two}.", f"({roman(three)})")[item.level], item
        elif scheme == "decimal":
            yield (f"{one}.", f"{one}.{two}", f"{one}.{two}.{three}")[item.level], item
        else:
            yield (f"{one}.", f"{one}.{two}", f"({_letters(three)})")[item.level], item


def make(items: Sequence[Item], form: str, rng: random.Random) -> bytes:
    """A file of one of FORMATS; layout and numbering scheme are drawn."""
    return {"md": markdown, "txt": text, "docx": docx, "pdf": pdf}[form](items, rng)


def _scheme(rng: random.Random) -> str:
    return rng.choice(("letters", "letters", "decimal", "articles"))


def _curly(words: str, rng: random.Random) -> str:
    """Typographer's quotes, or not; no-break spaces, or not: formatting."""
    if rng.random() < 0.5:
        opening = True
        made = ""
        for letter in words:
            made += ("“" if opening else "”") if letter == '"' else letter
            opening = not opening if letter == '"' else opening
        words = made.replace("'", "’")
    return words.replace("Section ", "Section\u00a0") if rng.random() < 0.3 else words


def markdown(items: Sequence[Item], rng: random.Random) -> bytes:
    scheme, width = _scheme(rng), rng.choice((0, 0, 78, 100))
    bold = rng.random() < 0.5
    lines: list[str] = []
    for number, item in numbered(items, scheme):
        words = _curly(item.text, rng)
        if item.heading and item.level == 0:
            lines += [f"## {number} {words}", ""]
            continue
        words = f"**{words}**" if bold and item.heading else words
        block = [f"{number} {words}"]
        if width:
            block = textwrap.wrap(block[0], width, break_long_words=False, break_on_hyphens=False)
        lines += ["    " * item.level + line for line in block] + [""]
    return "\n".join(lines).encode()


def text(items: Sequence[Item], rng: random.Random) -> bytes:
    scheme, width = _scheme(rng), rng.choice((60, 72, 80, 96))
    gap = rng.choice(("\n\n", "\n\n\n", "\r\n\r\n"))
    blocks = []
    for number, item in numbered(items, scheme):
        words = f"{number}{rng.choice((' ', '  ', chr(9)))}{_curly(item.text, rng)}"
        indent = " " * (3 * item.level)
        wrapped = textwrap.wrap(words, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
        blocks.append("\n".join(wrapped))
    return gap.join(blocks).encode()


def docx(items: Sequence[Item], rng: random.Random) -> bytes:
    """Word's own numbering: no number stands in the text."""
    body = []
    for item in items:
        style = f'<w:pStyle w:val="Heading{item.level + 1}"/>' if item.heading else ""
        numbering = f'<w:numPr><w:ilvl w:val="{item.level}"/><w:numId w:val="1"/></w:numPr>'
        words = _curly(item.text, rng)
        cut = rng.randrange(len(words))
        runs = "".join(
            f'<w:r><w:t xml:space="preserve">{escape(part)}</w:t></w:r>' for part in (words[:cut], words[cut:]) if part
        )
        body.append(f"<w:p><w:pPr>{style}{numbering}</w:pPr>{runs}</w:p>")
    levels = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{pattern}"/></w:lvl>'
        for n, (form, pattern) in enumerate((("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)")))
    )
    return package(
        "".join(body),
        numbering=f'<w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>',
        styles="".join(
            f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/></w:style>'
            for n in (1, 2, 3)
        ),
    )


def package(body: str, *, numbering: str = "", styles: str = "", more: dict[str, bytes] | None = None) -> bytes:
    """A DOCX with this inside its body."""
    parts: dict[str, bytes] = {
        "[Content_Types].xml": (
            b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            b'<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
            b'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
        ),
        "_rels/.rels": (
            b'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            b'<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
            b'officeDocument" Target="word/document.xml"/></Relationships>'
        ),
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'.encode(),
        "word/numbering.xml": f'<w:numbering xmlns:w="{_WORD}">{numbering}</w:numbering>'.encode(),
        "word/styles.xml": f'<w:styles xmlns:w="{_WORD}">{styles}</w:styles>'.encode(),
    }
    parts |= more or {}
    kinds = ("numbering", "styles", "footnotes", "endnotes")
    parts.setdefault("word/_rels/document.xml.rels", relations({name: (name, f"{name}.xml") for name in kinds}))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def relations(targets: Mapping[str, tuple[str, str]]) -> bytes:
    """A part's relations by id: the last word of the type, and the target; an address is outside."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    inside = "".join(
        f'<Relationship Id="{key}" Type="{office}{kind}" Target="{escape(target)}" '
        + ('TargetMode="External"/>' if "://" in target else "/>")
        for key, (kind, target) in targets.items()
    )
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{space}">{inside}</Relationships>'.encode()


def pdf(items: Sequence[Item], rng: random.Random) -> bytes:
    """Pages with a header and a page number, 11 points on 13, half a line between paragraphs."""
    scheme, width = _scheme(rng), rng.choice((84, 92))
    pages: list[list[tuple[int, str]]] = [[]]
    at = 760
    for number, item in numbered(items, scheme):
        for line in textwrap.wrap(f"{number} {item.text}", width, break_long_words=False, break_on_hyphens=False):
            if at < 72:
                pages.append([])
                at = 760
            pages[-1].append((at, line))
            at -= 13
        at -= 7
    return draw([[(800, "AGREEMENT - CONFIDENTIAL"), *page, (40, f"Page {n}")] for n, page in enumerate(pages, 1)])


def draw(pages: Sequence[Sequence[tuple[int, str]]]) -> bytes:
    """A PDF that draws lines of text at heights."""
    objects = [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"]
    for page in pages:
        drawn = b"BT /F1 11 Tf\n"
        for height, line in page:
            shown = line.encode("cp1252", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
            drawn += b"1 0 0 1 60 %d Tm (%s) Tj\n" % (height, shown)
        drawn += b"ET"
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            % len(objects)
        )
    kids = b" ".join(b"%d 0 R" % n for n in range(5, len(objects) + 1, 2))
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids)
    made, places = b"%PDF-1.4\n", []
    for n, held in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (n, held)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return b"%sxref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        made,
        count,
        table,
        count,
        len(made),
    )
