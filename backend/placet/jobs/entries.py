"""What a party brings into a plan: its entry under a fresh seed, its own consents, and to a comparison of documents its
document or its enclave."""

from __future__ import annotations

import asyncio
import secrets

from placet.chain.client import EnclaveClass
from placet.core.consent import Status
from placet.core.errors import AttestationError, ConsentError, PlanError
from placet.core.masking import public_key
from placet.core.plan import Input, Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.values import ZERO32, to_hex
from placet.jobs.context import JobContext
from placet.jobs.messages import (
    DocumentRequest,
    DocumentResponse,
    EnclaveRequest,
    EnclaveResponse,
    PartyEntry,
)
from placet.jobs.sealing import AtRest, seed_commitment
from placet.jobs.store import JobStore
from placet.protocols.enclave.comparing import RECIPE, parameters_of
from placet.protocols.enclave.evidence.model import measurement_id
from placet.protocols.enclave.evidence.policy import CLASS_OF


class Entries:
    """Answers to the two questions; each drawn seed is kept until a plan uses it."""

    def __init__(self, context: JobContext, store: JobStore) -> None:
        self._context = context
        self._store = store
        self._at_rest = AtRest(context.hpke)

    async def document(self, asker: bytes, wanted: DocumentRequest) -> DocumentResponse:
        """The consent for the document that this company offers now, if it is to the asker, for that purpose, by that
        service. ConsentError where there is none."""
        context = self._context
        self._demand_recipe()
        if context.documents is None:
            raise PlanError("this institution brings no documents", code="document.unknown")
        record = None if context.documents.on_offer is None else context.documents.of(context.documents.on_offer)
        if (
            record is None
            or (record.offer.consumer, record.offer.purpose) != (asker, purpose_id(wanted.purpose))
            or wanted.service not in record.scope.parties
            or (await asyncio.to_thread(context.chain.consent, record.id)).status is not Status.GIVEN
        ):
            raise ConsentError(
                "no document is offered for this",
                found=to_hex(asker),
                remedy="the other company gives: placet compare join",
                code="consent.unknown",
            )
        return DocumentResponse(
            entry=await self.fresh(record.offer.id, record.id),
            input=await named_input(context, record.offer.id, record.id),
            key=public_key(context.hpke),
        )

    async def enclave(self, asker: bytes, _: EnclaveRequest) -> EnclaveResponse:
        """What a plan's policy must say to run here."""
        self._demand_recipe()
        if self._context.sessions is None:
            raise PlanError("this institution runs no enclaves", found=to_hex(asker), code="enclave.none")
        return EnclaveResponse(entry=await self.fresh(ZERO32, ZERO32), policy=self._context.sessions.policy)

    def _demand_recipe(self) -> None:
        if RECIPE not in self._context.recipes:
            raise PlanError("this institution does not take part in such a recipe", found=RECIPE)

    async def fresh(self, offer: bytes, root: bytes) -> PartyEntry:
        """An entry under a new seed, prepared for an offer and a root (a consent's id; zero for no input)."""
        context, seed = self._context, secrets.token_bytes(32)
        commitment = seed_commitment(seed)
        now = await asyncio.to_thread(context.chain.now)
        self._store.prepare(commitment, self._at_rest.close(b"seed", seed), offer, root, now)
        return PartyEntry(
            recorder=context.recorder.address, payee=context.address, tls_key=context.tls_key, seed=commitment
        )


async def named_input(context: JobContext, offer: bytes, consent: bytes) -> Input:
    """An own consent as a plan names it now."""
    epoch = (await asyncio.to_thread(context.chain.offer, offer)).epoch
    state = await asyncio.to_thread(context.chain.consent, consent)
    return Input(offer=offer, consent=consent, epoch=epoch, opens_before=state.first_opening + state.uses)


def demand_own_policy(context: JobContext, terms: Terms) -> None:
    """PlanError unless a plan that this institution runs the enclave for names what it runs."""
    if (
        terms.recipe == RECIPE
        and context.sessions is not None
        and parameters_of(terms).policy != context.sessions.policy
    ):
        raise PlanError("the plan's policy is not for the enclave that runs here", code="plan.enclave")


def demand_accepted(context: JobContext, plan: Plan, terms: Terms) -> None:
    """AttestationError unless the plan's provider of the enclave accepts on chain each measurement that its policy
    names, as of its class."""
    service = plan.parties[-1].signer
    head = context.chain.head().number
    for rule in parameters_of(terms).policy.rules:
        for measurement in rule.measurements:
            ident = measurement_id(rule.kind, measurement)
            found = context.chain.acceptance(service, ident, block=head)
            if not found.holds(EnclaveClass[CLASS_OF[rule.kind].upper()], head):
                raise AttestationError(
                    "the registry does not accept this measurement, or no longer",
                    found=ident.hex(),
                    remedy="the service accepts it first: placet enclave accept",
                    code="attestation.retired",
                )
