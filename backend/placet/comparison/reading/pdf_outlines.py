"""Outlines of a font's letters, to find a font whose letters look like other ones than the text says.

Only fonts of the kind that word processors and browsers embed: TrueType outlines under a composite font (CIDFontType2).
The outline of a glyph is hashed without its instructions, which tools leave out or keep as they like.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from pypdf.generic import DictionaryObject, StreamObject


class Outlines:
    """Of the glyphs of one font; none for a font of another kind."""

    def __init__(self, resource: DictionaryObject) -> None:
        self._glyphs, self._places, self._map = b"", list[int](), b""
        try:
            self._read(resource)
        except (struct.error, KeyError, IndexError, ValueError, AttributeError, TypeError):
            self._places = []

    def _read(self, resource: DictionaryObject) -> None:
        inner: Any = resource["/DescendantFonts"].get_object()
        font: Any = inner[0].get_object()
        program: Any = font["/FontDescriptor"].get_object()["/FontFile2"].get_object()
        mapped: Any = font.get("/CIDToGIDMap")
        mapped = mapped.get_object() if mapped is not None else None
        self._map = mapped.get_data() if isinstance(mapped, StreamObject) else b""
        data = program.get_data()
        (count,) = struct.unpack(">H", data[4:6])
        tables = {}
        for n in range(min(count, 64)):
            tag, _, offset, length = struct.unpack(">4sLLL", data[12 + 16 * n : 28 + 16 * n])
            tables[tag] = data[offset : offset + length]
        long = struct.unpack(">h", tables[b"head"][50:52])[0] == 1
        places = tables[b"loca"]
        size = 4 if long else 2
        whole = len(places) // size
        self._places = [
            place * (1 if long else 2)
            for place in struct.unpack(f">{whole}{'L' if long else 'H'}", places[: whole * size])
        ]
        self._glyphs = tables[b"glyf"]

    def of(self, code: int) -> bytes | None:
        """The hash of what is drawn for a character's code; None where that is nothing, or is not known."""
        glyph = code
        if self._map:
            pair = self._map[2 * code : 2 * code + 2]
            glyph = int.from_bytes(pair, "big") if len(pair) == 2 else -1
        if not 0 <= glyph < len(self._places) - 1:
            return None
        entry = self._glyphs[self._places[glyph] : self._places[glyph + 1]]
        if len(entry) < 12:
            return None
        (contours,) = struct.unpack(">h", entry[:2])
        after = 10 + 2 * contours
        if contours <= 0 or after + 2 > len(entry):
            return None
        (instructions,) = struct.unpack(">H", entry[after : after + 2])
        drawn = entry[10:after] + entry[after + 2 + instructions :].rstrip(b"\0")
        return hashlib.sha256(drawn).digest()
