"""Routes for everybody and for operators: datasets, health, metrics."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response

from placet.chain.threaded import ask_chain
from placet.core.ids import ConsentId, JobId
from placet.core.values import Bytes32
from placet.node.config import DatasetWords
from placet.node.consents import models
from placet.node.http import metrics
from placet.node.http.auth import Audience, Institution, audience_of
from placet.node.http.dependencies import ClientAddress, TheNode
from placet.node.http.health_words import words_of
from placet.node.http.problems import problems
from placet.node.service import Node
from placet.node.state import batches, consents, reading, withdrawals

router = APIRouter(tags=["node"])


@router.get("/v1/datasets", response_model=models.Datasets, responses=problems())
async def datasets(node: TheNode, client: ClientAddress, request: Request, response: Response) -> models.Datasets:
    """Those of this institution's datasets that the asker may know of, and what the chain says of them. Numbers of rows
    are for the institution itself; a signed request shows that another institution of the trust list asks."""
    node.clients.take("drafts", client, node.settings.limits.drafts_per_client_minute)
    node.demand_chain()
    return models.Datasets(datasets=await described(node, await audience_of(node, request, response)))


async def described(node: Node, audience: Audience) -> list[models.DatasetResponse]:
    """The datasets that these may know of."""
    entries = []
    for info in await node.tables():
        words = node.settings.datasets.get(info.name, DatasetWords())
        if not audience.knows(words.visible):
            continue
        state = await ask_chain(node.dataset, info.dataset)
        lineage = None if info.origin is None else await ask_chain(node.lineage, info.dataset)
        entries.append(
            models.DatasetResponse(
                name=info.name,
                id=info.dataset,
                schema_hash=info.schema_hash,
                columns=list(info.columns),
                identifier=info.identifier,
                namespace=info.table.namespace,
                decimals=info.decimals,
                personal=info.personal,
                origin=info.origin,
                lineage=None
                if lineage is None
                else models.LineageResponse(inputs=len(lineage.withdrawn), withdrawn=lineage.total),
                commitment=info.commitment,
                provider=models.Named(address=node.address, name=node.settings.institution.name),
                budget=None if state is None else state.budget,
                spent=None if state is None else state.spent,
                rows=info.rows if audience is Audience.ITSELF else None,
                about=words.about,
                refreshed=words.refreshed,
                meanings={
                    column: models.ColumnMeaning(**dict(one))
                    for column, one in words.columns.items()
                    if column in info.columns
                },
            )
        )
    return entries


@router.get("/v1/trust", response_model=models.WhoIsWho, responses=problems())
async def trust(node: TheNode, client: ClientAddress) -> models.WhoIsWho:
    """Whose node this is, which contracts it uses, and the trust list: by its names a page derives what owners sign."""
    node.clients.take("drafts", client, node.settings.limits.drafts_per_client_minute)
    return models.WhoIsWho(
        institution=node.address,
        deployment=node.deployment,
        trust=node.trust,
        passkey_rp=node.settings.passkeys.rp,
    )


@router.get("/v1/transactions/{transaction}", response_model=models.ChainTransaction, responses=problems())
async def transaction(node: TheNode, client: ClientAddress, transaction: Bytes32) -> models.ChainTransaction:
    """What a transaction is about, as this node's endpoint has it: for the auditor's page, which asks no chain."""
    node.clients.take("drafts", client, node.settings.limits.drafts_per_client_minute)
    node.demand_chain()
    events = await ask_chain(node.chain.logs.of_transaction, transaction)
    jobs: set[JobId] = {event.job for event in events if hasattr(event, "job")}
    consents_: set[ConsentId] = {event.consent for event in events if hasattr(event, "consent")}
    return models.ChainTransaction(jobs=sorted(jobs), consents=sorted(consents_))


@router.get("/healthz", response_model=models.Healthz, responses={503: {"model": models.Healthz}})
async def healthz(node: TheNode, response: Response) -> models.Healthz:
    """Whether chain, vault and loops were well when they last looked; 503 if not. Asks nobody, tells codes alone."""
    health = node.health
    chain = health.chain_error or "ok"
    loops = {**health.loops, "sender": node.sender.trouble.code() or health.loops.get("sender", "ok")}
    ok = all(state == "ok" for state in (chain, health.vault, health.storage, *loops.values()))
    response.status_code = 200 if ok else 503
    return models.Healthz(
        ok=ok,
        chain=chain,
        vault=health.vault,
        storage=health.storage,
        head=health.head,
        indexed=health.indexed,
        lag=health.lag(),
        counts=health.counts,
        finality="late" if health.is_late else "ok",
        loops=loops,
        words=words_of(health, chain, loops),
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **problems(401, 403)})
async def prometheus(node: TheNode, _: Institution) -> Response:
    """Prometheus' text format."""
    return Response(await asyncio.to_thread(_metrics, node), media_type=metrics.CONTENT_TYPE)


def _metrics(node: Node) -> str:
    with reading(node.engine) as connection:
        by_status = connection.execute(sa.select(consents.c.status, sa.func.count()).group_by(consents.c.status)).all()
        by_batch = connection.execute(sa.select(batches.c.state, sa.func.count()).group_by(batches.c.state)).all()
        by_end = connection.execute(sa.select(withdrawals.c.state, sa.func.count()).group_by(withdrawals.c.state)).all()
    health, counts = node.health, node.counts
    requests = sorted(counts.requests.items())
    return "".join(
        (
            metrics.family("placet_chain_up", "gauge", "1 if it answers.", [({}, health.chain_error is None)]),
            metrics.family("placet_chain_head", "gauge", "Latest block.", [({}, health.head or 0)]),
            metrics.family("placet_chain_counts", "gauge", "Last block for good.", [({}, health.counts or 0)]),
            metrics.family("placet_chain_final", "gauge", "0 if finality stands still.", [({}, not health.is_late)]),
            metrics.family("placet_index_lag", "gauge", "Blocks not indexed yet.", [({}, health.lag() or 0)]),
            metrics.family("placet_storage_up", "gauge", "1 if it takes writes.", [({}, health.storage == "ok")]),
            metrics.family(
                "placet_loop_up",
                "gauge",
                "1 if its last turn succeeded.",
                [({"loop": name}, state == "ok") for name, state in sorted(health.loops.items())],
            ),
            metrics.family(
                "placet_sender_up",
                "gauge",
                "1 if the endpoint takes transactions.",
                [({}, node.sender.trouble.code() is None)],
            ),
            metrics.family(
                "placet_sender_refused_blocks",
                "gauge",
                "For how many blocks the endpoint has refused a transaction.",
                [({}, node.sender.trouble.refused_blocks() or 0)],
            ),
            metrics.family(
                "placet_consents", "gauge", "Consents taken, by state.", [({"state": s}, n) for s, n in by_status]
            ),
            metrics.family("placet_batches", "gauge", "Batches, by state.", [({"state": s}, n) for s, n in by_batch]),
            metrics.family(
                "placet_withdrawals", "gauge", "Withdrawals relayed, by state.", [({"state": s}, n) for s, n in by_end]
            ),
            metrics.family("placet_batches_anchored_total", "counter", "Since the start.", [({}, counts.batches)]),
            metrics.family("placet_consents_given_total", "counter", "Since the start.", [({}, counts.relayed)]),
            metrics.family(
                "placet_http_requests_total",
                "counter",
                "Requests answered since the start.",
                [({"method": m, "route": r, "status": str(s)}, n) for (m, r, s), n in requests],
            ),
        )
    )
