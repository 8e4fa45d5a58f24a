"""PDF to paragraphs, by pypdf under tight limits: the text that pages show, in the order in which they draw it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placet.comparison.limits import (
    MAX_CHARACTERS,
    MAX_LINES,
    MAX_PAGES,
    MAX_PDF_CONTENT,
    MAX_PDF_OPERATIONS,
    check,
)
from placet.comparison.normal import invisible, normal
from placet.comparison.reading.archive import encrypted
from placet.comparison.reading.layout import lines, without_margins
from placet.comparison.reading.looks import twins
from placet.comparison.reading.paragraphs import Paragraph, paragraphs
from placet.comparison.reading.unread import Content, Unread, quoted
from placet.core.errors import ConfigError, DataError, PlacetError

if TYPE_CHECKING:
    from pypdf import PdfReader

    from placet.comparison.reading.pdf_fonts import Fonts
    from placet.comparison.reading.pdf_page import Page


def read_pdf(data: bytes) -> Content:
    """The text of a PDF's pages, what no reader sees of it, and what they show that is no text."""
    with _complaints() as complaints:
        pages, fonts, beside = _opened(data)
    empty = [n for n, page in enumerate(pages, 1) if not page.lines]
    if len(empty) == len(pages):
        raise DataError(
            "the PDF holds no text",
            expected="a PDF with text",
            found=f"{len(pages)} pages without text",
            remedy="recognise the text (OCR) first, or send the document as DOCX",
            code="data.no-text",
        )
    inner, margins = without_margins([page.lines for page in pages])
    notes = list(_notes(pages, empty))
    if complaints.count:
        notes.append("The PDF is irregular: parts of its text may be missing or out of order.")
    if margins:
        shown = "; ".join(normal(line)[:80] for line in margins[:6]) + (" …" if len(margins) > 6 else "")
        notes.append(f"Left out as headers, footers and page numbers: {shown}")
    notes += _letters(fonts)
    left_out = tuple(Paragraph(text) for text in dict.fromkeys(map(normal, margins)) if text)
    return Content(
        paragraphs(lines(inner)), notes, left_out, tuple(_once([*_all(pages), *beside])), fonts.looks, _rows(pages)
    )


def _letters(fonts: Fonts) -> Iterator[str]:
    """What fonts draw otherwise than the text says."""
    if lies := fonts.lies:
        yield f"The PDF has text that no reader sees (the page shows other letters): {quoted(lies)}."
    if alike := twins(fonts.looks):
        yield f"The PDF has a font that draws one letter for two, so that the text may say others: {quoted(alike)}."
    if fonts.unheld:
        yield f"The PDF has so many fonts that {fonts.unheld} of them were not held against the text."
    if twice := fonts.doubles:
        yield f"The PDF has a font that draws a letter in two ways, so that the text may say another: {quoted(twice)}."


def _rows(pages: list[Page]) -> dict[str, tuple[int, ...]]:
    rows: dict[str, tuple[int, ...]] = {}
    for page in pages:
        for text, columns in page.rows.items():
            rows[text] = (*rows.get(text, ()), *columns)
    return rows


def _opened(data: bytes) -> tuple[list[Page], Fonts, list[Unread]]:
    """The pages as they are drawn, the fonts that draw them, and what stands beside them."""
    try:
        import pypdf
        from pypdf import apply_configuration
    except ImportError:
        raise ConfigError("PDF needs pypdf", remedy="pip install 'placet[compare]'", code="config.extra") from None
    limit = MAX_PDF_CONTENT
    with apply_configuration(
        maximum_declared_stream_length=limit,
        array_based_stream_maximum_output_length=limit,
        lzw_maximum_output_length=limit,
        run_length_maximum_output_length=limit,
        zlib_maximum_output_length=limit,
        zlib_maximum_recovery_input_length=1_000_000,
        page_tree_maximum_entries=2 * MAX_PAGES,
        jbig2dec_binary=None,
        disable_legacy_handling=True,
    ):
        try:
            reader = pypdf.PdfReader(io.BytesIO(data), root_object_recovery_limit=1_000)
            if reader.is_encrypted:
                raise encrypted(opens=_opens(reader))
            return _pages(reader)
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


