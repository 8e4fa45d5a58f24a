"""The node's HTTP application, and the loops that live as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.core.errors import ChainError, DeploymentError
from placet.jobs import asset_view as asset_view
from placet.jobs import match as match
from placet.jobs import match_statistics as match_statistics
from placet.jobs.certificates import tls_key
from placet.jobs.desk import Desk, EngineRoom
from placet.jobs.runner import Runner
from placet.node import consents_api, jobs_api, problems, public_api, relay, uses
from placet.node.config import NodeSettings
from placet.node.limits import RequestLimits
from placet.node.peers import PeerLink, PeerServer, context, private_key
from placet.node.problems import Problem
from placet.node.service import Node, open_node
from placet.vault.config import read_passphrase

log = logging.getLogger("placet.node")
_PROBE_SECONDS = 2.0


def create_app(settings: NodeSettings) -> FastAPI:
    """An institution's node. ConfigError for what is missing; refuses to start on another chain (DeploymentError).

    `app.state.node` is the `Node`. An endpoint that is out of reach at the start is waited for.
    """
    node = open_node(settings)
    _demand_right_chain(node)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _loops(node), _jobs(app, node):
            yield
        node.engine.dispose()

    app = FastAPI(
        title="Placet node",
        version=version("placet"),
        summary=f"{settings.institution.name}: consents, jobs and their trail",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.node = node
    app.include_router(consents_api.router)
    app.include_router(public_api.router)
    app.include_router(jobs_api.router)
    problems.install(app)
    app.add_middleware(RequestLimits, limits=settings.limits)
    app.add_middleware(_Counting, node=node)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _demand_right_chain(node: Node) -> None:
    try:
        node.chain.check()
    except DeploymentError:
        raise
    except ChainError as error:
        log.warning("no chain yet: %s", error.message)


@contextlib.asynccontextmanager
async def _loops(node: Node) -> AsyncIterator[None]:
    settings = node.settings
    tasks = [
        asyncio.create_task(relay.forever(node, "sender", 1.0, lambda: _send(node))),
        asyncio.create_task(relay.forever(node, "index", settings.sync_seconds, lambda: _follow(node))),
        asyncio.create_task(relay.forever(node, "vault", _PROBE_SECONDS, node.probe_vault)),
        asyncio.create_task(relay.forever(node, "relay", settings.batch_seconds, lambda: relay.turn(node))),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _jobs(app: FastAPI, node: Node) -> AsyncIterator[None]:
    """The jobs' runner and the port for other institutions."""
    folder = node.settings.folder / "keys"
    passphrase = read_passphrase(node.settings.path(node.settings.passphrase_file))
    certificate = (folder / "tls.crt").read_text()
    room = EngineRoom(
        host=node.settings.engine_host,
        ports=node.settings.engine_ports,
        key=private_key(folder, passphrase),
        scratch=node.settings.folder / "engine",
    )
    room.clear()
    outward = context(folder, passphrase, node.trust, server=False)
    runner = Runner(
        Desk(
            signer=node.keys.signer,
            recorder=node.keys.recorder,
            hpke=node.keys.hpke,
            tls_key=tls_key(certificate),
            engine=node.engine,
            chain=node.chain,
            index=node.index,
            sender=node.sender,
            calls=node.calls,
            vault=node.vault,
            trust=node.trust,
            deployment=node.deployment,
            peers=PeerLink(outward),
            room=room,
            scope=node.scopes.of,
            recipes=node.settings.policy.recipes,
            purposes=node.settings.policy.purposes,
            note_uses=functools.partial(uses.note_uses, node.engine),
        )
    )
    app.state.runner = runner
    inward = context(folder, passphrase, node.trust, server=True)
    peers = PeerServer(node.trust, functools.partial(jobs_api.answer_peer, runner))
    server = await peers.start(node.settings.peer_host, node.settings.peer_port, inward)
    task = asyncio.create_task(relay.forever(node, "jobs", node.settings.sync_seconds, runner.turn))
    try:
        yield
    finally:
        server.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.stop()


async def _follow(node: Node) -> None:
    await asyncio.to_thread(node.sync)
    await asyncio.to_thread(uses.follow, node)


async def _send(node: Node) -> None:
    node.health.loops["sender"] = "ok"
    await node.sender.run()


class _Counting:
    """ASGI middleware: counts answers by method, route template and status."""

    def __init__(self, app: ASGIApp, node: Node) -> None:
        self._app = app
        self._node = node

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._node.counts.requests[method, route, message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counted)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        for path in schema["paths"].values():
            for operation in path.values():
                answers = operation["responses"]
                answers["422"] = problems.problems(422)[422]
        app.openapi_schema = schema
    return app.openapi_schema
