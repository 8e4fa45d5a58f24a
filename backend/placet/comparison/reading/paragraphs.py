"""What every reader gives: paragraphs with hints of structure; and how lines of text become paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from placet.comparison.normal import BREAK
from placet.comparison.numbering import marker
from placet.comparison.outline import Outline

_ENDS = re.compile(r"(?:[.;:!?]|[,;] (?:and|or|and/or)|\b(?:and|or)|[.;:!?][\"')])$")
_BROKEN = re.compile(r"[^\W\d_]-$")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Normal text (see `normal`), still with its typed numbering."""

    text: str
    heading: int = 0
    """1 to 9 where the form says that it is a heading, else 0."""
    depth: int = 0
    """Lists around it, where the form says so."""
    label: str = ""
    """Numbering that the format keeps apart from the text."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line, normal; `begins` where the form says that a paragraph begins here."""

    text: str
    heading: int = 0
    depth: int = 0
    begins: bool = False
    soft: bool = False
    """Ended in a soft hyphen."""


def paragraphs(lines: Iterable[TextLine | None]) -> list[Paragraph]:
    """Lines joined to paragraphs. None (a blank line) ends one; so does a line that goes on with a numbering."""
    paragraphs_: list[Paragraph] = []
    outline = Outline()
    block: list[TextLine] = []
    for line in [*lines, None]:
        if block and (line is None or _begins(line, block, outline)):
            paragraphs_.append(_joined(block))
            block = []
        if line is None:
            continue
        if not block and (number := marker(line.text)) is not None and (number.firm or outline.fits(number)):
            outline.enter(number, line.depth)
        block.append(line)
    return paragraphs_


def _begins(line: TextLine, block: list[TextLine], outline: Outline) -> bool:
    last = block[-1]
    if line.begins or line.heading or last.heading:
        return True
    if len(block) == 1 and _shouted(last.text) and not _shouted(line.text):
        return True
    number = marker(line.text)
    if number is None or not outline.fits(number):
        return False
    if number.titled:  # may be a reference inside a sentence that goes on
        return number.led and _ENDS.search(last.text[-8:]) is not None
    return _ENDS.search(last.text[-8:]) is not None or (len(block) == 1 and len(last.text) < 60 and number.firm)


def _shouted(text: str) -> bool:
    """A short line in capitals: a heading, even where no blank line follows."""
    return len(text) < 80 and text.isupper() and len(text) > 3


def _joined(block: list[TextLine]) -> Paragraph:
    pieces: list[str] = []
    for line, following in zip(block, [*block[1:], None], strict=True):
        if following is None or line.soft:
            pieces.append(line.text)
        elif _BROKEN.search(line.text[-2:]) and following.text[:1].isalpha():
            pieces.append(line.text[:-1] + BREAK)
        else:
            pieces.append(line.text + " ")
    return Paragraph("".join(pieces), block[0].heading, block[0].depth)
