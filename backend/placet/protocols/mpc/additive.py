"""Additive secret sharing of integer vectors modulo 2^128: sums that nobody computes alone.

A value x is split into n uniform words that add up to x modulo 2^128; any n - 1 of them are uniform and independent of
x, whatever computing power looks at them (Cramer, Damgård, Nielsen, "Secure Multiparty Computation and Secret
Sharing", 2015, chapter 1). Words are added without communication, so a sum costs one round.

*Range.* A word stands for the signed integer in [-2^127, 2^127). `encode` takes |x| <= 2^100 and at most 2^26 parties
share, so an honest sum stays within 2^126 and never wraps: modular addition *is* integer addition, and there is no
overflow to detect afterwards, where nobody could see it. Amounts in minor units are far smaller (64-bit integers are
below 2^63). Wrapped or corrupted sums are uniform in effect, and `reconstruct` refuses what lies outside n·2^100; that
catches accidents, not a party who picks its error. There is no MAC: see `docs/explanation/protocols.md`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError, InputError, ProtocolError
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy

WORD_BYTES = 16
LIMIT = 2**100
MAX_PARTIES = 2**26
SHARE = "mpc.share"


@dataclass(frozen=True, eq=False)
class Vector:
    """Integers modulo 2^128. `words` has shape (n, 2), little-endian uint64: the low half, then the high half."""

    words: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return f"Vector(<{len(self)} words>)"


def encode(values: Sequence[int]) -> Vector:
    """Signed integers as words, in two's complement. DataError for anything that is not an int within ±2^100."""
    _demand_range(values)
    return _words(values)


def _words(values: Sequence[int]) -> Vector:
    return from_bytes(b"".join(value.to_bytes(WORD_BYTES, "little", signed=True) for value in values), len(values))


def _demand_range(values: Sequence[int]) -> None:
    for row, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int):
            raise DataError("a value is not an integer", expected="int", found=f"{type(value).__name__} in row {row}")
        if not -LIMIT <= value <= LIMIT:
            raise DataError("a value is out of range", expected="within ±2^100", found=f"row {row}")


def to_bytes(vector: Vector) -> bytes:
    """16 bytes a word, little-endian, in order, without a header."""
    return vector.words.astype("<u8", copy=False).tobytes()


def from_bytes(payload: bytes, count: int, *, sender: str = "a party") -> Vector:
    """The inverse of `to_bytes`; ProtocolError, naming `sender`, unless there are exactly `count` words."""
    if len(payload) != WORD_BYTES * count:
        raise ProtocolError(
            f"{sender} gave a vector of the wrong length",
            expected=f"{count} words of {WORD_BYTES} bytes",
            found=f"{len(payload)} bytes",
        )
    return Vector(np.frombuffer(payload, dtype="<u8").reshape(count, 2))


def add(left: Vector, right: Vector) -> Vector:
    """The sum modulo 2^128, word by word. InputError if the lengths differ."""
    _require_same_length(left, right)
    low = left.words[:, 0] + right.words[:, 0]
    carry = low < left.words[:, 0]
    return Vector(np.stack((low, left.words[:, 1] + right.words[:, 1] + carry), axis=1))


def subtract(left: Vector, right: Vector) -> Vector:
    """The difference modulo 2^128, word by word. InputError if the lengths differ."""
    _require_same_length(left, right)
    borrow = left.words[:, 0] < right.words[:, 0]
    low = left.words[:, 0] - right.words[:, 0]
    return Vector(np.stack((low, left.words[:, 1] - right.words[:, 1] - borrow), axis=1))


def share(vector: Vector, parties: int, *, entropy: Entropy = secrets.token_bytes) -> list[Vector]:
    """Split a vector: all shares but the last are random, the last is what is missing.

    InputError for fewer than two parties: the only share would be the vector itself.
    """
    if not 2 <= parties <= MAX_PARTIES:
        raise InputError("can't share among so many", expected=f"2 to {MAX_PARTIES} parties", found=parties)
    shares = [from_bytes(entropy(WORD_BYTES * len(vector)), len(vector)) for _ in range(parties - 1)]
    rest = vector
    for part in shares:
        rest = subtract(rest, part)
    return [*shares, rest]


def reconstruct(shares: Sequence[Vector]) -> list[int]:
    """Add all parties' shares up and read them as signed integers.

    InputError for no shares or unequal lengths, ProtocolError where a sum lies beyond what that many parties can reach.
    """
    if not shares:
        raise InputError("no shares", expected="every party's share", found=0)
    total = shares[0]
    for part in shares[1:]:
        total = add(total, part)
    payload = to_bytes(total)
    values = [
        int.from_bytes(payload[start : start + WORD_BYTES], "little", signed=True)
        for start in range(0, len(payload), WORD_BYTES)
    ]
    for place, value in enumerate(values):
        if abs(value) > len(shares) * LIMIT:
            raise ProtocolError(
                "the shares do not fit together",
                expected=f"a sum within ±{len(shares)}·2^100",
                found=f"a larger one at place {place}",
                remedy="a share is missing, from another attempt, or wrong",
            )
    return values


def scattered(values: Sequence[int], positions: Sequence[int | None], total: int) -> list[int]:
    """`total` values: value i at positions[i], zero elsewhere. A value without a position is left out.

    InputError for unequal lengths, a position outside [0, total), or one that occurs twice. DataError for anything that
    is not an int within ±2^100.
    """
    if len(values) != len(positions):
        raise InputError("each value needs a position or None", expected=len(values), found=len(positions))
    placed: dict[int, int] = {}
    for value, position in zip(values, positions, strict=True):
        if position is None:
            continue
        if not 0 <= position < total:
            raise InputError("a position out of range", expected=f"0 to {total - 1}", found=position)
        if position in placed:
            raise InputError("two values at one position", expected="each position once", found=position)
        placed[position] = value
    vector = [placed.get(position, 0) for position in range(total)]
    _demand_range(vector)
    return vector


def scatter(values: Sequence[int], positions: Sequence[int | None], total: int) -> Vector:
    """`scattered` as words."""
    return _words(scattered(values, positions, total))


async def sum_shares(
    channel: Channel, peers: Sequence[str], vector: Vector, *, entropy: Entropy = secrets.token_bytes
) -> Vector:
    """Split this party's vector among itself and `peers`, and return the sum of the shares it holds.

    Every party calls this with a vector of the same length; what they return together adds up (`reconstruct`) to the
    sum of all vectors, and all but one of the results are uniform and independent of it. One message to each peer.
    InputError for no peers, a peer twice, or oneself; ProtocolError for a share of the wrong length.
    """
    if channel.me in peers or len(set(peers)) != len(peers):
        raise InputError("each peer once, without oneself", expected="distinct other parties", found=", ".join(peers))
    *given, own = share(vector, len(peers) + 1, entropy=entropy)
    for peer, part in zip(peers, given, strict=True):
        await channel.send(peer, SHARE, to_bytes(part))
    for peer in peers:
        payload = await channel.receive(peer, SHARE, limit=WORD_BYTES * len(vector))
        own = add(own, from_bytes(payload, len(vector), sender=peer))
    return own


def _require_same_length(left: Vector, right: Vector) -> None:
    if len(left) != len(right):
        raise InputError("vectors of different lengths", expected=len(left), found=len(right))
