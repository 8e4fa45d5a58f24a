"""Strings of a PDF's text operators to letters with widths. Encodings, CMaps and core metrics are pypdf's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pypdf._codecs import adobe_glyphs
from pypdf._font import Font
from pypdf.generic import DictionaryObject, NameObject

from placet.comparison.reading.looks import Looks, doubles
from placet.comparison.reading.pdf_outlines import Outlines, Work

UNKNOWN_LETTER = "\ufffd"
"""Of a code that no font names."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a code shows, as far as its font tells; its width in text space for size 1."""

    text: str
    width: float
    code: int
    blank: bool = False
    """The one-byte code 32, to which word spacing applies."""

    @property
    def unknown(self) -> bool:
        """Whether no font says what it is."""
        return self.text == UNKNOWN_LETTER


@dataclass
class PdfFont:
    """A font as a page's resources have it."""

    name: str
    subtype: str
    resource: DictionaryObject
    measured: bool = True
    """Whether widths are known."""
    work: Work = field(default_factory=Work)
    """That all fonts of the document have in common."""
    _font: Font | None = None
    _scale: float = 0.001
    _composite: bool = False
    _encoding: dict[int, str] = field(default_factory=dict)
    _named: dict[int, str] = field(default_factory=dict)
    """What codes mean by the names of their glyphs, where the font says so."""
    _letters: dict[int, Letter] = field(default_factory=dict)
    _program: bytes | None = None
    looks: dict[str, set[bytes]] = field(default_factory=dict)
    """Letters and digits that were shown, with hashes of what is drawn for them."""
    lies: set[str] = field(default_factory=set)
    """Letters that the text has where the page shows other ones by their names."""

    @classmethod
    def of(cls, resource: DictionaryObject, work: Work) -> PdfFont:
        """Errors of pypdf for what is malformed."""
        subtype = str(resource.get("/Subtype", ""))
        font = Font.from_font_resource(resource)
        pdf_font = cls(
            font.name.rpartition("+")[2], subtype, resource, work=work, _font=font, _composite=subtype == "/Type0"
        )
        if subtype == "/Type3":
            matrix = resource.get("/FontMatrix", [0.001])
            pdf_font._scale = abs(float(matrix[0])) or 0.001
        pdf_font.measured = bool(font.character_widths.keys() - {"default"})
        if not pdf_font._composite:
            pdf_font._encoding = pdf_font._stated(font)
            pdf_font._named = _letters_of(pdf_font._encoding) if "/Encoding" in resource else {}
        return pdf_font

    def _stated(self, font: Font) -> dict[int, str]:
        """What codes of one byte mean: by the PDF's encoding, else by the font program's own, whatever maps them to
        text."""
        if "/Encoding" in self.resource:
            beside = ("/ToUnicode", "/FontDescriptor")
            plain = {NameObject(key): value for key, value in self.resource.items() if key not in beside}
            encoding = Font.from_font_resource(DictionaryObject(plain)).encoding
        else:
            encoding = {
                code: adobe_glyphs.get(f"/{name}", UNKNOWN_LETTER) for code, name in self._outlines.encoding.items()
            }
            encoding = encoding or font.encoding
        return encoding if isinstance(encoding, dict) else {}

    @cached_property
    def _outlines(self) -> Outlines:
        return Outlines(self.resource, self.work)

    def look(self, code: int) -> bytes:
        """A hash of what a letter without a meaning is drawn by: its own procedure, else the whole font's program."""
        if self.subtype == "/Type3":
            procedure = self._procedures().get(code)
            return b"" if procedure is None else hashlib.sha256(procedure).digest()
        if self._program is None:
            descriptor = _dictionary(self.resource.get("/FontDescriptor"))
            for inner in self._descendants():
                descriptor = _dictionary(inner.get("/FontDescriptor"))
            files = [descriptor.get(key) for key in ("/FontFile", "/FontFile2", "/FontFile3")]
            streams = [one.get_object() for one in files if one is not None]
            self._program = b"".join(hashlib.sha256(one.get_data()).digest() for one in streams)
        return self._program + code.to_bytes(4, "big")

    def _procedures(self) -> dict[int, bytes]:
        by_code: dict[int, bytes] = {}
        code, procedures = 0, _dictionary(self.resource.get("/CharProcs"))
        differences: Any = _dictionary(self.resource.get("/Encoding")).get("/Differences")
        for one in differences.get_object() if differences is not None else ():
            if isinstance(one, int):
                code = one
            else:
                drawn: Any = procedures.get(one)
                by_code[code] = drawn.get_object().get_data() if drawn is not None else b""
                code += 1
        return by_code

    def _descendants(self) -> list[DictionaryObject]:
        inner: Any = self.resource.get("/DescendantFonts")
        return [_dictionary(one) for one in inner.get_object()] if inner is not None else []

    def letters(self, raw: bytes) -> Iterator[Letter]:
        """In order. Codes that mean nothing have the text U+FFFD."""
        font = self._font
        if font is None:
            for code in raw:
                yield Letter(UNKNOWN_LETTER, 0.5, code)
            return
        if (
            self._composite
            and isinstance(font.encoding, str)
            and font.encoding not in ("utf-16-be",)
            and "/" not in font.encoding
        ):
            for letter in raw.decode(font.encoding, "replace"):
                yield Letter(letter, 1.0, ord(letter))
            return
        size = 2 if self._composite else 1
        for at in range(0, len(raw) - size + 1, size):
            code = int.from_bytes(raw[at : at + size], "big")
            known = self._letters.get(code)
            if known is None:
                known = self._letters[code] = self._letter(font, code)
            yield known

    def _see(self, code: int, text: object) -> None:
        """Holds a letter of the text against what the font draws for it."""
        if not isinstance(text, str) or len(text) != 1 or not text.isalnum():
            return
        named = self._named.get(code)
        if text.isascii():
            if (drawn := self._outlines.of(code, named)) is not None:
                self.looks.setdefault(text, set()).add(drawn)
            named = self._outlines.letter(code, named) or named
        if named is not None and named.isalnum() and named.casefold() != text.casefold():
            self.lies.add(f"{named} → {text}")

    def _letter(self, font: Font, code: int) -> Letter:
        key = chr(code)
        width = font.character_widths.get(key, font.character_widths["default"])
        width = float(width) * self._scale
        if self._composite:
            self._see(code, font.character_map.get(key))
            mapped: Any = font.character_map.get(key)
            if mapped is None:
                uni = isinstance(font.encoding, str) and "Uni" in str(self.resource.get("/Encoding", ""))
                mapped = key if uni else UNKNOWN_LETTER
            return Letter(str(mapped) or UNKNOWN_LETTER, width, code)
        if "/ToUnicode" in self.resource:
            own = font.encoding.get(code, UNKNOWN_LETTER) if isinstance(font.encoding, dict) else key
            text = str(font.character_map.get(own, font.character_map.get(key, own)))
        else:
            text = self._encoding.get(code, UNKNOWN_LETTER) if self._encoding else key
        if not font.interpretable and "/ToUnicode" not in self.resource:
            text = UNKNOWN_LETTER
        if len(text) > 1 and text.startswith("/"):
            text = UNKNOWN_LETTER
        self._see(code, text)
        return Letter(text or UNKNOWN_LETTER, width, code, code == 32)


