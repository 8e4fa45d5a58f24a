"""Where a person of the bank decides about plans, no consumer gets a signature around him: not for another plan than he
saw, not after his no, not after its time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from tests.attacks.harness import Agreed, AttackHarness

from placet.core.errors import PeerError, PlacetError
from placet.core.values import to_hex
from placet.jobs import held_store
from placet.jobs.agreement import Agreement
from placet.jobs.answers import PeerAnswers
from placet.jobs.messages import SignRequest
from placet.recipes.runs import RUNS


class Nobody:
    """Peers that are not there."""

    async def call(self, *_: Any, **__: Any) -> bytes:
        raise PeerError("a peer can't be reached", code="peer.unreachable")


@pytest.fixture
def bank(harness: AttackHarness) -> Iterator[Agreement]:
    """The bank, where a person decides about every plan."""
    context = dataclasses.replace(harness.agreement.context, hold="all", peers=Nobody())
    yield PeerAnswers(context, harness.answers.agreement.store, RUNS).agreement


async def sign(harness: AttackHarness, bank: Agreement, agreed: Agreed, asker: bytes | None = None) -> bytes:
    request = SignRequest(plan=agreed.plan, terms=agreed.terms)
    return (await bank.sign(asker or harness.lender.address, request)).signature


async def refused(work: Any, code: str) -> PlacetError:
    with pytest.raises(PlacetError) as caught:
        await work
    assert caught.value.code == code, caught.value
    return caught.value


def opened_with(harness: AttackHarness, agreed: Agreed, signature: bytes) -> tuple[Any, ...]:
    """What the contract says to the plan with this in the bank's place, and everybody else's signature."""
    return harness.refused(harness.calls.open(agreed.plan, [signature, *agreed.signatures[1:]]))


async def test_a_consumer_changes_the_plan_that_a_person_agreed_to(harness: AttackHarness, bank: Agreement) -> None:
    """Less reward, other times: each is a plan that nobody saw. His signature is of the one that he did."""
    offer_fixture = await harness.offer_fixture()
    plan = harness.plan(offer_fixture, reward=10)
    assert await sign(harness, bank, plan) == b""
    changed = [
        harness.plan(offer_fixture, reward=9),
        harness.plan(offer_fixture, reward=10, deadline=plan.plan.deadline - 1),
        harness.plan(offer_fixture, reward=10, settle_by=plan.plan.settle_by + 1),
    ]
    for other in changed:  # while he thinks
        await refused(sign(harness, bank, other), "plan.unprepared")
    await bank.approve(plan.job, "Ms Officer")
    signature = await sign(harness, bank, plan)
    for other in changed:  # and afterwards
        await refused(sign(harness, bank, other), "plan.unprepared")
        assert opened_with(harness, other, signature) == ("InvalidSignerSignature", 0)
    assert [one.job for one in bank.held.store.waiting()] == []
    # Prepared anew it is a plan that waits for him as the first did.
    again = harness.plan(await harness.offer_fixture(), reward=1)
    assert await sign(harness, bank, again) == b""


async def test_a_consumer_asks_until_a_no_becomes_a_yes(harness: AttackHarness, bank: Agreement) -> None:
    plan = harness.plan(await harness.offer_fixture())
    assert await sign(harness, bank, plan) == b""
    await bank.refuse(plan.job, "Ms Officer", "not for this purpose")
    with harness.untouched():
        for _ in range(3):
            assert (await refused(sign(harness, bank, plan), "plan.refused")).found == "not for this purpose"
        await refused(bank.approve(plan.job, "a colleague"), "plan.decided")
    assert bank.store.find(plan.job) is None
    assert opened_with(harness, plan, b"") == ("InvalidSignerSignature", 0)
    # Nor after a restart, with another policy: what a person said no to the policy does not sign.
    context = dataclasses.replace(bank.context, hold="none")
    automatic = PeerAnswers(context, bank.store, RUNS).agreement
    await refused(sign(harness, automatic, plan), "plan.refused")


async def test_a_consumer_has_a_plan_signed_after_its_time(
    harness: AttackHarness, bank: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, early = [harness.plan(await harness.offer_fixture()) for _ in range(2)]
    assert [await sign(harness, bank, plan) for plan in (late, early)] == [b"", b""]
    await bank.approve(early.job, "Ms Officer")
    assert await sign(harness, bank, early)
    after = max(late.plan.open_by, early.plan.open_by) + 1
    with monkeypatch.context() as then:
        then.setattr(bank.context.chain, "now", lambda: after)
        await refused(bank.approve(late.job, "Ms Officer"), "plan.stale")
        await refused(sign(harness, bank, late), "plan.stale")
        await refused(sign(harness, bank, early), "plan")  # agreed, but nothing is given out any more
    await refused(bank.approve(late.job, "Ms Officer"), "plan.decided")  # a clock that goes back gives no second chance
    assert bank.store.find(late.job) is None


async def test_a_withdrawal_while_a_person_thinks_is_no_less_one(harness: AttackHarness, bank: Agreement) -> None:
    offer_fixture = await harness.offer_fixture()
    plan = harness.plan(offer_fixture)
    assert await sign(harness, bank, plan) == b""
    harness.withdraw(offer_fixture, offer_fixture.people[0])
    await refused(bank.approve(plan.job, "Ms Officer"), "plan.stale")
    await refused(sign(harness, bank, plan), "plan.stale")
    assert bank.store.find(plan.job) is None


async def test_others_ask_for_a_signature_that_a_person_gave(harness: AttackHarness, bank: Agreement) -> None:
    """It goes to who proposed the plan; whoever else has a copy of it hears nothing of it."""
    plan = harness.plan(await harness.offer_fixture())
    assert await sign(harness, bank, plan) == b""
    await bank.approve(plan.job, "Ms Officer")
    for stranger in (harness.second, harness.thief):
        await refused(sign(harness, bank, plan, stranger.address), "plan")


async def test_a_consumer_buries_a_person_under_plans(
    harness: AttackHarness, bank: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = len(bank.held.store.waiting())
    monkeypatch.setattr(held_store, "MOST_WAITING", waiting + 2)
    plans = [harness.plan(await harness.offer_fixture(1)) for _ in range(3)]
    assert [await sign(harness, bank, plan) for plan in plans[:2]] == [b"", b""]
    await refused(sign(harness, bank, plans[2]), "limit.plans")
    await bank.refuse(plans[0].job, "Ms Officer", "one less")
    assert await sign(harness, bank, plans[2]) == b""
    assert to_hex(plans[2].job) in {to_hex(one.job) for one in bank.held.store.waiting()}
