"""The node's HTTP application, and the loops that live as long as it does."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.core.errors import ChainError, DeploymentError
from placet.node import lifetime
from placet.node.config import NodeSettings
from placet.node.consents import api as consents_api
from placet.node.consents import relay
from placet.node.enclaves import api as enclave_api
from placet.node.enclaves.platform import enclaves
from placet.node.http import institution_api, problems, proofs_api, public_api, sessions_api
from placet.node.http.cross_origin import OwnersFromAnywhere
from placet.node.http.limits import RequestLimits
from placet.node.http.problems import Problem
from placet.node.http.schemas import declare_recipes
from placet.node.jobs import api as jobs_api
from placet.node.jobs import models as models_api
from placet.node.jobs import offered_api, planning_api, plans_api, sampling_api, standing_api
from placet.node.loops import PROBE_SECONDS, run_forever
from placet.node.service import Node, open_node
from placet.node.traces import exporting
from placet.pages.serving import pages_router
from placet.recipes.contract_compare.extension import HostedEnclaves
from placet.recipes.runs import RUNS
from placet.serving.related_origins import related_origins_router

log = logging.getLogger("placet.node")
ROUTERS = (
    institution_api.router,  # before the consents', whose {id} takes any word
    consents_api.router,
    public_api.router,
    proofs_api.router,
    sessions_api.router,
    jobs_api.router,
    sampling_api.router,
    plans_api.router,
    offered_api.router,
    planning_api.router,
    standing_api.router,
    models_api.router,
    enclave_api.router,
)
"""All routes but those of pages. The first that fits answers."""
Alive = Callable[[FastAPI, Node], AbstractAsyncContextManager[None]]
"""What lives as long as the application does."""


def create_app(settings: NodeSettings) -> FastAPI:
    """An institution's node. ConfigError for what is missing; refuses to start on another chain (DeploymentError).

    `app.state.node` is the `Node`. An endpoint that is out of reach at the start is waited for.
    """
    return application(open_node(settings), working)


def application(node: Node, alive: Alive) -> FastAPI:
    """The node's routes, and what lives beside them. DeploymentError on another chain."""
    settings = node.settings
    _demand_right_chain(node)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with alive(app, node):
            yield
        node.withdrawing.shutdown(wait=False)
        node.signers.close()
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
    pages = pages_router(_servers(node), settings.institution.name)
    for router in (*ROUTERS, pages, related_origins_router(settings.passkeys.origins)):
        app.router.routes.extend(router.routes)  # include_router would work all of them out once more at each start
    problems.install(app)
    app.add_middleware(RequestLimits, limits=settings.limits)
    app.add_middleware(OwnersFromAnywhere)
    app.add_middleware(_Counting, node=node)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _servers(node: Node) -> tuple[str, ...]:
    """Whom an owner's page asks beside this node: enrollers, and other nodes that take a withdrawal."""
    trust = node.trust
    return (*(one.api for one in trust.institutions), *(one.api for one in trust.enrollers if one.api is not None))


def _demand_right_chain(node: Node) -> None:
    try:
        node.chain.check()
    except DeploymentError:
        raise
    except ChainError as error:
        log.warning("no chain yet: %s", error)


@contextlib.asynccontextmanager
async def working(
    app: FastAPI, node: Node, door: socket.socket | None = None, *more: Coroutine[None, None, None]
) -> AsyncIterator[None]:
    """What one process of an institution alone may do: relay, index, jobs. Other institutions are heard at `door`, or
    where the settings say."""
    loops = (
        run_forever(node, "vault", PROBE_SECONDS, node.probe_vault),
        run_forever(node, "storage", PROBE_SECONDS, node.probe_storage),
        run_forever(node, "relay", 1.0, lambda: relay.gathered(node), node.relaying, node.moved),
        *more,
    )
    async with lifetime.following(node, *loops), enclaves(node) as sessions:
        extensions = () if sessions is None else (HostedEnclaves(sessions),)
        context = dataclasses.replace(lifetime.job_context(node), extensions=extensions)
        async with lifetime.jobs(node, context, RUNS, door) as runner, lifetime.telling(node, runner):
            app.state.runner = runner
            async with exporting(node.settings.traces, node.address, node.settings.institution.name, runner.store):
                yield


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
        declare_recipes(schema)
        for path in schema["paths"].values():
            for operation in path.values():
                answers = operation["responses"]
                answers["422"] = problems.problems(422)[422]
        app.openapi_schema = schema
    return app.openapi_schema
