"""Routes for who checks a proof: what this node's chain says of its key, of its job or of its tree of consents. The
proof never comes here."""

from __future__ import annotations

from fastapi import APIRouter

from placet.chain.consent_trees import ConsentQuestion, consent_on_chain
from placet.chain.events import JobOpened
from placet.chain.statements import registered_key
from placet.chain.threaded import ask_chain
from placet.core.errors import NotFoundError
from placet.core.ids import JobId, OfferId, StatementId
from placet.core.statements import FieldBytes
from placet.core.values import Bytes32, to_hex
from placet.node.consents import models
from placet.node.http.dependencies import ClientAddress, TheNode
from placet.node.http.problems import problems
from placet.node.service import Node

router = APIRouter(prefix="/v1/proofs", tags=["proofs"])


@router.get("/keys/{key}", response_model=models.ProofKey, responses=problems(404))
async def proof_key(node: TheNode, client: ClientAddress, key: Bytes32) -> models.ProofKey:
    """A verification key as it is registered, and who made it: all of them confirmed that it came out. `proof.ceremony`
    where they did not, `proof.test-key` for one person's where the contracts take none."""
    _admit(node, client)
    registered = await ask_chain(registered_key, node.chain, key)
    return models.ProofKey(key=registered.verification, contributors=list(registered.contributors))


@router.get("/jobs/{job}", response_model=models.ProofJob, responses=problems(404))
async def proof_job(node: TheNode, client: ClientAddress, job: JobId) -> models.ProofJob:
    """Whose job it is, and how it stands at the network's confirmation depth."""
    _admit(node, client)
    return await ask_chain(_job, node, job)


@router.get("/consents/{statement}", response_model=models.ProofConsent, responses=problems(404))
async def proof_consent(
    node: TheNode,
    client: ClientAddress,
    statement: StatementId,
    key: Bytes32,
    offer: OfferId,
    root: FieldBytes,
    nullifier: FieldBytes,
) -> models.ProofConsent:
    """Whose offer it is, whether its tree of live consents with this root is live, whether a statement with this
    nullifier is recorded under the key, and whether it is the one with this id: all of one block, the latest."""
    _admit(node, client)
    question = ConsentQuestion(statement, key, offer, root, nullifier)
    stand = await ask_chain(consent_on_chain, node.chain, question)
    return models.ProofConsent(
        block=stand.block,
        time=stand.time,
        provider=stand.provider,
        state=stand.state.name.lower(),
        leaves=stand.tree.leaves if stand.tree else 0,
        until=stand.tree.until if stand.tree else 0,
        used=stand.is_used,
        recorded=stand.recorded_at,
        confirmed=stand.is_confirmed,
    )


def _admit(node: Node, client: str) -> None:
    node.clients.take("proofs", client, node.settings.limits.drafts_per_client_minute)
    node.demand_chain()


def _job(node: Node, job: JobId) -> models.ProofJob:
    confirmed = node.chain.confirmed()
    opened = [event for event in node.index.job_events(job, confirmed) if isinstance(event, JobOpened)]
    if not opened:
        raise NotFoundError("no such job on chain", found=to_hex(job))
    status = node.chain.job(job, block=confirmed).status
    return models.ProofJob(consumer=opened[0].consumer, status=status.name.lower())
