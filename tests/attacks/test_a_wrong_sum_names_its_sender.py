"""Providers and consumers that falsify a sum of `asset-view`: each is refused, and the audit names it by its own
signatures; without commitments the same goes unseen."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.simulator import NAMES as INSTITUTIONS
from tests.audit.simulator import Simulation

from placet.audit.findings import CheckStatus, Result
from placet.audit.outcome import Verdict
from placet.audit.verify import verify
from placet.core.evidence import Evidence
from placet.core.hashing import sha256
from placet.core.masking import mask, public_key, shared_secret
from placet.core.trail import MASKED_OUTPUT, Exchange
from placet.core.verified_sums import (
    ACCEPTED,
    CHALLENGE,
    COMMITMENTS,
    SHARE,
    WEIGHTED,
    SumComplaint,
)
from placet.jobs.recipe import WrongParts
from placet.jobs.settlement import Settlement
from placet.protocols.local import LocalNetwork
from placet.protocols.mpc import additive, commitments
from placet.protocols.mpc.commitments import POINT_BYTES, WORD_BYTES
from placet.protocols.mpc.verified import WeightedShares
from summing import Lie, Summed, honest, summed

VALUES = [[5, 0, 700, -3, 0, 1], [0, 0, 40, 0, 9, 2], [1, 0, 0, 8, 0, 3]]
TOTALS = [6, 0, 740, 5, 9, 6]
LIAR, PEER, THIRD, CONSUMER = 0, 1, 2, 3
SECRET = bytes(range(32))


def bumped(payload: bytes, place: int, by: int = 1) -> bytes:
    """The value at a place changed, in words modulo q."""
    at = place * WORD_BYTES
    value = (int.from_bytes(payload[at : at + WORD_BYTES], "big") + by) % commitments.ORDER
    return payload[:at] + value.to_bytes(WORD_BYTES, "big") + payload[at + WORD_BYTES :]


def telling(tag: str, change: Callable[[bytes], bytes], *receivers: int, liar: int = LIAR) -> Lie:
    """One party changes what it says under a tag, to some."""

    def lie(sender: int, told: str, receiver: int, payload: bytes) -> bytes:
        return change(payload) if (sender, told) == (liar, tag) and receiver in (receivers or (receiver,)) else payload

    return lie


def other_commitment(payload: bytes) -> bytes:
    return payload[:POINT_BYTES] + commitments.commit(6, 1) + payload[2 * POINT_BYTES :]


def other_point(payload: bytes, number: int = PEER) -> bytes:
    """The weighted share of one provider is another."""
    weighted = WeightedShares.read(payload, len(VALUES))
    points = list(weighted.points)
    points[number] = commitments.commit(1, 1)
    return dataclasses.replace(weighted, points=tuple(points)).payload


class AuditedSums(Simulation):
    """A job in which the sums' messages were these."""

    def __init__(self, run: Summed, shown: dict[int, tuple[SumComplaint, ...]] | None = None) -> None:
        self.run, self.shown = run, run.complaints if shown is None else shown
        self.masked: dict[int, bytes] = {}
        super().__init__()

    def make_terms(self, fields: dict[str, Any]) -> Any:
        return super().make_terms(fields | {"consumer_key": public_key(SECRET)})

    def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
        payload = self.run.messages[sender, receiver, tag] or b"never sent"
        if tag == MASKED_OUTPUT:
            place: dict[str, Any] = {"job": self.job, "attempt": self.attempt, "party": sender}
            payload = mask(
                payload, key=self.release_key(sender), ephemeral=SECRET, consumer=public_key(SECRET), **place
            )
            self.masked[sender] = payload
        return super().send(sender, receiver, tag, sha256(payload) if tag.startswith(("sum.", "output")) else digest)

    def released(self, party: int, masked: bytes | None = None) -> SumComplaint:
        """What the consumer shows of a part."""
        assert self.run.check is not None
        place: dict[str, Any] = {"key": self.release_key(party), "secret": SECRET, "job": self.job, "attempt": 1}
        return SumComplaint(
            attempt=1,
            accused=party,
            about="release",
            weighted=tuple(one.payload for one in self.run.check.weighted),
            payload=self.masked[party] if masked is None else masked,
            secret=shared_secret(self.masked[party], party=party, **place),
        )

    def evidence(self, party: int) -> Evidence:
        return super().evidence(party).model_copy(update={"complaints": self.shown.get(party, ())})


