"""Pedersen's commitments (1991) to integers, on secp256k1 by libsecp256k1: C = v·H + r·G, 33 bytes (SEC 1, compressed).

*Hiding* is perfect: for uniform r, C is uniform whatever v is. *Binding* rests on the discrete logarithm of H to the
base G, which nobody knows: H is the point with even y whose x is SHA-256 of G's uncompressed encoding, as BIP 341 and
Maxwell's "Confidential Transactions" (2015) have it; nobody chose it. Values count modulo the group's order q, so who
wants integers keeps them small beside it.

Sums of commitments are commitments to the sums. Many are checked at once by random weights that were drawn after they
were made (Bellare, Garay, Rabin, "Fast batch verification", 1998): wrong ones pass with a chance of 2^-64.

*Timing*: r·G takes constant time, v·H does not; who can time single operations on the party's own machine is not
defended against.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from coincurve import PublicKey

from placet.core.ecdsa import SECP256K1_N
from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import sha256
from placet.protocols.order import Entropy
from placet.protocols.work import each_at_once

ORDER = SECP256K1_N
POINT_BYTES, WORD_BYTES = 33, 32
"""Of a commitment, and of a number modulo q."""
WEIGHT_BYTES = 8
_TOGETHER = 64
"""Places whose weighted commitments are added up as one piece of work."""
_FEW = 16
"""Places that are looked at one by one."""


@functools.cache
def value_generator() -> PublicKey:
    """H."""
    base = PublicKey.from_valid_secret((1).to_bytes(WORD_BYTES, "big")).format(compressed=False)
    return PublicKey(b"\x02" + sha256(base))


def commit(value: int, randomness: int) -> bytes:
    """The commitment of 33 bytes. InputError where both are zero modulo q, which has none."""
    parts = []
    if randomness % ORDER:
        parts.append(PublicKey.from_valid_secret(_word(randomness)))
    if value % ORDER:
        parts.append(value_generator().multiply(_word(value)))
    if not parts:
        raise InputError("nothing to commit to", expected="a value or a randomness other than zero", found="none")
    return joined(parts)


def opens(commitment: bytes, value: int, randomness: int) -> bool:
    """Is it the commitment to `value` under `randomness`?"""
    return bool(value % ORDER or randomness % ORDER) and commit(value, randomness) == commitment


def scalars(count: int, entropy: Entropy) -> list[int]:
    """So many numbers in [1, q), within 2^-128 of uniform: a party's randomness follows from its seed by this alone."""
    stream = entropy(WORD_BYTES * count)
    return [1 + int.from_bytes(word, "big") % (ORDER - 1) for word in _cut(stream, WORD_BYTES)]


async def commit_all(values: Sequence[int], randomness: Sequence[int]) -> bytes:
    """The commitments of all places, one behind the other, on all processors. Sequences of one length."""
    pairs = list(zip(values, randomness, strict=True))
    return b"".join(await each_at_once(lambda pair: commit(*pair), pairs, stage="committing"))


def points_of(payload: bytes, count: int, *, sender: str = "a party") -> list[PublicKey]:
    """ProtocolError `peer.point`, naming `sender`, unless there are exactly `count` points."""
    if len(payload) != POINT_BYTES * count:
        raise ProtocolError(
            f"{sender} gave another number of commitments",
            expected=f"{count} of {POINT_BYTES} bytes",
            found=f"{len(payload)} bytes",
            code="peer.point",
        )
    try:
        return [PublicKey(one) for one in _cut(payload, POINT_BYTES)]
    except ValueError:
        raise ProtocolError(f"{sender} gave a commitment that is no point", code="peer.point") from None


def joined(points: Sequence[PublicKey]) -> bytes:
    """The sum of one point or more. ProtocolError where it is the identity, which no honest commitments give."""
    if len(points) == 1:
        return points[0].format()
    try:
        return PublicKey.combine_keys(list(points)).format()
    except ValueError:
        raise ProtocolError("commitments cancel each other", code="peer.point") from None


def added(encodings: Iterable[bytes]) -> bytes:
    """The same of points that are written down, 33 bytes each."""
    return joined([PublicKey(one) for one in encodings])


async def sums(commitments: Sequence[Sequence[PublicKey]]) -> list[PublicKey]:
    """Place by place the sum of all parties' commitments, which are equally many."""
    columns = list(zip(*commitments, strict=True))
    return [PublicKey(one) for one in await each_at_once(joined, columns, stage="adding commitments")]


def weights(challenge: bytes, count: int) -> list[int]:
    """One number of 64 bits a place (SHAKE-256 of the challenge), never zero."""
    stream = hashlib.shake_256(b"placet.weights/1" + challenge).digest(WEIGHT_BYTES * count)
    return [int.from_bytes(word, "big") or 1 for word in _cut(stream, WEIGHT_BYTES)]


async def weighted(points: Sequence[PublicKey], factors: Sequence[int]) -> bytes:
    """The sum of all points, each times its factor, on all processors. At least one point."""
    starts = list(range(0, len(points), _TOGETHER))
    parts = await each_at_once(lambda start: _weighted(points, factors, start), starts, stage="checking commitments")
    return joined(parts)


def _weighted(points: Sequence[PublicKey], factors: Sequence[int], start: int) -> PublicKey:
    here = slice(start, start + _TOGETHER)
    multiples = [p.multiply(_word(factor)) for p, factor in zip(points[here], factors[here], strict=True)]
    return PublicKey(joined(multiples))


def inner(factors: Sequence[int], numbers: Sequence[int]) -> int:
    """The weighted sum modulo q."""
    return sum(factor * number for factor, number in zip(factors, numbers, strict=True)) % ORDER


def wrong_places(
    points: Sequence[PublicKey], values: Sequence[int], randomness: Sequence[int], challenge: bytes
) -> Iterator[int]:
    """Places at which a commitment does not open to value and randomness, in order: by halves, each checked at once."""
    factors = weights(challenge, len(points))
    pending = [(0, len(points))]
    while pending:
        start, end = pending.pop()
        if end - start <= _FEW:
            yield from (p for p in range(start, end) if not opens(points[p].format(), values[p], randomness[p]))
            continue
        here, middle = slice(start, end), (start + end) // 2
        total = joined([p.multiply(_word(factor)) for p, factor in zip(points[here], factors[here], strict=True)])
        if not opens(total, inner(factors[here], values[here]), inner(factors[here], randomness[here])):
            pending += [(middle, end), (start, middle)]


def _word(number: int) -> bytes:
    return (number % ORDER).to_bytes(WORD_BYTES, "big")


def _cut(payload: bytes, size: int) -> Iterator[bytes]:
    return (payload[start : start + size] for start in range(0, len(payload), size))
