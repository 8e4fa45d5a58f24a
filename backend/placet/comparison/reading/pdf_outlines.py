"""What a PDF's fonts draw for the codes of a text, to find a font that draws other letters than the text says.

Outlines are hashed, without what tools leave out or keep as they like. Where a font's program names its glyphs, the
names say what is drawn. TrueType: OpenType 1.9; CFF: Adobe Technical Note 5176; Type 1: Adobe Type 1 Font Format.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any, Final

from pypdf.generic import DictionaryObject, StreamObject

from placet.comparison.reading.font_cff import cff
from placet.comparison.reading.font_glyphs import DIGITS, Glyphs, glyph_name
from placet.comparison.reading.font_truetype import truetype
from placet.comparison.reading.font_type1 import type1

_WORK: Final = 40_000_000
"""Bytes of font programs of a document that are read; each one counts for so many more, and of Type 1 so often."""
_EACH: Final = 100_000
_SLOW: Final = 10
_LETTERS: Final = {name: str(n) for n, name in enumerate(DIGITS)}


class Work:
    """What may still be read of a document's font programs."""

    def __init__(self) -> None:
        self._left = _WORK
        self.refused = 0
        """Fonts that were not read."""

    def take(self, data: bytes, times: int = 1) -> bytes:
        """A program that is to be read; nothing once the work is done."""
        self._left -= _EACH + times * len(data)
        if self._left < 0:
            self.refused += 1
            return b""
        return data


class Outlines:
    """Of the glyphs of one font; none for a font whose program is not in the file, or is broken."""

    def __init__(self, resource: DictionaryObject, work: Work) -> None:
        self._work = work
        self._named = _differences(resource)
        self._composite = str(resource.get("/Subtype")) == "/Type0"
        self._map = b""
        try:
            self._glyphs = self._read(resource)
        except (struct.error, LookupError, ValueError, AttributeError, TypeError):
            self._glyphs = Glyphs()

    def _read(self, resource: DictionaryObject) -> Glyphs:
        if str(resource.get("/Subtype")) == "/Type3":
            procedures = _dictionary(resource.get("/CharProcs"))
            names = [str(name).lstrip("/") for name in procedures]
            return Glyphs(
                [_data(one) for one in procedures.values()], by_name={name: n for n, name in enumerate(names)}
            )
        inner: Any = resource
        if self._composite:
            inner = _object(_object(resource["/DescendantFonts"])[0])
            mapped = _object(inner.get("/CIDToGIDMap"))
            self._map = mapped.get_data() if isinstance(mapped, StreamObject) else b""
        descriptor = _dictionary(inner.get("/FontDescriptor"))
        if "/FontFile2" in descriptor:
            return truetype(self._work.take(_data(descriptor["/FontFile2"])))
        if "/FontFile3" in descriptor:
            return cff(self._work.take(_data(descriptor["/FontFile3"])))
        if "/FontFile" in descriptor:
            return type1(self._work.take(_data(descriptor["/FontFile"]), _SLOW))
        return Glyphs()

    @property
    def encoding(self) -> Mapping[int, str]:
        """The names that the font's own program has for codes."""
        return self._glyphs.encoding

    def of(self, code: int, stated: str | None) -> bytes | None:
        """The hash of what is drawn for a code; None where that is nothing, or is not known. `stated`: the letter that
        a code of one byte means by the PDF's encoding."""
        drawn = self._glyphs.outline(self._number(code, stated))
        return hashlib.sha256(drawn).digest() if drawn else None

    def letter(self, code: int, stated: str | None) -> str | None:
        """The letter or digit that a glyph is by the name that the font's own program has for it."""
        name = self._glyphs.name(self._number(code, stated)).partition(".")[0]
        return _LETTERS.get(name, name if len(name) == 1 and name.isascii() and name.isalpha() else None)

    def _number(self, code: int, stated: str | None) -> int:
        glyphs = self._glyphs
        if self._composite:
            if self._map:
                pair = self._map[2 * code : 2 * code + 2]
                return int.from_bytes(pair, "big") if len(pair) == 2 else -1
            return glyphs.identifiers.get(code, -1) if glyphs.identifiers else code
        letter = stated or ""
        plain = letter.isascii() and letter.isalnum()
        if glyphs.by_name:
            name = self._named.get(code) or (glyph_name(letter) if plain else glyphs.encoding.get(code, ""))
            return glyphs.by_name.get(name, -1)
        return glyphs.letters.get(letter, glyphs.codes.get(code, -1)) if plain else glyphs.codes.get(code, -1)


def _differences(resource: DictionaryObject) -> dict[int, str]:
    """The names that a font's encoding gives to codes."""
    names: dict[int, str] = {}
    code = 0
    for one in _object(_dictionary(resource.get("/Encoding")).get("/Differences")) or ():
        if isinstance(one, int):
            code = one
        else:
            names[code] = str(one).lstrip("/")
            code += 1
    return names


def _object(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _dictionary(value: Any) -> DictionaryObject:
    target = _object(value)
    return target if isinstance(target, DictionaryObject) else DictionaryObject()


def _data(value: Any) -> bytes:
    target = _object(value)
    return target.get_data() if isinstance(target, StreamObject) else b""
