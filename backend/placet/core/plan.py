"""What is agreed before a job (plan and its terms), while it runs (amendment) and when it ends (seal)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from placet.core import eip712
from placet.core.errors import PlanError
from placet.core.hashing import canonical, document_hash, keccak
from placet.core.ids import NO_CONSENT, ConsentId, JobId, OfferId
from placet.core.offers import DataLifeDays
from placet.core.signatures import Verifiers
from placet.core.text import demand_seen
from placet.core.values import (
    U32,
    U48,
    U96,
    ZERO20,
    ZERO32,
    Address,
    BigUint,
    Bytes24,
    Bytes32,
    Name,
    NanoRho,
    Signature,
    Signer,
    Value,
    to_hex,
)

MAX_PARTIES = 16
MAX_INPUTS = 16
"""Of one party."""
MAX_RECORD = 1_024
"""Step hashes in one record on chain. `JobLedger` has these three numbers too, and refuses more."""
RECORD_GRACE = 86_400
"""Seconds after `settleBy` in which steps may still be recorded."""


class Input(Value):
    """What a party brings: an institution's own grant (`consent`) or the root of a lawful set; the other is zero.
    `budget` is what the job spends of the offer's and the dataset's privacy budget."""

    offer: OfferId
    consent: ConsentId = NO_CONSENT
    lawful_root: Bytes32 = ZERO32
    epoch: Bytes24
    opens_before: U32
    budget: NanoRho = 0

    @model_validator(mode="after")
    def _either(self) -> Input:
        if (self.consent == NO_CONSENT) == (self.lawful_root == ZERO32):
            raise ValueError("an input has either a named consent or a lawful root")
        return self

    @property
    def named(self) -> bool:
        return self.consent != NO_CONSENT


class Party(Value):
    """One institution in a job. `signer` agrees, `recorder` sends transactions and signs messages, `payee` is paid."""

    signer: Signer
    recorder: Address
    payee: Address
    reward: U96 = 0
    tls_key: Bytes32
    seed: Bytes32
    output: bool
    inputs: Annotated[tuple[Input, ...], Field(max_length=MAX_INPUTS)] = ()


class Plan(Value):
    """What every party, the consumer and the sponsor sign. Its EIP-712 digest is the job's id. `pot` is what the seal
    may divide among the parties beside their rewards, in the token's smallest unit."""

    terms: Bytes32
    consumer: Address
    purpose: Bytes32
    operations: U32
    sponsor: Address
    token: Address = ZERO20
    pot: U96 = 0
    open_by: U48
    deadline: U48
    settle_by: U48
    salt: Bytes32
    parties: Annotated[tuple[Party, ...], Field(min_length=1, max_length=MAX_PARTIES)]

    @model_validator(mode="after")
    def _sane(self) -> Plan:
        if not self.open_by <= self.deadline <= self.settle_by:
            raise ValueError("openBy, deadline and settleBy must be in this order")
        if len({p.signer for p in self.parties}) != len(self.parties):
            raise ValueError("a signer stands in the plan twice")
        if len({p.recorder for p in self.parties}) != len(self.parties):
            raise ValueError("a recorder stands in the plan twice")
        offers = [i.offer for p in self.parties for i in p.inputs]
        if len(set(offers)) != len(offers):
            raise ValueError("an offer stands in the plan twice")
        if (self.token == ZERO20) != (self.funding == 0):
            raise ValueError("rewards and a pot need a token, and a token needs one of them")
        return self

    @property
    def funding(self) -> int:
        """What the sponsor pays in with the opening: all rewards and the pot."""
        return sum(p.reward for p in self.parties) + self.pot

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """All inputs, in party order."""
        return tuple(i for p in self.parties for i in p.inputs)

    def input_offset(self, party: int) -> int:
        """Where a party's first input stands among all inputs."""
        return sum(len(p.inputs) for p in self.parties[:party])

    @property
    def signers(self) -> tuple[bytes, ...]:
        """In the order of the plan's signatures: parties, consumer, sponsor."""
        return (*(p.signer for p in self.parties), self.consumer, self.sponsor)

    def party_of(self, signer: bytes) -> int:
        """A signer's index; PlanError if it is no party."""
        for index, party in enumerate(self.parties):
            if party.signer == signer:
                return index
        raise PlanError("not a party of this plan", found="0x" + signer.hex())

    def struct_hash(self) -> bytes:
        return eip712.PLAN.hash(self)

    def job(self, domain: eip712.Domain) -> JobId:
        """The job's id: this plan's digest."""
        return JobId(domain.digest(self.struct_hash()))

    def to_tuple(self) -> tuple[Any, ...]:
        """As the contract's ABI takes it."""
        return (
            self.terms,
            self.consumer,
            self.purpose,
            self.operations,
            self.sponsor,
            self.token,
            self.pot,
            self.open_by,
            self.deadline,
            self.settle_by,
            self.salt,
            [
                (
                    p.signer,
                    p.recorder,
                    p.payee,
                    p.reward,
                    p.tls_key,
                    p.seed,
                    p.output,
                    [(i.offer, i.consent, i.lawful_root, i.epoch, i.opens_before, i.budget) for i in p.inputs],
                )
                for p in self.parties
            ],
        )


