"""The artifacts in the package are what the sources compile to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from follow import until
from placet.chain import compile as compiler
from placet.chain.local import LocalChain, dev_account
from placet.core.errors import ConfigError

ROOT = compiler.checkout()
SMALL = """// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

contract Small is Ownable {
    uint256 public immutable answer;

    constructor(uint256 given) Ownable(msg.sender) {
        answer = given;
    }
}
"""


@pytest.fixture
def tiny_checkout(tmp_path: Path) -> Path:
    (tmp_path / "contracts" / "test").mkdir(parents=True)
    (tmp_path / "contracts" / "Small.sol").write_text(SMALL)
    (tmp_path / "contracts" / "test" / "Never.sol").write_text("not Solidity")
    tools = tmp_path / "hardhat-free-local"
    tools.mkdir()
    for name in ("foundry.toml", "solc-shim.js", "node_modules"):
        (tools / name).symlink_to(ROOT / "hardhat-free-local" / name)
    return tmp_path


def test_what_forge_builds_is_what_is_shipped() -> None:
    """forge keeps what it built for the tests of the contracts: with unchanged sources this compiles nothing. While
    `scripts/test` compiles them beside this, it is waited for: two would write one folder."""
    if beside := os.environ.get("CONTRACTS_BUILT"):
        until(Path(beside).exists, 1800)
        assert Path(beside).read_text() == "0", "forge does not compile the contracts"
    else:
        subprocess.run([ROOT / "scripts" / "forge", "build"], check=True, capture_output=True, timeout=600)
    built = {}
    sources = (file.relative_to(ROOT) for file in (ROOT / "contracts").rglob("*.sol"))
    shippable = {file.name: file for file in sources if file.parts[1] not in ("test", "script")}
    for file in (ROOT / "hardhat-free-local" / "out").glob("*.sol/*.json"):
        contract = json.loads(file.read_text())
        functions = [item for item in contract["abi"] if item["type"] == "function"]  # libraries here have none
        if file.parent.name in shippable and functions and contract["bytecode"]["object"] != "0x":
            ((source, name),) = contract["metadata"]["settings"]["compilationTarget"].items()
            assert source == shippable[file.parent.name].as_posix()
            code = contract["deployedBytecode"]
            places = [place for group in code.get("immutableReferences", {}).values() for place in group]
            built[name] = {
                "sourceName": source,
                "abi": in_order(contract["abi"]),
                "bytecode": contract["bytecode"]["object"],
                "deployedBytecode": code["object"],
                "immutableReferences": in_order(places),
            }
    shipped = {}
    for file in compiler.ARTIFACTS.glob("*.json"):
        artifact = json.loads(file.read_text())
        compiled = artifact.pop("compiler")
        assert (compiled["solc"], artifact.pop("contractName")) == (compiler.SOLC_VERSION, file.stem)
        lists = {key: in_order(artifact[key]) for key in ("abi", "immutableReferences")}
        shipped[file.stem] = artifact | lists
    assert shipped.keys() == built.keys(), "run python -m placet.chain.compile"
    stale = [name for name in built if shipped[name] != built[name]]
    assert not stale, "run python -m placet.chain.compile"


def in_order(items: list[Any]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)


@pytest.mark.slow
def test_artifacts_are_fresh() -> None:
    expected = {f"{name}.json": compiler.render(a) for name, a in compiler.compile_contracts(ROOT).items()}
    shipped = {file.name: file.read_text() for file in compiler.ARTIFACTS.glob("*.json")}
    assert shipped.keys() == expected.keys(), "run python -m placet.chain.compile"
    stale = [name for name, text in expected.items() if shipped[name] != text]
    assert not stale, "run python -m placet.chain.compile"


def test_an_artifact_deploys_and_says_where_its_immutables_stand(tiny_checkout: Path, fresh_anvil: LocalChain) -> None:
    artifacts = compiler.compile_contracts(tiny_checkout)
    assert set(artifacts) == {"Small"}
    small = artifacts["Small"]
    sent = fresh_anvil.rpc(
        "eth_sendTransaction",
        {"from": dev_account(0).address, "data": small["bytecode"] + f"{42:064x}"},
    )
    while (receipt := fresh_anvil.rpc("eth_getTransactionReceipt", sent)) is None:
        fresh_anvil.mine()
    address = receipt["contractAddress"]
    code = bytes.fromhex(fresh_anvil.rpc("eth_getCode", address, "latest")[2:])
    assert small["immutableReferences"]
    assert without_immutables(code, small) == bytes.fromhex(small["deployedBytecode"][2:])
    for place in small["immutableReferences"]:
        assert int.from_bytes(code[place["start"] :][: place["length"]]) == 42


def without_immutables(code: bytes, artifact: dict[str, Any]) -> bytes:
    blank = bytearray(code)
    for place in artifact["immutableReferences"]:
        blank[place["start"] : place["start"] + place["length"]] = bytes(place["length"])
    return bytes(blank)


def test_writing_leaves_exactly_the_given_artifacts(tmp_path: Path) -> None:
    (tmp_path / "Gone.json").write_text("{}")
    compiler.write_artifacts({"Here": {"abi": []}}, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["Here.json"]
    assert json.loads((tmp_path / "Here.json").read_text()) == {"abi": []}


def test_a_source_that_does_not_compile_says_why(tiny_checkout: Path) -> None:
    (tiny_checkout / "contracts" / "Small.sol").write_text(SMALL.replace("= given", "= taken"))
    with pytest.raises(compiler.CompileError, match="Undeclared identifier"):
        compiler.compile_contracts(tiny_checkout)


def test_missing_libraries_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "A.sol").write_text(SMALL)
    with pytest.raises(ConfigError, match="run scripts/setup"):
        compiler.compile_contracts(tmp_path)
