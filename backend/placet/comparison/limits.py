"""How much the comparison takes. All are far above a real contract, and low enough for an enclave's memory."""

from __future__ import annotations

from typing import Final

from placet.core.errors import DataError

MAX_BYTES: Final = 20_000_000
"""Of a document as it comes."""
MAX_EXPANDED: Final = 100_000_000
"""Bytes of all parts of an archive."""
MAX_PART: Final = 60_000_000
"""Bytes of one part of an archive."""
MAX_RATIO: Final = 250
"""Expanded bytes to compressed ones. Word's own XML seldom reaches 50."""
MAX_ENTRIES: Final = 2_000
MAX_DIRECTORY: Final = 1_000_000
"""Bytes of an archive's directory."""
MAX_DEPTH: Final = 100
"""XML elements inside each other."""
MAX_PAGES: Final = 2_000
MAX_PDF_CONTENT: Final = 20_000_000
"""Bytes of one stream of a PDF, expanded, and of all pages' drawing instructions."""
MAX_PDF_OPERATIONS: Final = 2_000_000
MAX_CHARACTERS: Final = 8_000_000
"""Of text, formatting included."""
MAX_LINES: Final = 400_000
MAX_WORDS: Final = 400_000
"""A side: about 800 pages."""
MAX_CLAUSES: Final = 40_000
"""A side."""
MAX_NAME: Final = 255
"""Characters of a document's name."""


def check(number: int, most: int, what: str) -> None:
    """DataError if the document holds more than that."""
    if number > most:
        raise DataError(
            "the document is longer than the comparison takes",
            expected=f"at most {most} {what}",
            found=f"more than {most} {what}",
            remedy="compare it in parts",
            code="data.large",
        )
