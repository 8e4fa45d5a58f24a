"""The owner's client against an honest and a lying node, and a real enrolling service."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from placet.core.enrolment import EnrolmentOpening
from placet.core.errors import AccessError, ConsentError, NotFoundError, PeerError, SignatureError
from placet.core.merkle import batch_root
from placet.core.offers import Scope
from placet.core.trust import TrustList
from placet.core.values import from_hex, to_hex
from placet.owner.client import OwnerClient
from placet.owner.drafts import enroller_of
from placet.owner.keys import KeyKind


@pytest.fixture
async def client(deployment: Any, environment: Any) -> Any:
    async with OwnerClient(deployment, environment.trust) as client:
        yield client


@pytest.mark.parametrize("kind", list(KeyKind))
async def test_gives_shows_and_withdraws(
    client: OwnerClient, node: Any, node_url: str, enroller_url: str, environment: Any, later: int, kind: KeyKind
) -> None:
    offered = (await client.offers(node_url))[0]
    key, signed = await client.give(
        offered, "ada", environment.codes["ada"], enroller_url, not_after=later, uses=2, kind=kind
    )
    assert len(key.signer) == (20 if kind is KeyKind.SECP256K1 else 84)
    assert signed.consent.first_opening == 3
    assert node.accepted[signed.consent.id]["enrolment"]["opening"]["subject"] == "ada"

    roots: list[tuple[bytes, bytes]] = []

    def anchored(offer: bytes, root: bytes) -> int:
        roots.append((offer, root))
        return 12

    answer = await client.check(node_url, environment.provider.address, key, signed.consent, anchored)
    assert answer.status == "given"
    assert roots == [(offered.id, from_hex(node._shown(signed.consent.id, key.signer)["batch"]["root"]))]
    with pytest.raises(ConsentError, match="no such batch"):
        await client.check(node_url, environment.provider.address, key, signed.consent, lambda _o, _r: 0)
    assert [c.id for c in await client.consents(node_url, environment.provider.address, key)] == [signed.consent.id]
    assert [u.outcome for u in await client.uses(node_url, environment.provider.address, key, signed.consent.id)] == [
        "completed"
    ]
    assert await client.withdraw(node_url, key, signed.consent) == "withdrawing"
    assert (await client.consent(node_url, environment.provider.address, key, signed.consent.id)).status == "withdrawn"


async def test_two_keys_of_one_person_have_nothing_in_common(
    client: OwnerClient, node: Any, node_url: str, enroller_url: str, environment: Any, later: int
) -> None:
    offered = (await client.offers(node_url))[0]
    made = [
        await client.give(offered, "ada", environment.codes["ada"], enroller_url, not_after=later, uses=1)
        for _ in range(2)
    ]
    consents = [signed.consent for _, signed in made]
    assert consents[0].owner != consents[1].owner
    assert consents[0].details.enrolment != consents[1].details.enrolment
    assert consents[0].details.salt != consents[1].details.salt


def change(*path: Any, to: Any) -> Callable[[Any], Any]:
    def lie(answer: Any) -> Any:
        answer = copy.deepcopy(answer)
        inner = answer
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = to
        return answer

    return lie


@pytest.mark.parametrize(
    "lie",
    [
        change("consent", "owner", to="0x" + "11" * 20),
        change("consent", "not_after", to=2**40),
        change("consent", "not_before", to=1),
        change("consent", "uses", to=1000),
        change("consent", "offer", "operations", to=127),
        change("consent", "offer", "scope", to="0x" + "22" * 32),
        change("consent", "details", "purpose", to="nothing at all"),
        change("consent", "details", "notice", to="0x" + "33" * 32),
        change("consent", "details", "enrolment", to="0x" + "44" * 32),
        change("notice", to="You give away nothing."),
        change("id", to="0x" + "55" * 32),
        change("typed_data", "message", "uses", to=1000),
        change("typed_data", "domain", "chainId", to=1),
        change("typed_data", "domain", "verifyingContract", to="0x" + "66" * 20),
        change("typed_data", "types", "Consent", to=[]),
    ],
)
async def test_an_altered_draft_is_not_signed(
    client: OwnerClient, node: Any, node_url: str, later: int, lie: Callable[[Any], Any]
) -> None:
    offered = (await client.offers(node_url))[0]
    key = client.new_key()
    honest = await client.draft(offered, key.signer, not_after=later, uses=1, enrolment=bytes([1]) * 32)
    assert honest.notice.startswith("You allow Bank A")
    node.lie = lambda what, answer: lie(answer) if what == "draft" else answer
    with pytest.raises(ConsentError):
        await client.draft(offered, key.signer, not_after=later, uses=1, enrolment=bytes([1]) * 32)


async def test_offers_that_do_not_hold_together_are_refused(client: OwnerClient, node: Any, node_url: str) -> None:
    for lie in (
        change("offers", 0, "id", to="0x" + "00" * 32),
        change("offers", 0, "scope", "columns", to=["everything"]),
        change("offers", 0, "offer", "purpose", to="0x" + "00" * 32),
    ):
        node.lie = lambda _what, answer, lie=lie: lie(answer)
        with pytest.raises(ConsentError):
            await client.offers(node_url)


async def test_an_institution_that_the_owner_does_not_know_is_refused(
    deployment: Any, environment: Any, node_url: str
) -> None:
    known = TrustList(institutions=environment.trust.institutions[:1], enrollers=environment.trust.enrollers)
    async with OwnerClient(deployment, known) as client:
        with pytest.raises(NotFoundError):
            await client.offers(node_url)


async def test_an_enroller_outside_the_offer_or_the_trust_list_is_refused(
    deployment: Any, client: OwnerClient, environment: Any, node_url: str, enroller_url: str, later: int
) -> None:
    offered = (await client.offers(node_url))[0]
    key = client.new_key()
    opening = EnrolmentOpening(subject="ada", salt=bytes(32))
    enrolment = await client.enrol(
        enroller_of(offered, client.trust, enroller_url), key, offered.namespace, opening, environment.codes["ada"]
    )
    draft = client.prepare(offered, key.signer, not_after=later, uses=1, enrolment=opening.commitment)
    closed = Scope(**{**environment.scope.model_dump(), "enrollers": ()})
    with pytest.raises(ConsentError, match="does not accept this enrolment"):
        client.sign(node_url, key, type(draft)(draft.consent, draft.notice, closed), enrolment, opening)
    async with OwnerClient(deployment, TrustList(institutions=environment.trust.institutions)) as strict:
        with pytest.raises(SignatureError, match="does not name this enroller"):
            await strict.enrol(
                enroller_of(offered, client.trust, enroller_url),
                key,
                offered.namespace,
                opening,
                environment.codes["ada"],
            )


async def test_an_enrolment_under_another_kind_of_identifier_is_not_signed_for(
    deployment: Any, client: OwnerClient, environment: Any, node_url: str, enroller_url: str, later: int
) -> None:
    """Ada's number here may be somebody else's there."""
    offered = (await client.offers(node_url))[0]
    key, opening = client.new_key(), EnrolmentOpening(subject="ada", salt=bytes(32))
    enroller = enroller_of(offered, client.trust, enroller_url)
    with pytest.raises(AccessError, match="another kind of identifier") as caught:
        await client.enrol(
            enroller, key, to_hex(environment.provider.address) + "/customer", opening, environment.codes["ada"]
        )
    assert caught.value.code == "access.namespace"
    enrolment = await client.enrol(enroller, key, offered.namespace, opening, environment.codes["ada"])
    draft = client.prepare(offered, key.signer, not_after=later, uses=1, enrolment=opening.commitment)
    other = Scope(**{**environment.scope.model_dump(), "namespace": "urn:example:company"})
    altered = type(draft)(draft.consent, draft.notice, other)
    with pytest.raises(ConsentError, match="does not accept this enrolment"):
        client.sign(node_url, key, altered, enrolment, opening)
    client.trust = _enrolling_under(client.trust, "urn:example:person", "urn:example:company")
    with pytest.raises(SignatureError, match="urn:example:company"):
        client.sign(node_url, key, altered, enrolment, opening)


def _enrolling_under(trust: TrustList, *namespaces: str) -> TrustList:
    (who,) = trust.enrollers
    return trust.model_copy(update={"enrollers": (who.model_copy(update={"namespaces": namespaces}),)})


async def test_an_enroller_of_another_kind_of_identifier_is_none(
    client: OwnerClient, environment: Any, node_url: str, enroller_url: str, later: int
) -> None:
    """By the owner's own trust list: who knows a company's registers does not say who a person is."""
    offered = (await client.offers(node_url))[0]
    key, opening = client.new_key(), EnrolmentOpening(subject="ada", salt=bytes(32))
    enroller = enroller_of(offered, client.trust, enroller_url)
    enrolment = await client.enrol(enroller, key, offered.namespace, opening, environment.codes["ada"])
    draft = client.prepare(offered, key.signer, not_after=later, uses=1, enrolment=opening.commitment)
    client.trust = _enrolling_under(client.trust, "urn:example:company")
    with pytest.raises(NotFoundError):
        enroller_of(offered, client.trust, enroller_url)
    with pytest.raises(SignatureError, match="does not name this enroller for such identifiers"):
        await client.enrol(enroller, key, offered.namespace, opening, environment.codes["ada"])
    with pytest.raises(ConsentError, match="does not accept this enrolment"):
        client.sign(node_url, key, draft, enrolment, opening)


async def test_a_wrong_code_is_an_access_error(client: OwnerClient, environment: Any, enroller_url: str) -> None:
    who = environment.trust.enrollers[0].model_copy(update={"api": enroller_url})
    opening = EnrolmentOpening(subject="ada", salt=bytes(32))
    with pytest.raises(AccessError) as refused:
        await client.enrol(who, client.new_key(), environment.scope.namespace, opening, "wrong")
    assert refused.value.code == "access.code"
    assert "ada" not in str(refused.value)


async def test_a_withdrawal_draft_for_another_consent_is_not_signed(
    client: OwnerClient, node: Any, node_url: str, later: int
) -> None:
    offered = (await client.offers(node_url))[0]
    key = client.new_key()
    consent = client.prepare(offered, key.signer, not_after=later, uses=1).consent
    node.lie = lambda what, answer: (
        change("typed_data", "message", "consent", to="0x" + "77" * 32)(answer)
        if what == "withdrawal-draft"
        else answer
    )
    with pytest.raises(ConsentError, match="withdraws something else"):
        await client.withdraw(node_url, key, consent)
    assert node.withdrawn == set()


async def test_a_proof_that_leads_elsewhere_is_found(
    client: OwnerClient, node: Any, node_url: str, enroller_url: str, environment: Any, later: int
) -> None:
    offered = (await client.offers(node_url))[0]
    key, signed = await client.give(offered, "ada", environment.codes["ada"], enroller_url, not_after=later, uses=1)
    elsewhere = to_hex(batch_root([bytes(32)]))
    node.lie = lambda _what, answer: change("batch", "root", to=elsewhere)(answer)
    with pytest.raises(ConsentError, match="does not lead"):
        await client.check(node_url, environment.provider.address, key, signed.consent, lambda _o, _r: 12)


async def test_a_receipt_is_of_this_consent_and_by_its_provider(
    client: OwnerClient, node: Any, node_url: str, enroller_url: str, environment: Any, later: int
) -> None:
    offered = (await client.offers(node_url))[0]
    given = [
        await client.give(offered, who, environment.codes[who], enroller_url, not_after=later, uses=1)
        for who in ("ada", 'zoë, née "x"')
    ]
    (key, mine), (other, theirs) = given
    asked = node_url, environment.provider.address, key, mine.consent
    assert (await client.receipt(*asked)).facts().consent == mine.consent
    node.lie = lambda *_: node.receipt(theirs.consent.id, other.signer, environment.provider)
    with pytest.raises(ConsentError, match="another consent"):
        await client.receipt(*asked)
    node.lie = lambda *_: node.receipt(mine.consent.id, key.signer, environment.consumer)
    with pytest.raises(SignatureError):
        await client.receipt(*asked)
    node.lie = lambda _, answer: change("receipt", "placet:facts", "openings", to=2)(answer)
    with pytest.raises(SignatureError):
        await client.receipt(*asked)


async def test_busy_nodes_are_asked_again_and_silent_ones_named(
    client: OwnerClient, node: Any, node_url: str, free_port: int
) -> None:
    node.refusals = 2
    assert len(await client.offers(node_url)) == 1
    with pytest.raises(PeerError, match="can't be reached"):
        await client.offers(f"http://127.0.0.1:{free_port}")
