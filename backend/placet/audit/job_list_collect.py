"""Reads the list of an institution's jobs from one chain endpoint, with what shows that it is whole."""

from __future__ import annotations

import itertools

from placet.audit.facts import Ending, Moment
from placet.audit.job_list import InstitutionJobs, ListedJob, StateProof, progress_in
from placet.audit.progress import JobProgress, trail_heads
from placet.chain import events
from placet.chain.client import Chain
from placet.chain.state_proofs import StateProver
from placet.core import ledger_storage
from placet.core.errors import ChainError
from placet.core.hashing import document_hash
from placet.core.ids import JobId
from placet.core.job_list import signer_key


def collect_list(chain: Chain, institution: bytes, at: int | None = None) -> InstitutionJobs:
    """The jobs of an institution (20 bytes) up to a block: the last confirmed one, or `at`. What the endpoint does not
    tell of is a gap in the list, and never an error. Without a proof where the endpoint gives none. ChainError for a
    block that is not confirmed, or that was replaced meanwhile."""
    chain.check()
    confirmed = chain.confirmed()
    if at is not None and at > confirmed:
        raise ChainError(
            "that block is not confirmed yet", expected=f"at most block {confirmed}", found=at, code="chain.early"
        )
    head = chain.block(confirmed if at is None else at)
    key = signer_key(institution)
    listed = chain.events_of(chain.blocks(chain.deployment.block, head), [events.JobListed], signer=key)
    jobs = [event.job for event in listed]
    try:
        prover = StateProver(chain.rpc, chain.deployment.job_ledger.address, head.number)
        (word,) = prover.words([ledger_storage.list_slot(key)])
        ledger = ledger_storage.ListWord.of(word)
        progress = [progress_in(prover.words, job) for job in jobs]
        proof = StateProof(header=prover.header, nodes=prover.nodes)
    except ChainError as error:
        if error.code != "chain.unprovable":
            raise
        ledger = ledger_storage.ListWord(*chain.job_list(institution, block=head.number))
        progress, proof = [_progress(chain, job, head.number) for job in jobs], None
    if chain.block(head.number).hash != head.hash:
        raise ChainError("the chain was reorganised while it was read", remedy="collect again", code="chain.moving")
    return InstitutionJobs(
        deployment=document_hash(chain.deployment),
        institution=institution,
        head=Moment(block=head.number, index=0, timestamp=head.timestamp),
        count=ledger.count,
        list_head=ledger.head,
        jobs=tuple(
            ListedJob(
                number=event.number,
                job=event.job,
                block=event.block,
                opened_at=opened,
                head=event.head,
                progress=how_far,
            )
            for event, (how_far, opened) in zip(listed, progress, strict=True)
        ),
        proof=proof,
    )


def _progress(chain: Chain, job: JobId, block: int) -> tuple[JobProgress, int]:
    """By the ledger's answers, where its storage is not shown."""
    state = chain.job(job, block=block)
    places = itertools.product(range(1, state.attempt + 1), range(state.parties))
    trails = {(attempt, party): chain.trail(job, attempt, party, block=block) for attempt, party in places}
    heads = {place: head for place, (head, count) in trails.items() if count}
    status = Ending.of_status(state.status)
    return JobProgress(status=status, attempt=state.attempt, trails=trail_heads(heads)), state.opened_at
