"""Promise 2, no trail, no result, and what withdrawals do to a running job: on real nodes, some of them rogue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.liars import notebook, over, rogue, send

from follow import TIMES, ended_everywhere, events, followed, paused, purses, reached, settled_once, until
from judging import audited
from live import PROVIDERS, Given, LiveConsortium
from placet.chain.calls import Calls
from placet.chain.events import JobAmended, JobSealed, KeyReleased, KeyWithheld, StepsRecorded
from placet.chain.local import dev_account
from placet.chain.states import JobStatus
from placet.core.consent import Consent
from placet.core.errors import Reverted, WarrantError
from placet.core.evidence import SignedEvidence
from placet.core.signatures import Key
from placet.core.trail import evidence_hash
from placet.core.values import from_hex, to_hex
from placet.core.withdrawal import withdrawal_hash
from placet.jobs.masked_outputs import masked_outputs
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
def sealed(consortium: LiveConsortium) -> Sealed:
    """While they run, a stranger withdraws consents that nobody gave. Once they are sealed, a customer withdraws."""
    who = consortium.silent[0]
    provider = next(key for key in ("south", "fund") if who in consortium.balances[key])
    given, before = consortium.give(provider, who), purses(consortium)
    with_him, made = consortium.expected(), consortium.made
    with rogue(consortium, "north", "hold-key"):
        withheld, released = (made.begin(made.request(**TIMES)) for _ in range(2))
        epochs = _epochs(consortium), _after_inventions(consortium, given)
        for job in (withheld, released):
            wait(lambda job=job: consortium.chain.job(from_hex(job)).status is JobStatus.SEALED, "seal")
        consortium.withdraw(given)
        (made.folder / released).touch()
        assert ended_everywhere(consortium, released) == "completed"
        wait(
            lambda: {e.party for e in events(consortium, withheld) if isinstance(e, KeyReleased)} == {1, 2},
            "others' keys",
        )
        over(consortium, withheld, "settle_by")
        assert ended_everywhere(consortium, withheld) == "closed"
    earned = {who: purses(consortium)[who] - before[who] for who in made.members}
    file = made.folder / "honest.bundle"
    report = audited(made.folder, released, url=made.chain.url, save=file)
    return Sealed(withheld, released, earned, with_him, epochs, report, json.loads(file.read_text()))


def _epochs(consortium: LiveConsortium) -> list[bytes]:
    return [consortium.chain.offer(from_hex(consortium.made.offers[key])).epoch for key in PROVIDERS]


def _after_inventions(consortium: LiveConsortium, given: Given) -> list[bytes]:
    """A stranger withdraws consents that nobody gave, against an offer of running jobs."""
    calls, stranger = Calls(consortium.deployment), Key(bytes(dev_account(8).key))
    for uses in (2, 3, 4):
        content = {**given.signed.consent.to_json(), "owner": to_hex(stranger.address), "uses": uses}
        invented = Consent.model_validate(content)
        signature = stranger.sign(consortium.deployment.consents.digest(withdrawal_hash(invented.id)))
        assert send(consortium, stranger, calls.withdraw(invented.grant(), signature)) is None
    return _epochs(consortium)


def test_a_party_withholds_its_key(consortium: LiveConsortium, sealed: Sealed) -> None:
    """Named on chain; the others are paid, its share goes back to the sponsor, and nobody has the result."""
    assert sealed.earned == {"north": REWARD, "south": 2 * REWARD, "fund": 2 * REWARD, "consumer": -5 * REWARD}
    assert [e.party for e in events(consortium, sealed.withheld) if isinstance(e, KeyWithheld)] == [0]
    assert consortium.chain.escrow(from_hex(sealed.withheld)).left == 0
    assert consortium.ask("consumer", f"/v1/jobs/{sealed.withheld}/result").status_code == 409
    answer = consortium.audited(sealed.withheld)
    assert (answer["verdict"], answer["ending"], answer["named"]) == ("intact", "closed", [])
    assert "Bank North withheld its key" in answer["notes"]
    paid_to = {party["name"]: int(party["paid"]) for party in answer["parties"]}
    assert paid_to == {"Bank North": 0, "Bank South": REWARD, "Fund House": REWARD, "Family Office": 0}


def test_a_withdrawal_after_the_seal_binds_the_next_job(consortium: LiveConsortium, sealed: Sealed) -> None:
    """The seal is the line: this result has the row, the next one does not; and keys are still owed and paid."""
    assert sealed.report["verdict"] == "intact"
    assert consortium.done(sealed.released).totals == sealed.with_him != consortium.expected()
    assert consortium.job().totals == consortium.expected()


def test_invented_consents_withdrawn_do_not_stall_a_job(consortium: LiveConsortium, sealed: Sealed) -> None:
    """No epoch moves, and the job ends in its first attempt."""
    before, after = sealed.epochs
    assert after == before
    assert consortium.chain.job(from_hex(sealed.released)).attempt == 1


def test_a_party_swaps_its_output(consortium: LiveConsortium) -> None:
    """It signs for other bytes than the consumer received: no seal, no payment. Its trail is true, and what was never
    sealed is no document: the audit tells of the abort and names nobody."""
    with rogue(consortium, "south", "swap-output"), settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        until(lambda: "a masked output is not the one received" in _waits(consortium, jobs[0]))
        over(consortium, jobs[0], "deadline")
        assert ended_everywhere(consortium, jobs[0]) == "aborted"
    assert not [e for e in events(consortium, jobs[0]) if isinstance(e, JobSealed)]
    answer = consortium.audited(jobs[0])
    assert (answer["verdict"], answer["ending"], answer["named"]) == ("intact", "aborted", [])


@pytest.mark.slow  # test_a_wrong_sum_names_its_sender.py runs all parties in one process
def test_a_provider_sends_a_wrong_share(consortium: LiveConsortium) -> None:
    """Who got it ends the job before anything is sealed, and the audit names its sender by its own signatures."""
    with rogue(consortium, "north", "wrong-share"), settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        assert ended_everywhere(consortium, jobs[0]) == "aborted"
    assert not [e for e in events(consortium, jobs[0]) if isinstance(e, JobSealed)]
    answer = consortium.audited(jobs[0])
    assert (answer["verdict"], answer["ending"], answer["named"]) == ("tampered", "aborted", ["Bank North"])
    assert [one["name"] for one in answer["results"] if one["status"] == "failed"] == ["flow.verified-sums"]


@pytest.mark.slow  # as above
def test_a_provider_releases_a_wrong_sum(consortium: LiveConsortium) -> None:
    """The consumer hands out no total, and says whose sum is wrong; unverified, the wrong total comes out as a right
    one does."""
    with rogue(consortium, "north", "wrong-sum"):
        request = consortium.made.request(**TIMES)
        cheaper = {"parameters": request["parameters"] | {"verified": False}}
        verified, unverified = (consortium.made.begin(request | changes) for changes in ({}, cheaper))
        for job in (verified, unverified):
            assert ended_everywhere(consortium, job) == "completed"
        refusal = consortium.ask("consumer", f"/v1/jobs/{verified}/result")
        assert refusal.status_code == 409 and refusal.json()["code"] == "sums.release"
        assert "Bank North" in refusal.json()["found"]
        assert consortium.done(unverified).totals != consortium.expected()
    answer = consortium.audited(verified)
    assert (answer["verdict"], answer["named"]) == ("tampered", ["Bank North"])
    assert [one["name"] for one in answer["results"] if one["status"] == "failed"] == ["flow.verified-sums"]
    assert consortium.audited(unverified)["verdict"] == "intact"


@pytest.mark.slow  # by default an output that was swapped is what is never sealed, and the contract's tests refuse keys
def test_a_consumer_refuses_the_seal(consortium: LiveConsortium) -> None:
    """It holds every masked output, and nothing opens them: no key is ever on chain, and a provider ends the job."""
    calls = Calls(consortium.deployment)
    with rogue(consortium, "consumer", "refuse-seal"), settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        for who in consortium.made.members:
            until(lambda who=who: reached(consortium.made.members[who].folder, jobs[0], "recorded"))
        attempt = notebook(consortium, "consumer").attempt(from_hex(jobs[0]), 1)
        assert attempt is not None and set(masked_outputs(attempt.output or b"")) == {0, 1, 2}
        assert (
            send(consortium, consortium.key("south", "recorder"), calls.abort(from_hex(jobs[0]), b"unsealed".ljust(32)))
            is None
        )
        assert ended_everywhere(consortium, jobs[0]) == "aborted"
    assert not [e for e in events(consortium, jobs[0]) if isinstance(e, JobSealed | KeyReleased)]
    assert consortium.ask("consumer", f"/v1/jobs/{jobs[0]}/result").status_code == 409


def test_a_consumer_wants_the_result_without_paying(consortium: LiveConsortium) -> None:
    """Rewards that it does not have: an honest node proposes nothing."""
    request, before = consortium.made.request(**TIMES), followed(consortium).jobs()
    request["providers"][0]["reward"] = str(10**15)
    refusal = consortium.ask("consumer", "/v1/jobs", method="POST", body=request)
    assert (refusal.status_code, refusal.json()["code"]) == (422, "plan.rewards")
    assert followed(consortium).jobs() == before


# By default contracts/test/RewardEscrow.t.sol opens nothing in test_sponsor_without_allowance_or_funds, and a vault
# refuses the rows of a job that is not open (`warrant.unopened` in test_no_consent_no_data.py).
@pytest.mark.slow
def test_a_consumer_whose_node_does_not_mind_the_money(consortium: LiveConsortium) -> None:
    """It approves nothing, whether it has the rewards or not: all sign, and the opening itself fails, since escrow and
    opening are one transaction. No vault hands out rows, nobody computes."""
    before, jobs = purses(consortium), []
    with rogue(consortium, "consumer", "no-money"):
        for reward in (REWARD, 10**15):
            request = consortium.made.request(**TIMES)
            for provider in request["providers"]:
                provider["reward"] = str(reward)
            jobs.append(consortium.made.begin(request))
        for job in jobs:
            until(
                lambda job=job: (
                    "ERC20InsufficientAllowance" in str(notebook(consortium, "consumer").moments(from_hex(job)))
                )
            )
        for number, who in enumerate(PROVIDERS):
            record = notebook(consortium, who).job(from_hex(jobs[0]))
            vault = VaultClient(consortium.made.folder / f"{who}-vault" / "vault.sock")
            with pytest.raises(WarrantError) as refusal:
                asyncio.run(vault.rows(record.job, record.plan, record.terms, 1, number))
            assert refusal.value.code == "warrant.unopened"
        over(consortium, jobs[-1], "open_by")
        assert {ended_everywhere(consortium, job) for job in jobs} == {"expired"}
    for job in jobs:
        assert consortium.chain.job(from_hex(job)).status is JobStatus.NONE and events(consortium, job) == []
        assert [notebook(consortium, who).attempts(from_hex(job)) for who in consortium.made.members] == [
            [],
            [],
            [],
            [],
        ]
    assert purses(consortium) == before
    escrow, consumer = consortium.deployment.reward_escrow.address, from_hex(consortium.consumer.address)
    assert consortium.chain.allowance(from_hex(consortium.made.token), consumer, escrow) == 0


def _waits(consortium: LiveConsortium, job: str) -> str:
    """Why the consumer's node got no further."""
    moments = notebook(consortium, "consumer").moments(from_hex(job))
    return str([moment for _, moment in moments if moment["status"] == "waiting"])


