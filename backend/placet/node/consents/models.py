"""What comes in and goes out over the consent API, as OpenAPI shows it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from placet.core.consent import CompactConsent, Consent
from placet.core.consent_trees import KeptTag
from placet.core.enrolment import Enrolment, EnrolmentOpening
from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId
from placet.core.languages import ENGLISH, Language
from placet.core.namespace import Namespace
from placet.core.offers import Offer, Scope
from placet.core.signature_forms import WalletSignature
from placet.core.statements import FieldBytes, VerificationKey
from placet.core.times import UnixTime
from placet.core.trust import Deployment, TrustList
from placet.core.values import U32, Address, Bytes24, Bytes32, Name, NanoRho, Signer, Text, Value


class ConsentStatus(StrEnum):
    """A consent as this node sees it; DPV's words where DPV has one.

    pending → anchoring → given; refused if the contract refused it. withdrawing, withdrawn, revoked end it; expired and
    exhausted follow from time and from openings.
    """

    PENDING = "pending"
    ANCHORING = "anchoring"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Named(_Answer):
    """An institution for people."""

    address: Address
    name: str


class Texts(_Answer):
    """The words that a wallet will show for a consent to this offer."""

    dataset: str
    consumer: str
    purpose: str
    columns: str
    output: str
    parties: str


class OfferResponse(_Answer):
    """An offer of this institution: what a consent says yes to."""

    id: OfferId
    offer: Offer
    scope: Scope
    texts: Texts
    provider: Named
    consumer: Named
    openings: Annotated[int, Field(description="jobs opened so far; a fresh consent covers the next ones")]


class Offers(_Answer):
    offers: list[OfferResponse]


class DraftRequest(Value):
    """What an owner wants to consent to. `enrolment` is the subject commitment of the owner's enrolment, `language` the
    one in which he reads and signs."""

    owner: Signer
    offer: OfferId
    not_before: UnixTime
    not_after: UnixTime
    uses: Annotated[int, Field(ge=1, lt=2**32, strict=True)]
    enrolment: Bytes32 | None = None
    language: Language = ENGLISH


class DraftResponse(_Answer):
    """A consent to be signed: `typed_data` is the argument of `eth_signTypedData_v4`."""

    id: ConsentId
    consent: Consent
    notice: Annotated[str, Field(description="plain words; their SHA-256 stands in the consent")]
    typed_data: dict[str, Any]


class EnrolmentSubmission(Value):
    """An enrolment with what opens it; the opening goes straight to the vault."""

    enroller: Address
    subject: Bytes32
    signature: WalletSignature
    opening: EnrolmentOpening

    def enrolment(self) -> Enrolment:
        return Enrolment(enroller=self.enroller, subject=self.subject, signature=self.signature)


class ConsentSubmission(Value):
    """A signed consent. Persons need an enrolment; an institution's consent for its own data has none."""

    consent: Consent
    signature: WalletSignature
    enrolment: EnrolmentSubmission | None = None


class ConsentAccepted(_Answer):
    id: ConsentId
    status: ConsentStatus


class BatchProof(_Answer):
    """Where a consent's leaf lies: OpenZeppelin's sorted-pair Merkle tree, leaf = consent id."""

    root: BatchRoot
    proof: list[Bytes32] | None = Field(
        description="absent for a batch of more than 65,536 leaves: who made its file has the proof"
    )
    block: int | None = Field(description="the block that anchors the root, once it is confirmed")


class ConsentResponse(_Answer):
    """A consent, its state, and what its owner needs to check it against the chain himself."""

    id: ConsentId
    status: ConsentStatus
    offer: OfferId
    consent: CompactConsent
    leaf: ConsentId
    batch: BatchProof | None
    block: int | None = Field(description="the block of the grant or of the batch, once it is confirmed")
    error: str | None = Field(default=None, description="the contract's words if it refused")


class ConsentPage(_Answer):
    consents: list[ConsentResponse]
    cursor: ConsentId | None = Field(description="ask again with it for the next page; absent at the end")


class UseResponse(_Answer):
    """A job that used a consent."""

    job: JobId
    nth: Annotated[int, Field(description="the how many-th job of the consumer over this consent, from 1")]
    attempt: int
    at: Annotated[int, Field(description="when this node's rows went into the job, Unix seconds")]
    outcome: Annotated[str, Field(description="running, sealed, completed, closed or aborted")]
    block: int | None = Field(description="the block that says so")


class Uses(_Answer):
    uses: list[UseResponse]


class Erasure(_Answer):
    """`erased`: false where nothing was left, or the law has the institution keep it for a while."""

    id: ConsentId
    erased: bool