def judged(simulation: AuditedSums) -> Result:
    """The check of sums, which alone may fail."""
    report = verify(simulation.bundle())
    (result,) = [one for one in report.results if one.name == "flow.verified-sums"]
    others = [one.name for one in report.results if one.status is not CheckStatus.PASSED and one is not result]
    assert not set(others) & {"flow.inputs", "flow.outputs", "exchange.in-steps", "exchange.signed"}
    assert (report.verdict is Verdict.TAMPERED) == (result.status is CheckStatus.FAILED)
    return result


def test_honest_sums_are_proven_and_nobody_is_named() -> None:
    run = summed(VALUES)
    assert (run.totals, run.errors, run.complaints) == (TOTALS, {}, {})
    assert judged(AuditedSums(run)).status is CheckStatus.PASSED


@pytest.mark.parametrize(
    ("lie", "who", "code"),
    [
        (telling(SHARE, lambda share: bumped(share, 2), PEER), PEER, "sums.share"),
        (telling(SHARE, lambda share: bumped(bumped(share, 2), 3, -1), PEER), PEER, "sums.share"),
        (telling(SHARE, lambda share: bumped(share, 8), PEER), PEER, "sums.share"),  # the randomness
        (telling(WEIGHTED, other_point), PEER, "sums.share"),
        (telling(COMMITMENTS, other_commitment), CONSUMER, "sums.commitments"),
    ],
    ids=["share", "two-places", "randomness", "weighted", "commitment"],
)
def test_who_shares_another_value_than_it_committed_to_is_named_before_anything_is_opened(
    lie: Lie, who: int, code: str
) -> None:
    run = summed(VALUES, lie)
    assert run.totals is None and run.errors[who].code == code and run.errors[who].found == "North"
    ((complaint,),) = run.complaints.values()
    assert (complaint.accused, list(run.complaints)) == (LIAR, [who])
    result = judged(AuditedSums(run))
    assert (result.status, result.named) == (CheckStatus.FAILED, (INSTITUTIONS[LIAR],))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda part: bumped(part, 4, 1000), "wrong totals at places 4"),
        (lambda part: bumped(bumped(part, 0), 5, -1), "wrong totals at places 0, 5"),  # the sum of all is right
        (lambda part: bumped(part, 7), "wrong totals at places 1"),
        (lambda part: part[:-64], "sums of no form"),
        (lambda part: b"\xff" * len(part), "sums of no form"),
    ],
    ids=["place", "two-places", "randomness", "short", "too-large"],
)
def test_who_releases_a_wrong_sum_is_named_with_the_places(change: Callable[[bytes], bytes], found: str) -> None:
    run = summed(VALUES, telling(MASKED_OUTPUT, change))
    error = run.errors[CONSUMER]
    assert run.totals is None and isinstance(error, WrongParts)
    assert (error.parties == (LIAR,) and str(error.found) in found.split("|")) or str(error.found).startswith("wrong")
    simulation = AuditedSums(run, {})
    simulation.shown = {CONSUMER: (simulation.released(LIAR),)}
    assert judged(simulation).named == (INSTITUTIONS[LIAR],)


def test_two_that_release_wrong_sums_are_both_named() -> None:
    def lie(sender: int, tag: str, receiver: int, payload: bytes) -> bytes:
        return bumped(payload, 1, 1 if sender else -1) if tag == MASKED_OUTPUT and sender < THIRD else payload

    run = summed(VALUES, lie)  # the total is right: each of them alone would falsify it
    assert isinstance(run.errors[CONSUMER], WrongParts) and run.errors[CONSUMER].parties == (LIAR, PEER)


