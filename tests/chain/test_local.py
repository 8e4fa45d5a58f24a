"""The local chain: state survives a stop and a kill, and nobody else's process is taken for it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.chain import anvil, local
from placet.chain.anvil import HOST
from placet.chain.local import LocalChain, dev_account, free_port, rpc
from placet.core.errors import ChainError, StateError

SENDER, RECEIVER = dev_account(0).address, "0x" + "11" * 20


ROOT = Path(__file__).resolve().parents[2]


def test_two_processes_draw_different_ports_and_a_server_may_listen_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is drawn and not yet listened on is nobody else's, though nothing can be reached there."""
    port = free_port()
    monkeypatch.setattr(anvil, "_PORTS", range(port, port + 1))
    with pytest.raises(ChainError, match="no port"):
        free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=60)
    with socket.create_server((HOST, port)):
        socket.create_connection((HOST, port), timeout=60).close()


def test_each_machine_that_a_tool_is_looked_for_on_has_it_in_the_lock_file() -> None:
    machines = set(anvil._PLATFORMS.values())
    wanted = {f"@foundry-rs/{tool}-{machine}" for tool in ("anvil", "forge") for machine in machines}
    lock = json.loads((ROOT / "hardhat-free-local" / "package-lock.json").read_text())["packages"]
    assert lock[""]["optionalDependencies"] == dict.fromkeys(wanted, anvil.ANVIL_VERSION)
    for name in wanted:
        held = lock[f"node_modules/{name}"]
        assert (held["version"], held["optional"]) == (anvil.ANVIL_VERSION, True) and held["integrity"]
    script = (ROOT / "scripts" / "lib.sh").read_text()
    shown = re.findall(r"^ +(\w+)-(\w+)\) machine=([\w-]+) ;;$", script, re.MULTILINE)
    assert {(system, machine): name for system, machine, name in shown} == anvil._PLATFORMS


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "chain"
    local.down(tmp_path / "chain")


def pay(url: str, wei: int) -> None:
    sent = rpc(url, "eth_sendTransaction", {"from": SENDER, "to": RECEIVER, "value": hex(wei)})
    deadline = time.monotonic() + 120
    while rpc(url, "eth_getTransactionReceipt", sent) is None:
        assert time.monotonic() < deadline, "never mined: a transaction waits for the beat"
        time.sleep(0.01)


def balance(url: str, block: str = "latest") -> int:
    return int(rpc(url, "eth_getBalance", RECEIVER, block), 16)


def url_of(status: local.LocalStatus) -> str:
    assert status.running is not None
    return status.running.url


def test_a_stop_loses_nothing(folder: Path) -> None:
    url = url_of(local.up(folder, port=free_port(), block_time=None))
    pay(url, 5)
    pay(url, 7)
    head = rpc(url, "eth_getBlockByNumber", "latest", False)
    assert local.down(folder).running is None
    assert local.status(folder).running is None
    url = url_of(local.up(folder, port=free_port(), block_time=None))
    assert rpc(url, "eth_getBlockByNumber", "latest", False) == head
    assert balance(url) == 12
    assert balance(url, "0x1") == 5


def test_a_kill_loses_at_most_the_interval(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STATE_INTERVAL", 1)
    status = local.up(folder, port=free_port(), block_time=None)
    pay(url_of(status), 5)
    state = folder / "state.json"
    deadline = time.monotonic() + 120
    while not (state.exists() and '"0x5"' in state.read_text()):
        assert time.monotonic() < deadline, "the state never reached the disk"
        time.sleep(0.1)
    assert status.running is not None
    os.kill(status.running.pid, signal.SIGKILL)
    while local.status(folder).running is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert balance(url_of(local.up(folder, port=free_port(), block_time=None))) == 5


def test_up_and_down_twice_are_once(folder: Path) -> None:
    port = free_port()
    first = local.up(folder, port=port, block_time=None)
    assert local.up(folder, port=port, block_time=None).running == first.running
    with pytest.raises(StateError, match="other settings"):
        local.up(folder, port=port, chain_id=5, block_time=None)
    local.down(folder)
    assert local.down(folder).running is None


def test_mines_on_the_beat_and_on_every_transaction(folder: Path) -> None:
    url = url_of(local.up(folder, port=free_port(), block_time=60))
    pay(url, 3)
    assert balance(url) == 3


def test_another_process_with_the_old_id_is_not_the_chain(folder: Path) -> None:
    local.up(folder, port=free_port(), block_time=None)
    file = folder / "anvil.pid.json"
    written = json.loads(file.read_text())
    local.down(folder)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        file.write_text(json.dumps(written | {"pid": stranger.pid}))
        assert local.status(folder).running is None
        local.down(folder)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0


def test_a_damaged_state_file_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "state.json").write_text('{"block": {')
    with pytest.raises(StateError, match=r"damaged.*state\.previous\.json"):
        local.up(folder, port=free_port())
    assert not (folder / "state.previous.json").exists()


def test_a_taken_port_is_said(folder: Path, anvil: LocalChain) -> None:
    taken = int(anvil.url.rpartition(":")[2])
    with pytest.raises(ChainError, match=f"port {taken} is taken"):
        local.up(folder, port=taken, block_time=None)
    assert local.status(folder).running is None


def test_snapshot_undoes(fresh_anvil: LocalChain) -> None:
    before = fresh_anvil.block_number()
    with fresh_anvil.snapshot():
        fresh_anvil.mine(3)
        assert fresh_anvil.block_number() == before + 3
    assert fresh_anvil.block_number() == before


def test_dev_accounts_are_the_funded_ones(anvil: LocalChain) -> None:
    assert anvil.rpc("eth_accounts")[:3] == [dev_account(i).address.lower() for i in range(3)]


def test_rpc_errors_are_chain_errors(anvil: LocalChain) -> None:
    with pytest.raises(ChainError, match="eth_noSuchThing failed"):
        anvil.rpc("eth_noSuchThing")
    with pytest.raises(ChainError, match="no answer"):
        rpc(f"http://127.0.0.1:{free_port()}", "eth_chainId")