# --- steps


@pytest.mark.slow  # by default the same is told of a bundle (`tests/audit/test_checks.py`) and of one run
def test_who_starts_from_elsewhere_than_it_said_is_named(consortium: LiveConsortium) -> None:
    """A provider that leaves itself the choice of its rows until it has seen the matches signs any head to the
    consumer: the seal's trail is another one, and no record that it makes later fits."""
    matching = consortium.offering("match", "matches", "PSI", ["north"])
    made = matching.made
    provider = {"address": made.members["north"].address, "offer": made.offers["north"], "reward": "7"}
    parameters = {"identifier": "customer", "namespace": made.namespace, "psi": "ecdh", "receiver": "provider"}
    with rogue(consortium, "north", "other-start"):
        job, _ = matching.result(recipe="match", parameters=parameters, providers=[provider])
    answer = matching.audited(job)
    assert (answer["verdict"], answer["named"]) == ("tampered", ["Bank North"]), answer
    assert [one["name"] for one in answer["results"] if one["status"] == "failed"] == ["trail.starts"]


def test_a_thief_of_a_recording_key_inserts_a_step_on_chain(consortium: LiveConsortium) -> None:
    """The party's own head no longer fits what is on chain: nobody signs the seal, all money goes back. Recording after
    the abort is possible, to complete a trail, and brings nothing back."""
    calls, thief, party = Calls(consortium.deployment), consortium.key("fund", "recorder"), PROVIDERS.index("fund")
    with settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        job = from_hex(jobs[0])
        until(lambda: reached(consortium.made.members["fund"].folder, jobs[0], "computing"))
        with paused(consortium, "fund-node"):
            _, count = consortium.chain.trail(job, 1, party)
            assert send(consortium, thief, calls.record(job, 1, party, count, [b"\x13" * 32])) is None
        until(lambda: reached(consortium.made.members["fund"].folder, jobs[0], "computed"))
        over(consortium, jobs[0], "deadline")
        assert ended_everywhere(consortium, jobs[0]) == "aborted"
    _, count = consortium.chain.trail(job, 1, party)
    assert send(consortium, thief, calls.record(job, 1, party, count, [b"\x14" * 32])) is None
    assert consortium.chain.job(job).status is JobStatus.ABORTED
    assert consortium.chain.escrow(job).left == 0
    assert isinstance(send(consortium, thief, calls.release(job, party, b"\x15" * 32)), Reverted)
    answer = consortium.audited(jobs[0])
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
    consortium: LiveConsortium, sealed: Sealed, lie: Callable[[list[Any]], None], tmp_path: Path
) -> None:
    """It signs its altered evidence with its real key; the chain has the hashes, so it is named against itself."""
    content = json.loads(json.dumps(sealed.bundle))
    mine = next(e for e in content["evidence"] if e["evidence"]["evidence"]["party"] == 1)["evidence"]
    lie(mine["evidence"]["steps"])
    for index, step in enumerate(mine["evidence"]["steps"]):
        step["index"] = index
    signed = SignedEvidence.model_validate(mine)
    evidence = signed.evidence
    digest = consortium.deployment.jobs.digest(evidence_hash(evidence.job, evidence.party, evidence.hash))
    mine["signature"] = to_hex(consortium.key("south", "recorder").sign(digest))
    file = tmp_path / "altered.bundle"
    file.write_text(json.dumps(content))
    answer = audited(consortium.made.folder, bundle=file)
    assert answer["verdict"] == "tampered"
    assert answer["named"] == ["Bank South"], answer


