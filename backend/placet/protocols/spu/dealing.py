"""How the owner of secret integers deals them out: all shares but one are streams of random words, sent as their seeds.

A sum of components modulo 2^64 is the secret. With Cheetah each party holds one, so the peer gets a seed of 32 bytes
and the owner keeps what is left. With ABY3 party i holds components i and i+1: of the two that the owner holds one is
left over and one a stream, and so is the third one, which both peers hold. So a number costs its owner 8 bytes to one
peer, and nothing to the other. Streams are ChaCha20's under a fresh key.

What is made of it are shares as SPU's `Io.make_shares` makes them: a `ValueMetaProto`, and `ValueChunkProto`s, whose
words lie as the machine has them, which SPU wants to be little-endian.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from placet.core.errors import ProtocolError
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.shares import ShareBytes

SEED_BYTES = 32
WORD_BYTES = 8
Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
_CHUNK_BYTES = 1 << 27
"""Of one of SPU's chunks, at the most."""
_INT64, _SECRET = 8, 1


def compact(engine: Engine, dtype: str) -> bool:
    """Can arrays of this type be dealt so?"""
    return engine.field == "FM64" and dtype == "int64"


def deal(engine: Engine, owner: int, numbers: Numbers) -> tuple[ShareBytes, dict[int, bytes]]:
    """The owner's share, and what each other party is sent."""
    seeds = [secrets.token_bytes(SEED_BYTES) for _ in range(engine.parties - 1)]
    left = numbers.reshape(-1).view(np.uint64).copy()
    streams = [_stream(seed, left.size) for seed in seeds]
    for stream in streams:
        left -= stream
    after, last = (owner + 1) % engine.parties, (owner + 2) % engine.parties
    meta = _meta(engine, numbers.shape)
    if engine.parties == 2:
        return _share(meta, [left]), {after: meta + seeds[0]}
    messages = {after: meta + seeds[0] + seeds[1], last: meta + seeds[1] + left.tobytes()}
    return _share(meta, [left, streams[0]]), messages


def receive(engine: Engine, owner: int, me: int, shape: tuple[int, ...], raw: bytes) -> ShareBytes:
    """Our share, of what the owner sent us: what it says of the array, behind that seeds and words. ProtocolError
    `spu.share` where it dealt another array."""
    size, second = math.prod(shape), engine.parties == 3 and me == (owner + 2) % 3
    meta = _meta(engine, shape)
    expected = len(meta) + SEED_BYTES + (WORD_BYTES * size if second else SEED_BYTES * (engine.parties - 2))
    if len(raw) != expected or not raw.startswith(meta):
        raise ProtocolError(
            "a party dealt another array", expected=f"{shape} in {expected} bytes", found=len(raw), code="spu.share"
        )
    first, rest = _stream(raw[len(meta) :][:SEED_BYTES], size), raw[len(meta) + SEED_BYTES :]
    if engine.parties == 2:
        return _share(meta, [first])
    return _share(meta, [first, np.frombuffer(rest, np.uint64) if second else _stream(rest, size)])


def _stream(seed: bytes, size: int) -> Words:
    cipher = Cipher(algorithms.ChaCha20(seed, bytes(16)), mode=None).encryptor()
    return np.frombuffer(cipher.update(bytes(WORD_BYTES * size)), np.uint64)


def _share(meta: bytes, components: Sequence[Words]) -> ShareBytes:
    words = np.stack(components, axis=1) if len(components) > 1 else components[0]
    return ShareBytes(meta, tuple(_chunks(memoryview(words.tobytes()))))


def _meta(engine: Engine, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(map(_varint, shape))
    packed = _field(1, dims) if shape else b""
    storage = f"{engine.protocol}.AShr<{engine.field}>".encode()
    return b"\x08" + _varint(_INT64) + b"\x18" + _varint(_SECRET) + _field(4, packed) + _field(5, storage)


def _chunks(content: memoryview) -> list[bytes]:
    chunks = []
    for start in range(0, len(content), _CHUNK_BYTES):
        offset = b"\x10" + _varint(start) if start else b""
        chunks.append(b"\x08" + _varint(len(content)) + offset + _field(3, content[start : start + _CHUNK_BYTES]))
    return chunks


def _field(number: int, content: bytes | memoryview) -> bytes:
    """A field of protobuf that has a length."""
    return b"".join([_varint(number << 3 | 2), _varint(len(content)), content])


def _varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])
