"""A sandbox in a folder: up, down, status. Its servers outlive the process that started them.

`sandbox.json` says what was founded; `run/` has a record of each process, made by that process before it does anything
(`placet.sandbox.launch`). So `down` ends what was started, and nothing else, also where `up` was killed half-way:
it closes the folder first, after which nothing more starts in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from placet.chain.anvil import HOST, wait_until_up
from placet.chain.local import free_port, persistent_command, rpc
from placet.core.errors import ConfigError, StateError
from placet.core.values import Value, parse
from placet.sandbox import program
from placet.sandbox.consents import Tell, give
from placet.sandbox.consortium import STOP_SECONDS, Consortium, SandboxInstitution, healthy
from placet.sandbox.founding import Say, found, supply, write_passphrase
from placet.sandbox.launch import record

if TYPE_CHECKING:
    from placet.sandbox.setup import Setup

STATE = "sandbox.json"
REQUEST = "request.json"
STARTER = "up"
"""The record of the process that starts a sandbox or watches over it."""
STARTER_SECONDS = 120.0
"""That process ends all that it started by itself, after the commands that it waits for."""
CHAIN_ID = 31337
MAX_SOCKET = 100
"""Bytes of a socket's path; systems take 103 or 107."""
CONSENT_SECONDS = 365 * 86_400
MAX_STATE = 1 << 20


class InstitutionState(Value):
    """An institution as the state file has it; its folder is `key`, its vault's `key`-vault."""

    key: str
    name: str
    address: str
    api: str
    offer: str


class SandboxState(Value):
    """`sandbox.json`. Everything but the chain's port is empty until `founded`."""

    type: Literal["placet.sandbox"] = "placet.sandbox"
    version: Literal[1] = 1
    founded: bool = False
    port: int
    block_time: float
    consumer: str = ""
    recipe: str = ""
    institutions: tuple[InstitutionState, ...] = ()
    consent: str = ""
    consents: Annotated[int, Field(ge=0)] = 0
    token: str = ""
    enroller: str = ""
    auditor: str = ""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def servers(self) -> list[str]:
        """The names of all processes that belong to it, in the order in which they start."""
        keys = [one.key for one in self.institutions]
        return ["chain", *(f"{key}-{what}" for key in keys for what in ("vault", "node")), "enroller"]


@dataclass(frozen=True)
class SandboxServer:
    """A process: "up", "silent" (alive, but does not answer) or "ended"."""

    name: str
    state: Literal["up", "silent", "ended"]
    pid: int | None


@dataclass(frozen=True)
class SandboxStatus:
    """`phase`: "up" (all servers are), "starting", "broken" (some have ended), "down", "cut short" (never founded)."""

    folder: Path
    phase: Literal["up", "starting", "broken", "down", "cut short"]
    servers: tuple[SandboxServer, ...]


class SandboxChain:
    """The chain of a sandbox, somebody else's process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rpc(self, method: str, *params: object) -> Any:
        return rpc(self.url, method, *params)

    def block_number(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)


def up(
    folder: Path,
    setup: Callable[[], Setup],
    *,
    block_time: float = 1.0,
    say: Say = lambda text: None,
    tell: Tell = lambda number, all_: None,
) -> SandboxState:
    """Found a sandbox in an empty folder and start it; start what is down of one that was founded.

    StateError if another process starts one there or one was cut short, ConfigError if the folder holds other things.
    Whatever fails: everything that was started has ended.
    """
    folder = folder.absolute()
    blueprint = setup() if read_state(folder) is None else None
    if blueprint is not None:
        _demand_room(folder, blueprint.names)
    with _starting(folder) as state:
        if state is not None:
            say("starting what is down")
            group, servers = _restore(folder, state), program.recorded(folder)
            for name in state.servers:
                if name not in servers or not servers[name].alive:
                    _start(group, state, name)
            _wait_all(group)
            return state
        if blueprint is None:
            raise StateError("the sandbox was deleted meanwhile", found=folder)
        state = SandboxState(port=free_port(), block_time=block_time)
        _save(folder, state)
        write_passphrase(folder)
        group = _group(folder, state, blueprint.consumer, blueprint.offering.recipe)
        say("starting the chain")
        _start(group, state, "chain")
        found(group, blueprint.names, say)
        supply(group, blueprint.stock, blueprint.offering, say)
        say("persons consent, each under a key of its own")
        consents = give(group, blueprint.willing, seconds=CONSENT_SECONDS, uses=1000, tell=tell)
        state = _state(group, state, consents)
        request = group.request(purpose=blueprint.offering.purpose)
        (folder / REQUEST).write_text(json.dumps(request, indent=2) + "\n")
        _save(folder, state)
        return state


@contextlib.contextmanager
def _starting(folder: Path) -> Iterator[SandboxState | None]:
    """Alone in the folder, and open for processes; what was founded there."""
    records = folder / program.RECORDS
    state = read_state(folder)
    if state is None and folder.exists() and any(folder.iterdir()):
        raise ConfigError("the folder is not empty", expected="an empty one, or a sandbox's", found=folder)
    if state is not None and not state.founded and status(folder).phase == "cut short":
        raise StateError(
            "a start was cut short here", found=folder, remedy="placet sandbox down, then delete the folder"
        )
    records.mkdir(parents=True, exist_ok=True)
    with (records / "starting").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError("a sandbox is being started here already", found=folder) from None
        (records / "closed").unlink(missing_ok=True)
        record(records, STARTER)
        try:
            yield state
        except BaseException:
            down(folder)
            raise


def down(folder: Path) -> list[str]:
    """End all processes of a sandbox by their ids; the names of those that lived. Data and chain stay on disk.

    StateError if the folder is no sandbox's.
    """
    records = folder / program.RECORDS
    if not records.is_dir():
        raise StateError("no sandbox was started here", found=folder, remedy="give its folder")
    with (records / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (records / "closed").touch()
    servers = program.recorded(folder)
    alive = [name for name, server in servers.items() if server.alive and server.pid != os.getpid()]
    for some in (
        [name for name in alive if name == STARTER],
        [name for name in alive if name.endswith("-node") or name == "enroller"],
        [name for name in alive if name.endswith("-vault")],
        [name for name in alive if name == "chain"],
    ):
        _end([servers[name] for name in some], STARTER_SECONDS if some == [STARTER] else STOP_SECONDS)
    for name in servers:
        (records / f"{name}.json").unlink(missing_ok=True)
    return [name for name in alive if name != STARTER]


def _end(processes: Iterable[program.RecordedProcess], patience: float) -> None:
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, STOP_SECONDS)):
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.signal(number)
        deadline = time.monotonic() + seconds
        while alive := [process for process in processes if process.alive]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        processes = alive
    if processes:
        names = ", ".join(f"{process.name} ({process.pid})" for process in processes)
        raise StateError("processes did not end", found=names, remedy="end them by hand")


def status(folder: Path) -> SandboxStatus:
    """What lives of a sandbox; StateError if the folder is none's."""
    state, recorded = read_state(folder), program.recorded(folder)
    if state is None and not recorded:
        raise StateError("no sandbox was started here", found=folder, remedy="placet sandbox up")
    state = state or SandboxState(port=0, block_time=0)
    apis = {f"{one.key}-node": one.api for one in state.institutions} | {"enroller": state.enroller}
    servers = tuple(
        _server(recorded.get(name), name, apis.get(name))
        for name in (state.servers if state.founded else sorted(recorded.keys() - {STARTER}))
    )
    starter = STARTER in recorded and recorded[STARTER].alive
    states = {server.state for server in servers}
    if not state.founded:
        return SandboxStatus(folder, "starting" if starter else "cut short", servers)
    if states == {"up"}:
        return SandboxStatus(folder, "up", servers)
    return SandboxStatus(folder, "down" if states == {"ended"} else "broken", servers)


