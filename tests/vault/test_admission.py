"""What the vault lets in, and what not: every way in which a consent can be wrong."""

import secrets
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vault.conftest import NAMESPACE

from placet.core.batch_file import BatchRow
from placet.core.consent import CompactConsent, ConsentFields
from placet.core.enrolment import EnrolmentOpening
from placet.core.errors import ChainError, ConsentError, NotFoundError, PlacetError, SignatureError, StateError
from placet.core.signatures import Key, P256Key, Verifiers
from placet.core.trust import Deployment
from placet.core.values import parse
from placet.core.wording import Wording
from placet.vault.admission import Submission
from placet.vault.admitted import record_of, record_text
from placet.vault.records import ConsentRecord, Records


def only(environment, submission, offer=None, scope=None) -> PlacetError | bytes:
    outcomes = environment.vault.admit_many(offer or environment.offer, scope or environment.scope, [submission])
    assert len(outcomes) == 1
    return outcomes[0]


def refused(environment, submission, code: str) -> None:
    outcome = only(environment, submission)
    assert isinstance(outcome, PlacetError)
    assert outcome.code == code
    assert environment.records.candidates(environment.offer.id) == {}


def submit(environment, consent, submission) -> bytes:
    return environment.vault.admit(
        consent, environment.scope, submission.signature, submission.enrolment, submission.opening
    )


def test_good_consent_is_accepted_and_again_is_nothing_new(environment) -> None:
    consent, submission = environment.consent("customer-00003")
    assert submit(environment, consent, submission) == consent.id
    assert only(environment, submission) == consent.id
    assert list(environment.records.candidates(environment.offer.id)) == [consent.id]


def without_enrollers(environment):
    """The same vault with a trust list and an offer that name no enroller."""
    environment.trust = environment.trust.model_copy(update={"enrollers": ()})
    environment.restart()
    scope = environment.a_scope(enrollers=())
    return scope, environment.make_offer(scope)


def test_self_enrolled_by_the_provider_where_nobody_else_enrols(environment) -> None:
    scope, offer = without_enrollers(environment)
    consent, submission = environment.consent("customer-00003", enroller=environment.provider, scope=scope, offer=offer)
    assert only(environment, submission, offer, scope) == consent.id


def test_self_enrolled_although_others_enrol(environment) -> None:
    refused(environment, environment.consent("customer-00003", enroller=environment.provider)[1], "consent.enroller")
    scope = environment.a_scope(enrollers=())
    offer = environment.make_offer(scope)
    _, submission = environment.consent("customer-00003", enroller=environment.provider, scope=scope, offer=offer)
    assert only(environment, submission, offer, scope).code == "consent.enroller"


def test_an_enroller_that_the_vaults_trust_list_does_not_name(environment) -> None:
    friend = Key()
    scope = environment.a_scope(enrollers=(friend.address, environment.provider.address))
    offer = environment.make_offer(scope)
    for enroller in (friend, environment.provider, environment.enroller):
        _, submission = environment.consent("customer-00003", enroller=enroller, scope=scope, offer=offer)
        assert only(environment, submission, offer, scope).code == "consent.enroller"


def test_an_enroller_that_the_trust_list_names_for_another_kind_of_identifier(environment) -> None:
    (who,) = environment.trust.enrollers
    for namespaces in (("urn:example:company",), ("urn:example:company", NAMESPACE)):
        enroller = who.model_copy(update={"namespaces": namespaces})
        environment.trust = environment.trust.model_copy(update={"enrollers": (enroller,)})
        environment.restart()
        consent, submission = environment.consent("customer-00003")
        if NAMESPACE in namespaces:
            assert submit(environment, consent, submission) == consent.id
        else:
            refused(environment, submission, "consent.enroller")


def test_offer_and_table_disagree_on_whose_data_these_are(environment) -> None:
    for scope, dataset in (
        (environment.a_scope(personal=False), environment.dataset),
        (environment.a_scope(), environment.own()),
    ):
        offer = environment.make_offer(scope, dataset=dataset.dataset)
        _, submission = environment.consent(
            "customer-00001", named=not scope.personal, owner=environment.provider, scope=scope, offer=offer
        )
        with pytest.raises(ConsentError) as caught:
            only(environment, submission, offer, scope)
        assert caught.value.code == "consent.personal"


