"""The elements of a Word document's parts, one after the other, to paragraphs.

Every element that may hold text is known here or told: what is neither read, nor a property, nor known to show nothing
is kept as unread, so that no text of an unknown element is missed in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from placet.comparison.limits import MAX_CHARACTERS, MAX_CLAUSES, check
from placet.comparison.normal import BREAK, invisible, normal
from placet.comparison.numbering import wordy
from placet.comparison.reading.archive import parse_xml
from placet.comparison.reading.docx_elements import (
    COUNTED,
    DELETED,
    ELSEWHERE,
    FORMER,
    PROPERTIES,
    SPACES,
    TEXT,
    TRACKED,
    known,
)
from placet.comparison.reading.docx_fields import COUNT, Field
from placet.comparison.reading.docx_graphics import ROOTS, Graphic
from placet.comparison.reading.docx_look import UNKNOWN, Look, filled, in_capitals, on, shade, symbol_font, unseen
from placet.comparison.reading.docx_math import Formula
from placet.comparison.reading.docx_numbering import Numbering, number
from placet.comparison.reading.docx_open import Alternatives, OpenCell, OpenParagraph, OpenRow
from placet.comparison.reading.docx_styles import Styles
from placet.comparison.reading.namespaces import Prefixes, prefixed
from placet.comparison.reading.paragraphs import Paragraph
from placet.comparison.reading.parts import Parts
from placet.comparison.reading.symbols import TICKS, shown, symbol
from placet.comparison.reading.unread import MARKS, RAISED, Unread, unread
from placet.core.errors import DataError

_CELL = " | "
_LOW: Final = 40
"""Twentieths of a point: a line or row of exactly this height shows nothing."""
_FAR: Final = 9_000
"""Twentieths of a point beside the page: nothing that begins there is seen."""


def _outside(attributes: Mapping[str, str]) -> bool:
    """Whether an indent or a frame puts a paragraph beside the page."""
    places = [attributes.get(f"w:{name}", "") for name in ("left", "start", "x", "y")]
    return any(number(place.lstrip("-"), 100_000) >= (_FAR if place.startswith("-") else 3 * _FAR) for place in places)


@dataclass
class DocxText:
    """Follows the elements of one part after the other. Text boxes stand before the paragraph that anchors them."""

    parts: Parts
    styles: Styles
    numbering: Numbering
    found: list[Paragraph] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    unseen: dict[str, list[str]] = field(default_factory=dict)
    """Text that is read and that no reader sees, by the reason."""
    struck: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """Text that a tracked change deletes."""
    tracked: bool = False
    invisible: int = 0
    """Characters that a reader can't see and that may change how others are shown."""
    sections: list[dict[str, str]] = field(default_factory=list)
    """Relations of headers and footers by name, such as `header first`; `titled` where the first page differs."""
    marks: list[tuple[str, str]] = field(default_factory=list)
    """Footnotes and endnotes by kind and id, in the order in which the text refers to them."""
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """In which columns of their tables the cells of rows begin, by the rows' texts."""
    bound: list[tuple[Mapping[str, str], str]] = field(default_factory=list)
    """Content controls that show data of another part: the binding, and the text that stands in the document."""
    _part: str = ""
    _around: list[str] = field(default_factory=list)
    _skipping: int = 0
    _characters: int = 0
    _paragraphs: list[OpenParagraph] = field(default_factory=list)
    _rows: list[OpenRow] = field(default_factory=list)
    _tables: list[str] = field(default_factory=list)
    """Styles of the tables around."""
    _run: Look = field(default_factory=Look)
    _look: Look | None = None
    _fields: list[Field] = field(default_factory=list)
    _graphics: list[Graphic] = field(default_factory=list)
    _formulas: list[Formula] = field(default_factory=list)
    _branches: list[Alternatives] = field(default_factory=list)
    _controls: list[tuple[Mapping[str, str] | None, list[str]]] = field(default_factory=list)
    _prefixes: Prefixes = field(default_factory=Prefixes)
    _placed: int = 0
    _near: str = ""
    _going: list[str] = field(default_factory=list)
    _merged: OpenParagraph | None = None
    """What the text of `_going` began, where its mark is hidden."""
    _only: frozenset[tuple[str, str]] | None = None

    def read(self, part: str, *, only: frozenset[tuple[str, str]] | None = None) -> None:
        """Follow one part; of footnotes and endnotes only those that are named by kind and id."""
        content = self.parts.read(part)
        if content is None:
            return
        self._part, self._only = part, only
        parse_xml(
            content,
            start=self._start,
            end=self._end,
            text=self._text,
            name_of=prefixed,
            declare=self._prefixes.declare,
        )
        while self._fields:
            self.unread += self._fields.pop().unread()
        if self._going:
            self._paragraphs.append(OpenParagraph())
            self._close(self._paragraphs.pop())
        self._place()

    # --- elements ---

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._around.append(name)
        if name in TRACKED or name in FORMER:
            self.tracked = True
        if self._skipping:
            self._skipping += 1
            return
        if name in FORMER or (name in DELETED and self._around[-2:-1] not in (["w:rPr"], ["w:trPr"])):
            self._skipping = 1
            return
        if name in ("mc:Choice", "mc:Fallback") and not self._branch(name, attributes):
            self._skipping = 1
            return
        if name in ELSEWHERE:
            raise DataError(
                "a part of the document's text is in another file inside it",
                expected="all text in the document itself",
                found=name.partition(":")[2],
                remedy="open it in a word processor and save it anew",
                code="data.format",
            )
        if (self._graphics and not self._graphics[-1].boxes) or name in ROOTS:
            self._drawn(name, attributes)
        else:
            self._written(name, attributes)
        self._structure(name, attributes)

    def _drawn(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in ROOTS and (not self._graphics or self._graphics[-1].boxes):
            self._graphics.append(Graphic(ROOTS[name], self.parts, self._part))
        self._graphics[-1].start(name, attributes)

    def _written(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._graphics:
            self._graphics[-1].depth += 1
            self._graphics[-1].boxes += name == "w:txbxContent"
        if not known(name, self._around) and name not in ROOTS:
            kept = sorted(attributes.items())
            if kept or name.startswith("w:"):
                self.unread.append(unread("elements that are not known here", name, repr(kept), shown=name))

    def _branch(self, name: str, attributes: Mapping[str, str]) -> bool:
        if not self._branches:
            return True
        here = self._branches[-1]
        right = name == "mc:Fallback" or self._prefixes.understood(attributes.get("Requires", ""))
        here.within = right and not here.chosen
        here.chosen |= here.within
        return here.within

    def _structure(self, name: str, attributes: Mapping[str, str]) -> None:
        value = attributes.get("w:val", "")
        here = self._paragraphs[-1] if self._paragraphs else None
        if name == "mc:AlternateContent":
            self._branches.append(Alternatives())
        elif name in ("w:p", "a:p"):
            self._paragraphs.append(OpenParagraph())
        elif name == "w:tbl":
            self._tables.append("")
        elif name == "w:tblStyle" and self._tables:
            self._tables[-1] = value
        elif name == "w:tr":
            self._rows.append(OpenRow())
        elif name == "w:tc" and self._rows:
            self._rows[-1].cells.append(OpenCell())
        elif name in ("w:footnote", "w:endnote", "w:comment"):
            one = (name[2:], attributes.get("w:id", ""))
            if self._only is not None and one not in self._only and "w:type" not in attributes:
                self._skipping = 1
        elif name in ("w:r", "m:r", "a:r"):
            self._run, self._look = Look(), None
        elif name == "w:sdt":
            self._controls.append((None, []))
        elif name in ("w:dataBinding", "w15:dataBinding") and self._controls:
            self._controls[-1] = (dict(attributes), self._controls[-1][1])
        elif name == "m:oMath":
            self._formulas.append(Formula())
        elif name == "w:sectPr":
            self.sections.append({})
        elif name in ("w:headerReference", "w:footerReference") and self.sections:
            kind = name.removeprefix("w:").removesuffix("Reference")
            self.sections[-1][f"{kind} {attributes.get('w:type', 'default')}"] = attributes.get("r:id", "")
        elif name == "w:titlePg" and self.sections and on(value):
            self.sections[-1]["titled"] = "1"
        elif name == "a:rPr":
            self._run.struck = attributes.get("strike", "noStrike") != "noStrike" or None
        elif name == "w:hyperlink" or name == "a:hlinkClick":
            self._linked(attributes.get("r:id", ""), attributes.get("w:tooltip", ""))
        elif name in COUNTED:
            self.marks.append((name[2:].removesuffix("Reference"), attributes.get("w:id", "")))
            self.unread.append(unread(MARKS, str(len(self.marks))))
        self._field(name, attributes)
        if self._formulas and name.startswith("m:"):
            self._put(self._formulas[-1].start(name, attributes))
        if self._rows:
            self._cell(name, attributes)
        if here is not None and len(self._around) > 1:
            self._paragraph(here, name, attributes)
        self._inline(name, attributes)

    def _linked(self, relation: str, tip: str) -> None:
        target = self.parts.relations(self._part).get(relation)
        if target is not None and target.outside:
            self.unread.append(unread("targets of links", target.target, shown=target.target))
        if tip:
            self.unread.append(unread("tips of links", tip, shown=tip))

    def _field(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "w:fldSimple":
            self._fields.append(Field([attributes.get("w:instr", "")], inside=False))
        elif name == "w:fldChar":
            kind = attributes.get("w:fldCharType", "")
            if kind == "begin":
                self._fields.append(Field())
            elif kind == "separate" and self._fields:
                self._fields[-1].inside = False
            elif kind == "end" and self._fields:
                self._finish(self._fields.pop())
        elif "w:ffData" in self._around and self._fields:
            self._fields[-1].form(name, attributes)

    def _finish(self, ended: Field) -> None:
        made = ended.made()
        if made:
            self._put(made)
        self.unread += ended.unread()

    def _cell(self, name: str, attributes: Mapping[str, str]) -> None:
        row = self._rows[-1]
        above = self._around[-2] if len(self._around) > 1 else ""
        if above == "w:trPr":
            row.gone |= name in DELETED
            exact = attributes.get("w:hRule") == "exact"
            row.low |= name == "w:trHeight" and exact and number(attributes.get("w:val", ""), 9999) <= _LOW
            row.hidden |= name == "w:hidden" and on(attributes.get("w:val", ""))
            row.before = number(attributes.get("w:val", ""), 99) if name == "w:gridBefore" else row.before
        elif above == "w:tcPr" and row.cells:
            cell = row.cells[-1]
            cell.gone |= name == "w:cellDel"
            cell.span = max(number(attributes.get("w:val", ""), 99), 1) if name == "w:gridSpan" else cell.span
            cell.covered |= name in ("w:vMerge", "w:hMerge") and attributes.get("w:val", "continue") == "continue"
            if name == "w:shd":
                cell.ground = shade(attributes)

    def _paragraph(self, here: OpenParagraph, name: str, attributes: Mapping[str, str]) -> None:
        value, above = attributes.get("w:val", ""), self._around[-2]
        if above == "w:rPr" and self._around[-3:-2] in (["w:r"], ["m:r"]):
            self._run.set(name, attributes)
        elif above == "w:rPr" and self._around[-3:-2] == ["w:pPr"]:
            here.joined |= name in DELETED
            here.merged |= name in ("w:vanish", "w:specVanish") and on(value)
        elif name == "w:pStyle":
            here.style = value
        elif name == "w:numId":
            here.list = value
        elif name == "w:ilvl":
            here.level = number(value, 8)
        elif name == "w:outlineLvl":
            here.outline = number(value, 9)
        elif above == "w:pPr" and name == "w:framePr" and attributes.get("w:dropCap", "none") != "none":
            here.joined = True
        elif above == "w:pPr" and name == "w:shd":
            here.ground = shade(attributes)
        elif above == "w:pPr" and name == "w:spacing" and attributes.get("w:lineRule") == "exact":
            here.low = number(attributes.get("w:line", ""), 9999) <= _LOW
        elif above == "w:pPr" and name in ("w:ind", "w:framePr"):
            here.outside |= _outside(attributes)
        elif "w14:textFill" in self._around:
            filled(self._run, name, attributes)

    def _inline(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in SPACES and "w:tabs" not in self._around:
            self._put(" ")
        elif name == "w:noBreakHyphen":
            self._put("-")
        elif name == "w:pgNum":
            self._put(COUNT)
        elif name == "w:sym":
            code = attributes.get("w:char", "")
            try:
                self._say(symbol(attributes.get("w:font", ""), int(code, 16)))
            except (ValueError, OverflowError):
                self.unread.append(unread("symbols", repr(sorted(attributes.items())), shown=code))
        elif name == "w:bdo" and attributes.get("w:val") == "rtl":
            self.unread.append(unread("texts that are shown from right to left", "bdo"))

    # --- text ---

    def _text(self, text: str) -> None:
        self._characters += len(text)
        check(self._characters, MAX_CHARACTERS, "characters")
        name = self._around[-1] if self._around else ""
        if self._skipping:
            if name in ("w:t", "a:t", "m:t") and self._branches and not self._branches[-1].within:
                self._branches[-1].other.append(text)
            elif name in ("w:t", "w:delText") and not self._branches:
                self.deleted.append(text)
            return
        if name == "w:instrText" and self._fields:
            self._fields[-1].instruction.append(text)
        elif name in TEXT:
            self._say(text.replace(BREAK, ""))
        elif self._graphics and not self._graphics[-1].boxes:
            self._graphics[-1].text(text)
        elif text.strip() and not any(around in PROPERTIES for around in self._around):
            self.unread.append(unread("texts in elements that are not known here", name, text.strip(), shown=text))

    def _say(self, text: str) -> None:
        """Text as its run looks."""
        here = self._paragraphs[-1] if self._paragraphs else None
        if self._look is None:
            table = self._tables[-1] if self._tables else ""
            self._look = self.styles.looks(self._run, here.style if here else "", table)
        look = self._look
        text = shown(text, symbol_font(look))
        self.invisible += invisible(text)
        if look.struck or look.struck_twice:
            self.struck.append(text)
            return
        row = self._rows[-1] if self._rows else None
        cell = row.cells[-1] if row and row.cells else None
        why = unseen(look, self._ground(here, cell))
        if (here is not None and here.low) or (row is not None and row.low):
            why = why or "in a line without height"
        if here is not None and here.outside:
            why = why or "outside of the page"
        if row is not None and row.hidden:
            why = why or "in a hidden row"
        if cell is not None and cell.covered:
            why = why or "in a merged cell"
        if self._graphics and any(graphic.hidden for graphic in self._graphics):
            why = why or "in a hidden shape"
        if look.raised and any(letter.isdigit() for letter in text):
            self.unread.append(unread(RAISED, text, shown=text))
        if why and text.strip():
            self.unseen.setdefault(why, []).append(text)
        self._put(text.upper() if in_capitals(look) else text)

    def _ground(self, here: OpenParagraph | None, cell: OpenCell | None) -> str | None:
        """The colour behind a text, None for the paper."""
        found = here.ground or self.styles.ground(here.style) if here is not None else None
        if found or (cell is not None and cell.ground):
            return found or (cell.ground if cell is not None else None)
        return UNKNOWN if cell is not None and self._tables and self.styles.shaded(self._tables[-1]) else None

    def _put(self, text: str) -> None:
        if not text:
            return
        for field_ in self._fields:
            if field_.inside or field_.hides_result:
                field_.swallowed += [text] if field_.inside else []
                return
            field_.shown = True
        for branch in self._branches:
            branch.shown.append(text)
        for binding, texts in self._controls:
            if binding is not None:
                texts.append(text)
        if not self._paragraphs:
            self._paragraphs.append(OpenParagraph([text]))
            self._close(self._paragraphs.pop())
        else:
            self._paragraphs[-1].pieces.append(text)

    # --- ends ---

    def _end(self, name: str) -> None:
        self._around.pop()
        if self._skipping:
            self._skipping -= 1
            return
        if self._graphics:
            graphic = self._graphics[-1]
            boxed = graphic.boxes
            if graphic.end(name) and not boxed:
                self._graphics.pop()
                self.unread.append(graphic.unread())
                if words := [words for words in map(normal, graphic.words) if words]:
                    self._put(f" {_CELL.join(words)} ")
        if self._formulas and name.startswith("m:"):
            self._put(self._formulas[-1].properties_end(name) + self._formulas[-1].end(name))
        if name == "m:oMath" and self._formulas:
            self._formulas.pop()
        elif name == "mc:AlternateContent" and self._branches:
            self._alternative(self._branches.pop())
        elif name in ("w:r", "m:r", "a:r"):
            self._run, self._look = Look(), None
        elif name == "w:fldSimple" and self._fields:
            self._finish(self._fields.pop())
        elif name == "w:sdt" and self._controls:
            binding, texts = self._controls.pop()
            if binding is not None:
                self.bound.append((binding, normal("".join(texts))))
        elif name in ("w:p", "a:p") and self._paragraphs:
            self._close(self._paragraphs.pop())
        elif name == "w:tc" and self._rows and self._rows[-1].cells and self._rows[-1].cells[-1].gone:
            self.deleted += self._rows[-1].cells.pop().texts
        elif name == "w:tbl" and self._tables:
            self._tables.pop()
        elif name == "w:tr" and self._rows:
            self._end_row(self._rows.pop())

    def _alternative(self, branches: Alternatives) -> None:
        other, chosen = normal("".join(branches.other)), normal("".join(branches.shown))
        if other.replace(" ", "") not in ("", chosen.replace(" ", "")):
            self.unread.append(unread("texts that only other programs show", other, shown=other))

    def _end_row(self, row: OpenRow) -> None:
        if row.gone:
            self.deleted += [text for cell in row.cells for text in cell.texts]
        cells = [] if row.gone else [" ".join(cell.texts) for cell in row.cells]
        if any(cells):
            text = _CELL.join(cells).strip()
            self.rows[normal(text)] = (*self.rows.get(normal(text), ()), *row.columns())
            if self._rows and self._rows[-1].cells:
                self._rows[-1].cells[-1].texts.append(text)
            else:
                self._add(Paragraph(normal(text)))

    def _close(self, ended: OpenParagraph) -> None:
        check(len(self.found), MAX_CLAUSES, "paragraphs")
        if ended.joined:
            self._going += ended.pieces
            return
        text = normal("".join([*self._going, *ended.pieces]))
        self._going.clear()
        ended = replace(self._merged, pieces=ended.pieces) if self._merged is not None else ended
        self._merged = None
        if ended.merged and text:
            self._merged, self._going = ended, [text + " "]
            ended.merged = False
            return
        styled_list, styled_level = self.styles.numbered(ended.style or self.styles.default)
        list_id = styled_list if ended.list is None else ended.list
        level = styled_level if ended.level is None else ended.level
        if level is None:
            level = self.numbering.level_of(list_id, self.styles.names(ended.style or self.styles.default))
        label = self.numbering.label(list_id, level) if list_id and list_id != "0" else ""
        if label and (label in TICKS or wordy(label)):
            text, label = f"{label} {text}".strip(), ""
        if not text:
            return
        if self._rows and self._rows[-1].cells:
            self._rows[-1].cells[-1].texts.append(f"{label} {text}" if label else text)
            return
        heading = self.styles.heading(ended.style)
        if ended.outline is not None:
            heading = ended.outline + 1 if ended.outline < 9 else 0
        self._add(Paragraph(text, heading, level if label else 0, label))

    def _add(self, paragraph: Paragraph) -> None:
        self.found.append(paragraph)
        self._near = paragraph.text
        self._place()

    def _place(self) -> None:
        """Gives what was met since the last paragraph the text that it stands by."""
        for n in range(self._placed, len(self.unread)):
            one = self.unread[n]
            self.unread[n] = Unread(one.kind, one.digest, one.near or self._near, one.shown)
        self._placed = len(self.unread)
