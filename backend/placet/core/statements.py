"""Statements in zero knowledge as documents: a total that an institution signed, what is proven of it, and the proof.

A statement is about a job, by a prover, for a relying party, until a time: all of that is bound by the proof's first
public input, the *context*. A band says that a total lies in it, whose commitment an institution signed for a person;
what is said of consents is in `core.consent_trees`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from placet.core import eip712
from placet.core.eip712 import Domain
from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.ids import JobId, KeyId, StatementId
from placet.core.signatures import Verifiers
from placet.core.values import (
    U48,
    U64,
    ZERO20,
    ZERO32,
    Address,
    Bytes32,
    ChainId,
    Octets,
    Signature,
    Signer,
    Text,
    Value,
)

FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of BN254's groups: public inputs are below it."""
MOST = 2**64 - 1
"""The highest bound: a band up to it says "at least"."""
PROOF_SIZE = 256
MAX_FILE = 1 << 16
"""Bytes of a file of a total, a proof or a verification key; a proof's are about 2,000."""
_SHIFT = 3
_FIXED_SIZE, _POINT_SIZE, _MAX_INPUTS = 448, 64, 64
_FIRST_COORDINATE = 64
"""Of γ and δ."""
_KEYS = Verifiers(frozenset())


ProofBytes = Annotated[Octets, Field(min_length=PROOF_SIZE, max_length=PROOF_SIZE)]


def element(digest: bytes) -> int:
    """The first 253 bits of a hash as a field element, as the contract takes them."""
    return int.from_bytes(digest, "big") >> _SHIFT


def demand_in_field(value: bytes) -> bytes:
    """ValueError for 32 bytes that are no field element."""
    if int.from_bytes(value, "big") >= FIELD:
        raise ValueError("expected a field element, below the order of BN254's groups")
    return value


FieldBytes = Annotated[Bytes32, AfterValidator(demand_in_field)]
"""A field element as 32 bytes."""


class Total(Value):
    """What an institution signs: the total of a person in a job, by its commitment alone. `decimals`: it counts
    10^-decimals of the unit; `issued_at` and `not_after` in Unix seconds."""

    job: JobId
    person: Signer
    commitment: FieldBytes
    decimals: Annotated[int, Field(ge=0, le=18, strict=True)]
    issued_at: U48
    not_after: U48
    purpose: Text

    @model_validator(mode="after")
    def _in_order(self) -> Total:
        if self.not_after < self.issued_at:
            raise ValueError("ends before it begins")
        return self

    def digest(self, domain: Domain) -> bytes:
        """What the institution signs."""
        return domain.digest(eip712.TOTAL.hash(self))


class SignedTotal(Value):
    """A total with the institution that vouches for it."""

    total: Total
    issuer: Address
    signature: Signature

    def demand_signed(self, domain: Domain) -> None:
        """SignatureError unless the issuer signed it."""
        _KEYS.demand("the total", self.issuer, self.total.digest(domain), self.signature)


class OpenedTotal(Value):
    """The file that the person gets: the signed total and what opens its commitment. Whoever has it can prove what the
    total is; nobody else can."""

    type: Literal["placet.total"] = "placet.total"
    version: Literal[1] = 1
    chain_id: ChainId
    statements: Address
    signed: SignedTotal
    value: U64
    salt: Bytes32

    def __repr__(self) -> str:
        return "OpenedTotal(…)"

    __str__ = __repr__


class Statement(Value):
    """Something about a job, said by `prover` for `relying_party` (zero for everybody), proven under `key`."""

    key: Bytes32
    job: JobId
    prover: Address
    relying_party: Address
    until: U48

    @property
    @abstractmethod
    def inputs(self) -> tuple[int, ...]:
        """The circuit's public inputs after context and job."""

    def public_inputs(self, domain: Domain) -> list[int]:
        """All of them, context and job first."""
        return [element(domain.digest(eip712.STATEMENT.hash(self))), element(self.job), *self.inputs]

    def id_on(self, domain: Domain) -> StatementId:
        """The contract's `statementId`."""
        inputs = self.public_inputs(domain)
        words = map(eip712.word, (64, len(inputs), *inputs))
        return StatementId(keccak(domain.digest(eip712.STATEMENT.hash(self)), *words))

    def to_tuple(self) -> tuple[object, ...]:
        """As the contract takes it."""
        return (self.key, self.job, self.prover, self.relying_party, self.until, self.inputs)


