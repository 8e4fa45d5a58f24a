"""Texts of files as editors and shells write them, of Windows too: byte order marks, CRLF and UTF-16."""

from __future__ import annotations

import codecs

from placet.core.errors import InputError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_REMEDY = "save it as UTF-8"


def text_of(raw: bytes, what: str) -> str:
    """The text, its lines ended by line feeds alone. InputError says what a file is that is neither UTF-8 nor UTF-16
    with a byte order mark; its bytes are not shown, since `what` may be a secret."""
    if raw.startswith(_UTF32):
        raise InputError(f"the {what} is in UTF-32", expected="UTF-8", remedy=_REMEDY, code="input.encoding")
    try:
        text = raw.decode("utf-16") if raw.startswith(_UTF16) else raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the {what} is not UTF-8",
            expected="UTF-8",
            found=f"another encoding (Windows-1252?) at byte {error.start}",
            remedy=_REMEDY,
            code="input.encoding",
        ) from None
    if "\0" in text:
        raise InputError(
            f"the {what} is no text",
            expected="UTF-8",
            found="zero bytes: is it UTF-16 without a byte order mark?",
            remedy=_REMEDY,
            code="input.encoding",
        )
    return text.replace("\r\n", "\n")
