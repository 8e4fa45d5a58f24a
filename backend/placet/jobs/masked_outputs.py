"""Masked outputs of all parties, as the consumer keeps them until the seal: party(4) ‖ a frame, once for each."""

from __future__ import annotations

from collections.abc import Mapping

from placet.core.framing import FrameReader, frame, header
from placet.core.plan import MAX_PARTIES
from placet.jobs.link import MAX_PAYLOAD

MASKED = "masked"
"""A step's name for the hash of one."""
_SIZE = 8
"""Bytes of the length before each."""


def framed(outputs: Mapping[int, bytes]) -> bytes:
    """By ascending party."""
    return b"".join(header(party) + frame(output, _SIZE) for party, output in sorted(outputs.items()))


def masked_outputs(content: bytes) -> dict[int, bytes]:
    """What `framed` made of them, by party. InputError for anything else."""
    reader, outputs = FrameReader(content, "what the consumer kept"), dict[int, bytes]()
    while reader.left:
        party = reader.number(MAX_PARTIES - 1)
        outputs[party] = reader.frame(MAX_PAYLOAD, _SIZE)
    return outputs
