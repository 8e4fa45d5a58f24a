"""What institutions bring to a comparison besides rows: a company its document, a service its enclaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from placet.catalogue.contract_compare import SPEC
from placet.chain.states import EnclaveClass
from placet.chain.threaded import ask_chain
from placet.core.consent import Status
from placet.core.enclave_policy import CLASS_OF, Role
from placet.core.errors import AttestationError, ConsentError, PlanError
from placet.core.ids import JobId
from placet.core.masking import public_key
from placet.core.plan import Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.trust import Institution
from placet.core.values import to_hex
from placet.jobs.context import FreshEntry, JobContext, Questions
from placet.jobs.entries import named_input
from placet.protocols.enclave.evidence.model import measurement_id
from placet.recipes.contract_compare.documents import Documents
from placet.recipes.contract_compare.messages import DocumentRequest, DocumentResponse, EnclaveRequest, EnclaveResponse
from placet.recipes.contract_compare.sessions import EnclaveSessions, Proof


class EnclaveService(Protocol):
    """An institution that runs enclaves, as the companies of a job see it. Its own PlacetError where it says no."""

    async def prove(self, job: JobId, nonce: bytes) -> Proof:
        """What the job's enclave shows of itself, over this nonce."""

    async def upload(self, job: JobId, attempt: int, role: Role, file: Path) -> None:
        """The encrypted document, from where an upload was broken off."""

    async def download(self, job: JobId, party: int, *, size: int) -> bytes:
        """A party's masked result of so many bytes."""


@dataclass(frozen=True)
class ComparedDocuments:
    """A company's part. `service` reaches an institution that runs enclaves; `accepts` refuses a plan that this company
    has more to ask of than others (PlanError)."""

    documents: Documents
    service: Callable[[Institution], EnclaveService]
    accepts: Callable[[JobContext, Plan, Terms], None]

    def questions(self, context: JobContext, fresh: FreshEntry) -> Questions:
        async def prepare(asker: bytes, request: DocumentRequest) -> DocumentResponse:
            return await self._prepare(context, fresh, asker, request)

        return {"prepare-document": (DocumentRequest, prepare)}

    async def _prepare(
        self, context: JobContext, fresh: FreshEntry, asker: bytes, request: DocumentRequest
    ) -> DocumentResponse:
        """The consent for the document that this company offers now, if it is to the asker, for that purpose, by that
        service. ConsentError where there is none."""
        on_offer = self.documents.on_offer
        record = None if on_offer is None else self.documents.of(on_offer)
        if (
            record is None
            or (record.offer.consumer, record.offer.purpose) != (asker, purpose_id(request.purpose))
            or request.service not in record.scope.parties
            or (await ask_chain(context.chain.consent, record.id)).status is not Status.GIVEN
        ):
            raise ConsentError(
                "no document is offered for this",
                found=to_hex(asker),
                remedy="the other company gives: placet compare join",
                code="consent.unknown",
            )
        return DocumentResponse(
            entry=await fresh([(record.offer.id, record.id)]),
            input=await named_input(context, record.offer.id, record.id),
            key=public_key(context.hpke),
        )

    def demand(self, context: JobContext, plan: Plan, terms: Terms) -> None:
        self.accepts(context, plan, terms)

    def forget(self, job: JobId) -> None:
        self.documents.forget(job)


@dataclass(frozen=True)
class HostedEnclaves:
    """The part of an institution that runs enclaves for others."""

    sessions: EnclaveSessions

    def questions(self, context: JobContext, fresh: FreshEntry) -> Questions:
        async def prepare(asker: bytes, _: EnclaveRequest) -> EnclaveResponse:
            if SPEC.name not in context.recipes:
                raise PlanError("this institution does not take part in such a recipe", found=SPEC.name)
            return EnclaveResponse(entry=await fresh(()), policy=self.sessions.policy)

        return {"prepare-enclave": (EnclaveRequest, prepare)}

    def demand(self, context: JobContext, plan: Plan, terms: Terms) -> None:
        """PlanError unless a comparison names what runs here."""
        if terms.recipe == SPEC.name and SPEC.parse(terms.parameters).policy != self.sessions.policy:
            raise PlanError("the plan's policy is not for the enclave that runs here", code="plan.enclave")

    def forget(self, job: JobId) -> None:
        self.sessions.forget(job)


def demand_accepted(context: JobContext, plan: Plan, terms: Terms) -> None:
    """AttestationError unless the plan's provider of the enclave accepts on chain each measurement that its policy
    names, as of its class."""
    service = plan.parties[-1].signer
    head = context.chain.head().number
    for rule in SPEC.parse(terms.parameters).policy.rules:
        for measurement in rule.measurements:
            ident = measurement_id(rule.kind, measurement)
            acceptance = context.chain.acceptance(service, ident, block=head)
            if not acceptance.holds(EnclaveClass[CLASS_OF[rule.kind].upper()], head):
                raise AttestationError(
                    "the registry does not accept this measurement, or no longer",
                    found=ident.hex(),
                    remedy="the service accepts it first: placet enclave accept",
                    code="attestation.retired",
                )
