"""What an owner signs, and what he believes: values of a node are derived here once more, from his own copies of the
trust list and the deployment file, and must be the same bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

from placet.core.consent import Consent, demand_derived
from placet.core.eip712 import Domain
from placet.core.enrolment import Enrolment, EnrolmentOpening, named_enrollers
from placet.core.errors import ConsentError, NotFoundError
from placet.core.hashing import canonical
from placet.core.ids import OfferId
from placet.core.notice import notice
from placet.core.offers import Offer, Scope, offer_words
from placet.core.trust import Enroller, TrustList
from placet.core.values import to_hex
from placet.owner.answers import DraftAnswer


@dataclass(frozen=True)
class Offered:
    """An offer whose scope, provider and consumer were checked against the owner's trust list."""

    api: str
    offer: Offer
    scope: Scope
    openings: int

    @property
    def id(self) -> OfferId:
        return self.offer.id

    @property
    def namespace(self) -> str:
        """The kind of identifier by which persons are enrolled. ConsentError for a scope that has none."""
        if self.scope.namespace is None:
            raise ConsentError("nobody is enrolled for an institution's own data", code="consent.enrolment")
        return self.scope.namespace


@dataclass(frozen=True)
class Draft:
    """A consent that was derived here, and the plain words whose hash stands in it."""

    consent: Consent
    notice: str
    scope: Scope


@dataclass(frozen=True)
class SignedConsent:
    """A consent ready to be sent; sending it twice is the same as once. `provider` is the address of the institution
    that answers at `api`: requests about the consent are signed to it."""

    api: str
    provider: bytes
    consent: Consent
    signature: bytes
    enrolment: Enrolment
    opening: EnrolmentOpening


def checked_offer(api: str, identity: bytes, offer: Offer, scope: Scope, openings: int, trust: TrustList) -> Offered:
    """A node's offer at `api`. ConsentError if it does not hold together or names strangers."""
    if offer.id != identity:
        raise ConsentError("the offer's id is not its own", expected=to_hex(offer.id), found=to_hex(identity))
    offer_words(offer, scope, trust.name)
    return Offered(api, offer, scope, openings)


def demand_honest(answer: DraftAnswer, offered: Offered, trust: TrustList, domain: Domain) -> None:
    """ConsentError unless a node's draft says what its offer says, in the consent, the words and what wallets show."""
    consent = answer.consent
    demand_derived(consent, offered.scope, trust.name)
    times = (consent.not_before, consent.not_after, consent.uses)
    own = notice(offered.offer, offered.scope, trust.name, *times, consent.details.language)
    typed = consent.typed_data(domain)
    for what, expected, found in (
        ("id", consent.id, answer.id),
        ("notice", own, answer.notice),
        ("typed data", canonical(typed), canonical(answer.typed_data)),
    ):
        if expected != found:
            raise ConsentError(
                f"the draft's {what} says something else than its offer",
                remedy="don't sign; tell the institution",
                code="consent.altered",
            )


def enroller_of(offered: Offered, trust: TrustList, url: str | None = None) -> Enroller:
    """Whom to enrol with for an offer: an enroller that the offer names, and the trust list for its kind of
    identifier, at the trust list's URL or at `url`. NotFoundError if there is none, or if `url` could be that of
    several."""
    named = named_enrollers(offered.scope, trust)
    accepted = [who for who in trust.enrollers if who.address in named]
    if url is None:
        listed = [who for who in accepted if who.api is not None]
    else:
        listed = [who for who in accepted if who.api == url] or accepted
    if not listed or (url is not None and len(listed) > 1):
        raise NotFoundError(
            "the trust list does not tell which enrolling service this is",
            expected="one that the offer accepts, with its URL",
            found=url or "no URL",
            remedy="give its URL with --enroller, and have the trust list name it",
        )
    return listed[0] if url is None else listed[0].model_copy(update={"api": url})