def plan_of(values: Sequence[Any]) -> Plan:
    """`Plan.to_tuple` turned back, of what the ABI decodes. ValidationError for a plan that no contract would open."""
    *plain, parties = values
    names = [name for name in Plan.model_fields if name != "parties"]
    return Plan.model_validate(
        {**dict(zip(names, plain, strict=True)), "parties": [_party_of(party) for party in parties]}
    )


def _party_of(values: Sequence[Any]) -> dict[str, Any]:
    *plain, inputs = values
    names = [name for name in Party.model_fields if name != "inputs"]
    return {
        **dict(zip(names, plain, strict=True)),
        "inputs": [dict(zip(Input.model_fields, one, strict=True)) for one in inputs],
    }


class OpeningRef(Value):
    """The standing plan that a job is an opening of, by its hash, and the opening's number there, from 0."""

    plan: Bytes32
    number: U32


MOST_DRAWN = 10_000
"""Places of one party that a random audit draws, at the most."""


class AuditStake(Value):
    """What lies on an audit. Before anybody computes, a party that is a part of it stakes `stake` of `token`, in the
    smallest unit, which `beneficiary` is owed if it is lost. `auditor` may report a fault until `find_seconds` after
    the plan's `settle_by`; the party then has `answer_seconds` to answer, and the auditor as long to uphold its
    finding."""

    auditor: Address
    token: Address
    stake: Annotated[BigUint, Field(ge=1, lt=2**96)]
    beneficiary: Address
    find_seconds: Annotated[int, Field(ge=60, le=7_776_000, strict=True)]
    answer_seconds: Annotated[int, Field(ge=60, le=2_592_000, strict=True)]


class RandomAudit(AuditStake):
    """The random audit after a job's seal. The hash of block `delay` after the seal's draws `places` places of each
    party whose role the recipe samples; it opens them to the auditor, sealed to its X25519 `key`."""

    key: Bytes32
    places: Annotated[int, Field(ge=1, le=MOST_DRAWN, strict=True)]
    delay: Annotated[int, Field(ge=1, le=1_000, strict=True)]


class GarblingAudit(AuditStake):
    """The stake of a party that garbles, where the plan has garblings opened: it is lost where the evaluator's
    certificate convinces the auditor that another circuit was garbled."""


