"""What the vault lets in, and what not: every way in which a consent can be wrong."""

import secrets
from dataclasses import replace

import pytest
from tests.vault.conftest import NAMESPACE

from placet.core.consent import CompactConsent
from placet.core.enrolment import EnrolmentOpening
from placet.core.errors import ChainError, ConsentError, NotFoundError, PlacetError, SignatureError, StateError
from placet.core.signatures import Key, P256Key, Verifiers
from placet.core.trust import Deployment
from placet.core.wording import Wording
from placet.vault.admission import Submission


def only(world, submission, offer=None, scope=None) -> PlacetError | bytes:
    outcomes = world.vault.admit_many(offer or world.offer, scope or world.scope, [submission])
    assert len(outcomes) == 1
    return outcomes[0]


def refused(world, submission, code: str) -> None:
    outcome = only(world, submission)
    assert isinstance(outcome, PlacetError)
    assert outcome.code == code
    assert world.records.candidates(world.offer.id) == {}


def submit(world, consent, submission) -> bytes:
    return world.vault.admit(consent, world.scope, submission.signature, submission.enrolment, submission.opening)


def test_good_consent_is_accepted_and_again_is_nothing_new(world) -> None:
    consent, submission = world.consent("customer-00003")
    assert submit(world, consent, submission) == consent.id
    assert only(world, submission) == consent.id
    assert list(world.records.candidates(world.offer.id)) == [consent.id]


def without_enrollers(world):
    """The same vault with a trust list and an offer that name no enroller."""
    world.trust = world.trust.model_copy(update={"enrollers": ()})
    world.restart()
    scope = world.a_scope(enrollers=())
    return scope, world.make_offer(scope)


def test_self_enrolled_by_the_provider_where_nobody_else_enrols(world) -> None:
    scope, offer = without_enrollers(world)
    consent, submission = world.consent("customer-00003", enroller=world.provider, scope=scope, offer=offer)
    assert only(world, submission, offer, scope) == consent.id


def test_self_enrolled_although_others_enrol(world) -> None:
    refused(world, world.consent("customer-00003", enroller=world.provider)[1], "consent.enroller")
    scope = world.a_scope(enrollers=())
    offer = world.make_offer(scope)
    _, submission = world.consent("customer-00003", enroller=world.provider, scope=scope, offer=offer)
    assert only(world, submission, offer, scope).code == "consent.enroller"


def test_an_enroller_that_the_vaults_trust_list_does_not_name(world) -> None:
    friend = Key()
    scope = world.a_scope(enrollers=(friend.address, world.provider.address))
    offer = world.make_offer(scope)
    for enroller in (friend, world.provider, world.enroller):
        _, submission = world.consent("customer-00003", enroller=enroller, scope=scope, offer=offer)
        assert only(world, submission, offer, scope).code == "consent.enroller"


def test_an_enroller_that_the_trust_list_names_for_another_kind_of_identifier(world) -> None:
    (who,) = world.trust.enrollers
    for namespaces in (("urn:example:company",), ("urn:example:company", NAMESPACE)):
        enroller = who.model_copy(update={"namespaces": namespaces})
        world.trust = world.trust.model_copy(update={"enrollers": (enroller,)})
        world.restart()
        consent, submission = world.consent("customer-00003")
        if NAMESPACE in namespaces:
            assert submit(world, consent, submission) == consent.id
        else:
            refused(world, submission, "consent.enroller")


def test_offer_and_table_disagree_on_whose_data_these_are(world) -> None:
    for scope, dataset in ((world.a_scope(personal=False), world.dataset), (world.a_scope(), world.own())):
        offer = world.make_offer(scope, dataset=dataset.dataset)
        _, submission = world.consent(
            "customer-00001", named=not scope.personal, owner=world.provider, scope=scope, offer=offer
        )
        with pytest.raises(ConsentError) as caught:
            only(world, submission, offer, scope)
        assert caught.value.code == "consent.personal"


def test_p256_owner(world) -> None:
    verifier = world.deployment.p256_verifier.address
    key = P256Key(verifier)
    world.chain.verifiers = Verifiers(frozenset({verifier}))

    class Owner:
        address = key.signer
        sign = staticmethod(key.sign)

    consent, submission = world.consent("customer-00001", owner=Owner())
    assert only(world, submission) == consent.id
    world.chain.verifiers = Verifiers(frozenset())
    _, other = world.consent("customer-00001", owner=Owner())
    assert isinstance(only(world, other), SignatureError)


