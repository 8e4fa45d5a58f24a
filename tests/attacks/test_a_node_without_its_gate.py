"""Promises 1 and 4 where a provider's node skips its own checks: vault, peers, contract, audit do without."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from tests.attacks.liars import notebook, rogue, send

from follow import TIMES, ended_everywhere, reached, settled_once, until
from live import PROVIDERS, Given, LiveConsortium
from placet.chain.calls import Calls
from placet.chain.states import JobStatus
from placet.core.errors import PlacetError, Reverted
from placet.core.plan import Plan, Seal
from placet.core.values import from_hex
from placet.jobs.messages import AttemptRef, AttemptStatus, SealRequest, SignatureResponse
from placet.node.jobs.peers import PeerLink, tls_context
from placet.sandbox.consortium import wait

LIAR = "north"


def a_customer(consortium: LiveConsortium) -> Given:
    """A fresh consent of somebody whose row would show in the result, at the rogue provider."""
    who = next(s for s in consortium.silent if s in consortium.balances[LIAR] and not consortium.of(s, LIAR))
    return consortium.give(LIAR, who)


# By default the vault itself is asked after a withdrawal in tests/vault/test_anvil.py (`warrant.withdrawn`), and a job
# goes on without the row in test_no_trail_no_result.py::test_a_withdrawal_while_the_job_runs.
@pytest.mark.slow
def test_its_vault_hands_out_nothing_after_a_withdrawal(consortium: LiveConsortium) -> None:
    """Withdrawn after the opening, before the rows: the node asks for them all the same. Its vault refuses, and the
    job goes on without the row."""
    given = a_customer(consortium)
    with rogue(consortium, LIAR, "no-gate"), settled_once(consortium) as jobs:
        vault = consortium.made.processes[f"{LIAR}-vault"].pid
        jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
        os.kill(vault, signal.SIGSTOP)
        try:
            wait(lambda: consortium.chain.job(from_hex(jobs[0])).status is JobStatus.OPEN, "opening")
            consortium.withdraw(given)
        finally:
            os.kill(vault, signal.SIGCONT)
        assert ended_everywhere(consortium, jobs[0]) == "completed"
    job, kept = from_hex(jobs[0]), notebook(consortium, LIAR)
    assert consortium.done(jobs[0]).totals == consortium.expected()
    first = kept.attempt(job, 1)
    assert first is not None and first.why == "warrant.withdrawn"
    assert kept.steps(job, 1) == []
    assert consortium.chain.job(job).attempt == 2
    answer = consortium.audited(jobs[0])
    assert answer["verdict"] == "intact", answer


# By default test_withdrawal_bites.py: a peer signs no seal over such a row, and the contract refuses the old epoch.
@pytest.mark.slow
def test_peers_and_contract_refuse_the_old_epoch_and_the_audit_names_who_signed_the_new_one(
    consortium: LiveConsortium,
) -> None:
    """Withdrawn after the rows were handed out. Under the epoch of the plan the rogue alone signs the seal: peers
    refuse, and so does the contract, had all their keys been stolen. Under the new epoch peers can't know whose leaf
    it was: the rogue's own signature says that it counted the withdrawal, and the audit names it."""
    given = a_customer(consortium)
    with_him = consortium.expected()
    with rogue(consortium, LIAR, "no-gate"), settled_once(consortium) as jobs:
        with rogue(consortium, "consumer", "refuse-seal"):
            jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
            for who in consortium.made.members:
                until(lambda who=who: reached(consortium.made.members[who].folder, jobs[0], "recorded"))
            consortium.withdraw(given)
            plan = notebook(consortium, "consumer").job(from_hex(jobs[0])).plan
            seal = asyncio.run(_old_seal(consortium, from_hex(jobs[0]), plan))
            said = {who: asyncio.run(_asked_to_seal(consortium, who, seal)) for who in PROVIDERS}
            assert said == {"north": "signed", "south": "peer.epoch", "fund": "peer.epoch"}
            digest = consortium.deployment.jobs.digest(seal.struct_hash())
            stolen = [consortium.key(who, "signer").sign(digest) for who in (*PROVIDERS, "consumer")]
            call = Calls(consortium.deployment).seal(plan, seal, [[] for _ in plan.parties], (*stolen, b""))
            refusal = send(consortium, consortium.key(LIAR, "recorder"), call)
            assert isinstance(refusal, Reverted) and refusal.name == "EpochChanged"
        assert ended_everywhere(consortium, jobs[0]) == "completed"
    assert consortium.chain.job(from_hex(jobs[0])).attempt == 1
    assert consortium.done(jobs[0]).totals == with_him != consortium.expected()
    answer = consortium.audited(jobs[0])
    assert (answer["verdict"], answer["named"]) == ("tampered", ["Bank North"]), answer
    assert [r["name"] for r in answer["results"] if r["status"] == "failed"] == ["withdrawal.sealed"]


async def _old_seal(consortium: LiveConsortium, job: bytes, plan: Plan) -> Seal:
    """The seal of attempt 1 as all parties stand, under the plan's epochs."""
    about = AttemptRef(job=job, attempt=1).model_dump_json().encode()
    stands = []
    for who in PROVIDERS:
        answer = await _link(consortium).call(
            consortium.trust.institution(_address(consortium, who)), "standing", about, limit=1 << 16
        )
        stands.append(AttemptStatus.model_validate_json(answer))
    head, _ = consortium.chain.trail(job, 1, len(PROVIDERS))
    stands.append(AttemptStatus(state="computed", head=head))
    return Seal(
        job=job,
        attempt=1,
        heads=tuple(s.head for s in stands),
        outputs=tuple(s.output for s in stands),
        keys=tuple(s.key for s in stands),
        epochs=tuple(chosen.epoch for chosen in plan.inputs),
        payouts=(0,) * len(plan.parties),
    )


async def _asked_to_seal(consortium: LiveConsortium, who: str, seal: Seal) -> str:
    """What a provider answers the consumer who wants that seal."""
    question = SealRequest(seal=seal).model_dump_json().encode()
    try:
        answer = await _link(consortium).call(
            consortium.trust.institution(_address(consortium, who)), "seal", question, limit=1 << 16
        )
    except PlacetError as error:
        return error.code
    signature = SignatureResponse.model_validate_json(answer).signature
    consortium.chain.verifiers.demand(
        "the seal", _address(consortium, who), consortium.deployment.jobs.digest(seal.struct_hash()), signature
    )
    return "signed"


def _link(consortium: LiveConsortium) -> PeerLink:
    """As the consumer, with its certificate."""
    passphrase = (consortium.made.folder / "passphrase").read_text().strip()
    return PeerLink(
        tls_context(consortium.made.members["consumer"].folder / "keys", passphrase, consortium.trust, server=False)
    )


def _address(consortium: LiveConsortium, who: str) -> bytes:
    return from_hex(consortium.made.members[who].address)
