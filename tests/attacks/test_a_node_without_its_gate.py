"""Promises 1 and 4 where a provider's node skips its own checks: vault, peers, contract, audit do without."""

from __future__ import annotations

import asyncio
import os
import signal

from tests.attacks.liars import audit_live, notebook, rogue, send

from follow import TIMES, ended_everywhere, reached, settled_once, until
from live import PROVIDERS, Given, Town
from placet.chain.calls import Calls
from placet.chain.client import JobStatus
from placet.core.errors import PlacetError, Reverted
from placet.core.plan import Plan, Seal
from placet.core.values import from_hex
from placet.jobs.messages import AttemptRef, AttemptStatus, SealRequest, SignatureResponse
from placet.node.jobs.peers import PeerLink, tls_context
from placet.sandbox.consortium import wait

LIAR = "north"


def a_customer(town: Town) -> Given:
    """A fresh consent of somebody whose row would show in the result, at the rogue provider."""
    who = next(s for s in town.silent if s in town.balances[LIAR] and not town.of(s, LIAR))
    return town.give(LIAR, who)


def test_its_vault_hands_out_nothing_after_a_withdrawal(town: Town) -> None:
    """Withdrawn after the opening, before the rows: the node asks for them all the same. Its vault refuses, and the
    job goes on without the row."""
    given = a_customer(town)
    with rogue(town, LIAR, "no-gate"), settled_once(town) as jobs:
        vault = town.made.processes[f"{LIAR}-vault"].pid
        jobs.append(town.made.begin(town.made.request(**TIMES)))
        os.kill(vault, signal.SIGSTOP)
        try:
            wait(lambda: town.chain.job(from_hex(jobs[0])).status is JobStatus.OPEN, "opening")
            town.withdraw(given)
        finally:
            os.kill(vault, signal.SIGCONT)
        assert ended_everywhere(town, jobs[0]) == "completed"
    job, kept = from_hex(jobs[0]), notebook(town, LIAR)
    assert town.done(jobs[0]).totals == town.expected()
    first = kept.attempt(job, 1)
    assert first is not None and first.why == "warrant.withdrawn"
    assert kept.steps(job, 1) == []
    assert town.chain.job(job).attempt == 2
    answer = audit_live(town, jobs[0])
    assert answer["verdict"] == "intact", answer


def test_peers_and_contract_refuse_the_old_epoch_and_the_audit_names_who_signed_the_new_one(town: Town) -> None:
    """Withdrawn after the rows were handed out. Under the epoch of the plan the rogue alone signs the seal: peers
    refuse, and so does the contract, had all their keys been stolen. Under the new epoch peers can't know whose leaf
    it was: the rogue's own signature says that it counted the withdrawal, and the audit names it."""
    given = a_customer(town)
    with_him = town.expected()
    with rogue(town, LIAR, "no-gate"), settled_once(town) as jobs:
        with rogue(town, "consumer", "refuse-seal"):
            jobs.append(town.made.begin(town.made.request(**TIMES)))
            for who in town.made.members:
                until(lambda who=who: reached(town.made.members[who].folder, jobs[0], "recorded"))
            town.withdraw(given)
            plan = notebook(town, "consumer").job(from_hex(jobs[0])).plan
            seal = asyncio.run(_old_seal(town, from_hex(jobs[0]), plan))
            said = {who: asyncio.run(_asked_to_seal(town, who, seal)) for who in PROVIDERS}
            assert said == {"north": "signed", "south": "peer.epoch", "fund": "peer.epoch"}
            digest = town.deployment.jobs.digest(seal.struct_hash())
            stolen = [town.key(who, "signer").sign(digest) for who in (*PROVIDERS, "consumer")]
            call = Calls(town.deployment).seal(plan, seal, (*stolen, b""))
            refusal = send(town, town.key(LIAR, "recorder"), call)
            assert isinstance(refusal, Reverted) and refusal.name == "EpochChanged"
        assert ended_everywhere(town, jobs[0]) == "completed"
    assert town.chain.job(from_hex(jobs[0])).attempt == 1
    assert town.done(jobs[0]).totals == with_him != town.expected()
    answer = audit_live(town, jobs[0])
    assert (answer["verdict"], answer["named"]) == ("tampered", ["Bank North"]), answer
    assert [r["name"] for r in answer["results"] if r["status"] == "failed"] == ["withdrawal.sealed"]


async def _old_seal(town: Town, job: bytes, plan: Plan) -> Seal:
    """The seal of attempt 1 as all parties stand, under the plan's epochs."""
    about = AttemptRef(job=job, attempt=1).model_dump_json().encode()
    stands = []
    for who in PROVIDERS:
        answer = await _link(town).call(town.trust.institution(_address(town, who)), "standing", about, limit=1 << 16)
        stands.append(AttemptStatus.model_validate_json(answer))
    head, _ = town.chain.trail(job, 1, len(PROVIDERS))
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


async def _asked_to_seal(town: Town, who: str, seal: Seal) -> str:
    """What a provider answers the consumer who wants that seal."""
    question = SealRequest(seal=seal).model_dump_json().encode()
    try:
        answer = await _link(town).call(town.trust.institution(_address(town, who)), "seal", question, limit=1 << 16)
    except PlacetError as error:
        return error.code
    signature = SignatureResponse.model_validate_json(answer).signature
    town.chain.verifiers.demand(
        "the seal", _address(town, who), town.deployment.jobs.digest(seal.struct_hash()), signature
    )
    return "signed"


def _link(town: Town) -> PeerLink:
    """As the consumer, with its certificate."""
    passphrase = (town.made.folder / "passphrase").read_text().strip()
    return PeerLink(tls_context(town.made.members["consumer"].folder / "keys", passphrase, town.trust, server=False))


def _address(town: Town, who: str) -> bytes:
    return from_hex(town.made.members[who].address)
