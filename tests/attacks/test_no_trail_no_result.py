"""Promise 2, no trail, no result, and what withdrawals do to a running job: on real nodes, some of them rogue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.liars import audit, audit_live, notebook, over, rogue, send

from follow import TIMES, ended_everywhere, events, followed, paused, purses, reached, settled_once, until
from live import PROVIDERS, Given, Town
from placet.chain.calls import Calls
from placet.chain.client import JobStatus
from placet.chain.events import JobAmended, JobSealed, KeyReleased, KeyWithheld, StepsRecorded
from placet.chain.local import dev_account
from placet.core.consent import Consent
from placet.core.errors import Reverted, WarrantError
from placet.core.evidence import SignedEvidence
from placet.core.signatures import Key
from placet.core.trail import evidence_hash
from placet.core.values import from_hex, to_hex
from placet.core.withdrawal import withdrawal_hash
from placet.jobs.party_run import masked_outputs
from placet.sandbox.consortium import REWARD, wait
from placet.vault.client import VaultClient

# --- outputs, keys, payment


@dataclass
class Sealed:
    """Two jobs whose provider, Bank North, released its key in the second alone, and what happened beside them. Two
    epochs of its offers: before a stranger's withdrawals, and after."""

    withheld: str
    released: str
    earned: dict[str, int]
    with_him: dict[str, int]
    epochs: tuple[list[bytes], list[bytes]]
    report: dict[str, Any]
    bundle: dict[str, Any]


@pytest.fixture(scope="module")
def sealed(town: Town) -> Sealed:
    """While they run, a stranger withdraws consents that nobody gave. Once they are sealed, a customer withdraws."""
    who = town.silent[0]
    provider = next(key for key in ("south", "fund") if who in town.balances[key])
    given, before = town.give(provider, who), purses(town)
    with_him, made = town.expected(), town.made
    with rogue(town, "north", "hold-key"):
        withheld, released = (made.begin(made.request(**TIMES)) for _ in range(2))
        epochs = _epochs(town), _after_inventions(town, given)
        for job in (withheld, released):
            wait(lambda job=job: town.chain.job(from_hex(job)).status is JobStatus.SEALED, "seal")
        town.withdraw(given)
        (made.folder / released).touch()
        assert ended_everywhere(town, released) == "completed"
        wait(lambda: {e.party for e in events(town, withheld) if isinstance(e, KeyReleased)} == {1, 2}, "others' keys")
        over(town, withheld, "settle_by")
        assert ended_everywhere(town, withheld) == "closed"
    earned = {who: purses(town)[who] - before[who] for who in made.members}
    file = made.folder / "honest.bundle"
    report = audit_live(town, released, "--save", file)
    return Sealed(withheld, released, earned, with_him, epochs, report, json.loads(file.read_text()))


def _epochs(town: Town) -> list[bytes]:
    return [town.chain.offer(from_hex(town.made.offers[key])).epoch for key in PROVIDERS]


def _after_inventions(town: Town, given: Given) -> list[bytes]:
    """A stranger withdraws consents that nobody gave, against an offer of running jobs."""
    calls, stranger = Calls(town.deployment), Key(bytes(dev_account(8).key))
    for uses in (2, 3, 4):
        content = {**given.signed.consent.to_json(), "owner": to_hex(stranger.address), "uses": uses}
        invented = Consent.model_validate(content)
        signature = stranger.sign(town.deployment.consents.digest(withdrawal_hash(invented.id)))
        assert send(town, stranger, calls.withdraw(invented.grant(), signature)) is None
    return _epochs(town)


