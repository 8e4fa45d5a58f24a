"""How Word shows a run of text: struck through, hidden, in capitals, in a symbol font, in the paper's colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from placet.comparison.reading.symbols import is_symbol

_OFF: Final = frozenset({"0", "false", "off", "none"})
_TINY: Final = 4
"""Half-points: what is no larger can't be read."""
_CLOSE: Final = 40
"""Sum of the differences of three colour channels below which a text can't be told from its ground."""
_PAPER: Final = frozenset({"background1", "light1", "bg1", "lt1"})
"""Colours of a theme that are the paper's."""
_CLEAR: Final = 95_000
"""Thousandths of a per cent of transparency."""
_OVER: Final = -80
"""Twentieths of a point between letters, below which they lie on top of each other."""
_HIGHLIGHTS: Final = {
    "black": "000000", "blue": "0000FF", "cyan": "00FFFF", "green": "00FF00", "magenta": "FF00FF", "red": "FF0000",
    "yellow": "FFFF00", "white": "FFFFFF", "darkBlue": "000080", "darkCyan": "008080", "darkGreen": "008000",
    "darkMagenta": "800080", "darkRed": "800000", "darkYellow": "808000", "darkGray": "808080", "lightGray": "C0C0C0",
}  # fmt: skip


def on(value: str) -> bool:
    """What an attribute `w:val` of a switch says; a switch without it is on."""
    return value.lower() not in _OFF


@dataclass(slots=True)
class Look:
    """Properties of a run; None where nothing is said of them."""

    hidden: bool | None = None
    struck: bool | None = None
    struck_twice: bool | None = None
    capitals: bool | None = None
    small_capitals: bool | None = None
    no_fill: bool | None = None
    color: str | None = None
    fill: str | None = None
    highlight: str | None = None
    size: int | None = None
    scale: int | None = None
    font: str | None = None
    style: str | None = None
    condensed: int | None = None
    """Twentieths of a point that are put between letters."""
    raised: bool | None = None
    """Or lowered: 10³ is not 103."""

    def set(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take in one element of `w:rPr`."""
        value = attributes.get("w:val", "")
        if (switch := _SWITCHES.get(name)) is not None:
            setattr(self, switch, on(value))
        elif name == "w:color":
            self.color = "FFFFFF" if attributes.get("w:themeColor") in _PAPER and value in ("", "auto") else value
        elif name == "w:shd":
            self.fill = shade(attributes)
        elif name == "w:highlight":
            self.highlight = _HIGHLIGHTS.get(value)
        elif name == "w:sz":
            self.size = _number(value)
        elif name == "w:spacing":
            self.condensed = _number(value)
        elif name == "w:vertAlign":
            self.raised = value in ("superscript", "subscript")
        elif name == "w:w":
            self.scale = _number(value.removesuffix("%"))
        elif name == "w:rFonts":
            given = next((attributes[f"w:{kind}"] for kind in ("ascii", "hAnsi") if f"w:{kind}" in attributes), None)
            self.font = given if given is not None else self.font
        elif name == "w:rStyle":
            self.style = value

    def key(self) -> tuple[object, ...]:
        """All properties, to find a look again by."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def over(self, other: Look) -> Look:
        """This one, and the other where this one says nothing."""
        own = {name: getattr(self, name) for name in self.__slots__}
        return Look(**{name: getattr(other, name) if value is None else value for name, value in own.items()})


_SWITCHES: Final = {
    "w:vanish": "hidden",
    "w:strike": "struck",
    "w:dstrike": "struck_twice",
    "w:caps": "capitals",
    "w:smallCaps": "small_capitals",
}
_TOGGLES: Final = frozenset(_SWITCHES.values())


def _number(value: str) -> int | None:
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return None


def shade(attributes: Mapping[str, str]) -> str | None:
    """The colour of `w:shd`: of its pattern where that is solid, else of its ground."""
    key = "w:color" if attributes.get("w:val") == "solid" else "w:fill"
    return attributes.get(key)


def merged(own: Look, inherited: Iterable[Look]) -> Look:
    """What holds for a run: its own properties, else those of its styles, the nearest first.

    Switches of a character style and a paragraph style cancel each other out (ECMA-376 part 1, 17.7.3).
    """
    looks = list(inherited)
    whole = Look()
    for field in fields(Look):
        value = getattr(own, field.name)
        given = [getattr(look, field.name) for look in looks if getattr(look, field.name) is not None]
        if value is None and given:
            value = sum(given) % 2 == 1 if field.name in _TOGGLES else given[0]
        setattr(whole, field.name, value)
    return whole


def _channels(color: str | None) -> tuple[int, int, int] | None:
    if color is None or len(color) != 6:
        return None
    try:
        return int(color[:2], 16), int(color[2:4], 16), int(color[4:], 16)
    except ValueError:
        return None


UNKNOWN: Final = "?"
"""A ground whose colour a table's style gives, row by row."""


def filled(look: Look, name: str, attributes: Mapping[str, str]) -> None:
    """Takes in an element of `w14:textFill`, which goes before the colour."""
    value = attributes.get("w14:val", "")
    if name == "w14:srgbClr":
        look.color = value
    elif name == "w14:schemeClr":
        look.color = "FFFFFF" if value in _PAPER else look.color
    elif name == "w14:noFill" or (name == "w14:alpha" and (_number(value) or 0) >= _CLEAR):
        look.no_fill = True


def unseen(look: Look, ground: str | None) -> str | None:
    """Why a reader can't see a text of this look on this ground (a colour, or None for paper); None where one can."""
    if look.hidden:
        return "hidden"
    if look.no_fill:
        return "without colour"
    if look.size is not None and look.size <= _TINY:
        return "tiny"
    if look.scale is not None and 0 < look.scale <= 5:
        return "tiny"
    if look.condensed is not None and look.condensed <= _OVER:
        return "letters on top of each other"
    if ground == UNKNOWN and look.highlight is None and look.fill is None:
        return None
    paper = (255, 255, 255)
    below = _channels(look.highlight) or _channels(look.fill) or _channels(ground)
    letters = _channels(look.color)
    if letters is None and below is not None and sum(below) < _CLOSE:  # automatic: black, but white on a dark ground
        letters = (0, 0, 0) if _channels(look.highlight) else None
    if letters is not None and sum(abs(a - b) for a, b in zip(letters, below or paper, strict=True)) < _CLOSE:
        return "in the colour of its ground"
    return None


def in_capitals(look: Look) -> bool:
    """Whether its letters are shown as capitals, large or small."""
    return bool(look.capitals or look.small_capitals)


def symbol_font(look: Look) -> str:
    """The symbol font in which the text is shown; empty for a font of letters."""
    return look.font if look.font is not None and is_symbol(look.font) else ""
