"""Compiles `contracts/` into the artifacts that the package carries, so that its users need no compiler.

`python -m placet.chain.compile` in a checkout. The compiler's settings are those of `hardhat-free-local/foundry.toml`,
so that forge tests the bytecode that is shipped, but for the fork (`EVM_VERSION` here). It holds no
metadata and depends on nothing but the sources.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import solcx
from solcx.exceptions import SolcError

from placet.core.errors import ConfigError

SOLC_VERSION = "0.8.37"
EVM_VERSION = "cancun"
"""The oldest rules that the shipped bytecode runs under. forge builds the same bytes for `osaka`."""
ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
NODE_MODULES = "hardhat-free-local/node_modules"

# Folders of `contracts/` that are never shipped.
_NOT_SHIPPED = {"test", "script"}


class CompileError(ConfigError):
    code = "compile"


@dataclass(frozen=True)
class Settings:
    """What decides the bytecode besides the sources."""

    optimizer: bool
    optimizer_runs: int
    via_ir: bool

    @classmethod
    def read(cls, root: Path) -> Settings:
        profile = tomllib.loads((root / "hardhat-free-local" / "foundry.toml").read_text())["profile"]["default"]
        return cls(profile["optimizer"], profile["optimizer_runs"], profile["via_ir"])


def checkout() -> Path:
    """The repository's root. Raises ConfigError where the package is installed without its sources."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "hardhat-free-local" / "foundry.toml").is_file():
        raise ConfigError(
            "nothing to compile here", expected="a checkout of the repository", found=root, remedy="git clone it"
        )
    return root


def find_solc(root: Path) -> Path:
    """solc of the pinned version: PATH's, py-solc-x's own, else the shim over npm's."""
    on_path = shutil.which("solc")
    if on_path is not None and f"Version: {SOLC_VERSION}+" in _version_of(on_path):
        return Path(on_path)
    if SOLC_VERSION in {str(version) for version in solcx.get_installed_solc_versions()}:
        return solcx.get_solcx_install_folder() / f"solc-v{SOLC_VERSION}"
    if (root / NODE_MODULES / "solc").is_dir():
        return root / "hardhat-free-local" / "solc-shim.js"
    raise ConfigError("no Solidity compiler", expected=f"solc {SOLC_VERSION}", found="none", remedy="run scripts/setup")


def _version_of(solc: str) -> str:
    return subprocess.run([solc, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout


def compile_contracts(root: Path) -> dict[str, dict[str, Any]]:
    """Contract name -> artifact, for every contract under `contracts/` that can be deployed.

    Raises CompileError with the compiler's words, ConfigError where there is no compiler or no OpenZeppelin."""
    sources = _own_sources(root)
    if not sources:
        return {}
    if not (root / NODE_MODULES / "@openzeppelin").is_dir():
        raise ConfigError("OpenZeppelin's contracts are missing", expected=NODE_MODULES, remedy="run scripts/setup")
    settings = Settings.read(root)
    outputs = {"": ["ast"], "*": ["abi", *_BYTECODE]}
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {
            "evmVersion": EVM_VERSION,
            "optimizer": {"enabled": settings.optimizer, "runs": settings.optimizer_runs},
            "viaIR": settings.via_ir,
            "metadata": {"bytecodeHash": "none", "appendCBOR": False},
            "remappings": [f"@openzeppelin/={NODE_MODULES}/@openzeppelin/"],
            "outputSelection": dict.fromkeys(sources, outputs),
        },
    }
    try:
        output = solcx.compile_standard(request, base_path=root, solc_binary=find_solc(root))
    except SolcError as error:
        raise CompileError("the contracts do not compile", found=error.message or error.stderr_data) from error
    return _artifacts(output, settings)


_BYTECODE = (
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
)


def _own_sources(root: Path) -> dict[str, str]:
    folder = root / "contracts"
    files = (file.relative_to(root) for file in sorted(folder.rglob("*.sol")))
    return {
        file.as_posix(): (root / file).read_text(encoding="utf-8")
        for file in files
        if not _NOT_SHIPPED & set(file.parts)
    }


def _artifacts(output: dict[str, Any], settings: Settings) -> dict[str, dict[str, Any]]:
    artifacts: dict[str, dict[str, Any]] = {}
    for source, contracts in output["contracts"].items():
        kinds = {
            node["name"]: node["contractKind"]
            for node in output["sources"][source]["ast"]["nodes"]
            if node["nodeType"] == "ContractDefinition"
        }
        for name, contract in contracts.items():
            code = contract["evm"]
            if kinds[name] != "contract" or not code["bytecode"]["object"]:
                continue
            if name in artifacts or code["bytecode"]["linkReferences"]:
                raise CompileError("a contract's name must be unique and it must need no linking", found=name)
            artifacts[name] = {
                "contractName": name,
                "sourceName": source,
                "compiler": {
                    "solc": SOLC_VERSION,
                    "evmVersion": EVM_VERSION,
                    "optimizerRuns": settings.optimizer_runs if settings.optimizer else None,
                    "viaIR": settings.via_ir,
                },
                "abi": contract["abi"],
                "bytecode": "0x" + code["bytecode"]["object"],
                "deployedBytecode": "0x" + code["deployedBytecode"]["object"],
                "immutableReferences": _places(code["deployedBytecode"].get("immutableReferences", {})),
            }
    return artifacts


def _places(references: dict[str, list[dict[str, int]]]) -> list[dict[str, int]]:
    """Where immutables stand in the deployed bytecode, in order. solc's own keys are syntax tree numbers."""
    return sorted((place for places in references.values() for place in places), key=lambda place: place["start"])


def render(artifact: dict[str, Any]) -> str:
    """The artifact as its file's text."""
    return json.dumps(artifact, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def write_artifacts(artifacts: dict[str, dict[str, Any]], folder: Path = ARTIFACTS) -> None:
    """Make the folder hold exactly these artifacts, one NAME.json each."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        if stale.stem not in artifacts:
            stale.unlink()
    for name, artifact in artifacts.items():
        (folder / f"{name}.json").write_text(render(artifact), encoding="utf-8")


def main() -> int:
    artifacts = compile_contracts(checkout())
    write_artifacts(artifacts)
    sys.stdout.write("".join(f"{name}: {len(a['deployedBytecode']) // 2 - 1} bytes\n" for name, a in artifacts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
