"""Word's numbering and styles: which label a paragraph shows, and whether it is a heading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from placet.comparison.numbering import to_roman
from placet.comparison.reading.archive import parse_xml

_LEVELS: Final = 9
_PLACE = re.compile(r"%([1-9])")
_HEADING = re.compile(r"heading ([1-9])$", re.IGNORECASE)


@dataclass(slots=True)
class Level:
    start: int = 1
    form: str = "decimal"
    pattern: str = ""
    legal: bool = False
    """All numbers in it as decimals."""


@dataclass(slots=True)
class Style:
    name: str = ""
    based_on: str = ""
    list: str = ""
    level: int | None = None
    outline: int | None = None


def number(text: str, most: int) -> int:
    """A small number of an attribute; 0 for anything else."""
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@dataclass
class Numbering:
    """Lists of a document. `label` counts: call it once a paragraph, in order."""

    abstract: dict[str, dict[int, Level]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    starts: dict[tuple[str, int], int] = field(default_factory=dict)
    _counts: dict[str, list[int]] = field(default_factory=dict)
    _begun: set[tuple[str, int]] = field(default_factory=set)

    def label(self, list_id: str, level: int) -> str:
        """What stands before a paragraph of this list; empty for bullets and unknown lists."""
        abstract = self.lists.get(list_id)
        levels = self.abstract.get(abstract or "", {})
        here = levels.get(level)
        if abstract is None or here is None:
            return ""
        counts = self._counts.setdefault(abstract, [0] * _LEVELS)
        override = self.starts.get((list_id, level))
        if override is not None and (list_id, level) not in self._begun:
            counts[level] = override - 1
        self._begun.add((list_id, level))
        counts[level] = counts[level] + 1 if counts[level] else here.start
        counts[level + 1 :] = [0] * (_LEVELS - level - 1)
        if here.form == "bullet":
            return "•"
        return _PLACE.sub(lambda m: self._shown(levels, counts, int(m[1]) - 1, legal=here.legal), here.pattern).strip()

    @staticmethod
    def _shown(levels: Mapping[int, Level], counts: list[int], level: int, *, legal: bool) -> str:
        form = levels[level].form if level in levels and not legal else "decimal"
        count = counts[level] or (levels[level].start if level in levels else 1)
        if form in ("lowerLetter", "upperLetter") and 0 < count < 26 * 8:
            letters = chr(97 + (count - 1) % 26) * ((count - 1) // 26 + 1)
            return letters.upper() if form == "upperLetter" else letters
        if form in ("lowerRoman", "upperRoman") and 0 < count < 400:
            return to_roman(count).upper() if form == "upperRoman" else to_roman(count)
        return "" if form == "none" else str(count)


def read_numbering(data: bytes) -> Numbering:
    """`word/numbering.xml`."""
    made = Numbering()
    abstract, list_id, level = "", "", 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal abstract, list_id, level
        value = attributes.get("val", "")
        if name == "abstractNum":
            abstract, list_id = attributes.get("abstractNumId", ""), ""
            made.abstract[abstract] = {}
        elif name == "num":
            list_id = attributes.get("numId", "")
        elif name == "abstractNumId" and list_id:
            made.lists[list_id] = value
        elif name in ("lvl", "lvlOverride"):
            level = number(attributes.get("ilvl", ""), _LEVELS - 1)
            if not list_id:
                made.abstract.setdefault(abstract, {})[level] = Level()
        elif name == "startOverride" and list_id:
            made.starts[list_id, level] = number(value, 10_000)
        elif not list_id and (here := made.abstract.get(abstract, {}).get(level)) is not None:
            if name == "start":
                here.start = number(value, 10_000)
            elif name == "numFmt":
                here.form = value
            elif name == "isLgl":
                here.legal = value not in ("0", "false")
            elif name == "lvlText":
                here.pattern = value[:40]

    parse_xml(data, start=start, end=lambda _: None, text=lambda _: None)
    return made


@dataclass
class Styles:
    """Paragraph styles by id, with what they inherit."""

    styles: dict[str, Style] = field(default_factory=dict)

    def _chain(self, style: str) -> list[Style]:
        found: list[Style] = []
        while style in self.styles and len(found) < 20:
            found.append(self.styles[style])
            style = found[-1].based_on
        return found

    def heading(self, style: str) -> int:
        """1 to 9 for headings, else 0."""
        for inherited in self._chain(style):
            if named := _HEADING.match(inherited.name):
                return int(named[1])
            if inherited.name.lower() == "title":
                return 1
            if inherited.outline is not None and inherited.outline < _LEVELS:
                return inherited.outline + 1
        return 0

    def numbered(self, style: str) -> tuple[str, int]:
        """List and level that a style puts its paragraphs in; an empty list for none."""
        chain = self._chain(style)
        level = next((s.level for s in chain if s.level is not None), 0)
        return next((s.list for s in chain if s.list), ""), level


def read_styles(data: bytes) -> Styles:
    """`word/styles.xml`."""
    made = Styles()
    here = Style()

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal here
        value = attributes.get("val", "")
        if name == "style":
            here = made.styles.setdefault(attributes.get("styleId", ""), Style())
        elif name == "name":
            here.name = value
        elif name == "basedOn":
            here.based_on = value
        elif name == "numId":
            here.list = value
        elif name == "ilvl":
            here.level = number(value, _LEVELS - 1)
        elif name == "outlineLvl":
            here.outline = number(value, _LEVELS)

    parse_xml(data, start=start, end=lambda _: None, text=lambda _: None)
    return made
