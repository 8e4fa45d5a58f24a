"""A batch of oblivious pseudorandom functions: the sender holds the key of each, the receiver one value of each.

Kolesnikov, Kumaresan, Rosulek, Trieu, "Efficient Batched Oblivious PRF with Applications to Private Set Intersection",
CCS 2016. As correlated transfers (`extension`) with `COLUMNS` columns in which the receiver sends not its choice, but
the bits of its input's code word. Row b of the sender's matrix is q_b, of the receiver's q_b ^ (code(x_b) & s) for the
sender's secret s, and

    F_b(x) = SHA-256(context, b, q_b ^ (code(x) & s), x)

The input goes into the hash besides (the paper's own has the row alone): a sender with s = 0 would otherwise have the
same value for all inputs, and could program an answer to whatever the receiver asks.

The code is pseudorandom: AES of the input under four public keys. Words of two inputs differ in fewer than 128 of their
448 bits with probability 2^-66, so that for 2^21 evaluations some other input's value is within reach of the receiver
with less than 2^-45 (the paper's table 1 has 448 columns for 2^20).

Secure against parties that follow it, where SHA-256 is correlation-robust at distance 128 and AES is a pseudorandom
function. A receiver that does not follow it is *not* held to code words, and may learn of s. A sender that does not
follow it has its base transfers to cheat with: whatever it chooses there, an input's value is SHA-256's of that input.

    receiver → sender   oprf.columns   448 columns of one bit an instance
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from placet.core.errors import LimitError, ProtocolError
from placet.core.framing import frame
from placet.protocols.channel import Channel
from placet.protocols.order import Entropy
from placet.protocols.ot.base import receive_base, send_base
from placet.protocols.ot.columns import Bytes, SeedStreams, transpose, unpacked

OPRF = "oprf.columns"
COLUMNS = 448
INPUT_BYTES = 16
MAX_INSTANCES = 1 << 20
"""Whose message is 59 MB."""
MAX_WORDS = 4
_ROW_BYTES = COLUMNS // 8
_CODE_KEYS = 4

Words = npt.NDArray[np.uint64]


def blocks_of(inputs: Bytes, name: bytes, count: int) -> Bytes:
    """`count` pseudorandom blocks of each input (n, 16), under public keys that `name` tells apart: (n, 16·count)."""
    parts = []
    for number in range(count):
        key = hashlib.sha256(b"placet.ot.blocks/1" + frame(name) + bytes((number,))).digest()[:16]
        # Each block is enciphered by itself: a pseudorandom function of it, and no message.
        cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        parts.append(np.frombuffer(cipher.update(inputs.tobytes()), np.uint8).reshape(-1, 16))
    return np.concatenate(parts, axis=1)


class OprfKey:
    """The sender's side: `secret` (56,) bytes, its columns turned to rows (instances, 56)."""

    def __init__(self, secret: Bytes, rows: Bytes, context: bytes) -> None:
        self._secret = secret
        self._rows = rows
        self._context = context

    def evaluate(self, instances: npt.NDArray[np.int64], inputs: Bytes, words: int) -> Words:
        """F of each input (n, 16) at its instance (n,), as `words` 64-bit words (n, words)."""
        rows = self._rows[instances] ^ (_code(inputs, self._context) & self._secret)
        return _hashed(instances, rows, inputs, words, self._context)


async def send_oprf(
    channel: Channel, receiver: str, count: int, *, context: bytes, entropy: Entropy = secrets.token_bytes
) -> OprfKey:
    """The sender's side, of `count` instances.

    `context` is public, the same on both sides and unique to this use. ProtocolError for a malformed message,
    LimitError for more than `MAX_INSTANCES`.
    """
    _require(count)
    secret = np.frombuffer(entropy(_ROW_BYTES), np.uint8)
    bits = unpacked(secret)
    seeds = await receive_base(channel, receiver, bits, context=context, entropy=entropy)
    size = _column_bytes(count)
    message = await channel.receive(receiver, OPRF, limit=COLUMNS * size)
    if len(message) != COLUMNS * size:
        raise ProtocolError(
            f"{receiver} sent a wrong length for an OPRF", expected=f"{COLUMNS * size} bytes", found=len(message)
        )

    def rows() -> Bytes:
        columns = np.frombuffer(message, np.uint8).reshape(COLUMNS, size)
        return transpose(SeedStreams(seeds).take(size) ^ columns * bits[:, None])[:count]

    return OprfKey(secret, await asyncio.to_thread(rows), context)


async def receive_oprf(
    channel: Channel,
    sender: str,
    inputs: Bytes,
    words: int,
    *,
    context: bytes,
    entropy: Entropy = secrets.token_bytes,
) -> Words:
    """The receiver's side: F_b of input b (n, 16), as `words` 64-bit words (n, words). `context` and errors as in
    `send_oprf`. An input says nothing to the sender."""
    count = len(inputs)
    _require(count)
    pairs = await send_base(channel, sender, COLUMNS, context=context, entropy=entropy)
    size = _column_bytes(count)

    def extend() -> tuple[bytes, Bytes]:
        padded = np.zeros((8 * size, INPUT_BYTES), np.uint8)
        padded[:count] = inputs
        code = transpose(_code(padded, context))
        own = SeedStreams(pairs[:, 0]).take(size)
        return (own ^ SeedStreams(pairs[:, 1]).take(size) ^ code).tobytes(), transpose(own)[:count]

    message, rows = await asyncio.to_thread(extend)
    await channel.send(sender, OPRF, message)
    return await asyncio.to_thread(_hashed, np.arange(count), rows, inputs, words, context)


def _require(count: int) -> None:
    if count > MAX_INSTANCES:
        raise LimitError("too many instances of an OPRF", expected=f"at most {MAX_INSTANCES}", found=count)


def _column_bytes(count: int) -> int:
    return -(-count // 8)


def _code(inputs: Bytes, context: bytes) -> Bytes:
    return blocks_of(inputs, b"code" + context, _CODE_KEYS)[:, :_ROW_BYTES]


def _hashed(instances: npt.NDArray[np.int64], rows: Bytes, inputs: Bytes, words: int, context: bytes) -> Words:
    """The hash of each row and input, with the instance's number and the context, cut to `words` 64-bit words."""
    salt = hashlib.sha256(b"placet.ot.oprf/1" + context).digest()[:16]
    parts = [np.tile(np.frombuffer(salt, np.uint8), (len(rows), 1)), instances.astype("<u8")[:, None].view(np.uint8)]
    lines = np.concatenate([*parts, rows, inputs], axis=1)
    width = lines.shape[1]
    view, sha256 = memoryview(lines.tobytes()), hashlib.sha256
    joined = b"".join([sha256(view[at : at + width]).digest() for at in range(0, len(view), width)])
    return np.frombuffer(joined, "<u8").reshape(-1, MAX_WORDS)[:, :words].astype(np.uint64)