def test_a_party_withholds_its_key(town: Town, sealed: Sealed) -> None:
    """Named on chain; the others are paid, its share goes back to the sponsor, and nobody has the result."""
    assert sealed.earned == {"north": REWARD, "south": 2 * REWARD, "fund": 2 * REWARD, "consumer": -5 * REWARD}
    assert [e.party for e in events(town, sealed.withheld) if isinstance(e, KeyWithheld)] == [0]
    assert town.chain.escrow(from_hex(sealed.withheld)).left == 0
    assert town.ask("consumer", f"/v1/jobs/{sealed.withheld}/result").status_code == 409
    answer = audit_live(town, sealed.withheld)
    assert (answer["verdict"], answer["ending"], answer["named"]) == ("intact", "closed", [])
    assert "Bank North withheld its key" in answer["notes"]
    paid_to = {party["name"]: int(party["paid"]) for party in answer["parties"]}
    assert paid_to == {"Bank North": 0, "Bank South": REWARD, "Fund House": REWARD, "Family Office": 0}


def test_a_withdrawal_after_the_seal_binds_the_next_job(town: Town, sealed: Sealed) -> None:
    """The seal is the line: this result has the row, the next one does not; and keys are still owed and paid."""
    assert sealed.report["verdict"] == "intact"
    assert town.done(sealed.released).totals == sealed.with_him != town.expected()
    assert town.job().totals == town.expected()


def test_invented_consents_withdrawn_do_not_stall_a_job(town: Town, sealed: Sealed) -> None:
    """No epoch moves, and the job ends in its first attempt."""
    before, after = sealed.epochs
    assert after == before
    assert town.chain.job(from_hex(sealed.released)).attempt == 1


def test_a_party_swaps_its_output(town: Town) -> None:
    """It signs for other bytes than the consumer received: no seal, no payment. Its trail is true, and what was never
    sealed is no document: the audit tells of the abort and names nobody."""
    with rogue(town, "south", "swap-output"), settled_once(town) as jobs:
        jobs.append(town.made.begin(town.made.request(**TIMES)))
        until(lambda: "a masked output is not the one received" in _waits(town, jobs[0]))
        over(town, jobs[0], "deadline")
        assert ended_everywhere(town, jobs[0]) == "aborted"
    assert not [e for e in events(town, jobs[0]) if isinstance(e, JobSealed)]
    answer = audit_live(town, jobs[0])
    assert (answer["verdict"], answer["ending"], answer["named"]) == ("intact", "aborted", [])


def test_a_consumer_refuses_the_seal(town: Town) -> None:
    """It holds every masked output, and nothing opens them: no key is ever on chain, and a provider ends the job."""
    calls = Calls(town.deployment)
    with rogue(town, "consumer", "refuse-seal"), settled_once(town) as jobs:
        jobs.append(town.made.begin(town.made.request(**TIMES)))
        for who in town.made.members:
            until(lambda who=who: reached(town.made.members[who].folder, jobs[0], "recorded"))
        attempt = notebook(town, "consumer").attempt(from_hex(jobs[0]), 1)
        assert attempt is not None and set(masked_outputs(attempt.output or b"")) == {0, 1, 2}
        assert send(town, town.key("south", "recorder"), calls.abort(from_hex(jobs[0]), b"unsealed".ljust(32))) is None
        assert ended_everywhere(town, jobs[0]) == "aborted"
    assert not [e for e in events(town, jobs[0]) if isinstance(e, JobSealed | KeyReleased)]
    assert town.ask("consumer", f"/v1/jobs/{jobs[0]}/result").status_code == 409


def test_a_consumer_wants_the_result_without_paying(town: Town) -> None:
    """Rewards that it does not have: an honest node proposes nothing."""
    request, before = town.made.request(**TIMES), followed(town).jobs()
    request["providers"][0]["reward"] = str(10**15)
    refusal = town.ask("consumer", "/v1/jobs", method="POST", body=request)
    assert (refusal.status_code, refusal.json()["code"]) == (422, "plan.rewards")
    assert followed(town).jobs() == before


