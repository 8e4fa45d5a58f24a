"""Shares as bytes: a small format of our own, since SPU hands over only objects.

Version 1: `PLSH` and 0x01; the length of the meta (4 bytes, big-endian) and the meta (SPU's `ValueMetaProto`); the
number of chunks (4 bytes) and, for each, its length (4 bytes) and the chunk (SPU's `ValueChunkProto`). Nothing follows.
Whether meta and chunks mean anything is for SPU to say, in its own process.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from placet.core.errors import InputError, LimitError

MAX_META = 4096
MAX_CHUNKS = 4096
MAX_BYTES = 1 << 32
_MAGIC = b"PLSH\x01"
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class ShareBytes:
    """One party's part of one secret value."""

    meta: bytes
    chunks: tuple[bytes, ...] = field(repr=False)


def encode(share: ShareBytes) -> bytes:
    """LimitError for a share beyond the format's bounds."""
    _bound("meta", len(share.meta), MAX_META)
    _bound("chunks", len(share.chunks), MAX_CHUNKS)
    parts = [_MAGIC, _LENGTH.pack(len(share.meta)), share.meta, _LENGTH.pack(len(share.chunks))]
    for chunk in share.chunks:
        _bound("a chunk", len(chunk), 0xFFFF_FFFF)
        parts += [_LENGTH.pack(len(chunk)), chunk]
    _bound("the whole", sum(map(len, parts)), MAX_BYTES)
    return b"".join(parts)


def decode(raw: bytes, *, limit: int = MAX_BYTES) -> ShareBytes:
    """The inverse of `encode`; InputError for anything but its outputs, LimitError beyond `limit` bytes."""
    _bound("the whole", len(raw), limit)
    if not raw.startswith(_MAGIC):
        raise InputError("not a share", expected="PLSH, version 1", found=f"{len(raw)} bytes of something else")
    at = len(_MAGIC)
    meta, at = _piece(raw, at, MAX_META)
    count, at = _length(raw, at)
    _bound("chunks", count, MAX_CHUNKS)
    chunks = []
    for _ in range(count):
        chunk, at = _piece(raw, at, limit)
        chunks.append(chunk)
    if at != len(raw):
        raise InputError("a share has a tail", expected="nothing after the last chunk", found=f"{len(raw) - at} bytes")
    return ShareBytes(meta, tuple(chunks))


def _length(raw: bytes, at: int) -> tuple[int, int]:
    if len(raw) - at < _LENGTH.size:
        raise InputError("a share ends early", expected="a length of 4 bytes", found=f"{len(raw) - at} bytes")
    return _LENGTH.unpack_from(raw, at)[0], at + _LENGTH.size


def _piece(raw: bytes, at: int, limit: int) -> tuple[bytes, int]:
    length, at = _length(raw, at)
    _bound("a piece", length, limit)
    if len(raw) - at < length:
        raise InputError("a share ends early", expected=f"{length} bytes", found=f"{len(raw) - at} bytes")
    return raw[at : at + length], at + length


def _bound(what: str, found: int, limit: int) -> None:
    if found > limit:
        raise LimitError(f"a share is too large: {what}", expected=f"at most {limit}", found=found)
