"""What parties ask each other about a job, besides a protocol's own messages.

Each question and each answer is one JSON object over the peer link: mutual TLS, each side known by its certificate. The
name of the question stands beside it (`answers.PeerAnswers`). A refusal comes back as the peer's own error: its code,
what was expected, what was found. Hashes have 32 bytes; amounts are in the token's smallest unit.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from placet.core.erasure import MAX_JOBS, SignedErasure
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.offers import DataLifeDays
from placet.core.plan import MAX_INPUTS, MAX_PARTIES, Amendment, GarblingAudit, Input, Plan, RandomAudit, Seal, Terms
from placet.core.standing import MAX_OPENINGS, StandingPlan
from placet.core.text import demand_seen
from placet.core.values import (
    U32,
    U48,
    U96,
    ZERO20,
    Address,
    BigUint,
    Bytes32,
    Name,
    Signature,
    Text,
    Value,
    parse,
    to_hex,
)

MAX_ASKED = 4 << 20
"""Bytes of a question at the most."""
MAX_ANSWER = 1 << 20
"""Bytes of an answer at the most."""
LEFT_TO_SEAL = 128
"""Steps that a party leaves to the seal at the most: of sixteen parties they fit into one transaction."""

SOON, BY_HAND = 120, 86_400
"""Seconds from now to the last moment to open: where nodes sign by themselves, and where people decide."""
Parameters = Annotated[dict[str, JsonValue], Field(max_length=64), AfterValidator(demand_seen)]


class ModelInput(Value):
    """An institution's part of a model, under its own consent."""

    offer: OfferId
    consent: ConsentId


class PrepareRequest(Value):
    """`prepare`: would you bring the rows of this offer to a job of these parties, under these terms, and, where your
    role brings one, your part of a model under this consent of yours? What is no persons' comes under your own
    `consent`.

    `terms` and `parties` (the signers in order) are the plan's to be, `purpose` the hash of its IRI,
    `deadline` in Unix seconds. Refused with `consent.*`, `plan.*`, or `peer.early` where the terms'
    block is not confirmed there yet.
    """

    offer: OfferId
    consent: Annotated[ConsentId | None, Field(exclude_if=lambda value: value is None)] = None
    model: ModelInput | None = None
    terms: Terms
    purpose: Bytes32
    parties: Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_PARTIES)]
    deadline: U48


class EraseRequest(Value):
    """`erase`: delete what you hold of the person who gave this consent, out of `jobs` that used it. `salt` and `mark`
    are `core.erasure.person_mark`'s, by which the person's row in a result is found. Refused with `erasure.living`
    unless the chain, at the asked one's own endpoint, says that the consent has ended; `erasure.going` while one of the
    jobs goes on; `erasure.job` for a job in which the asker brought no rows of that offer."""

    offer: OfferId
    consent: ConsentId
    jobs: Annotated[tuple[JobId, ...], Field(min_length=1, max_length=MAX_JOBS)]
    salt: Bytes32
    mark: Bytes32


class EraseResponse(Value):
    """Answers `erase`, when it is done; the same again is answered anew."""

    erasure: SignedErasure


class PartyEntry(Value):
    """A party's entry in the plan as it would sign it, its inputs apart; reward and output are the sponsor's to add.

    `tls_key` is the SHA-256 of the certificate's SubjectPublicKeyInfo, `seed` the commitment to fresh randomness.
    """

    recorder: Address
    payee: Address
    tls_key: Bytes32
    seed: Bytes32


class PrepareResponse(PartyEntry):
    """Answers `prepare`: the entry, and what the party brings, in its role's order, with each lawful root (or named
    consent), epoch and `opens_before`. `by_hand`: a person there decides about the plan before it is signed, which
    takes its time."""

    inputs: Annotated[tuple[Input, ...], Field(min_length=1, max_length=MAX_INPUTS)]
    by_hand: Annotated[bool, Field(exclude_if=lambda value: not value)] = False


class SignRequest(Value):
    """`sign`: sign this plan, which holds what you prepared. Refused as `prepare` is, or with `plan.stale`. It is
    answered with an empty signature as long as a person there has to decide about it: ask again, until its `open_by`.
    Refused with `plan.refused` where that person says no; what was `found` is why."""

    plan: Plan
    terms: Terms


class SignatureResponse(Value):
    """Answers `sign`, `stand`, `amend` and `seal`: the party's EIP-712 signature over the plan, amendment or seal."""

    signature: Signature


class StandRequest(Value):
    """`stand`: sign this standing plan. Refused as `prepare` is. It is answered with an empty signature as long as the
    party's operator has not agreed: ask again."""

    plan: StandingPlan


class StandingSigned(Value):
    """`stood`: all signatures under a standing plan (its hash), in its signers' order. It is answered with itself."""

    plan: Bytes32
    signatures: Annotated[tuple[Signature, ...], Field(max_length=MAX_PARTIES + 2)]


class PlanRef(Value):
    """`dropped`: I propose this plan no more, since another party refuses it. It is answered with itself."""

    job: JobId


class AttemptRef(Value):
    """`alive`, `standing`, `roots`: a job in one attempt, counted from 1."""

    job: JobId
    attempt: U32


