"""Whole numbers put together from arithmetic shares without SPU: a sum modulo 2^64, for which no process starts.

SPU keeps a secret whole number x in the ring of 64 bits as x = x_0 + … (mod 2^64): under Cheetah party i has x_i; under
ABY3 x = x_0 + x_1 + x_2 and party i has x_i and x_(i+1), element by element. What is anything else (other types, other
rings, shares in bits or in several chunks) is left to SPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from placet.protocols.spu.engine import Engine
from placet.protocols.spu.shares import ShareBytes

_INT64, _SECRET = 8, 1
_TYPE, _VISIBILITY, _SHAPE, _STORAGE = 1, 3, 4, 5
"""Fields of SPU's `ValueMetaProto`; of a shape, 1 are its sizes."""
_TOTAL, _OFFSET, _CONTENT = 1, 2, 3
"""Fields of SPU's `ValueChunkProto`."""
_PARTS = {"cheetah": 1, "aby3": 2}
Fields = dict[int, int | bytes]


def integers(shares: Sequence[ShareBytes], engine: Engine) -> npt.NDArray[np.int64] | None:
    """The array behind every party's share, in the parties' order; None where SPU has to say what they are."""
    metas = {share.meta for share in shares}
    if engine.field != "FM64" or len(shares) != engine.parties or len(metas) != 1:
        return None
    shape = _shape(metas.pop(), engine)
    words = [_words(share, engine) for share in shares]
    if shape is None or any(one is None or one.shape[0] != prod(shape) for one in words):
        return None
    parts = [one for one in words if one is not None]
    for mine, after in zip(parts, parts[1:] + parts[:1], strict=True):
        if mine.shape[1] == 2 and not np.array_equal(mine[:, 1], after[:, 0]):
            return None
    total = np.zeros(prod(shape), dtype=np.uint64)
    for part in parts:
        total += part[:, 0]
    return total.view(np.int64).reshape(shape)


def _shape(meta: bytes, engine: Engine) -> tuple[int, ...] | None:
    fields = _fields(meta)
    if fields is None or set(fields) != {_TYPE, _VISIBILITY, _SHAPE, _STORAGE}:
        return None
    if (fields[_TYPE], fields[_VISIBILITY]) != (_INT64, _SECRET):
        return None
    sizes, storage = fields[_SHAPE], fields[_STORAGE]
    if not isinstance(sizes, bytes) or storage != f"{engine.protocol}.AShr<FM64>".encode():
        return None
    packed = _fields(sizes)
    if packed is None or set(packed) != {1} or not isinstance(packed[1], bytes):
        return None
    numbers, rest = list[int](), packed[1]
    while rest:
        number = _number(rest)
        if number is None:
            return None
        numbers.append(number[0])
        rest = rest[number[1] :]
    return tuple(numbers)


def _words(share: ShareBytes, engine: Engine) -> npt.NDArray[np.uint64] | None:
    """(elements, parts of each)."""
    fields = _fields(share.chunks[0]) if len(share.chunks) == 1 else None
    if fields is None or not {_TOTAL, _CONTENT} <= set(fields) or fields.get(_OFFSET, 0) != 0:
        return None
    content, parts = fields[_CONTENT], _PARTS[engine.protocol]
    if not isinstance(content, bytes) or len(content) != fields[_TOTAL] or len(content) % (8 * parts):
        return None
    return np.frombuffer(content, dtype="<u8").reshape(-1, parts)


def _fields(message: bytes) -> Fields | None:
    """A protobuf message's fields that stand once, numbers and bytes alone; None for anything else."""
    fields, rest = Fields(), message
    while rest:
        key = _number(rest)
        value = None if key is None else _number(rest[key[1] :])
        if key is None or value is None or key[0] >> 3 in fields:
            return None
        rest, kind = rest[key[1] + value[1] :], key[0] & 7
        if kind == 0:
            fields[key[0] >> 3] = value[0]
        elif kind == 2 and value[0] <= len(rest):
            fields[key[0] >> 3], rest = rest[: value[0]], rest[value[0] :]
        else:
            return None
    return fields


def _number(raw: bytes) -> tuple[int, int] | None:
    """A variable-length number of at most 63 bits, and its bytes."""
    number = 0
    for place, byte in enumerate(raw[:9]):
        number |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return number, place + 1
    return None