def test_the_consumer_never_shows_all_parts() -> None:
    """Where all are wrong they may be right together, and tell the auditor the totals."""
    run = summed(VALUES, lambda _, tag, __, payload: bumped(payload, 1) if tag == MASKED_OUTPUT else payload)
    error, simulation = run.errors[CONSUMER], AuditedSums(run, {})
    assert isinstance(error, WrongParts) and error.parties == (LIAR, PEER, THIRD)
    here = SimpleNamespace(context=SimpleNamespace(hpke_of=lambda _: SECRET))
    keys = {party: simulation.release_key(party) for party in error.parties}
    record = SimpleNamespace(job=simulation.job, terms=SimpleNamespace(consumer_key=b""))
    shown = tuple(Settlement._complaints(here, record, 1, error, simulation.masked, keys))  # type: ignore[arg-type]
    assert shown == (simulation.released(LIAR), simulation.released(PEER))
    simulation.shown = {CONSUMER: shown}
    assert judged(simulation).named == (INSTITUTIONS[LIAR], INSTITUTIONS[PEER])


@pytest.mark.parametrize(
    ("lie", "who", "code", "named"),
    [
        (telling(WEIGHTED, other_point, CONSUMER), CONSUMER, "sums.accepted", LIAR),
        (telling(WEIGHTED, lambda one: other_point(one, THIRD), PEER), CONSUMER, "sums.accepted", LIAR),
        (telling(CHALLENGE, lambda one: sha256(one), PEER, liar=CONSUMER), None, "sums.challenge", CONSUMER),
    ],
    ids=["to-the-consumer", "to-a-peer", "challenges"],
)
def test_who_tells_two_parties_different_things_is_named(lie: Lie, who: int | None, code: str, named: int) -> None:
    run = summed(VALUES, lie)
    assert run.totals is None and code in {error.code for error in run.errors.values()}
    assert who is None or list(run.errors) == [who]
    assert judged(AuditedSums(run)).named == (INSTITUTIONS[named],)


def test_who_accepts_what_it_was_not_given_is_refused() -> None:
    run = summed(VALUES, telling(ACCEPTED, lambda _: bytes(32)))
    assert (run.totals, run.errors[CONSUMER].code) == (None, "sums.accepted")


@pytest.mark.parametrize(
    ("tag", "change"),
    [
        (COMMITMENTS, lambda one: one[:-1]),
        (COMMITMENTS, lambda one: bytes(len(one))),
        (SHARE, lambda one: one[:-64]),
        (SHARE, lambda one: b"\xff" * len(one)),
        (WEIGHTED, lambda one: one[:-33]),
        (WEIGHTED, lambda one: one[:-33] + bytes(33)),
    ],
)
def test_messages_of_no_form_are_refused_by_their_senders_name(tag: str, change: Callable[[bytes], bytes]) -> None:
    run = summed(VALUES, telling(tag, change))
    assert run.totals is None
    assert any("North" in str(error) or "party-0" in str(error) for error in run.errors.values())


def test_a_challenge_of_no_form_is_refused_by_the_consumers_name() -> None:
    run = summed(VALUES, telling(CHALLENGE, lambda one: one[:-1], liar=CONSUMER))
    assert run.totals is None and {error.found for error in run.errors.values()} == {"Consumer"}


def test_a_value_that_no_provider_may_have_is_refused_and_names_nobody() -> None:
    """It takes the provider's own opening to say whose it is: the audit of inputs asks for one."""
    run = summed([[0, 2**200], [1, 1]])
    assert (run.totals, run.errors[2].code) == (None, "sums.range")
    assert "place 1" in str(run.errors[2].found)


