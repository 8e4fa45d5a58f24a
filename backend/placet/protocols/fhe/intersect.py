"""The two sides of FHE PSI, over a channel."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

import numpy as np

from placet.core.errors import DataError, InputError, ProtocolError
from placet.protocols.bins import cuckoo_rows
from placet.protocols.channel import Channel
from placet.protocols.fhe import extra, oprf
from placet.protocols.fhe.layout import Numbers, Spread, Tags, hits, slots
from placet.protocols.fhe.parameters import BINS, MAX_LIST, most_parts
from placet.protocols.fhe.polynomials import Coefficients, from_roots
from placet.protocols.fhe.scheme import ANSWER_BYTES, QUERY_BYTES, Bfv, ReceiverKey, answer
from placet.protocols.order import Entropy
from placet.protocols.psi.ristretto import POINT_BYTES, Blinding, require_point
from placet.protocols.psi.rows import require_distinct_rows, require_receiver
from placet.protocols.work import Progress, each_at_once

BLINDED, EVALUATED, QUERY, ANSWER = "fhe.blinded", "fhe.evaluated", "fhe.query", "fhe.answer"
_RUN = 1 << 16
"""Rows whose tags are made at a time, so that their outputs need not all be there."""


async def intersect(
    channel: Channel,
    peer: str,
    identifiers: Sequence[bytes],
    *,
    receiver: str | None,
    list_length: int,
    context: bytes,
    max_rows: int,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> tuple[int, ...] | None:
    """Which of the receiver's rows the peer has too, ascending; None at the peer's side.

    `receiver` is one of the two. `list_length` is how many identifiers its list may have, up to `MAX_LIST`: it is
    agreed beforehand, bounds its guesses, and is all that the other learns. `context` is public, the same on both sides
    and unique to pair and attempt. `max_rows` bounds the set. DataError for duplicate identifiers or a list that is too
    long, before anything is sent; ProtocolError for a bad peer; ConfigError `fhe.missing` without SEAL.
    """
    extra.require()
    require_receiver(receiver, channel.me, peer)
    require_distinct_rows(identifiers)
    if receiver is None or not 1 <= list_length <= MAX_LIST:
        raise InputError(
            "no such FHE PSI", expected=f"one receiver, a list of 1 to {MAX_LIST}", found=f"{receiver}, {list_length}"
        )
    if receiver != channel.me:
        await _provide(channel, peer, identifiers, list_length, context, entropy, progress)
        return None
    if len(identifiers) > list_length:
        raise DataError(
            "the list is longer than was agreed",
            expected=f"at most {list_length} identifiers",
            found=len(identifiers),
            remedy="a plan with a larger list_length, or a shorter list",
        )
    values = [oprf.input_of(identifier, context) for identifier in identifiers]
    outputs = await _asked(channel, peer, values, list_length, entropy)
    scheme = await asyncio.to_thread(Bfv)
    key, table, query = await asyncio.to_thread(_queried, scheme, outputs, entropy)
    await channel.send(peer, QUERY, query)
    payload = await channel.receive(peer, ANSWER, limit=most_parts(max_rows) * ANSWER_BYTES)
    if not payload or len(payload) % ANSWER_BYTES:
        raise ProtocolError(
            f"{peer}'s answer is cut short", expected=f"a multiple of {ANSWER_BYTES} bytes", found=len(payload)
        )
    return await asyncio.to_thread(_matches, key, table, payload, peer)


async def _asked(
    channel: Channel, peer: str, values: Sequence[bytes], list_length: int, entropy: Entropy
) -> list[bytes]:
    """The function's output of each value. As many points travel as the list may be long: the others are random."""
    fresh = [(value, Blinding(entropy)) for value in values]
    blinded = await each_at_once(lambda pair: oprf.Blinded(*pair), fresh, stage="blind")
    padding = [oprf.point_of(entropy(POINT_BYTES)) for _ in range(list_length - len(values))]
    await channel.send(peer, BLINDED, b"".join([one.point for one in blinded] + padding))
    multiples = await _points(channel, peer, EVALUATED, list_length)
    pairs = list(zip(blinded, multiples, strict=False))  # those of the padding are thrown away
    return await each_at_once(lambda pair: pair[0].output(pair[1]), pairs, stage="unblind")


def _queried(scheme: Bfv, outputs: Sequence[bytes], entropy: Entropy) -> tuple[ReceiverKey, Numbers, bytes]:
    tags = Tags.of(b"".join(outputs))
    table = cuckoo_rows(tags.bins, BINS)
    key = ReceiverKey(scheme)
    return key, table, key.query(slots(table, tags, entropy))


def _matches(key: ReceiverKey, table: Numbers, payload: bytes, peer: str) -> tuple[int, ...]:
    matched = np.zeros(len(table), dtype=np.bool_)
    for values in key.opened(payload, peer):
        matched |= hits(values)
    return tuple(sorted(int(row) for row in table[matched] if row >= 0))


async def _provide(
    channel: Channel,
    peer: str,
    identifiers: Sequence[bytes],
    list_length: int,
    context: bytes,
    entropy: Entropy,
    progress: Progress | None,
) -> None:
    """The sender's side. The function is computed of exactly as many points as were agreed, once."""
    key = Blinding(entropy)
    parts = await prepare(key, identifiers, context, entropy, progress)
    points = await _points(channel, peer, BLINDED, list_length)
    multiples = await each_at_once(key, points, stage="evaluate")
    await channel.send(peer, EVALUATED, b"".join(multiples))
    query = await channel.receive(peer, QUERY, limit=QUERY_BYTES)
    scheme = await asyncio.to_thread(Bfv)
    await channel.send(peer, ANSWER, await asyncio.to_thread(answer, scheme, query, parts, peer))


async def prepare(
    key: Blinding, identifiers: Sequence[bytes], context: bytes, entropy: Entropy, progress: Progress | None = None
) -> list[Coefficients]:
    """What the sender does before it hears of any list: polynomials of all its rows under a fresh key, part by part."""
    runs = []
    for start in range(0, max(1, len(identifiers)), _RUN):
        outputs = await each_at_once(
            lambda identifier: oprf.evaluate(key, oprf.input_of(identifier, context)),
            identifiers[start : start + _RUN],
            stage="tag",
            progress=progress and _going_on(progress, start, len(identifiers)),
        )
        runs.append(Tags.of(b"".join(outputs)))
    return await asyncio.to_thread(lambda: [from_roots(roots, entropy) for roots in Spread(Tags.joined(runs), entropy)])


def _going_on(progress: Progress, start: int, total: int) -> Progress:
    return lambda stage, done, _: progress(stage, start + done, total)


async def _points(channel: Channel, sender: str, tag: str, count: int) -> list[bytes]:
    """Exactly so many valid points of a peer's, else ProtocolError."""
    payload = await channel.receive(sender, tag, limit=POINT_BYTES * count)
    if len(payload) != POINT_BYTES * count:
        raise ProtocolError(
            f"{sender} sent other points than were agreed",
            expected=f"{count} points",
            found=f"{len(payload)} bytes",
        )
    points = [payload[start : start + POINT_BYTES] for start in range(0, len(payload), POINT_BYTES)]
    await each_at_once(lambda point: require_point(point, sender), points, stage="check")
    return points
