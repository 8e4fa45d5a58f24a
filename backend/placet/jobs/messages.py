"""What parties ask each other about a job, besides messages: all of it travels as JSON over the peer link."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from placet.core.plan import Amendment, Input, Plan, Seal, Terms
from placet.core.values import U32, U48, U96, ZERO20, Address, Bytes32, Name, Signature, Text, Value

MAX_ASKED = 4 << 20
MAX_ANSWER = 1 << 20


Parameters = Annotated[dict[str, JsonValue], Field(max_length=64)]


class PrepareRequest(Value):
    """Would you bring this offer to a job of these parties, in this role?"""

    offer: Bytes32
    recipe: Name
    role: Name
    parameters: Parameters
    purpose: Bytes32
    parties: Annotated[tuple[Address, ...], Field(min_length=1, max_length=16)]
    block: Annotated[int, Field(ge=0, lt=2**53)]
    deadline: U48


class PartyEntry(Value):
    """A party's entry, as it would sign it; inputs apart. Reward and output are the sponsor's to add."""

    recorder: Address
    payee: Address
    tls_key: Bytes32
    seed: Bytes32


class PrepareResponse(PartyEntry):
    """With the rows that it brings."""

    input: Input


class SignRequest(Value):
    plan: Plan
    terms: Terms


class SignatureResponse(Value):
    signature: Signature


class AttemptRef(Value):
    """A job in one attempt."""

    job: Bytes32
    attempt: U32


class AttemptStatus(Value):
    """How far a party is in an attempt; the last four once it has computed (zero where it has no output)."""

    state: Literal["waiting", "running", "computed", "failed"]
    why: Annotated[str, Field(max_length=200, pattern="^[ -~]*$")] | None = None
    head: Bytes32 = bytes(32)
    steps: U32 = 0
    output: Bytes32 = bytes(32)
    key: Bytes32 = bytes(32)


class AttemptRoots(Value):
    """A party's roots for a new attempt, one an input of its own (zero for a named consent)."""

    roots: tuple[Bytes32, ...]


class AmendRequest(Value):
    amendment: Amendment


class SealRequest(Value):
    seal: Seal


class SignedByAll(Value):
    """The fully signed plan, amendment or seal, so that each party can show it."""

    job: Bytes32
    signatures: Annotated[tuple[Signature, ...], Field(max_length=18)]


class ProviderRequest(Value):
    """A provider in a job request."""

    address: Address
    offer: Bytes32
    reward: U96 = 0


class OwnInput(Value):
    """The consumer's own data, under its own consent."""

    offer: Bytes32
    consent: Bytes32


class Sponsorship(Value):
    """What a sponsor says of a job, whatever its recipe. Times are in seconds from now."""

    purpose: Text
    token: Address = ZERO20
    open_seconds: Annotated[int, Field(ge=5, le=86_400)] = 120
    deadline_seconds: Annotated[int, Field(ge=10, le=604_800)] = 900
    settle_seconds: Annotated[int, Field(ge=20, le=1_209_600)] = 1800

    def deadline_from(self, now: int) -> int:
        """The plan's deadline, in Unix seconds."""
        return now + self.open_seconds + self.deadline_seconds


class JobRequest(Sponsorship):
    """`POST /v1/jobs`: what the sponsor, who is also the consumer, wants computed."""

    recipe: Name
    engine: Name = "embedded"
    parameters: Parameters
    providers: Annotated[tuple[ProviderRequest, ...], Field(min_length=1, max_length=15)]
    own: OwnInput
