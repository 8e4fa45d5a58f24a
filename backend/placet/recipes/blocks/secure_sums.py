"""Sums over all parties of a job that none of them sees the parts of: secure aggregation, over the signed link.

Each party is a member and works the total out itself. Shares of keys and seeds go from their dealer to whom they are
for, over the link of these two (TLS): there is no aggregator that would carry them. A job needs all of its parties to
be sealed, so all are needed to open a sum, too (the threshold), and none is ever opened over fewer. Before a round each
party looks whether the consents to its own rows still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import JsonValue

from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import sha256
from placet.core.sum_messages import ANNOUNCED, PARTS, PROTOCOL, REVEALED, SHARES, UPLOAD
from placet.core.trail import Artefact
from placet.jobs.party_run import PartyRun, together
from placet.jobs.randomness import stream
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.models.pooled_checks import demand
from placet.protocols.mpc import shamir
from placet.protocols.mpc.secure_sum import (
    PUBLIC,
    Dealt,
    Revealed,
    SumMember,
    Words,
    coin_of,
    parts_of,
    seeds_of,
    total,
)
from placet.protocols.order import Entropy

VIEW = 32


@dataclass
class SecureSums:
    """A party's part in the sums of one attempt, in their order. `made` is the artefact of what is added up."""

    job: PartyRun
    made: Artefact
    keeps: bool = False
    """Whether `parts` may be asked for."""
    rounds: int = 0
    heard: bytes = bytes(32)
    """A hash of all that was opened: masks hang on it, so that parties which came to different totals open no more."""
    _kept: dict[str, _Round] = field(default_factory=dict)

    async def add(self, what: str, numbers: list[int], most: int) -> list[int]:
        """The totals of all parties' numbers, none further from 0 than `most`: recorded as a step. InputError for own
        numbers beyond that, before anything leaves; ProtocolError for such totals, and for messages that no honest
        party sends; ConsentError where a consent to the own rows has ended."""
        if any(abs(one) > most for one in numbers):
            raise InputError("a party's own numbers are larger than a total can be", expected=most, found=what)
        job, number = self.job, self.rounds
        self.rounds += 1
        await job.demand_consented()
        count = self.members
        context = b"".join((job.record.job, job.attempt.to_bytes(4, "big"), number.to_bytes(4, "big"), self.heard))
        size = bytes_of(most)
        about: dict[str, JsonValue] = {"round": number, "sums": what, "words": len(numbers), "members": count}
        about |= {"bytes": size}
        async with job.step(f"sum-{number}", PROTOCOL, self.made, parameters=about) as step:
            words = np.array(numbers, np.int64).view(np.uint64)
            step.output("summand", words.astype("<u8").tobytes())
            entropy = job.entropy(b"secure-sum", number.to_bytes(4, "big"))
            member = SumMember(job.party, count, count, context, entropy)
            with job.working(f"the others' part in the sum of {what}"):
                turn = _Round(member, size, context)
                sums = await turn.run(step, words)
            if self.keeps:
                self._kept[what] = turn
            self.made = step.output("total", opened := sums.astype("<u8").tobytes())
            self.heard = sha256(self.heard, opened)
        totals = [int(one) for one in sums.view(np.int64)]
        demand(what, all(abs(one) <= most for one in totals))
        return totals

    @property
    def members(self) -> int:
        return len(self.job.plan.parties)

    def coin(self, what: str) -> Entropy:
        """Random bytes, the same at every party, that nobody knew when he uploaded to the last sum of this."""
        return stream(self._kept[what].coin)

    async def parts(self, what: str, weights: Sequence[Sequence[int]]) -> list[list[int]]:
        """By party weighted sums of its own first numbers in the last sum of this, which are within what its words
        hold: a step. Nothing else is opened of them. ProtocolError `sums.disputed` where two parties contradict each
        other."""
        turn, number = self._kept[what], self.rounds
        self.rounds += 1
        await self.job.demand_consented()
        about: dict[str, JsonValue] = {"round": number, "parts": what, "weights": len(weights)}
        async with self.job.step(f"sum-{number}", PROTOCOL, self.made, parameters=about) as step:
            with self.job.working(f"the others' masks of {what}"):
                parts = await turn.parts(step, weights)
            self.made = step.output("parts", np.concatenate(parts).astype("<u8").tobytes())
        return [[int(one) for one in own.view(np.int64)] for own in parts]


def bytes_of(most: int) -> int:
    """Of a word that holds totals no further from 0 than that."""
    return (most.bit_length() + 8) // 8


