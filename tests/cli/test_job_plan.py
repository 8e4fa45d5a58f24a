"""`placet job plan`: which offers it takes, of whom, and where its own consent is found."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import httpx
import pytest

from declaring import vectors
from placet.catalogue.specs import spec_of
from placet.cli import job_plan, offer_choice
from placet.cli.offers import demand_reach
from placet.cli.operator import Operator
from placet.core.errors import ConfigError, ConsentError, InputError, NotFoundError, PeerError
from placet.core.lawful import Aligns
from placet.core.offers import Offer, Scope
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.signatures import Key
from placet.core.trust import Institution, TrustList
from placet.core.values import to_hex
from placet.owner.drafts import Offered

LENDER, NORTH, SOUTH = Key().address, Key().address, Key().address
PURPOSE, OTHER_PURPOSE, *_ = PURPOSES
PAGE = 3
NAMESPACE = "urn:example:person"
ALIGNS = Aligns(identifier="customer", namespace=NAMESPACE)


def institution(address: bytes, name: str) -> Institution:
    return Institution(
        address=address,
        name=name,
        api=f"http://{name.lower()}.example",
        peer="https://127.0.0.1:2",
        certificate="-----BEGIN CERTIFICATE-----",
    )


TRUST = TrustList(
    institutions=(institution(LENDER, "Lender"), institution(NORTH, "North"), institution(SOUTH, "South"))
)


def offered(
    provider: bytes = NORTH,
    consumer: bytes = LENDER,
    recipe: str = "match",
    purpose: str = PURPOSE,
    personal: bool = True,
    namespace: str = NAMESPACE,
    output: str = "matches",
    auditors: tuple[bytes, ...] = (),
) -> Offered:
    scope = Scope(
        title="Accounts",
        provider=provider,
        purpose=purpose,
        columns=("customer",),
        identifier="customer",
        namespace=namespace,
        output=output,  # type: ignore[arg-type]
        recipes=(recipe,),
        parties=(provider, consumer),
        auditors=auditors,
        enrollers=(provider,) if personal else (),
        personal=personal,
        salt=secrets.token_bytes(32),
    )
    offer = Offer(
        dataset=secrets.token_bytes(32), consumer=consumer, purpose=purpose_id(purpose), operations=1, scope=scope.hash
    )
    return Offered("http://node", offer, scope, 0)


class Lender(Operator):
    """The lender's operator over a node that lists `consents`, `PAGE` at a time, and has own `offers`."""

    settings: Any = None
    address = LENDER  # type: ignore[assignment]
    api = "http://node"  # type: ignore[assignment]
    trust = TRUST
    deployment: Any = None

    def __init__(self, offers: list[Offered], consents: list[dict[str, Any]]) -> None:
        self._offers, self._consents = offers, consents
        self.http = httpx.Client(base_url=self.api, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/offers":
            listed = [
                {"id": to_hex(o.id), "offer": o.offer.model_dump(mode="json"), "scope": o.scope.model_dump(mode="json")}
                for o in self._offers
            ]
            return httpx.Response(200, json={"offers": listed})
        assert request.url.path == "/v1/consents"
        assert request.url.params["status"] == "given" and request.url.params["owner"] == to_hex(LENDER)
        first = int(request.url.params.get("cursor", 0))
        last = first + PAGE
        cursor = str(last) if last < len(self._consents) else None
        return httpx.Response(200, json={"consents": self._consents[first:last], "cursor": cursor})


def given(to: Offered, block: int | None) -> dict[str, Any]:
    return {"id": to_hex(secrets.token_bytes(32)), "offer": to_hex(to.id), "block": block}


@pytest.mark.parametrize("page", [0, 1, 2])
def test_the_own_consent_is_found_on_whatever_page_it_stands(page: int) -> None:
    own, other = offered(LENDER, personal=False), offered(LENDER, recipe="asset-view", personal=False)
    consents = [given(other, 90) for _ in range(3 * PAGE)]
    wanted = consents[page * PAGE + 1] = given(own, 50)
    assert (
        to_hex(job_plan._own(Lender([other, own], consents), spec_of("match"), ALIGNS, PURPOSE, "matches").consent)
        == wanted["id"]
    )


def test_the_last_of_several_own_consents_counts_over_all_pages() -> None:
    own = offered(LENDER, personal=False)
    consents = [given(own, block) for block in (7, 9, None, 30, 8, 12, 29)]
    assert (
        to_hex(job_plan._own(Lender([own], consents), spec_of("match"), ALIGNS, PURPOSE, "matches").consent)
        == consents[3]["id"]
    )


def test_of_persons_rows_the_own_offer_is_taken_without_a_consent() -> None:
    """Where the recipe takes such of the consumer; two fitting ones are one too many."""
    spec = spec_of("joint-scorecard")
    own, rows = offered(LENDER, recipe="joint-scorecard"), offered(LENDER, recipe="joint-scorecard", personal=False)
    found = job_plan._own(Lender([rows, own], [given(rows, 1)]), spec, ALIGNS, PURPOSE, "matches")
    assert (found.offer, found.consent) == (own.id, None)
    for offers in ([rows], [own, offered(LENDER, recipe="joint-scorecard")]):
        with pytest.raises(NotFoundError, match="not one own offer of persons' rows"):
            job_plan._own(Lender(offers, [given(rows, 1)]), spec, ALIGNS, PURPOSE, "matches")


def test_of_several_own_offers_the_named_one_is_taken() -> None:
    spec = spec_of("joint-scorecard")
    own, other = (offered(LENDER, recipe="joint-scorecard") for _ in range(2))
    lender = Lender([own, other], [])
    words, own_ids = job_plan._apart(lender, ["Bank A", to_hex(other.id).replace("a", "A"), "0x" + "99" * 32])
    assert (words, own_ids) == (["Bank A", "0x" + "99" * 32], {to_hex(other.id)})
    assert job_plan._own(lender, spec, ALIGNS, PURPOSE, "matches", own_ids).offer == other.id  # type: ignore[union-attr]
    with pytest.raises(NotFoundError) as refused:
        job_plan._own(lender, spec, ALIGNS, PURPOSE, "matches")
    assert (
        to_hex(own.id) in str(refused.value.found) and refused.value.remedy == "name one of them: --offers and its id"
    )


def test_what_a_scorecard_takes_is_told_by_the_rows_of_the_own_table(capsys: pytest.CaptureFixture[str]) -> None:
    spec, dataset = spec_of("joint-scorecard"), to_hex(bytes(31) + b"\7")
    offer = bytes(31) + b"\5"
    answers = {
        "/v1/offers": {"offers": [{"id": to_hex(offer), "offer": {"dataset": dataset}}]},
        "/v1/datasets": {"datasets": [{"id": dataset, "rows": 30_000}]},
    }
    operator: Any = SimpleNamespace(ask=lambda method, path: answers[path])
    request: Any = SimpleNamespace(own=SimpleNamespace(offer=offer))
    parameters = spec.parse(vectors("joint-scorecard")[1]["parameters"])
    job_plan._tell_cost(operator, spec, parameters, request)
    told = capsys.readouterr().err
    assert "for 30000 rows of the own table" in told and "MB of memory a party" in told
    job_plan._tell_cost(operator, spec_of("match"), parameters, request)
    assert capsys.readouterr().err == ""


def test_what_a_job_spends_of_privacy_budgets_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    spec, offer = spec_of("private-statistics"), offered(recipe="private-statistics")
    count = {"ask": "count", "column": "balance", "budget": 10_000_000}
    parameters = spec.parse({"questions": [count], "smallest_group": 3})
    job_plan._tell_budget(Lender([], []), spec, parameters, [offer])
    told = capsys.readouterr().err
    assert "spends 10000000 nano-rho" in told and "of North, for ever: epsilon 0.63 at delta" in told
    spec = spec_of("match")
    job_plan._tell_budget(Lender([], []), spec, spec.parse(vectors("match")[0]["parameters"]), [offer])
    assert capsys.readouterr().err == ""


def test_an_offer_that_does_not_name_the_auditor_is_not_planned_with() -> None:
    """Where the audit draws its rows; where nobody commits to values nothing is drawn, and the node refuses it."""
    spec, auditor, other = spec_of("asset-view"), Key().address, Key().address
    parameters = spec.parse({"identifier": "customer", "namespace": NAMESPACE, "value": "balance"})
    audit: Any = SimpleNamespace(auditor=auditor)
    scopes = [offered(output="total", auditors=names).scope for names in ((other, auditor), (auditor,))]
    job_plan._demand_auditor(spec, parameters, scopes, audit)
    for names, told in (((), "no random audit: the scope names no auditor"), ((other,), to_hex(other))):
        scopes[1] = offered(output="total", auditors=names).scope
        job_plan._demand_auditor(spec, parameters, scopes, None)
        with pytest.raises(InputError, match="an auditor whom the offer's scope does not name") as refused:
            job_plan._demand_auditor(spec, parameters, scopes, audit)
        error = refused.value
        assert (error.code, error.expected, error.found) == ("input.auditor", told, to_hex(auditor))
        assert error.remedy is not None and "placet offer make --auditors" in error.remedy
        unverified = spec.parse(parameters.to_json() | {"verified": False})
        job_plan._demand_auditor(spec, unverified, scopes, audit)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": "asset-view"},
        {"purpose": OTHER_PURPOSE},
        {"personal": True},
        {"consumer": NORTH},
        {"namespace": "urn:example:account"},
    ],
    ids=["another recipe", "another purpose", "persons' rows", "another consumer", "another kind of identifier"],
)
def test_a_consent_to_another_offer_is_none(changes: dict[str, Any]) -> None:
    own = offered(LENDER, **{"personal": False, **changes})
    with pytest.raises(NotFoundError, match="no such offer"):
        job_plan._own(Lender([own], [given(own, 1)]), spec_of("match"), ALIGNS, PURPOSE, "matches")
    good = offered(LENDER, personal=False)
    with pytest.raises(NotFoundError, match="none consented to"):
        job_plan._own(Lender([own, good], [given(own, 1)]), spec_of("match"), ALIGNS, PURPOSE, "matches")


