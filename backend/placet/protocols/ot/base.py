"""Base oblivious transfers: in each of a batch, the sender gets two random seeds and the receiver the one it chose.

Masny and Rindal, "Endemic Oblivious Transfer", CCS 2019, by Diffie and Hellman in ristretto255 (`psi.ristretto`). H_b
hashes to the group, G generates it. For each transfer, with a choice c of the receiver:

    receiver → sender   ot.points   r_0, r_1: r_{1-c} a random element, r_c = a·G - H_c(r_{1-c}) for a fresh scalar a
    sender → receiver   ot.answers  S = s·G for a fresh scalar s

The sender's seeds are KDF(b, s·(r_b + H_b(r_{1-b}))), the receiver's KDF(c, a·S). Both r are uniform whatever c is, so
the choice is hidden without any assumption. Of the two sums at most one can be of a logarithm that the receiver knows:
the other has a hash in it that was asked for last.

Secure against either party that does not follow it, where both hashes are random oracles and the gap Diffie-Hellman
problem is hard; *endemic*: such a party may choose what seeds itself gets, which extension allows for. Each transfer
has a scalar and hashes of its own: reusing S over a batch saves little and is easy to get wrong (McQuoid, Rosulek, Roy,
"Batching Base Oblivious Transfers", ASIACRYPT 2021).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from placet.core.errors import ProtocolError
from placet.core.framing import frame
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy
from placet.protocols.psi.ristretto import (
    POINT_BYTES,
    WIDE_BYTES,
    Blinding,
    add,
    hash_to_ristretto255,
    require_point,
    subtract,
    to_point,
)
from placet.protocols.work import each_at_once

POINTS, ANSWERS = "ot.points", "ot.answers"
SEED_BYTES = 16
_TAG = b"placet.ot.base/1-with-ristretto255_XMD:SHA-512_R255MAP_RO_"
_KEY = hashlib.sha256(b"placet.ot.base/1 seed")

Bytes = npt.NDArray[np.uint8]


async def send_base(
    channel: Channel, receiver: str, count: int, *, context: bytes, entropy: Entropy = secrets.token_bytes
) -> Bytes:
    """Pairs of seeds (count, 2, 16). `context` is public, the same on both sides and unique to this batch.

    ProtocolError for a message of another length, or bytes that are no point.
    """
    scalars = [Blinding(entropy) for _ in range(count)]
    points = _split(await channel.receive(receiver, POINTS, limit=2 * count * POINT_BYTES), 2 * count, receiver)

    def answer(i: int) -> tuple[bytes, bytes]:
        pair = points[2 * i], points[2 * i + 1]
        for point in pair:
            require_point(point, receiver)
        public = scalars[i].public()
        seeds = []
        for choice in (0, 1):
            total = add(pair[choice], _mask(i, choice, pair[1 - choice], context))
            require_point(total, receiver)
            seeds.append(_seed(i, choice, pair, public, scalars[i](total), context))
        return public, b"".join(seeds)

    answers = await each_at_once(answer, range(count), stage="base transfers")
    await channel.send(receiver, ANSWERS, b"".join(public for public, _ in answers))
    return _matrix(seeds for _, seeds in answers).reshape(count, 2, SEED_BYTES)


async def receive_base(
    channel: Channel,
    sender: str,
    choices: Sequence[int] | Bytes,
    *,
    context: bytes,
    entropy: Entropy = secrets.token_bytes,
) -> Bytes:
    """Seeds (n, 16), each that of its choice, 0 or 1. `context` and errors as in `send_base`."""
    bits, count = [int(choice) for choice in choices], len(choices)
    scalars = [Blinding(entropy) for _ in bits]
    others = [entropy(WIDE_BYTES) for _ in bits]

    def offer(i: int) -> tuple[bytes, bytes]:
        other = to_point(others[i])
        own = subtract(scalars[i].public(), _mask(i, bits[i], other, context))
        return (own, other)[bits[i]], (other, own)[bits[i]]

    pairs = await each_at_once(offer, range(count), stage="base transfers")
    await channel.send(sender, POINTS, b"".join(point for pair in pairs for point in pair))
    answers = _split(await channel.receive(sender, ANSWERS, limit=count * POINT_BYTES), count, sender)

    def finish(i: int) -> bytes:
        require_point(answers[i], sender)
        return _seed(i, bits[i], pairs[i], answers[i], scalars[i](answers[i]), context)

    return _matrix(await each_at_once(finish, range(count), stage="base transfers"))


def _mask(index: int, choice: int, point: bytes, context: bytes) -> bytes:
    return hash_to_ristretto255(frame(context) + index.to_bytes(4, "big") + bytes((choice,)) + point, _TAG)


def _seed(index: int, choice: int, pair: tuple[bytes, bytes], public: bytes, shared: bytes, context: bytes) -> bytes:
    key = _KEY.copy()
    key.update(frame(context) + index.to_bytes(4, "big") + bytes((choice,)) + pair[0] + pair[1] + public + shared)
    return key.digest()[:SEED_BYTES]


def _split(payload: bytes, count: int, sender: str) -> list[bytes]:
    if len(payload) != count * POINT_BYTES:
        raise ProtocolError(
            f"{sender} sent another number of points for base transfers",
            expected=f"{count * POINT_BYTES} bytes",
            found=len(payload),
        )
    return [payload[start : start + POINT_BYTES] for start in range(0, len(payload), POINT_BYTES)]


def _matrix(seeds: Iterable[bytes]) -> Bytes:
    return np.frombuffer(b"".join(seeds), np.uint8).reshape(-1, SEED_BYTES)
