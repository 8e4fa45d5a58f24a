"""What the institution's own people read of their node: recipes, offers, consents by day, rewards, health in words."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from parties import JobEnvironment
from placet.catalogue.specs import NAMES, spec_of
from placet.chain import events
from placet.core.values import ZERO32, to_hex
from placet.jobs.store import JobStore
from placet.node.block_days import DAY, BlockDays
from placet.node.consents import numbers
from placet.node.http.health_words import words_of
from placet.node.jobs.rewards import rewards
from placet.node.service import Health
from placet.node.state import consents

from .conftest import Owner, Running

PATHS = ("/v1/recipes", "/v1/catalogue", "/v1/consents/timeline", "/v1/outcomes", "/v1/rewards", "/v1/plans")


async def read(node: Running, path: str) -> dict[str, Any]:
    answer = await node.client.get(path, headers=node.credential)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_it_is_for_the_institution_alone(node: Running, owner: Owner) -> None:
    node.app.state.runner = None  # nobody gets as far as that
    for path in PATHS:
        assert (await node.client.get(path)).json()["code"] == "access.unsigned"
        answer: httpx.Response = await node.client.get(path, headers=owner.headers("GET", path))
        assert answer.json()["code"] == "access.institution", path
        cookie = {"cookie": f"__Host-placet-{node.node.address.hex()[:8]}=x", "sec-fetch-site": "same-origin"}
        assert (await node.client.get(path, headers=cookie)).json()["code"] == "access.session"


async def test_a_form_can_start_any_recipe(node: Running) -> None:
    """Each parameter's schema takes what the recipe takes, and its words stand beside it."""
    recipes = (await read(node, "/v1/recipes"))["recipes"]
    assert [one["recipe"] for one in recipes] == list(NAMES)
    policy = node.settings.policy
    for one in recipes:
        spec = spec_of(one["recipe"])
        assert one["json_schema"]["properties"].keys() == one["parameters"].keys()
        assert [role["name"] for role in one["roles"]] == [role.name for role in spec.roles]
        assert {role["name"]: role["learns"] for role in one["roles"]} == one["learns"]
        assert (one["served"], one["standing"]) == (spec.name in policy.recipes, spec.name in policy.standing)
    [schema] = [one["json_schema"] for one in recipes if one["recipe"] == "asset-view"]
    assert schema["required"] == ["identifier", "namespace", "value"]
    assert schema["additionalProperties"] is False and schema["properties"]["value"]["type"] == "string"