def _opens(reader: PdfReader) -> bool:
    """Whether anybody can open it, under an empty password."""
    try:
        return bool(reader.decrypt(""))
    except Exception:
        return False


def _notes(pages: list[Page], empty: list[int]) -> Iterator[str]:
    if empty:
        yield f"Pages without text, which may be scanned: {_listed(empty)}. They were not compared."
    if scanned := [n for n, page in enumerate(pages, 1) if page.pictured and "drawn invisibly" in page.unseen]:
        yield f"Pages that are pictures with recognised text, which may be wrong: {_listed(scanned)}."
    if turns := [n for n, page in enumerate(pages, 1) if page.turns]:
        yield f"Columns whose lines are drawn in turns were put one after the other on pages {_listed(turns)}."
    reasons = dict.fromkeys(why for page in pages for why in page.unseen)
    for why in reasons:
        texts = [text for page in pages for text in page.unseen.get(why, ())]
        yield f"The PDF has text that no reader sees ({why}); it is compared like all other: {quoted(texts)}."
    if struck := [text for page in pages for text in page.struck]:
        yield f"Text that a line strikes through is compared like all other: {quoted(struck)}."
    for shown, value in [pair for page in pages for pair in page.differing][:20]:
        yield f"A form field shows {quoted([shown]) or 'nothing'} and holds {quoted([value]) or 'nothing'}."
    hidden = sum(invisible(line.text) for page in pages for line in page.lines)
    if hidden:
        yield f"{hidden} invisible characters were left out of the comparison."


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:20])) + (" …" if len(numbers) > 20 else "")


def _all(pages: list[Page]) -> Iterator[Unread]:
    for page in pages:
        yield from page.unread


def _once(things: list[Unread]) -> Iterator[Unread]:
    """What a page has like others, such as its letter head, counts once; so does each unknown letter."""
    seen: set[tuple[str, bytes, str]] = set()
    for one in things:
        key = (one.kind, one.digest, one.near if one.kind != "letters that no font names" else "")
        if key not in seen:
            seen.add(key)
            yield one


def _pages(reader: PdfReader) -> tuple[list[Page], Fonts, list[Unread]]:
    from placet.comparison.reading.pdf_fonts import Fonts
    from placet.comparison.reading.pdf_layers import Layers
    from placet.comparison.reading.pdf_page import beside_pages, read_page

    count = len(reader.pages)
    if not 0 < count <= MAX_PAGES:
        raise DataError("number of pages", expected=f"1 to {MAX_PAGES} pages", found=count, code="data.large")
    root = reader.root_object
    form = root.get("/AcroForm")
    form = form.get_object() if form is not None else {}
    anew = bool(form.get("/NeedAppearances", False))
    layers, fonts = Layers(root), Fonts()
    budget = _Budget()
    pages = []
    for page in reader.pages:
        contents = page.get_contents()
        budget.content += 0 if contents is None else len(contents.get_data())
        budget.check()
        read = read_page(page, reader, fonts, layers, budget.visit, anew=anew)
        pages.append(read)
        budget.lines += len(read.lines)
        budget.check()
    return pages, fonts, beside_pages(root)


@dataclass
class _Budget:
    content: int = 0
    operations: int = 0
    characters: int = 0
    lines: int = 0

    def visit(self, letters: int) -> None:
        """One more operator, with the letters that it shows."""
        self.operations += letters == 0
        self.characters += letters
        if self.operations > MAX_PDF_OPERATIONS or self.characters > MAX_CHARACTERS:
            self.check()

    def check(self) -> None:
        """DataError beyond a limit."""
        for name, number, most in (
            ("bytes of drawing instructions", self.content, MAX_PDF_CONTENT),
            ("drawing instructions", self.operations, MAX_PDF_OPERATIONS),
            ("characters", self.characters, MAX_CHARACTERS),
            ("lines", self.lines, MAX_LINES),
        ):
            check(number, most, name)


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
