"""A standing plan: what its parties agree on once, and open many times within its count and window.

Each opening is a plan of its own, with a number: its id, signatures, warrant and trail are those of any job. What a
standing plan leaves open is of that opening alone: each lawful root with its epoch and uses, the block of the lawful
sets, seeds, salt and times. All of that stands in the opening's plan, which every party signs, so each root is signed
by the party that it belongs to. What a standing plan fixes, no opening under it changes.

One rule for who signs, opens and audits: `demand_opening`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.core import eip712
from placet.core.errors import PlanError
from placet.core.hashing import canonical, document_hash
from placet.core.ids import NO_CONSENT, ConsentId, OfferId
from placet.core.plan import MAX_INPUTS, MAX_PARTIES, Plan, Terms
from placet.core.values import U32, U48, U96, Address, Bytes32, Signer, Value, to_hex

MAX_OPENINGS = 1_000_000


class StandingInput(Value):
    """An input of every opening: its offer, and the consent where it names one (zero for a lawful root)."""

    offer: OfferId
    consent: ConsentId = NO_CONSENT


class StandingParty(Value):
    """A party of every opening. Recorder, payee, certificate and seed are in each opening's plan, which it signs."""

    signer: Signer
    reward: U96 = 0
    output: bool
    inputs: Annotated[tuple[StandingInput, ...], Field(max_length=MAX_INPUTS)] = ()


class Fixed(Value):
    """What all openings have alike. `terms` are those of an opening with block 0 and without a number."""

    terms: Terms
    consumer: Address
    purpose: Bytes32
    operations: U32
    sponsor: Address
    token: Address
    pot: U96
    parties: Annotated[tuple[StandingParty, ...], Field(min_length=1, max_length=MAX_PARTIES)]


def fixed_of(plan: Plan, terms: Terms) -> Fixed:
    """A plan and its terms without what is of one opening alone."""
    return Fixed(
        terms=terms.model_copy(update={"block": 0, "standing": None}),
        consumer=plan.consumer,
        purpose=plan.purpose,
        operations=plan.operations,
        sponsor=plan.sponsor,
        token=plan.token,
        pot=plan.pot,
        parties=tuple(
            StandingParty(
                signer=party.signer,
                reward=party.reward,
                output=party.output,
                inputs=tuple(StandingInput(offer=one.offer, consent=one.consent) for one in party.inputs),
            )
            for party in plan.parties
        ),
    )


class StandingPlan(Value):
    """What every party signs once. It may be opened `openings` times, from `not_before` until `not_after` (Unix
    seconds), under the numbers 0, 1, …"""

    type: Literal["placet.standing"] = "placet.standing"
    version: Literal[1] = 1
    fixed: Fixed
    openings: Annotated[int, Field(strict=True, ge=1, le=MAX_OPENINGS)]
    not_before: U48
    not_after: U48
    salt: Bytes32

    @model_validator(mode="after")
    def _sane(self) -> StandingPlan:
        if self.not_before > self.not_after:
            raise ValueError("notBefore must not be after notAfter")
        if self.fixed.terms.block or self.fixed.terms.standing is not None:
            raise ValueError("block and number are of an opening")
        return self

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the document, by which openings name it."""
        return document_hash(self)

    @property
    def signers(self) -> tuple[bytes, ...]:
        """In the order of its signatures: parties, consumer, sponsor."""
        return (*(party.signer for party in self.fixed.parties), self.fixed.consumer, self.fixed.sponsor)

    def digest(self, domain: eip712.Domain) -> bytes:
        """What is signed: EIP-712 `Standing`."""
        return domain.digest(eip712.STANDING.of(self.hash, self.openings, self.not_before, self.not_after))


def demand_opening(standing: StandingPlan, plan: Plan, terms: Terms, at: int) -> None:
    """PlanError `plan.standing` unless a plan that is signed, or opened, at this time is an opening of the standing
    plan: of a number within its count, within its window, and like it in all that it fixes."""
    number = terms.standing
    if number is None or number.plan != standing.hash:
        raise _refused("not an opening of this standing plan", to_hex(standing.hash), "another standing plan, or none")
    if number.number >= standing.openings:
        raise _refused("beyond the standing plan's count", f"a number below {standing.openings}", str(number.number))
    if not standing.not_before <= at <= standing.not_after or plan.open_by > standing.not_after:
        window = f"opened between {standing.not_before} and {standing.not_after}"
        raise _refused("outside the standing plan's window", window, f"at {at}, openBy {plan.open_by}")
    opening, expected = fixed_of(plan, terms).to_json(), standing.fixed.to_json()
    for name in Fixed.model_fields:
        if canonical(opening[name]) != canonical(expected[name]):  # to Python, 1 and true are equal
            raise _refused(f"another {name} than the standing plan's", f"{name} as all have signed", "another")


def _refused(message: str, expected: str, found: str) -> PlanError:
    return PlanError(message, expected=expected, found=found, code="plan.standing")
