"""The circuits of this package, and what keys of each are registered as."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from placet.core.errors import InputError
from placet.core.hashing import sha256
from placet.core.ids import CircuitId
from placet.core.statements import Statement, VerificationKey
from placet.core.trust import Deployment
from placet.core.values import ZERO20, to_hex


@dataclass(frozen=True)
class Circuit:
    """`power`: it has at most 2^power constraints, and more than half of that; `nullifier`: the place of a public input
    that may occur once, 0 for none; `is_checked`: statements of it stand only as long as `ConsentTrees` says so."""

    name: str
    power: int
    nullifier: int = 0
    is_checked: bool = False

    @property
    def source(self) -> Path:
        """Its file in circom."""
        return Path(str(resources.files(__package__) / "circuits" / f"{self.name}.circom"))

    @cached_property
    def id(self) -> CircuitId:
        """SHA-256 of its source, 32 bytes."""
        return CircuitId(sha256(self.source.read_bytes()))

    def checker(self, deployment: Deployment) -> bytes:
        """The contract that its keys name, zero for none."""
        return deployment.consent_trees.address if self.is_checked else ZERO20

    def demand_key(self, key: VerificationKey, statement: Statement, checker: bytes = ZERO20) -> None:
        """InputError unless the key is the statement's, and registered as one of this circuit: with its nullifier and
        with this checker, without which a consent would be used twice, or after its end."""
        if key.circuit != self.id:
            raise InputError(
                "the verification key is of another circuit", expected=self.id.hex(), found=key.circuit.hex()
            )
        if (key.nullifier, key.checker) != (self.nullifier, checker):
            raise InputError(
                "the verification key is registered as something else",
                expected=f"nullifier at {self.nullifier}, checker {to_hex(checker)}",
                found=f"nullifier at {key.nullifier}, checker {to_hex(key.checker)}",
            )
        if key.id != statement.key:
            raise InputError("the verification key is another one", expected=statement.key.hex(), found=key.id.hex())


BAND = Circuit("band", power=10)
CONSENT = Circuit("consent", power=13, nullifier=4, is_checked=True)
CIRCUITS = {circuit.name: circuit for circuit in (BAND, CONSENT)}
