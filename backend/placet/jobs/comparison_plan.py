"""A company's side as sponsor: from its wish for a comparison to a plan that all have signed."""

from __future__ import annotations

import asyncio
import secrets

from placet.core.consent import Status
from placet.core.errors import ConsentError, PlanError
from placet.core.plan import Terms
from placet.core.purposes import Operation, purpose_id
from placet.core.values import ZERO20, Bytes32
from placet.jobs.agreement import consumer_key, own_party
from placet.jobs.asking import (
    ComparisonRequest,
    PreparedDocument,
    PreparedEnclave,
    PrepareDocument,
    PrepareEnclave,
)
from placet.jobs.entries import named_input
from placet.jobs.proposal import Asking, agree, party_of, sound
from placet.jobs.recipe import recipe
from placet.jobs.store import Record
from placet.protocols.enclave.comparing import ENCLAVE, RECIPE, Parameters
from placet.protocols.enclave.sealed.task import ROLES, Recipient


async def propose_comparison(asking: Asking, wanted: ComparisonRequest) -> Record:
    """Gather what partner and service bring, make the plan, have it signed by all, and keep it. Opens nothing yet.

    PlanError, ConsentError or AttestationError where somebody says no; PeerError where one does not answer.
    """
    desk = asking.desk
    if desk.documents is None:
        raise PlanError("only a company's own client proposes a comparison", remedy="placet compare start")
    record = desk.documents.of(wanted.consent)
    if (await asyncio.to_thread(desk.chain.consent, record.id)).status is not Status.GIVEN:
        raise ConsentError("the document's own consent is not given", code="consent.dead")
    known, seed = recipe(RECIPE), secrets.token_bytes(32)
    theirs, enclave = await asyncio.gather(
        asking.ask(
            wanted.partner,
            "prepare-document",
            PrepareDocument(purpose=wanted.purpose, service=wanted.service),
            PreparedDocument,
        ),
        asking.ask(wanted.service, "prepare-enclave", PrepareEnclave(), PreparedEnclave),
    )
    now = await asyncio.to_thread(desk.chain.now)
    mine = ROLES.index(wanted.role)
    keys: dict[int, Bytes32] = {mine: consumer_key(desk), 1 - mine: theirs.key}
    parameters = Parameters(
        policy=enclave.policy, recipients=tuple(Recipient(party=p, key=keys[p]) for p in sorted(keys))
    )
    classes = sorted(enclave.policy.classes)
    terms = Terms(
        recipe=RECIPE,
        recipe_version=known.version,
        engine=classes[0],
        parameters=parameters.to_json(),
        roles=(*ROLES, ENCLAVE),
        inputs=ROLES,
        block=await asyncio.to_thread(desk.chain.confirmed),
        consumer_key=consumer_key(desk),
        on_withdrawal=known.on_withdrawal,
    )
    companies: dict[int, dict[str, object]] = {
        mine: {
            **own_party(desk, seed),
            "reward": 0,
            "output": True,
            "inputs": [await named_input(desk, record.offer.id, record.id)],
        },
        1 - mine: party_of(wanted.partner, theirs.entry, 0, theirs.input),
    }
    deadline = now + wanted.open_seconds + wanted.deadline_seconds
    plan = sound(
        {
            "terms": terms.hash,
            "consumer": desk.address,
            "purpose": purpose_id(wanted.purpose),
            "operations": int(Operation.TEE),
            "sponsor": desk.address,
            "token": wanted.token if wanted.reward else ZERO20,
            "open_by": now + wanted.open_seconds,
            "deadline": deadline,
            "settle_by": deadline + wanted.settle_seconds,
            "salt": secrets.token_bytes(32),
            "parties": [companies[0], companies[1], party_of(wanted.service, enclave.entry, wanted.reward, None)],
        }
    )
    return await agree(asking, plan, terms, mine, seed)
