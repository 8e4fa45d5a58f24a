"""Base transfers dealt by the test, where what is built on them is tested: a batch of real ones costs 0.15 s."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from placet.protocols.ot import oprf


def _seed(context: bytes, index: int, choice: int) -> bytes:
    return hashlib.sha256(context + bytes((index >> 8, index & 255, choice))).digest()[:16]


@pytest.fixture
def dealt_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(channel: Any, receiver: str, count: int, *, context: bytes, entropy: Any) -> Any:
        seeds = b"".join(_seed(context, index, choice) for index in range(count) for choice in (0, 1))
        return np.frombuffer(seeds, np.uint8).reshape(count, 2, 16)

    async def receive(channel: Any, sender: str, choices: Sequence[int], *, context: bytes, entropy: Any) -> Any:
        seeds = b"".join(_seed(context, index, int(choice)) for index, choice in enumerate(choices))
        return np.frombuffer(seeds, np.uint8).reshape(-1, 16)

    monkeypatch.setattr(oprf, "send_base", send)
    monkeypatch.setattr(oprf, "receive_base", receive)
