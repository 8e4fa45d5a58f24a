"""Characters of symbol fonts, as Unicode where it has them; ticks and boxes above all."""

from __future__ import annotations

from typing import Final

ON: Final = "☒"
OFF: Final = "☐"
_GREEK: Final = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ"
_WINGDINGS: Final = {
    **{0x81 + n: chr(0x2460 + n) for n in range(10)},
    **{0x8C + n: chr(0x2776 + n) for n in range(10)},
    0x20: " ", 0x6C: "●", 0x6E: "■", 0x6F: "☐", 0x71: "☐", 0x72: "☐", 0x78: "☒", 0x76: "❖", 0x77: "◆", 0x9F: "•",
    0xA7: "▪", 0xA8: "☐", 0xAB: "★", 0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xF0: "⇨",
    0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_FONTS: Final[dict[str, dict[int, str]]] = {
    "wingdings": _WINGDINGS,
    "wingdings 2": {0x20: " ", 0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐"},
    "wingdings 3": {},
    "webdings": {0x20: " ", 0x61: "✓", 0x63: "☐", 0x72: "✗"},
    "symbol": {
        **{code: chr(code) for code in (0x20, 0x21, 0x28, 0x29, 0x2C, *range(0x2E, 0x40))},
        **{0x41 + n: letter for n, letter in enumerate(_GREEK)},
        **{0x61 + n: letter.lower() for n, letter in enumerate(_GREEK) if letter not in "ϑς"},
        0x23: "#", 0x25: "%", 0x26: "&", 0x2B: "+", 0x2D: "−", 0xA0: "€", 0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←",
        0xAE: "→", 0xB0: "°", 0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB7: "•", 0xB8: "÷", 0xB9: "≠", 0xBB: "≈", 0xD2: "®",
        0xD3: "©", 0xD4: "™", 0xDE: "⇒", 0xE2: "®", 0xE3: "©", 0xE4: "™",
    },
    "zapfdingbats": {0x33: "✓", 0x34: "✔", 0x35: "✕", 0x36: "✖", 0x37: "✗", 0x38: "✘", 0x6C: "●", 0x6E: "■", 0x71: "☐"},
}  # fmt: skip
TICKS: Final = frozenset("☐☑☒✓✔✗✘✕✖")
"""What as a list's bullet says something."""


def is_symbol(font: str) -> bool:
    """Whether the letters of a text in this font are shown as something else."""
    return font.lower() in _FONTS


def symbol(font: str, code: int) -> str:
    """What a font shows for a code; its name and the code where that is not known."""
    known = _FONTS.get(font.lower(), {})
    plain = code & 0xFF if 0xF000 <= code <= 0xF0FF else code
    if plain in known:
        return known[plain]
    if font.lower() in _FONTS or 0xE000 <= code <= 0xF8FF:
        return f" [{font[:40] or 'symbol'} {code:04X}] "
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "�"


def shown(text: str, font: str) -> str:
    """A text as this font shows it."""
    if is_symbol(font) or not text.isascii():
        return "".join(
            symbol(font, ord(letter)) if is_symbol(font) or "\uf000" <= letter <= "\uf0ff" else letter
            for letter in text
        )
    return text
