"""A programmable OPRF over bins: in each bin of its cuckoo table the receiver gets words that the sender programmed for
the identifier that lies there, and random ones where the sender has no such identifier.

Pinkas, Schneider, Tkachenko, Yanai, "Efficient circuit-based PSI with linear communication", EUROCRYPT 2019. The sender
draws a target for each bin, evaluates the OPRF (`oprf`) for each of its identifiers in all three bins where it might
lie (`bins`), and sends one oblivious key-value store (`okvs`) of target ^ value for these 3·n. What the receiver looks
up, XOR its own value, is the target or random. Neither learns which: comparing is a circuit's work.

A bin's third says which of the three hash functions led to it, and its number goes into the OPRF: an identifier is one
entry in one bin, at a receiver that follows this. An empty bin asks for 128 random bits, which nobody can have
programmed. *Not prevented*: a receiver that lays an identifier in all three bins has it counted three times, and a
sender that programs other targets for some entries learns from what the circuit says; neither is seen.

By chance, each less than 2^-40: no room in the cuckoo table, a store that can't be encoded, and bins whose random tag
is the target (2^-64 a bin; `tag_bits` says how few bits hold it below 2^-40).

    receiver → sender   `base` and `oprf`
    sender → receiver   opprf.store   the table, 1.3·3 words an identifier and 64
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError, InputError, LimitError, ProtocolError
from placet.protocols.bins import PLACE_BYTES, cuckoo_rows, digests, places, third_of
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy
from placet.protocols.ot.columns import Bytes
from placet.protocols.ot.okvs import decode, encode, table_cells
from placet.protocols.ot.oprf import INPUT_BYTES, MAX_WORDS, Words, receive_oprf, send_oprf

STORE = "opprf.store"
MAX_ROWS = 1 << 19
"""A side. Then the table has 33 MB where there are two words."""
_SALT = b"placet.ot.opprf/1"
_WORD_BYTES = 8
_FAIL_BITS = 40


@dataclass(frozen=True)
class BinWords:
    """The receiver's side. words[b, 0] is bin b's tag: the sender's targets[b, 0] iff the sender has the identifier
    that lies in b, else random. Where they are equal, words[b, 1:] ^ targets[b, 1:] are that identifier's payload."""

    words: Words = field(repr=False)
    """(bins, 1 + payload words)"""
    rows: npt.NDArray[np.int64] = field(repr=False)
    """(bins,): which of the receiver's identifiers lies in each bin, -1 for none (such a bin never matches)."""


def bins_for(receiver_rows: int) -> int:
    """How many bins there are: 1.27 a row, more for small tables, in three equal thirds."""
    return 3 * third_of(receiver_rows)


def tag_bits(bins: int) -> int:
    """How many bits of the tags must be compared, so that none of so many bins matches by chance but for 2^-40."""
    return _FAIL_BITS + (bins - 1).bit_length()


async def send_programmed(
    channel: Channel,
    receiver: str,
    identifiers: Sequence[bytes],
    payloads: Words,
    *,
    rows: tuple[int, int],
    context: bytes,
    entropy: Entropy = secrets.token_bytes,
) -> Words:
    """The sender's targets (bins, 1 + k), uniform; `payloads` (n, k), k of 0 to 3, one row an identifier.

    `rows` are the public numbers of rows at the most: the receiver's, the sender's. `context` is public, the same on
    both sides and unique to this use. DataError for duplicates or too many identifiers, before anything is sent;
    ProtocolError for a bad peer.
    """
    words = 1 + payloads.shape[1]
    _require(identifiers, rows, rows[1], words)
    if len(payloads) != len(identifiers):
        raise DataError("a payload for each identifier", expected=len(identifiers), found=len(payloads))
    lines, third = await asyncio.to_thread(digests, identifiers, _SALT + context), third_of(rows[0])
    key = await send_oprf(channel, receiver, 3 * third, context=context, entropy=entropy)
    targets = np.frombuffer(entropy(3 * third * words * _WORD_BYTES), "<u8").reshape(-1, words).astype(np.uint64)

    def program() -> bytes:
        spots = places(lines, third).ravel()
        inputs = np.repeat(_inputs(lines), 3, axis=0)
        values = key.evaluate(spots, inputs, words) ^ targets[spots]
        values[:, 1:] ^= np.repeat(payloads, 3, axis=0)
        table = encode(_entries(inputs, spots // third), values, 3 * rows[1], context=context, entropy=entropy)
        return table.astype("<u8").tobytes()

    await channel.send(receiver, STORE, await asyncio.to_thread(program))
    return targets


async def receive_programmed(
    channel: Channel,
    sender: str,
    identifiers: Sequence[bytes],
    *,
    payload_words: int,
    rows: tuple[int, int],
    context: bytes,
    entropy: Entropy = secrets.token_bytes,
) -> BinWords:
    """The receiver's side, which lays its identifiers in a cuckoo table. Arguments and errors as in
    `send_programmed`."""
    words = 1 + payload_words
    _require(identifiers, rows, rows[0], words)
    lines, third = await asyncio.to_thread(digests, identifiers, _SALT + context), third_of(rows[0])
    holder = await asyncio.to_thread(cuckoo_rows, places(lines, third), 3 * third)
    used = holder >= 0
    inputs = np.frombuffer(entropy(3 * third * INPUT_BYTES), np.uint8).reshape(-1, INPUT_BYTES).copy()
    inputs[used] = _inputs(lines)[holder[used]]
    values = await receive_oprf(channel, sender, inputs, words, context=context, entropy=entropy)
    cells = table_cells(3 * rows[1])
    message = await channel.receive(sender, STORE, limit=cells * words * _WORD_BYTES)
    if len(message) != cells * words * _WORD_BYTES:
        raise ProtocolError(
            f"{sender} sent a store of the wrong length", expected=cells * words * _WORD_BYTES, found=len(message)
        )
    table = np.frombuffer(message, "<u8").reshape(cells, words).astype(np.uint64)
    entries = _entries(inputs, np.arange(3 * third) // third)
    return BinWords(values ^ await asyncio.to_thread(decode, table, entries, context=context), holder)


def _require(identifiers: Sequence[bytes], rows: tuple[int, int], own: int, words: int) -> None:
    if min(rows) < 1 or not 1 <= words <= MAX_WORDS:
        raise InputError("an OPPRF does not fit", expected=f"a row on each side, 1 to {MAX_WORDS} words", found=rows)
    if max(rows) > MAX_ROWS:
        raise LimitError("too many rows for an OPPRF", expected=f"at most {MAX_ROWS} a side", found=max(rows))
    if len(identifiers) > own:
        raise DataError("more rows than there is room for", expected=own, found=len(identifiers))


def _inputs(lines: Bytes) -> Bytes:
    """What goes into the OPRF for each identifier: bytes of its digest that say nothing of where it lies."""
    return lines[:, PLACE_BYTES : PLACE_BYTES + INPUT_BYTES]


def _entries(inputs: Bytes, functions: npt.NDArray[np.int64]) -> Bytes:
    """The store's key of each input under that one of the three hash functions."""
    keys = inputs.copy()
    keys[:, 0] ^= functions.astype(np.uint8)
    return keys
