"""The decision to enrol: a person's code is right, and the caller holds the key. Nothing about it is kept or logged."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from placet.core.eip712 import Domain
from placet.core.enrolment import Enrolment, WalletLink, enrolment_hash, subject_commitment
from placet.core.errors import AccessError, LimitError
from placet.core.namespace import Namespace
from placet.core.requests import MAX_LIFETIME, Credential, RequestParts, demand_request
from placet.core.signatures import Key, Verifiers
from placet.core.values import Bytes32, Signer, Value
from placet.identity.limits import EnrolmentLimits
from placet.identity.presentations import (
    PRESENTATIONS,
    PresentationRequest,
    Presentations,
    demand_presentations,
)
from placet.identity.register import MAX_CODE, MAX_SUBJECT, Register, normal_code

PATH = "/v1/enrolments"
_CODE_MEMORY = 300.0
_MOST = 100_000
_QUEUE = 256


class EnrolmentRequest(Value):
    """The body of `POST /v1/enrolments`; the request itself is signed by `owner`. `salt` is the owner's own, `subject`
    an identifier of the kind `namespace`."""

    owner: Signer
    namespace: Namespace
    subject: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT)]
    salt: Bytes32
    code: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]

    def __repr__(self) -> str:
        return "EnrolmentRequest(…)"

    __str__ = __repr__


class Enrolling:
    """One enroller: its key, its register, whose subjects are identifiers of one kind, its limits; `presentations`,
    where it takes what wallets show. Checked codes are remembered for minutes as keyed hashes."""

    def __init__(
        self,
        key: Key,
        register: Register,
        namespace: str,
        domain: Domain,
        verifiers: Verifiers,
        *,
        a_day: int = 200,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._register = register
        self.namespace = namespace
        self._domain = domain
        self._verifiers = verifiers
        self._limits = EnrolmentLimits(a_day)
        self.presentations: Presentations | None = None
        self._clock = clock
        self._memory_key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._nonces: OrderedDict[bytes, float] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    @property
    def address(self) -> bytes:
        """The enroller's address, as scopes and trust lists name it."""
        return self._key.address

    def demand_register(self) -> None:
        """ConfigError or InputError where the register of persons can't be read."""
        self._register.refresh()

    async def enrol(self, request: EnrolmentRequest, credential: Credential, raw: bytes) -> Enrolment:
        """Sign (owner, kind of identifier, subject commitment). AccessError or LimitError; neither tells whether the
        person is known."""
        now = self._clock()
        self._demand_signed(credential, request.owner, RequestParts(self.address, "POST", PATH, raw), now)
        if request.namespace != self.namespace:
            raise AccessError(
                "persons are known here by another kind of identifier",
                expected=self.namespace,
                found=request.namespace,
                remedy="enrol at a service that knows persons by the offer's kind",
                code="access.namespace",
            )
        self._demand_new(credential.nonce, now)
        self._register.refresh()
        if not self._was_shown(request):
            await self._demand_code(request.subject, normal_code(request.code))
        self._limits.take(request.subject, now)
        commitment = subject_commitment(request.subject, request.salt)
        signature = self._key.sign(self._domain.digest(enrolment_hash(request.owner, self.namespace, commitment)))
        return Enrolment(enroller=self._key.address, subject=commitment, signature=signature)

    def ask_wallet(self, request: PresentationRequest, credential: Credential, raw: bytes) -> WalletLink:
        """What the owner of a key opens in a wallet. AccessError or LimitError."""
        presentations, now = demand_presentations(self.presentations), self._clock()
        self._demand_signed(credential, request.owner, RequestParts(self.address, "POST", PRESENTATIONS, raw), now)
        self._demand_new(credential.nonce, now)
        return presentations.ask(request.owner)

    def _demand_signed(self, credential: Credential, owner: bytes, parts: RequestParts, now: float) -> None:
        if credential.signer != owner:
            raise AccessError("the request is signed by another key than it enrols", code="access.signer")
        demand_request(credential, parts, now=int(now), domain=self._domain, verifiers=self._verifiers)

    def _was_shown(self, request: EnrolmentRequest) -> bool:
        """Is the code one that a wallet's presentation gave, of somebody whom the register has?"""
        if self.presentations is None:
            return False
        # First what takes time: whom the register has is not to be told by it.
        spent = self.presentations.spends(request.owner, request.subject, request.code)
        return spent and request.subject in self._register

    def _demand_new(self, nonce: bytes, now: float) -> None:
        if nonce in self._nonces:
            raise AccessError("the signed request was used before", code="access.replayed")
        self._nonces[nonce] = now
        while len(self._nonces) > _MOST or next(iter(self._nonces.values())) < now - MAX_LIFETIME - 1:
            self._nonces.popitem(last=False)

    async def _demand_code(self, subject: str, code: str) -> None:
        stored = self._register.code_of(subject)
        memory = hmac.digest(self._memory_key, f"{stored}\0{subject}\0{code}".encode(), hashlib.sha256)
        if self._right.get(memory, 0.0) <= self._clock():
            if self._waiting >= _QUEUE:
                raise LimitError("too many enrolments at a time", remedy="try again in a minute", code="limit.busy")
            self._waiting += 1
            try:
                async with self._one_at_a_time:
                    right = await asyncio.to_thread(stored.fits, code)
            finally:
                self._waiting -= 1
            if not right:
                raise AccessError(
                    "person and code do not fit", remedy="ask the enroller for a new code", code="access.code"
                )
            self._right[memory] = self._clock() + _CODE_MEMORY
            if len(self._right) > _MOST:
                self._right.popitem(last=False)
