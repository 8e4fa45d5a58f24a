"""The circuits of this package, and what a ceremony must know of each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from placet.core.hashing import sha256


@dataclass(frozen=True)
class Circuit:
    """`power`: it has at most 2^power constraints, and more than half of that; `nullifier`: the place of a public input
    that may occur once, 0 for none."""

    name: str
    power: int
    nullifier: int

    @property
    def source(self) -> Path:
        """Its file in circom."""
        return Path(str(resources.files(__package__) / "circuits" / f"{self.name}.circom"))

    @property
    def id(self) -> bytes:
        """SHA-256 of its source, 32 bytes."""
        return sha256(self.source.read_bytes())


CIRCUITS = {circuit.name: circuit for circuit in (Circuit("band", power=10, nullifier=0),)}