# --- withdrawals while a job runs


def test_a_withdrawal_while_the_job_runs(consortium: LiveConsortium) -> None:
    """No seal under the old epoch: a new attempt without the row, a matter of blocks and of less than an attempt's
    steps, as the audit says too."""
    who = next(s for s in consortium.silent[1:] if any(s in consortium.balances[k] for k in PROVIDERS))
    provider = next(key for key in PROVIDERS if who in consortium.balances[key])
    other = next(key for key in PROVIDERS if key != provider)
    given = consortium.give(provider, who)
    with settled_once(consortium) as jobs:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        until(lambda: reached(consortium.made.members[provider].folder, jobs[0], "computing"))
        with paused(consortium, f"{other}-node"):
            consortium.withdraw(given)
    done = consortium.done(jobs[0])
    assert done.totals == consortium.expected()
    told = events(consortium, jobs[0])
    amended = next(e for e in told if isinstance(e, JobAmended))
    sealed = next(e for e in told if isinstance(e, JobSealed))
    assert sealed.attempt >= 2
    dead = followed(consortium).dead(from_hex(consortium.made.offers[provider]))[given.id]
    blocks = amended.block - dead.block
    steps = sum(len(e.hashes) for e in told if isinstance(e, StepsRecorded) and dead.block < e.block <= amended.block)
    assert 0 < blocks <= 240 and steps <= 15, (blocks, steps)
    answer = consortium.audited(jobs[0])
    assert answer["verdict"] == "intact", answer
    delay = f"withdrawn in block {dead.block}, attempt 2 from block {amended.block}: {blocks} blocks, {steps} steps"
    assert delay in answer["notes"]
    print(delay)


