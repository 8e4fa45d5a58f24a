"""`contract-compare`: two companies have two versions of a contract compared in an enclave of a third institution.

Each company encrypts its document; a task that both derive from the plan and from what each told the other binds the
ciphertexts, the consents, the recipients and the release keys; all of that is on chain before anything is given away.
The enclave proves what it is to each company, which then, and only if its own chain endpoint agrees, seals its keys to
it (`protocols.enclave.sealed.release`). The service carries ciphertexts. The result is masked under both release keys
together, so it opens by the release that every job has.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import JsonValue

from placet.catalogue import contract_compare
from placet.catalogue.contract_compare import ENCLAVE, ContractCompareParameters
from placet.chain.events import JobOpened
from placet.chain.signals import listening
from placet.chain.states import EnclaveClass, JobStatus
from placet.chain.threaded import ask_chain
from placet.core.consent import Status
from placet.core.enclave_policy import ROLES, Role
from placet.core.errors import AttestationError, ConsentError, InputError, ProtocolError
from placet.core.framing import FrameReader, frame, header
from placet.core.hashing import document_bytes, sha256
from placet.core.plan import MAX_PARTIES, key_hash
from placet.core.trail import Artefact
from placet.core.values import parse
from placet.jobs.masked_outputs import MASKED
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun
from placet.jobs.step_recorder import StepRecorder, name_of
from placet.protocols.enclave import codes
from placet.protocols.enclave.comparing import (
    INPUT,
    KEYS,
    RESULTS,
    STARTED,
    Announcement,
    MaskedResult,
    Proven,
    Results,
    task_of,
)
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence
from placet.protocols.enclave.sealed.documents import DocumentKey, Locked
from placet.protocols.enclave.sealed.keys import Secrets
from placet.protocols.enclave.sealed.release import ChainStanding, ConsentStatus, Question, Released, release
from placet.protocols.enclave.sealed.results import demand_genuine, open_result
from placet.protocols.enclave.sealed.sizes import MAX_RESULT, MAX_SEALED
from placet.protocols.enclave.sealed.task import MAX_TASK, Task, read_task
from placet.recipes.contract_compare.extension import ComparedDocuments, EnclaveService, HostedEnclaves
from placet.recipes.contract_compare.sessions import EnclaveSession

ARRIVAL = 900
"""Seconds within which both words come, and then keys and documents: others wait for the place."""
_LOOK = 5.0
"""Seconds between two looks at the consents where no signal wakes who computes."""
_STATUS: dict[Status, ConsentStatus] = {
    Status.NONE: "unknown",
    Status.GIVEN: "given",
    Status.WITHDRAWN: "withdrawn",
    Status.REVOKED: "revoked",
}


async def run(job: PartyRun) -> None:
    """The same function at every party."""
    await (_serve(job) if job.role == ENCLAVE else _bring(job))


def _task(job: PartyRun, announcements: Mapping[Role, Announcement]) -> Task:
    chain = job.context.deployment.chain_id
    parameters = job.parameters(ContractCompareParameters)
    return task_of(
        job.plan,
        parameters.policy,
        parameters.recipients,
        announcements,
        job=job.record.job,
        attempt=job.attempt,
        chain=chain,
    )


async def _hear(step: StepRecorder, party: int) -> Announcement:
    word = await step.receive(name_of(party), INPUT, limit=1024)
    try:
        return parse(Announcement, word, what="a company's document")
    except InputError as error:
        raise ProtocolError(error.message, expected=error.expected, found=error.found, code="enclave.words") from None


async def _bring(job: PartyRun) -> None:
    """A company: encrypt, agree on the task, give the keys away if all holds, keep the masked result."""
    context, role = job.context, cast(Role, job.role)
    other, service = 1 - job.party, job.terms.roles.index(ENCLAVE)
    brings = job.resource(ComparedDocuments)
    consent = job.plan.parties[job.party].inputs[0].consent
    at_rest, key = context.at_rest, secrets.token_bytes(32)
    await job.store.threaded.keep(job.record.job, job.attempt, key=at_rest.seal(key, b"key"))
    named, parameters = Artefact(name="consent", commitment=consent), dict[str, JsonValue]()
    async with job.step("lock-document", "placet.document/1", named, parameters=parameters) as step:
        locked, opener = await asyncio.to_thread(brings.documents.lock, consent, job.record.job, job.attempt, role)
        mine = Announcement(
            document=locked.digest, size=locked.size, commitment=locked.commitment, release=key_hash(key)
        )
        parameters |= mine.to_json()
        brought = [step.public(name, getattr(mine, name)) for name in ("document", "commitment", "release")]
        for party in (other, service):
            await step.send(name_of(party), INPUT, document_bytes(mine))
    async with job.step("agree-task", "placet.enclave-task/1", *brought) as step:
        words: dict[Role, Announcement] = {role: mine, ROLES[other]: await _hear(step, other)}
        started = await step.receive(name_of(service), STARTED, limit=32)
        task = _task(job, words)
        agreed = step.public("task", task.digest())
    await ask_chain(_demand_committed, job, words)
    await job.anchored(other, service)
    at = brings.service(context.trust.institution(job.plan.parties[service].signer))
    await at.upload(job.record.job, job.attempt, role, brings.documents.locked_file(job.record.job, job.attempt))
    await job.say(job.record, "uploaded", attempt=job.attempt, bytes=locked.size)
    given = Secrets(document=opener, release=key, name=brings.documents.of(consent).name)
    nonce, issued = secrets.token_bytes(32), await ask_chain(context.chain.now)
    proof = await at.prove(job.record.job, nonce)
    if proof.key != started:
        raise AttestationError("another enclave than the service started", code="attestation.binding")
    shown: dict[str, JsonValue] = {}
    async with job.step("verify-enclave", "placet.enclave-evidence/1", agreed, parameters=shown) as step:
        binding = Binding(chain=task.chain, job=task.job, key=proof.key, nonce=nonce, issued=issued)
        given_away, block = await asyncio.to_thread(_release, job, task, locked, given, proof.evidence, binding)
        verified = given_away.verified
        shown |= Proven(evidence=proof.evidence, binding=binding, at=verified.verified_at, block=block).to_json()
        proven = step.public("enclave-key", verified.key)
        sealed = step.output("sealed-keys", given_away.sealed)
    async with job.step("release-keys", "hpke/1", sealed) as step:
        await step.send(name_of(service), KEYS, given_away.sealed)
    await job.say(job.record, "keys-given", attempt=job.attempt)
    await _keep(job, task, at, verified.key, opener, agreed, proven)


def _demand_committed(job: PartyRun, words: Mapping[Role, Announcement]) -> None:
    """ProtocolError unless each document is the one that its consent's dataset was committed to at the opening."""
    chain = job.context.chain
    opened = next(e.block for e in job.context.index.job_events(job.record.job) if isinstance(e, JobOpened))
    for party, role in enumerate(ROLES):
        offer = chain.offer(job.plan.parties[party].inputs[0].offer).offer
        commitment = chain.dataset(offer.dataset, block=opened).commitment
        if commitment != words[role].commitment:
            raise ProtocolError(
                "a company's document is not the one that its consent is about",
                expected=commitment.hex(),
                found=words[role].commitment.hex(),
                code="enclave.document",
            )


