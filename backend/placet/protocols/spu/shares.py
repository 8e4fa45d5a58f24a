"""Shares as bytes: a small format of our own, since SPU hands over only objects.

Version 1: `PLSH` and 0x01; a frame (`core.framing`) with the meta (SPU's `ValueMetaProto`); the number of
chunks (4 bytes) and a frame with each chunk (SPU's `ValueChunkProto`). Nothing follows.
Whether meta and chunks mean anything is for SPU to say, in its own process.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from placet.core.errors import InputError, LimitError
from placet.core.framing import FrameReader, frame, header

MAX_META = 4096
MAX_CHUNKS = 4096
MAX_BYTES = 1 << 32
_MAGIC = b"PLSH\x01"


@dataclass(frozen=True)
class ShareBytes:
    """One party's part of one secret value."""

    meta: bytes
    chunks: tuple[bytes, ...] = field(repr=False)


def encode(share: ShareBytes) -> bytes:
    """LimitError for a share beyond the format's bounds."""
    _bound("meta", len(share.meta), MAX_META)
    _bound("chunks", len(share.chunks), MAX_CHUNKS)
    parts = [_MAGIC, frame(share.meta), header(len(share.chunks))]
    for chunk in share.chunks:
        parts += [header(len(chunk)), chunk]
    _bound("the whole", sum(map(len, parts)), MAX_BYTES)
    return b"".join(parts)


def decode(raw: bytes, *, limit: int = MAX_BYTES) -> ShareBytes:
    """The inverse of `encode`; InputError for anything but its outputs, LimitError beyond `limit` bytes."""
    _bound("the whole", len(raw), limit)
    if not raw.startswith(_MAGIC):
        raise InputError("not a share", expected="PLSH, version 1", found=f"{len(raw)} bytes of something else")
    reader = FrameReader(raw, "a share")
    reader.take(len(_MAGIC))
    meta = reader.frame(MAX_META)
    count = reader.number(MAX_CHUNKS)
    chunks = tuple(reader.frame(limit) for _ in range(count))
    reader.end()
    return ShareBytes(meta, chunks)


def _bound(what: str, found: int, limit: int) -> None:
    if found > limit:
        raise LimitError(f"a share is too large: {what}", expected=f"at most {limit}", found=found)
