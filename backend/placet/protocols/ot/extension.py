"""Correlated oblivious transfer by extension (stub)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from placet.protocols.channel import Channel
from placet.protocols.order import Entropy

Labels = npt.NDArray[np.uint64]
"""(n, 2): 128 bits a row, little-endian; a label's lowest bit is bit 0 of its first word."""
Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Correlation:
    """The sender's side: label j stands for 0 as zeros[j], for 1 as zeros[j] ^ delta. delta's lowest bit is 1."""

    delta: Labels = field(repr=False)
    """(2,)"""
    zeros: Labels = field(repr=False)
    """(n, 2)"""


async def send_correlated(
    channel: Channel, receiver: str, count: int, *, context: bytes, entropy: Entropy = secrets.token_bytes
) -> Correlation:
    """The sender's side (a garbler), for `count` transfers. `context` is public, the same on both sides, unique to this
    use. ProtocolError for a receiver whose choices are not the same in every column, or a malformed message."""
    raise NotImplementedError


async def receive_correlated(
    channel: Channel, sender: str, choices: Bits, *, context: bytes, entropy: Entropy = secrets.token_bytes
) -> Labels:
    """The receiver's side (an evaluator): (n, 2), row j is zeros[j] ^ choices[j]·delta. `choices` (n,) of 0 and 1."""
    raise NotImplementedError
