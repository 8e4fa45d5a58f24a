"""A company's client: offers a document, takes part in one comparison, and opens its result.

It is a party as any institution is, with its own keys, chain endpoint, trail and port for peers, but it serves nobody
else: what a node's vault is for tables, its folder of documents is here. It never shows a document or a key to a node.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from placet.catalogue.contract_compare import COLUMN, SPEC
from placet.chain.signals import listening
from placet.chain.states import JobStatus
from placet.chain.threaded import ask_chain
from placet.company.acceptance import AcceptancePolicy
from placet.company.own_document import OwnDocument
from placet.company.service import HttpEnclaves
from placet.core.consent import CompactConsent, ConsentFields, Status, derive
from placet.core.enrolment import NO_ENROLMENT
from placet.core.errors import ConfigError, NotFoundError, PeerError, PlanError, StateError
from placet.core.hashing import sha256
from placet.core.ids import ConsentId, DatasetId, JobId
from placet.core.offers import Offer, Scope, Subjects
from placet.core.plan import Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.text import tidied
from placet.core.trust import Institution
from placet.core.values import to_hex
from placet.jobs.context import JobContext
from placet.jobs.evidence import Beside, signed
from placet.jobs.following import happenings
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner
from placet.jobs.store import JobStore
from placet.node import lifetime
from placet.node.config import NodeSettings
from placet.node.service import Node, open_node
from placet.recipes.contract_compare.documents import DocumentRecord, Documents, commitment_of
from placet.recipes.contract_compare.extension import ComparedDocuments
from placet.recipes.contract_compare.messages import ComparisonRequest
from placet.recipes.contract_compare.proposal import propose
from placet.recipes.runs import RUNS

TITLE = "a document to compare"
"""What people read of it in the consent; its name is for the enclave alone."""
SCHEMA = sha256(b"placet.document/1")
"""What the registry says of a dataset that is one document."""
_LOOK = 5.0


@dataclass
class Company:
    """One company while it takes part."""

    node: Node
    context: JobContext
    documents: Documents
    runner: Runner

    async def offer(
        self, document: OwnDocument, wish: AcceptancePolicy, *, consumer: bytes, until: int
    ) -> DocumentRecord:
        """Register a document, offer it for a comparison, and consent; what was done before is not done again. Reverted
        or ChainError from the chain, ConfigError for a file that can't be read any more."""
        file = document.file
        record = await self._unused(file, consumer, wish)
        if record is None:
            record = await asyncio.to_thread(self._draft, file, wish, consumer, until)
        calls, offer = self.context.calls, record.offer
        consent = record.consent.expand(offer, record.scope, self.context.trust.name)
        for name, call in (
            ("register", calls.register(offer.dataset, Subjects.OWN, SCHEMA, record.commitment)),
            ("offer", calls.offer(offer)),
            ("grant", calls.grant(consent, record.signature)),
        ):
            await self.runner.intents.carry(f"{name}:{record.id.hex()}", call, self.context.address)
        self.documents.on_offer = record.id
        return record

    async def _unused(self, file: Path, consumer: bytes, wish: AcceptancePolicy) -> DocumentRecord | None:
        """A consent for this very document and wish that no job has used and nobody has ended."""
        for record in await asyncio.to_thread(self.documents.all):
            fits = (
                record.file == str(file.resolve())
                and (record.offer.consumer, record.offer.purpose) == (consumer, purpose_id(wish.purpose))
                and set(record.scope.parties) == {self.context.address, wish.partner, wish.service}
                and record.consent.not_after > time.time() + 3600
                and await asyncio.to_thread(commitment_of, file, record.salt) == record.commitment
            )
            if fits and await asyncio.to_thread(self._open, record):
                return record
        return None

    def _open(self, record: DocumentRecord) -> bool:
        if self.context.chain.consent(record.id).status not in (Status.NONE, Status.GIVEN):
            return False
        try:
            openings = self.context.chain.offer(record.offer.id).openings
        except NotFoundError:
            return True
        return openings < record.consent.first_opening + record.consent.uses

    def _draft(self, file: Path, wish: AcceptancePolicy, consumer: bytes, until: int) -> DocumentRecord:
        me, salt = self.context.address, secrets.token_bytes(32)
        # The contract judges by the time of the opening's block, which this machine's clock may be ahead of.
        start = self.context.chain.head().timestamp
        scope = Scope(
            title=TITLE,
            provider=me,
            purpose=wish.purpose,
            columns=(COLUMN,),
            output="comparison",
            recipes=(SPEC.name,),
            parties=tuple(dict.fromkeys((me, wish.partner, wish.service))),
            personal=False,
            salt=secrets.token_bytes(32),
        )
        offer = Offer(
            dataset=DatasetId(secrets.token_bytes(32)),
            consumer=consumer,
            purpose=purpose_id(wish.purpose),
            operations=int(SPEC.operations),
            scope=scope.hash,
        )
        fields = ConsentFields(
            owner=me,
            not_before=start,
            not_after=until,
            first_opening=0,
            uses=1,
            enrolment=NO_ENROLMENT,
            salt=secrets.token_bytes(32),
        )
        consent = derive(fields, offer, scope, self.context.trust.name)
        record = DocumentRecord(
            file=str(file.resolve()),
            name=tidied(file.name, 255),
            salt=salt,
            commitment=commitment_of(file, salt),
            offer=offer,
            scope=scope,
            consent=CompactConsent.of(consent),
            signature=self.context.signer.sign(self.context.deployment.consents.digest(consent.id)),
            id=consent.id,
            details=consent.details.hash,
        )
        self.documents.add(record)
        return record

    async def propose(self, request: ComparisonRequest, *, patience: float) -> JobRecord:
        """Propose the comparison as soon as partner and service are there, for `patience` seconds."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(_not_there),
            stop=stop_after_delay(patience),
            wait=wait_exponential_jitter(multiplier=0.5, max=2.0, jitter=0.5),
            reraise=True,
        )
        return await retrying(propose, self.runner.peer_client, self.documents, request)

    async def invited(self, consent: ConsentId, *, patience: float) -> JobRecord:
        """The latest job that was agreed upon with this consent; PeerError after `patience` seconds without one."""
        until = time.monotonic() + patience
        with listening(self.runner.store.due) as listener:
            while True:
                jobs = [
                    record
                    for record in await self.runner.store.threaded.all(going=True)
                    if any(plan_input.consent == consent for plan_input in record.plan.parties[record.party].inputs)
                ]
                if jobs:
                    return max(jobs, key=lambda record: record.created)
                left = until - time.monotonic()
                if left < 0:
                    raise PeerError(
                        "nobody proposed the comparison", expected=f"within {patience:g} s", code="peer.late"
                    )
                await listener.wait(min(left, _LOOK))

    async def ended(self, job: JobId, tell: Callable[[dict[str, Any]], None]) -> str:
        """How a job ended; `tell` hears what happens meanwhile, and what is waited for. The job's own times end it."""
        async with contextlib.aclosing(happenings(self.runner.store, job)) as stream:
            async for _, moment in stream:
                tell(moment)
        how = (await self.runner.store.threaded.job(job)).ended
        if how is None:
            raise StateError("a job that has ended goes on", found=to_hex(job))
        return how

    async def evidence(self, job: JobId) -> bytes:
        """What this company shows an auditor, signed; as a node's `/v1/jobs/{job}/trail`."""
        return (await signed(self.runner, job, Beside())).model_dump_json().encode()


