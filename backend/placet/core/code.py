"""A document as the text of a QR code: `PLACET1:`, its canonical JSON by raw DEFLATE (RFC 1951), in base 45 (RFC 9285).

Pages write such texts (`backend/web/client/src/code.ts`); here they are read, as a scanner hands them over.
"""

from __future__ import annotations

import zlib

from placet.core.errors import InputError

PREFIX = "PLACET1:"
_PLACES = {letter: place for place, letter in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")}
_RAW = -15


def content_of(text: str, *, limit: int) -> str:
    """The JSON of a document: a file's content as it is, a code's text unpacked, at most `limit` bytes of it.
    InputError for a code's text that is none, or holds more."""
    stripped = text.strip()
    if not stripped.startswith(PREFIX):
        return text
    unpacker = zlib.decompressobj(_RAW)
    try:
        content = unpacker.decompress(_from_base45(stripped[len(PREFIX) :]), limit)
        decoded = content.decode()
    except (KeyError, ValueError, zlib.error):
        raise InputError("the code's text is damaged", expected=f"{PREFIX} and what a page's QR code says") from None
    if not unpacker.eof or unpacker.unused_data:
        raise InputError("the code's text is cut short or holds too much", expected=f"at most {limit} bytes")
    return decoded


def _from_base45(letters: str) -> bytes:
    """KeyError or ValueError for what is no base 45."""
    digits = [_PLACES[letter] for letter in letters]
    content = bytearray()
    if len(digits) % 3 == 1:
        raise ValueError("one letter too many")
    for at in range(0, len(digits), 3):
        part = digits[at : at + 3]
        number = sum(digit * 45**power for power, digit in enumerate(part))
        if number >= 256 ** (len(part) - 1):
            raise ValueError("no bytes")
        content += number.to_bytes(len(part) - 1, "big")
    return bytes(content)
