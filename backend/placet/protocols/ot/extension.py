"""Correlated oblivious transfer: as many pairs of labels as are wanted from 128 base transfers, by symmetric ciphers.

Ishai, Kilian, Nissim, Petrank, "Extending Oblivious Transfers Efficiently", CRYPTO 2003: the sender chose one of two
seeds for each of 128 columns by the bits of its secret delta; the receiver holds both and sends their streams' XOR with
its choices. Row j of the sender's matrix then is z_j, and of the receiver's z_j ^ choice_j·delta: labels of a garbled
circuit as they are. Anything else must hash them first. Four columns travel as one (`trees`; Roy, below, with k = 4): 4
bytes a transfer cross instead of 16, for four times the streams.

A receiver that uses other choices in some columns than in others would learn bits of delta. *The check* is that of Roy,
"SoftSpokenOT", CRYPTO 2022, figure 7 with the repetition code, not that of Keller, Orsini and Scholl 2015, whose proof
Roy found wrong (their revision of 2022 takes his check, too): after each part the receiver sends a universal hash of
its choices and of each of its columns, and the sender compares column by column. The hash is GHASH, linear over bits
and 2^-117-universal for a part, under a key that is the SHA-256 of the trees and of the part's lines (Fiat and Shamir):
a receiver that could fix its lines, hence the key, and choose trees to them would find two halves of a tree whose
wrong choices hash to nothing in 2^64 steps. 128 random choices more, which nobody uses, hide the choices' hash. What is
left to a cheater is guessing: it learns c bits of delta with probability 2^-c and is found out otherwise.

Assumptions: AES as a pseudorandom function, SHA-256 as a random oracle, and the base transfers' own. A sender that does
not follow this has no message to cheat with.

    receiver → sender   ot.trees    once
    receiver → sender   ot.extend   for each part of at most `PART` transfers: 32 lines, then the hashes
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from placet.core.errors import InputError, ProtocolError
from placet.core.framing import frame
from placet.core.hashing import sha256
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy
from placet.protocols.ot.base import receive_base, send_base
from placet.protocols.ot.columns import Bytes, packed, transpose, unpacked
from placet.protocols.ot.trees import DEPTH, GROUP_BYTES, SEED_BYTES, FullTrees, PuncturedTrees

TREES, EXTEND = "ot.trees", "ot.extend"
COLUMNS = 128
LINES = COLUMNS // DEPTH
BLOCK_BYTES = 16
PART = 1 << 17
"""Transfers in one message, which has 0.5 MB at the most: of 8 MB of streams, more would leave the cache."""
_KEY = hashlib.sha256(b"placet.ot.extension/1 check")
_NONCE = bytes(12)

Labels = npt.NDArray[np.uint64]
"""(n, 2): 128 bits a row, little-endian; a label's lowest bit is bit 0 of its first word."""


@dataclass(frozen=True)
class Correlation:
    """The sender's side: label j stands for 0 as zeros[j], for 1 as zeros[j] ^ delta. delta's lowest bit is 1."""

    delta: Labels = field(repr=False)
    """(2,)"""
    zeros: Labels = field(repr=False)
    """(n, 2)"""


class LabelSender:
    """The sender's side after the base transfers: `delta` (16,) bytes, the seed (128, 16) of each of its bits, and the
    receiver's `trees`. ProtocolError for trees that are none."""

    def __init__(self, delta: Bytes, seeds: Bytes, trees: bytes, context: bytes, receiver: str) -> None:
        self._chosen = unpacked(delta)
        self._trees = PuncturedTrees(self._chosen, seeds, trees, context, receiver)
        self._start = _check_start(context, trees)
        self._receiver = receiver
        self._part = 0

    def accept(self, count: int, message: bytes) -> Labels:
        """The zero labels (count, 2) of the next part, from the receiver's message. ProtocolError where it is false."""
        size = _column_bytes(count)
        if len(message) != message_bytes(count):
            raise ProtocolError(
                f"{self._receiver} sent a wrong length for transfers", expected=message_bytes(count), found=len(message)
            )
        lines = np.frombuffer(message, np.uint8, LINES * size).reshape(LINES, size)
        hashes = np.frombuffer(message, np.uint8, offset=LINES * size).reshape(1 + COLUMNS, BLOCK_BYTES)
        rows = self._trees.take(size) ^ np.repeat(lines, DEPTH, axis=0) * self._chosen[:, None]
        key = _check_key(lines, self._start, self._part)
        if not (hashed(rows, key) == hashes[1:] ^ hashes[0] * self._chosen[:, None]).all():
            raise ProtocolError(
                f"{self._receiver} did not use the same choices in every column of its transfers",
                expected="hashes that agree",
                remedy="begin no other job with this party before it was looked into",
                code="ot.check",
            )
        self._part += 1
        return _labels(rows, count)


