"""Programmable OPRF over the bins of a cuckoo table (stub)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from placet.protocols.channel import Channel
from placet.protocols.order import Entropy

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Opened:
    """The receiver's side. words[b, 0] is bin b's tag: equal to the sender's targets[b, 0] iff the sender has the
    identifier that lies in b (else random: equal with chance 2^-64, so compare 40 + log2(bins) bits or more). Where
    they are equal, words[b, 1:] ^ targets[b, 1:] are that identifier's payload words."""

    words: Words = field(repr=False)
    """(bins, 1 + payload words)"""
    rows: npt.NDArray[np.int64] = field(repr=False)
    """(bins,): which of the receiver's identifiers lies in each bin, -1 for none (such a bin never matches)."""


def bins_for(receiver_rows: int) -> int:
    """How many bins there are: ceil of 1.27 a row, in three equal thirds, more for small tables."""
    raise NotImplementedError


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

    `rows` are the public numbers of rows at the most: the receiver's, the sender's. DataError for duplicates or too
    many identifiers, ProtocolError for a bad peer.
    """
    raise NotImplementedError


async def receive_programmed(
    channel: Channel,
    sender: str,
    identifiers: Sequence[bytes],
    *,
    payload_words: int,
    rows: tuple[int, int],
    context: bytes,
    entropy: Entropy = secrets.token_bytes,
) -> Opened:
    """The receiver's side (cuckoo hashing). Errors as `send_programmed`."""
    raise NotImplementedError
