"""Word's numbering and styles: which label a paragraph shows, whether it is a heading, how its text looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from placet.comparison.numbering import to_roman
from placet.comparison.reading.archive import parse_xml
from placet.comparison.reading.docx_look import Look, merged
from placet.comparison.reading.namespaces import prefixed
from placet.comparison.reading.symbols import TICKS, shown

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
    font: str = ""


@dataclass(slots=True)
class Style:
    name: str = ""
    based_on: str = ""
    list: str = ""
    level: int | None = None
    outline: int | None = None
    look: Look = field(default_factory=Look)


def number(text: str, most: int) -> int:
    """A small number of an attribute; 0 for anything else."""
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@dataclass
class Numbering:
    """Lists of a document. `label` counts: call it once a paragraph, in order."""

    abstract: dict[str, dict[int, Level]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    starts: dict[tuple[str, int], int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Abstract lists that take their levels from a numbering style, with its name."""
    linked: dict[str, str] = field(default_factory=dict)
    """Numbering styles, with the abstract list that gives their levels."""
    _counts: dict[str, list[int]] = field(default_factory=dict)
    _begun: set[tuple[str, int]] = field(default_factory=set)

    def label(self, list_id: str, level: int) -> str:
        """What stands before a paragraph of this list: `•` for bullets, ticks and boxes as they are; empty for unknown
        lists."""
        abstract = self.lists.get(list_id)
        abstract = self.linked.get(self.links.get(abstract or "", ""), abstract)
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
            bullet = shown(here.pattern, here.font).strip()
            return bullet if bullet in TICKS else "•"
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
    """The part that the document's relation `numbering` names."""
    made = Numbering()
    abstract, list_id, level = "", "", 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal abstract, list_id, level
        value = attributes.get("w:val", "")
        if name == "w:abstractNum":
            abstract, list_id = attributes.get("w:abstractNumId", ""), ""
            made.abstract[abstract] = {}
        elif name == "w:num":
            list_id = attributes.get("w:numId", "")
        elif name == "w:abstractNumId" and list_id:
            made.lists[list_id] = value
        elif name == "w:numStyleLink":
            made.links[abstract] = value
        elif name == "w:styleLink":
            made.linked[value] = abstract
        elif name in ("w:lvl", "w:lvlOverride"):
            level = number(attributes.get("w:ilvl", ""), _LEVELS - 1)
            if not list_id:
                made.abstract.setdefault(abstract, {})[level] = Level()
        elif name == "w:startOverride" and list_id:
            made.starts[list_id, level] = number(value, 10_000)
        elif not list_id and (here := made.abstract.get(abstract, {}).get(level)) is not None:
            if name == "w:start":
                here.start = number(value, 10_000)
            elif name == "w:numFmt":
                here.form = value
            elif name == "w:isLgl":
                here.legal = value not in ("0", "false")
            elif name == "w:lvlText":
                here.pattern = value[:400]
            elif name == "w:rFonts":
                here.font = attributes.get("w:ascii", "")

    parse_xml(data, start=start, end=lambda _: None, text=lambda _: None, name_of=prefixed)
    return made


@dataclass
class Styles:
    """Styles by id, with what they inherit."""

    styles: dict[str, Style] = field(default_factory=dict)
    default: str = ""
    """Of paragraphs that name none."""
    look: Look = field(default_factory=Look)
    """Of text of no style."""
    _looks: dict[tuple[tuple[object, ...], str], Look] = field(default_factory=dict)

    def _chain(self, style: str) -> list[Style]:
        found: list[Style] = []
        while style in self.styles and len(found) < 20:
            found.append(self.styles[style])
            style = found[-1].based_on
        return found

    def looks(self, own: Look, paragraph: str) -> Look:
        """How a run shows, by its own properties and the styles of it and its paragraph."""
        key = (own.key(), paragraph)
        if key not in self._looks:
            styles = [self._look(own.style or ""), self._look(paragraph or self.default), self.look]
            self._looks[key] = merged(own, styles)
        return self._looks[key]

    def _look(self, style: str) -> Look:
        found = Look()
        for inherited in self._chain(style):
            found = found.over(inherited.look)
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
    """The part that the document's relation `styles` names."""
    made = Styles()
    here = Style()
    around: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal here
        around.append(name)
        value = attributes.get("w:val", "")
        if name == "w:style":
            key = attributes.get("w:styleId", "")
            here = made.styles.setdefault(key, Style())
            if attributes.get("w:type", "paragraph") == "paragraph" and attributes.get("w:default") in ("1", "true"):
                made.default = key
        elif name == "w:name":
            here.name = value
        elif name == "w:basedOn":
            here.based_on = value
        elif name == "w:numId":
            here.list = value
        elif name == "w:ilvl":
            here.level = number(value, _LEVELS - 1)
        elif name == "w:outlineLvl":
            here.outline = number(value, _LEVELS)
        elif around[-2:-1] == ["w:rPr"] and "w:tblStylePr" not in around:
            (made.look if "w:rPrDefault" in around else here.look).set(name, attributes)

    parse_xml(data, start=start, end=lambda _: around.__delitem__(-1), text=lambda _: None, name_of=prefixed)
    return made
