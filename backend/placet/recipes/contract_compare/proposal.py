"""A company's side as sponsor: from its wish for a comparison to a plan that all have signed."""

from __future__ import annotations

import asyncio
import secrets

from placet.catalogue.contract_compare import ENCLAVE, SPEC, ContractCompareParameters
from placet.chain.threaded import ask_chain
from placet.core.consent import Status
from placet.core.enclave_policy import ROLES, Recipient
from placet.core.errors import ConsentError
from placet.core.plan import Terms
from placet.core.values import Bytes32
from placet.jobs.entries import consumer_key, named_input, own_party
from placet.jobs.peer_client import PeerClient
from placet.jobs.proposal import agree, party_of, sponsored
from placet.jobs.records import JobRecord
from placet.recipes.contract_compare.documents import Documents
from placet.recipes.contract_compare.messages import (
    ComparisonRequest,
    DocumentRequest,
    DocumentResponse,
    EnclaveRequest,
    EnclaveResponse,
)


async def propose(peer_client: PeerClient, documents: Documents, request: ComparisonRequest) -> JobRecord:
    """Gather what partner and service bring, make the plan, have it signed by all, and keep it. Opens nothing yet.

    PlanError, ConsentError or AttestationError where somebody says no; PeerError where one does not answer.
    """
    context = peer_client.context
    record = documents.of(request.consent)
    if (await ask_chain(context.chain.consent, record.id)).status is not Status.GIVEN:
        raise ConsentError("the document's own consent is not given", code="consent.dead")
    seed = secrets.token_bytes(32)
    theirs, enclave = await asyncio.gather(
        peer_client.ask(
            request.partner,
            "prepare-document",
            DocumentRequest(purpose=request.purpose, service=request.service),
            DocumentResponse,
        ),
        peer_client.ask(request.service, "prepare-enclave", EnclaveRequest(), EnclaveResponse),
    )
    now = await ask_chain(context.chain.now)
    mine = ROLES.index(request.role)
    keys: dict[int, Bytes32] = {mine: consumer_key(context), 1 - mine: theirs.key}
    parameters = ContractCompareParameters(
        policy=enclave.policy, recipients=tuple(Recipient(party=p, key=keys[p]) for p in sorted(keys))
    )
    classes = sorted(enclave.policy.classes)
    terms = Terms(
        recipe=SPEC.name,
        recipe_version=SPEC.version,
        engine=classes[0],
        parameters=parameters.to_json(),
        roles=(*ROLES, ENCLAVE),
        inputs=ROLES,
        block=await ask_chain(context.chain.confirmed),
        consumer_key=consumer_key(context),
        on_withdrawal=SPEC.on_withdrawal,
    )
    companies: dict[int, dict[str, object]] = {
        mine: {
            **own_party(context, seed),
            "reward": 0,
            "output": True,
            "inputs": [await named_input(context, record.offer.id, record.id)],
        },
        1 - mine: party_of(request.partner, theirs.entry, 0, True, [theirs.input]),
    }
    service = party_of(request.service, enclave.entry, request.reward, False, ())
    plan = sponsored(context, request, terms, [companies[0], companies[1], service], now)
    return await agree(peer_client, plan, terms, mine, seed)