def _release(
    job: PartyRun, task: Task, locked: Locked, given: Secrets, evidence: EnclaveEvidence, binding: Binding
) -> tuple[Released, int]:
    """The sealed keys, and the block by which the chain answered."""
    peer_client = _Asking(job, task)
    released = release(
        evidence,
        job.parameters(ContractCompareParameters).policy,
        binding,
        task=task,
        role=cast(Role, job.role),
        document=locked,
        secrets=given,
        ask=peer_client,
        now=job.context.chain.now,
    )
    return released, peer_client.block


@dataclass
class _Asking:
    """The company's own endpoint of the chain, at its latest block."""

    job: PartyRun
    task: Task
    block: int = 0

    def __call__(self, question: Question) -> ChainStanding:
        chain, plan = self.job.context.chain, self.job.plan
        head = chain.head()
        self.block = head.number
        state = chain.job(question.job, block=head.number)
        accepted = chain.acceptance(plan.parties[-1].signer, question.measurement_id, block=head.number)
        enclave_class = EnclaveClass[question.enclave_class.upper()]
        current = state.status is JobStatus.OPEN and state.attempt == question.attempt
        return ChainStanding(
            time=head.timestamp,
            job=question.job,
            open=current and chain.now() <= plan.deadline,
            task=self.task.digest(),
            consents=tuple(_STATUS[chain.consent(one, block=head.number).status] for one in question.consents),
            accepted=accepted.holds(enclave_class, head.number),
        )


async def _keep(
    job: PartyRun, task: Task, at: EnclaveService, enclave: bytes, opener: DocumentKey, *inputs: Artefact
) -> None:
    """Fetch the own masked result and see that it is the enclave's, and the one that the service signed for."""
    async with job.step("receive-result", "hpke+aes-gcm/1", *inputs) as step:
        statement = await step.receive(name_of(job.terms.roles.index(ENCLAVE)), RESULTS, limit=4096)
        results = parse(Results, statement, what="what came out of the enclave")
        masked = b""
        if [one.party for one in results.results] != [
            one.party for one in task.recipients
        ] or results.enclave != enclave:
            raise ProtocolError("results for others than the task's recipients", code="enclave.result")
        for one in results.results:
            step.public(f"{MASKED}/{one.party}", one.masked)
            if one.party == job.party:
                masked = await at.download(job.record.job, one.party, size=one.size)
                if sha256(masked) != one.masked:
                    raise ProtocolError("another result than the service signed for", code="enclave.result")
                demand_genuine(masked, enclave=enclave, task=task, document=opener)
        step.public("results", sha256(statement))
    blobs: dict[str, bytes] = {"output": statement}
    if masked:
        private = _pack(task, results.enclave, job.party, masked)
        blobs["private"] = job.context.at_rest.seal(private, b"private")
    await job.store.threaded.keep(job.record.job, job.attempt, **blobs)


