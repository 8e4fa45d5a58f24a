"""Whole numbers from arithmetic shares, without SPU; and what is left to SPU."""

from __future__ import annotations

import numpy as np
import pytest

from placet.protocols.spu.adding import integers
from placet.protocols.spu.engine import Engine, choose
from placet.protocols.spu.shares import ShareBytes

CHEETAH, ABY3 = choose(2), choose(3)
VALUES = np.array([[1, -2, 3], [2**62, -(2**63), 0]], dtype=np.int64)
NAMES = {"cheetah": b"cheetah.AShr<FM64>", "aby3": b"aby3.AShr<FM64>"}


def meta(engine: Engine, *, kind: int = 8, visibility: int = 1, storage: bytes | None = None) -> bytes:
    name = storage or NAMES[engine.protocol]
    sizes = bytes([2, 3])
    shape = b"\x0a" + bytes([len(sizes)]) + sizes
    return (
        b"\x08"
        + bytes([kind])
        + b"\x18"
        + bytes([visibility])
        + b"\x22\x04"
        + shape
        + b"\x2a"
        + bytes([len(name)])
        + name
    )


def chunk(content: bytes, total: int | None = None, offset: bytes = b"") -> bytes:
    size = len(content) if total is None else total
    return b"\x08" + bytes([size]) + offset + b"\x1a" + bytes([len(content)]) + content


def shares(engine: Engine, about: bytes | None = None) -> list[ShareBytes]:
    """As SPU makes them: fixed random parts, and what is left."""
    chance = np.random.default_rng(3)
    parts = [chance.integers(0, 2**64, VALUES.size, dtype=np.uint64) for _ in range(engine.parties - 1)]
    rest = VALUES.reshape(-1).view(np.uint64).copy()
    for part in parts:
        rest -= part
    parts.append(rest)
    if engine.protocol == "aby3":
        parts = [np.stack([part, parts[(n + 1) % 3]], axis=1) for n, part in enumerate(parts)]
    return [ShareBytes(about or meta(engine), (chunk(part.astype("<u8").tobytes()),)) for part in parts]


@pytest.mark.parametrize("engine", [CHEETAH, ABY3])
def test_a_sum_modulo_2_to_64(engine: Engine) -> None:
    total = integers(shares(engine), engine)
    assert total is not None and total.dtype == np.int64
    assert total.tolist() == VALUES.tolist()


@pytest.mark.parametrize("engine", [CHEETAH, ABY3])
def test_what_is_left_to_spu(engine: Engine) -> None:
    good = shares(engine)
    content = good[0].chunks[0]
    others = {
        "another type": shares(engine, meta(engine, kind=9)),
        "not secret": shares(engine, meta(engine, visibility=2)),
        "bits": shares(engine, meta(engine, storage=NAMES[engine.protocol].replace(b"AShr", b"BShr"))),
        "another protocol": shares(engine, meta(engine, storage=b"semi2k.AShr<FM64>")),
        "another ring": shares(engine, meta(engine, storage=NAMES[engine.protocol].replace(b"64", b"32"))),
        "no meta": shares(engine, b"\x08"),
        "a field twice": shares(engine, meta(engine) + b"\x08\x08"),
        "two metas": [ShareBytes(meta(engine, kind=7), good[0].chunks), *good[1:]],
        "two chunks": [ShareBytes(good[0].meta, good[0].chunks * 2), *good[1:]],
        "no chunk": [ShareBytes(good[0].meta, ()), *good[1:]],
        "too few": good[:-1],
        "a short chunk": [ShareBytes(good[0].meta, (content[:-8],)), *good[1:]],
        "a wrong total": [ShareBytes(good[0].meta, (chunk(bytes(16), 24),)), *good[1:]],
        "fewer numbers": [ShareBytes(good[0].meta, (chunk(bytes(16)),)), *good[1:]],
        "an offset": [ShareBytes(good[0].meta, (chunk(bytes(48), offset=b"\x10\x01"),)), *good[1:]],
    }
    for what, given in others.items():
        assert integers(given, engine) is None, what
    assert integers(good, Engine(protocol=engine.protocol, field="FM128", fraction_bits=40)) is None


def test_aby3s_copies_agree_or_spu_is_asked() -> None:
    first, second, third = shares(ABY3)
    assert integers([second, first, third], ABY3) is None
