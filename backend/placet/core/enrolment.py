"""An enrolment: an enroller's word that an owner's key is that of the person who stands in a provider's rows."""

from __future__ import annotations

import functools
import hashlib
from typing import Annotated

from pydantic import Field

from placet.core import eip712
from placet.core.errors import InputError, SignatureError
from placet.core.hashing import keccak
from placet.core.ids import EnrolmentRoot
from placet.core.offers import Scope
from placet.core.signatures import Verifiers
from placet.core.trust import TrustList
from placet.core.values import ZERO32, Address, Bytes32, Signature, Value

_KEYS = Verifiers(frozenset())


class Enrolment(Value):
    """An enroller's signature that ties an owner's key to a subject commitment, under the kind of identifier that the
    offer's scope says."""

    enroller: Address
    subject: Bytes32
    signature: Signature

    @property
    def proof(self) -> bytes:
        """What shows the enroller's word: here its signature."""
        return self.signature


class BatchedEnrolment(Value):
    """An enrolment that is one of many in a batch (`core.enrolment_batch`), by the batch's root."""

    enroller: Address
    subject: Bytes32
    batch: EnrolmentRoot

    @property
    def proof(self) -> bytes:
        """What shows the enroller's word: here the root, of 32 bytes, under which the pair stands."""
        return self.batch


AnyEnrolment = Enrolment | BatchedEnrolment


def enrolment_of(enroller: bytes, subject: bytes, proof: bytes) -> AnyEnrolment:
    """The enrolment with that proof: a signature, or a batch's root, which alone has 32 bytes."""
    if is_root(proof):
        return BatchedEnrolment(enroller=enroller, subject=subject, batch=EnrolmentRoot(proof))
    return Enrolment(enroller=enroller, subject=subject, signature=proof)


def is_root(proof: bytes) -> bool:
    """Is an enrolment's proof a batch's root? No signature has 32 bytes."""
    return len(proof) == 32


class WalletLink(Value):
    """What an enroller has opened in a person's wallet of credentials, as a link or as a QR code, within so many
    seconds: a request of OpenID4VP 1.0. The wallet then shows an access code."""

    link: Annotated[str, Field(pattern=r"^openid4vp://[\x21-\x7e]+$", max_length=4096)]
    seconds: Annotated[int, Field(ge=1, le=86_400)]


class EnrolmentOpening(Value):
    """What opens a subject commitment: for the provider's vault alone. Never logged, never on chain."""

    subject: Annotated[str, Field(min_length=1, max_length=256)]
    salt: Bytes32

    def __repr__(self) -> str:
        return "EnrolmentOpening(…)"

    __str__ = __repr__

    @property
    def commitment(self) -> bytes:
        return subject_commitment(self.subject, self.salt)


def subject_commitment(subject: str, salt: bytes) -> bytes:
    """H(subject, salt): SHA-256("placet.subject/1" ‖ salt ‖ UTF-8 subject)."""
    if len(salt) != 32:
        raise InputError("a subject's salt has 32 bytes", found=f"{len(salt)} bytes")
    return hashlib.sha256(b"placet.subject/1" + salt + subject.encode()).digest()


def enrolment_hash(owner: bytes, namespace: str | None, subject: bytes) -> bytes:
    """EIP-712 struct hash of an enrolment under a kind of identifier. None, of a scope that has none, is what no
    enroller signs."""
    return keccak(_ENROLMENT + keccak(owner) + _text(namespace or "") + subject)


_ENROLMENT = eip712.ENROLMENT.type_hash
_text = functools.lru_cache(maxsize=64)(eip712.text)


def is_enrolled(
    owner: bytes, enroller: bytes, subject: bytes, signature: bytes, namespace: str | None, domain: eip712.Domain
) -> bool:
    """Did the enroller sign for this key and this subject commitment under that kind of identifier?"""
    return _KEYS.accepts(enroller, domain.digest(enrolment_hash(owner, namespace, subject)), signature)


def demand_enrolled(
    owner: bytes, enroller: bytes, subject: bytes, signature: bytes, *, namespace: str | None, domain: eip712.Domain
) -> None:
    """SignatureError unless the enroller signed for this key and this subject commitment under the kind of identifier
    that the offer's scope says: who is 1001 of another kind is somebody else."""
    if is_enrolled(owner, enroller, subject, signature, namespace, domain):
        return
    digest = domain.digest(enrolment_hash(owner, namespace, subject))
    try:
        _KEYS.demand(f"the enrolment under {namespace}", enroller, digest, signature)
    except SignatureError as error:
        raise SignatureError(
            error.message,
            expected=error.expected,
            found=error.found,
            remedy=f"enrol under {namespace}, which the offer says; an enrolment of another kind of identifier is none",
            code=error.code,
        ) from None


def named_enrollers(scope: Scope, trust: TrustList) -> frozenset[bytes]:
    """Those of the scope whom the trust list lets enrol under the scope's kind of identifier. Who may say that a key is
    somebody's at one register may not say so at another."""
    return frozenset(who for who in scope.enrollers if trust.enrols(who, scope.namespace))


def accepted_enrollers(scope: Scope, trust: TrustList) -> frozenset[bytes]:
    """The same. The provider's own word counts only where neither scope nor trust list names anybody: else who has the
    node's keys could invent a person for every row."""
    return named_enrollers(scope, trust) if scope.enrollers or trust.enrollers else frozenset({scope.provider})


NO_ENROLMENT = ZERO32
"""`Details.enrolment` of an institution's consent for its own data."""
