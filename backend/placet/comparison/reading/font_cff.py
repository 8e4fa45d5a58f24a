"""Glyphs of a CFF font (Adobe Technical Note 5176), bare or in OpenType. struct.error, LookupError for a broken one."""

from __future__ import annotations

import string
import struct
from itertools import pairwise
from typing import Final

from placet.comparison.reading.font_glyphs import DIGITS, Glyphs, standard
from placet.comparison.reading.font_truetype import tables, truetype

_STANDARD: Final = (
    {17 + n: name for n, name in enumerate(DIGITS)}
    | {34 + n: letter for n, letter in enumerate(string.ascii_uppercase)}
    | {66 + n: letter for n, letter in enumerate(string.ascii_lowercase)}
)
"""Names of letters and digits by their numbers among the standard strings."""
_STRINGS: Final = 391
_CHARSET, _ENCODING, _CHARSTRINGS, _ROS = 15, 16, 17, 1230
_MOST: Final = 65_535


def cff(data: bytes) -> Glyphs:
    """Outlines are charstrings as they stand."""
    if data[:4] == b"OTTO":
        data = tables(data)[b"CFF "]
    elif data[:4] in (b"\0\1\0\0", b"true"):
        return truetype(data)
    _, at = _index(data, data[2])
    tops, at = _index(data, at)
    strings, _ = _index(data, at)
    top = _dictionary(tops[0])
    outlines, _ = _index(data, top[_CHARSTRINGS][0])
    charset = _charset(data, top.get(_CHARSET, [0])[0], len(outlines))
    if _ROS in top:
        return Glyphs(outlines=outlines, identifiers={cid: n for n, cid in enumerate(charset)})
    names = [_name(number, strings) for number in charset]
    return Glyphs(
        outlines=outlines,
        names=names,
        by_name={name: n for n, name in enumerate(names) if name},
        encoding=_encoding(data, top.get(_ENCODING, [0])[0], names),
    )


def _name(number: int, strings: list[bytes]) -> str:
    if number < _STRINGS:
        return _STANDARD.get(number, "")
    return strings[number - _STRINGS].decode("latin-1") if number - _STRINGS < len(strings) else ""


def _index(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The objects of an INDEX, and where it ends."""
    (count,) = struct.unpack(">H", data[at : at + 2])
    if count == 0:
        return [], at + 2
    size = data[at + 2]
    begin = at + 3
    offsets = [int.from_bytes(data[begin + n * size : begin + (n + 1) * size], "big") for n in range(count + 1)]
    base = begin + (count + 1) * size - 1
    entries = [data[base + one : base + other] for one, other in pairwise(offsets)]
    return entries, base + offsets[-1]


def _dictionary(data: bytes) -> dict[int, list[int]]:
    """Whole numbers by operator; those of two bytes as 12 and two digits. Real numbers count as 0."""
    entries: dict[int, list[int]] = {}
    operands: list[int] = []
    at = 0
    while at < len(data):
        first = data[at]
        at += 1
        if first <= 21:
            if first == 12:
                first = 1200 + data[at]
                at += 1
            entries[first], operands = operands, []
        elif first == 28:
            operands.append(int.from_bytes(data[at : at + 2], "big", signed=True))
            at += 2
        elif first == 29:
            operands.append(int.from_bytes(data[at : at + 4], "big", signed=True))
            at += 4
        elif first == 30:
            while data[at] & 0x0F != 0x0F and data[at] >> 4 != 0x0F:
                at += 1
            operands.append(0)
            at += 1
        elif first <= 246:
            operands.append(first - 139)
        else:
            step = 247 if first <= 250 else 251
            sign = 1 if first <= 250 else -1
            operands.append(sign * ((first - step) * 256 + data[at] + 108))
            at += 1
    return entries


def _charset(data: bytes, at: int, count: int) -> list[int]:
    """Numbers of names, or CIDs, by glyph."""
    if at <= 2:
        return list(range(count))
    form, names = data[at], [0]
    at += 1
    while len(names) < min(count, _MOST):
        (first,) = struct.unpack(">H", data[at : at + 2])
        at += 2
        left = 0
        if form:
            left = int.from_bytes(data[at : at + form], "big")
            at += form
        names += range(first, first + min(left, count - len(names)) + 1)
    return names[:count]


def _encoding(data: bytes, at: int, names: list[str]) -> dict[int, str]:
    if at <= 1:
        return {code: name for code in range(128) if (name := standard(code))}
    form, many = data[at] & 0x7F, data[at + 1]
    at += 2
    encoding: dict[int, str] = {}
    glyph = 1
    for _ in range(many):
        first, left = data[at], data[at + 1] if form else 0
        at += 2 if form else 1
        for code in range(first, first + left + 1):
            encoding[code] = names[glyph] if glyph < len(names) else ""
            glyph += 1
    return encoding
