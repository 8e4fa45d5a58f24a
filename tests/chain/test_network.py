"""A network of validators on one machine: it finalises, survives the loss of one, stops and goes on, and ends whole."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from placet.chain.deploy import pay
from placet.chain.local import LocalChain, dev_account
from placet.chain.network import host
from placet.chain.network.settings import CLIENTS, NetworkSettings, found, genesis
from placet.core.errors import ConfigError, StateError
from placet.core.signatures import Key
from validators import Validators, needs_clients, processes_below, until

LICENCES = {"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "MPL-2.0", "LGPL-3.0", "BlueOak-1.0.0"}
LICENCES |= {"Unlicense", "WTFPL", "CC0-1.0"}
UNSTATED = {"@lodestar/db": "Apache-2.0", "eyes": "MIT"}
"""Of packages whose manifest says nothing: what their repository says."""


@pytest.mark.parametrize("client", ["execution", "consensus"])
def test_the_clients_are_pinned_and_under_licences_that_we_may_run(client: str) -> None:
    """MPL and LGPL: they are programs of their own, run as they come, and in no package of ours."""
    wanted = json.loads((CLIENTS / client / "package.json").read_bytes())["dependencies"]
    packages = json.loads((CLIENTS / client / "package-lock.json").read_bytes())["packages"]
    assert packages[""]["dependencies"] == wanted and all(version[0].isdecimal() for version in wanted.values())
    for place, package in packages.items():
        if place == "":
            continue
        assert package["integrity"].startswith("sha512-"), place
        licence = package.get("license") or UNSTATED[place.rpartition("node_modules/")[2]]
        choices = licence.strip("()").replace(" AND ", " OR ").split(" OR ")
        needed = all if " AND " in licence else any
        assert needed(one in LICENCES for one in choices), f"{place}: {licence}"


def test_a_folder_is_for_one_network_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "demand_clients", lambda: None)
    settings = NetworkSettings(4, 20_000, 31337, 2)
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(StateError, match="state of an Anvil"):
        host.up(tmp_path, settings)
    (tmp_path / "state.json").unlink()
    found(tmp_path, settings)
    assert NetworkSettings.read(tmp_path) == settings
    with pytest.raises(StateError, match="other settings"):
        host.up(tmp_path, replace(settings, slot=4))
    (tmp_path / "network.json").write_text("{")
    with pytest.raises(StateError, match="damaged"):
        host.status(tmp_path)


def test_a_secret_is_the_owners_and_the_first_block_is_of_the_chain(tmp_path: Path) -> None:
    found(tmp_path, NetworkSettings(4, 20_000, 4242, 2))
    assert (tmp_path / "jwt.hex").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "genesis.json").read_bytes()) == genesis(4242)
    assert genesis(4242)["config"]["chainId"] == 4242  # type: ignore[index]


@pytest.mark.parametrize("slot", [1.0, 2.5])
def test_slots_are_whole_seconds(slot: float) -> None:
    with pytest.raises(ConfigError, match="whole seconds"):
        host.settings_of(4, 20_000, 31337, slot)


def test_accounts_are_funded_by_transfers_where_no_balance_can_be_set(fresh_anvil: LocalChain) -> None:
    payees = [secrets.token_bytes(20) for _ in range(2)]
    pay(fresh_anvil.url, Key(bytes(dev_account(0).key)), payees, 10**18)
    assert [int(fresh_anvil.rpc("eth_getBalance", "0x" + one.hex(), "latest"), 16) for one in payees] == [10**18] * 2


def test_divided_nodes_do_not_hear_each_other_until_they_are_united() -> None:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no namespaces here: unshare and ip are missing")
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    program = Path(__file__).parents[1] / "divided_network.py"
    command = ["unshare", *rights, "--net", sys.executable, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if "unshare" in done.stderr:
        pytest.skip(f"namespaces are forbidden here: {done.stderr}")
    assert json.loads(done.stdout) == [[1, 2, 3, 4], [1, 2], [1, 2, 3, 4]], done.stderr


@pytest.mark.slow
def test_a_network_goes_on_without_one_and_after_a_stop_and_ends_with_its_supervisor(tmp_path: Path) -> None:
    needs_clients()
    with Validators(tmp_path / "network") as network:
        network.finalises(1)
        network.kill(3)
        network.finalises(nodes=(1, 2, 4))
        network.start(3)
        until(lambda: network.latest(3) >= network.latest(1) - 1, "the one that was away has caught up")
        block = network.final()
        before = network.hash(1, block)
        host.down(network.folder)
        assert processes_below(network.folder) == []
        host.up(network.folder, network.settings, child=True)
        assert network.hash(2, block) == before
        network.finalises()
        pid = host.status(network.folder).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: processes_below(network.folder) == [], "all clients end with the supervisor", 60)
