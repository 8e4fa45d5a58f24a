"""ECDH PSI: with placement, where a provider learns at which places of a secret order its rows stand, and plain.

After Meadows (1986) and Huberman, Franklin, Hogg (1999), in ristretto255 (`ristretto`). H hashes to the group, a and b
are fresh scalars of the two parties for this pair and attempt. With placement (`arrange`, `place`):

    consumer → provider   psi.list     a·H(x) for its identifiers x, in the secret order of the job
    provider → consumer   psi.rows     b·H(y) for its rows y, in a secret order of its own
    consumer → provider   psi.doubled  a·b·H(y), in the order received

The provider computes b·a·H(x) and finds its rows among them. Plain (`intersect`), for one receiver or both:

    each → other                     psi.blinded   a·H(x), in a secret order of its own
    each → other, if that receives   psi.returned  a·b·H(y), in the order received

A receiver computes a·b·H(y) of what the other blinded, and finds its own returned points among them.

Each message is 32 bytes a point, without a header; how many points there may be is agreed
beforehand, and sizes are not hidden. Secure against parties that follow the protocol;
`docs/explanation/protocols.md` says what each learns, and what one that does not follow it can do.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from placet.core.errors import ProtocolError
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy, require_permutation, restore, secret_permutation
from placet.protocols.psi.ristretto import POINT_BYTES, Blinding, hash_to_group, require_point
from placet.protocols.psi.rows import require_distinct_rows, require_receiver
from placet.protocols.work import Progress, each_at_once

LIST, ROWS, DOUBLED = "psi.list", "psi.rows", "psi.doubled"
BLINDED, RETURNED = "psi.blinded", "psi.returned"


@dataclass(frozen=True)
class Placement:
    """Where a provider's rows stand in the consumer's secret order.

    `positions[i]` is the place of row i, in [0, total), or None where the consumer does not have it; `total` is the
    length of the consumer's list. Which rows were found is the provider's secret, so it is not shown in a repr.
    """

    positions: tuple[int | None, ...] = field(repr=False)
    total: int

    @property
    def matched(self) -> list[int]:
        """The rows that the consumer has, too."""
        return [row for row, place in enumerate(self.positions) if place is not None]

    @property
    def order(self) -> tuple[int | None, ...]:
        """The row at each place, None where there is none."""
        rows: list[int | None] = [None] * self.total
        for row, place in enumerate(self.positions):
            if place is not None:
                rows[place] = row
        return tuple(rows)


async def arrange(
    channel: Channel,
    provider: str,
    identifiers: Sequence[bytes],
    permutation: Sequence[int],
    *,
    context: bytes,
    max_rows: int,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> int:
    """The consumer's side, towards one provider. Returns how many rows the provider has.

    `identifiers[permutation[i]]` stands at place i. The caller makes one permutation a job (`secret_permutation`) and
    uses it for all providers and attempts. `context` is public, the same on both sides and unique to pair and attempt.
    `max_rows` bounds the provider's rows. Raises DataError for duplicate identifiers, ProtocolError for a bad peer.
    """
    require_distinct_rows(identifiers)
    require_permutation(permutation, len(identifiers))
    key = Blinding(entropy)

    listed = await _blind(key, identifiers, permutation, context, progress)
    await channel.send(provider, LIST, b"".join(listed))
    rows = await _receive(channel, provider, ROWS, max_rows, progress)
    doubled = await each_at_once(key, rows, stage="double", progress=progress)
    await channel.send(provider, DOUBLED, b"".join(doubled))
    return len(rows)


async def place(
    channel: Channel,
    consumer: str,
    identifiers: Sequence[bytes],
    *,
    context: bytes,
    max_positions: int,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> Placement:
    """A provider's side: where its rows, in the order of `identifiers`, stand in the consumer's secret order.

    `context` as in `arrange`. `max_positions` bounds the consumer's list. Raises DataError for duplicate identifiers,
    ProtocolError for a bad peer.
    """
    require_distinct_rows(identifiers)
    key = Blinding(entropy)
    order = secret_permutation(len(identifiers), entropy)

    rows = await _blind(key, identifiers, order, context, progress)
    await channel.send(consumer, ROWS, b"".join(rows))
    listed = await _receive(channel, consumer, LIST, max_positions, progress)
    places = await each_at_once(key, listed, stage="double", progress=progress)

    doubled = await _receive_all(channel, consumer, DOUBLED, len(rows), progress)
    place_of = {point: place for place, point in enumerate(places)}
    return Placement(tuple(restore([place_of.get(point) for point in doubled], order)), len(listed))


async def intersect(
    channel: Channel,
    peer: str,
    identifiers: Sequence[bytes],
    *,
    receiver: str | None,
    context: bytes,
    max_rows: int,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> tuple[int, ...] | None:
    """Which of this party's rows the peer has too, ascending; None at the side that does not receive.

    `receiver` is the party that gets the result, or None for both. `context` as in `arrange`. `max_rows` bounds the
    peer's rows. DataError for duplicate identifiers, before anything is sent; ProtocolError for a bad peer.
    """
    require_receiver(receiver, channel.me, peer)
    require_distinct_rows(identifiers)
    key = Blinding(entropy)
    order = secret_permutation(len(identifiers), entropy)

    blinded = await _blind(key, identifiers, order, context, progress)
    await channel.send(peer, BLINDED, b"".join(blinded))
    rows = await _receive(channel, peer, BLINDED, max_rows, progress)
    doubled = await each_at_once(key, rows, stage="double", progress=progress)
    if receiver != channel.me:
        await channel.send(peer, RETURNED, b"".join(doubled))
    if receiver not in (None, channel.me):
        return None
    returned = await _receive_all(channel, peer, RETURNED, len(identifiers), progress)
    theirs = frozenset(doubled)
    return tuple(sorted(row for row, point in zip(order, returned, strict=True) if point in theirs))


async def _blind(
    key: Blinding, identifiers: Sequence[bytes], order: Sequence[int], context: bytes, progress: Progress | None
) -> list[bytes]:
    """The blinded points of a party's own identifiers, in the given order."""
    return await each_at_once(
        lambda i: key(hash_to_group(identifiers[i], context)), order, stage="blind", progress=progress
    )


async def _receive_all(channel: Channel, sender: str, tag: str, count: int, progress: Progress | None) -> list[bytes]:
    """As `_receive`, and ProtocolError unless there are as many points as were sent."""
    points = await _receive(channel, sender, tag, count, progress)
    if len(points) != count:
        raise ProtocolError(f"{sender} did not send every row back", expected=f"{count} points", found=len(points))
    return points


async def _receive(channel: Channel, sender: str, tag: str, limit: int, progress: Progress | None) -> list[bytes]:
    """The points of a peer's message: each valid, none twice, at most `limit`; else ProtocolError."""
    payload = await channel.receive(sender, tag, limit=POINT_BYTES * limit)
    count, rest = divmod(len(payload), POINT_BYTES)
    if rest:
        raise ProtocolError(
            f"{sender}'s message {tag} is cut short", expected=f"a multiple of {POINT_BYTES} bytes", found=len(payload)
        )
    if count > limit:
        raise ProtocolError(f"{sender} sent more points than agreed", expected=f"at most {limit}", found=count)
    points = [payload[start : start + POINT_BYTES] for start in range(0, len(payload), POINT_BYTES)]
    if len(set(points)) != count:
        raise ProtocolError(f"{sender} sent a point twice", expected=count, found=len(set(points)))
    await each_at_once(lambda point: require_point(point, sender), points, stage="check", progress=progress)
    return points
