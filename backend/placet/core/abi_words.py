"""The Solidity ABI of events in words of 32 bytes, as far as Placet's contracts use it: numbers, addresses, booleans,
fixed bytes, structs of these, and arrays of these.

Contracts write one form only: what is dynamic follows in order, without gaps. Nothing else is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from placet.core.errors import InputError

WORD = 32
_ATOM = re.compile(r"(uint|bytes)([0-9]+)")


def decode(types: Sequence[str], data: bytes) -> list[Any]:
    """The values of these types: `int`, `bool`, `bytes`, and tuples of them. InputError for other data."""
    flat = [_members(name) for name in types]
    at, end = 0, sum(map(len, flat)) * WORD
    values: list[Any] = []
    for name, members in zip(types, flat, strict=True):
        if not name.endswith("[]"):
            words = [_atom(member, _word(data, at + WORD * place)) for place, member in enumerate(members)]
            values.append(tuple(words) if name.startswith("(") else words[0])
        else:
            if _number(data, at) != end:
                raise _malformed("an array right after what stands before it")
            count, start = _number(data, end), end + WORD
            end = start + count * WORD
            if end > len(data):
                raise _malformed(f"{count} items")
            values.append(tuple(_atom(name[:-2], _word(data, place)) for place in range(start, end, WORD)))
        at += WORD * len(members)
    if end != len(data):
        raise _malformed("nothing after the values")
    return values


def _members(name: str) -> list[str]:
    """What stands in a type's own place, word by word."""
    return name[1:-1].split(",") if name.startswith("(") else [name]


def _word(data: bytes, at: int) -> bytes:
    word = data[at : at + WORD]
    if len(word) != WORD:
        raise _malformed("a word of 32 bytes")
    return word


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(_word(data, at), "big")


def _atom(name: str, word: bytes) -> Any:
    if name == "address":
        return _padded(word[12:], word[:12])
    kind, size = ("uint", 1) if name == "bool" else _sized(name)
    if kind == "bytes":
        return _padded(word[:size], word[size:])
    value = int.from_bytes(word, "big")
    if value >> size:
        raise _malformed(name)
    return bool(value) if name == "bool" else value


def _sized(name: str) -> tuple[str, int]:
    match = _ATOM.fullmatch(name)
    if match is None:
        raise LookupError(f"no type of the contracts' events: {name}")
    return match[1], int(match[2])


def _padded(value: bytes, padding: bytes) -> bytes:
    if any(padding):
        raise _malformed("zeros around a shorter value")
    return value


def _malformed(expected: str) -> InputError:
    return InputError("not what the contract tells", expected=expected)