@dataclass
class _Round:
    """Of words of so many bytes (`size`): sums modulo a smaller power of two are the low bytes of those modulo 2^64."""

    member: SumMember
    size: int
    context: bytes
    _uploads: dict[int, Words] = field(default_factory=dict)
    _seeds: dict[int, bytes] = field(default_factory=dict)

    async def run(self, step: StepRecorder, words: Words) -> Words:
        member, me = self.member, self.member.index
        publics = await self._exchange(step, ANNOUNCED, lambda _: member.public, PUBLIC)
        dealt = member.deal(publics)
        pieces = await self._exchange(step, SHARES, lambda to: dealt[to].key + dealt[to].seed, 2 * shamir.SHARE)
        upload = member.masked(
            {i: Dealt(piece[: shamir.SHARE], piece[shamir.SHARE :]) for i, piece in pieces.items()}, words
        )
        low = _low(upload, self.size)
        masked = await self._exchange(step, UPLOAD, lambda _: low, len(low))
        view = sha256(b"".join((*(publics[i] for i in sorted(publics)), *(masked[i] for i in sorted(masked)))))
        own = member.reveal(masked)
        seeds = view + b"".join(own.seeds[i] for i in sorted(own.seeds))
        reveals = await self._exchange(step, REVEALED, lambda _: seeds, len(seeds))
        if liars := [i for i, one in reveals.items() if one[:VIEW] != view]:
            raise ProtocolError(
                "a party was shown other keys or uploads than this one",
                expected="the same ones at every party",
                found=", ".join(map(name_of, liars)),
                code="peer.told",
            )
        revealed = {i: Revealed(_seeds(one[VIEW:]), {}) for i, one in reveals.items()}
        revealed[me] = own
        self._uploads = {i: _words(one, self.size) for i, one in masked.items()}
        self._seeds = seeds_of(revealed, masked, member.threshold)
        return _signed(total(self.context, member.threshold, publics, self._uploads, revealed), self.size)

    @property
    def coin(self) -> bytes:
        return coin_of(self.context, self._seeds)

    async def parts(self, step: StepRecorder, numbers: Sequence[Sequence[int]]) -> list[Words]:
        length = len(self._uploads[self.member.index])
        weights = [np.array([*one, *[0] * (length - len(one))], np.int64).view(np.uint64) for one in numbers]
        own = self.member.masks_by(weights)
        ours = np.concatenate([own[i] for i in sorted(own)]).astype("<u8").tobytes()
        others = await self._exchange(step, PARTS, lambda _: ours, len(ours))
        claims = {
            party: dict(
                zip(
                    sorted(others.keys() - {party}),
                    np.frombuffer(one, "<u8").astype(np.uint64).reshape(-1, len(weights)),
                    strict=True,
                )
            )
            for party, one in others.items()
        }
        parts = parts_of(self.context, self._uploads, self._seeds, claims, weights)
        return [_signed(parts[party], self.size) for party in sorted(parts)]

    async def _exchange(self, step: StepRecorder, tag: str, of: Callable[[int], bytes], size: int) -> dict[int, bytes]:
        """What each party sends to each, by its sender; the own part too. ProtocolError for one of another size."""
        others = [i for i in range(self.member.members) if i != self.member.index]
        await together(*(step.send(name_of(i), tag, of(i)) for i in others))
        parts = {self.member.index: of(self.member.index)}
        for i in others:
            parts[i] = await step.receive(name_of(i), tag, limit=size)
            if len(parts[i]) != size:
                raise ProtocolError(
                    f"{name_of(i)} sent another part of a sum", expected=f"{size} bytes", found=len(parts[i])
                )
        return parts


def _seeds(shares: bytes) -> dict[int, bytes]:
    return {i: shares[start : start + shamir.SHARE] for i, start in enumerate(range(0, len(shares), shamir.SHARE))}


def _low(words: Words, size: int) -> bytes:
    """Each word's `size` low bytes."""
    return words.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :size].tobytes()


def _words(low: bytes, size: int) -> Words:
    whole = np.zeros((len(low) // size, 8), np.uint8)
    whole[:, :size] = np.frombuffer(low, np.uint8).reshape(-1, size)
    return whole.view("<u8").reshape(-1).astype(np.uint64)


def _signed(words: Words, size: int) -> Words:
    """The number that the low bytes are, where their first bit is a sign."""
    shift = np.uint64(64 - 8 * size)
    return np.asarray(((words << shift).view(np.int64) >> shift.astype(np.int64)).view(np.uint64))
