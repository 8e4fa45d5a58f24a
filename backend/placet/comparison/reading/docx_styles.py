"""Word's styles: whether a paragraph is a heading, which list it stands in, how its text looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from placet.comparison.reading.archive import parse_xml
from placet.comparison.reading.docx_look import Look, merged, shade
from placet.comparison.reading.docx_numbering import LEVELS, number
from placet.comparison.reading.namespaces import prefixed

_DEEP: Final = 20
"""Styles that one is based on."""
_HEADING: Final = re.compile(r"heading ([1-9])$", re.IGNORECASE)


@dataclass(slots=True)
class Style:
    name: str = ""
    based_on: str = ""
    list: str = ""
    level: int | None = None
    outline: int | None = None
    look: Look = field(default_factory=Look)
    ground: str | None = None
    shaded: bool = False
    """Of a table: whether it gives some of its cells a ground."""


@dataclass
class Styles:
    """Styles by id, with what they inherit."""

    styles: dict[str, Style] = field(default_factory=dict)
    default: str = ""
    """Of paragraphs that name none."""
    look: Look = field(default_factory=Look)
    """Of text of no style."""
    _looks: dict[tuple[tuple[object, ...], str, str], Look] = field(default_factory=dict)

    def _chain(self, style: str) -> list[Style]:
        return [self.styles[name] for name in self.names(style) if name in self.styles]

    def looks(self, own: Look, paragraph: str, table: str) -> Look:
        """How a run shows, by its own properties and the styles of it, its paragraph and its table."""
        key = (own.key(), paragraph, table)
        if key not in self._looks:
            styles = [self._look(name) for name in (own.style or "", paragraph or self.default, table)]
            self._looks[key] = merged(own, [*styles, self.look])
        return self._looks[key]

    def ground(self, style: str) -> str | None:
        """What a style puts under its paragraphs."""
        return next((inherited.ground for inherited in self._chain(style) if inherited.ground), None)

    def shaded(self, table: str) -> bool:
        """Whether a table's style gives some of its cells a ground."""
        return any(inherited.shaded for inherited in self._chain(table))

    def _look(self, style: str) -> Look:
        look = Look()
        for inherited in self._chain(style):
            look = look.over(inherited.look)
        return look

    def heading(self, style: str) -> int:
        """1 to 9 for headings, else 0."""
        for inherited in self._chain(style):
            if named := _HEADING.match(inherited.name):
                return int(named[1])
            if inherited.name.lower() == "title":
                return 1
            if inherited.outline is not None and inherited.outline < LEVELS:
                return inherited.outline + 1
        return 0

    def numbered(self, style: str) -> tuple[str, int | None]:
        """List and level that a style puts its paragraphs in; an empty list for none, None where it names no level."""
        chain = self._chain(style)
        level = next((s.level for s in chain if s.level is not None), None)
        return next((s.list for s in chain if s.list), ""), level

    def names(self, style: str) -> list[str]:
        """A style and those that it is based on."""
        names = [style]
        while (above := self.styles[names[-1]].based_on if names[-1] in self.styles else "") and len(names) < _DEEP:
            names.append(above)
        return names


def read_styles(data: bytes) -> Styles:
    """The part that the document's relation `styles` names."""
    styles = Styles()
    here = Style()
    around: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal here
        around.append(name)
        value = attributes.get("w:val", "")
        if name == "w:style":
            key = attributes.get("w:styleId", "")
            here = styles.styles.setdefault(key, Style())
            if attributes.get("w:type", "paragraph") == "paragraph" and attributes.get("w:default") in ("1", "true"):
                styles.default = key
        elif name == "w:name":
            here.name = value
        elif name == "w:basedOn":
            here.based_on = value
        elif name == "w:numId":
            here.list = value
        elif name == "w:ilvl":
            here.level = number(value, LEVELS - 1)
        elif name == "w:outlineLvl":
            here.outline = number(value, LEVELS)
        elif name == "w:shd" and around[-2:-1] == ["w:pPr"] and "w:tblStylePr" not in around:
            here.ground = shade(attributes)
        elif name == "w:shd" and "w:rPr" not in around:
            here.shaded = True
        elif around[-2:-1] == ["w:rPr"] and "w:tblStylePr" not in around:
            (styles.look if "w:rPrDefault" in around else here.look).set(name, attributes)

    parse_xml(data, start=start, end=lambda _: around.__delitem__(-1), text=lambda _: None, name_of=prefixed)
    return styles
