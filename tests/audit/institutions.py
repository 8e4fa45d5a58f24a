"""An institution of several simulated jobs: the list of them under a block's header, and reports on their bundles."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from block_chain import header
from simulator import START, Simulation

from placet.audit.bundle import Bundle
from placet.audit.facts import Ending, Moment
from placet.audit.job_list import InstitutionJobs, ListedJob, StateProof
from placet.audit.outcome import AuditReport
from placet.audit.progress import JobProgress
from placet.audit.proof import TrustedBlocks
from placet.audit.verify import verify
from placet.core import ledger_storage
from placet.core.hashing import document_hash, keccak
from placet.core.job_list import FIRST_HEAD, list_head, signer_key
from state_tries import contract_state, job_word, list_word

BLOCK = 500
"""That of the list."""


@functools.cache
def simulations() -> tuple[Simulation, ...]:
    return (Simulation(people=2), Simulation(people=3, withdraw=(1,)), Simulation(people=1, ending=Ending.ABORTED))


@functools.cache
def reports() -> tuple[AuditReport, ...]:
    return tuple(verify(simulation.bundle()) for simulation in simulations())


INSTITUTION = simulations()[0].signers[0].address


def storage_of(bundles: Sequence[Bundle]) -> dict[int, int]:
    """What the ledger holds of these jobs, and of the institution's list of them."""
    storage, head = {}, FIRST_HEAD
    for bundle in bundles:
        facts, progress = bundle.facts, JobProgress.of(bundle.facts)
        assert facts.opened is not None
        head = list_head(head, facts.job, facts.opened.at.block)
        status = tuple(Ending).index(facts.status)
        parties = len(bundle.evidence)
        storage[ledger_storage.job_slot(facts.job)] = job_word(
            status, parties, facts.attempt, facts.opened.at.timestamp
        )
        for trail in progress.trails:
            slot = ledger_storage.trail_slot(facts.job, trail.attempt, trail.party)
            storage[slot] = int.from_bytes(trail.head, "big")
    storage[ledger_storage.list_slot(signer_key(INSTITUTION))] = list_word(len(bundles), head)
    return storage


def listed(
    bundles: Sequence[Bundle], block: int = BLOCK, raw: bytes | None = None
) -> tuple[InstitutionJobs, TrustedBlocks]:
    """The institution's list of these jobs as of a block, and the hash of the block. `raw`: the header, if there is
    one already."""
    deployment = bundles[0].deployment
    state, nodes = contract_state(deployment.job_ledger.address, storage_of(bundles))
    time = bundles[0].facts.head.timestamp if raw is not None else START + 2 * block
    raw = raw or header(block, time, bytes(32), [], 0, state)
    jobs, head = [], FIRST_HEAD
    for number, bundle in enumerate(bundles, 1):
        opened = bundle.facts.opened
        assert opened is not None
        head = list_head(head, bundle.job, opened.at.block)
        jobs.append(
            ListedJob(
                number=number, job=bundle.job, block=opened.at.block, opened_at=opened.at.timestamp, head=head,
                progress=JobProgress.of(bundle.facts),
            )
        )  # fmt: skip
    shown = InstitutionJobs(
        deployment=document_hash(deployment),
        institution=INSTITUTION,
        head=Moment(block=block, index=0, timestamp=time),
        count=len(jobs),
        list_head=head,
        jobs=tuple(jobs),
        proof=StateProof(header=raw, nodes=nodes),
    )
    return shown, TrustedBlocks({block: keccak(raw)}, "a friend")


@functools.cache
def whole() -> tuple[InstitutionJobs, TrustedBlocks]:
    return listed([simulation.bundle() for simulation in simulations()])
