"""From a document's bytes, as a stranger sends them, to paragraphs. What can't be read is refused with the reason."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final, Literal, NoReturn

from placet.comparison.limits import MAX_BYTES, MAX_NAME
from placet.comparison.normal import invisible
from placet.comparison.reading.docx import read_docx
from placet.comparison.reading.looks import Looks
from placet.comparison.reading.markdown import read_markdown
from placet.comparison.reading.paragraphs import Paragraph
from placet.comparison.reading.pdf import read_pdf
from placet.comparison.reading.text import decode, read_text
from placet.comparison.reading.unread import Content, Unread
from placet.core.errors import DataError, InputError

Format = Literal["text", "markdown", "docx", "pdf"]
_FORMATS: Final[dict[str, Format]] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".docx": "docx",
    ".pdf": "pdf",
}
_MAGIC: Final = ((b"%PDF-", "pdf"), (b"PK\x03\x04", "docx"), (b"\xd0\xcf\x11\xe0", "an old or encrypted Office file"))
_MACROS: Final = frozenset({".docm", ".dotm"})


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read."""

    name: str
    format: Format
    sha256: str
    """Hex, of the bytes as they came."""
    size: int
    paragraphs: tuple[Paragraph, ...]
    notes: tuple[str, ...]
    """What its reader should know, in words."""
    margins: tuple[Paragraph, ...] = ()
    """Headers and footers; they belong to the text of a DOCX, and are left out of a PDF's."""
    unread: tuple[Unread, ...] = ()
    """What it shows that is no text."""
    looks: Looks = field(default_factory=dict, repr=False)
    """What a PDF's fonts draw for letters."""
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    """In which columns the cells of rows with empty ones stand, where the text does not say so."""


def read(data: bytes, name: str) -> Document:
    """Reads by the name's ending, which has to fit the content. DataError or InputError, with a code, for the rest."""
    shown = _safe(name)
    ending = PurePosixPath(shown).suffix.lower()
    if ending in _MACROS:
        _refuse("the document may hold macros", "a .docx, .pdf, .md or .txt file", ending, "data.macros")
    kind = _FORMATS.get(ending)
    if kind is None:
        _refuse(
            "the document's format is not known",
            "a .docx, .pdf, .md or .txt file",
            ending or "no ending",
            "data.format",
        )
    if len(data) > MAX_BYTES:
        raise DataError(
            "the document is too large",
            expected=f"at most {MAX_BYTES} bytes",
            found=len(data),
            remedy="save it without pictures",
            code="data.large",
        )
    if not data.strip():
        _empty()
    kind_of_content = next((means for magic, means in _MAGIC if data.lstrip()[:8].startswith(magic)), "text")
    if kind_of_content != (kind if kind in ("pdf", "docx") else "text"):
        _refuse("the document is not what its name says", kind, kind_of_content, "data.format")
    content = _read(data, kind)
    if not any(paragraph.text for paragraph in (*content.paragraphs, *content.margins)):
        _empty()
    return Document(
        name=shown,
        format=kind,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        paragraphs=tuple(content.paragraphs),
        notes=tuple(content.notes),
        margins=content.margins,
        unread=content.unread,
        looks=content.looks,
        rows=content.rows,
    )


def _read(data: bytes, kind: Format) -> Content:
    if kind == "pdf":
        return read_pdf(data)
    if kind == "docx":
        return read_docx(data)
    text = decode(data)
    hidden = invisible(text)
    notes = [f"{hidden} invisible characters were left out of the comparison."] if hidden else []
    content = read_markdown(text) if kind == "markdown" else Content(read_text(text), [])
    return replace(content, notes=[*content.notes, *notes])


def _safe(name: str) -> str:
    base = name.replace("\\", "/").rpartition("/")[2].strip()
    if not base or len(base) > MAX_NAME or any(unicodedata.category(c)[0] == "C" for c in base):
        raise InputError(
            "the document's name",
            expected=f"1 to {MAX_NAME} printable characters",
            found=ascii(base[:40]),
            code="input.name",
        )
    return base


def _refuse(message: str, expected: str, found: str, code: str) -> NoReturn:
    raise DataError(
        message, expected=expected, found=found, remedy="save the document as .docx, .pdf, .md or .txt", code=code
    )


def _empty() -> NoReturn:
    raise DataError("the document is empty", expected="a contract's text", found="no text", code="data.empty")
