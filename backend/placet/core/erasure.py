"""An erasure: what a holder signs to a person's former consent once nothing points to the person there any more.

Who asked is not in it: a consent's id is a number that the chain has anyway, and leads to nobody once salt and key are
gone. The provider's receipt is anchored by its hash (`ErasureAnchored`); those of other holders go to the owner.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from placet.core import eip712
from placet.core.eip712 import Domain
from placet.core.errors import SignatureError, StateError
from placet.core.hashing import canonical, sha256
from placet.core.ids import ConsentId, JobId
from placet.core.signatures import Verifiers
from placet.core.times import UnixTime
from placet.core.values import Address, Bytes32, ChainId, Signature, Text, Value, to_hex

MAX_JOBS = 4_096
"""Jobs in one receipt, and in one question to a peer."""
_KEYS = Verifiers(frozenset())

Erased = Literal["record", "keys", "uses", "tag", "withdrawal", "payloads", "result"]
"""What is gone. `record`: consent, signature, enrolment. `keys`: the salts and the opening by which consent and row led
to the person, and the owner's key. `uses`: which jobs used it. `payloads`: what was kept of jobs to be replayed.
`result`: the person's row in results that the holder got."""
RECORD: tuple[Erased, ...] = ("record", "keys", "uses", "tag", "withdrawal")
"""What the consent's provider holds of it."""


class RecordRetention(Value):
    """How long the law makes an institution keep a consent's record after its owner asked for its erasure, and why."""

    days: Annotated[int, Field(ge=1, le=36_500, strict=True)]
    reason: Text


class ErasureReceipt(Value):
    """What a `holder` has no more, as of `at` (Unix seconds): of the consent itself, and of `jobs` that used it.
    `registry` is the contract that knows the consent."""

    type: Literal["placet.erasure-receipt"] = "placet.erasure-receipt"
    version: Literal[1] = 1
    chain_id: ChainId
    registry: Address
    holder: Address
    consent: ConsentId
    erased: Annotated[tuple[Erased, ...], Field(min_length=1, max_length=8)]
    jobs: Annotated[tuple[JobId, ...], Field(max_length=MAX_JOBS)] = ()
    at: UnixTime

    @property
    def hash(self) -> bytes:
        """SHA-256 over the RFC 8785 form: what is anchored."""
        return sha256(canonical(self.to_json()))

    def digest(self, domain: Domain) -> bytes:
        """What the holder signs."""
        return domain.digest(eip712.ERASURE.of(self.holder, self.consent, self.hash))


class SignedErasure(Value):
    """A receipt and its holder's signature."""

    receipt: ErasureReceipt
    signature: Signature

    @classmethod
    def of(cls, receipt: ErasureReceipt, domain: Domain, sign: Callable[[bytes], bytes]) -> SignedErasure:
        """By whom `sign` signs digests."""
        return cls(receipt=receipt, signature=sign(receipt.digest(domain)))

    def demand(self, holder: bytes, consent: ConsentId, domain: Domain, verifiers: Verifiers = _KEYS) -> ErasureReceipt:
        """The receipt. SignatureError unless it is this holder's, of this consent, under these contracts. A holder that
        is a contract is believed only where `verifiers` can ask it."""
        receipt = self.receipt
        expected = (holder, consent, domain.chain_id, domain.contract)
        if (receipt.holder, receipt.consent, receipt.chain_id, receipt.registry) != expected:
            raise SignatureError(
                "the receipt is of another erasure",
                expected=f"{to_hex(holder)}, {to_hex(consent)}",
                found=f"{to_hex(receipt.holder)}, {to_hex(receipt.consent)}",
                code="signature.erasure",
            )
        verifiers.demand("the erasure's receipt", holder, receipt.digest(domain), self.signature)
        return receipt


def person_mark(salt: Bytes32, identifier: str) -> bytes:
    """By which a result's reader finds a person's row without being told who it is where there is none (HMAC-SHA-256,
    32 bytes). Whoever has the salt and guesses the identifier can tell that it is right."""
    return hmac.digest(salt, identifier.encode(), "sha256")


def own_consent() -> StateError:
    """The refusal to erase an institution's own consent."""
    return StateError(
        "an institution's own consent is of no person, and is the evidence of its jobs",
        remedy="revoke it instead",
        code="consent.own",
    )
