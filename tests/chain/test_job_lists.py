"""Lists of jobs on a real chain, and words of the ledger's storage under a block's header."""

from __future__ import annotations

import pytest
from tests.chain.conftest import dev_key, sent

from placet.audit.gaps import GapKind
from placet.audit.job_list import checked
from placet.audit.job_list_collect import collect_list
from placet.audit.proof import TrustedBlocks
from placet.chain import events
from placet.chain.rpc import RpcError
from placet.chain.state_proofs import StateProver
from placet.core import ledger_storage
from placet.core.block_header import read_header
from placet.core.errors import ChainError
from placet.core.job_list import FIRST_HEAD, list_head, signer_key
from placet.core.plan import Party, Plan
from placet.core.values import ZERO20, ZERO32

WHO = [dev_key(index) for index in (6, 7, 8)]


def open_job(environment, salt: int) -> bytes:
    """A job of two parties without inputs; the third account consumes and pays."""
    until = environment.chain.head().timestamp + 10**6
    parties = tuple(
        Party(
            signer=key.address, recorder=key.address, payee=ZERO20, reward=0, tls_key=ZERO32, seed=ZERO32, output=False
        )
        for key in WHO[:2]
    )
    plan = Plan(
        terms=ZERO32, consumer=WHO[2].address, purpose=ZERO32, operations=1, sponsor=WHO[2].address, token=ZERO20,
        open_by=until, deadline=until, settle_by=until, salt=salt.to_bytes(32, "big"), parties=parties,
    )  # fmt: skip
    job = plan.job(environment.deployment.jobs)
    environment.send(environment.calls.open(plan, [*(key.sign(job) for key in WHO), b""]))
    return job


def test_each_signer_has_each_job_under_the_next_number(environment) -> None:
    chain, who = environment.chain, WHO[0].address
    count, head = chain.job_list(who)
    assert (count, head) == (0, FIRST_HEAD)
    first = chain.head().number
    jobs = [open_job(environment, salt) for salt in range(3)]
    for key in WHO:
        head = FIRST_HEAD
        listed = chain.events([events.JobListed], first, signer=signer_key(key.address))
        assert [(event.number, event.job) for event in listed] == list(enumerate(jobs, 1))
        for event in listed:
            head = list_head(head, event.job, event.block)
            assert event.head == head
        assert chain.job_list(key.address) == (3, head)


def test_words_of_storage_are_what_the_ledger_answers(environment) -> None:
    """The slots, how their words are packed, and that nothing stands where nothing was written."""
    chain, who = environment.chain, WHO[1].address
    job = open_job(environment, 77)
    sent(environment.local, WHO[1].address, environment.calls.record(job, 1, 1, 0, [b"\5" * 32]))
    block = chain.head().number
    environment.local.mine(2)
    prover = StateProver(chain.rpc, environment.deployment.job_ledger.address, block)
    slots = [ledger_storage.list_slot(signer_key(who)), ledger_storage.job_slot(job)]
    slots += [ledger_storage.trail_slot(job, 1, party) for party in (1, 0)]
    listed, state, trail, empty = prover.words(slots)
    assert ledger_storage.ListWord.of(listed) == ledger_storage.ListWord(*chain.job_list(who, block=block))
    word, found = ledger_storage.JobWord.of(state), chain.job(job, block=block)
    assert (word.status, word.parties, word.attempt, word.opened_at) == (
        found.status, found.parties, found.attempt, found.opened_at,
    )  # fmt: skip
    assert trail.to_bytes(32, "big") == chain.trail(job, 1, 1, block=block)[0]
    assert empty == 0 == chain.trail(job, 1, 0, block=block)[1]
    assert read_header(prover.header).hash == chain.block(block).hash


def test_an_endpoint_that_shows_another_state_is_not_believed(environment, monkeypatch) -> None:
    open_job(environment, 78)
    chain, block = environment.chain, environment.chain.head().number
    slot = ledger_storage.list_slot(signer_key(WHO[0].address))
    prover = StateProver(chain.rpc, environment.deployment.job_ledger.address, block)
    ask, other = chain.rpc.call, hex(block - 1)
    monkeypatch.setattr(chain.rpc, "call", lambda name, *values: ask(name, *values[:-1], other))
    with pytest.raises(ChainError) as refused:
        prover.words([slot])
    assert refused.value.code == "chain.unprovable"


def trusting(environment, block: int) -> TrustedBlocks:
    return TrustedBlocks({block: environment.chain.block(block).hash}, "a friend")


def test_a_list_is_read_with_its_proof_as_of_any_confirmed_block(environment) -> None:
    chain, who = environment.chain, WHO[0].address
    jobs = [open_job(environment, salt) for salt in range(90, 93)]
    sent(environment.local, WHO[1].address, environment.calls.record(jobs[1], 1, 1, 0, [b"\5" * 32]))
    whole = collect_list(chain, who)
    assert ([one.job for one in whole.jobs], whole.count, whole.list_head) == (jobs, *chain.job_list(who))
    assert [trail.party for trail in whole.jobs[1].progress.trails] == [1]
    assert checked(whole, environment.deployment, trusting(environment, whole.head.block)) == ()
    early = collect_list(chain, who, whole.jobs[1].block)
    assert [one.job for one in early.jobs] == jobs[:2] and early.jobs[1].progress.trails == ()
    assert checked(early, environment.deployment, trusting(environment, early.head.block)) == ()
    assert collect_list(chain, WHO[1].address).jobs == whole.jobs
    nobody = collect_list(chain, dev_key(9).address)
    assert (nobody.count, nobody.jobs) == (0, ())
    assert checked(nobody, environment.deployment, trusting(environment, nobody.head.block)) == ()
    with pytest.raises(ChainError) as refused:
        collect_list(chain, who, chain.head().number + 9)
    assert refused.value.code == "chain.early"


def test_an_endpoint_that_tells_of_fewer_jobs_leaves_numbers_out(environment, monkeypatch) -> None:
    chain, who = environment.chain, WHO[0].address
    for salt in range(3):
        open_job(environment, salt)
    tell = chain.events_of
    for hidden in (1, 2, 3):
        monkeypatch.setattr(
            chain, "events_of", lambda *a, hidden=hidden, **k: [e for e in tell(*a, **k) if e.number != hidden]
        )
        shown = collect_list(chain, who)
        for trusted in (None, trusting(environment, shown.head.block)):
            gaps = checked(shown, environment.deployment, trusted)
            assert [(gap.kind, gap.number) for gap in gaps] == [(GapKind.JOB, hidden)]


def test_without_storage_proofs_the_ledger_answers(environment, monkeypatch) -> None:
    """As on chains whose clients hash other fields, or at endpoints that keep no state."""
    chain, who = environment.chain, WHO[0].address
    job = open_job(environment, 5)
    sent(environment.local, WHO[1].address, environment.calls.record(job, 1, 1, 0, [b"\5" * 32]))
    proven, ask = collect_list(chain, who), chain.rpc.call

    def refuse(name, *values):
        if name == "eth_getProof":
            raise RpcError(name, {"code": -32601, "message": "method not found"})
        return ask(name, *values)

    monkeypatch.setattr(chain.rpc, "call", refuse)
    told = collect_list(chain, who)
    assert told.proof is None and told == proven.model_copy(update={"proof": None})
    assert checked(told, environment.deployment, None) == ()
    assert [gap.kind for gap in checked(told, environment.deployment, trusting(environment, told.head.block))] == [
        GapKind.PROOF
    ]
