"""snarkjs and circom as programs of their own (GPL-3.0): they make and verify contributions, here is what runs them.

Placet brings neither. `npm ci` in `hardhat-free-local` puts the pinned ones into its `node_modules`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from placet.core.child import start_child
from placet.core.errors import ConfigError, InputError
from placet.protocols.zk.extra import groth16py

VERSIONS = {"snarkjs": "0.7.6", "circom2": "0.2.23"}
_ENTRIES = {"snarkjs": "snarkjs/build/cli.cjs", "circom2": "circom2/cli.js"}
_SECONDS = 3600


class Programs:
    """A `node_modules` with the pinned versions of both."""

    def __init__(self, modules: Path) -> None:
        """ConfigError `ceremony.programs` where one is missing or of another version."""
        node = shutil.which("node")
        versions = {name: _version(modules / name / "package.json") for name in VERSIONS}
        if node is None or versions != VERSIONS:
            raise ConfigError(
                "a ceremony needs programs that are never installed unasked",
                expected=f"node, {', '.join(f'{name} {version}' for name, version in VERSIONS.items())} in {modules}",
                found=", ".join(f"{name} {version}" for name, version in versions.items()) if node else "no node",
                remedy="npm install snarkjs@0.7.6 circom2@0.2.23 into a folder, and name its node_modules with "
                "--programs; both are GPL-3.0",
                code="ceremony.programs",
            )
        self._node, self._modules = node, modules.resolve()

    def new_powers(self, power: int, target: Path) -> None:
        """Powers of tau to which nobody has contributed: the same bytes each time."""
        self._make(target, "powersoftau", "new", "bn128", power, target)

    def contribute_powers(self, before: Path, target: Path, name: str) -> None:
        """Powers with one more contribution, whose secret ends with the program."""
        self._make(target, "powersoftau", "contribute", before, target, f"--name={name}", secret=True)

    def prepare(self, powers: Path, target: Path) -> None:
        """The same powers with what circuits need of them; no secret in it."""
        self._make(target, "powersoftau", "prepare", "phase2", powers, target)

    def new_key(self, circuit: Path, powers: Path, target: Path) -> None:
        """A circuit's key to which nobody has contributed: the same bytes each time."""
        with tempfile.TemporaryDirectory() as folder:
            self._make(target, "groth16", "setup", self._compiled(circuit, Path(folder)), powers, target)

    def contribute_key(self, before: Path, target: Path, name: str) -> None:
        """A key with one more contribution, whose secret ends with the program."""
        self._make(target, "zkey", "contribute", before, target, f"--name={name}", secret=True)

    def demand_powers(self, powers: Path) -> None:
        """InputError `ceremony.false` unless every contribution to the powers is right, and they are theirs."""
        self._demand("powersoftau", "verify", powers)

    def demand_key(self, circuit: Path, powers: Path, key: Path) -> None:
        """InputError `ceremony.false` unless the key is the circuit's on these powers, and every contribution to it is
        right. Passes keys to which nobody contributed: who calls it counts."""
        with tempfile.TemporaryDirectory() as folder:
            self._demand("zkey", "verify", self._compiled(circuit, Path(folder)), powers, key)

    def _compiled(self, circuit: Path, folder: Path) -> Path:
        # circom2 is WebAssembly, which sees the folder that it runs in and no other.
        for source in (*Path(groth16py.circomlib_path(2)).glob("*.circom"), *circuit.parent.glob("*.circom")):
            shutil.copyfile(source, folder / source.name)
        code, said = self._run("circom2", circuit.name, "--r1cs", "--O2", "-o", ".", folder=folder)
        if code != 0:
            raise ConfigError("circom does not compile the circuit", found=said)
        return folder / f"{circuit.stem}.r1cs"

    def _demand(self, *words: object) -> None:
        code, said = self._run("snarkjs", *words)
        if code != 0:
            raise InputError(
                "snarkjs does not verify the ceremony's file", expected="exit code 0", found=said, code="ceremony.false"
            )

    def _make(self, target: Path, *words: object, secret: bool = False) -> None:
        code, said = self._run("snarkjs", *words, secret=secret)
        if code != 0 or not target.is_file():
            raise InputError("snarkjs refuses", expected=f"{words[0]} {words[1]}", found=said, code="ceremony.program")

    def _run(self, program: str, *words: object, folder: Path | None = None, secret: bool = False) -> tuple[int, str]:
        """Exit code and last words. `secret`: it asks for a line of randomness, to which it adds its own; never as an
        argument, which other users of the machine could read."""
        with tempfile.TemporaryDirectory() as scratch:
            process = start_child(
                [self._node, self._modules / _ENTRIES[program], *map(str, words)],
                stdin=subprocess.PIPE if secret else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder or scratch,
                env={"PATH": os.defpath, "LC_ALL": "C", "HOME": scratch, "TMPDIR": scratch, "NO_COLOR": "1"},
            )
            try:
                output, _ = process.communicate(f"{secrets.token_hex(32)}\n".encode() if secret else None, _SECONDS)
            except subprocess.TimeoutExpired:
                raise ConfigError(f"{program} takes too long", expected=f"within {_SECONDS} s") from None
            finally:
                process.kill()
                process.wait()
        return process.returncode, output.decode("utf-8", "replace").strip()[-300:]


def _version(package: Path) -> str | None:
    try:
        with package.open("rb") as file:
            version = json.loads(file.read(1 << 16)).get("version")
        return version if isinstance(version, str) else None
    except (OSError, ValueError, AttributeError):
        return None
