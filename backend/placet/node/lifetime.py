"""What lives as long as a node does, or a company's client: the context, the loops, the port for other institutions."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path

from placet.chain.keystore import read_passphrase
from placet.chain.storage import overwrite_deleted
from placet.chain.threaded import ask_store
from placet.jobs.certificates import tls_key
from placet.jobs.context import EnginePorts, JobContext
from placet.jobs.kept_payloads import KeptPayloads, Retention
from placet.jobs.link import Acknowledged, unpack
from placet.jobs.messages import EraseRequest, EraseResponse
from placet.jobs.recipe import Runs
from placet.jobs.runner import Runner
from placet.node.config import NodeSettings
from placet.node.consents import erasing, uses
from placet.node.jobs.peers import PeerLink, PeerServer, private_key, tls_context
from placet.node.loops import GOING, PROBE_SECONDS, SLOW, follow_chain, run_forever, send, watch_index
from placet.node.service import Node
from placet.protocols.flower.extra import FlowerEngine


def flower_engine(settings: NodeSettings) -> FlowerEngine:
    """In the Python that the settings name, or in this one."""
    python = settings.flower_python
    return FlowerEngine.here() if python is None else FlowerEngine.at(settings.path(python))


def job_context(node: Node) -> JobContext:
    """One institution's means, as its settings have them."""
    folder, passphrase = _tls(node)
    ports = EnginePorts(
        host=node.settings.engine_host,
        ports=node.settings.engine_ports,
        key=private_key(folder, passphrase),
        scratch=node.settings.folder / "engine",
        flower=flower_engine(node.settings),
    )
    return JobContext(
        signer=node.keys.signer,
        recorder=node.keys.recorder,
        institution=node.address,
        hpke=node.keys.hpke,
        earlier_hpke=node.keys.earlier_hpke,
        tls_key=tls_key((folder / "tls.crt").read_text()),
        engine=node.engine,
        chain=node.chain,
        index=node.index,
        sender=node.sender,
        calls=node.calls,
        rows=node.vault,
        consents=node.vault,
        trust=node.trust,
        deployment=node.deployment,
        peers=PeerLink(tls_context(folder, passphrase, node.trust, server=False)),
        engine_ports=ports,
        scope=node.scopes.of,
        cards=node.cards.of,
        recipes=node.settings.policy.recipes,
        purposes=node.settings.policy.purposes,
        standing_recipes=node.settings.policy.standing,
        hold=node.settings.policy.hold,
        stakes={one.token: one.most for one in node.settings.policy.stakes},
        moved=node.moved,
        note_uses=functools.partial(uses.note_uses, node.engine),
        payloads=KeptPayloads(
            node.settings.received, node.keys.at_rest, Retention(**node.settings.replay.model_dump())
        ),
    )


@contextlib.asynccontextmanager
async def following(node: Node, *more: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """The sender of transactions, the index of events, and more loops."""
    works = (
        node.heads.run(),
        run_forever(node, "sender", 1.0, lambda: send(node)),
        run_forever(node, "index", node.settings.sync_seconds, lambda: follow_chain(node), node.heads.arrived),
        *more,
    )
    async with _running(works):
        yield


@contextlib.asynccontextmanager
async def watching(node: Node, *more: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """What a process beside the leader does by itself: look at the chain's head, at what is indexed, vault, storage."""
    works = (
        node.heads.run(),
        run_forever(node, "index", node.settings.sync_seconds, lambda: watch_index(node), node.heads.arrived),
        run_forever(node, "vault", PROBE_SECONDS, node.probe_vault),
        run_forever(node, "storage", PROBE_SECONDS, node.probe_storage),
        *more,
    )
    async with _running(works):
        yield


@contextlib.asynccontextmanager
async def _running(works: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def jobs(node: Node, context: JobContext, runs: Runs, door: socket.socket | None = None) -> AsyncIterator[Runner]:
    """The jobs' runner and the port for other institutions: that of the settings, unless there is a bound `door`."""
    context.engine_ports.clear()
    runner = Runner(context, runs)
    inward = tls_context(*_tls(node), node.trust, server=True)
    peers = PeerServer(node.trust, functools.partial(answer_peer, runner))
    server = await (
        peers.start(node.settings.peer_host, node.settings.peer_port, inward)
        if door is None
        else peers.start_on(door, inward)
    )
    seconds = node.settings.sync_seconds

    async def tick() -> float:
        return GOING if await runner.tick() else SLOW

    task = asyncio.create_task(run_forever(node, "jobs", seconds, tick, node.moved, runner.store.due))
    try:
        yield runner
    finally:
        server.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.stop()
        await context.engine_ports.close()


@contextlib.asynccontextmanager
async def telling(node: Node, runner: Runner) -> AsyncIterator[None]:
    """The erasures that owners asked for, told to other institutions. What a kill left in the database's log of what
    was deleted just before goes first."""
    await ask_store(overwrite_deleted, node.engine)

    async def ask(holder: bytes, request: EraseRequest) -> EraseResponse:
        return await runner.peer_client.ask(holder, "erase", request, EraseResponse)

    async with _running((run_forever(node, "erasures", 1.0, lambda: erasing.tick(node, ask), node.erasing),)):
        yield


async def answer_peer(runner: Runner, asker: bytes, what: str, body: bytes) -> bytes:
    """A message, or one question of another institution by its name. PeerError for one that does not exist."""
    if what == "message":
        acknowledgement = await runner.message(asker, *unpack(body))
        return Acknowledged(signature=acknowledgement).model_dump_json().encode()
    return (await runner.answers.answer(asker, what, body)).model_dump_json().encode()


def _tls(node: Node) -> tuple[Path, str]:
    return node.settings.folder / "keys", read_passphrase(node.settings.path(node.settings.passphrase_file))
