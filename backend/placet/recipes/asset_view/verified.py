"""`asset-view` by verified sums: the providers commit to their values before they share them, and the consumer hands
out no total that is not proven to be their sum (`protocols.mpc.verified`). Who is given something wrong keeps what
proves it for the audit."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from coincurve import PublicKey

from placet.core.complaints import AUDIT_SHOWS
from placet.core.errors import ProtocolError
from placet.core.hashing import sha256
from placet.core.trail import Artefact
from placet.core.values import from_hex, to_hex
from placet.core.verified_sums import (
    ACCEPTED,
    CHALLENGE,
    CHECK,
    COMMIT,
    COMMITMENTS,
    COMMITTED,
    PROTOCOL,
    PROVE,
    RANDOMNESS,
    RECEIVE,
    SHARE_OUT,
    WEIGHTED,
    SumComplaint,
)
from placet.jobs.party_run import PartyRun, together
from placet.jobs.recipe import WrongParts
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.protocols.mpc import commitments
from placet.protocols.mpc.commitments import POINT_BYTES
from placet.protocols.mpc.verified import (
    CHALLENGE_BYTES,
    PlaceWords,
    WeightedShares,
    acceptance,
    commitments_fit,
    part_fits,
    share_fits,
    share_out,
    totals_of,
)

Keep = Callable[[bytes], Awaitable[None]]
LISTED = 20
"""Wrong places that an error tells."""


def places_of(total: int) -> int:
    """How many places are committed to: all of the list, and one where it is empty."""
    return max(total, 1)


def _providers(job: PartyRun) -> list[int]:
    return [party for party, role in enumerate(job.terms.roles) if role == "provider"]


async def provide(
    job: PartyRun, consumer: int, values: Sequence[int], inputs: tuple[Artefact, ...], keep: Keep
) -> None:
    """A provider's part, of its value at each place, which follow from `inputs`; `keep` is handed the
    commitments once they are made. ProtocolError `sums.share` where another sent a wrong share."""
    providers = _providers(job)
    randomness = commitments.scalars(len(values), job.entropy(RANDOMNESS))
    async with job.step(COMMIT, PROTOCOL, *inputs) as step:
        with job.working(f"committing to {len(values)} places"):
            payload = await commitments.commit_all(values, randomness)
        await step.send(name_of(consumer), COMMITMENTS, payload)
        committed = step.public(COMMITTED, sha256(payload))
    await keep(payload)
    async with job.step(SHARE_OUT, PROTOCOL, committed) as step:
        words = await asyncio.to_thread(PlaceWords.of, values, randomness)
        shares = await share_out(step, [name_of(i) for i in providers], words, entropy=job.entropy(b"share"))
        part = await asyncio.to_thread(lambda: shares.total)
        summed = step.output("share", part.payload)
    await job.release(part.payload, summed)
    own = providers.index(job.party)
    async with job.step(PROVE, PROTOCOL) as step:
        challenge = await step.receive(name_of(consumer), CHALLENGE, limit=CHALLENGE_BYTES)
        if len(challenge) != CHALLENGE_BYTES:
            raise _wrong("a challenge of another length", job.name(consumer), "sums.challenge")
        weighted = await _exchanged(job, step, consumer, providers, challenge, shares.given)
        for party, one, words in zip(providers, weighted, shares.held, strict=True):
            if party != job.party and not await asyncio.to_thread(share_fits, words, one, own):
                wrong = _wrong("a share is not the one that its sender committed to", job.name(party), "sums.share")
                raise await job.refuse(wrong, _complaint(job, party, "share", one, words.payload))
        await step.send(name_of(consumer), ACCEPTED, acceptance(weighted))


async def _exchanged(
    job: PartyRun,
    step: StepRecorder,
    consumer: int,
    providers: Sequence[int],
    challenge: bytes,
    given: Sequence[PlaceWords],
) -> list[WeightedShares]:
    """All providers' weighted shares, in their order, the own among them, which all others are told."""
    own = await asyncio.to_thread(WeightedShares.of, challenge, given)
    for party in (consumer, *providers):
        if party != job.party:
            await step.send(name_of(party), WEIGHTED, own.payload)
    return [
        own if party == job.party else await _weighted(job, step, party, len(providers), challenge)
        for party in providers
    ]


async def _weighted(job: PartyRun, step: StepRecorder, party: int, providers: int, challenge: bytes) -> WeightedShares:
    payload = await step.receive(name_of(party), WEIGHTED, limit=WeightedShares.size(providers))
    weighted = WeightedShares.read(payload, providers, sender=job.name(party))
    if weighted.challenge != challenge:
        raise _wrong("two parties speak of different challenges", job.name(party), "sums.challenge")
    return weighted


@dataclass(frozen=True)
class SumCheck:
    """What the consumer keeps until the release: all providers' commitments added up, and what parts must fit to."""

    total: bytes
    weighted: tuple[WeightedShares, ...]

    def to_json(self) -> dict[str, Any]:
        return {"total": to_hex(self.total), "weighted": [to_hex(one.payload) for one in self.weighted]}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> SumCheck:
        payloads = [from_hex(one) for one in state["weighted"]]
        return cls(from_hex(state["total"]), tuple(WeightedShares.read(one, len(payloads)) for one in payloads))


