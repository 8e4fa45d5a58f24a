"""The certificate of a garbler that cheated, and its judging by anybody who has it, the garbler's signature under what
it committed to, and the terms (`covert`)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from placet.core.errors import ProtocolError
from placet.core.framing import frame
from placet.core.hashing import sha256
from placet.protocols.channel import Channel
from placet.protocols.garbled.seeded import GarblingHashes, Overheard, made_again, seeded
from placet.protocols.garbled.terms import CountTerms
from placet.protocols.ot.base import ANSWERS, receive_base

HASH_BYTES = 32
ROWS_BYTES = 4


def choosing_context(context: bytes) -> bytes:
    return context + b"/choosing"


def garbling_context(context: bytes, index: int) -> bytes:
    return context + b"/garbling" + bytes((index,))


@dataclass(frozen=True)
class GarblerCommitment:
    """What the garbler says before it knows which garbling is used: its numbers of rows, hashes of both messages of the
    base transfers, and of each garbling."""

    rows: tuple[int, int]
    points: bytes
    answers: bytes
    garblings: tuple[GarblingHashes, ...]

    @staticmethod
    def size(garblings: int) -> int:
        return 2 * ROWS_BYTES + HASH_BYTES * (2 + 3 * garblings)

    @property
    def payload(self) -> bytes:
        rows = b"".join(one.to_bytes(ROWS_BYTES, "big") for one in self.rows)
        hashes = (one.garbler + one.evaluator + one.tables for one in self.garblings)
        return rows + self.points + self.answers + b"".join(hashes)

    @classmethod
    def read(cls, payload: bytes, garblings: int) -> GarblerCommitment:
        """ProtocolError `garbled.size` for another length."""
        if len(payload) != cls.size(garblings):
            raise ProtocolError(
                "not what a garbler commits to", expected=cls.size(garblings), found=len(payload), code="garbled.size"
            )
        head = 2 * ROWS_BYTES
        rows = int.from_bytes(payload[:ROWS_BYTES], "big"), int.from_bytes(payload[ROWS_BYTES:head], "big")
        hashes = [payload[at : at + HASH_BYTES] for at in range(head, len(payload), HASH_BYTES)]
        each = (GarblingHashes(*hashes[at : at + 3]) for at in range(2, len(hashes), 3))
        return cls(rows, hashes[0], hashes[1], tuple(each))


@dataclass(frozen=True)
class CheatingCertificate:
    """What shows that a garbler cheated in garbling `index`: the evaluator's `choice`, the seed of its side of the base
    transfers and that of its side of this garbling's (16 bytes each), and two messages of the garbler."""

    index: int
    choice: int
    choosing_seed: bytes = field(repr=False)
    own_seed: bytes = field(repr=False)
    answers: bytes = field(repr=False)
    committed: bytes = field(repr=False)


async def keys_of(
    channel: Channel, garbler: str, count: int, choice: int, seed: bytes, context: bytes
) -> tuple[bytes, ...]:
    """Seeds of all garblings, and the witness of the chosen one."""
    choices = [int(index == choice) for index in range(count)]
    keys = await receive_base(
        channel, garbler, choices, context=choosing_context(context), entropy=seeded(seed, b"choosing")
    )
    return tuple(key.tobytes() for key in keys)


async def judged(certificate: CheatingCertificate, terms: CountTerms, context: bytes) -> bool:
    """Did the garbler that signed `certificate.committed` garble something else? `terms` of the plan, whose `rows` do
    not count: those that the garbler committed to do. False where it followed the protocol; ProtocolError or InputError
    for what is no certificate about what it committed to."""
    committed = GarblerCommitment.read(certificate.committed, terms.garblings)
    garblings = range(terms.garblings)
    if certificate.index not in garblings or certificate.choice not in garblings:
        raise _void("of a garbling of the plan's")
    if certificate.index == certificate.choice:
        raise _void("of a garbling that was opened")
    circuit = dataclasses.replace(terms, rows=committed.rows).circuit
    if committed.answers != sha256(frame(ANSWERS.encode()) + frame(certificate.answers)):
        raise _void("with the answers that the garbler committed to")
    heard = Overheard(_Answered(certificate.answers))
    count, seed = terms.garblings, certificate.choosing_seed
    keys = await keys_of(heard, "garbler", count, certificate.choice, seed, context)
    if heard.sent.digest() != committed.points:
        raise _void("with the seed of the points that the garbler committed to")
    place = garbling_context(context, certificate.index)
    again = await made_again(circuit, keys[certificate.index], certificate.own_seed, place)
    said = committed.garblings[certificate.index]
    if again.garbler != said.garbler:
        return True
    if again.evaluator != said.evaluator:
        raise _void("with the evaluator's seed of that garbling")
    return again.tables != said.tables


@dataclass(frozen=True)
class _Answered:
    """A channel on which the same answers come as came to the evaluator."""

    answers: bytes
    me: str = "evaluator"

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        """Nobody hears it."""

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        return self.answers


def _void(expected: str) -> ProtocolError:
    return ProtocolError("no certificate of cheating", expected=expected, found="another", code="garbled.certificate")
