"""What this party shows an auditor about a job: a document and, where there are many leaves, sections after it."""

from __future__ import annotations

import hashlib
import io
import logging
import tempfile
import weakref
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from placet.catalogue.specs import spec_of
from placet.chain.events import JobAmended, JobSealed
from placet.chain.threaded import ask_chain, ask_store
from placet.core.errors import NotFoundError, PlacetError, StateError
from placet.core.evidence import (
    MAX_INLINE,
    Batch,
    ErasedLeaf,
    Evidence,
    InputEvidence,
    Leaf,
    Section,
    ShownEnrolments,
    SignedAmendment,
    SignedEvidence,
    SignedSeal,
    SignedStanding,
)
from placet.core.ids import BatchRoot, ConsentId, EnrolmentRoot, JobId, OfferId
from placet.core.leaves import decode_leaves
from placet.core.noise_opening import NoiseOpening, SealedNoise
from placet.core.noise_sealing import seal_noise
from placet.core.plan import Amendment, Seal
from placet.core.trail import evidence_hash
from placet.core.values import parse, to_hex
from placet.jobs.context import RowSource
from placet.jobs.randomness import noise_seed, work_digest
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner
from placet.vault.responses import LeavesPart

log = logging.getLogger("placet.jobs")

_PIECE = 1 << 20


class Beside:
    """The sections of one document, in a file without a name, in the document's order."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `pieces`, or with this object
        weakref.finalize(self, self._file.close)
        self._known: set[bytes] = set()

    async def add(self, parts: AsyncIterator[tuple[int, bytes]]) -> Section:
        """One more: `parts` are so many leaves each and their bytes. What is here already is not written again."""
        start, count, digest = self._file.seek(0, io.SEEK_END), 0, hashlib.sha256()
        try:
            async for leaves, part in parts:
                count += leaves
                digest.update(part)
                self._file.write(part)
        except PlacetError:
            self._file.truncate(start)
            raise
        section = Section(count=count, size=self._file.tell() - start, hash=digest.digest())
        if section.hash in self._known:
            self._file.truncate(start)
        self._known.add(section.hash)
        return section

    def pieces(self, document: bytes) -> Iterator[bytes]:
        """The document with its sections after it, once."""
        with self._file as file:
            yield document + b"\n"
            file.seek(0)
            while piece := file.read(_PIECE):
                yield piece


async def gather(runner: Runner, job: JobId, beside: Beside) -> Evidence:
    """All that this node and its vault know of a job, outputs and subjects left out. NotFoundError if it is unknown."""
    threaded = runner.store.threaded
    record = await threaded.job(job)
    inputs, batches, enrolments = await _inputs(runner, record, beside)
    amended, sealed = await ask_chain(_on_chain, runner, job)
    amendments = [(parse(Amendment, text), given) for text, given in await threaded.agreed(job, "amendment")]
    seals = [(parse(Seal, text), given) for text, given in await threaded.agreed(job, "seal")]
    return Evidence(
        job=job,
        party=record.party,
        plan=record.plan,
        terms=record.terms,
        plan_signatures=record.signatures,
        standing=await _standing(runner, record),
        inputs=inputs,
        batches=batches,
        enrolments=enrolments,
        steps=tuple(await threaded.steps(job)),
        sent=tuple(await threaded.messages(job, sender=record.party)),
        received=tuple(await threaded.messages(job, receiver=record.party)),
        amendments=tuple(
            SignedAmendment(amendment=amendment, signatures=given)
            for amendment, given in amendments
            if (amendment.attempt, amendment.roots, amendment.epochs) in amended
        ),
        seal=next((SignedSeal(seal=seal, signatures=given) for seal, given in seals if seal == sealed), None),
        cards=await ask_store(runner.context.cards, job),
        complaints=await ask_store(runner.settlement.complaints, job),
        deletion=await threaded.deletion(job),
    )


async def opened_noise(runner: Runner, job: JobId, auditor: bytes) -> SealedNoise:
    """This party's noise of a job that has ended, for one auditor's key (X25519). NotFoundError for an unknown job;
    StateError `noise.none` where this party adds none, `noise.early` before the end, `noise.consumer` for the key
    under which the job's consumer opens its result: with both it would have the exact numbers. The log says to
    which key: it can't be taken back."""
    record = await runner.store.threaded.job(job)
    spec = spec_of(record.terms.recipe)
    if not spec.noise(record.terms.roles[record.party], spec.parse(record.terms.parameters)):
        raise StateError("this institution adds no noise in that job", found=record.terms.recipe, code="noise.none")
    if record.ended is None:
        raise StateError("noise is opened once a job has ended", found="it is still going", code="noise.early")
    if auditor == record.terms.consumer_key:
        raise StateError(
            "noise is never opened to who has the noisy numbers",
            expected="an auditor's key",
            found="that of the job's consumer",
            code="noise.consumer",
        )
    seed = runner.context.at_rest.open(record.seed, b"seed")
    opening = NoiseOpening(job=job, party=record.party, work=work_digest(seed), noise=noise_seed(seed))
    sealed = seal_noise(opening, auditor)
    log.warning("noise of job %s was opened to the auditor's key %s", to_hex(job), to_hex(auditor))
    return sealed


async def _standing(runner: Runner, record: JobRecord) -> SignedStanding | None:
    opening = record.terms.standing
    if opening is None:
        return None
    standing = await runner.answers.agreement.standing.store.threaded.find(opening.plan)
    return None if standing is None else SignedStanding(plan=standing.plan, signatures=standing.signatures)