@pytest.fixture
def offerings(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Offered] | PeerError]:
    """What each institution's node says that it offers, by its API."""
    shelves: dict[str, list[Offered] | PeerError] = {one.api: [] for one in TRUST.institutions}

    class Client:
        def __init__(self, *_: object) -> None:
            pass

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def offers(self, api: str) -> list[Offered]:
            shelf = shelves[api]
            if isinstance(shelf, PeerError):
                raise shelf
            return shelf

    monkeypatch.setattr("placet.owner.client.OwnerClient", Client)
    return shelves


def test_an_institution_is_asked_for_its_own_offers_to_this_one(
    offerings: dict[str, list[Offered] | PeerError],
) -> None:
    """A node can't speak for another provider, whatever it lists."""
    mine, others, foreign = offered(), offered(consumer=SOUTH), offered(SOUTH)
    offerings["http://north.example"] = [foreign, others, mine]
    for word in ("north", "NORTH", to_hex(NORTH)):
        assert offer_choice.offered_by(Lender([], []), word) == [mine]
    with pytest.raises(NotFoundError):
        offer_choice.offered_by(Lender([], []), "East")
    assert offer_choice.offered_by(Lender([], []), to_hex(foreign.id)) == []


def test_an_offer_by_its_id_is_found_though_another_node_is_silent(
    offerings: dict[str, list[Offered] | PeerError], capsys: pytest.CaptureFixture[str]
) -> None:
    mine = offered()
    offerings["http://north.example"] = [mine, offered()]
    offerings["http://south.example"] = PeerError("silent")
    assert offer_choice.offered_by(Lender([], []), to_hex(mine.id)) == [mine]
    assert "South was not asked: silent" in capsys.readouterr().err
    with pytest.raises(PeerError):
        offer_choice.offered_by(Lender([], []), "South")


