"""PSI by salted hashes: fast, simple, and weak. Each receiver can try guesses against the other side's whole list.

Who receives a list of hashes and knows the salt can hash any identifier it can think of and look it up. Phone numbers,
identity numbers, e-mail addresses, names and registration numbers can all be thought of: all eleven-digit numbers are
hashed in minutes on one graphics card. So take it that **a receiver learns the sender's complete list**, not only
what both have; the salt only keeps hashes of different attempts apart, and from those who never saw it. ECDH PSI
(`ecdh`) lets nobody try anything alone, at some 100 µs an identifier. This protocol is for identifiers with 128 bits of
entropy, such as random customer keys, and for partners who may see each other's lists; it runs only where every offer's
scope names it.

    each → other                 salted-hash.salt   32 random bytes
    who does not receive alone   salted-hash.list   HMAC-SHA-256(salt, identifier) of its identifiers, ascending

The salt is SHA-256("placet.psi.salted-hash/1" ‖ length(context) ‖ context ‖ the two random parts, ascending), the
length in 4 bytes, big-endian: fresh for this pair and attempt whatever one side sends. Hashes are 32 bytes, one after
the other.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from placet.core.errors import LimitError, ProtocolError
from placet.core.framing import frame
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy
from placet.protocols.psi.rows import require_distinct_rows, require_receiver
from placet.protocols.work import Progress, each

SALT, LIST = "salted-hash.salt", "salted-hash.list"
DOMAIN = b"placet.psi.salted-hash/1"
SALT_BYTES = HASH_BYTES = 32
MAX_ROWS = 2**24


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

    `receiver` is the party that gets the result, and only the other one's list travels; None: both get it, and both
    lists travel. `context` is public, the same on both sides and unique to pair and attempt. `max_rows` bounds the
    peer's rows. DataError for duplicate identifiers, before anything is sent; ProtocolError for a bad peer.
    """
    require_receiver(receiver, channel.me, peer)
    require_distinct_rows(identifiers)
    if max(len(identifiers), max_rows) > MAX_ROWS:
        raise LimitError("too many rows", expected=f"at most {MAX_ROWS}", found=max(len(identifiers), max_rows))
    own = entropy(SALT_BYTES)
    await channel.send(peer, SALT, own)
    other = await channel.receive(peer, SALT, limit=SALT_BYTES)
    if len(other) != SALT_BYTES or hmac.compare_digest(other, own):
        raise ProtocolError(f"{peer} sent no salt of its own", expected=f"{SALT_BYTES} fresh bytes", found=len(other))
    salt = job_salt(context, own, other)

    hashed = await each(lambda item: salted(salt, item), identifiers, stage="hash", progress=progress)
    if receiver != channel.me:
        await channel.send(peer, LIST, b"".join(sorted(hashed)))
    if receiver not in (None, channel.me):
        return None
    theirs = _parse(await channel.receive(peer, LIST, limit=HASH_BYTES * max_rows), peer)
    return tuple(row for row, digest in enumerate(hashed) if digest in theirs)


def job_salt(context: bytes, first: bytes, second: bytes) -> bytes:
    """The salt of both sides' random parts, in either order."""
    parts = b"".join(sorted((first, second)))
    return hashlib.sha256(DOMAIN + frame(context) + parts).digest()


def salted(salt: bytes, identifier: bytes) -> bytes:
    """HMAC-SHA-256 of an identifier under the salt, 32 bytes."""
    return hmac.digest(salt, identifier, "sha256")


def _parse(payload: bytes, sender: str) -> frozenset[bytes]:
    """A peer's hashes; ProtocolError unless each is whole and they ascend strictly, so none occurs twice."""
    if len(payload) % HASH_BYTES:
        raise ProtocolError(
            f"{sender}'s list is cut short", expected=f"a multiple of {HASH_BYTES} bytes", found=len(payload)
        )
    hashes = [payload[start : start + HASH_BYTES] for start in range(0, len(payload), HASH_BYTES)]
    for place in range(1, len(hashes)):
        if hashes[place - 1] >= hashes[place]:
            raise ProtocolError(f"{sender}'s hashes are out of order or twice the same", found=f"place {place}")
    return frozenset(hashes)