def _not_there(error: BaseException) -> bool:
    return isinstance(error, PeerError) and error.code in ("peer.unreachable", "consent.unknown")


def _demand_once(context: JobContext, documents: Documents, plan: Plan) -> None:
    """PlanError unless the plan is about the document on offer now, and no other job of that consent was opened. (Of
    several that were not, the contract opens one.)"""
    (plan_input,) = plan.parties[plan.party_of(context.address)].inputs
    if plan_input.consent != documents.on_offer:
        raise PlanError("another document than the one on offer", found=to_hex(plan_input.consent), code="plan.stale")
    job = plan.job(context.deployment.jobs)
    for record in JobStore(context.engine).all(going=True):
        same = record.job != job and any(one.consent == plan_input.consent for one in record.plan.inputs)
        if same and context.chain.job(record.job).status is not JobStatus.NONE:
            raise PlanError("a job with this consent is going already", found=to_hex(record.job), code="plan.stale")


@contextlib.contextmanager
def alone(settings: NodeSettings) -> Iterator[bool]:
    """Whether this process is the only client of the folder; held until the end."""
    with (settings.folder / "client.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


@contextlib.asynccontextmanager
async def company(settings: NodeSettings, wish: AcceptancePolicy | None) -> AsyncIterator[Company]:
    """Opens the folder that `placet init` made, listens for peers, and goes on with what was left unfinished there.

    Without a wish no new plan is signed. DeploymentError for another chain; ConfigError for what is missing, and
    `client.busy` where another client runs in that folder.
    """
    with alone(settings) as mine:
        if not mine:
            raise ConfigError(
                "another client runs in this folder",
                found=settings.folder,
                remedy="one comparison at a time in a folder; wait for it, or end it",
                code="client.busy",
            )
        async with _opened(settings, wish) as here:
            yield here


@contextlib.asynccontextmanager
async def _opened(settings: NodeSettings, wish: AcceptancePolicy | None) -> AsyncIterator[Company]:
    node = await asyncio.to_thread(open_node, settings)
    await ask_chain(node.chain.check)
    documents = Documents(settings.folder / "documents")

    def accepts(context: JobContext, plan: Plan, terms: Terms) -> None:
        if wish is None:
            raise PlanError("this company takes on no new comparison now", code="plan.entry")
        wish.demand(context, plan, terms)
        _demand_once(context, documents, plan)

    def service(institution: Institution) -> HttpEnclaves:
        return HttpEnclaves(institution, node.keys.signer, node.deployment.consents)

    context = dataclasses.replace(
        lifetime.job_context(node),
        rows=None,
        payloads=None,
        consents=documents,
        scope=documents.scope,
        recipes=(SPEC.name,),
        extensions=(ComparedDocuments(documents, service, accepts),),
    )
    try:
        async with lifetime.following(node), lifetime.jobs(node, context, RUNS) as runner:
            yield Company(node, context, documents, runner)
    finally:
        node.engine.dispose()