class Fonts:
    """The fonts of a document, each read once."""

    def __init__(self) -> None:
        self._fonts: dict[int, PdfFont] = {}
        self._work = Work()

    def of(self, resource: DictionaryObject) -> PdfFont:
        """A font whose letters nothing is known of where it is malformed."""
        key = id(resource)
        if key not in self._fonts:
            try:
                self._fonts[key] = PdfFont.of(resource, self._work)
            except (AttributeError, TypeError, KeyError, ValueError):
                self._fonts[key] = PdfFont("", "", resource, measured=False)
        return self._fonts[key]

    @property
    def looks(self) -> Looks:
        """What was drawn for the letters of each font, by its name."""
        looks: dict[tuple[str, str], frozenset[bytes]] = {}
        for font in self._fonts.values():
            for letter, drawn in font.looks.items():
                looks[font.name, letter] = looks.get((font.name, letter), frozenset()) | drawn
        return looks

    @property
    def unheld(self) -> int:
        """Number of fonts that were not held against the text, since the others took too long."""
        return self._work.refused

    @property
    def lies(self) -> list[str]:
        """Letters that are named otherwise than the text says, as `6 → 9`."""
        return sorted(set().union(*(font.lies for font in self._fonts.values())))

    @property
    def doubles(self) -> list[str]:
        """Letters of a font that are drawn in two ways, where most of them are drawn in one."""
        return sorted(set().union(*(doubles(font.looks) for font in self._fonts.values())))


def _letters_of(encoding: object) -> dict[int, str]:
    pairs = encoding.items() if isinstance(encoding, dict) else ()
    return {code: text for code, text in pairs if isinstance(text, str) and len(text) == 1}


def _dictionary(value: Any) -> DictionaryObject:
    target = value.get_object() if value is not None else None
    return target if isinstance(target, DictionaryObject) else DictionaryObject()
