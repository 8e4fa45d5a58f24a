"""The data owner's client: what is asked of nodes and enrollers. It believes neither; see `placet.owner.drafts`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpx

from placet.core.consent import Consent, ConsentFields, derive
from placet.core.consent_trees import ProofTag
from placet.core.enrolment import (
    NO_ENROLMENT,
    Enrolment,
    EnrolmentOpening,
    WalletLink,
    demand_enrolled,
    named_enrollers,
)
from placet.core.errors import ConfigError, ConsentError, InputError, NotFoundError, SignatureError
from placet.core.hashing import canonical
from placet.core.ids import BatchRoot, ConsentId, OfferId
from placet.core.languages import ENGLISH, Language
from placet.core.merkle import batch_verify
from placet.core.notice import notice
from placet.core.receipts import SignedReceipt
from placet.core.trust import Deployment, Enroller, TrustList
from placet.core.values import to_hex
from placet.core.withdrawal import withdrawal_hash, withdrawal_typed_data
from placet.owner.answers import (
    AcceptedAnswer,
    AccessAnswer,
    BatchAnswer,
    ConsentAnswer,
    ConsentsAnswer,
    DraftAnswer,
    ErasureAnswer,
    ErasuresAnswer,
    OffersAnswer,
    TagAnswer,
    UseAnswer,
    UsesAnswer,
    WithdrawalDraftAnswer,
)
from placet.owner.drafts import Draft, Offered, SignedConsent, checked_offer, demand_honest, enroller_of
from placet.owner.keys import KeyKind, OwnerKey, new_key
from placet.owner.wire import RequestSigner, Signing, ask

Anchored = Callable[[OfferId, BatchRoot], int]
"""(offer, batch root) → when the chain says it was anchored, 0 if never. The caller's own chain endpoint answers."""


