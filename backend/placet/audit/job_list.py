"""The list of an institution's jobs as of one block, in one file, and what shows that it is whole.

The ledger keeps of each signer how many jobs were opened under its signature, and the head of the list of them. A
storage proof shows both under the header of a block, and with them how far each job had come; so whoever knows the
block's hash needs nobody's word for it (`checked`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from placet.audit.facts import Count, Ending, Moment
from placet.audit.gaps import AuditGap, GapKind
from placet.audit.progress import JobProgress, trail_heads
from placet.audit.proof import TrustedBlocks
from placet.core import ledger_storage
from placet.core.block_header import read_header
from placet.core.errors import InputError
from placet.core.hashing import document_hash, keccak
from placet.core.ids import JobId
from placet.core.job_list import FIRST_HEAD, list_head, signer_key
from placet.core.plan import MAX_PARTIES
from placet.core.state_trie import nodes_by_hash, storage_root, storage_word
from placet.core.trust import Deployment
from placet.core.values import U48, Address, Bytes24, Bytes32, Octets, Value, parse, to_hex

MAX_LIST = 64 << 20
"""Bytes of a list's file."""
MOST_ATTEMPTS = 1000
"""Attempts of one job whose trails are looked for."""
Words = Callable[[list[int]], list[int]]
"""What stands at these slots of the ledger's storage."""


class ListedJob(Value):
    """The job with this number in the list, the block and the Unix time of its opening, the list's head after it, and
    how far it had come at the list's block."""

    number: Count
    job: JobId
    block: Count
    opened_at: U48
    head: Bytes24
    progress: JobProgress


class StateProof(Value):
    """A block's header in RLP, and nodes of the tries under it."""

    header: Octets
    nodes: tuple[Octets, ...]


class InstitutionJobs(Value):
    """All jobs of an institution up to the block `head`: the ledger's number of them, and its head of their list."""

    type: Literal["placet.job-list"] = "placet.job-list"
    version: Literal[1] = 1
    deployment: Bytes32
    institution: Address
    head: Moment
    count: Count
    list_head: Bytes24
    jobs: tuple[ListedJob, ...]
    proof: Annotated[StateProof | None, Field(exclude_if=lambda proof: proof is None)] = None


def parse_list(raw: bytes) -> InstitutionJobs:
    """A list's file; InputError or LimitError, never anything else."""
    return parse(InstitutionJobs, raw, limit=MAX_LIST, what="list of jobs")


def progress_in(words: Words, job: JobId) -> tuple[JobProgress, int]:
    """How far a job has come by the ledger's storage, and when it was opened. InputError for what it can't hold."""
    (word,) = words([ledger_storage.job_slot(job)])
    state = ledger_storage.JobWord.of(word)
    if state.parties > MAX_PARTIES or state.attempt > MOST_ATTEMPTS:
        raise InputError("a job of more trails than are looked for", expected=f"{MOST_ATTEMPTS} attempts")
    places = list(itertools.product(range(1, state.attempt + 1), range(state.parties)))
    heads = words([ledger_storage.trail_slot(job, attempt, party) for attempt, party in places])
    trails = {place: head.to_bytes(32, "big") for place, head in zip(places, heads, strict=True) if head}
    progress = JobProgress(status=Ending.of_status(state.status), attempt=state.attempt, trails=trail_heads(trails))
    return progress, state.opened_at


def checked(shown: InstitutionJobs, deployment: Deployment, trusted: TrustedBlocks | None) -> tuple[AuditGap, ...]:
    """What is missing from a list, and what in it is not so. Nothing, if it is whole by its own word; with `trusted`,
    if it is whole as of the newest of these blocks. A proof is followed only under a trusted hash: how long it is to
    follow is up to who made the state."""
    if shown.deployment != document_hash(deployment):
        return (_false("a list of jobs of the ledger that your deployment file names", shown.deployment),)
    gaps = list(_of_numbers(shown))
    if trusted is not None:
        unproven = _not_under(shown, trusted)
        if unproven is not None:
            gaps.append(unproven)
        if shown.proof is not None and trusted.hashes.get(shown.head.block) == keccak(shown.proof.header):
            gaps += _of_proof(shown, shown.proof, deployment)
    return tuple(gaps)