def test_who_accuses_without_cause_is_named() -> None:
    run = summed(VALUES)
    weighted = WeightedShares.read(run.messages[LIAR, PEER, WEIGHTED], 3)
    good = SumComplaint(
        attempt=1,
        accused=LIAR,
        about="share",
        weighted=(weighted.payload,),
        payload=run.messages[LIAR, PEER, SHARE],
    )
    committed = good.model_copy(update={"about": "commitments", "payload": run.messages[LIAR, CONSUMER, COMMITMENTS]})
    invented = [
        (PEER, good),
        (PEER, good.model_copy(update={"payload": bumped(good.payload, 2)})),
        (PEER, good.model_copy(update={"weighted": (other_point(weighted.payload),)})),
        (PEER, good.model_copy(update={"attempt": 2})),
        (PEER, good.model_copy(update={"accused": PEER})),
        (PEER, good.model_copy(update={"accused": CONSUMER})),
        (PEER, good.model_copy(update={"payload": b""})),
        (THIRD, good),
        (CONSUMER, committed),
    ]
    simulation = AuditedSums(run)
    for party, complaint in invented:
        simulation.shown = {party: (complaint,)}
        assert judged(simulation).named == (INSTITUTIONS[party],), complaint.about


def test_a_consumer_cannot_show_another_part_than_was_released() -> None:
    simulation = AuditedSums(summed(VALUES), {})
    good = simulation.released(LIAR)
    weighted = (other_point(good.weighted[0]), *good.weighted[1:])
    for lie in (
        good,
        good.model_copy(update={"secret": bytes(32)}),
        good.model_copy(update={"secret": b""}),
        good.model_copy(update={"payload": simulation.masked[PEER]}),
        good.model_copy(update={"weighted": weighted}),
        good.model_copy(update={"weighted": good.weighted[:2]}),
    ):
        simulation.shown = {CONSUMER: (lie,)}
        assert judged(simulation).named == (INSTITUTIONS[CONSUMER],)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.lists(st.integers(-(2**100), 2**100), min_size=3, max_size=3), min_size=2, max_size=4),
    st.integers(0, 2),
    st.integers(1, 2**64) | st.just(commitments.ORDER - 1),
    st.sampled_from((SHARE, MASKED_OUTPUT)),
)
def test_no_change_of_a_word_goes_unseen_and_only_its_sender_is_named(
    values: list[list[int]], place: int, by: int, tag: str
) -> None:
    assert summed(values).totals == [sum(column) for column in zip(*values, strict=True)]
    run = summed(values, telling(tag, lambda payload: bumped(payload, place, by)))
    assert run.totals is None
    if tag == SHARE:
        assert {c.accused for complaints in run.complaints.values() for c in complaints} == {LIAR}
    else:
        assert isinstance(run.errors[len(values)], WrongParts) and run.errors[len(values)].parties == (LIAR,)


def unverified(lie: Lie) -> list[int]:
    """The same values added up without commitments."""
    network = LocalNetwork(("party-0", "party-1", "party-2"))

    class Channel:
        def __init__(self, party: int) -> None:
            self.party, self.me, self.real = party, f"party-{party}", network.channel(f"party-{party}")

        async def send(self, to: str, tag: str, payload: bytes) -> None:
            await self.real.send(to, tag, lie(self.party, tag, int(to[6:]), payload))

        async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
            return await self.real.receive(sender, tag, limit=limit)

    async def part(party: int) -> bytes:
        peers = [name for name in network.names if name != f"party-{party}"]
        own = await additive.sum_shares(Channel(party), peers, additive.encode(VALUES[party]))
        return lie(party, MASKED_OUTPUT, CONSUMER, additive.to_bytes(own))

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*map(part, range(3)))

    return additive.reconstruct([additive.from_bytes(one, 6) for one in asyncio.run(all_of_them())])


def first_byte(payload: bytes) -> bytes:
    return bytes([payload[0] ^ 1]) + payload[1:]


@pytest.mark.parametrize("tag", [additive.SHARE, MASKED_OUTPUT])
def test_without_commitments_the_same_is_unseen(tag: str) -> None:
    assert unverified(honest) == TOTALS
    wrong = unverified(telling(tag, first_byte, PEER, CONSUMER))
    assert wrong != TOTALS and wrong[1:] == TOTALS[1:]