class OwnerClient:
    """Speaks to nodes and enrollers for owners. Use as `async with OwnerClient(deployment, trust) as client`."""

    def __init__(self, deployment: Deployment, trust: TrustList, *, connections: int = 32) -> None:
        self.deployment = deployment
        self.trust = trust
        self._domain = deployment.consents
        self._http = httpx.AsyncClient(
            trust_env=False,
            timeout=30.0,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def new_key(self, kind: KeyKind = KeyKind.SECP256K1) -> OwnerKey:
        """A fresh key for one consent."""
        return new_key(kind, self.deployment.p256_verifier.address)

    async def offers(self, api: str) -> list[Offered]:
        """A node's offers. ConsentError if one does not hold together or names strangers."""
        answer = await ask(self._http, OffersAnswer, "GET", api, "/v1/offers")
        return [checked_offer(api, one.id, one.offer, one.scope, one.openings, self.trust) for one in answer.offers]

    async def offer(self, api: str, offer: OfferId) -> Offered:
        """One of a node's offers; NotFoundError if it is none."""
        for one in await self.offers(api):
            if one.id == offer:
                return one
        raise NotFoundError("the node has no such offer", found=to_hex(offer), remedy=f"ask {api}/v1/offers")

    def prepare(
        self,
        offered: Offered,
        owner: bytes,
        *,
        not_after: int,
        uses: int,
        not_before: int | None = None,
        enrolment: bytes = NO_ENROLMENT,
        language: Language = ENGLISH,
    ) -> Draft:
        """A draft without asking the node. Times in Unix seconds; `not_before` is now unless given."""
        start = int(time.time()) if not_before is None else not_before
        fields = ConsentFields(
            owner=owner,
            not_before=start,
            not_after=not_after,
            first_opening=offered.openings,
            uses=uses,
            enrolment=enrolment,
            salt=secrets.token_bytes(32),
            language=language,
        )
        consent = derive(fields, offered.offer, offered.scope, self.trust.name)
        words = notice(offered.offer, offered.scope, self.trust.name, start, not_after, uses, language)
        return Draft(consent, words, offered.scope)

    async def draft(
        self,
        offered: Offered,
        owner: bytes,
        *,
        not_after: int,
        uses: int,
        not_before: int | None = None,
        enrolment: bytes = NO_ENROLMENT,
        language: Language = ENGLISH,
    ) -> Draft:
        """The node's draft. ConsentError unless it is exactly what was asked for and says what the offer says."""
        start = int(time.time()) if not_before is None else not_before
        body = {
            "owner": to_hex(owner),
            "offer": to_hex(offered.id),
            "not_before": start,
            "not_after": not_after,
            "uses": uses,
            "language": language,
        } | ({} if enrolment == NO_ENROLMENT else {"enrolment": to_hex(enrolment)})
        answer = await ask(self._http, DraftAnswer, "POST", offered.api, "/v1/consents/draft", canonical(body))
        consent = answer.consent
        terms = (owner, offered.id, start, not_after, uses, enrolment, language)
        got = (
            consent.owner,
            consent.offer.id,
            consent.not_before,
            consent.not_after,
            consent.uses,
            consent.details.enrolment,
            consent.details.language,
        )
        if terms != got:
            raise ConsentError("the draft is not what was asked for", remedy="don't sign; tell the institution")
        demand_honest(answer, offered, self.trust, self._domain)
        return Draft(consent, answer.notice, offered.scope)

    async def ask_wallet(self, enroller: Enroller, key: Signing) -> WalletLink:
        """What to open in a wallet of verifiable credentials, which then shows the code for `enrol`. ConfigError if the
        enroller has no URL."""
        body = canonical({"owner": to_hex(key.signer)})
        signer = self._signer(key, enroller.address)
        return await ask(self._http, WalletLink, "POST", _api_of(enroller), "/v1/presentations", body, signer=signer)

    async def enrol(
        self, enroller: Enroller, key: Signing, namespace: str, opening: EnrolmentOpening, code: str
    ) -> Enrolment:
        """Have `key` enrolled for the person in `opening`, under an offer's kind of identifier. ConfigError if the
        enroller has no URL, SignatureError if its answer is not what the owner asked for, signed by the enroller
        itself."""
        body = canonical(
            {
                "owner": to_hex(key.signer),
                "namespace": namespace,
                "subject": opening.subject,
                "salt": to_hex(opening.salt),
                "code": code,
            }
        )
        signer = self._signer(key, enroller.address)
        enrolment = await ask(self._http, Enrolment, "POST", _api_of(enroller), "/v1/enrolments", body, signer=signer)
        if enrolment.enroller != enroller.address:
            raise SignatureError(
                "another enroller has answered", expected=to_hex(enroller.address), found=to_hex(enrolment.enroller)
            )
        if enrolment.subject != opening.commitment:
            raise SignatureError("the enroller signed another person", expected=to_hex(opening.commitment))
        self._demand_enrolled(key.signer, enrolment, namespace)
        if not self.trust.enrols(enrolment.enroller, namespace):
            raise SignatureError(
                "the trust list does not name this enroller for such identifiers",
                expected=f"one that enrols under {namespace}",
                found=to_hex(enrolment.enroller),
            )
        return enrolment

    def _demand_enrolled(self, owner: bytes, enrolment: Enrolment, namespace: str | None) -> None:
        demand_enrolled(
            owner,
            enrolment.enroller,
            enrolment.subject,
            enrolment.signature,
            namespace=namespace,
            domain=self._domain,
        )

    def sign(
        self, api: str, key: Signing, draft: Draft, enrolment: Enrolment, opening: EnrolmentOpening
    ) -> SignedConsent:
        """Sign a draft. ConsentError or SignatureError if the enrolment is none that its offer accepts."""
        consent = draft.consent
        if key.signer != consent.owner:
            raise InputError("this key is not the draft's owner", expected=to_hex(consent.owner))
        named = named_enrollers(draft.scope, self.trust)
        if enrolment.subject != consent.details.enrolment or enrolment.enroller not in named:
            raise ConsentError(
                "the offer does not accept this enrolment",
                expected=", ".join(map(to_hex, sorted(named))) or "an enroller that offer and trust list name",
                found=to_hex(enrolment.enroller),
                remedy="enrol at a service that the offer lists",
            )
        self._demand_enrolled(key.signer, enrolment, draft.scope.namespace)
        signature = key.sign(self._domain.digest(consent.id))
        return SignedConsent(api, draft.scope.provider, consent, signature, enrolment, opening)

    async def submit(self, signed: SignedConsent) -> str:
        """Send a signed consent and return its status; the same again changes nothing."""
        body = {
            "consent": signed.consent.to_json(),
            "signature": to_hex(signed.signature),
            "enrolment": {**signed.enrolment.to_json(), "opening": signed.opening.to_json()},
        }
        return await self._submitted(signed.api, signed.consent, body)

    async def submit_own(self, api: str, consent: Consent, signature: bytes) -> str:
        """Send an institution's consent for its own data, which has no enrolment."""
        body = {"consent": consent.to_json(), "signature": to_hex(signature)}
        return await self._submitted(api, consent, body)

    async def _submitted(self, api: str, consent: Consent, body: Mapping[str, object]) -> str:
        answer = await ask(self._http, AcceptedAnswer, "POST", api, "/v1/consents", canonical(body))
        if answer.id != consent.id:
            raise ConsentError("the node took on another consent", expected=to_hex(consent.id), found=to_hex(answer.id))
        return answer.status

    async def give(
        self,
        offered: Offered,
        subject: str,
        code: str,
        enroller: str | None = None,
        *,
        not_after: int,
        uses: int,
        not_before: int | None = None,
        kind: KeyKind = KeyKind.SECP256K1,
    ) -> tuple[OwnerKey, SignedConsent]:
        """All of it in one go, without asking anybody: a fresh key, enrolment (at the URL `enroller`, if given),
        signature, submission."""
        key = self.new_key(kind)
        opening = EnrolmentOpening(subject=subject, salt=secrets.token_bytes(32))
        draft = self.prepare(
            offered, key.signer, not_before=not_before, not_after=not_after, uses=uses, enrolment=opening.commitment
        )
        enrolment = await self.enrol(enroller_of(offered, self.trust, enroller), key, offered.namespace, opening, code)
        signed = self.sign(offered.api, key, draft, enrolment, opening)
        await self.submit(signed)
        return key, signed

    def _signer(self, key: Signing, receiver: bytes) -> RequestSigner:
        return RequestSigner(key, self._domain, receiver)

    async def consent(self, api: str, provider: bytes, key: Signing, consent: ConsentId) -> ConsentAnswer:
        """What the node of `provider` says of a consent of `key`."""
        path = f"/v1/consents/{to_hex(consent)}"
        return await ask(self._http, ConsentAnswer, "GET", api, path, signer=self._signer(key, provider))

    async def consents(
        self, api: str, provider: bytes, key: Signing, *, status: str | None = None
    ) -> list[ConsentAnswer]:
        """All consents of `key` at a node, at most 100 pages. Whose they are says the signature, not the URL."""
        answers: list[ConsentAnswer] = []
        query = {} if status is None else {"status": status}
        for _ in range(100):
            path = "/v1/consents" + (f"?{urlencode(query)}" if query else "")
            page = await ask(self._http, ConsentsAnswer, "GET", api, path, signer=self._signer(key, provider))
            answers += page.consents
            if page.cursor is None:
                break
            query["cursor"] = page.cursor
        return answers

    async def uses(self, api: str, provider: bytes, key: Signing, consent: ConsentId) -> tuple[UseAnswer, ...]:
        """Which jobs used a consent, when, and how they ended."""
        path = f"/v1/consents/{to_hex(consent)}/uses"
        return (await ask(self._http, UsesAnswer, "GET", api, path, signer=self._signer(key, provider))).uses

    async def access(self, api: str, provider: bytes, key: Signing) -> list[AccessAnswer]:
        """All that a node tells of the consents of `key` and of the jobs that used them, in pages, 100 at most."""
        pages: list[AccessAnswer] = []
        query = ""
        for _ in range(100):
            path = f"/v1/owners/{to_hex(key.signer)}/access{query}"
            pages.append(await ask(self._http, AccessAnswer, "GET", api, path, signer=self._signer(key, provider)))
            if pages[-1].cursor is None:
                break
            query = "?" + urlencode({"cursor": pages[-1].cursor})
        return pages

    async def receipt(self, api: str, provider: bytes, key: Signing, consent: Consent) -> SignedReceipt:
        """The provider's receipt for a consent of `key`. ConsentError or SignatureError unless it is for this consent,
        signed by the provider as the owner's own trust list has it, and says what follows from the consent."""
        path = f"/v1/consents/{to_hex(consent.id)}/receipt"
        receipt = await ask(self._http, SignedReceipt, "GET", api, path, signer=self._signer(key, provider))
        found = receipt.demand(self.deployment, self.trust).consent.id
        if found != consent.id:
            raise ConsentError("the receipt is for another consent", expected=to_hex(consent.id), found=to_hex(found))
        return receipt

    async def erase(self, api: str, provider: bytes, key: Signing) -> tuple[ErasureAnswer, ...]:
        """Ask the provider's node to forget all that `key` gave and that has ended, and to tell whoever else holds it;
        again changes nothing. What came of it so far, as of `erasures`."""
        return await self._erasures("POST", api, provider, key)

    async def erasures(self, api: str, provider: bytes, key: Signing) -> tuple[ErasureAnswer, ...]:
        """What came of it, receipts checked. SignatureError for one that its holder did not sign."""
        return await self._erasures("GET", api, provider, key)

    async def _erasures(self, method: str, api: str, provider: bytes, key: Signing) -> tuple[ErasureAnswer, ...]:
        path = f"/v1/owners/{to_hex(key.signer)}/erasure"
        answer = await ask(self._http, ErasuresAnswer, method, api, path, signer=self._signer(key, provider))
        for one in answer.erasures:
            signed = [
                (provider, one.erasure),
                *((holder.institution.address, holder.erasure) for holder in one.holders),
            ]
            for holder, erasure in signed:
                if erasure is not None:
                    erasure.demand(holder, one.consent, self.deployment.receipts)
        return answer.erasures

    async def withdraw(self, api: str, key: Signing, consent: Consent, batch: BatchAnswer | None = None) -> str:
        """Withdraw a consent of `key` and return its status. ConsentError if the node's draft withdraws another one.

        It goes out in full, so that any node can relay it; `batch` proves to the contract that it touches an offer.
        """
        path = f"/v1/consents/{to_hex(consent.id)}/withdrawal"
        draft = await ask(self._http, WithdrawalDraftAnswer, "POST", api, path + "/draft")
        if canonical(draft.typed_data) != canonical(withdrawal_typed_data(consent.id, self._domain)):
            raise ConsentError("the node's draft withdraws something else", remedy="withdraw at another node")
        signature = key.sign(self._domain.digest(withdrawal_hash(consent.id)))
        body = {"signature": to_hex(signature), "consent": consent.to_json()}
        if batch is not None:
            body |= {"batch": to_hex(batch.root), "proof": [to_hex(sibling) for sibling in batch.proof]}
        answer = await ask(self._http, AcceptedAnswer, "POST", api, path, canonical(body))
        return answer.status

    async def give_tag(self, api: str, provider: bytes, key: Signing, tag: ProofTag) -> None:
        """Hand the provider's node the tag of a consent of `key`, signed. The same again changes nothing."""
        body = {"tag": to_hex(tag.tag), "signature": to_hex(key.sign(tag.digest(self._domain)))}
        path, signer = f"/v1/consents/{to_hex(tag.consent)}/tag", self._signer(key, provider)
        await ask(self._http, TagAnswer, "POST", api, path, canonical(body), signer=signer)

    async def check(
        self, api: str, provider: bytes, key: Signing, consent: Consent, anchored: Anchored
    ) -> ConsentAnswer:
        """See that a batched consent really stands under a root on chain: its leaf, its proof, the root's block.

        ConsentError if something is not true; `batch` of the answer is None as long as the consent is in no batch.
        """
        answer = await self.consent(api, provider, key, consent.id)
        if answer.id != consent.id or answer.offer != consent.offer.id:
            raise ConsentError("the node shows another consent", expected=to_hex(consent.id), found=to_hex(answer.id))
        if answer.batch is None:
            return answer
        if not batch_verify(answer.batch.root, consent.id, answer.batch.proof):
            raise ConsentError("the proof does not lead to the batch's root", remedy="tell the institution")
        if answer.batch.block is not None and anchored(consent.offer.id, answer.batch.root) == 0:
            raise ConsentError(
                "the chain holds no such batch", found=to_hex(answer.batch.root), remedy="tell the institution"
            )
        return answer


def _api_of(enroller: Enroller) -> str:
    if enroller.api is None:
        raise ConfigError("the enroller has no URL", found=enroller.name, remedy="give it with --enroller")
    return enroller.api