async def signed(runner: Runner, job: JobId, beside: Beside) -> SignedEvidence:
    """The same under this party's recorder's signature, as auditors take it."""
    evidence = await gather(runner, job, beside)
    digest = runner.context.deployment.jobs.digest(evidence_hash(evidence.job, evidence.party, evidence.hash))
    return SignedEvidence(evidence=evidence, signature=runner.context.recorder.sign(digest))


def _on_chain(runner: Runner, job: JobId) -> tuple[set[tuple[int, tuple[bytes, ...], tuple[bytes, ...]]], Seal | None]:
    """Attempt, roots and epochs of each amendment on chain, and the seal there: not every one that all signed is."""
    runner.context.index.sync()
    events = runner.context.index.job_events(job)
    seals = [
        Seal(
            job=job,
            attempt=e.attempt,
            heads=e.heads,
            outputs=e.outputs,
            keys=e.keys,
            epochs=e.epochs,
            payouts=e.payouts,
        )
        for e in events
        if isinstance(e, JobSealed)
    ]
    amended = {(e.attempt, e.roots, e.epochs) for e in events if isinstance(e, JobAmended)}
    return amended, seals[-1] if seals else None


async def _inputs(
    runner: Runner, record: JobRecord, beside: Beside
) -> tuple[tuple[InputEvidence, ...], tuple[Batch, ...], tuple[ShownEnrolments, ...]]:
    context, inputs = runner.context, []
    enrolled: set[tuple[bytes, EnrolmentRoot]] = set()
    roots_used: dict[tuple[OfferId, BatchRoot], None] = {}
    first = record.plan.input_offset(record.party)
    attempts = await runner.store.threaded.attempts(record.job)
    used = [(a.attempt, a.roots) for a in attempts] or [(1, tuple(i.lawful_root for i in record.plan.inputs))]
    for attempt, roots in used:
        for number, plan_input in enumerate(record.plan.parties[record.party].inputs, first):
            offer = (await ask_chain(context.chain.offer, plan_input.offer)).offer
            scope = context.scope(offer)
            if plan_input.named:
                named = await context.consents.named_evidence(plan_input.consent)
                inputs.append(InputEvidence(input=number, attempt=attempt, offer=offer, scope=scope, named=named))
                continue
            try:
                shown = await _leaves(context.demand_rows(), plan_input.offer, roots[number], beside)
            except NotFoundError:
                continue
            roots_used.update(dict.fromkeys((plan_input.offer, root) for root in shown.batches))
            enrolled |= shown.enrolments
            inputs.append(
                InputEvidence(
                    input=number,
                    attempt=attempt,
                    offer=offer,
                    scope=scope,
                    leaves=shown.leaves,
                    erased=tuple(shown.erased),
                )
            )
    # None of either, and no vault, where a company brings documents.
    batches = [await _batch(context.demand_rows(), *one, beside) for one in sorted(roots_used)]
    enrolments = [await _enrolments(context.demand_rows(), *one, beside) for one in sorted(enrolled)]
    return tuple(inputs), tuple(batches), tuple(enrolments)


@dataclass
class _Shown:
    """A lawful set's leaves, what is left of erased ones, the roots of the batches that hold them, and enrollers and
    roots of the batches of enrolments that they rely on."""

    leaves: tuple[Leaf, ...] | Section = ()
    erased: list[ErasedLeaf] = field(default_factory=list)
    batches: set[BatchRoot] = field(default_factory=set)
    enrolments: set[tuple[bytes, EnrolmentRoot]] = field(default_factory=set)

    def take(self, part: LeavesPart) -> None:
        """All of a part but its leaves."""
        self.erased.extend(part.erased)
        self.batches.update(part.batches)
        self.enrolments.update(part.enrolments)


async def _leaves(vault: RowSource, offer: OfferId, root: bytes, beside: Beside) -> _Shown:
    part, whole = await vault.leaves(offer, root, 0), _Shown()
    if part.passed == part.total <= MAX_INLINE:
        whole.take(part)
        whole.leaves = tuple(leaf.leaf() for leaf in decode_leaves(part.leaves))
        return whole

    async def parts() -> AsyncIterator[tuple[int, bytes]]:
        shown, passed = part, 0
        while True:
            yield shown.count, shown.leaves
            passed += shown.passed
            whole.take(shown)
            if passed >= shown.total:
                return
            if not shown.passed:
                raise StateError("the vault shows fewer leaves than it counts", expected=shown.total, found=passed)
            shown = await vault.leaves(offer, root, passed)

    whole.leaves = await beside.add(parts())
    return whole


async def _enrolments(vault: RowSource, enroller: bytes, root: EnrolmentRoot, beside: Beside) -> ShownEnrolments:
    answer = await vault.enrolments(enroller, root)
    return ShownEnrolments(batch=answer.batch, leaves=await _hashes(answer.joined, beside))


async def _batch(vault: RowSource, offer: OfferId, root: BatchRoot, beside: Beside) -> Batch:
    joined = (await vault.batch(offer, root)).joined
    return Batch(root=root, leaves=await _hashes(joined, beside))


async def _hashes(joined: bytes, beside: Beside) -> tuple[ConsentId, ...] | Section:
    """So many values of 32 bytes, in the document or beside it."""
    count = len(joined) // 32
    if count <= MAX_INLINE:
        return tuple(ConsentId(joined[i : i + 32]) for i in range(0, len(joined), 32))

    async def whole() -> AsyncIterator[tuple[int, bytes]]:
        yield count, joined

    return await beside.add(whole())
