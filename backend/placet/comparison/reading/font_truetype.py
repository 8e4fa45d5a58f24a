"""Glyphs of a TrueType font: tables `glyf`, `loca`, `head` and `cmap` (OpenType 1.9). struct.error for a broken one."""

from __future__ import annotations

import string
import struct
from itertools import pairwise
from typing import Final

from placet.comparison.reading.font_glyphs import Glyphs

_TABLES: Final = 64
_MOST: Final = 65_535
_UNICODE: Final = ((3, 10), (3, 1), (0, 3), (0, 4))
_SYMBOLS: Final = ((3, 0), (1, 0))


def tables(data: bytes) -> dict[bytes, bytes]:
    """Of a font in the container that TrueType and OpenType share."""
    (count,) = struct.unpack(">H", data[4:6])
    tables_ = {}
    for n in range(min(count, _TABLES)):
        tag, _, offset, length = struct.unpack(">4sLLL", data[12 + 16 * n : 28 + 16 * n])
        tables_[tag] = data[offset : offset + length]
    return tables_


def truetype(data: bytes) -> Glyphs:
    """Outlines without instructions."""
    tables_ = tables(data)
    long = struct.unpack(">h", tables_[b"head"][50:52])[0] == 1
    raw, size = tables_[b"loca"], 4 if long else 2
    count = len(raw) // size
    places = struct.unpack(f">{count}{'L' if long else 'H'}", raw[: count * size])
    places = tuple(place * (1 if long else 2) for place in places)
    glyphs = tables_[b"glyf"]
    cmap = tables_.get(b"cmap", b"")
    unicode = _map(cmap, _UNICODE)
    return Glyphs(
        outlines=[_outline(glyphs[one:other]) for one, other in pairwise(places)],
        codes=_map(cmap, _SYMBOLS),
        letters={one: unicode[ord(one)] for one in string.ascii_letters + string.digits if ord(one) in unicode},
    )


def _outline(entry: bytes) -> bytes:
    if len(entry) < 12:
        return b""
    (contours,) = struct.unpack(">h", entry[:2])
    after = 10 + 2 * contours
    if contours <= 0 or after + 2 > len(entry):
        return b""
    (instructions,) = struct.unpack(">H", entry[after : after + 2])
    return entry[10:after] + entry[after + 2 + instructions :].rstrip(b"\0")


def _map(cmap: bytes, kinds: tuple[tuple[int, int], ...]) -> dict[int, int]:
    """Glyphs by code, of the first platform and encoding that is there; codes of symbol fonts without their plane."""
    places: dict[tuple[int, int], int] = {}
    count = struct.unpack(">H", cmap[2:4])[0] if cmap else 0
    for n in range(min(count, _TABLES)):
        platform, encoding, offset = struct.unpack(">HHL", cmap[4 + 8 * n : 12 + 8 * n])
        places[platform, encoding] = offset
    best = next((key for key in kinds if key in places), None)
    if best is None:
        return {}
    codes = _codes(cmap[places[best] :])
    if best == (3, 0):
        codes |= {code & 0xFF: glyph for code, glyph in codes.items() if 0xF000 <= code <= 0xF0FF}
    return codes


def _codes(table: bytes) -> dict[int, int]:
    (form,) = struct.unpack(">H", table[:2])
    if form == 0:
        return dict(enumerate(table[6:262]))
    if form == 6:
        first, count = struct.unpack(">HH", table[6:10])
        return {first + n: glyph for n, glyph in enumerate(struct.unpack(f">{count}H", table[10 : 10 + 2 * count]))}
    return _segments(table) if form == 4 else {}


def _segments(table: bytes) -> dict[int, int]:
    """Format 4."""
    glyphs: dict[int, int] = {}
    (twice,) = struct.unpack(">H", table[6:8])
    count = twice // 2
    words = struct.unpack(f">{len(table) // 2}H", table[: len(table) // 2 * 2])
    ends, begins = words[7 : 7 + count], words[8 + count : 8 + 2 * count]
    shifts, ranges = words[8 + 2 * count : 8 + 3 * count], words[8 + 3 * count : 8 + 4 * count]
    for n, (begin, end, shift, place) in enumerate(zip(begins, ends, shifts, ranges, strict=True)):
        for code in range(begin, end + 1):
            if len(glyphs) > _MOST:
                return glyphs
            glyph = code if place == 0 else words[8 + 3 * count + n + place // 2 + code - begin]
            glyphs[code] = (glyph + shift) & 0xFFFF if glyph else 0
    return glyphs
