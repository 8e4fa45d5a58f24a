"""The text of a Word document as its runs look, put into the paragraph and the cell that are open.

A paragraph that ends goes to the cell around it, or to the document's content; so does a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from placet.comparison.limits import MAX_CLAUSES, check
from placet.comparison.normal import invisible, normal
from placet.comparison.numbering import wordy
from placet.comparison.reading.docx_content import DocxContent
from placet.comparison.reading.docx_fields import Field
from placet.comparison.reading.docx_graphics import Graphic
from placet.comparison.reading.docx_look import UNKNOWN, Look, in_capitals, symbol_font, unseen
from placet.comparison.reading.docx_numbering import Numbering
from placet.comparison.reading.docx_open import Alternatives, OpenCell, OpenParagraph, OpenRow
from placet.comparison.reading.docx_styles import Styles
from placet.comparison.reading.paragraphs import Paragraph
from placet.comparison.reading.symbols import TICKS, shown
from placet.comparison.reading.unread import RAISED, unread

CELL: Final = " | "
"""Between the texts of a row's cells."""


@dataclass
class DocxFlow:
    """What is open at a place in a part, and the text that stands there."""

    styles: Styles
    numbering: Numbering
    content: DocxContent
    paragraphs: list[OpenParagraph] = field(default_factory=list)
    rows: list[OpenRow] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    """Styles of the tables around."""
    run: Look = field(default_factory=Look)
    fields: list[Field] = field(default_factory=list)
    graphics: list[Graphic] = field(default_factory=list)
    branches: list[Alternatives] = field(default_factory=list)
    controls: list[tuple[Mapping[str, str] | None, list[str]]] = field(default_factory=list)
    """Content controls: the binding to data, None without one, and the text in it."""
    _look: Look | None = None
    """How the run looks with all that its styles say, None before its first text."""
    _going: list[str] = field(default_factory=list)
    _merged: OpenParagraph | None = None
    """What the text of `_going` began, where its mark is hidden."""

    def new_run(self) -> None:
        self.run, self._look = Look(), None

    def finish(self) -> None:
        """The end of a part."""
        while self.fields:
            self.content.unread += self.fields.pop().unread()
        if self._going:
            self.close(OpenParagraph())
        self.content.place()

    def say(self, text: str) -> None:
        """Text as its run looks."""
        here = self.paragraphs[-1] if self.paragraphs else None
        if self._look is None:
            table = self.tables[-1] if self.tables else ""
            self._look = self.styles.looks(self.run, here.style if here else "", table)
        look = self._look
        text = shown(text, symbol_font(look))
        self.content.invisible += invisible(text)
        if look.struck or look.struck_twice:
            self.content.struck.append(text)
            return
        row = self.rows[-1] if self.rows else None
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
        if self.graphics and any(graphic.hidden for graphic in self.graphics):
            why = why or "in a hidden shape"
        if look.raised and any(letter.isdigit() for letter in text):
            self.content.unread.append(unread(RAISED, text, shown=text))
        if why and text.strip():
            self.content.unseen.setdefault(why, []).append(text)
        self.put(text.upper() if in_capitals(look) else text)

    def _ground(self, here: OpenParagraph | None, cell: OpenCell | None) -> str | None:
        """The colour behind a text, None for the paper."""
        ground = here.ground or self.styles.ground(here.style) if here is not None else None
        if ground or (cell is not None and cell.ground):
            return ground or (cell.ground if cell is not None else None)
        return UNKNOWN if cell is not None and self.tables and self.styles.shaded(self.tables[-1]) else None

    def put(self, text: str) -> None:
        if not text:
            return
        for field_ in self.fields:
            if field_.inside or field_.hides_result:
                field_.swallowed += [text] if field_.inside else []
                return
            field_.shown = True
        for branch in self.branches:
            branch.shown.append(text)
        for binding, texts in self.controls:
            if binding is not None:
                texts.append(text)
        if not self.paragraphs:
            self.paragraphs.append(OpenParagraph([text]))
            self.close(self.paragraphs.pop())
        else:
            self.paragraphs[-1].pieces.append(text)

    def end_row(self, row: OpenRow) -> None:
        if row.gone:
            self.content.deleted += [text for cell in row.cells for text in cell.texts]
        cells = [] if row.gone else [" ".join(cell.texts) for cell in row.cells]
        if any(cells):
            text = CELL.join(cells).strip()
            self.content.rows[normal(text)] = (*self.content.rows.get(normal(text), ()), *row.columns())
            if self.rows and self.rows[-1].cells:
                self.rows[-1].cells[-1].texts.append(text)
            else:
                self.content.add(Paragraph(normal(text)))

    def close(self, ended: OpenParagraph) -> None:
        check(len(self.content.paragraphs), MAX_CLAUSES, "paragraphs")
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
        if self.rows and self.rows[-1].cells:
            self.rows[-1].cells[-1].texts.append(f"{label} {text}" if label else text)
            return
        heading = self.styles.heading(ended.style)
        if ended.outline is not None:
            heading = ended.outline + 1 if ended.outline < 9 else 0
        self.content.add(Paragraph(text, heading, level if label else 0, label))
