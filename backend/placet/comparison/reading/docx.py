"""DOCX to paragraphs: what Word shows, with tracked changes accepted. Nothing in it is run, fetched or resolved."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from placet.comparison.limits import MAX_CHARACTERS, MAX_CLAUSES, check
from placet.comparison.normal import BREAK, normal
from placet.comparison.reading.archive import Archive, parse_xml
from placet.comparison.reading.docx_styles import (
    Numbering,
    Styles,
    number,
    read_numbering,
    read_styles,
)
from placet.comparison.reading.paragraphs import Paragraph
from placet.core.errors import DataError

_SKIPPED = frozenset({"del", "moveFrom", "Fallback", "instrText", "delInstrText", "delText", "rPrChange", "pPrChange"})
_SPACES = frozenset({"tab", "br", "cr", "ptab"})
_ELSEWHERE = frozenset({"altChunk", "subDoc"})
_CELL = " | "


def read_docx(data: bytes) -> tuple[list[Paragraph], list[str]]:
    """Body, then footnotes and endnotes; and what a reader should know about the document."""
    archive = Archive(data)
    types = archive.read("[Content_Types].xml")
    if types is None:
        raise _not_word()
    if any(name.lower().endswith(("vbaproject.bin", "vbadata.xml")) for name in archive.names) or (
        b"macroenabled" in types.lower()
    ):
        raise DataError(
            "the document holds macros",
            expected="a DOCX without macros",
            found="macros",
            remedy="save it as .docx, without macros",
            code="data.macros",
        )
    main = _main_part(archive)
    body = archive.read(main)
    if body is None:
        raise _not_word()
    folder = posixpath.dirname(main)
    styles, numbering = Styles(), Numbering()
    if (part := archive.read(f"{folder}/styles.xml")) is not None:
        styles = read_styles(part)
    if (part := archive.read(f"{folder}/numbering.xml")) is not None:
        numbering = read_numbering(part)
    reader = _Body(styles, numbering)
    reader.read(body)
    for notes in ("footnotes", "endnotes"):
        if (part := archive.read(f"{folder}/{notes}.xml")) is not None:
            reader.read(part)
    return reader.found, sorted(reader.notes)


def _not_word() -> DataError:
    return DataError(
        "the archive is not a Word document",
        expected="a DOCX file",
        found="another archive",
        remedy="save the document as .docx",
        code="data.format",
    )


def _main_part(archive: Archive) -> str:
    relations = archive.read("_rels/.rels")
    targets: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
            targets.append(attributes.get("Target", ""))

    if relations is not None:
        parse_xml(relations, start=start, end=lambda _: None, text=lambda _: None)
    return posixpath.normpath(targets[0].lstrip("/")) if targets else "word/document.xml"


@dataclass
class _Open:
    """A paragraph that is being read."""

    pieces: list[str] = field(default_factory=list)
    style: str = ""
    list: str | None = None
    level: int | None = None
    outline: int | None = None


@dataclass
class _Body:
    """Follows the elements of one part after the other. Text boxes stand before the paragraph that anchors them."""

    styles: Styles
    numbering: Numbering
    found: list[Paragraph] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
    _skipping: int = 0
    _showing: int = 0
    _characters: int = 0
    _paragraphs: list[_Open] = field(default_factory=list)
    _cells: list[list[list[str]]] = field(default_factory=list)

    def read(self, part: bytes) -> None:
        parse_xml(part, start=self._start, end=self._end, text=self._text)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("ins", "del", "moveFrom"):
            self.notes.add("The document has tracked changes; it is compared as if all were accepted.")
        if self._skipping or name in _SKIPPED:
            self._skipping += 1
            return
        if name in _ELSEWHERE:
            raise DataError(
                "a part of the document's text is in another file inside it",
                expected="all text in the document itself",
                found=name,
                remedy="open it in a word processor and save it anew",
                code="data.format",
            )
        here = self._paragraphs[-1] if self._paragraphs else None
        value = attributes.get("val", "")
        if name == "p":
            self._paragraphs.append(_Open())
        elif name == "tr":
            self._cells.append([])
        elif name == "tc" and self._cells:
            self._cells[-1].append([])
        elif name == "t":
            self._showing += 1
        elif here is not None:
            self._inside(here, name, value)

    def _inside(self, here: _Open, name: str, value: str) -> None:
        if name in _SPACES:
            here.pieces.append(" ")
        elif name == "noBreakHyphen":
            here.pieces.append("-")
        elif name == "pStyle":
            here.style = value
        elif name == "numId":
            here.list = value
        elif name == "ilvl":
            here.level = number(value, 8)
        elif name == "outlineLvl":
            here.outline = number(value, 9)
        elif name == "vanish" and value not in ("0", "false"):
            self.notes.add("The document has hidden text; it is compared like all other.")

    def _text(self, text: str) -> None:
        self._characters += len(text)
        check(self._characters, MAX_CHARACTERS, "characters")
        if self._showing and not self._skipping and self._paragraphs:
            self._paragraphs[-1].pieces.append(text.replace(BREAK, ""))

    def _end(self, name: str) -> None:
        if self._skipping:
            self._skipping -= 1
        elif name == "t":
            self._showing -= 1
        elif name == "p" and self._paragraphs:
            self._close(self._paragraphs.pop())
        elif name == "tr" and self._cells:
            cells = [" ".join(cell) for cell in self._cells.pop()]
            row = _CELL.join(cell for cell in cells if cell)
            if row and self._cells and self._cells[-1]:
                self._cells[-1][-1].append(row)
            elif row:
                self.found.append(Paragraph(row))

    def _close(self, ended: _Open) -> None:
        check(len(self.found), MAX_CLAUSES, "paragraphs")
        text = normal("".join(ended.pieces))
        styled_list, styled_level = self.styles.numbered(ended.style)
        list_id = styled_list if ended.list is None else ended.list
        level = styled_level if ended.level is None else ended.level
        label = self.numbering.label(list_id, level) if list_id and list_id != "0" else ""
        if not text:
            return
        if self._cells and self._cells[-1]:
            self._cells[-1][-1].append(f"{label} {text}" if label else text)
            return
        heading = self.styles.heading(ended.style)
        if ended.outline is not None:
            heading = ended.outline + 1 if ended.outline < 9 else 0
        self.found.append(Paragraph(text, heading, level if label else 0, label))
