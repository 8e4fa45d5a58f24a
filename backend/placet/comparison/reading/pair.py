"""Both versions read; and of each told what it shows that the other does not, where that is no text to compare."""

from __future__ import annotations

from dataclasses import replace

from placet.comparison.reading import Document, read
from placet.comparison.reading.looks import otherwise
from placet.comparison.reading.unread import MARKS, RAISED, Unread, notes_of, quoted


def read_pair(a: bytes, a_name: str, b: bytes, b_name: str) -> tuple[Document, Document]:
    """The earlier version, then the later one. DataError or InputError, with a code, for what can't be read."""
    one, other = read(a, a_name), read(b, b_name)
    return _beside(one, other), _beside(other, one)


def _comparable(one: Unread, mine: Document, theirs: Document) -> bool:
    """What a format has in a way of its own can't be held against another format."""
    return mine.format == theirs.format or one.kind not in (MARKS, RAISED)


def _beside(mine: Document, theirs: Document) -> Document:
    """A document with its notes about the other; headers and footers that only a DOCX has go to the text's end."""
    texts = ["\n".join(paragraph.text for paragraph in (*one.paragraphs, *one.margins)) for one in (mine, theirs)]
    here, there = ([one for one in side.unread if _comparable(one, mine, theirs)] for side in (mine, theirs))
    notes = [*mine.notes, *notes_of(here, there, *texts)]
    if letters := otherwise(mine.looks, theirs.looks):
        notes.append(
            f"Letters look otherwise than in the other version, so that the text may say others: {quoted(letters)}."
        )
    tables = mine.rows.items() if mine.format == theirs.format else ()
    if rows := [text for text, columns in tables if theirs.rows.get(text, columns) != columns]:
        notes.append(f"Cells stand in other columns than in the other version: {quoted(rows)}.")
    other = {paragraph.text for paragraph in theirs.margins}
    lone = tuple(paragraph for paragraph in mine.margins if paragraph.text not in other)
    if lone and mine.format == "docx":
        mine = replace(mine, paragraphs=(*mine.paragraphs, *lone))
        notes.append("Headers and footers that the other version does not have are compared at the end of the text.")
    elif lone and theirs.format in ("docx", "pdf"):
        words = quoted(paragraph.text for paragraph in lone)
        notes.append(f"Headers and footers that the other version does not have, which are not compared: {words}.")
    return replace(mine, notes=tuple(notes))
