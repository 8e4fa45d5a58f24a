"""What the protocol tests share: repeatable randomness, and runs of both sides of a protocol."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from placet.protocols.order import Entropy


def _entropy(seed: str) -> Entropy:
    """A repeatable stream of bytes: SHAKE-256 over the seed and a counter."""
    calls = 0

    def take(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(f"{seed}/{calls}".encode()).digest(count)

    return take


@dataclass
class ScriptedChannel:
    """A peer that says what the test tells it to say: `answers` maps a tag to a payload. Enforces no limit."""

    answers: dict[str, bytes]
    me: str = "me"
    sent: dict[str, bytes] = field(default_factory=dict)

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        self.sent[tag] = payload

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        return self.answers[tag]


def _together(*sides: Coroutine[Any, Any, Any]) -> list[Any]:
    async def run() -> list[Any]:
        async with asyncio.timeout(60):
            return await asyncio.gather(*sides)

    return asyncio.run(run())


@pytest.fixture(scope="session")
def seeded() -> Callable[[str], Entropy]:
    return _entropy


@pytest.fixture(scope="session")
def together() -> Callable[..., list[Any]]:
    return _together


@pytest.fixture(scope="session")
def scripted() -> type[ScriptedChannel]:
    return ScriptedChannel


@pytest.fixture(scope="session")
def paillier_key() -> Any:
    """One key of 2048 bits for the whole run: making one, and its table, takes a second."""
    for package in ("gmpy2", "phe"):
        pytest.importorskip(package, reason=f"no {package} here: pip install 'placet[paillier]'")
    from placet.protocols.mpc.paillier import generate

    return generate(2048)


@pytest.fixture(scope="session")
def okamoto_key() -> Any:
    pytest.importorskip("gmpy2", reason="no gmpy2 here: pip install 'placet[paillier]'")
    from placet.protocols.mpc.okamoto import generate

    return generate()
