"""Anvil as a child process: which binary, which arguments, the wait until it answers."""

from __future__ import annotations

import collections
import functools
import os
import platform
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from placet.core.errors import ChainError, ConfigError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

ANVIL_VERSION = "1.7.1"
HOST = "127.0.0.1"
HARDFORK = "osaka"
DEV_MNEMONIC = "test test test test test test test test test test test junk"
START_SECONDS = 30.0
_PORTS = range(15_000, 32_000)
"""Below what Linux, macOS and Windows give to outgoing connections; nothing common listens above these."""
_HELD = 64
_held: collections.deque[socket.socket] = collections.deque()

_PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64",
}


@functools.cache
def find_anvil() -> Path:
    """The Anvil to run: PATH's if of the pinned version, else what scripts/setup or `placet chain install` made."""
    on_path = shutil.which("anvil")
    version = "none" if on_path is None else _anvil_version(Path(on_path))
    if on_path is not None and version == ANVIL_VERSION:
        return Path(on_path)
    modules = Path(__file__).resolve().parents[3] / "hardhat-free-local" / "node_modules"
    for binary in (modules / "@foundry-rs" / f"anvil-{machine()}" / "bin" / "anvil", cached_anvil()):
        if binary.is_file():
            return binary
    raise ConfigError(
        "no Anvil to run",
        expected=f"anvil {ANVIL_VERSION} on PATH, in hardhat-free-local/node_modules or in the cache folder",
        found=f"on PATH: {version}; {platform.system()} {platform.machine()}",
        remedy=f"placet chain install (from npm), scripts/setup in a checkout, or foundryup --install {ANVIL_VERSION}",
    )


def machine() -> str:
    """This machine's kind as npm's packages of Anvil name it, "none" where there is none."""
    return _PLATFORMS.get((platform.system(), platform.machine()), "none")


def cached_anvil() -> Path:
    """Where `placet chain install` puts the pinned Anvil: in the user's cache folder."""
    default = Path.home() / ("Library/Caches" if platform.system() == "Darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "placet" / f"anvil-{ANVIL_VERSION}" / "anvil"


def _anvil_version(binary: Path) -> str:
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30, check=False)
    words = answer.stdout.split()
    return next((word for word in words if word[:1].isdigit()), "unknown").split("-")[0]


@functools.cache
def dev_account(index: int) -> LocalAccount:
    """The `index`-th funded account of a local chain. Its key is public knowledge: for local chains only."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(DEV_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def free_port() -> int:
    """A free TCP port on loopback, of those that no system gives to outgoing connections. ChainError where all tries
    are taken.

    It stays bound here, without listening, so that no other process draws it before its program listens; that program
    may bind it as servers do, with SO_REUSEADDR. The last `_HELD` are kept so.
    """
    for _ in range(100):
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        socket_ = socket.socket()
        try:
            socket_.bind((HOST, port))
        except OSError:
            socket_.close()
            continue
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _held.append(socket_)
        if len(_held) > _HELD:
            _held.popleft().close()
        return port
    raise ChainError("no port is free on loopback", expected=f"one of {_PORTS.start} to {_PORTS.stop - 1}")


def check_free(port: int) -> None:
    """Raises ChainError if somebody listens on that port: his answers would be taken for Anvil's."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ChainError(f"port {port} is taken", found=error.strerror, remedy="choose another port") from error


def rpc(url: str, method: str, *params: object, timeout: float = 10.0) -> Any:
    """One JSON-RPC call. Raises ChainError if the endpoint is unreachable or answers with an error."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    try:
        with httpx.Client(trust_env=False, timeout=timeout, verify=_tls()) as client:
            answer = client.post(url, json=request).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise ChainError(f"{method} got no answer", found=type(error).__name__, remedy="is the chain up?") from error
    if "result" not in answer:
        raise ChainError(f"{method} failed", found=answer.get("error", answer))
    return answer["result"]


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def anvil_command(
    port: int,
    *,
    chain_id: int = 31337,
    block_time: float | None = None,
    accounts: int = 10,
    extra: Sequence[str] = (),
) -> list[str]:
    """Arguments of an Anvil on loopback. With `block_time` (seconds) it mines on that beat and on every transaction."""
    beat = [] if block_time is None else ["--block-time", f"{block_time:g}", "--mixed-mining"]
    return [
        *(str(find_anvil()), "--host", HOST, "--port", str(port), "--chain-id", str(chain_id)),
        *("--hardfork", HARDFORK, "--order", "fifo", "--mnemonic", DEV_MNEMONIC, "--accounts", str(accounts)),
        *("--silent", "--no-cors", *beat, *extra),
    ]


def wait_until_up(process: subprocess.Popen[bytes], url: str, chain_id: int, log: Path) -> None:
    """Return once the process answers for that chain. Raises ChainError if it ended or is silent for START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ChainError("Anvil ended at once", found=tail(log), remedy=f"see {log}")
        try:
            answer = int(rpc(url, "eth_chainId", timeout=1.0), 16)
        except ChainError:
            time.sleep(0.02)
            continue
        if process.poll() is None and answer == chain_id:
            return
    process.kill()
    process.wait()
    raise ChainError(f"Anvil did not answer within {START_SECONDS:g} s", found=tail(log))


def tail(log: Path, characters: int = 600) -> str:
    """The end of a log file, for an error."""
    return log.read_text(errors="replace")[-characters:].strip() if log.is_file() else "no log"
