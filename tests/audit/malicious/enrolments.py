"""People whom nobody enrolled who may."""

from __future__ import annotations

from simulator import NAMESPACE, Simulation, h, key

from malicious.lies import A, B, C, malicious
from placet.audit.bundle import Bundle
from placet.core.enrolment import AnyEnrolment, BatchedEnrolment, Enrolment, enrolment_hash, subject_commitment
from placet.core.enrolment_batch import Enrolments, enrolments_hash, signed
from placet.core.evidence import Evidence, ShownEnrolments
from placet.core.signatures import Key


class Inventor(Simulation):
    """The second provider enrols its customers itself."""

    def enrol(self, provider: int, number: int, owner: bytes, subject: bytes) -> AnyEnrolment:
        if provider != 1:
            return super().enrol(provider, number, owner, subject)
        digest = self.deployment.consents.digest(enrolment_hash(owner, NAMESPACE, subject))
        who = self.signers[1]
        return Enrolment(enroller=who.address, subject=subject, signature=who.sign(digest))


@malicious("consent.enrolments", B)
def invented_customers_where_the_offer_names_an_enroller() -> Bundle:
    return Inventor().bundle()


@malicious("consent.enrolments", B)
def an_enroller_that_nobody_knows() -> Bundle:
    class Unknown(Simulation):
        def enrol(self, provider: int, number: int, owner: bytes, subject: bytes) -> AnyEnrolment:
            if (provider, number) != (1, 2):
                return super().enrol(provider, number, owner, subject)
            who = key("a friend of the provider")
            digest = self.deployment.consents.digest(enrolment_hash(owner, NAMESPACE, subject))
            return Enrolment(enroller=who.address, subject=subject, signature=who.sign(digest))

    return Unknown().bundle()


@malicious("consent.enrolments", A, B, C)
def an_enroller_of_another_kind_of_identifier() -> Bundle:
    bundle = Simulation().bundle()
    (who,) = bundle.trust.enrollers
    other = who.model_copy(update={"namespaces": ("urn:example:company",)})
    return bundle.model_copy(update={"trust": bundle.trust.model_copy(update={"enrollers": (other,)})})


@malicious("consent.enrolments", B)
def an_enrolment_of_another_owner() -> Bundle:
    class Borrowed(Simulation):
        def enrol(self, provider: int, number: int, owner: bytes, subject: bytes) -> AnyEnrolment:
            signed = key("owner", 0, 0).address if (provider, number) == (1, 2) else owner
            return super().enrol(provider, number, signed, subject)

    return Borrowed().bundle()


class AtOnce(Simulation):
    """The second provider's people were enrolled in one batch."""

    signed_under = NAMESPACE
    strangers: tuple[int, ...] = ()
    shown = True

    def enroller_of_batch(self) -> Key:
        return self.enroller

    def batch_of(self) -> Enrolments:
        numbers = [number for number in range(4) if number not in self.strangers]
        pairs = [(key("owner", 1, n).address, subject_commitment(f"c-{n}", h("s", n))) for n in (*numbers, 99)]
        return signed(pairs, self.signed_under, self.enroller_of_batch(), self.deployment.consents)

    def enrol(self, provider: int, number: int, owner: bytes, subject: bytes) -> AnyEnrolment:
        if provider != 1:
            return super().enrol(provider, number, owner, subject)
        batch = self.batch_of().batch
        return BatchedEnrolment(enroller=batch.enroller, subject=subject, batch=batch.root)

    def evidence(self, party: int) -> Evidence:
        evidence = super().evidence(party)
        return self.with_enrolments(evidence) if party == 1 and self.shown else evidence

    def with_enrolments(self, evidence: Evidence) -> Evidence:
        made = self.batch_of()
        leaves = tuple(made.joined[at : at + 32] for at in range(0, len(made.joined), 32))
        return evidence.model_copy(update={"enrolments": (ShownEnrolments(batch=made.batch, leaves=leaves),)})


@malicious("consent.enrolments", B)
def a_pair_that_the_batch_of_enrolments_has_not() -> Bundle:
    class One(AtOnce):
        strangers = (2,)

    return One().bundle()


@malicious("consent.enrolments", B)
def a_batch_of_enrolments_that_is_not_shown() -> Bundle:
    class Kept(AtOnce):
        shown = False

    return Kept().bundle()


@malicious("consent.enrolments", B)
def a_batch_of_enrolments_under_another_kind_of_identifier() -> Bundle:
    class Company(AtOnce):
        signed_under = "urn:example:company"

    return Company().bundle()


@malicious("consent.enrolments", B)
def a_batch_of_enrolments_by_nobody_who_may() -> Bundle:
    class Friend(AtOnce):
        def enroller_of_batch(self) -> Key:
            return key("a friend of the provider")

    return Friend().bundle()


@malicious("consent.enrolments", B)
def a_batch_of_enrolments_that_its_enroller_did_not_sign() -> Bundle:
    class Forged(AtOnce):
        def batch_of(self) -> Enrolments:
            made, friend = super().batch_of(), key("a friend of the provider")
            digest = self.deployment.consents.digest(enrolments_hash(NAMESPACE, made.batch.root))
            return Enrolments(made.batch.model_copy(update={"signature": friend.sign(digest)}), made.joined)

    return Forged().bundle()


@malicious("consent.enrolments", B)
def more_in_a_batch_of_enrolments_than_was_signed() -> Bundle:
    class More(AtOnce):
        def with_enrolments(self, evidence: Evidence) -> Evidence:
            (one,) = super().with_enrolments(evidence).enrolments
            leaves = tuple(sorted((*one.leaves, h("another"))))
            return evidence.model_copy(update={"enrolments": (one.model_copy(update={"leaves": leaves}),)})

    return More().bundle()
