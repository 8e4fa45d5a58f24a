"""Documents that mean harm, or are just broken: file name, content, and the code in which they end."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from benchmarks._documents import package

_PARAGRAPH = "<w:p><w:r><w:t>1. The Supplier shall deliver.</w:t></w:r></w:p>"
_ENTITIES = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><d>&b;</d>'

DOCUMENTS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "bomb": ("c.docx", lambda: package(_PARAGRAPH, more={"word/styles.xml": bytes(30_000_000)}), "data.bomb"),
    "entities": ("c.docx", lambda: package(_PARAGRAPH, more={"word/styles.xml": _ENTITIES}), "data.entities"),
    "macros": ("c.docx", lambda: package(_PARAGRAPH, more={"word/vbaProject.bin": b"x"}), "data.macros"),
    "empty": ("c.txt", lambda: b"", "data.empty"),
    "encoding": ("c.txt", lambda: b"1. The Supplier \xff\xfe\x80 shall deliver.", "data.encoding"),
    "broken": ("c.docx", lambda: package(_PARAGRAPH)[:-40], "data.broken"),
    "not its name": ("c.pdf", lambda: b"1. The Supplier shall deliver.", "data.format"),
    "too large": ("c.txt", lambda: b"word " * 4_000_001, "data.large"),
}

_TEXT = (Path(__file__).resolve().parents[3] / "docs" / "explanation" / "comparison.md").read_text()
CODES = set(re.findall(r"`data\.([a-z-]+)`", _TEXT))
"""All that docs/explanation/comparison.md names."""