@pytest.mark.slow  # by default two plans race in one block, at the contract and the vault: test_no_consent_no_data
def test_two_jobs_at_once_on_a_consent_with_one_use(consortium: LiveConsortium) -> None:
    """Both are agreed while one opening is left: exactly one of them uses the row."""
    who = consortium.silent[-1]
    provider = next(key for key in PROVIDERS if who in consortium.balances[key])
    given = consortium.give(provider, who, uses=1)
    opening = consortium.openings(provider)
    assert given.signed.consent.first_opening <= opening < given.signed.consent.first_opening + 1
    jobs = [consortium.made.begin(consortium.made.request(**TIMES))]
    try:
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
    except RuntimeError as refused:  # the first one opened before all had signed the second
        assert "plan.stale" in str(refused)
    ends = [ended_everywhere(consortium, job) for job in jobs]
    assert sorted(ends) in (["cancelled", "completed"], ["completed", "completed"], ["completed"])
    used = 0
    for job, how in zip(jobs, ends, strict=True):
        if how == "cancelled":
            assert {consortium.ask(one, f"/v1/jobs/{job}").json()["attempt"] for one in consortium.made.members} == {0}
        else:
            totals = consortium.done(job).totals
            assert totals is not None
            with_him = totals[who] == consortium.expected(opening=opening)[who]
            used += with_him and consortium.balances[provider][who] != 0
    assert used == 1
    escrow, consumer = consortium.deployment.reward_escrow.address, from_hex(consortium.consumer.address)
    assert consortium.chain.allowance(from_hex(consortium.made.token), consumer, escrow) == 0
