"""RLP, the encoding of Ethereum's headers, receipts and tries (Yellow Paper, appendix B): byte strings, and lists.

Only the shortest form is read, so that what was read is encoded again as the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from placet.core.errors import InputError

Item: TypeAlias = "bytes | Sequence[Item]"
"""What is encoded; what is decoded consists of `bytes` and `list`."""
_SHORT = 55
"""Bytes up to which a length stands in the first byte."""
_DEEPEST = 8
"""Lists within lists that are read: receipts have four."""


def encode(item: Item) -> bytes:
    """The item's RLP."""
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _prefix(0x80, len(item)) + item
    body = b"".join(map(encode, item))
    return _prefix(0xC0, len(body)) + body


def of_int(value: int) -> bytes:
    """A number as RLP has it: big-endian, without leading zeros; nothing for zero."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _prefix(kind: int, length: int) -> bytes:
    if length <= _SHORT:
        return bytes([kind + length])
    size = of_int(length)
    return bytes([kind + _SHORT + len(size)]) + size


def decode(raw: bytes) -> Item:
    """The one item that `raw` encodes. InputError for anything else, and for another form than the shortest."""
    item, end = _item(raw, 0, len(raw), 0)
    if end != len(raw):
        raise _malformed("nothing after the item")
    return item


def _item(raw: bytes, at: int, until: int, depth: int) -> tuple[Item, int]:
    """The item that begins at `at`, and where it ends: at `until` at the latest."""
    if at >= until:
        raise _malformed("an item")
    first = raw[at]
    if first < 0x80:
        return raw[at : at + 1], at + 1
    kind = 0x80 if first < 0xC0 else 0xC0
    start, end = _payload(raw, at, until, first - kind)
    if kind == 0x80:
        if end - start == 1 and raw[start] < 0x80:
            raise _malformed("a small byte by itself")
        return raw[start:end], end
    if depth == _DEEPEST:
        raise _malformed(f"at most {_DEEPEST} lists within each other")
    items: list[Item] = []
    while start < end:
        item, start = _item(raw, start, end, depth + 1)
        items.append(item)
    return items, end


def _payload(raw: bytes, at: int, until: int, length: int) -> tuple[int, int]:
    start = at + 1
    if length > _SHORT:
        size, start = raw[start : start + length - _SHORT], start + length - _SHORT
        length = int.from_bytes(size, "big")
        if start > until or size[:1] == b"\0" or length <= _SHORT:
            raise _malformed("the shortest length")
    if start + length > until:
        raise _malformed("all bytes of an item")
    return start, start + length


def _malformed(expected: str) -> InputError:
    return InputError("not RLP", expected=expected)
