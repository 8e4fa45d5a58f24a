"""A ceremony as a document: who makes the keys of a circuit one after the other, and what the chain keeps of it.

It has two phases, each a ceremony of its own in the contract `Ceremonies`, of the same contributors in the same order:
the *powers of tau*, which know no circuit, and the circuit's *key* on top of them. The second one's salt is the first
one's id, so that the id which a verification key names says all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, field_validator

from placet.core import eip712
from placet.core.errors import InputError
from placet.core.hashing import keccak, sha256
from placet.core.trust import TrustList
from placet.core.values import Address, Bytes32, ChainId, Value, to_hex

MAX_CONTRIBUTORS = 64
MAX_CEREMONY_FILE = 1 << 16
_ABI_HEAD = 6


class Ceremony(Value):
    """What `placet zk ceremony open` writes. `power`: 2^power constraints at most; `circuit_id`: SHA-256 of its source;
    `opener`: the account that opened both phases."""

    type: Literal["placet.ceremony"] = "placet.ceremony"
    version: Literal[1] = 1
    chain_id: ChainId
    ceremonies: Address
    opener: Address
    circuit: Annotated[str, Field(pattern=r"^[a-z]{1,32}$")]
    circuit_id: Bytes32
    power: Annotated[int, Field(ge=8, le=20, strict=True)]
    contributors: Annotated[tuple[Address, ...], Field(min_length=2, max_length=MAX_CONTRIBUTORS)]
    salt: Bytes32

    @field_validator("contributors")
    @classmethod
    def _different(cls, value: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if len(set(value)) != len(value) or not all(map(any, value)):
            raise ValueError("expected different accounts")
        return value

    @cached_property
    def powers(self) -> CeremonyPhase:
        """The first phase."""
        circuit = sha256(f"placet powers of tau, BN254, 2^{self.power}".encode())
        return CeremonyPhase("powers", self._id(circuit, self.salt), circuit, self.salt)

    @cached_property
    def key(self) -> CeremonyPhase:
        """The second phase: its id is what a verification key names."""
        return CeremonyPhase("key", self._id(self.circuit_id, self.powers.id), self.circuit_id, self.powers.id)

    def _id(self, circuit: bytes, salt: bytes) -> bytes:
        """As the contract computes it."""
        accounts = [eip712.word(len(self.contributors)), *map(eip712.address, self.contributors)]
        named = (eip712.address(self.ceremonies), eip712.address(self.opener), circuit)
        return keccak(eip712.word(self.chain_id), *named, eip712.word(32 * _ABI_HEAD), salt, *accounts)

    def head(self, phase: CeremonyPhase, contributions: Sequence[bytes]) -> bytes:
        """The phase's head in the contract after these contributions (32 bytes each) in the contributors' order."""
        head = phase.id
        for contributor, contribution in zip(self.contributors, contributions, strict=False):
            head = keccak(head, eip712.address(contributor), contribution)
        return head


@dataclass(frozen=True)
class CeremonyPhase:
    """A ceremony of the contract: its id, and the circuit and salt that it is opened with, 32 bytes each."""

    name: Literal["powers", "key"]
    id: bytes
    circuit: bytes
    salt: bytes


@dataclass(frozen=True)
class PhaseState:
    """What the chain says of a phase: how many of its contributors have contributed, and its head."""

    contributors: int
    contributed: int
    head: bytes

    @property
    def is_open(self) -> bool:
        """Somebody opened it."""
        return self.contributors > 0

    @property
    def is_complete(self) -> bool:
        """All have contributed."""
        return self.is_open and self.contributed == self.contributors


def demand_recorded(
    ceremony: Ceremony, phase: CeremonyPhase, state: PhaseState, contributions: Sequence[bytes]
) -> None:
    """InputError `ceremony.record` unless a file's contributions are those that the contributors recorded, all of
    them, in their order."""
    if len(contributions) != state.contributed or ceremony.head(phase, contributions) != state.head:
        raise InputError(
            f"the {phase.name} file has other contributions than those on chain",
            expected=f"{state.contributed} contributions, head {to_hex(state.head)}",
            found=f"{len(contributions)} contributions, head {to_hex(ceremony.head(phase, contributions))}",
            remedy="ask the contributor before for the file that it recorded",
            code="ceremony.record",
        )


def demand_institutions(contributors: Sequence[bytes], trust: TrustList) -> list[str]:
    """The contributors' names. InputError `proof.ceremony` where the trust list does not name each as an institution,
    or there are not two: whoever is all contributors of a key can prove anything with it."""
    known = {institution.address: institution.name for institution in trust.institutions}
    strangers = [to_hex(account) for account in contributors if account not in known]
    if strangers or len(set(contributors)) < 2:
        raise InputError(
            "the key's ceremony is not one among institutions that you trust",
            expected="two contributors or more, each an institution of the trust list",
            found=", ".join(strangers) or f"{len(set(contributors))} contributors",
            code="proof.ceremony",
        )
    return [known[account] for account in contributors]
