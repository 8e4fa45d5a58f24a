"""Promise 3: only the owner's own signature grants. Forged, altered, replayed, borrowed, invented: refused at the
contract, at the vault's door and at the node's."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import utils
from eth_account import Account
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.attacks.harness import AttackHarness, Person, Sending, body_of
from tests.node.conftest import Owner, Running, dev_key, signed

from placet.chain import abi
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.deployed import code_hash
from placet.chain.local import LocalChain
from placet.chain.rpc import octets
from placet.core.consent import Consent, Status
from placet.core.ecdsa import P256_N, SECP256K1_N
from placet.core.eip712 import Domain
from placet.core.enrolment import enrolment_hash
from placet.core.errors import ConsentError, InputError, PlacetError
from placet.core.hashing import keccak
from placet.core.languages import LANGUAGES
from placet.core.merkle import batch_root
from placet.core.namespace import own_namespace
from placet.core.offers import Subjects
from placet.core.signatures import Key, P256Key
from placet.core.trust import Deployment
from placet.core.values import ZERO32, from_hex, to_hex
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_hash
from shown import leaves_of

EXAMPLES = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


async def not_taken(harness: AttackHarness, person: Person, code: str) -> None:
    """The vault refuses the consent as it was handed in, with this code or a kind of it."""
    offer, scope = person.consent.offer, harness.scopes[person.consent.offer.scope]
    with harness.untouched():
        (outcome,) = await harness.accept(offer, scope, [person])
        assert outcome == code or outcome.startswith(f"{code}.")


def handed(person: Person, **changes: Any) -> Person:
    return Person(person.key, person.consent, person.submission.model_copy(update=changes))


@pytest.fixture
def person(harness: AttackHarness) -> Person:
    """A customer's good consent, so far with nobody."""
    return harness.person(*harness.offer())


async def test_the_consent_that_is_forged_below_would_be_taken(harness: AttackHarness, person: Person) -> None:
    """Without this the refusals below could be about anything."""
    assert await harness.accept(person.consent.offer, harness.scopes[person.consent.offer.scope], [person]) == ["ok"]
    harness.mined(harness.calls.grant(person.consent, person.submission.signature), harness.thief)
    assert harness.chain.consent(person.id).status is Status.GIVEN


# --------------------------------------------------------------------------------------- an altering relay


B32 = st.binary(min_size=32, max_size=32)
WORDS = ("dataset", "consumer", "purpose", "columns", "output", "parties")
FIELDS: dict[str, tuple[Any, set[str], set[str]]] = {
    # field: other values, the contract's errors, the vault's codes
    "owner": (st.builds(lambda: Key().address), {"InvalidSignature"}, {"signature"}),
    "offer.dataset": (B32, {"UnknownOffer"}, {"not-found"}),
    "offer.consumer": (st.builds(lambda: Key().address), {"UnknownOffer"}, {"not-found"}),
    "offer.purpose": (B32, {"UnknownOffer"}, {"consent"}),
    "offer.operations": (st.integers(0, 2**32 - 1), {"UnknownOffer"}, {"consent.altered", "input"}),
    "offer.scope": (B32, {"UnknownOffer"}, {"consent"}),
    "offer.budget": (st.integers(0, 2**53 - 1), {"UnknownOffer"}, {"not-found", "consent", "consent.altered"}),
    "not_before": (st.integers(0, 2**40), {"InvalidSignature"}, {"consent.altered", "input"}),
    "not_after": (st.integers(0, 2**40), {"InvalidSignature", "AlreadyExpired"}, {"consent.altered", "input"}),
    "first_opening": (st.integers(0, 2**31), {"InvalidSignature"}, {"signature"}),
    "uses": (st.integers(1, 2**31), {"InvalidSignature"}, {"consent.altered"}),
    **{f"details.{name}": (st.text(max_size=80), {"InvalidSignature"}, {"consent.altered"}) for name in WORDS},
    "details.language": (st.sampled_from(LANGUAGES), {"InvalidSignature"}, {"consent.altered"}),
    "details.notice": (B32, {"InvalidSignature"}, {"consent.altered"}),
    "details.enrolment": (B32, {"InvalidSignature"}, {"signature"}),
    "details.salt": (B32, {"InvalidSignature"}, {"signature"}),
}


