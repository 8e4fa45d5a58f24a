"""Files of a ceremony that are right in form and empty of points, and programs that write such: no processor time."""

from __future__ import annotations

import secrets
from pathlib import Path

from placet.core.errors import InputError
from placet.core.statements import FIELD
from placet.protocols.zk.groth16 import PRIME
from placet.protocols.zk.transcript import KEY, POWERS, FileKind


def word(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "little")


def record(kind: FileKind, name: bytes = b"a", *, type_: int = 0) -> bytes:
    """A contribution of random bytes."""
    parameters = bytes([1, len(name)]) + name if name else b""
    return secrets.token_bytes(kind.fixed) + word(type_) + word(len(parameters)) + parameters


def sections_of(kind: FileKind, power: int, records: list[bytes]) -> dict[int, bytes]:
    """The sections that our parser reads, and an empty one."""
    prime, order = word(32) + word(PRIME, 32), word(32) + word(FIELD, 32)
    listed = bytes(kind.before) + word(len(records)) + b"".join(records)
    if kind is POWERS:
        return {1: prime + word(power) * 2, 2: b"", 7: listed}
    return {1: word(1), 2: prime + order + word(9) + word(5) + word(1 << power) + bytes(448), 3: b"", 10: listed}


def written(kind: FileKind, sections: dict[int, bytes] | list[tuple[int, bytes]]) -> bytes:
    """A file of these sections."""
    listed = list(sections.items()) if isinstance(sections, dict) else sections
    head = kind.magic + word(1) + word(len(listed))
    return head + b"".join(word(name) + word(len(content), 8) + content for name, content in listed)


class EmptyPrograms:
    """What stands in for snarkjs. `calls`: what it was asked for; `refuses`: whether it verifies nothing."""

    def __init__(self, power: int) -> None:
        self.calls: list[str] = []
        self.refuses = False
        self._power = power
        self._records: dict[Path, list[bytes]] = {}

    def _write(self, target: Path, kind: FileKind, records: list[bytes], call: str) -> None:
        self.calls.append(call)
        target.write_bytes(written(kind, sections_of(kind, self._power, records)))
        self._records[target.with_name(target.name.removeprefix(".").removesuffix(".part"))] = records

    def new_powers(self, power: int, target: Path) -> None:
        self._write(target, POWERS, [], "new_powers")

    def contribute_powers(self, before: Path, target: Path, name: str) -> None:
        self._write(target, POWERS, [*self._records[before], record(POWERS, name.encode())], "contribute_powers")

    def prepare(self, powers: Path, target: Path) -> None:
        self._write(target, POWERS, self._records[powers], "prepare")

    def new_key(self, circuit: Path, powers: Path, target: Path) -> None:
        self._write(target, KEY, [], "new_key")

    def contribute_key(self, before: Path, target: Path, name: str) -> None:
        self._write(target, KEY, [*self._records[before], record(KEY, name.encode())], "contribute_key")

    def demand_powers(self, powers: Path) -> None:
        self._demand("demand_powers")

    def demand_key(self, circuit: Path, powers: Path, key: Path) -> None:
        self._demand("demand_key")

    def _demand(self, call: str) -> None:
        self.calls.append(call)
        if self.refuses:
            raise InputError("snarkjs does not verify the ceremony's file", code="ceremony.false")