class AttemptStatus(Value):
    """How far a party is in an attempt. `why` is the code of a failure, `lacks` what a running party waits for at home.
    The last five are there once it has computed: the head and number of its steps, the hashes of the last of them, the
    SHA-256 of its masked output and the keccak256 of its release key (zero where it has no output)."""

    state: Literal["waiting", "running", "computed", "failed"]
    why: Annotated[str, Field(max_length=200, pattern="^[ -~]*$")] | None = None
    lacks: Literal["engine", "vault"] | None = None
    head: Bytes32 = bytes(32)
    steps: U32 = 0
    last: Annotated[tuple[Bytes32, ...], Field(max_length=LEFT_TO_SEAL)] = ()
    output: Bytes32 = bytes(32)
    key: Bytes32 = bytes(32)


class AttemptRoots(Value):
    """Answers `roots`: the lawful roots for a new attempt, one an input of the party (zero for a named consent)."""

    roots: tuple[Bytes32, ...]


class AmendRequest(Value):
    """`amend`: sign this new attempt. Refused with `plan.stale` where your roots are others, `peer.epoch`
    where an epoch moved on."""

    amendment: Amendment


class SealRequest(Value):
    """`seal`: sign the end of the attempt. Refused with `consent.withdrawn` where a row of yours has died, `plan.seal`
    where head, output or key are not yours, `plan.payouts` where your metrics divide the pot otherwise, `peer.epoch`
    where an epoch moved on."""

    seal: Seal


class SignedByAll(Value):
    """`agreed`: all signatures under the plan, in its signers' order, so that each party can show them. It is answered
    with itself."""

    job: JobId
    signatures: Annotated[tuple[Signature, ...], Field(max_length=MAX_PARTIES + 2)]


class ProviderRequest(Value):
    """A provider in a job request, the offer of its rows and, where its role brings one, its part of a model. What is
    no persons', as a source's model, comes under the provider's own `consent`."""

    address: Address
    offer: OfferId
    consent: Annotated[ConsentId | None, Field(exclude_if=lambda value: value is None)] = None
    model: Annotated[ModelInput | None, Field(exclude_if=lambda value: value is None)] = None
    reward: U96 = 0


class OwnInput(Value):
    """The consumer's own data, under its own consent; without one, persons' rows under theirs, where the recipe takes
    such of the consumer."""

    offer: OfferId
    consent: Annotated[ConsentId | None, Field(exclude_if=lambda value: value is None)] = None


class Sponsorship(Value):
    """What a sponsor says of a job, whatever its recipe. Times are in seconds from now; `open_seconds` are `SOON`
    unless given, or `BY_HAND` where a party says that a person there decides about the plan. `pot` is divided at the
    end by what each party contributed, where the recipe measures that."""

    purpose: Text
    token: Address = ZERO20
    pot: U96 = 0
    open_seconds: Annotated[int | None, Field(ge=5, le=86_400)] = None
    deadline_seconds: Annotated[int, Field(ge=10, le=604_800)] = 900
    settle_seconds: Annotated[int, Field(ge=20, le=1_209_600)] = 1800

    def open_by_from(self, now: int) -> int:
        """The plan's last moment to open, in Unix seconds."""
        return now + (SOON if self.open_seconds is None else self.open_seconds)

    def deadline_from(self, now: int) -> int:
        """The plan's deadline, in Unix seconds."""
        return self.open_by_from(now) + self.deadline_seconds


class AuditStakeRequest(Value):
    """The audit that a sponsor wants stakes on, as `RandomAudit` or `GarblingAudit` in the terms has it, by what the
    job does: 460 places find a share of one percent of false rows with a chance of 99 %. The consumer is owed lost
    stakes unless a `beneficiary` is named. `key`, `places` and `delay` are for places alone."""

    auditor: Address
    key: Bytes32 | None = None
    token: Address
    stake: BigUint
    places: int = 460
    delay: int = 8
    beneficiary: Address | None = None
    find_seconds: int = 604_800
    answer_seconds: int = 86_400

    def of(self, consumer: bytes) -> RandomAudit:
        """Of drawn places. InputError for what no plan may say."""
        return parse(RandomAudit, self._owed_to(consumer), what="audit")

    def of_garblings(self, consumer: bytes) -> GarblingAudit:
        """InputError as `of`."""
        fields = {name: value for name, value in self._owed_to(consumer).items() if name in GarblingAudit.model_fields}
        return parse(GarblingAudit, fields, what="audit")

    def _owed_to(self, consumer: bytes) -> dict[str, Any]:
        return {**self.to_json(), "beneficiary": to_hex(self.beneficiary or consumer)}


class JobRequest(Sponsorship):
    """`POST /v1/jobs`: what the sponsor, who is also the consumer, wants computed. No `own` where the recipe takes
    nothing of the consumer. `data_life`: the days for which the consumer keeps the result; as offers demand it."""

    recipe: Name
    engine: Name = "embedded"
    parameters: Parameters
    providers: Annotated[tuple[ProviderRequest, ...], Field(min_length=1, max_length=15)]
    own: Annotated[OwnInput | None, Field(exclude_if=lambda value: value is None)] = None
    model: Annotated[ModelInput | None, Field(exclude_if=lambda value: value is None)] = None
    audit: Annotated[AuditStakeRequest | None, Field(exclude_if=lambda value: value is None)] = None
    data_life: Annotated[DataLifeDays | None, Field(exclude_if=lambda value: value is None)] = None


class StandingRequest(Value):
    """`POST /v1/standing`: a job that is to be opened up to `openings` times within `seconds` from now."""

    job: JobRequest
    openings: Annotated[int, Field(strict=True, ge=1, le=MAX_OPENINGS)]
    seconds: Annotated[int, Field(strict=True, ge=60, le=366 * 86_400)]