async def receive(job: PartyRun, places: int) -> dict[int, bytes]:
    """All providers' commitments, at the consumer."""
    payloads: dict[int, bytes] = {}
    async with job.step(RECEIVE, PROTOCOL) as step:
        for party in _providers(job):
            payloads[party] = await step.receive(name_of(party), COMMITMENTS, limit=POINT_BYTES * places)
    return payloads


async def check(job: PartyRun, payloads: Mapping[int, bytes], places: int) -> SumCheck:
    """What the providers shared is what they committed to: asked once all masked sums are here, since the challenge is
    drawn after them. ProtocolError `sums.commitments` naming who shared something else."""
    providers, weighted = list(payloads), dict[int, WeightedShares]()
    async with job.step(CHECK, PROTOCOL) as step:
        challenge = job.entropy(b"challenge")(CHALLENGE_BYTES)

        async def ask(party: int) -> None:
            await step.send(name_of(party), CHALLENGE, challenge)
            weighted[party] = await _weighted(job, step, party, len(providers), challenge)

        await together(*map(ask, providers))
        expected = acceptance([weighted[party] for party in providers])
        for party in providers:
            if await step.receive(name_of(party), ACCEPTED, limit=len(expected)) != expected:
                raise _wrong(
                    "a provider was told of other shares than were told here, or says so",
                    job.name(party),
                    "sums.accepted",
                )
        points = [commitments.points_of(payloads[i], places, sender=job.name(i)) for i in providers]
        with job.working(f"checking commitments at {places} places"):
            total = await commitments.sums(points)
            if not await commitments_fit(total, [weighted[party] for party in providers]):
                await _accuse(job, payloads, dict(zip(providers, points, strict=True)), weighted)
    return SumCheck(b"".join(point.format() for point in total), tuple(weighted[party] for party in providers))


async def _accuse(
    job: PartyRun,
    payloads: Mapping[int, bytes],
    points: Mapping[int, Sequence[PublicKey]],
    weighted: Mapping[int, WeightedShares],
) -> None:
    wrong = [party for party in payloads if not await commitments_fit(points[party], [weighted[party]])]
    names = ", ".join(map(job.name, wrong))
    error = _wrong("a provider shared other values than it committed to", names, "sums.commitments")
    complaints = [_complaint(job, party, "commitments", weighted[party], payloads[party]) for party in wrong]
    raise await job.refuse(error, *complaints)


def _complaint(
    job: PartyRun, accused: int, about: Literal["commitments", "share"], weighted: WeightedShares, payload: bytes
) -> SumComplaint:
    return SumComplaint(
        attempt=job.attempt, accused=accused, about=about, weighted=(weighted.payload,), payload=payload
    )


def proven(parts: Mapping[int, bytes], checked: SumCheck) -> list[int]:
    """The total at each place, from the released parts. WrongParts for parts that are not the sums of the shares which
    their senders accepted; ProtocolError `sums.range` where values are none that a party may have."""
    places, weighted = len(checked.total) // POINT_BYTES, checked.weighted
    words, wrong = dict[int, PlaceWords](), []
    for number, (party, part) in enumerate(sorted(parts.items())):
        try:
            words[party] = PlaceWords.read(part, places, sender=name_of(party))
        except ProtocolError:
            wrong.append(party)
            continue
        if not part_fits(words[party], weighted, number):
            wrong.append(party)
    if wrong:
        raise WrongParts(
            "a released sum is not the one of the shares that its sender accepted",
            parties=wrong,
            shown=tuple(one.payload for one in weighted),
            found=_where(words, parts, checked),
            remedy=AUDIT_SHOWS,
            code="sums.release",
        )
    return totals_of([words[party] for party in sorted(words)])[0]


def _where(words: Mapping[int, PlaceWords], parts: Mapping[int, bytes], checked: SumCheck) -> str:
    """At which places the total is not the committed one."""
    if len(words) < len(parts):
        return "sums of no form"
    total = PlaceWords.of(*_added(words)).halves()
    points = commitments.points_of(checked.total, len(checked.total) // POINT_BYTES)
    wrong = commitments.wrong_places(points, *total, checked.weighted[0].challenge)
    places = [str(place) for place in itertools.islice(wrong, LISTED + 1)]
    return f"wrong totals at places {', '.join(places[:LISTED])}{' and more' if len(places) > LISTED else ''}"


def _added(words: Mapping[int, PlaceWords]) -> tuple[list[int], list[int]]:
    halves = [one.halves() for one in words.values()]
    values, randomness = ([sum(column) for column in zip(*half, strict=True)] for half in zip(*halves, strict=True))
    return values, randomness


def _wrong(message: str, found: str, code: str) -> ProtocolError:
    return ProtocolError(message, found=found, remedy=AUDIT_SHOWS, code=code)