class Terms(Value):
    """The plan document behind `Plan.terms`: which recipe runs on what, and for whom its result is encrypted.

    `roles` has one name a party, `inputs` one alias an input (flattened); `block` is the N of the lawful sets;
    `standing` is there where the job is an opening of a standing plan, `audit` where places of it are drawn,
    `garbling` where the garbler stakes. The consumer keeps the result for `data_life` days from the job's end on, and
    for ever where there is none.
    """

    type: Literal["placet.terms"] = "placet.terms"
    version: Literal[1] = 1
    recipe: Name
    recipe_version: U32
    engine: Name
    parameters: dict[str, JsonValue]
    roles: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_PARTIES)]
    inputs: Annotated[tuple[Name, ...], Field(max_length=MAX_PARTIES * MAX_INPUTS)]
    block: Annotated[int, Field(ge=0, lt=2**53)]
    consumer_key: Bytes32
    on_withdrawal: Literal["drop", "abort"]
    standing: Annotated[OpeningRef | None, Field(exclude_if=lambda value: value is None)] = None
    audit: Annotated[RandomAudit | None, Field(exclude_if=lambda value: value is None)] = None
    garbling: Annotated[GarblingAudit | None, Field(exclude_if=lambda value: value is None)] = None
    data_life: Annotated[DataLifeDays | None, Field(exclude_if=lambda value: value is None)] = None

    @property
    def staked(self) -> AuditStake | None:
        """The audit for which parties put up stakes: no recipe has both."""
        return self.audit or self.garbling

    @model_validator(mode="after")
    def _small(self) -> Terms:
        if len(canonical(self.parameters)) > 65_536:
            raise ValueError("parameters are larger than 64 KiB")
        demand_seen(self.parameters)
        return self

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the document."""
        return document_hash(self)


def demand_fit(plan: Plan, terms: Terms) -> None:
    """PlanError unless the terms are this plan's and speak of as many parties and inputs."""
    if terms.hash != plan.terms:
        raise PlanError(
            "the terms are not this plan's", expected=to_hex(plan.terms), found=to_hex(terms.hash), code="plan.terms"
        )
    if len(terms.roles) != len(plan.parties) or len(terms.inputs) != len(plan.inputs):
        raise PlanError(
            "plan and terms speak of different parties or inputs",
            expected=f"{len(plan.parties)} roles, {len(plan.inputs)} inputs",
            found=f"{len(terms.roles)} roles, {len(terms.inputs)} inputs",
            code="plan.terms",
        )


class Amendment(Value):
    """A new attempt: the lawful roots and epochs of all inputs (zero root for a named consent)."""

    job: JobId
    attempt: U32
    roots: tuple[Bytes32, ...]
    epochs: tuple[Bytes24, ...]

    def struct_hash(self) -> bytes:
        return eip712.AMENDMENT.hash(self)


class Seal(Value):
    """The end of an attempt: trail heads, hashes of masked outputs and of release keys, epochs, and each party's share
    of the plan's pot. `epochs` has one value an input, the others one a party."""

    job: JobId
    attempt: U32
    heads: tuple[Bytes32, ...]
    outputs: tuple[Bytes32, ...]
    keys: tuple[Bytes32, ...]
    epochs: tuple[Bytes24, ...]
    payouts: tuple[U96, ...]

    def struct_hash(self) -> bytes:
        return eip712.SEAL.hash(self)

    def to_tuple(self) -> tuple[Any, ...]:
        """The contract's `SealData`."""
        return (
            self.attempt,
            list(self.heads),
            list(self.outputs),
            list(self.keys),
            list(self.epochs),
            list(self.payouts),
        )


def cancellation_hash(job: JobId) -> bytes:
    """EIP-712 struct hash of a cancellation."""
    return eip712.CANCELLATION.of(job)


def key_hash(key: bytes) -> bytes:
    """What the seal says of a release key."""
    return keccak(key)


def demand_signatures(
    what: str, signers: tuple[bytes, ...], signatures: tuple[Signature, ...], digest: bytes, verifiers: Verifiers
) -> None:
    """SignatureError or PlanError unless each signer signed; an empty signature repeats an equal earlier signer."""
    if len(signers) != len(signatures):
        raise PlanError(f"{what}: wrong number of signatures", expected=len(signers), found=len(signatures))
    for index, (signer, signature) in enumerate(zip(signers, signatures, strict=True)):
        if signature == b"" and signer in signers[:index]:
            continue
        verifiers.demand(f"{what}, signature {index}", signer, digest, signature)
