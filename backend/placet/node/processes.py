"""An institution of several processes on PostgreSQL: `api`, any number of times, and `worker`, of which one leads.

people, programs ──▶ api ──┬── consents, withdrawals, sessions, limits ──▶ database, vault
                           └── jobs ──▶ the leader, by the address that it has in the database
institutions ──────▶ api ───── their own TLS, passed on ──▶ the leader
                                                 leader: relay, sender, index, jobs, engines
a process that is alone (`all`) does everything; on PostgreSQL it too has to lead
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from placet.chain.keystore import read_passphrase
from placet.chain.migrations import upgrade
from placet.chain.signals import Signal
from placet.chain.storage import storage_error
from placet.chain.threaded import ask_store
from placet.node import lifetime
from placet.node.app import ROUTERS, application, working
from placet.node.config import NodeSettings, ProcessRole
from placet.node.http.dependencies import runner_of
from placet.node.http.sessions import SharedSessions
from placet.node.http.shared_limits import SharedRates, SharedReservations
from placet.node.leader_link import HOST, LeaderLink, ToLeader, own_tls
from placet.node.leadership import Leadership, Presence, call, demand_postgresql
from placet.node.loops import run_forever
from placet.node.migrations import NODE
from placet.node.service import Node, open_node
from placet.node.serving import server_options
from placet.node.shared_index import SharedIndex
from placet.node.state import open_engine
from placet.vault.client import VaultClient

EXCHANGE_SECONDS = 1.0
_LOOK_SECONDS = 0.5
_VAULT_CONNECTIONS = 4
"""Of an api process: groups of consents, each one call."""

log = logging.getLogger("placet.node.processes")


def run_api(settings: NodeSettings) -> None:
    """Answer people and institutions until told to end. ConfigError `role.database` without PostgreSQL."""
    demand_postgresql(settings.database)
    uvicorn.run(api_app(settings), **server_options(settings))


def run_leading(settings: NodeSettings, role: ProcessRole) -> None:
    """Wait until this process leads, then do what a leader does, until told to end. Ends the process where another may
    lead. ConfigError `role.database` without PostgreSQL."""
    leadership = Leadership(settings.database)
    upgrade(leadership.database, NODE)
    with contextlib.ExitStack() as doors:
        door = peer_door = None
        if role is ProcessRole.WORKER:
            door, peer_door = (doors.enter_context(socket.create_server((HOST, 0))) for _ in range(2))
        app = leading_app(settings, leadership.database, role, peer_door)
        leadership.wait()
        ports = [0 if one is None else one.getsockname()[1] for one in (door, peer_door)]
        node: Node = app.state.node
        leadership.hold(Presence(ports[0], ports[1], lambda: node.health.indexed), lambda: _wake(node), _end_at_once)
        options = server_options(settings) if door is None else _inner_options(settings)
        server = uvicorn.Server(uvicorn.Config(app, **options))
        server.run(sockets=None if door is None else [door])
        leadership.end()


def api_app(settings: NodeSettings) -> FastAPI:
    """The application of an api process."""
    engine = open_engine(settings.database)
    node = _sharing(open_node(settings, engine))
    node.index = SharedIndex(engine, node.chain)
    node.vault = VaultClient(settings.path(settings.vault_socket), at_once=_VAULT_CONNECTIONS)
    node.relaying = _Call(engine)
    link = LeaderLink(engine, own_tls(settings.folder / "keys", _passphrase(settings)))

    @contextlib.asynccontextmanager
    async def alive(app: FastAPI, node: Node) -> AsyncIterator[None]:
        server = await asyncio.start_server(link.splice, settings.peer_host, settings.peer_port)
        loops = (run_forever(node, "leader", _LOOK_SECONDS, link.look), _exchanging(node))
        try:
            async with lifetime.watching(node, *loops):
                yield
        finally:
            server.close()
            await link.close()

    app = application(node, alive)
    app.add_middleware(ToLeader, link=link, routers=ROUTERS, needs=runner_of, limits=settings.limits)
    return app


def leading_app(settings: NodeSettings, engine: sa.Engine, role: ProcessRole, peers: socket.socket | None) -> FastAPI:
    """The application of the process that leads, or of the only one."""
    node = open_node(settings, engine)
    if role is ProcessRole.ALL:
        return application(node, working)
    node = _sharing(node)

    @contextlib.asynccontextmanager
    async def alive(app: FastAPI, node: Node) -> AsyncIterator[None]:
        async with working(app, node, peers, _exchanging(node)):
            yield

    return application(node, alive)


def _sharing(node: Node) -> Node:
    rates = SharedRates(node.engine, node.subjects)
    node.clients, node.sessions = rates, SharedSessions(node.engine)
    node.reservations = SharedReservations(node.engine, f"{os.getpid()}-{os.urandom(8).hex()}")
    return node


async def _exchanging(node: Node) -> None:
    rates = node.clients

    async def exchange() -> None:
        if isinstance(rates, SharedRates):
            await ask_store(rates.exchange)

    await run_forever(node, "limits", EXCHANGE_SECONDS, exchange)


def _passphrase(settings: NodeSettings) -> str:
    return read_passphrase(settings.path(settings.passphrase_file))


def _inner_options(settings: NodeSettings) -> dict[str, Any]:
    """How a worker serves: its own institution's processes alone, which tell for whom they ask."""
    keys = settings.folder / "keys"

    def tls(*_: Any) -> Any:
        return own_tls(keys, _passphrase(settings), server=True)

    trusting = settings.model_copy(update={"trusted_proxies": (ip_network(f"{HOST}/32"),)})
    return server_options(trusting) | {"ssl_context_factory": tls}


def _wake(node: Node) -> None:
    node.relaying.send()
    node.sender.look()


def _end_at_once() -> None:
    """As if it were killed, which may happen to it at any time."""
    logging.shutdown()
    os._exit(1)


class _Call(Signal):
    """Wakes the leader too."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__()
        self._engine = engine

    def send(self) -> None:
        super().send()
        try:
            call(self._engine)
        except Exception as error:  # a signal that is lost costs time and nothing else
            log.info("the leader was not woken: %s", storage_error(error) or type(error).__name__)