def _pack(task: Task, enclave: bytes, party: int, masked: bytes) -> bytes:
    return frame(document_bytes(task)) + enclave + header(party) + masked


def open_private(private: bytes, keys: Mapping[int, bytes], secret: bytes) -> dict[str, Any]:
    """The comparison that a recipient kept masked: {comparison}. InputError if the keys don't open it."""
    reader = FrameReader(private, "what the recipient kept")
    task, enclave, party = read_task(reader.frame(MAX_TASK)), reader.take(32), reader.number(MAX_PARTIES - 1)
    masked = reader.rest()
    released = [keys[one.party] for one in task.inputs]
    plain = open_result(masked, released, enclave=enclave, secret=secret, task=task, party=party)
    from placet.comparison.result import Comparison  # reads contracts: a node without them need not

    return {"comparison": parse(Comparison, plain, limit=MAX_RESULT, what="the comparison").to_json()}


async def _serve(job: PartyRun) -> None:
    """The institution that runs the enclave: it carries ciphertexts in and masked results out."""
    sessions = job.resource(HostedEnclaves).sessions
    async with sessions.running(job.context.deployment.chain_id, job.record.job, job.attempt) as session:
        async with _in_time():
            task, agreed, key = await _start(job, session)
        session.expect(task)
        results = await _while_consented(job, _compare(job, session, task, agreed, key))
    masked = Results(
        enclave=session.enclave.key,
        results=tuple(MaskedResult(party=p, masked=sha256(m), size=len(m)) for p, m in results.items()),
    )
    async with job.step("hand-out", "hpke+aes-gcm/1", agreed, parameters=masked.to_json()) as step:
        for party in range(len(ROLES)):
            await step.send(name_of(party), RESULTS, document_bytes(masked))


async def _start(job: PartyRun, session: EnclaveSession) -> tuple[Task, Artefact, Artefact]:
    """The task that all agreed to, and its step's output; the enclave's key as the trail has it."""
    async with job.step("start-enclave", "placet.enclave/1", parameters={"class": job.terms.engine}) as step:
        key = step.public("enclave-key", session.enclave.key)
        for party in range(len(ROLES)):
            await step.send(name_of(party), STARTED, session.enclave.key)
    async with job.step("agree-task", "placet.enclave-task/1", key) as step:
        words: dict[Role, Announcement] = {role: await _hear(step, party) for party, role in enumerate(ROLES)}
        task = _task(job, words)
        agreed = step.public("task", task.digest())
    await ask_chain(_demand_committed, job, words)
    await job.anchored(0, 1)
    return task, agreed, key


@contextlib.asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ARRIVAL):
            yield
    except TimeoutError:
        raise ProtocolError(
            "words, keys or documents did not come", expected=f"within {ARRIVAL} s", code="enclave.idle"
        ) from None


async def _compare(
    job: PartyRun, session: EnclaveSession, task: Task, agreed: Artefact, key: Artefact
) -> dict[int, bytes]:
    async with _in_time(), job.step("take-keys", "hpke/1", agreed) as step:
        keys = {r: await step.receive(name_of(p), KEYS, limit=MAX_SEALED) for p, r in enumerate(ROLES)}
        await session.arrived()
    async with job.step("compare", f"enclave.{job.terms.engine}/1", agreed, key) as step:
        results = await session.compute(task, keys, seconds=job.seconds_left)
        for party, masked in results.items():
            step.public(f"{MASKED}/{party}", sha256(masked))
    return results


async def _while_consented(job: PartyRun, computing: Any) -> dict[int, bytes]:
    """Ends what is computing, and with it the enclave, once one of the consents is dead or the job is over."""
    task: asyncio.Task[dict[int, bytes]] = asyncio.create_task(computing)
    try:
        with listening(job.context.moved) as listener:
            task.add_done_callback(lambda _: listener.wake())
            while not task.done():
                await job.demand_open()
                await ask_chain(_demand_consents, job)
                await listener.wait(_LOOK)
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _demand_consents(job: PartyRun) -> None:
    for plan_input in job.plan.inputs:
        status = job.context.chain.consent(plan_input.consent).status
        if status is not Status.GIVEN:
            raise ConsentError(
                "a consent of this job does not hold",
                found=f"{plan_input.consent.hex()}: {_STATUS[status]}",
                code="consent.withdrawn",
            )


def _final(code: str) -> bool:
    """The same documents end the same way, and who lied once is not asked again."""
    lies = codes.SEALED | {"enclave.result", "enclave.idle", "enclave.words"}
    same = {"enclave.memory", "enclave.large", "enclave.failed", "document.changed"}
    return code in codes.DOCUMENT | lies | same or code.startswith("attestation.")


CONTRACT_COMPARE = RecipeRun(spec=contract_compare.SPEC, run=run, open=open_private, final=_final)
