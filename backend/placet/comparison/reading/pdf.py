"""PDF to paragraphs, by pypdf under tight limits: the text that pages draw, in the order in which they draw it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from placet.comparison.limits import (
    MAX_CHARACTERS,
    MAX_LINES,
    MAX_PAGES,
    MAX_PDF_CONTENT,
    MAX_PDF_OPERATIONS,
    check,
)
from placet.comparison.normal import BREAK
from placet.comparison.reading.archive import encrypted
from placet.comparison.reading.layout import Drawn, lines, without_margins
from placet.comparison.reading.paragraphs import paragraphs
from placet.comparison.reading.unread import Content
from placet.core.errors import ConfigError, DataError, PlacetError

if TYPE_CHECKING:
    from pypdf import PdfReader


def read_pdf(data: bytes) -> Content:
    """Paragraphs, and what a reader should know about the document."""
    try:
        import pypdf
        from pypdf import apply_configuration
    except ImportError:
        raise ConfigError("PDF needs pypdf", remedy="pip install 'placet[compare]'", code="config.extra") from None
    limit = MAX_PDF_CONTENT
    with (
        apply_configuration(
            maximum_declared_stream_length=limit,
            array_based_stream_maximum_output_length=limit,
            lzw_maximum_output_length=limit,
            run_length_maximum_output_length=limit,
            zlib_maximum_output_length=limit,
            zlib_maximum_recovery_input_length=1_000_000,
            page_tree_maximum_entries=2 * MAX_PAGES,
            xform_maximum_invocations_per_extraction=500,
            jbig2dec_binary=None,
            disable_legacy_handling=True,
        ),
        _complaints() as complaints,
    ):
        try:
            reader = pypdf.PdfReader(io.BytesIO(data), root_object_recovery_limit=1_000)
            if reader.is_encrypted:
                raise encrypted()
            pages = _drawn(reader)
        except PlacetError:
            raise
        except (Exception, RecursionError) as error:
            raise DataError(
                "the PDF can't be read",
                expected="a whole PDF within the limits",
                found=type(error).__name__,
                remedy="print it to a new PDF, or send the document as DOCX",
                code="data.broken",
            ) from None
    empty = [n for n, page in enumerate(pages, 1) if not page]
    if len(empty) == len(pages):
        raise DataError(
            "the PDF holds no text",
            expected="a PDF with text",
            found=f"{len(pages)} pages without text",
            remedy="recognise the text (OCR) first, or send the document as DOCX",
            code="data.no-text",
        )
    notes = []
    if empty:
        shown = ", ".join(map(str, empty[:20])) + (" …" if len(empty) > 20 else "")
        notes.append(f"Pages without text, which may be scanned: {shown}. They were not compared.")
    if complaints.count:
        notes.append("The PDF is irregular: parts of its text may be missing or out of order.")
    kept, margins = without_margins(pages)
    if margins:
        shown = "; ".join(line[:80] for line in margins[:6]) + (" …" if len(margins) > 6 else "")
        notes.append(f"Left out as headers, footers and page numbers: {shown}")
    return Content(paragraphs(lines(kept)), notes)


def _drawn(reader: PdfReader) -> list[list[Drawn]]:
    count = len(reader.pages)
    if not 0 < count <= MAX_PAGES:
        raise DataError("number of pages", expected=f"1 to {MAX_PAGES} pages", found=count, code="data.large")
    budget = _Budget()
    pages = []
    for page in reader.pages:
        contents = page.get_contents()
        budget.content += 0 if contents is None else len(contents.get_data())
        budget.check()
        pen = _Pen()
        page.extract_text(visitor_operand_before=budget.visit, visitor_text=pen.write)
        pages.append(pen.done())
        budget.characters += pen.characters
        budget.lines += len(pen.found)
        budget.check()
    return pages


@dataclass
class _Budget:
    content: int = 0
    operations: int = 0
    characters: int = 0
    lines: int = 0

    def visit(self, *_: object) -> None:
        self.operations += 1
        if self.operations > MAX_PDF_OPERATIONS:
            self.check()

    def check(self) -> None:
        """Called between pages too, since pypdf passes over errors inside forms."""
        for name, found, most in (
            ("bytes of drawing instructions", self.content, MAX_PDF_CONTENT),
            ("drawing instructions", self.operations, MAX_PDF_OPERATIONS),
            ("characters", self.characters, MAX_CHARACTERS),
            ("lines", self.lines, MAX_LINES),
        ):
            check(found, most, name)


@dataclass
class _Pen:
    """Collects what pypdf says it drew, fragment by fragment, into lines."""

    found: list[Drawn] = field(default_factory=list)
    characters: int = 0
    _text: str = ""
    _x: float = 0.0
    _y: float = 0.0
    _size: float = 0.0

    def write(self, text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        self.characters += len(text)
        for n, piece in enumerate(text.replace(BREAK, "").split("\n")):
            if n:
                self._flush()
            if not self._text and piece.strip():
                self._x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
                self._y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
                self._size = abs(size * (tm[3] * cm[3] or tm[1] * cm[2]))
            self._text += piece

    def _flush(self) -> None:
        if self._text.strip():
            self.found.append(Drawn(self._text, round(self._x, 1), round(self._y, 1), round(self._size, 1)))
        self._text = ""

    def done(self) -> list[Drawn]:
        self._flush()
        return self.found


class _Counting(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


@contextmanager
def _complaints() -> Iterator[_Counting]:
    """Counts pypdf's warnings while it reads, and keeps them out of the log."""
    logger, counting = logging.getLogger("pypdf"), _Counting()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(counting)
    try:
        yield counting
    finally:
        logger.removeHandler(counting)
        logger.propagate = propagated
