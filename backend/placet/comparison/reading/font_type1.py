"""Glyphs of a Type 1 font (Adobe Type 1 Font Format, chapters 2 and 7). ValueError for a broken one."""

from __future__ import annotations

import re
from typing import Final

from placet.comparison.reading.font_glyphs import Glyphs, standard

_MOST: Final = 2_000_000
"""Bytes of an encrypted part."""
_OUTLINE: Final = re.compile(rb"/([\w.]+)\s+(\d{1,5})\s+(?:RD|-\||\S{1,8}) ")
_CODE: Final = re.compile(rb"dup\s+(\d{1,3})\s*/([\w.]+)\s+put")
_SKIPPED: Final = re.compile(rb"/lenIV\s+(\d)")


def type1(data: bytes) -> Glyphs:
    """Outlines are charstrings, decrypted."""
    if data[:1] == b"\x80":  # parts, each with a head of six bytes
        data = _parts(data)
    clear, mark, secret = data.partition(b"eexec")
    if not mark:
        raise ValueError("no eexec")
    secret = secret.lstrip(b" \t\r\n")[:_MOST]
    if re.fullmatch(rb"[0-9A-Fa-f\s]{8}", secret[:8]):
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", secret)
        secret = bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    private = _decrypted(secret, 55_665)[4:]
    skipped = _SKIPPED.search(private)
    skip = int(skipped[1]) if skipped else 4
    glyphs: dict[str, bytes] = {}
    at = max(private.find(b"/CharStrings"), 0)
    while (entry := _OUTLINE.search(private, at)) is not None:
        end = entry.end() + int(entry[2])
        glyphs[entry[1].decode()] = _decrypted(private[entry.end() : end], 4_330)[skip:]
        at = end
    names = list(glyphs)
    codes = {int(code): name.decode() for code, name in _CODE.findall(clear)}
    return Glyphs(
        outlines=list(glyphs.values()),
        names=names,
        by_name={name: n for n, name in enumerate(names)},
        encoding=codes or {code: name for code in range(128) if (name := standard(code))},
    )


def _parts(data: bytes) -> bytes:
    parts, at = b"", 0
    while data[at : at + 1] == b"\x80" and data[at + 1] in (1, 2):
        size = int.from_bytes(data[at + 2 : at + 6], "little")
        parts += data[at + 6 : at + 6 + size]
        at += 6 + size
    return parts


def _decrypted(data: bytes, key: int) -> bytes:
    plain = bytearray(len(data))
    for n, byte in enumerate(data):
        plain[n] = byte ^ (key >> 8)
        key = ((byte + key) * 52_845 + 22_719) & 0xFFFF
    return bytes(plain)