def test_a_consumer_whose_node_does_not_mind_the_money(town: Town) -> None:
    """It approves nothing, whether it has the rewards or not: all sign, and the opening itself fails, since escrow and
    opening are one transaction. No vault hands out rows, nobody computes."""
    before, jobs = purses(town), []
    with rogue(town, "consumer", "no-money"):
        for reward in (REWARD, 10**15):
            request = town.made.request(**TIMES)
            for provider in request["providers"]:
                provider["reward"] = str(reward)
            jobs.append(town.made.begin(request))
        for job in jobs:
            until(
                lambda job=job: "ERC20InsufficientAllowance" in str(notebook(town, "consumer").moments(from_hex(job)))
            )
        for number, who in enumerate(PROVIDERS):
            record = notebook(town, who).job(from_hex(jobs[0]))
            vault = VaultClient(town.made.folder / f"{who}-vault" / "vault.sock")
            with pytest.raises(WarrantError) as refusal:
                asyncio.run(vault.rows(record.job, record.plan, record.terms, 1, number))
            assert refusal.value.code == "warrant.unopened"
        over(town, jobs[-1], "open_by")
        assert {ended_everywhere(town, job) for job in jobs} == {"expired"}
    for job in jobs:
        assert town.chain.job(from_hex(job)).status is JobStatus.NONE and events(town, job) == []
        assert [notebook(town, who).attempts(from_hex(job)) for who in town.made.members] == [[], [], [], []]
    assert purses(town) == before
    escrow, consumer = town.deployment.reward_escrow.address, from_hex(town.consumer.address)
    assert town.chain.allowance(from_hex(town.made.token), consumer, escrow) == 0


def _waits(town: Town, job: str) -> str:
    """Why the consumer's node got no further."""
    moments = notebook(town, "consumer").moments(from_hex(job))
    return str([moment for _, moment in moments if moment["status"] == "waiting"])


# --- steps


def test_a_thief_of_a_recording_key_inserts_a_step_on_chain(town: Town) -> None:
    """The party's own head no longer fits what is on chain: nobody signs the seal, all money goes back. Recording after
    the abort is possible, to complete a trail, and brings nothing back."""
    calls, thief, party = Calls(town.deployment), town.key("fund", "recorder"), PROVIDERS.index("fund")
    with settled_once(town) as jobs:
        jobs.append(town.made.begin(town.made.request(**TIMES)))
        job = from_hex(jobs[0])
        until(lambda: reached(town.made.members["fund"].folder, jobs[0], "computing"))
        with paused(town, "fund-node"):
            _, count = town.chain.trail(job, 1, party)
            assert send(town, thief, calls.record(job, 1, party, count, [b"\x13" * 32])) is None
        until(lambda: reached(town.made.members["fund"].folder, jobs[0], "computed"))
        over(town, jobs[0], "deadline")
        assert ended_everywhere(town, jobs[0]) == "aborted"
    _, count = town.chain.trail(job, 1, party)
    assert send(town, thief, calls.record(job, 1, party, count, [b"\x14" * 32])) is None
    assert town.chain.job(job).status is JobStatus.ABORTED
    assert town.chain.escrow(job).left == 0
    assert isinstance(send(town, thief, calls.release(job, party, b"\x15" * 32)), Reverted)
    answer = audit_live(town, jobs[0])
    assert (answer["verdict"], answer["named"]) == ("tampered", ["Fund House"]), answer


def _change(steps: list[Any]) -> None:
    steps[1]["parameters"] = {"rows": "all"}


def _drop(steps: list[Any]) -> None:
    del steps[1]


def _insert(steps: list[Any]) -> None:
    steps.insert(1, {**steps[0], "name": "peek"})


def _reorder(steps: list[Any]) -> None:
    steps[1], steps[2] = steps[2], steps[1]