def test_p256_owner(environment) -> None:
    verifier = environment.deployment.p256_verifier.address
    key = P256Key(verifier)
    environment.chain.verifiers = Verifiers(frozenset({verifier}))

    class Owner:
        address = key.signer
        sign = staticmethod(key.sign)

    consent, submission = environment.consent("customer-00001", owner=Owner())
    assert only(environment, submission) == consent.id
    environment.chain.verifiers = Verifiers()
    _, other = environment.consent("customer-00001", owner=Owner())
    assert isinstance(only(environment, other), SignatureError)


def test_wording_gives_the_ids_that_full_consents_have(environment) -> None:
    wording = Wording(environment.offer, environment.scope, environment.trust.name)
    for changes in ({}, {"uses": 1, "first_opening": 7}, {"not_before": 0, "not_after": 2**40 // 8}):
        consent, submission = environment.consent("customer-00001", **changes)
        assert wording.consent_id(submission.consent.fields) == consent.id


@pytest.mark.parametrize("field", ["dataset", "consumer", "purpose", "columns", "output", "parties", "notice"])
def test_altered_words(environment, field: str) -> None:
    consent, submission = environment.consent("customer-00003")
    wrong = secrets.token_bytes(32) if field == "notice" else "everything, for everybody"
    altered = consent.model_copy(update={"details": consent.details.model_copy(update={field: wrong})})
    with pytest.raises(ConsentError) as caught:
        submit(environment, altered, submission)
    assert caught.value.code == "consent.altered"


@pytest.mark.parametrize(
    "changes", [{"uses": 6}, {"not_after": 2_000_000_000}, {"not_before": 1}, {"first_opening": 1}, {"salt": bytes(32)}]
)
def test_altered_numbers_break_the_signature(environment, changes) -> None:
    _, submission = environment.consent("customer-00003")
    altered = submission.model_copy(update={"consent": submission.consent.model_copy(update=changes)})
    refused(environment, altered, "signature")


def test_forged_signature(environment) -> None:
    consent, submission = environment.consent("customer-00003")
    forged = Key().sign(environment.deployment.consents.digest(consent.id))
    refused(environment, submission.model_copy(update={"signature": forged}), "signature")


def test_signature_for_another_chain(environment) -> None:
    owner = Key()
    consent, submission = environment.consent("customer-00003", owner=owner)
    there = Deployment(**{**environment.deployment.model_dump(), "chain_id": 1})
    replayed = owner.sign(there.consents.digest(consent.id))
    refused(environment, submission.model_copy(update={"signature": replayed}), "signature")


def test_consent_to_another_offer(environment) -> None:
    scope = environment.a_scope(title="Other accounts")
    offer = environment.make_offer(scope)
    _, submission = environment.consent("customer-00003", scope=scope, offer=offer)
    refused(environment, submission, "signature")
    assert isinstance(only(environment, submission, offer, scope), bytes)


def test_erc1271_owner_is_not_for_batches(environment) -> None:
    environment.chain.verifiers = Verifiers(contract=lambda *_: True)
    _, submission = environment.consent("customer-00003")
    refused(environment, submission.model_copy(update={"signature": b"contract says yes"}), "signature.length")


def test_enrolment_by_a_stranger(environment) -> None:
    refused(environment, environment.consent("customer-00003", enroller=Key())[1], "consent.enroller")


def test_enrolment_that_the_enroller_did_not_sign(environment) -> None:
    _, submission = environment.consent("customer-00003")
    forged = submission.enrolment.model_copy(update={"signature": Key().sign(bytes(32))})
    refused(environment, submission.model_copy(update={"enrolment": forged}), "signature")


def test_enrolment_of_another_owner(environment) -> None:
    _, first = environment.consent("customer-00003")
    _, second = environment.consent("customer-00003", enrolment=first.enrolment.subject)
    stolen = second.model_copy(update={"enrolment": first.enrolment, "opening": first.opening})
    refused(environment, stolen, "signature")


def test_enrolment_other_than_the_consents(environment) -> None:
    _, first = environment.consent("customer-00003")
    _, second = environment.consent("customer-00003")
    mixed = first.model_copy(update={"enrolment": second.enrolment, "opening": second.opening})
    refused(environment, mixed, "consent.enrolment")


def test_opening_of_another_subject(environment) -> None:
    _, submission = environment.consent("customer-00003")
    for opening in (
        EnrolmentOpening(subject="customer-00004", salt=submission.opening.salt),
        EnrolmentOpening(subject="customer-00003", salt=bytes(32)),
    ):
        refused(environment, submission.model_copy(update={"opening": opening}), "consent.opening")


def test_person_without_enrolment(environment) -> None:
    _, submission = environment.consent("customer-00003")
    refused(environment, submission.model_copy(update={"enrolment": None}), "consent.unenrolled")
    refused(environment, submission.model_copy(update={"opening": None}), "consent.unenrolled")
    refused(environment, environment.consent("customer-00003", named=True)[1], "consent.unenrolled")


def test_subject_without_a_row(environment) -> None:
    refused(environment, environment.consent("nobody")[1], "consent.subject")


def test_expired(environment) -> None:
    refused(
        environment, environment.consent("customer-00003", not_after=environment.chain.time - 1)[1], "consent.expired"
    )


def test_exhausted(environment) -> None:
    _, submission = environment.consent("customer-00003", uses=3)
    environment.state(openings=3)
    refused(environment, submission, "consent.exhausted")
    environment.state(openings=2)
    assert isinstance(only(environment, submission), bytes)


def test_withdrawn_before(environment) -> None:
    consent, submission = environment.consent("customer-00003")
    environment.chain.ended[environment.offer.id] = {consent.id}
    refused(environment, submission, "consent.withdrawn")


def test_senseless_window(environment) -> None:
    _, submission = environment.consent("customer-00003")
    for changes in ({"not_before": 9, "not_after": 8}, {"first_opening": 2**32 - 1}):
        altered = submission.model_copy(update={"consent": submission.consent.model_copy(update=changes)})
        refused(environment, altered, "consent.window")


def test_one_bad_consent_does_not_stop_the_others(environment) -> None:
    good, bad = environment.consent("customer-00001"), environment.consent("nobody")
    outcomes = environment.vault.admit_many(environment.offer, environment.scope, [bad[1], good[1]])
    assert isinstance(outcomes[0], ConsentError)
    assert outcomes[1] == good[0].id


def test_offer_of_another_provider(environment) -> None:
    environment.state(provider=environment.other.address)
    with pytest.raises(ConsentError) as caught:
        only(environment, environment.consent("customer-00001")[1])
    assert caught.value.code == "consent.provider"


def test_offer_that_is_not_on_chain_or_another_scope(environment) -> None:
    _, submission = environment.consent("customer-00001")
    with pytest.raises(ConsentError):
        only(environment, submission, scope=environment.a_scope())
    del environment.chain.offers[environment.offer.id]
    with pytest.raises(NotFoundError):
        only(environment, submission)


def test_scope_with_a_column_that_the_table_has_not(environment) -> None:
    scope = environment.a_scope(columns=("customer", "income"))
    offer = environment.make_offer(scope)
    with pytest.raises(ConsentError) as caught:
        only(environment, environment.consent("customer-00001", scope=scope, offer=offer)[1], offer, scope)
    assert caught.value.code == "consent.columns"


def test_chain_lost(environment) -> None:
    environment.chain.broken = ChainError("lost")
    with pytest.raises(ChainError):
        only(environment, environment.consent("customer-00001")[1])


def own(environment):
    scope = environment.a_scope(personal=False)
    return scope, environment.make_offer(scope)


def test_named_consent_of_the_institution(environment) -> None:
    scope, offer = own(environment)
    consent, submission = environment.consent("-", named=True, owner=environment.provider, scope=scope, offer=offer)
    assert only(environment, submission, offer, scope) == consent.id
    kept = environment.vault.named_evidence(consent.id)
    assert kept.consent == CompactConsent.of(consent)
    assert kept.signature == submission.signature


def test_named_consent_is_not_erased(environment) -> None:
    """It is of no person, and the evidence of the institution's jobs would end with it."""
    scope, offer = own(environment)
    consent, submission = environment.consent("-", named=True, owner=environment.provider, scope=scope, offer=offer)
    only(environment, submission, offer, scope)
    with pytest.raises(StateError) as refusal:
        environment.vault.erase(consent.id)
    assert refusal.value.code == "consent.own"
    assert environment.vault.named_evidence(consent.id).consent == CompactConsent.of(consent)


def test_named_consent_by_somebody_else_or_enrolled(environment) -> None:
    scope, offer = own(environment)
    _, stranger = environment.consent("-", named=True, owner=environment.other, scope=scope, offer=offer)
    assert only(environment, stranger, offer, scope).code == "consent.owner"
    _, person = environment.consent("customer-00001", owner=environment.provider, scope=scope, offer=offer)
    assert only(environment, person, offer, scope).code == "consent.enrolment"
    good, own_submission = environment.consent("-", named=True, owner=environment.provider, scope=scope, offer=offer)
    dressed = own_submission.model_copy(update={"enrolment": person.enrolment, "opening": person.opening})
    assert only(environment, dressed, offer, scope).code == "consent.enrolment"
    assert good.id not in environment.records.candidates(offer.id)
    bare = Submission(consent=person.consent, signature=person.signature)
    assert only(environment, bare, offer, scope).code == "consent.enrolment"


def test_named_evidence_is_not_for_persons(environment) -> None:
    (consent,) = environment.accept("customer-00001")
    with pytest.raises(NotFoundError):
        environment.vault.named_evidence(consent)


def test_facts_are_read_anew_each_time(environment) -> None:
    _, submission = environment.consent("customer-00003")
    facts = environment.chain.offers[environment.offer.id]
    environment.chain.offers[environment.offer.id] = replace(facts, openings=99)
    assert isinstance(only(environment, submission), ConsentError)
    environment.chain.offers[environment.offer.id] = facts
    assert isinstance(only(environment, submission), bytes)


def test_what_is_anothers_is_not_opened_to_say_no(environment, monkeypatch) -> None:
    """Else the time of a no would tell a stranger, who may ask with any key, that the vault has a consent."""
    consent, submission = environment.consent("customer-00003")
    submit(environment, consent, submission)
    opened: list[bytes] = []
    whole = Records._open_record
    spied = lambda self, offer, one, sealed: (opened.append(one), whole(self, offer, one, sealed))[1]  # noqa: E731
    monkeypatch.setattr(Records, "_open_record", spied)
    for identity in (consent.id, bytes(32)):
        with pytest.raises(NotFoundError) as error:
            environment.vault.consent(identity, Key().address)
        assert error.value.code == "consent.unknown"
    assert opened == []
    assert [environment.vault.consent(consent.id, who).id for who in (consent.owner, None)] == [consent.id] * 2
    assert opened == [consent.id] * 2


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=256), st.binary(min_size=32, max_size=32), st.booleans()
)
@settings(max_examples=40)
def test_a_batchs_row_is_kept_as_a_consent_alone_is(subject: str, salt: bytes, batched: bool) -> None:
    for owner, signature in ((bytes(20), bytes(65)), (bytes(84), bytes(64)), (bytes(84), bytes(288))):
        consent = ConsentFields(owner, 2**48 - 1, 0, 3, 2**32 - 1, salt[::-1], salt, "de")
        row = BatchRow(consent, signature, b"\1" * 20, salt if batched else bytes(65), (subject, salt))
        alone = record_of(Submission.of_row(row), lambda _: b"\2" * 32)
        assert parse(ConsentRecord, record_text(row, b"\2" * 32)) == alone
