"""Fields of Word: what they show is their stored result, or is made of their instruction (ECMA-376 part 1, 17.16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from placet.comparison.reading.docx_look import on
from placet.comparison.reading.symbols import OFF, ON, symbol
from placet.comparison.reading.unread import Unread, unread

_SILENT: Final = frozenset(
    {"TC", "XE", "RD", "TA", "SET", "ASK", "PRINT", "PRIVATE", "ADVANCE", "NEXT", "NEXTIF", "SKIPIF", "BIDIOUTLINE"}
)
_STORED: Final = frozenset(
    {"TOC", "TOA", "INDEX", "PAGEREF", "REF", "NOTEREF", "SEQ", "HYPERLINK", "STYLEREF", "FORMTEXT"}
    | {"CITATION", "BIBLIOGRAPHY"}
)  # fmt: skip
"""What is shown is the stored result, and what an update would make of it is in the document too."""
_COUNTS: Final = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION"})
_BUTTONS: Final = frozenset({"MACROBUTTON", "GOTOBUTTON"})
COUNT: Final = "#"
"""Stands for a page's number or the number of pages."""


@dataclass
class Field:
    """A field that is being read."""

    instruction: list[str] = field(default_factory=list)
    inside: bool = True
    """Whether what comes is its instruction."""
    shown: bool = False
    """Whether it has shown something."""
    swallowed: list[str] = field(default_factory=list)
    """Text that stands in the instruction, so that nobody sees it."""
    _checked: bool | None = None
    _default: str = ""
    _result: int | None = None
    _entries: list[str] = field(default_factory=list)

    def form(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element of a legacy form field's data."""
        value = attributes.get("w:val", "")
        if name == "w:checked":
            self._checked = on(value)
        elif name == "w:default":
            self._default = value or "1"
        elif name == "w:result":
            self._result = _place(value)
        elif name == "w:listEntry":
            self._entries.append(value)

    @cached_property
    def words(self) -> list[str]:
        """Of the instruction, once that is read."""
        return "".join(self.instruction).split()

    @property
    def keyword(self) -> str:
        """Such as `REF`."""
        return self.words[0].upper() if self.words else ""

    @property
    def hides_result(self) -> bool:
        """Whether something else than the stored result is shown."""
        return not self.inside and self.keyword in _COUNTS | {"FORMCHECKBOX", "FORMDROPDOWN"} | _BUTTONS

    def made(self) -> str:
        """What it shows without a stored result."""
        keyword, words = self.keyword, self.words
        if keyword == "FORMCHECKBOX":
            return ON if (self._checked if self._checked is not None else on(self._default or "0")) else OFF
        if keyword == "FORMDROPDOWN":
            place = _place(self._default) if self._result is None else self._result
            return self._entries[place] if place < len(self._entries) else ""
        if keyword == "FORMTEXT" and not self.shown:
            return self._default
        if keyword in _COUNTS:
            return COUNT
        if keyword in _BUTTONS:
            return " ".join(words[2:])
        if keyword == "SYMBOL" and not self.shown and len(words) > 1:
            return self._symbol(words)
        return ""

    @staticmethod
    def _symbol(words: list[str]) -> str:
        font = "".join(words[words.index("\\f") + 1 :]).split("\\")[0].strip('"') if "\\f" in words else ""
        try:
            code = int(words[1], 16 if words[1].lower().startswith("0x") else 10)
        except ValueError:
            return ""
        return symbol(font or "Symbol", code) if 0 <= code < 0x110000 else ""

    def unread(self) -> list[Unread]:
        """What of it is not in the text."""
        instruction, keyword = " ".join(self.words), self.keyword
        things = []
        if any(text.strip() for text in self.swallowed):
            things.append(unread("texts inside codes of fields", *self.swallowed, shown="".join(self.swallowed)))
        if not keyword or keyword in _SILENT | _STORED | _COUNTS | _BUTTONS | {"FORMCHECKBOX", "FORMDROPDOWN"}:
            return things
        if not self.shown and not self.made():
            things.append(unread("fields that show no stored result", instruction, shown=instruction))
        else:
            kind = "fields that an update may make show something else"
            things.append(unread(kind, instruction, shown=instruction))
        return things


def _place(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 5 else 0