@pytest.mark.parametrize(
    "lie", [_change, *(pytest.param(lie, marks=pytest.mark.slow) for lie in (_drop, _insert, _reorder))]
)
def test_a_party_tells_the_auditor_other_steps_than_it_did(
    town: Town, sealed: Sealed, lie: Callable[[list[Any]], None], tmp_path: Path
) -> None:
    """It signs its altered evidence with its real key; the chain has the hashes, so it is named against itself."""
    content = json.loads(json.dumps(sealed.bundle))
    mine = next(e for e in content["evidence"] if e["evidence"]["evidence"]["party"] == 1)["evidence"]
    lie(mine["evidence"]["steps"])
    for index, step in enumerate(mine["evidence"]["steps"]):
        step["index"] = index
    signed = SignedEvidence.model_validate(mine)
    evidence = signed.evidence
    digest = town.deployment.jobs.digest(evidence_hash(evidence.job, evidence.party, evidence.hash()))
    mine["signature"] = to_hex(town.key("south", "recorder").sign(digest))
    file = tmp_path / "altered.bundle"
    file.write_text(json.dumps(content))
    answer = audit(town, "--bundle", file)
    assert answer["verdict"] == "tampered"
    assert answer["named"] == ["Bank South"], answer


# --- withdrawals while a job runs


def test_a_withdrawal_while_the_job_runs(town: Town) -> None:
    """No seal under the old epoch: a new attempt without the row, a matter of blocks and of less than an attempt's
    steps, as the audit says too."""
    who = next(s for s in town.silent[1:] if any(s in town.balances[k] for k in PROVIDERS))
    provider = next(key for key in PROVIDERS if who in town.balances[key])
    other = next(key for key in PROVIDERS if key != provider)
    given = town.give(provider, who)
    with settled_once(town) as jobs:
        jobs.append(town.made.begin(town.made.request(**TIMES)))
        until(lambda: reached(town.made.members[provider].folder, jobs[0], "computing"))
        with paused(town, f"{other}-node"):
            town.withdraw(given)
    done = town.done(jobs[0])
    assert done.totals == town.expected()
    told = events(town, jobs[0])
    amended = next(e for e in told if isinstance(e, JobAmended))
    sealed = next(e for e in told if isinstance(e, JobSealed))
    assert sealed.attempt >= 2
    dead = followed(town).dead(from_hex(town.made.offers[provider]))[given.id]
    blocks = amended.block - dead.block
    steps = sum(len(e.hashes) for e in told if isinstance(e, StepsRecorded) and dead.block < e.block <= amended.block)
    assert 0 < blocks <= 240 and steps <= 15, (blocks, steps)
    answer = audit_live(town, jobs[0])
    assert answer["verdict"] == "intact", answer
    delay = f"withdrawn in block {dead.block}, attempt 2 from block {amended.block}: {blocks} blocks, {steps} steps"
    assert delay in answer["notes"]
    print(delay)


def test_two_jobs_at_once_on_a_consent_with_one_use(town: Town) -> None:
    """Both are agreed while one opening is left: exactly one of them uses the row."""
    who = town.silent[-1]
    provider = next(key for key in PROVIDERS if who in town.balances[key])
    given = town.give(provider, who, uses=1)
    opening = town.openings(provider)
    assert given.signed.consent.first_opening <= opening < given.signed.consent.first_opening + 1
    jobs = [town.made.begin(town.made.request(**TIMES))]
    try:
        jobs.append(town.made.begin(town.made.request(**TIMES)))
    except RuntimeError as refused:  # the first one opened before all had signed the second
        assert "plan.stale" in str(refused)
    ends = [ended_everywhere(town, job) for job in jobs]
    assert sorted(ends) in (["cancelled", "completed"], ["completed", "completed"], ["completed"])
    used = 0
    for job, how in zip(jobs, ends, strict=True):
        if how == "cancelled":
            assert {town.ask(one, f"/v1/jobs/{job}").json()["attempt"] for one in town.made.members} == {0}
        else:
            totals = town.done(job).totals
            assert totals is not None
            with_him = totals[who] == town.expected(opening=opening)[who]
            used += with_him and town.balances[provider][who] != 0
    assert used == 1
    escrow, consumer = town.deployment.reward_escrow.address, from_hex(town.consumer.address)
    assert town.chain.allowance(from_hex(town.made.token), consumer, escrow) == 0
