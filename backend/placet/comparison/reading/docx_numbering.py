"""Word's numbering: which label a paragraph shows (ECMA-376 part 1, 17.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from placet.comparison.numbering import to_roman
from placet.comparison.numerals import cardinal_word, ordinal_suffix, ordinal_word
from placet.comparison.reading.archive import parse_xml
from placet.comparison.reading.namespaces import prefixed
from placet.comparison.reading.symbols import TICKS, shown

LEVELS: Final = 9
_PLACE: Final = re.compile(r"%([1-9])")


@dataclass(slots=True)
class Level:
    start: int = 1
    form: str = "decimal"
    padded: int = 0
    """Digits at least of a form of its own, such as `001, 002, 003`."""
    pattern: str = ""
    legal: bool = False
    """All numbers in it as decimals; `01` stays."""
    font: str = ""
    style: str = ""
    """Of the paragraphs that stand at this level."""
    restarts: int | None = None
    """After a paragraph of so many first levels; 0 for never, None for all levels above it."""


def number(text: str, most: int) -> int:
    """A small number of an attribute; 0 for anything else."""
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@dataclass
class Numbering:
    """Lists of a document. `label` counts: call it once a paragraph, in order."""

    abstract: dict[str, dict[int, Level]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    starts: dict[tuple[str, int], int] = field(default_factory=dict)
    own: dict[str, dict[int, Level]] = field(default_factory=dict)
    """Levels that a list has otherwise than its abstract list."""
    links: dict[str, str] = field(default_factory=dict)
    """Abstract lists that take their levels from a numbering style, with its name."""
    linked: dict[str, str] = field(default_factory=dict)
    """Numbering styles, with the abstract list that gives their levels."""
    _counts: dict[str, list[int | None]] = field(default_factory=dict)
    _begun: set[tuple[str, int]] = field(default_factory=set)

    def _levels(self, list_id: str) -> tuple[str, Mapping[int, Level]]:
        abstract = self.lists.get(list_id, "")
        abstract = self.linked.get(self.links.get(abstract, ""), abstract)
        return abstract, self.abstract.get(abstract, {}) | self.own.get(list_id, {})

    def level_of(self, list_id: str, styles: Sequence[str]) -> int:
        """The level of a list that stands for the first of these styles that has one."""
        levels = self._levels(list_id)[1]
        places = {level.style: n for n, level in levels.items() if level.style}
        return next((places[style] for style in styles if style in places), 0)

    def label(self, list_id: str, level: int) -> str:
        """What stands before a paragraph of this list: `•` for bullets, ticks and boxes as they are; empty for unknown
        lists."""
        abstract, levels = self._levels(list_id)
        here = levels.get(level)
        if here is None:
            return ""
        counts = self._counts.setdefault(abstract, [None] * LEVELS)
        count = counts[level]
        override = self.starts.get((list_id, level))
        if override is not None and (list_id, level) not in self._begun:
            counts[level] = override
        else:
            counts[level] = here.start if count is None else count + 1
        self._begun.add((list_id, level))
        for deeper in range(level + 1, LEVELS):
            after = levels[deeper].restarts if deeper in levels else None
            if after is None or level < after:
                counts[deeper] = None
        if here.form == "bullet":
            bullet = shown(here.pattern, here.font).strip()
            return bullet if bullet in TICKS else "•"
        return _PLACE.sub(lambda m: self._shown(levels, counts, int(m[1]) - 1, legal=here.legal), here.pattern).strip()

    @staticmethod
    def _shown(levels: Mapping[int, Level], counts: Sequence[int | None], level: int, *, legal: bool) -> str:
        here = levels.get(level, Level())
        count = counts[level]
        count = here.start if count is None else count
        decimal = legal and here.form != "decimalZero"
        return formed(count, replace(here, form="decimal", padded=0) if decimal else here)


def formed(count: int, level: Level) -> str:
    """A number in its level's form; forms that are not known here as decimals."""
    form = level.form
    if form in ("lowerLetter", "upperLetter") and 0 < count < 26 * 8:
        letters = chr(97 + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letters.upper() if form == "upperLetter" else letters
    if form in ("lowerRoman", "upperRoman") and 0 < count < 400:
        return to_roman(count).upper() if form == "upperRoman" else to_roman(count)
    if form in ("cardinalText", "ordinalText") and 0 < count < 100:
        return (cardinal_word if form == "cardinalText" else ordinal_word)(count).capitalize()
    if form == "ordinal":
        return f"{count}{ordinal_suffix(count)}"
    if form == "decimalZero":
        return f"{count:02}"
    return "" if form == "none" else f"{count:0{level.padded or 1}}"


def read_numbering(data: bytes) -> Numbering:
    """The part that the document's relation `numbering` names."""
    numbering = Numbering()
    abstract, list_id, level = "", "", 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal abstract, list_id, level
        value = attributes.get("w:val", "")
        if name == "w:abstractNum":
            abstract, list_id = attributes.get("w:abstractNumId", ""), ""
            numbering.abstract[abstract] = {}
        elif name == "w:num":
            list_id = attributes.get("w:numId", "")
        elif name == "w:abstractNumId" and list_id:
            numbering.lists[list_id] = value
        elif name == "w:numStyleLink":
            numbering.links[abstract] = value
        elif name == "w:styleLink":
            numbering.linked[value] = abstract
        elif name in ("w:lvl", "w:lvlOverride"):
            level = number(attributes.get("w:ilvl", ""), LEVELS - 1)
            if name == "w:lvl":
                levels = (
                    numbering.own.setdefault(list_id, {}) if list_id else numbering.abstract.setdefault(abstract, {})
                )
                levels[level] = Level()
        elif name == "w:startOverride" and list_id:
            numbering.starts[list_id, level] = number(value, 10_000)
        elif (
            here := (numbering.own.get(list_id, {}) if list_id else numbering.abstract.get(abstract, {})).get(level)
        ) is not None:
            _set(here, name, value, attributes)

    parse_xml(data, start=start, end=lambda _: None, text=lambda _: None, name_of=prefixed)
    return numbering


def _set(here: Level, name: str, value: str, attributes: Mapping[str, str]) -> None:
    if name == "w:start":
        here.start = number(value, 10_000)
    elif name == "w:numFmt" and not here.padded:  # what follows one of its own is for programs that don't know it
        here.form = value
        first = attributes.get("w:format", "").partition(",")[0].strip()
        here.padded = min(len(first), 9) if value == "custom" and first.isdigit() else 0
    elif name == "w:isLgl":
        here.legal = value not in ("0", "false")
    elif name == "w:lvlText":
        here.pattern = value[:400]
    elif name == "w:rFonts":
        here.font = attributes.get("w:ascii", "")
    elif name == "w:pStyle":
        here.style = value
    elif name == "w:lvlRestart":
        here.restarts = number(value, LEVELS)
