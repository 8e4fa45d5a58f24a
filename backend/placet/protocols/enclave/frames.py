"""Messages between an enclave and its host, over a pair of pipes: kind(1) ‖ frame (`core.framing`).

In this order; whatever else comes ends the enclave.

    enclave → host   READY     its X25519 public key (32 bytes)
    host → enclave   TASK      the task document
                     KEY       role(1) ‖ sealed keys           for `before`, then for `after`
                     DOCUMENT  a piece of the encrypted document `before`, as often as needed; END (empty)
                     DOCUMENT, END                             the same for `after`
    enclave → host   RESULT    a piece of the masked result for the first recipient, as often as needed; END (empty)
                     …                                         the same for every other recipient
                     DONE      empty
               or    FAILED    a code (ASCII)
"""

from __future__ import annotations

from enum import IntEnum
from typing import BinaryIO, Final

from placet.core.errors import LimitError, ProtocolError
from placet.core.framing import WIDTH, announced, frame
from placet.protocols.enclave.sealed.sizes import MAX_SEALED
from placet.protocols.enclave.sealed.task import MAX_TASK

HEADER: Final = 1 + WIDTH
PIECE: Final = 1 << 18
"""Bytes of a piece at the most."""


class Gone(ProtocolError):  # noqa: N818 - what happened, not what was wrong
    """The pipe has ended."""

    def __init__(self) -> None:
        super().__init__("the other side went away", code="enclave.protocol")


class FrameKind(IntEnum):
    READY = 1
    TASK = 2
    KEY = 3
    DOCUMENT = 4
    END = 5
    RESULT = 6
    DONE = 7
    FAILED = 8


LIMITS: Final = {
    FrameKind.READY: 32,
    FrameKind.TASK: MAX_TASK,
    FrameKind.KEY: 1 + MAX_SEALED,
    FrameKind.DOCUMENT: PIECE,
    FrameKind.END: 0,
    FrameKind.RESULT: PIECE,
    FrameKind.DONE: 0,
    FrameKind.FAILED: 40,
}


def encode(kind: FrameKind, body: bytes = b"") -> bytes:
    if len(body) > LIMITS[kind]:
        raise broken("a message is too long")
    return bytes([kind]) + frame(body)


def header(data: bytes, *expected: FrameKind) -> tuple[FrameKind, int]:
    """Kind and length of a message that may come now; ProtocolError for any other, before its body is read."""
    if len(data) != HEADER:
        raise Gone()
    if data[0] not in expected:
        raise broken("another message than the one that is due")
    kind = FrameKind(data[0])
    try:
        return kind, announced(data[1:], LIMITS[kind])
    except LimitError:
        raise broken("a message is too long") from None


def read(source: BinaryIO, *expected: FrameKind) -> tuple[FrameKind, bytes]:
    kind, length = header(source.read(HEADER), *expected)
    body = source.read(length)
    if len(body) != length:
        raise Gone()
    return kind, body


def pieces(data: bytes) -> list[bytes]:
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


def broken(message: str) -> ProtocolError:
    return ProtocolError(message, code="enclave.protocol")
