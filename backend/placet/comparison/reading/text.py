"""Plain text: lines to paragraphs. And from bytes to characters, for all that comes as text."""

from __future__ import annotations

import codecs

from placet.comparison.limits import MAX_CHARACTERS, MAX_LINES, check
from placet.comparison.normal import BREAK, normal
from placet.comparison.reading.paragraphs import Paragraph, TextLine, paragraphs
from placet.core.errors import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode(data: bytes) -> str:
    """UTF-8, or UTF-16 with its byte order mark; anything else is refused rather than guessed."""
    mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            "the text can't be decoded",
            expected="UTF-8, or UTF-16 with a byte order mark",
            found=f"a byte that is not {encoding} at {error.start + len(mark)}",
            remedy="save the document as UTF-8",
            code="data.encoding",
        ) from None
    if "\0" in text:
        raise DataError(
            "the text holds zero bytes", expected="text", found="binary data", remedy="send a text", code="data.format"
        )
    check(len(text), MAX_CHARACTERS, "characters")
    check(text.count("\n") + text.count("\r"), MAX_LINES, "lines")
    return text.replace(BREAK, "")


def line_of(text: str, *, heading: int = 0, depth: int = 0, begins: bool = False) -> TextLine | None:
    """One line of raw text; None if nothing of it can be seen."""
    plain = normal(text)
    if not plain:
        return None
    return TextLine(plain, heading, depth, begins, text.rstrip().endswith("\u00ad"))


def read_text(text: str) -> list[Paragraph]:
    """Blank lines and numbering part paragraphs; indentation and line length mean nothing."""
    return paragraphs(line_of(line) for line in text.splitlines())
