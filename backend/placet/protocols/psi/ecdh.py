"""ECDH PSI: with placement, where a provider learns at which places of a secret order its rows stand, and plain.

After Meadows (1986) and Huberman, Franklin, Hogg (1999), in ristretto255 (`ristretto`). H hashes to the group. With
placement (`BlindedList`, `arrange`, `place`) a is a scalar of the consumer, fresh for the attempt and the same towards
all providers:

    consumer → each provider   psi.list     A = a·G, then a·H(x) for its identifiers x, in the secret order of the job
    provider → each other one  psi.agreed   SHA-256 of that message: all must have the same
    provider → consumer        psi.rows     its rows' H(y), each hidden by a scalar of its own, in a secret order, and
                                            one point more (`hidden_rows`)
    consumer → provider        psi.doubled  a times each, in the order received

The provider takes a·H(y) out of the answers, or refuses all of them where one is not of the scalar of A, and finds them
in the list. So a customer stands at one place for all providers, whatever the consumer does. Plain (`intersect`), for
one receiver or both, a and b are fresh scalars of the two parties:

    each → other                     psi.blinded   a·H(x), in a secret order of its own
    each → other, if that receives   psi.returned  a·b·H(y), in the order received

A receiver computes a·b·H(y) of what the other blinded, and finds its own returned points among them.

Each message of points is 32 bytes a point, without a header; how many there may be is agreed
beforehand, and sizes are not hidden. Who learns what is secure against parties that follow the protocol;
`docs/explanation/protocols.md` says what each learns, and what one that does not follow it can do.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from placet.core.errors import ProtocolError
from placet.core.hashing import sha256
from placet.core.psi_messages import AGREED, DOUBLED, LIST, ROWS
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy, require_permutation, restore, secret_permutation
from placet.protocols.psi.hidden_rows import HiddenRows
from placet.protocols.psi.ristretto import POINT_BYTES, Blinding, hash_to_group, require_point
from placet.protocols.psi.rows import require_distinct_rows, require_receiver
from placet.protocols.work import Progress, each_at_once

BLINDED, RETURNED = "psi.blinded", "psi.returned"
DIGEST_BYTES = 32


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


@dataclass(frozen=True)
class BlindedList:
    """The consumer's list as all providers see it, and the scalar under which they do."""

    message: bytes
    key: Blinding = field(repr=False)

    @classmethod
    async def of(
        cls,
        identifiers: Sequence[bytes],
        permutation: Sequence[int],
        *,
        context: bytes,
        entropy: Entropy = secrets.token_bytes,
        progress: Progress | None = None,
    ) -> BlindedList:
        """`identifiers[permutation[i]]` stands at place i. The caller makes one permutation a job
        (`secret_permutation`) and uses it in all attempts, and one list an attempt. `context` is public, the same at
        all parties and unique to the attempt. DataError for duplicate identifiers."""
        require_distinct_rows(identifiers)
        require_permutation(permutation, len(identifiers))
        key = Blinding(entropy)
        points = await _blind(key, identifiers, permutation, context, progress)
        return cls(b"".join([key.public(), *points]), key)


async def arrange(
    channel: Channel, provider: str, shown: BlindedList, *, max_rows: int, progress: Progress | None = None
) -> int:
    """The consumer's side, towards one provider, with the list that all of them get. Returns how many rows the provider
    has, `max_rows` at the most. ProtocolError for a bad peer."""
    await channel.send(provider, LIST, shown.message)
    rows = await _receive(channel, provider, ROWS, max_rows + 1, progress)
    if not rows:
        raise ProtocolError(f"{provider} did not send the point behind its rows", expected="one at the least", found=0)
    doubled = await each_at_once(shown.key, rows, stage="double", progress=progress)
    await channel.send(provider, DOUBLED, b"".join(doubled))
    return len(rows) - 1


async def place(
    channel: Channel,
    consumer: str,
    others: Sequence[str],
    identifiers: Sequence[bytes],
    *,
    context: bytes,
    max_positions: int,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> Placement:
    """A provider's side: where its rows, in the order of `identifiers`, stand in the consumer's secret order, which is
    the same for the `others`, the other providers.

    `context` as in `BlindedList.of`. `max_positions` bounds the consumer's list. DataError for duplicate identifiers;
    ProtocolError for a bad peer: `psi.list` where the consumer showed another provider another list, `psi.scalar` where
    it answered by another scalar than the list's.
    """
    require_distinct_rows(identifiers)
    order = secret_permutation(len(identifiers), entropy)
    points = await each_at_once(
        lambda i: hash_to_group(identifiers[i], context), order, stage="hash", progress=progress
    )
    hidden = await HiddenRows.of(points, entropy, progress)
    await channel.send(consumer, ROWS, b"".join(hidden.shown))

    listed = await _receive(channel, consumer, LIST, max_positions + 1, progress)
    if not listed:
        raise ProtocolError(f"{consumer} did not send the key of its list", expected="a point before the list", found=0)
    await _agree(channel, consumer, others, sha256(*listed))
    key, *places = listed
    answers = await _receive_all(channel, consumer, DOUBLED, len(hidden.shown), progress)
    multiples = await hidden.answered(key, answers, consumer, progress)
    place_of = {point: place for place, point in enumerate(places)}
    return Placement(tuple(restore([place_of.get(point) for point in multiples], order)), len(places))


async def _agree(channel: Channel, consumer: str, others: Sequence[str], digest: bytes) -> None:
    """Every other provider has the list of this digest; else ProtocolError `psi.list`."""
    for other in others:
        await channel.send(other, AGREED, digest)
    for other in others:
        if (shown := await channel.receive(other, AGREED, limit=DIGEST_BYTES)) != digest:
            raise ProtocolError(
                f"{consumer} sent another list to {other} than to {channel.me}, or {other} says so",
                expected=f"SHA-256 {digest.hex()}",
                found=shown.hex(),
                remedy="end the job, and audit it: the signed messages name who it was",
                code="psi.list",
            )


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