def altered(consent: Consent, field: str, value: Any) -> Consent:
    """The consent with one field changed; ValidationError where the change makes no consent at all."""
    plain = consent.model_dump()
    *outer, name = field.split(".")
    inner = plain[outer[0]] if outer else plain
    inner[name] = value
    return Consent.model_validate(plain)


def test_every_field_of_a_consent_is_attacked() -> None:
    """A field that is added to the consent must be added here."""
    parts = {"offer": Consent.model_fields["offer"], "details": Consent.model_fields["details"]}
    inner = {f"{name}.{f}" for name, part in parts.items() for f in part.annotation.model_fields}  # type: ignore[union-attr]
    assert set(FIELDS) == (set(Consent.model_fields) - set(parts)) | inner


@pytest.mark.parametrize("examples", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_relay_that_alters_a_consent_at_the_contract_and_the_vault(harness: AttackHarness, examples: int) -> None:
    """Other values in every field, under the owner's signature over the true one."""
    offer, scope = harness.offer()
    person = harness.person(offer, scope)
    given_in = person.submission

    def alter(field: str) -> None:
        values, errors, codes = FIELDS[field]

        @settings(EXAMPLES, max_examples=examples)
        @given(value=values)
        def attempt(value: Any) -> None:
            try:
                fake = altered(person.consent, field, value)
            except ValidationError:
                assume(False)
            assume(fake != person.consent)
            refuse(fake, errors, codes, field)

        attempt()

    def refuse(fake: Consent, errors: set[str], codes: set[str], field: str) -> None:
        refusal = harness.why(harness.calls.grant(fake, given_in.signature), harness.thief)
        assert refusal is not None and refusal.name in errors, (field, refusal)
        assert (
            harness.receipt(harness.send(harness.calls.grant(fake, given_in.signature), harness.thief))["status"]
            == "0x0"
        )
        with pytest.raises(PlacetError) as caught:
            asyncio.run(harness.vault.admit(fake, scope, given_in.signature, given_in.enrolment, given_in.opening))
        assert caught.value.code in codes, (field, caught.value)

    with harness.untouched():
        for field in FIELDS:
            alter(field)


async def test_a_relay_that_alters_a_consent_and_its_words_with_it(harness: AttackHarness, person: Person) -> None:
    """More uses, more time, another opening, each with the words that fit: all hangs together, and nobody signed it."""
    offer, scope = person.consent.offer, harness.scopes[person.consent.offer.scope]
    for changes in ({"uses": 500}, {"not_after": harness.chain.now() + 10**7}, {"not_before": 0}, {"first_opening": 3}):
        kept = {"key": person.key, "salt": person.consent.details.salt, "enrolment": person.consent.details.enrolment}
        fake = harness.person(offer, scope, **kept, **changes)
        stolen = handed(
            fake,
            signature=person.submission.signature,
            enrolment=person.submission.enrolment,
            opening=person.submission.opening,
        )
        await not_taken(harness, stolen, "signature")
        call = harness.calls.grant(fake.consent, person.submission.signature)
        assert harness.refused(call) == ("InvalidSignature", fake.id)


async def test_a_consent_altered_on_its_way_to_the_node(harness: AttackHarness, node: Running, owner: Owner) -> None:
    """The same at the node's API: nothing is kept, nothing is sent."""
    offer, _ = node.offer()
    good = json.dumps(owner.submission(await node.draft(owner, offer)))
    for field in FIELDS:
        altered_one = json.loads(good)
        *outer, name = field.split(".")
        part = altered_one["consent"][outer[0]] if outer else altered_one["consent"]
        old = part[name]
        if isinstance(old, int):
            part[name] = old + 1
        elif name == "language":
            part[name] = next(other for other in LANGUAGES if other != old)
        else:
            part[name] = to_hex(flipped(from_hex(old))) if old.startswith("0x") else old + "!"
        with harness.untouched(node.node):
            answer = await node.client.post("/v1/consents", json=altered_one)
            await node.turn()
        assert 400 <= answer.status_code < 500, (field, answer.text)
        assert answer.json()["code"].split(".")[0] in ("consent", "signature", "not-found"), field


def flipped(value: bytes) -> bytes:
    """Another value of the same length."""
    return value[:-1] + bytes([value[-1] ^ 1])


# ------------------------------------------------------------------------------------------------ replays


@pytest.fixture(scope="module")
def other_chain() -> Iterator[Sending]:
    """The same contracts at the same addresses, by the same deployer, on a chain with another id."""
    with LocalChain(chain_id=31338) as local:
        yield Sending(Chain(local.url, deploy(local.url, dev_key(0), 0)))


@pytest.fixture(scope="module")
def other_contracts(harness: AttackHarness) -> Sending:
    """The contracts once more on the same chain."""
    return Sending(Chain(harness.environment.anvil.url, deploy(harness.environment.anvil.url, dev_key(0), 0)))


def elsewhere(harness: AttackHarness, other: Sending, person: Person) -> bytes:
    """The person's consent, signed for the other deployment, where it is good: the same offer is made there."""
    offer = person.consent.offer
    if other.why(other.calls.register(offer.dataset, Subjects.PERSONS, ZERO32, ZERO32), harness.bank) is None:
        other.mined(other.calls.register(offer.dataset, Subjects.PERSONS, ZERO32, ZERO32), harness.bank)
    other.mined(other.calls.offer(offer), harness.bank)
    signature = person.key.sign(other.chain.deployment.consents.digest(person.id))
    other.mined(other.calls.grant(person.consent, signature), harness.thief)
    assert other.chain.consent(person.id).status is Status.GIVEN
    return signature


@pytest.mark.parametrize("where", ["other_chain", "other_contracts"])
async def test_a_consent_given_elsewhere(harness: AttackHarness, person: Person, where: str, request: Any) -> None:
    """A real consent on another chain, or to other contracts, with the very same id: not here."""
    other: Sending = request.getfixturevalue(where)
    same = other.chain.deployment.consent_registry.address == harness.environment.deployment.consent_registry.address
    assert same is (where == "other_chain")
    signature = elsewhere(harness, other, person)
    assert harness.refused(harness.calls.grant(person.consent, signature)) == ("InvalidSignature", person.id)
    await not_taken(harness, handed(person, signature=signature), "signature")


@pytest.mark.parametrize("where", ["other_chain", "other_contracts"])
async def test_an_enrolment_and_a_withdrawal_made_elsewhere(
    harness: AttackHarness, person: Person, where: str, request: Any
) -> None:
    """The enroller's and the owner's signatures for another deployment."""
    domain = request.getfixturevalue(where).chain.deployment.consents
    enrolment = person.submission.enrolment
    assert enrolment is not None
    digest = domain.digest(enrolment_hash(person.consent.owner, harness.scope().namespace, enrolment.subject))
    foreign = enrolment.model_copy(update={"signature": harness.environment.enroller.sign(digest)})
    await not_taken(harness, handed(person, enrolment=foreign), "signature")
    harness.mined(harness.calls.grant(person.consent, person.submission.signature), harness.thief)
    withdrawal = person.key.sign(domain.digest(withdrawal_hash(person.id)))
    assert harness.refused(harness.calls.withdraw(person.consent.grant(), withdrawal)) == (
        "InvalidSignature",
        person.id,
    )
    assert harness.chain.consent(person.id).status is Status.GIVEN


async def test_a_plan_signed_elsewhere(harness: AttackHarness) -> None:
    """A job's id has chain and contract in it, so that signatures for another ledger open nothing here."""
    agreed = harness.plan(await harness.offer_fixture(1))
    for domain in (
        Domain(
            "Placet Jobs",
            harness.environment.deployment.chain_id + 1,
            harness.environment.deployment.job_ledger.address,
        ),
        Domain(
            "Placet Jobs",
            harness.environment.deployment.chain_id,
            harness.environment.deployment.consent_registry.address,
        ),
        harness.environment.deployment.consents,
    ):
        signatures = harness.signatures(agreed.plan, agreed.plan.signers, domain.digest(agreed.plan.struct_hash()))
        call = harness.calls.open(agreed.plan, signatures)
        assert harness.refused(call) == ("InvalidSignerSignature", 0)


async def test_everything_a_second_time(harness: AttackHarness) -> None:
    """Grant, batch, opening, recorded step, withdrawal and its proof: once is all."""
    offer_fixture = await harness.offer_fixture(2)
    given_one, batched = harness.person(offer_fixture.offer, offer_fixture.scope), offer_fixture.people[0]
    grant = harness.calls.grant(given_one.consent, given_one.submission.signature)
    harness.mined(grant, harness.thief)
    assert harness.refused(grant) == ("ConsentExists", given_one.id, Status.GIVEN)
    assert (
        harness.refused(harness.calls.anchor(offer_fixture.offer.id, offer_fixture.batch), harness.bank)[0]
        == "BatchExists"
    )

    agreed = harness.open(harness.plan(offer_fixture))
    assert harness.refused(harness.open_call(agreed)) == ("WrongStatus", agreed.job, 1)
    step = harness.calls.record(agreed.job, 1, 1, 0, [secrets.token_bytes(32)])
    harness.mined(step, harness.second)
    assert harness.refused(step, harness.second) == ("TrailGap", 1, 0)

    withdraw = harness.calls.withdraw(batched.consent.grant(), harness.withdrawal(batched))
    harness.mined(withdraw, harness.thief)
    assert harness.refused(withdraw) == ("ConsentEnded", batched.id, Status.WITHDRAWN)
    prove = harness.calls.prove(batched.id, offer_fixture.offer.id, offer_fixture.batch, offer_fixture.proof(batched))
    harness.mined(prove, harness.thief)
    assert harness.refused(prove) == ("AlreadyProven", batched.id)
    assert harness.refused(grant) == ("ConsentExists", given_one.id, Status.GIVEN)
    assert harness.chain.offer(offer_fixture.offer.id).epoch != FIRST_EPOCH


async def test_the_same_consent_twice_at_the_node_is_one(harness: AttackHarness, node: Running, owner: Owner) -> None:
    """A copy of a submission changes nothing and costs no transaction."""
    offer, _ = node.offer()
    body = owner.submission(await node.draft(owner, offer))
    assert (await node.client.post("/v1/consents", json=body)).status_code == 202
    await node.turn()
    with harness.untouched(node.node):
        again = await node.client.post("/v1/consents", json=body)
        await node.turn()
    assert (again.status_code, again.json()["status"]) == (202, "given")


# --------------------------------------------------------------------------------------- batches with a bad leaf


async def test_a_batch_with_a_bad_leaf(harness: AttackHarness) -> None:
    """One of three is signed by somebody else. The vault says which and takes the others; the node anchors all three:
    the bad one is in nobody's lawful set. (A batch *file* with one comes in nowhere: tests/vault/test_batches.py.)"""
    offer_fixture = await harness.offer_fixture(1)
    three = [harness.person(offer_fixture.offer, offer_fixture.scope) for _ in range(3)]
    three[1] = handed(
        three[1], signature=harness.thief.sign(harness.environment.deployment.consents.digest(three[1].id))
    )
    assert await harness.accept(offer_fixture.offer, offer_fixture.scope, three) == ["ok", "signature", "ok"]
    await harness.anchor(offer_fixture.offer, three)
    brought = await harness.prepare(offer_fixture.offer, offer_fixture.deadline)
    leaves = leaves_of(await harness.vault.leaves(offer_fixture.offer.id, brought.inputs[0].lawful_root, 0))
    owners = {person.consent.owner for person in (offer_fixture.people[0], three[0], three[2])}
    assert {leaf.consent.owner for leaf in leaves} == owners


async def test_a_batch_that_is_not_what_it_says(harness: AttackHarness) -> None:
    """Leaves that give another root, in another order, one twice, one too many: none of the batch is noted."""
    offer_fixture = await harness.offer_fixture(1)
    ids = sorted(secrets.token_bytes(32) for _ in range(3))
    root = batch_root(ids)
    for leaves, code in (
        (ids[:2], "batch.root"),
        ([*ids, b"\xff" * 32], "batch.root"),
        (ids[::-1], "input"),
        ([ids[0], ids[0], ids[2]], "input"),
        ([], "input"),
    ):
        with harness.untouched(), pytest.raises(InputError) as caught:
            await harness.vault.note_batch(offer_fixture.offer.id, root, leaves)
        assert caught.value.code == code


# ------------------------------------------------------------------------------------------------ enrolments


async def test_somebody_elses_enrolment(harness: AttackHarness, person: Person) -> None:
    """A thief with a key of his own, and all that a real person's consent shows to its node."""
    offer, scope = person.consent.offer, harness.scopes[person.consent.offer.scope]
    victim = person.submission
    assert victim.enrolment is not None and victim.opening is not None
    thief = harness.person(offer, scope, enrolment=victim.enrolment.subject)
    stolen = {"enrolment": victim.enrolment, "opening": victim.opening}
    await not_taken(harness, handed(thief, **stolen), "signature")
    mine = harness.person(offer, scope)
    await not_taken(harness, handed(mine, **stolen), "consent.enrolment")
    await not_taken(harness, handed(mine, opening=victim.opening), "consent.opening")
    digest = harness.environment.deployment.consents.digest(
        enrolment_hash(thief.consent.owner, scope.namespace, victim.enrolment.subject)
    )
    own_word = victim.enrolment.model_copy(update={"signature": harness.thief.sign(digest)})
    await not_taken(harness, handed(thief, enrolment=own_word, opening=victim.opening), "signature")


async def test_customer_1001_of_another_bank_opens_no_row_of_this_ones_1001(
    harness: AttackHarness, node: Running
) -> None:
    """An honest enroller of both banks enrolled somebody by his number at the other bank. By that number this bank
    knows somebody else, to whose row he consents."""
    offer, scope = harness.offer()
    elsewhere = own_namespace(harness.second.address, "customer")
    customer = next(harness.environment.customers)
    mine = harness.person(offer, scope, customer=customer, namespace=elsewhere)
    await not_taken(harness, mine, "signature")
    assert await harness.accept(offer, scope, [harness.person(offer, scope, customer=customer)]) == ["ok"]
    offer, scope = node.offer(**harness.shown)
    stranger = harness.person(offer, scope, customer=customer, namespace=elsewhere)
    node.node.sync()
    with harness.untouched(node.node):
        answer = await node.client.post("/v1/consents", json=body_of(stranger))
        await node.turn()
    assert (answer.status_code, answer.json()["code"]) == (403, "signature")
    assert scope.namespace in answer.json()["remedy"]


async def test_a_broken_node_calls_the_tables_identifiers_another_banks(harness: AttackHarness) -> None:
    """A new offer under the stolen signing key says that the rows are found by the other bank's numbers, so that its
    customers' enrolments would fit. The vault knows from the import by which ones they are."""
    elsewhere = own_namespace(harness.second.address, "customer")
    opened = harness.scope(namespace=elsewhere)
    offer, _ = harness.offer(opened)
    mine = harness.person(offer, opened, namespace=elsewhere)
    with harness.untouched(), pytest.raises(ConsentError) as caught:
        await harness.accept(offer, opened, [mine])
    assert caught.value.code == "consent.namespace"


async def test_a_provider_that_invents_customers(harness: AttackHarness, node: Running) -> None:
    """Real rows, keys of the provider's making, its own word for them: refused by the node's and the vault's gates.
    What the audit says is in tests/audit/test_checks.py: self-enrolled, or refused where the offer names another."""
    offer, scope = node.offer()
    fake = harness.person(offer, scope, enroller=harness.bank)
    harness.scopes[offer.scope] = scope
    with harness.untouched(node.node):
        answer = await node.client.post("/v1/consents", json=body_of(fake))
    assert (answer.status_code, answer.json()["code"]) == (422, "consent.enroller")
    await not_taken(harness, fake, "consent.enroller")


# ------------------------------------------------------------------------------------- signatures of all shapes


def twisted(key: Key, digest: bytes, struct_hash: bytes) -> dict[str, bytes]:
    """Signatures that are nearly right."""
    good = key.sign(digest)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    compact = (s | (1 << 255 if v == 28 else 0)).to_bytes(32, "big")
    return {
        "high s": r + (SECP256K1_N - s).to_bytes(32, "big") + bytes([55 - v]),
        "the other v": good[:64] + bytes([55 - v]),
        "v of 0 or 1": good[:64] + bytes([v - 27]),
        "EIP-155 v": good[:64] + bytes([(v + 8) % 256]),
        "compact": r + compact,
        "64 bytes": good[:64],
        "66 bytes": good + b"\0",
        "doubled": good + good,
        "empty": b"",
        "zeros": bytes(65),
        "over the bare id": key.sign(struct_hash),
        "personal sign": key.sign(keccak(b"\x19Ethereum Signed Message:\n32", digest)),
        "of a withdrawal": key.sign(keccak(b"\x19\x01", digest)),
        "by another": Key().sign(digest),
    }


def twisted_p256(key: P256Key, digest: bytes) -> dict[str, bytes]:
    good = key.sign(digest)
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    return {
        "high s": good[:32] + (P256_N - s).to_bytes(32, "big"),
        "DER": utils.encode_dss_signature(r, s),
        "swapped": good[32:] + good[:32],
        "63 bytes": good[:63],
        "65 bytes": good + b"\x1b",
        "empty": b"",
        "zeros": bytes(64),
        "r of zero": bytes(32) + good[32:],
        "r beyond the order": P256_N.to_bytes(32, "big") + good[32:],
        "over other bytes": key.sign(keccak(digest)),
        "by another": P256Key(key.signer[:20]).sign(digest),
    }


@pytest.mark.parametrize("kind", ["secp256k1", "p256"])
async def test_a_signature_that_is_nearly_right(harness: AttackHarness, kind: str) -> None:
    """Malleable, cut, padded, packed otherwise, over something else: contract and vault agree on every one."""
    offer, scope = harness.offer()
    key = Key() if kind == "secp256k1" else P256Key(harness.environment.deployment.p256_verifier.address)
    person = harness.person(offer, scope, key=key)
    digest = harness.environment.deployment.consents.digest(person.id)
    bad = twisted(key, digest, person.id) if isinstance(key, Key) else twisted_p256(key, digest)
    for name, signature in bad.items():
        call = harness.calls.grant(person.consent, signature)
        assert harness.refused(call) == ("InvalidSignature", person.id), name
    with harness.untouched():
        outcomes = await harness.accept(
            offer, scope, [handed(person, signature=signature) for signature in bad.values()]
        )
        assert [outcome.split(".")[0] for outcome in outcomes] == ["signature"] * len(bad)
    assert await harness.accept(offer, scope, [person]) == ["ok"]
    harness.mined(harness.calls.grant(person.consent, person.submission.signature), harness.thief)


async def test_keys_that_are_none(harness: AttackHarness) -> None:
    """A P-256 key that is not on the curve, one behind a verifier that nobody lists, the verifier itself."""
    offer, scope = harness.offer()
    verifier = harness.environment.deployment.p256_verifier.address
    real = P256Key(verifier)
    for owner in (verifier + b"\1".rjust(32, b"\0") * 2, harness.thief.address + real.signer[20:], verifier):
        person = harness.person(offer, scope)
        consent = person.consent.model_copy(update={"owner": owner})
        consent = Consent.model_validate(consent.model_dump())
        signature = real.sign(harness.environment.deployment.consents.digest(consent.id))
        assert harness.refused(harness.calls.grant(consent, signature)) == ("InvalidSignature", consent.id)
        compact = person.submission.consent.model_copy(update={"owner": owner})
        await not_taken(harness, handed(person, consent=compact, signature=signature), "signature")


MAGIC = bytes.fromhex("1626ba7e")


def answers(word: bytes, size: int = 32) -> bytes:
    """Code of a contract that answers every call with the first `size` bytes of `word`."""
    return b"\x7f" + word.ljust(32, b"\0") + bytes.fromhex("600052") + b"\x60" + bytes([size]) + bytes.fromhex("6000f3")


WALLETS = {
    "says no": answers(b"\xff\xff\xff\xff"),
    "answers four bytes": answers(MAGIC, 4),
    "answers the magic value and more": answers(MAGIC + b"\1"),
    "answers nothing": bytes.fromhex("00"),
    "reverts with the magic value": answers(MAGIC)[:-1] + b"\xfd",
    "burns all gas": bytes.fromhex("fe"),
}


@pytest.mark.parametrize("how", WALLETS)
async def test_a_contract_that_does_not_say_yes(harness: AttackHarness, how: str) -> None:
    """ERC-1271 owners whose answer is not exactly the magic value."""
    wallet = secrets.token_bytes(20)
    harness.environment.anvil.rpc("anvil_setCode", to_hex(wallet), to_hex(WALLETS[how]))
    consent = harness.own_consent(owner=wallet)
    assert harness.refused(harness.calls.grant(consent, b"yes")) == ("InvalidSignature", consent.id)
    assert not harness.chain.verifiers.accepts(wallet, consent.id, b"yes")


async def test_a_contract_that_says_yes_to_everything(harness: AttackHarness, node: Running) -> None:
    """It may own itself: the chain takes its grant. But persons reach jobs in batches, and a batch can't ask again."""
    offer, scope = node.offer()
    harness.scopes[offer.scope] = scope
    wallet = secrets.token_bytes(20)
    harness.environment.anvil.rpc("anvil_setCode", to_hex(wallet), to_hex(answers(MAGIC)))

    class Yes(Key):
        def __init__(self) -> None:
            super().__init__()
            self.address = wallet

    person = harness.person(offer, scope, key=Yes())
    call = harness.calls.grant(person.consent, b"yes")
    assert harness.why(call, harness.thief) is None
    await not_taken(harness, handed(person, signature=b"yes"), "signature.length")
    with harness.untouched(node.node):
        answer = await node.client.post("/v1/consents", json=body_of(handed(person, signature=b"yes")))
        await node.turn()
    assert (answer.status_code, answer.json()["code"]) == (422, "consent.contract")


def by_type(value: Any) -> Any:
    """JSON with the names of the EIP-712 types, which are the contracts' and not the API's."""
    if not isinstance(value, dict):
        return value
    words = {name: name.split("_") for name in value}
    return {first + "".join(map(str.title, more)): by_type(value[name]) for name, (first, *more) in words.items()}


async def test_what_a_wallet_shows_is_what_it_signs(harness: AttackHarness, node: Running, owner: Owner) -> None:
    """The node's typed data, hashed by another library, give the digest that the contract checks; one word less, and
    it is another one."""
    offer, _ = node.offer()
    draft = await node.draft(owner, offer)
    shown = draft["typed_data"]
    consent = Consent.model_validate(draft["consent"])
    assert shown["message"] == by_type(consent.to_json())
    wallet = Account.from_key(owner.key.secret)  # type: ignore[union-attr]
    signed = wallet.sign_typed_data(full_message=shown)
    digest = bytes(signed.message_hash)
    registry = abi.function("ConsentRegistry", "hashConsent")
    asked = {
        "to": to_hex(harness.environment.deployment.consent_registry.address),
        "data": to_hex(registry.encode(consent.id)),
    }
    assert digest == harness.environment.deployment.consents.digest(from_hex(draft["id"]))
    assert registry.decode(octets(harness.chain.rpc.call("eth_call", asked, "latest"))) == (digest,)
    assert bytes(signed.signature) == harness.signed(consent, owner.key)
    for name in WORDS:
        message = shown["message"] | {"details": shown["message"]["details"] | {name: ""}}
        assert bytes(wallet.sign_typed_data(full_message=shown | {"message": message}).message_hash) != digest


# ---------------------------------------------------------------------------------------- nobody above the owners


async def test_strangers_act_for_nobody(harness: AttackHarness) -> None:
    """Anchor, offer, appoint, revoke, use an opening, move rewards, record, abort: not for somebody else."""
    offer_fixture = await harness.offer_fixture(1)
    agreed = harness.open(harness.plan(offer_fixture))
    person = offer_fixture.people[0]
    deployment = harness.environment.deployment
    calls = harness.calls
    fresh = offer_fixture.offer.model_copy(update={"scope": secrets.token_bytes(32)})
    funded = (secrets.token_bytes(32), harness.token, harness.lender.address, 1)
    used = (ZERO32, harness.bank.address, harness.lender.address, offer_fixture.offer.purpose, 3, 2**40, [])
    attempts: list[tuple[Any, str]] = [
        (calls.anchor(offer_fixture.offer.id, secrets.token_bytes(32)), "NotProviderOrRelay"),
        (calls.offer(fresh), "NotDatasetProvider"),
        (calls.register(offer_fixture.offer.dataset, Subjects.OWN, ZERO32, ZERO32), "DatasetExists"),
        (calls.commit(offer_fixture.offer.dataset, ZERO32), "NotProvider"),
        (calls._dataset("spend", offer_fixture.offer.dataset, offer_fixture.offer.id, ZERO32, 0), "NotConsents"),
        (calls._dataset("refund", offer_fixture.offer.dataset, offer_fixture.offer.id, ZERO32, 0), "NotConsents"),
        (calls.revoke(person.consent.grant(), ZERO32), "NotProviderOrRelay"),
        (calls.record(agreed.job, 1, 0, 0, [ZERO32]), "NotRecorder"),
        (calls.abort(agreed.job, ZERO32), "NotRecorder"),
        (calls.abort_for_consent(agreed.plan, 2, ZERO32), "ConsentStillLive"),
        (calls.claim(harness.token), "NothingOwed"),
        (calls._consent("useOpening", *used), "NotLedger"),
        (calls._consent("refund", ZERO32, []), "NotLedger"),
        (calls.refund(agreed.plan), "WrongStatus"),
        (_escrow(deployment, "fund", *funded), "NotLedger"),
        (_escrow(deployment, "settle", agreed.job, [harness.thief.address], [1]), "NotLedger"),
    ]
    harness.mined(calls.appoint(harness.thief.address), harness.thief)  # for himself, which is nobody's provider
    for call, error in attempts:
        assert harness.refused(call)[0] == error, call.what


def _escrow(deployment: Deployment, name: str, *values: Any) -> Any:
    from placet.chain.calls import _call

    return _call("RewardEscrow", deployment.reward_escrow.address, name, *values)


# --------------------------------------------------------------------------------------- a request, sent on


@pytest.mark.parametrize("path", ["/v1/consents", f"/v1/consents/0x{7:064x}/uses", "/metrics"])
async def test_a_signed_request_is_good_at_its_receiver_alone(
    harness: AttackHarness, node: Running, owner: Owner, path: str
) -> None:
    """Another institution that an owner or auditor asked sends the request on, fresh and unchanged."""
    environment = harness.environment
    for key in (owner.key, environment.auditor):
        assert isinstance(key, Key)

        async def asked(receiver: bytes, key: Key = key) -> tuple[int, str]:
            header = signed(environment, key, key.address, "GET", path, receiver=receiver)
            answer = await node.client.get(path, headers={"Authorization": header})
            return answer.status_code, answer.json().get("code", "")

        for other in (
            environment.second.address,
            environment.consumer.address,
            environment.enroller.address,
            bytes(20),
        ):
            assert await asked(other) == (401, "access.signature")
        assert (await asked(environment.provider.address))[0] != 401


def instructions(code: bytes) -> Iterator[int]:
    """A contract's opcodes without what they push. The artifacts hold no metadata."""
    at = 0
    while at < len(code):
        yield code[at]
        at += 1 + (code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0)


def test_no_administrator_no_proxy_no_upgrade(harness: AttackHarness) -> None:
    """The code that is on the chain is the deployment file's, and has no instruction that runs other code in its
    place or ends it; what can be called and changes something is what the documents name."""
    deployment = harness.environment.deployment
    contracts = {
        "DatasetRegistry": deployment.dataset_registry,
        "ConsentRegistry": deployment.consent_registry,
        "JobLedger": deployment.job_ledger,
        "RewardEscrow": deployment.reward_escrow,
        "P256Verifier": deployment.p256_verifier,
        "WebAuthnVerifier": deployment.webauthn_verifier,
        "EnclaveRegistry": deployment.enclave_registry,
        "Ceremonies": deployment.ceremonies,
        "Groth16Verifier": deployment.groth16_verifier,
        "Statements": deployment.statements,
        "AuditStakes": deployment.audit_stakes,
        "ConsentTrees": deployment.consent_trees,
    }
    delegatecall, callcode, selfdestruct, staticcall = 0xF4, 0xF2, 0xFF, 0xFA
    used: dict[str, set[int]] = {}
    changing: dict[str, set[str]] = {}
    for name, contract in contracts.items():
        assert code_hash(harness.chain.rpc, contract.address) == contract.code_hash
        used[name] = set(
            instructions(octets(harness.chain.rpc.call("eth_getCode", to_hex(contract.address), "latest")))
        )
        functions = [entry for entry in abi.artifact(name)["abi"] if entry["type"] == "function"]
        changing[name] = {f["name"] for f in functions if f["stateMutability"] not in ("view", "pure")}
    assert staticcall in used["ConsentRegistry"] and staticcall in used["JobLedger"]
    assert [name for name, codes in used.items() if {delegatecall, callcode, selfdestruct} & codes] == []
    assert changing == {
        "DatasetRegistry": {"register", "registerModel", "commit", "spend", "refund"},
        "ConsentRegistry": {
            *("offer", "appoint", "anchor", "anchorErasure", "grant", "grantMany", "prove", "useOpening", "refund"),
            *("withdraw", "withdrawBatched", "withdrawMany", "revoke", "revokeBatched", "revokeMany"),
        },
        "JobLedger": {
            *("open", "cancel", "record", "amend", "seal", "release", "close", "abort", "abortForConsent", "refund"),
        },
        "RewardEscrow": {"fund", "settle", "claim", "claimFor"},
        "P256Verifier": set(),
        "WebAuthnVerifier": set(),
        "EnclaveRegistry": {"accept", "retire"},
        "Ceremonies": {"open", "contribute", "confirm"},
        "Groth16Verifier": {"register"},
        "Statements": {"record", "offerReward", "releaseReward", "reclaimReward"},
        "AuditStakes": {"deposit", "report", "reportGarbling", "answer", "uphold", "settle", "claim", "claimFor"},
        "ConsentTrees": {"publish"},
    }
