"""Where a scope demands a smallest change, no job's result differs from an earlier one's by a single person.

The bank's table is one of its own here: such an offer binds whatever else its consumer computes over the same rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pytest
from tests.attacks.harness import Agreed, AttackHarness
from tests.attacks.test_no_consent_no_data import joint
from tests.node.conftest import NAMESPACE

from placet.core.errors import ConsentError, WarrantError
from placet.core.ids import DatasetId
from placet.core.offers import Subjects
from placet.jobs.messages import SignRequest
from placet.vault.config import VaultSettings
from placet.vault.schema import Column
from placet.vault.setup import import_table, remove_table

WHO = ("C00001", "C00002", "C00003", "C00004")
SMALLEST = 2


@pytest.fixture(scope="module")
def table(harness: AttackHarness) -> Iterator[DatasetId]:
    environment = harness.environment
    settings = VaultSettings.load(environment.folder / "vault" / "vault.toml")
    columns = {"customer": Column(source="customer", type="text"), "balance": Column(source="balance", type="integer")}
    dataset = import_table(
        settings, "watched", environment.folder / "accounts.csv", "customer", columns, namespace=NAMESPACE
    )
    register = harness.calls.register(dataset.dataset, Subjects.PERSONS, dataset.schema_hash, dataset.commitment)
    harness.mined(register, harness.bank)
    yield dataset.dataset
    remove_table(settings, "watched", anyway=True)


async def finds(harness: AttackHarness, agreed: Agreed, listed: Collection[str]) -> None:
    """The bank's node has learnt which of its rows are in the lender's list, and is about to go on."""
    held = await harness.rows(agreed)
    marks = np.packbits([customer in listed for customer in held]).tobytes()
    with harness.untouched():
        await harness.vault.matched(agreed.job, agreed.plan, agreed.terms, 1, 0, marks)


async def refused(harness: AttackHarness, agreed: Agreed, listed: Collection[str]) -> None:
    with pytest.raises(WarrantError) as caught:
        await finds(harness, agreed, listed)
    assert caught.value.code == "warrant.change"
    assert not any(sign.isdigit() for sign in f"{caught.value.message}{caught.value.expected}{caught.value.found}")


async def test_a_list_with_one_person_more_or_less_tells_nothing_of_that_person(
    harness: AttackHarness, table: DatasetId
) -> None:
    """The lender asks for all, then for all but one, then for another one: each difference would be one balance. The
    same list again tells nothing new, and one with as many others as was promised tells of so many together."""
    offer = harness.offer(harness.scope(smallest_change=SMALLEST), dataset=table)
    offer_fixture = await harness.offer_fixture_on(*offer, customers=WHO)
    jobs = [harness.open(harness.plan(offer_fixture)) for _ in range(5)]
    await finds(harness, jobs[0], WHO)
    await refused(harness, jobs[1], WHO[1:])
    await refused(harness, jobs[1], WHO[:-1])
    await finds(harness, jobs[2], WHO)
    await finds(harness, jobs[3], WHO[SMALLEST:])
    await refused(harness, jobs[4], WHO[SMALLEST - 1 :])


async def test_nobody_computes_what_could_not_be_held(harness: AttackHarness, table: DatasetId) -> None:
    """A recipe that shows the bank no matches: under such an offer its node does not sign; under another offer of the
    same rows to the same lender, of which a job could be compared with the others, its vault hands out nothing."""
    told = {"output": "aggregate", "smallest_group": 5, "recipes": ("joint-statistics",)}
    for change, ready in ((SMALLEST, False), (None, True)):
        offer = harness.offer(harness.scope(**told, smallest_change=change), dataset=table)
        offer_fixture = await harness.offer_fixture_on(*offer, wanted=joint(5), asked=ready, customers=WHO)
        agreed = harness.plan(offer_fixture, terms=joint(5))
        question = SignRequest(plan=agreed.plan, terms=agreed.terms)
        if ready:
            assert await harness.agreement.sign(harness.lender.address, question)
        else:
            with harness.untouched(), pytest.raises(ConsentError) as caught:
                await harness.agreement.sign(harness.lender.address, question)
            assert caught.value.code == "consent.change"
        harness.open(agreed)
        with harness.untouched(), pytest.raises(WarrantError) as refusal:
            await harness.rows(agreed)
        assert refusal.value.code == "warrant.change"