def test_one_offer_fits_or_all_that_do_are_listed() -> None:
    match, more, view = offered(), offered(), offered(recipe="asset-view")
    assert offer_choice.one_offer("north", [view, match], "match") is match
    with pytest.raises(NotFoundError):
        offer_choice.one_offer("north", [], "match")
    with pytest.raises(InputError) as caught:
        offer_choice.one_offer("north", [view], "match")
    assert to_hex(view.id) in str(caught.value.found)
    with pytest.raises(InputError, match="several offers fit") as caught:
        offer_choice.one_offer("north", [view, match, more], "match")
    assert [to_hex(one.id) in str(caught.value.found) for one in (match, more, view)] == [True, True, False]


def test_of_several_offers_the_one_for_what_the_job_tells_is_taken() -> None:
    """An institution may offer scores and decisions by one recipe, to others and to itself."""
    spec = spec_of("model-score")
    scores, decisions = (offered(recipe="model-score", output=one) for one in ("score", "decision"))
    assert offer_choice.one_offer("north", [scores, decisions], "model-score", "decision") is decisions
    with pytest.raises(InputError, match="several offers fit"):
        offer_choice.one_offer("north", [scores, decisions], "model-score", "band")
    own = [offered(LENDER, recipe="model-score", output=one) for one in ("score", "decision")]
    assert job_plan._own(Lender(own, []), spec, ALIGNS, PURPOSE, "score").offer == own[0].id  # type: ignore[union-attr]
    parameters = vectors("model-score")[2]["parameters"]
    assert job_plan._output(spec, parameters) == "decision"
    assert job_plan._output(spec, {"output": "decision"}) is None


def test_a_parameter_may_stand_in_a_file_as_json(tmp_path: Path) -> None:
    file, text = tmp_path / "questions.json", tmp_path / "words"
    file.write_text('[{"ask": "count"}]')
    text.write_text("no JSON")
    assert job_plan._parameters([f"questions=@{file}", "smallest_group=5"]) == {
        "questions": [{"ask": "count"}],
        "smallest_group": 5,
    }
    with pytest.raises(InputError, match="parameter questions is not JSON"):
        job_plan._parameters([f"questions=@{text}"])
    with pytest.raises(ConfigError, match="parameter questions can't be read"):
        job_plan._parameters([f"questions=@{tmp_path / 'none'}"])


@pytest.mark.parametrize(("budget", "left", "reaches"), [(0, 0, True), (5, 5, True), (1, 0, False), (6, 5, False)])
def test_an_offers_budget_is_no_larger_than_what_its_dataset_has_left(budget: int, left: int, reaches: bool) -> None:
    with contextlib.nullcontext() if reaches else pytest.raises(ConsentError, match="does not reach") as refused:
        demand_reach(budget, left)
    assert reaches or refused.value.code == "consent.budget"
