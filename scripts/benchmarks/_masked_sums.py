"""Secure sums of parties in one process, and what one costs beside the plain one."""

from __future__ import annotations

import asyncio
import hashlib
import operator
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from placet.jobs.randomness import stream
from placet.protocols.mpc import shamir
from placet.protocols.mpc.secure_sum import SumMember, Words, total
from placet.protocols.order import Entropy
from placet.recipes.blocks.secure_sums import VIEW, bytes_of

PARTIES, WORDS = 5, 1_000_000


@dataclass
class Sums:
    """Secure sums of parties in one process, who wait for each other. `bytes`: that each party sends; `processor`:
    seconds of masking and unmasking, of all parties together."""

    parties: int
    bytes: list[int] = field(default_factory=list)
    processor: float = 0.0
    _rounds: list[tuple[asyncio.Event, dict[int, list[int]], list[int]]] = field(default_factory=list)
    _last: dict[str, dict[int, list[int]]] = field(default_factory=dict)

    @property
    def members(self) -> int:
        return self.parties

    def coin(self, what: str) -> Entropy:
        return stream(bytes(32), what.encode())

    async def parts(self, what: str, weights: Sequence[Sequence[int]]) -> list[list[int]]:
        """Of the last sum of this, as parties open them by their masks."""
        brought = self._last[what]
        return [[sum(map(operator.mul, one, brought[n])) for one in weights] for n in range(self.parties)]

    def of(self, party: int) -> Any:
        number = 0

        async def add(what: str, numbers: list[int], most: int) -> list[int]:
            nonlocal number
            if number == len(self._rounds):
                self._rounds.append((asyncio.Event(), {}, []))
            (everybody, brought, totals), number = self._rounds[number], number + 1
            brought[party] = numbers
            self._last[what] = brought
            if len(brought) == self.parties:
                totals += self._secure(brought)
                fixed = 32 + 2 * shamir.SHARE + VIEW + self.parties * shamir.SHARE
                self.bytes.append((self.parties - 1) * (fixed + len(numbers) * bytes_of(most)))
                everybody.set()
            await everybody.wait()
            return totals

        return add

    def _secure(self, brought: dict[int, list[int]]) -> list[int]:
        began = time.process_time()
        vectors = [np.array(brought[n], np.int64).view(np.uint64) for n in range(self.parties)]
        sums = secure(vectors)
        self.processor += time.process_time() - began
        return [int(one) for one in sums.view(np.int64)]


def secure(vectors: Sequence[Words]) -> Words:
    count = len(vectors)
    members = [SumMember(n, count, count, b"a round") for n in range(count)]
    publics = {n: one.public for n, one in enumerate(members)}
    dealt = [one.deal(publics) for one in members]
    uploads = {n: one.masked({k: dealt[k][n] for k in range(count)}, vectors[n]) for n, one in enumerate(members)}
    return total(b"a round", count, publics, uploads, {n: one.reveal(uploads) for n, one in enumerate(members)})


def cost_of_a_sum() -> dict[str, Any]:
    """One party's seconds for a sum of a million words among five, as the link carries them (hashed by sender and
    receiver, encrypted for each), plain and masked; the least of five runs."""
    vectors = [np.frombuffer(secrets.token_bytes(8 * WORDS), np.uint64) for _ in range(PARTIES)]
    wire = AESGCM(secrets.token_bytes(16))
    plain, masked, bare = [], [], []
    for _ in range(5):
        began = time.perf_counter()
        expected = np.zeros(WORDS, np.uint64)
        for one in vectors:
            expected = expected + one
        bare.append(time.perf_counter() - began)
        link = _carried(wire, vectors[0])
        plain.append(link + bare[-1])
        members = [SumMember(n, PARTIES, PARTIES, b"a round") for n in range(PARTIES)]
        publics = {n: one.public for n, one in enumerate(members)}
        dealt = [one.deal(publics) for one in members]
        began = time.perf_counter()
        first = members[0].masked({k: dealt[k][0] for k in range(PARTIES)}, vectors[0])
        own = time.perf_counter() - began
        uploads = {0: first} | {
            n: members[n].masked({k: dealt[k][n] for k in range(PARTIES)}, vectors[n]) for n in range(1, PARTIES)
        }
        revealed = {n: one.reveal(uploads) for n, one in enumerate(members)}
        began = time.perf_counter()
        sums = total(b"a round", PARTIES, publics, uploads, revealed)
        masked.append(own + link + time.perf_counter() - began)
        if not (sums == expected).all():
            raise ArithmeticError("a secure sum is not the plain one")
    return {
        "words": WORDS,
        "parties": PARTIES,
        "plain_ms": round(1e3 * min(plain), 1),
        "secure_ms": round(1e3 * min(masked), 1),
        "ratio": round(min(masked) / min(plain), 2),
        "adding_alone_ms": round(1e3 * min(bare), 1),
    }


def _carried(wire: AESGCM, vector: Words) -> float:
    """Seconds in which a party sends a vector to all others and takes one from each."""
    began = time.perf_counter()
    payload = vector.astype("<u8").tobytes()
    hashlib.sha256(payload).digest()
    for place in range(PARTIES - 1):
        closed = wire.encrypt(place.to_bytes(12, "big"), payload, None)
        opened = wire.decrypt(place.to_bytes(12, "big"), closed, None)
        hashlib.sha256(opened).digest()
    return time.perf_counter() - began