async def test_the_catalogue_counts_consents_as_they_come_and_go(
    node: Running, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, scope = node.offer()
    environment = node.environment

    async def counts() -> dict[str, int]:
        node.node.sync()
        [dataset] = [
            one for one in (await read(node, "/v1/catalogue"))["datasets"] if one["id"] == to_hex(offer.dataset)
        ]
        assert dataset["rows"] == 400
        [entry] = [one for one in dataset["offers"] if one["id"] == to_hex(offer.id)]
        assert (entry["title"], entry["consumer"]["name"]) == (scope.title, "Credit House")
        assert entry["own_consent"] is None
        tally: dict[str, int] = entry["consents"]
        return tally

    owners = [owner, *(Owner(environment, next(environment.customers), type(owner.key)()) for _ in range(2))]
    given = [await node.give(one, offer) for one in owners]
    assert await counts() == {"coming": 3, "current": 0, "ended": 0, "batches": 0}
    await node.turn()
    assert await counts() == {"coming": 0, "current": 3, "ended": 0, "batches": 1}
    path = f"/v1/consents/{given[0]}/withdrawal"
    assert (await node.client.post(path, json=owners[0].withdrawal(given[0]))).status_code == 202
    assert (await counts())["current"] == 2  # withdrawn is withdrawn, before the chain has it
    await node.turn()
    assert await counts() == {"coming": 0, "current": 2, "ended": 1, "batches": 1}
    with monkeypatch.context() as other:  # withdrawn elsewhere: the chain says so, and this node's queue nothing
        other.setattr(node.node, "ended", lambda _: dict.fromkeys([bytes.fromhex(one[2:]) for one in given[:2]]))
        assert numbers.of_offer(node.node, offer.id, personal=True).current == 1
    with monkeypatch.context() as later:
        later.setattr(numbers, "now", lambda: 2**40)
        assert numbers.of_offer(node.node, offer.id, personal=True).ended == 3


async def test_days_tell_how_many_and_of_nobody(node: Running, owner: Owner) -> None:
    before = (await read(node, "/v1/consents/timeline"))["days"]
    assert len(before) == 90 and [one["day"] for one in before] == sorted({one["day"] for one in before})
    offer, _ = node.offer()
    consent = await node.give(owner, offer)
    other = Owner(node.environment, next(node.environment.customers), type(owner.key)())
    await node.give(other, offer)
    with node.node.engine.begin() as connection:  # one of them some days ago
        old = consents.c.owner == other.signer
        connection.execute(sa.update(consents).where(old).values(created=consents.c.created - 5 * DAY))
    await node.turn()
    path = f"/v1/consents/{consent}/withdrawal"
    assert (await node.client.post(path, json=owner.withdrawal(consent))).status_code == 202
    await node.turn()
    node.node.sync()
    answer = await node.client.get("/v1/consents/timeline?days=90", headers=node.credential)
    days = {one["day"]: one for one in answer.json()["days"]}
    assert consent not in answer.text and to_hex(owner.signer) not in answer.text
    gained = {day: one["given"] for day, one in days.items()}
    for one in before:
        gained[one["day"]] = gained.get(one["day"], 0) - one["given"]
    assert sorted(number for number in gained.values() if number) == [1, 1]
    assert sum(one["ended"] for one in days.values()) == 1 + sum(one["ended"] for one in before)
    for wrong in (0, -1, 367, "x"):
        bad = await node.client.get(f"/v1/consents/timeline?days={wrong}", headers=node.credential)
        assert bad.status_code == 422


@pytest.mark.parametrize("seconds", [1, 600, DAY // 3, 3 * DAY])
def test_the_days_of_blocks_are_those_of_their_times(seconds: int) -> None:
    """With questions for the few of them at which a day ends, and none the second time."""
    asked: list[int] = []

    def block(number: int) -> Any:
        asked.append(number)
        return SimpleNamespace(timestamp=1_800_000_000 + number * seconds)

    chain: Any = SimpleNamespace(block=block, confirmed=lambda: 290)
    days, blocks = BlockDays(chain), [*range(3, 300, 2)]
    expected = {number: (1_800_000_000 + number * seconds) // DAY for number in blocks}
    assert days.of(blocks) == expected
    bounds = len(set(expected.values()))
    assert len(asked) <= min(len(blocks), 2 + 18 * bounds)
    first = len(asked)
    assert days.of(blocks) == expected
    assert all(number > 290 for number in asked[first:])  # what may be reorganised is asked again
    assert days.of([]) == {}


async def test_jobs_are_counted_and_listed_by_how_they_ended(node: Running) -> None:
    environment = JobEnvironment()
    store = environment.stores[0]
    jobs = [environment.agreed() for _ in range(5)]
    for job, how in zip(jobs, ("completed", "completed", "aborted"), strict=False):
        store.end(job, how)
    node.app.state.runner = SimpleNamespace(store=store, context=environment.contexts[0])
    store_of_node: JobStore = node.app.state.runner.store
    assert await read(node, "/v1/outcomes") == {"going": 2, "ended": {"aborted": 1, "completed": 2}}
    for how, expected in (("completed", jobs[:2]), ("aborted", jobs[2:3]), ("going", jobs[3:]), ("closed", [])):
        assert {record.job for record in store_of_node.page(None, 100, how)} == set(expected)
    pages = [record.job for record in store_of_node.page(None, 1, "going")]
    pages += [record.job for record in store_of_node.page(pages[0], 1, "going")]
    assert set(pages) == set(jobs[3:]) and store_of_node.page(pages[1], 1, "going") == []


def test_rewards_are_what_the_chain_tells() -> None:
    environment = JobEnvironment()
    token, north = b"t" * 20, environment.address(0)
    parties = tuple(environment.party(number, reward=10 * (number < 3)) for number in range(4))
    terms = environment.terms()
    paying = environment.agreed(environment.plan(terms, token=token, pot=7, parties=parties), terms)
    free = environment.agreed()
    store = environment.stores[0]
    store.end(paying, "closed")
    where: dict[str, Any] = {"block": 9, "log_index": 0, "transaction": ZERO32, "block_hash": ZERO32}
    history: list[Any] = [
        events.Funded(**where, job=paying, token=token, sponsor=environment.consumer, amount=37),
        events.KeyWithheld(**where, job=paying, party=1),
        events.Credited(**where, job=paying, payee=north, amount=10),
        events.Credited(**where, job=paying, payee=environment.address(2), amount=10),
        events.Refunded(**where, job=paying, sponsor=environment.consumer, amount=17),
    ]
    claims = [events.Claimed(**where, token=token, payee=who, amount=5) for who in (north, north, b"x" * 20)]
    for party, credited, refunded, claimed in ((0, 10, 0, 10), (3, 0, 17, 0)):
        node: Any = SimpleNamespace(
            address=environment.address(party),
            trust=environment.trust,
            chain=SimpleNamespace(owed=lambda token, payee: 3),
            index=SimpleNamespace(claims=lambda: claims, job_events=lambda job: history),
        )
        records = [replace(environment.stores[party].job(job), ended="closed") for job in (paying, free)]
        answer = rewards(node, records)
        assert [(one.token, one.owed, one.claimed) for one in answer.tokens] == [(token, 3, claimed)]
        [job] = answer.jobs  # one that pays nothing is not among them
        assert (job.job, job.credited, job.refunded, job.pot) == (paying, credited, refunded, 7)
        assert [one.name for one in job.withheld] == ["Bank South"]
        assert job.sponsor.name == "Family Office" and job.reward == 10 * (party < 3)
        assert job.model_dump(mode="json")["credited"] == str(credited)


async def test_health_is_said_in_words(node: Running) -> None:
    node.node.health.loops = {"relay": "ok", "index": "chain.slow"}
    words = (await node.client.get("/healthz")).json()["words"]
    assert words["chain"].startswith("The chain answers") and words["loop relay"].endswith(": works.")
    assert words["loop index"] == "Reading the chain's events: does not work now (takes too long to answer)."
    health = Health(chain_error="chain.new-code", vault="vault.unreachable", storage="storage.full")
    words = words_of(health, "chain.new-code", {})
    assert words["chain"] == "The chain is not well (chain.new-code)."
    assert (words["vault"], words["storage"]) == ("The vault is not there.", "The disk is full.")
