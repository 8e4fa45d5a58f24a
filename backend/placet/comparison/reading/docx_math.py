"""Formulas of Word (OMML, ECMA-376 part 1, 22.1) in one line: `(a)/(b)`, `x^(2)`, `√(x)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_BEFORE: Final = {
    "m:num": "(", "m:den": "/(", "m:sup": "^(", "m:sub": "_(", "m:rad": "√(", "m:deg": "[", "m:mr": "[", "m:e": " ",
    "m:bar": "‾(", "m:borderBox": "[", "m:lim": "_(",
}  # fmt: skip
_AFTER: Final = {
    "m:num": ")", "m:den": ")", "m:sup": ")", "m:sub": ")", "m:rad": ")", "m:deg": "]", "m:mr": "]", "m:bar": ")",
    "m:borderBox": "]", "m:lim": ")",
}  # fmt: skip
_STRIKES: Final = frozenset({"m:strikeH", "m:strikeV", "m:strikeBLTR", "m:strikeTLBR"})
_CHARACTERS: Final = frozenset({"m:chr", "m:begChr", "m:endChr", "m:sepChr"})


@dataclass
class Formula:
    """Follows the elements of one formula."""

    _marks: list[dict[str, str]] = field(default_factory=list)

    def start(self, name: str, attributes: Mapping[str, str]) -> str:
        """What stands before an element's own text."""
        if name in ("m:d", "m:nary", "m:acc", "m:groupChr"):
            self._marks.append({})
            self._marks[-1]["of"] = name
        elif name in _CHARACTERS and self._marks:
            self._marks[-1][name] = attributes.get("m:val", "")
        elif name == "m:e" and self._marks and self._marks[-1]["of"] == "m:d" and "opened" not in self._marks[-1]:
            self._marks[-1]["opened"] = "1"
            return "("
        elif name in _STRIKES:
            return "/"
        return _BEFORE.get(name, "")

    def properties_end(self, name: str) -> str:
        """What an element shows by its properties, once these are known."""
        marks = self._marks[-1] if self._marks else {}
        if name == "m:dPr":
            marks["opened"] = "1"
            return marks.get("m:begChr", "(")
        if name == "m:naryPr":
            return marks.get("m:chr", "∫")
        if name in ("m:accPr", "m:groupChrPr"):
            return marks.get("m:chr", "")
        return ""

    def end(self, name: str) -> str:
        """What stands after an element."""
        if name in ("m:d", "m:nary", "m:acc", "m:groupChr") and self._marks:
            marks = self._marks.pop()
            return marks.get("m:endChr", ")") if name == "m:d" else ""
        return _AFTER.get(name, "")
