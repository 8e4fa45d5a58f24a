"""Dot products of one party's secret vector with another's secret rows, by Paillier; neither learns a product.

The textbook protocol (Goethals, Laur, Lipmaa, Mielikäinen, "On private scalar product computation for
privacy-preserving data mining", ICISC 2004), for one vector x and any number of rows y:

    asker → holder   paillier.key      n and h_s
    asker → holder   paillier.vector   x, each entry encrypted under the asker's key
    holder → asker   paillier.answer   for each row an encryption of x·y + m, with m uniform modulo n and all fresh

The asker decrypts x·y + m modulo n and keeps it modulo 2^128, the holder keeps -m modulo 2^128: additive shares, as in
`additive`. They are uniform, and x·y is their sum. Who gets the products is who gets the other's share: the consumer,
from both parties' sealed release, or one of the two by `give` and `take`.

*Who learns what*, if both follow the protocol: the asker learns nothing but the number of rows, which is agreed
beforehand anyway. What it decrypts is uniform modulo n whatever it has encrypted, and the randomness of the answer is
fresh (`PublicKey.refresh`); so rows stay hidden whatever its computing power, if its n is well-formed (`paillier`). The
holder learns nothing but the length of x: it sees ciphertexts only, and who breaks Paillier reads x. Who gets a product
learns what it implies: with known x one linear equation in y, with as many different x as y has entries all of y.

*Range.* Entries are integers within ±2^42 and there are at most 2^16, so a product stays within `additive.LIMIT` =
2^100 and x·y + m wraps modulo n with probability below 2^-1900. Each party checks its own entries before it sends
anything. The holder can't check x: larger entries draw no more out of the answer, but they do out of the product, for
whoever gets it. A holder may answer anything. `reconstruct` refuses results beyond what is possible, which catches
accidents; nothing proves inputs or answers (semi-honest).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from placet.core.errors import DataError, InputError, LimitError
from placet.protocols.channel import Channel
from placet.protocols.mpc.additive import LIMIT, WORD_BYTES, Vector, from_bytes, reconstruct, to_bytes
from placet.protocols.mpc.ciphertexts import Ciphertext, uniform
from placet.protocols.mpc.paillier import MAX_KEY_BYTES, SecretKey, public_key_from_bytes
from placet.protocols.order import Entropy
from placet.protocols.work import Progress, each

KEY, VECTOR, ANSWER, SHARE = "paillier.key", "paillier.vector", "paillier.answer", "mpc.result"
ENTRY_LIMIT = 2**42
MAX_ENTRIES = 2**16
MAX_ROWS = 2**16
assert MAX_ENTRIES * ENTRY_LIMIT**2 <= LIMIT  # noqa: S101


async def ask(
    channel: Channel,
    holder: str,
    key: SecretKey,
    vector: Sequence[int],
    *,
    rows: int,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> Vector:
    """The side that has the key and x: its shares of x·y, one for each of the holder's `rows` rows, in order.

    DataError or LimitError before anything is sent; ProtocolError for a bad answer.
    """
    _require_count("rows", rows, MAX_ROWS)
    _require_entries([vector])
    public = key.public
    await asyncio.to_thread(lambda: public.table)
    encrypted = await each(lambda entry: public.encrypt(entry, entropy), vector, stage="encrypt", progress=progress)
    await channel.send(holder, KEY, public.to_bytes())
    await channel.send(holder, VECTOR, public.pack(encrypted))
    payload = await channel.receive(holder, ANSWER, limit=rows * public.ciphertext_bytes)
    answers = await asyncio.to_thread(public.unpack, payload, rows, sender=holder)
    return _words(await each(key.residue, answers, stage="decrypt", progress=progress))


async def answer(
    channel: Channel,
    asker: str,
    rows: Sequence[Sequence[int]],
    *,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> Vector:
    """The side that has the rows: its shares of x·y, in the order of `rows`, which must have as many entries as x.

    DataError or LimitError before anything is sent; ProtocolError for a bad key or vector.
    """
    _require_count("rows", len(rows), MAX_ROWS)
    _require_entries(rows)
    payload = await channel.receive(asker, KEY, limit=MAX_KEY_BYTES)
    public = await asyncio.to_thread(public_key_from_bytes, payload, sender=asker)
    entries = len(rows[0])
    payload = await channel.receive(asker, VECTOR, limit=entries * public.ciphertext_bytes)
    vector = await asyncio.to_thread(public.unpack, payload, entries, sender=asker)

    def masked(row: Sequence[int]) -> tuple[Ciphertext, int]:
        mask = uniform(public.n, entropy)
        return public.refresh(public.combine(vector, row, mask), entropy), mask

    pairs = await each(masked, rows, stage="answer", progress=progress)
    await channel.send(asker, ANSWER, public.pack([ciphertext for ciphertext, _ in pairs]))
    return _words([-mask for _, mask in pairs])


async def give(channel: Channel, to: str, share: Vector) -> None:
    """Let the other party have the products. This discloses them inside the protocol, before any seal."""
    await channel.send(to, SHARE, to_bytes(share))


async def take(channel: Channel, sender: str, share: Vector) -> list[int]:
    """The products, from one's own share and the one that `sender` gives; ProtocolError if they don't fit together."""
    payload = await channel.receive(sender, SHARE, limit=WORD_BYTES * len(share))
    return reconstruct([share, from_bytes(payload, len(share), sender=sender)])


def _words(numbers: Sequence[int]) -> Vector:
    """Integers modulo 2^128."""
    modulus = 1 << 8 * WORD_BYTES
    return from_bytes(b"".join((number % modulus).to_bytes(WORD_BYTES, "little") for number in numbers), len(numbers))


def _require_entries(rows: Sequence[Sequence[int]]) -> None:
    _require_count("entries", len(rows[0]), MAX_ENTRIES)
    for place, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise DataError("rows of different lengths", expected=len(rows[0]), found=f"{len(row)} in row {place}")
        for entry in row:
            if isinstance(entry, bool) or not isinstance(entry, int):
                raise DataError("an entry is not an integer", expected="int", found=f"{type(entry).__name__}")
            if abs(entry) > ENTRY_LIMIT:
                raise DataError("an entry is out of range", expected="within ±2^42", found=f"row {place}")


def _require_count(what: str, count: int, limit: int) -> None:
    if count < 1:
        raise InputError(f"no {what}", expected="at least one", found=count)
    if count > limit:
        raise LimitError(f"too many {what}", expected=f"at most {limit}", found=count)