class LabelReceiver:
    """The receiver's side after the base transfers: both seeds (128, 2, 16) of each column."""

    def __init__(self, pairs: Bytes, context: bytes, entropy: Entropy = secrets.token_bytes) -> None:
        self._trees = FullTrees(pairs, entropy(LINES * SEED_BYTES), context)
        self._start = _check_start(context, self._trees.message)
        self._entropy = entropy
        self._part = 0

    @property
    def trees(self) -> bytes:
        """What the sender needs first."""
        return self._trees.message

    def extend(self, choices: Bytes) -> tuple[bytes, Labels]:
        """The message for these choices (n,), each 0 or 1, and their labels (n, 2)."""
        size = _column_bytes(len(choices))
        line = np.zeros(size, np.uint8)
        line[: -(-len(choices) // 8)] = packed(choices)
        line[-BLOCK_BYTES:] = np.frombuffer(self._entropy(BLOCK_BYTES), np.uint8)
        own = self._trees.take(size)
        lines = own.total ^ line
        key = _check_key(lines, self._start, self._part)
        self._part += 1
        message = lines.tobytes() + hashed(np.concatenate([line[None], own.columns]), key).tobytes()
        return message, _labels(own.columns, len(choices))


def message_bytes(count: int) -> int:
    """How long the message of a part with `count` transfers is."""
    return LINES * _column_bytes(count) + (1 + COLUMNS) * BLOCK_BYTES


def hashed(lines: Bytes, key: bytes) -> Bytes:
    """GHASH of each line (n, size) under `key`: linear, so without the constant that GMAC adds. (n, 16)."""
    gcm = AESGCM(key)
    constant = gcm.encrypt(_NONCE, b"", bytes(lines.shape[1]))
    tags = b"".join(gcm.encrypt(_NONCE, b"", line.tobytes()) for line in lines)
    return np.frombuffer(tags, np.uint8).reshape(-1, BLOCK_BYTES) ^ np.frombuffer(constant, np.uint8)


def parts(count: int) -> list[tuple[int, int]]:
    """Begin and end of each part of `count` transfers."""
    return [(start, min(start + PART, count)) for start in range(0, count, PART)]


async def send_correlated(
    channel: Channel, receiver: str, count: int, *, context: bytes, entropy: Entropy = secrets.token_bytes
) -> Correlation:
    """The sender's side (a garbler's), for `count` transfers.

    `context` is public, the same on both sides and unique to this use. ProtocolError for a receiver whose choices are
    not the same in every column, or a malformed message.
    """
    delta = np.frombuffer(entropy(BLOCK_BYTES), np.uint8).copy()
    delta[0] |= 1
    seeds = await receive_base(channel, receiver, unpacked(delta), context=context, entropy=entropy)
    trees = await channel.receive(receiver, TREES, limit=LINES * GROUP_BYTES)
    sender = LabelSender(delta, seeds, trees, context, receiver)
    zeros = np.empty((count, 2), np.uint64)
    for start, end in parts(count):
        message = await channel.receive(receiver, EXTEND, limit=message_bytes(end - start))
        zeros[start:end] = await asyncio.to_thread(sender.accept, end - start, message)
    return Correlation(delta.view("<u8").astype(np.uint64), zeros)


async def receive_correlated(
    channel: Channel, sender: str, choices: Bytes, *, context: bytes, entropy: Entropy = secrets.token_bytes
) -> Labels:
    """The receiver's side (an evaluator's): (n, 2), row j is zeros[j] ^ choices[j]·delta.

    `choices` (n,), each 0 or 1. `context` as in `send_correlated`; ProtocolError for a malformed message.
    """
    if choices.ndim != 1 or (choices > 1).any():
        raise InputError("choices of transfers", expected="one line of 0 and 1", found=f"shape {choices.shape}")
    pairs = await send_base(channel, sender, COLUMNS, context=context, entropy=entropy)
    receiver = LabelReceiver(pairs, context, entropy)
    await channel.send(sender, TREES, receiver.trees)
    labels = np.empty((len(choices), 2), np.uint64)
    for start, end in parts(len(choices)):
        message, labels[start:end] = await asyncio.to_thread(receiver.extend, choices[start:end])
        await channel.send(sender, EXTEND, message)
    return labels


def _column_bytes(count: int) -> int:
    """Whole blocks of choices, and one that hides them."""
    return (-(-count // COLUMNS) + 1) * BLOCK_BYTES


def _check_start(context: bytes, trees: bytes) -> bytes:
    """What is fixed before the first part: the context, and the trees, whose hashes fix every leaf."""
    return frame(context) + sha256(trees)


def _check_key(lines: Bytes, start: bytes, part: int) -> bytes:
    key = _KEY.copy()
    key.update(start + part.to_bytes(4, "big"))
    key.update(lines.tobytes())
    return key.digest()[:BLOCK_BYTES]


def _labels(rows: Bytes, count: int) -> Labels:
    return transpose(rows)[:count].copy().view("<u8").astype(np.uint64, copy=False)