def test_wording_gives_the_ids_that_full_consents_have(world) -> None:
    wording = Wording(world.offer, world.scope, world.trust.name)
    for changes in ({}, {"uses": 1, "first_opening": 7}, {"not_before": 0, "not_after": 2**40 // 8}):
        consent, submission = world.consent("customer-00001", **changes)
        assert wording.consent_id(submission.consent.fields) == consent.id


@pytest.mark.parametrize("field", ["dataset", "consumer", "purpose", "columns", "output", "parties", "notice"])
def test_altered_words(world, field: str) -> None:
    consent, submission = world.consent("customer-00003")
    wrong = secrets.token_bytes(32) if field == "notice" else "everything, for everybody"
    altered = consent.model_copy(update={"details": consent.details.model_copy(update={field: wrong})})
    with pytest.raises(ConsentError) as caught:
        submit(world, altered, submission)
    assert caught.value.code == "consent.altered"


@pytest.mark.parametrize(
    "changes", [{"uses": 6}, {"not_after": 2_000_000_000}, {"not_before": 1}, {"first_opening": 1}, {"salt": bytes(32)}]
)
def test_altered_numbers_break_the_signature(world, changes) -> None:
    _, submission = world.consent("customer-00003")
    altered = submission.model_copy(update={"consent": submission.consent.model_copy(update=changes)})
    refused(world, altered, "signature")


def test_forged_signature(world) -> None:
    consent, submission = world.consent("customer-00003")
    forged = Key().sign(world.deployment.consents.digest(consent.id))
    refused(world, submission.model_copy(update={"signature": forged}), "signature")


def test_signature_for_another_chain(world) -> None:
    owner = Key()
    consent, submission = world.consent("customer-00003", owner=owner)
    there = Deployment(**{**world.deployment.model_dump(), "chain_id": 1})
    replayed = owner.sign(there.consents.digest(consent.id))
    refused(world, submission.model_copy(update={"signature": replayed}), "signature")


def test_consent_to_another_offer(world) -> None:
    scope = world.a_scope(title="Other accounts")
    offer = world.make_offer(scope)
    _, submission = world.consent("customer-00003", scope=scope, offer=offer)
    refused(world, submission, "signature")
    assert isinstance(only(world, submission, offer, scope), bytes)


def test_erc1271_owner_is_not_for_batches(world) -> None:
    world.chain.verifiers = Verifiers(frozenset(), lambda *_: True)
    _, submission = world.consent("customer-00003")
    refused(world, submission.model_copy(update={"signature": b"contract says yes"}), "signature.length")


def test_enrolment_by_a_stranger(world) -> None:
    refused(world, world.consent("customer-00003", enroller=Key())[1], "consent.enroller")


def test_enrolment_that_the_enroller_did_not_sign(world) -> None:
    _, submission = world.consent("customer-00003")
    forged = submission.enrolment.model_copy(update={"signature": Key().sign(bytes(32))})
    refused(world, submission.model_copy(update={"enrolment": forged}), "signature")


def test_enrolment_of_another_owner(world) -> None:
    _, first = world.consent("customer-00003")
    _, second = world.consent("customer-00003", enrolment=first.enrolment.subject)
    stolen = second.model_copy(update={"enrolment": first.enrolment, "opening": first.opening})
    refused(world, stolen, "signature")


def test_enrolment_other_than_the_consents(world) -> None:
    _, first = world.consent("customer-00003")
    _, second = world.consent("customer-00003")
    mixed = first.model_copy(update={"enrolment": second.enrolment, "opening": second.opening})
    refused(world, mixed, "consent.enrolment")


def test_opening_of_another_subject(world) -> None:
    _, submission = world.consent("customer-00003")
    for opening in (
        EnrolmentOpening(subject="customer-00004", salt=submission.opening.salt),
        EnrolmentOpening(subject="customer-00003", salt=bytes(32)),
    ):
        refused(world, submission.model_copy(update={"opening": opening}), "consent.opening")


def test_person_without_enrolment(world) -> None:
    _, submission = world.consent("customer-00003")
    refused(world, submission.model_copy(update={"enrolment": None}), "consent.unenrolled")
    refused(world, submission.model_copy(update={"opening": None}), "consent.unenrolled")
    refused(world, world.consent("customer-00003", named=True)[1], "consent.unenrolled")


def test_subject_without_a_row(world) -> None:
    refused(world, world.consent("nobody")[1], "consent.subject")


def test_expired(world) -> None:
    refused(world, world.consent("customer-00003", not_after=world.chain.time - 1)[1], "consent.expired")


def test_exhausted(world) -> None:
    _, submission = world.consent("customer-00003", uses=3)
    world.state(openings=3)
    refused(world, submission, "consent.exhausted")
    world.state(openings=2)
    assert isinstance(only(world, submission), bytes)


def test_withdrawn_before(world) -> None:
    consent, submission = world.consent("customer-00003")
    world.chain.ended[world.offer.id] = {consent.id}
    refused(world, submission, "consent.withdrawn")


def test_senseless_window(world) -> None:
    _, submission = world.consent("customer-00003")
    for changes in ({"not_before": 9, "not_after": 8}, {"first_opening": 2**32 - 1}):
        altered = submission.model_copy(update={"consent": submission.consent.model_copy(update=changes)})
        refused(world, altered, "consent.window")


def test_one_bad_consent_does_not_stop_the_others(world) -> None:
    good, bad = world.consent("customer-00001"), world.consent("nobody")
    outcomes = world.vault.admit_many(world.offer, world.scope, [bad[1], good[1]])
    assert isinstance(outcomes[0], ConsentError)
    assert outcomes[1] == good[0].id


def test_offer_of_another_provider(world) -> None:
    world.state(provider=world.other.address)
    with pytest.raises(ConsentError) as caught:
        only(world, world.consent("customer-00001")[1])
    assert caught.value.code == "consent.provider"


def test_offer_that_is_not_on_chain_or_another_scope(world) -> None:
    _, submission = world.consent("customer-00001")
    with pytest.raises(ConsentError):
        only(world, submission, scope=world.a_scope())
    del world.chain.offers[world.offer.id]
    with pytest.raises(NotFoundError):
        only(world, submission)


def test_scope_with_a_column_that_the_table_has_not(world) -> None:
    scope = world.a_scope(columns=("customer", "income"))
    offer = world.make_offer(scope)
    with pytest.raises(ConsentError) as caught:
        only(world, world.consent("customer-00001", scope=scope, offer=offer)[1], offer, scope)
    assert caught.value.code == "consent.columns"


def test_chain_lost(world) -> None:
    world.chain.broken = ChainError("lost")
    with pytest.raises(ChainError):
        only(world, world.consent("customer-00001")[1])


def own(world):
    scope = world.a_scope(personal=False)
    return scope, world.make_offer(scope)


def test_named_consent_of_the_institution(world) -> None:
    scope, offer = own(world)
    consent, submission = world.consent("-", named=True, owner=world.provider, scope=scope, offer=offer)
    assert only(world, submission, offer, scope) == consent.id
    kept = world.vault.named_evidence(consent.id)
    assert kept.consent == CompactConsent.of(consent)
    assert kept.signature == submission.signature


def test_named_consent_is_not_erased(world) -> None:
    """It is of no person, and the evidence of the institution's jobs would end with it."""
    scope, offer = own(world)
    consent, submission = world.consent("-", named=True, owner=world.provider, scope=scope, offer=offer)
    only(world, submission, offer, scope)
    with pytest.raises(StateError) as refusal:
        world.vault.erase(consent.id)
    assert refusal.value.code == "consent.own"
    assert world.vault.named_evidence(consent.id).consent == CompactConsent.of(consent)


def test_named_consent_by_somebody_else_or_enrolled(world) -> None:
    scope, offer = own(world)
    _, stranger = world.consent("-", named=True, owner=world.other, scope=scope, offer=offer)
    assert only(world, stranger, offer, scope).code == "consent.owner"
    _, person = world.consent("customer-00001", owner=world.provider, scope=scope, offer=offer)
    assert only(world, person, offer, scope).code == "consent.enrolment"
    good, own_submission = world.consent("-", named=True, owner=world.provider, scope=scope, offer=offer)
    dressed = own_submission.model_copy(update={"enrolment": person.enrolment, "opening": person.opening})
    assert only(world, dressed, offer, scope).code == "consent.enrolment"
    assert good.id not in world.records.candidates(offer.id)
    bare = Submission(consent=person.consent, signature=person.signature)
    assert only(world, bare, offer, scope).code == "consent.enrolment"


def test_named_evidence_is_not_for_persons(world) -> None:
    (consent,) = world.accept("customer-00001")
    with pytest.raises(NotFoundError):
        world.vault.named_evidence(consent)


def test_facts_are_read_anew_each_time(world) -> None:
    _, submission = world.consent("customer-00003")
    facts = world.chain.offers[world.offer.id]
    world.chain.offers[world.offer.id] = replace(facts, openings=99)
    assert isinstance(only(world, submission), ConsentError)
    world.chain.offers[world.offer.id] = facts
    assert isinstance(only(world, submission), bytes)
