"""Facts over more blocks than a bundle has headers for, on a real chain, under what a witness signed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.chain.test_job_lists import open_job
from tests.chain.test_witness import ROOTS, make

from placet.audit import chain_facts
from placet.audit.bundle import Bundle
from placet.audit.case import Case
from placet.audit.chain_log import told_log, whole_log
from placet.audit.checks.proof import CHECKS
from placet.audit.findings import CheckStatus
from placet.audit.log_proof import LogHead, ReadUntil
from placet.audit.proof import ChainProof, TrustedBlocks
from placet.chain.logs import LogReader
from placet.core.block_header import read_header
from placet.core.ids import JobId
from placet.core.trust import TrustList

GAP = 60


@pytest.fixture
def span(environment, tmp_path, monkeypatch) -> tuple[JobId, TrustedBlocks]:
    """A job far below what a witness signed, with others' events above it."""
    monkeypatch.setattr(chain_facts, "MOST_LINKED", GAP // 2)
    offer, job = environment.offer(), JobId(open_job(environment, 77))
    environment.local.mine(GAP)
    environment.send(environment.calls.anchor(offer.id, ROOTS[0]))
    open_job(environment, 78)
    signed = make(environment, tmp_path / "w", Ed25519PrivateKey.generate()).once()
    assert signed is not None
    head = LogHead(signed.checkpoint.size, signed.checkpoint.root)
    return job, TrustedBlocks({signed.number: signed.hash}, "a witness", {signed.number: head})


def bundle_of(environment, facts, proof: ChainProof) -> Bundle:
    trust = TrustList(institutions=())
    return Bundle(job=facts.job, deployment=environment.deployment, trust=trust, facts=facts, proof=proof)


def results(environment, trusted: TrustedBlocks, facts, proof: ChainProof) -> dict[str, CheckStatus]:
    case = Case(bundle_of(environment, facts, proof), trusted=trusted)
    return {check.name: check.result(case).status for check in CHECKS if check.name != "proof.facts"}


def collected(environment, job: JobId, trusted: TrustedBlocks):
    ((number, head),) = trusted.logs.items()
    facts, proof = chain_facts.proven_facts(environment.chain, job, None, ReadUntil(number, head))
    assert proof is not None
    return facts, proof


def test_a_long_span_is_proven_without_the_headers_in_between(environment, span, monkeypatch) -> None:
    job, trusted = span
    monkeypatch.setattr(LogReader, "blocks", None)  # no header in between is read
    facts, proof = collected(environment, job, trusted)
    assert facts.opened is not None and proof.log is not None
    numbers = [read_header(block.header).number for block in proof.blocks]
    assert numbers == [facts.opened.at.block, facts.head.block]
    assert numbers[1] - numbers[0] > GAP
    assert set(results(environment, trusted, facts, proof).values()) == {CheckStatus.PASSED}
    again = Case(bundle_of(environment, facts, proof))
    assert isinstance(again.proven, tuple) and again.proven == (facts, frozenset())


def test_an_endpoint_that_leaves_out_logs_is_not_believed(environment, span, monkeypatch) -> None:
    """What `eth_getLogs` tells does not come to what the witness signed: the blocks themselves are read."""
    job, trusted = span
    honest, told = collected(environment, job, trusted), LogReader.told

    def fewer(reader: LogReader, first: int, last: int):
        rows = [row for piece in told(reader, first, last) for row in piece]
        yield rows[:-2]

    monkeypatch.setattr(LogReader, "told", fewer)
    assert collected(environment, job, trusted) == honest


def test_a_witness_that_signed_otherwise_is_contradicted(environment, span) -> None:
    job, trusted = span
    ((number, head),) = trusted.logs.items()
    other = TrustedBlocks(trusted.hashes, "a witness", {number: LogHead(head.size - 1, head.root)})
    facts, proof = collected(environment, job, other)
    outcome = results(environment, other, facts, proof)
    assert outcome["proof.log"] is CheckStatus.FAILED


def test_both_ways_to_the_log_give_what_the_witness_signed(environment, span) -> None:
    _, trusted = span
    ((number, head),) = trusted.logs.items()
    chain = environment.chain
    told = told_log(chain, number)
    whole = whole_log(chain, chain.blocks(environment.deployment.block, chain.block(number)))
    assert told is not None and told.head == whole.head == head
    assert told.after(number) == whole.after(number)
    assert told.after(0).size == 0 and told.after(number + 1).entries == ()


def test_without_a_checkpoint_the_facts_alone_are_taken(environment, span) -> None:
    job, trusted = span
    (number,) = trusted.hashes
    facts, proof = chain_facts.proven_facts(environment.chain, job, None, ReadUntil(number))
    assert proof is not None and proof.log is None and len(proof.blocks) == 2
    assert results(environment, trusted, facts, proof)["proof.headers"] is CheckStatus.SKIPPED
