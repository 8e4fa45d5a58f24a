"""A local Ethereum chain without Hardhat, on loopback, with funded accounts whose keys are public (`dev_account`).

`up`, `down` and `status` run one chain a folder, detached, with its state on disk: `down` loses nothing, a SIGKILL at
most `STATE_INTERVAL` seconds. Like a full node of a public network it has all blocks, transactions and logs, and the
state (`eth_call`, `eth_getProof` at a past block) of the last `STATE_HISTORY` blocks only.
`LocalChain` runs one for the length of a `with` block, without a folder; it also ends with the process that made it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from placet.chain.anvil import (
    DEV_MNEMONIC,
    HOST,
    anvil_command,
    check_free,
    dev_account,
    free_port,
    rpc,
    tail,
    wait_until_up,
)
from placet.chain.processes import identity, locked
from placet.core.child import start_child
from placet.core.errors import ChainError, StateError

__all__ = [
    "DEV_MNEMONIC",
    "LocalChain",
    "LocalStatus",
    "Running",
    "dev_account",
    "down",
    "free_port",
    "rpc",
    "status",
    "up",
]

STATE_INTERVAL = 5
STATE_HISTORY = 128
STOP_SECONDS = 30.0


class LocalChain:
    """A private chain for the length of a `with` block: a free port, no state on disk. Mines each transaction at once
    unless `block_time` is given; has the state of all its blocks."""

    def __init__(self, *, chain_id: int = 31337, block_time: float | None = None, accounts: int = 10) -> None:
        self.chain_id = chain_id
        self._block_time = block_time
        self._accounts = accounts
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="placet-chain-")
        folder = Path(self._folder.name)
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        command = anvil_command(
            port,
            chain_id=self.chain_id,
            block_time=self._block_time,
            accounts=self._accounts,
            extra=["--cache-path", str(folder)],
        )
        log = folder / "anvil.log"
        try:
            with log.open("wb") as sink:
                self._process = start_child(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
            wait_until_up(self._process, self.url, self.chain_id, log)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process. May be called twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def pid(self) -> int:
        """The process's id; StateError if it is not running."""
        if self._process is None:
            raise StateError("the chain is down")
        return self._process.pid

    @property
    def ws_url(self) -> str:
        return self.url.replace("http://", "ws://")

    def rpc(self, method: str, *params: object) -> Any:
        """One JSON-RPC call; see `rpc`."""
        return rpc(self.url, method, *params)

    def mine(self, blocks: int = 1) -> None:
        """Add `blocks` blocks."""
        self.rpc("anvil_mine", hex(blocks))

    def block_number(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything that happens on the chain within the block is undone at its end."""
        taken = self.rpc("evm_snapshot")
        try:
            yield
        finally:
            if self.rpc("evm_revert", taken) is not True:
                raise ChainError("the local chain did not revert to its snapshot", expected=taken)


@dataclass(frozen=True)
class Running:
    """What the pid file holds: the process, and what tells it from a later one with the same id."""

    pid: int
    identity: str
    port: int
    chain_id: int
    block_time: float | None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True)
class LocalStatus:
    """`running` is None when the chain is down; `block` is its latest block, None when it does not answer."""

    folder: Path
    running: Running | None
    block: int | None


def up(folder: Path, *, port: int = 8545, chain_id: int = 31337, block_time: float | None = 1.0) -> LocalStatus:
    """Start the folder's chain, detached, and wait until it answers; nothing to do if it runs already.

    Raises StateError if it runs with other settings, its state file is damaged or the folder holds a network of
    validators, ChainError if Anvil does not start.
    """
    if (folder / "network.json").is_file():
        raise StateError("the folder holds a network of validators", found=str(folder), remedy="choose another folder")
    with locked(folder):
        now = _running(folder)
        if now is None:
            now = _start(folder, port, chain_id, block_time)
        elif (now.port, now.chain_id) != (port, chain_id):
            raise StateError(
                "the chain runs already, with other settings",
                expected=f"port {port}, chain id {chain_id}",
                found=f"port {now.port}, chain id {now.chain_id}",
                remedy="placet chain down first",
            )
        return LocalStatus(folder, now, int(rpc(now.url, "eth_blockNumber"), 16))


def down(folder: Path) -> LocalStatus:
    """Stop the folder's chain and wait until its state is on disk; nothing to do if it is down."""
    with locked(folder):
        now = _running(folder)
        if now is not None:
            _stop(now)
        (folder / "anvil.pid.json").unlink(missing_ok=True)
        return LocalStatus(folder, None, None)


def status(folder: Path) -> LocalStatus:
    """Whether the folder's chain runs, and how far it is."""
    now = _running(folder)
    if now is None:
        return LocalStatus(folder, None, None)
    try:
        return LocalStatus(folder, now, int(rpc(now.url, "eth_blockNumber"), 16))
    except ChainError:
        return LocalStatus(folder, _running(folder), None)


def _start(folder: Path, port: int, chain_id: int, block_time: float | None) -> Running:
    command = persistent_command(folder, port, chain_id, block_time)
    log = folder / "anvil.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd=folder
        )
    try:
        wait_until_up(process, f"http://{HOST}:{port}", chain_id, log)
        start = identity(process.pid)
        if start is None:
            raise ChainError("Anvil ended at once", found=tail(log))
        running = Running(process.pid, start, port, chain_id, block_time)
        (folder / "anvil.pid.json").write_text(json.dumps(asdict(running)) + "\n")
    except BaseException:
        process.kill()
        process.wait()
        raise
    return running


def persistent_command(folder: Path, port: int, chain_id: int, block_time: float | None) -> list[str]:
    """How to start Anvil with its state in `folder`. StateError if that is damaged, ChainError if the port is taken."""
    state = folder / "state.json"
    _check_state(state)
    check_free(port)
    extra = [
        *("--state", str(state), "--state-interval", str(STATE_INTERVAL), "--preserve-historical-states"),
        *("--prune-history", str(STATE_HISTORY)),
    ]
    return anvil_command(port, chain_id=chain_id, block_time=block_time, extra=extra)


def _check_state(state: Path) -> None:
    """Anvil writes its state in place: a kill at that moment leaves half a file. Keep the last good one beside it."""
    if not state.exists():
        return
    previous = state.with_name("state.previous.json")
    try:
        json.loads(state.read_bytes())
    except ValueError as error:
        raise StateError(
            "the chain's state file is damaged",
            expected="JSON",
            found=f"{state}: {error}",
            remedy=f"copy {previous.name} over it (the chain as it was at the last start), or remove it to begin anew",
        ) from error
    shutil.copyfile(state, previous)


def _running(folder: Path) -> Running | None:
    file = folder / "anvil.pid.json"
    if not file.is_file():
        return None
    try:
        fields = json.loads(file.read_bytes())
        written = Running(**fields)
    except (ValueError, TypeError) as error:
        raise StateError("the pid file is damaged", found=str(file), remedy="remove it; end Anvil by hand") from error
    return written if identity(written.pid) == written.identity else None


def _stop(running: Running) -> None:
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if identity(running.pid) != running.identity:
            return
        time.sleep(0.02)
    raise StateError(
        f"Anvil did not end within {STOP_SECONDS:g} s", found=f"process {running.pid}", remedy="end it by hand"
    )