class BandStatement(Statement):
    """The committed total of a job is in [low, high)."""

    commitment: Bytes32
    low: U64
    high: U64

    @model_validator(mode="after")
    def _a_band(self) -> BandStatement:
        if self.low >= self.high:
            raise ValueError("low is below high")
        return self

    @property
    def inputs(self) -> tuple[int, int, int]:
        """Commitment, low, high."""
        return int.from_bytes(self.commitment, "big"), self.low, self.high


class ProvenStatement(Value):
    """The file that a relying party gets: a band, its proof, and the signed total that it is about."""

    type: Literal["placet.proof"] = "placet.proof"
    version: Literal[1] = 1
    chain_id: ChainId
    statements: Address
    statement: BandStatement
    proof: ProofBytes
    signed: SignedTotal

    @model_validator(mode="after")
    def _about_the_total(self) -> ProvenStatement:
        total = self.signed.total
        if (total.job, total.commitment) != (self.statement.job, self.statement.commitment):
            raise ValueError("the statement is about another total than the signed one")
        return self


class VerificationKey(Value):
    """A circuit's verification key: −α ‖ β ‖ −γ ‖ −δ ‖ IC, points as EIP-197 has them, and what it is registered as.
    What the contract refuses of any key is refused here, too: off line nobody else looks.

    `circuit`: SHA-256 of its source; `ceremony`: where its set-up is recorded on chain, zero where one person made it;
    `nullifier`: the place of a public input that may occur once, 0 for none; `checker`: the contract that says whether
    such statements stand now, zero for none."""

    type: Literal["placet.verification-key"] = "placet.verification-key"
    version: Literal[1] = 1
    circuit: Bytes32
    ceremony: Bytes32
    nullifier: Annotated[int, Field(ge=0, lt=_MAX_INPUTS, strict=True)] = 0
    checker: Address = ZERO20
    key: Octets

    @field_validator("key")
    @classmethod
    def _whole(cls, value: bytes) -> bytes:
        points, rest = divmod(len(value) - _FIXED_SIZE, _POINT_SIZE)
        if rest or not 2 <= points <= _MAX_INPUTS + 1:
            raise ValueError("expected the points of a key of 1 to 64 public inputs")
        alpha, beta, gamma, delta = value[:64], value[64:192], value[192:320], value[320:_FIXED_SIZE]
        inputs = (value[at : at + _POINT_SIZE] for at in range(_FIXED_SIZE, len(value), _POINT_SIZE))
        if not all(map(any, (alpha, beta, gamma, delta, *inputs))):
            raise ValueError("a point at infinity: any input or proof would pass")
        if gamma[:_FIRST_COORDINATE] == delta[:_FIRST_COORDINATE]:
            raise ValueError("δ is ±γ: nobody contributed, and anybody proves anything")
        return value

    @property
    def id(self) -> KeyId:
        """The contract's `keyId`."""
        words = (eip712.word(self.nullifier), eip712.address(self.checker))
        return KeyId(keccak(self.circuit, self.ceremony, *words, keccak(self.key)))

    @property
    def is_test(self) -> bool:
        """One person made it: that person can prove anything."""
        return self.ceremony == ZERO32

    @property
    def registration(self) -> tuple[bytes, bytes, int, bytes]:
        """As the contract takes it."""
        return (self.circuit, self.ceremony, self.nullifier, self.checker)


def demand_place(chain_id: int, statements: bytes, domain: Domain, what: str) -> None:
    """InputError unless a file is for this deployment's `Statements`."""
    if (chain_id, statements) != (domain.chain_id, domain.contract):
        raise InputError(
            f"the {what} is for another deployment",
            expected=f"chain {domain.chain_id}, 0x{domain.contract.hex()}",
            found=f"chain {chain_id}, 0x{statements.hex()}",
        )