def _server(process: program.RecordedProcess | None, name: str, api: str | None) -> SandboxServer:
    if process is None or not process.alive:
        return SandboxServer(name, "ended", None)
    return SandboxServer(name, "silent" if api and not healthy(api) else "up", process.pid)


def watch(folder: Path, ended: Callable[[str], object], seconds: float = 1.0) -> None:
    """Until `down` closes the sandbox; `ended` is called once with the name of each server that ends before."""
    records, gone = folder / program.RECORDS, set[str]()
    while not (records / "closed").exists():
        for name, process in program.recorded(folder).items():
            if name != STARTER and name not in gone and not process.alive:
                gone.add(name)
                ended(name)
        time.sleep(seconds)


def read_state(folder: Path) -> SandboxState | None:
    """The state file, None if there is none; InputError if it is damaged."""
    file = folder / STATE
    return parse(SandboxState, file.read_bytes(), limit=MAX_STATE, what=str(file)) if file.is_file() else None


def _save(folder: Path, state: SandboxState) -> None:
    fresh = folder / f".{STATE}.new"
    fresh.write_text(state.model_dump_json(indent=2) + "\n")
    fresh.replace(folder / STATE)


def _demand_room(folder: Path, keys: Iterable[str]) -> None:
    longest = max(len(os.fsencode(folder / f"{key}-vault" / "vault.sock")) for key in keys)
    if longest > MAX_SOCKET:
        raise ConfigError(
            "the folder's path is too long for the vaults' sockets",
            expected=f"at most {MAX_SOCKET - longest + len(os.fsencode(folder))} bytes",
            found=folder,
            remedy="give a folder with a shorter path",
        )


def _group(folder: Path, state: SandboxState, consumer: str, recipe: str) -> Consortium:
    return Consortium(folder, SandboxChain(state.url), consumer=consumer, recipe=recipe, lasting=True)


def _restore(folder: Path, state: SandboxState) -> Consortium:
    group = _group(folder, state, state.consumer, state.recipe)
    for one in state.institutions:
        group.members[one.key] = SandboxInstitution(folder / one.key, one.name, one.address, one.api)
        group.offers[one.key] = one.offer
    group.own_consent, group.token = state.consent, state.token
    group.enroller, group.auditor = state.enroller, state.auditor
    return group


def _state(group: Consortium, state: SandboxState, consents: int) -> SandboxState:
    return state.model_copy(
        update={
            "founded": True,
            "consumer": group.consumer,
            "recipe": group.recipe,
            "institutions": tuple(
                InstitutionState(key=key, name=one.name, address=one.address, api=one.api, offer=group.offers[key])
                for key, one in group.members.items()
            ),
            "consent": group.own_consent,
            "consents": consents,
            "token": group.token,
            "enroller": group.enroller,
            "auditor": group.auditor,
        }
    )


def _start(group: Consortium, state: SandboxState, name: str) -> None:
    key, _, what = name.rpartition("-")
    if name == "chain":
        home, log = group.folder / "chain", group.folder / "chain.log"
        home.mkdir(exist_ok=True)
        command = persistent_command(home, state.port, CHAIN_ID, state.block_time)
        process = program.launch(group.folder, name, command, os.environ, log)
        wait_until_up(process, state.url, CHAIN_ID, log)
    elif name == "enroller":
        group.start_enroller()
    elif what == "vault":
        group.start_vault(key)
    else:
        group.start_node(key)


def _wait_all(group: Consortium) -> None:
    for key in group.members:
        group.wait_vault(key)
        group.wait_healthy(key)
    group.wait_enroller()
