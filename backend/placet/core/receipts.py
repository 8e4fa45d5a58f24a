"""A receipt for a consent: what an institution's node signs to the owner about it, for him to keep and to show.

After ISO/IEC TS 27560:2023 in the profile of the W3C's Data Privacy Vocabulary
(https://w3id.org/dpv/guides/consent-27560), as JSON-LD. The document has the facts, from which every other word of it
follows (`core.receipt_terms`), as a consent's words follow from its offer: whoever checks one makes it anew and takes
none that says anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from placet.core import eip712
from placet.core.consent import Consent, demand_derived
from placet.core.eip712 import Domain
from placet.core.errors import ConsentError, InputError
from placet.core.hashing import canonical, sha256
from placet.core.ids import BatchRoot
from placet.core.merkle import batch_verify
from placet.core.offers import Names, Scope
from placet.core.receipt_terms import FACTS, json_ld
from placet.core.signatures import Verifiers
from placet.core.times import UnixTime
from placet.core.trust import Deployment, TrustList, Url
from placet.core.values import U32, U48, Address, Bytes32, ChainId, Signature, Value, parse, to_hex

MAX_RECEIPT = 256 << 10
"""Bytes of a receipt's file."""
_KEYS = Verifiers(frozenset())
Jurisdiction = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""Of ISO 3166-1, or EU."""


class ReceiptBlock(Value):
    """A block: its number, its hash, its time."""

    block: U48
    block_hash: Bytes32
    at: UnixTime


class ReceiptGiven(ReceiptBlock):
    """The block that holds a consent: by itself, or as a leaf under the root `batch`, to which `proof` leads; that is
    absent for a batch of more than 65,536 leaves."""

    transaction: Bytes32
    batch: BatchRoot | None = None
    proof: Annotated[tuple[Bytes32, ...], Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _proof_of_a_batch(self) -> ReceiptGiven:
        if self.proof is not None and self.batch is None:
            raise ValueError("a proof leads to the root of a batch")
        return self


class ReceiptEnd(ReceiptBlock):
    """The block in which a consent ended: withdrawn by its owner, or revoked by the provider."""

    transaction: Bytes32
    how: Literal["withdrawn", "revoked"]


class ReceiptFacts(Value):
    """What a receipt rests on. `as_of` is the last block that counted when it was made, and `openings` how many jobs
    had opened on the offer by then. `jurisdiction` is the provider's word."""

    chain_id: ChainId
    registry: Address
    api: Url
    jurisdiction: Jurisdiction | None = None
    created: UnixTime
    as_of: ReceiptBlock
    openings: U32
    consent: Consent
    scope: Scope
    given: ReceiptGiven | None
    ended: ReceiptEnd | None = None

    @model_validator(mode="after")
    def _something_happened(self) -> ReceiptFacts:
        moments = [moment for moment in (self.given, self.ended) if moment is not None]
        if not moments or any(moment.block > self.as_of.block for moment in moments):
            raise ValueError("a receipt is for what the chain held as of its block")
        if not self.scope.personal:
            raise ValueError("a receipt is for a person's consent")
        return self

    @model_validator(mode="after")
    def _in_its_batch(self) -> ReceiptFacts:
        given = self.given
        if given is None or given.batch is None or given.proof is None:
            return self
        if not batch_verify(given.batch, self.consent.id, given.proof):
            raise ValueError("the proof does not lead from the consent to its batch's root")
        return self

    @property
    def status(self) -> str:
        """The consent's, as of the receipt; DPV's words where DPV has one."""
        if self.ended is not None:
            return self.ended.how
        if self.consent.not_after < self.created:
            return "expired"
        return "exhausted" if self.consent.opens_before <= self.openings else "given"


class SignedReceipt(Value):
    """The file that an owner gets: `receipt` is JSON-LD, the signature is over its RFC 8785 form."""

    type: Literal["placet.receipt"] = "placet.receipt"
    version: Literal[1] = 1
    receipt: dict[str, JsonValue]
    signature: Signature

    def facts(self) -> ReceiptFacts:
        """InputError where it has none, or malformed ones. Unchecked: see `demand`."""
        facts = self.receipt.get(FACTS)
        if not isinstance(facts, dict):
            raise InputError("the receipt has no facts", expected=f"an object at {FACTS}", code="input.receipt")
        return parse(ReceiptFacts, canonical(facts), limit=MAX_RECEIPT, what="the receipt")

    def demand(self, deployment: Deployment, trust: TrustList) -> ReceiptFacts:
        """The facts of a receipt that the consent's provider signed, whom this trust list names, of a consent under
        these contracts, whose id, words and notice are derived anew. ConsentError, SignatureError, NotFoundError."""
        facts = self.facts()
        if (facts.chain_id, facts.registry) != (deployment.chain_id, deployment.consent_registry.address):
            raise ConsentError(
                "the receipt is of another chain or registry",
                expected=f"{deployment.chain_id}, {to_hex(deployment.consent_registry.address)}",
                found=f"{facts.chain_id}, {to_hex(facts.registry)}",
                code="consent.receipt",
            )
        issuer = trust.institution(facts.scope.provider)
        demand_derived(facts.consent, facts.scope, trust.name)
        digest = _digest(facts, self.receipt, deployment.receipts)
        _KEYS.demand("the receipt", issuer.address, digest, self.signature)
        honest = _document(facts, trust.name)
        where = _difference(honest, self.receipt)
        if where is not None:
            raise ConsentError(
                "the receipt says something else than the consent that it is for",
                expected="what follows from its facts",
                found=f"another {where}",
                remedy="keep it, and show it to an auditor: the institution signed it",
                code="consent.receipt",
            )
        return facts


def issue(facts: ReceiptFacts, names: Names, domain: Domain, sign: Callable[[bytes], bytes]) -> SignedReceipt:
    """The receipt, signed by whom `sign` signs digests."""
    document = _document(facts, names)
    return SignedReceipt(receipt=document, signature=sign(_digest(facts, document, domain)))


def _document(facts: ReceiptFacts, names: Names) -> dict[str, Any]:
    return json_ld(facts, names) | {FACTS: facts.to_json()}


def _digest(facts: ReceiptFacts, document: dict[str, Any], domain: Domain) -> bytes:
    consent = facts.consent
    return domain.digest(eip712.RECEIPT.of(consent.owner, consent.id, sha256(canonical(document))))


def _difference(expected: Any, found: Any, where: str = "receipt") -> str | None:
    """The first place at which two JSON values differ, by its keys; None where they are the same."""
    if type(expected) is not type(found):
        return where
    if isinstance(expected, dict):
        for key in sorted(expected.keys() | found.keys()):
            if key not in expected or key not in found:
                return f"{where} › {key[:80]}"
            inner = _difference(expected[key], found[key], f"{where} › {key[:80]}")
            if inner is not None:
                return inner
        return None
    if isinstance(expected, list):
        if len(expected) != len(found):
            return where
        pairs = enumerate(zip(expected, found, strict=True))
        return next((inner for _, (a, b) in pairs if (inner := _difference(a, b, where)) is not None), None)
    return None if expected == found else where