class ExportedConsent(_Answer):
    """A consent with the words that were signed, the signature, and which jobs used it. The words are absent where the
    node has lost what they follow from."""

    consent: ConsentResponse
    signed: Consent | None
    notice: str | None
    signature: str = Field(description="the owner's, hex, as contracts have it")
    uses: list[UseResponse]
    tag: Bytes32 | None = Field(description="by which the owner proves anonymously that it lives")


class Export(_Answer):
    """What this institution's node holds of one owner. `cursor` asks for more, as of a list."""

    institution: Named
    owner: Signer
    at: int = Field(description="Unix seconds")
    consents: list[ExportedConsent]
    cursor: ConsentId | None


class WithdrawalDraft(_Answer):
    typed_data: dict[str, Any]


class Withdrawal(Value):
    """An owner's withdrawal. A node that does not know the consent needs it in full, best with its place in a batch."""

    signature: WalletSignature
    consent: Consent | None = None
    batch: BatchRoot | None = None
    proof: Annotated[tuple[Bytes32, ...], Field(max_length=64)] = ()


class TagSubmission(Value):
    """A tag, and the signature of the consent's own key over it (`ProofTag`)."""

    tag: FieldBytes
    signature: WalletSignature


class TagAccepted(_Answer):
    id: ConsentId


class ProofTags(_Answer):
    """Tags of an offer's live consents: what a tree is made of. `epoch` and `unproven`: heads of the consents that had
    ended when this was looked up. `cursor` asks for more, as of a list."""

    epoch: Bytes24
    unproven: Bytes24
    tags: list[KeptTag]
    cursor: ConsentId | None


class LineageResponse(_Answer):
    """Where a model comes from: on how many inputs it was trained, other models' among them, and how many of the
    consents to these have ended since."""

    inputs: U32
    withdrawn: U32


class ColumnMeaning(_Answer):
    """What a column means, and in which unit it is."""

    meaning: Text
    unit: Text | None = None


class DatasetResponse(_Answer):
    """A dataset of this institution; `personal`: its rows are persons', whom `identifier` names by an identifier of the
    kind `namespace`. `origin`: it is this institution's part of the model that this job made, whose `lineage` is
    known once it is registered. `about`, `refreshed` (a day) and `meanings` are what the institution says of it and of
    its columns. `rows` is for the institution itself."""

    name: Name
    id: DatasetId
    schema_hash: Bytes32
    columns: list[str]
    identifier: Name
    namespace: Namespace | None = None
    decimals: dict[Name, int] = Field(description="by column of amounts, where they have digits after the point")
    personal: bool
    origin: JobId | None = None
    lineage: LineageResponse | None = None
    commitment: Bytes32
    provider: Named
    budget: NanoRho | None = Field(default=None, description="on chain, in nano-rho; absent if unregistered")
    spent: NanoRho | None = None
    rows: U32 | None = None
    about: Text | None = None
    refreshed: date | None = None
    meanings: dict[str, ColumnMeaning] = Field(default_factory=dict)


class Datasets(_Answer):
    datasets: list[DatasetResponse]


class ChainTransaction(_Answer):
    """Which jobs and consents the events of a transaction are about; none where the chain has no such transaction."""

    jobs: list[JobId]
    consents: list[ConsentId]


class ProofKey(_Answer):
    """A verification key on chain. `contributors`: of its ceremony; none where one person made it, who can prove
    anything."""

    key: VerificationKey
    contributors: list[Address]


class ProofJob(_Answer):
    """Whose job it is, who alone may sign totals of it; `status` as the job ledger has it."""

    consumer: Address
    status: str


class ProofConsent(_Answer):
    """What the chain says of a statement about a consent as of a `block`, which is of that `time`: see
    `ConsentOnChain`. `leaves` and `until` of its tree are 0 where nobody published such a one."""

    block: int
    time: int
    provider: Address
    state: str
    leaves: int
    until: int
    used: bool
    recorded: int
    confirmed: bool


class WhoIsWho(_Answer):
    """By its address in the trust list, whose node this is; the two files that it was given from outside; and the host
    that the passkeys of its page are of, where that is not the page's own."""

    institution: Address
    deployment: Deployment
    trust: TrustList
    passkey_rp: str | None


class Healthz(_Answer):
    """`ok` says whether the node can do all of its work; the parts say which it can't, `words` in a sentence each.
    `counts` is the last block that counts for good; `finality` is "late" while the chain stands still in that, which
    loses nothing: what needs such a block waits."""

    ok: bool
    chain: str
    vault: str
    storage: str
    head: int | None
    indexed: int | None
    lag: int | None
    counts: int | None
    finality: Literal["ok", "late"]
    loops: dict[str, str]
    words: dict[str, str]