def _of_numbers(shown: InstitutionJobs) -> Iterator[AuditGap]:
    """Numbers from 1 to the ledger's count without a gap, and heads that follow each other to the ledger's."""
    number, head, block = 0, FIRST_HEAD, 0
    for job in shown.jobs:
        if not number < job.number <= shown.count:
            yield _false(f"a number from {number + 1} to {shown.count}", job.number, job)
            return
        yield from _unlisted(number + 1, job.number - 1, block, job.block)
        if job.number == number + 1 and list_head(head, job.job, job.block) != job.head:
            yield _false(f"job {job.number} of the list, in the block of its opening", to_hex(job.job), job)
        if not block <= job.block <= shown.head.block:
            yield _false(f"a block from {block} to {shown.head.block}", f"block {job.block}", job)
        number, head, block = job.number, job.head, job.block
    yield from _unlisted(number + 1, shown.count, block, shown.head.block)
    if number == shown.count and head != shown.list_head:
        yield _false(f"a list with the head {to_hex(shown.list_head)}", to_hex(head))


def _of_proof(shown: InstitutionJobs, proof: StateProof, deployment: Deployment) -> Iterator[AuditGap]:
    """The ledger's storage under the header says the same of the list and of each job in it."""
    try:
        header, nodes = read_header(proof.header), nodes_by_hash(proof.nodes)
        if (header.number, header.timestamp) != (shown.head.block, shown.head.timestamp):
            yield _false(f"the header of block {shown.head.block}", f"that of block {header.number}")
            return
        root = storage_root(header.state_root, deployment.job_ledger.address, nodes)

        def words(slots: list[int]) -> list[int]:
            return [storage_word(root, slot, nodes) for slot in slots]

        (word,) = words([ledger_storage.list_slot(signer_key(shown.institution))])
        ledger = ledger_storage.ListWord.of(word)
        if ledger != ledger_storage.ListWord(shown.count, shown.list_head):
            yield _false(f"{ledger.count} jobs under the head {to_hex(ledger.head)}", f"{shown.count} jobs")
        for job in shown.jobs:
            if progress_in(words, job.job) != (job.progress, job.opened_at):
                yield _false("how far the job had come, as the ledger has it", "something else", job)
    except InputError as error:
        yield AuditGap(kind=GapKind.PROOF, words=f"the list is not proven: {error.message}")


def _not_under(shown: InstitutionJobs, trusted: TrustedBlocks) -> AuditGap | None:
    """Why the list is not proven as of the newest block that the auditor trusts: an older one may lack jobs."""
    newest = max(trusted.hashes)
    if shown.proof is None:
        return AuditGap(kind=GapKind.PROOF, words="the list holds no proof that it is the ledger's")
    if shown.head.block != newest:
        words = f"the list is as of block {shown.head.block}; what was opened up to block {newest} is not shown"
        return AuditGap(kind=GapKind.PROOF, block=newest, words=words)
    if keccak(shown.proof.header) != trusted.hashes[newest]:
        expected = f"block {newest} is {to_hex(trusted.hashes[newest])}, by {trusted.whose}"
        return _false(expected, keccak(shown.proof.header))
    return None


def _unlisted(first: int, last: int, above: int, below: int) -> Iterator[AuditGap]:
    """Nothing is there of these numbers, of jobs that were opened between two blocks."""
    if first <= last:
        which = f"job number {first} is" if first == last else f"jobs number {first} to {last} are"
        words = f"{which} not in the list, opened from block {above} to {below}"
        yield AuditGap(kind=GapKind.JOB, number=first, until=last, block=below, words=words)


def _false(expected: str, found: object, job: ListedJob | None = None) -> AuditGap:
    found = to_hex(found) if isinstance(found, bytes) else found
    words = f"expected {expected}, found {found}"
    if job is None:
        return AuditGap(kind=GapKind.LIST, words=words)
    return AuditGap(kind=GapKind.LIST, number=job.number, job=job.job, block=job.block, words=words)
