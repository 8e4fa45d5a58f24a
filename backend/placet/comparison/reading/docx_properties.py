"""What properties say of the row, cell, paragraph and run that are being read (ECMA-376 part 1, 17.3 and 17.4).

`around` are the names of the elements around, which end with the element's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from placet.comparison.reading.docx_elements import DELETED
from placet.comparison.reading.docx_look import Look, filled, on, shade
from placet.comparison.reading.docx_numbering import number
from placet.comparison.reading.docx_open import OpenParagraph, OpenRow

_LOW: Final = 40
"""Twentieths of a point: a line or row of exactly this height shows nothing."""
_FAR: Final = 9_000
"""Twentieths of a point beside the page: nothing that begins there is seen."""


def row_property(row: OpenRow, name: str, attributes: Mapping[str, str], around: Sequence[str]) -> None:
    """Of a row, or of the cell in it that is open."""
    above = around[-2] if len(around) > 1 else ""
    if above == "w:trPr":
        row.gone |= name in DELETED
        exact = attributes.get("w:hRule") == "exact"
        row.low |= name == "w:trHeight" and exact and number(attributes.get("w:val", ""), 9999) <= _LOW
        row.hidden |= name == "w:hidden" and on(attributes.get("w:val", ""))
        row.before = number(attributes.get("w:val", ""), 99) if name == "w:gridBefore" else row.before
    elif above == "w:tcPr" and row.cells:
        cell = row.cells[-1]
        cell.gone |= name == "w:cellDel"
        cell.span = max(number(attributes.get("w:val", ""), 99), 1) if name == "w:gridSpan" else cell.span
        cell.covered |= name in ("w:vMerge", "w:hMerge") and attributes.get("w:val", "continue") == "continue"
        if name == "w:shd":
            cell.ground = shade(attributes)


def paragraph_property(
    here: OpenParagraph, run: Look, name: str, attributes: Mapping[str, str], around: Sequence[str]
) -> None:
    """Of a paragraph, or of the run in it that is open."""
    value, above = attributes.get("w:val", ""), around[-2]
    if above == "w:rPr" and around[-3:-2] in (["w:r"], ["m:r"]):
        run.set(name, attributes)
    elif above == "w:rPr" and around[-3:-2] == ["w:pPr"]:
        here.joined |= name in DELETED
        here.merged |= name in ("w:vanish", "w:specVanish") and on(value)
    elif name == "w:pStyle":
        here.style = value
    elif name == "w:numId":
        here.list = value
    elif name == "w:ilvl":
        here.level = number(value, 8)
    elif name == "w:outlineLvl":
        here.outline = number(value, 9)
    elif above == "w:pPr" and name == "w:framePr" and attributes.get("w:dropCap", "none") != "none":
        here.joined = True
    elif above == "w:pPr" and name == "w:shd":
        here.ground = shade(attributes)
    elif above == "w:pPr" and name == "w:spacing" and attributes.get("w:lineRule") == "exact":
        here.low = number(attributes.get("w:line", ""), 9999) <= _LOW
    elif above == "w:pPr" and name in ("w:ind", "w:framePr"):
        here.outside |= _outside(attributes)
    elif "w14:textFill" in around:
        filled(run, name, attributes)


def _outside(attributes: Mapping[str, str]) -> bool:
    """Whether an indent or a frame puts a paragraph beside the page."""
    places = [attributes.get(f"w:{name}", "") for name in ("left", "start", "x", "y")]
    return any(number(place.lstrip("-"), 100_000) >= (_FAR if place.startswith("-") else 3 * _FAR) for place in places)
