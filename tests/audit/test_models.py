"""Where a model comes from, who has withdrawn since, and whether it is the one that its job made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from simulator import CONSUMER, NAMES, PURPOSE, Simulation, h

from placet.audit.case import Case
from placet.audit.facts import LineageOffer, ModelFact, Moment, OriginFact, ProvenEnd
from placet.audit.findings import Result
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.verify import verify
from placet.core.evidence import Evidence
from placet.core.lineage import COMMITMENT, KEEP
from placet.core.model_card import CardInput, ModelCard
from placet.core.offers import CLEAR_MODEL, SHARED_MODEL, Offer, Scope, Subjects
from placet.core.plan import Plan
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head


class Scores(Simulation):
    """The consumer's own input is its part of a model that an earlier job of it and of the first provider made, of rows
    behind two offers. `since`: so many consents of the one end after that job's seal, and before this one's opening."""

    since, tolerated = 0, None

    def __init__(self, **options: Any) -> None:
        self.lineage: dict[str, Any] = {}
        super().__init__(**options)

    def subjects(self, provider: int) -> Subjects:
        return Subjects.MODEL if provider == CONSUMER else super().subjects(provider)

    def make_scope(self, provider: int) -> Scope:
        scope = super().make_scope(provider)
        changes = {"tolerated_withdrawals": self.tolerated} if provider == CONSUMER else {}
        return scope.model_copy(update=changes)

    def _offers(self) -> None:
        self._make_model()
        super()._offers()

    def _make_model(self) -> None:
        offers = [
            Offer(dataset=h("learned", i), consumer=self.signers[CONSUMER].address, purpose=h("p"), operations=3,
                  scope=h("learned scope", i)) for i in range(2)
        ]  # fmt: skip
        before = [h("gone before")]
        epoch = withdrawal_head(FIRST_EPOCH, before[0])
        ended = [ProvenEnd(consent=before[0], at=self.tick())]
        self.origin = self._origin(offers, epoch)
        self.model = self._registration(self.origin.plan.job(self.deployment.jobs))  # type: ignore[union-attr]
        for number in range(self.since):
            ended.append(ProvenEnd(consent=h("gone since", number), at=self.tick()))
            epoch = withdrawal_head(epoch, h("gone since", number))
        self.lineage["lineage"] = (
            LineageOffer(offer=offers[0], epoch=epoch, ended=tuple(ended)),
            LineageOffer(offer=offers[1], epoch=FIRST_EPOCH),
        )

    def _origin(self, offers: list[Offer], epoch: bytes) -> OriginFact:
        plan = Plan.model_validate(
            {
                "terms": h("t"), "consumer": self.signers[CONSUMER].address, "purpose": h("p"), "operations": 3,
                "sponsor": self.signers[CONSUMER].address, "open_by": 1, "deadline": 2, "settle_by": 3, "salt": h("s"),
                "parties": [
                    {
                        "signer": self.signers[who].address, "recorder": self.recorders[who].address,
                        "payee": h("payee", who)[:20], "tls_key": h("tls"), "seed": h("seed", who), "output": False,
                        "inputs": [{"offer": offer.id, "lawful_root": h("root", who), "epoch": FIRST_EPOCH,
                                    "opens_before": 9}],
                    } for who, offer in zip((0, CONSUMER), offers, strict=True)
                ],
            }
        )  # fmt: skip
        job = plan.job(self.deployment.jobs)
        return OriginFact(job=job, plan=plan, sealed=self.tick(), epochs=(epoch, FIRST_EPOCH))

    def _registration(self, origin: bytes) -> ModelFact:
        return ModelFact(
            id=h("dataset", CONSUMER),
            provider=self.signers[CONSUMER].address,
            origin=origin,
            commitment=h("model"),
            card=h("card"),
            registered=self.tick(),
        )

    def chain_facts(self) -> Any:
        shown = {"models": (self.model,), "origins": (self.origin,)} | self.lineage
        return super().chain_facts().model_copy(update=shown)


def report(simulation: Simulation) -> AuditReport:
    return verify(simulation.bundle())


def result(simulation: Simulation, name: str) -> Result:
    return next(r for r in report(simulation).results if r.name == name)


def scores(**changes: Any) -> Scores:
    return type("Changed", (Scores,), changes)()


@pytest.mark.parametrize(("since", "tolerated"), [(0, None), (0, 0), (2, 2), (2, 5)])
def test_a_model_within_what_its_offer_tolerates(since: int, tolerated: int | None) -> None:
    simulation = scores(since=since, tolerated=tolerated)
    assert [result(simulation, f"model.{name}").status for name in ("facts", "lineage")] == ["passed", "passed"]
    assert (
        f"{since} consents of its lineage had ended before the opening; tolerated: {tolerated or 0}"
        in (result(simulation, "model.lineage").notes[0])
    )


@pytest.mark.parametrize(("since", "tolerated"), [(1, None), (1, 0), (3, 2)])
def test_a_stale_model_names_its_holder(since: int, tolerated: int | None) -> None:
    found = result(scores(since=since, tolerated=tolerated), "model.lineage")
    assert (found.status, found.named) == ("failed", (NAMES[CONSUMER],))
    assert "have withdrawn than its offer tolerates" in found.problems[0].expected


def test_who_withdrew_after_the_opening_binds_the_next_job() -> None:
    simulation = Scores()
    shown, other = simulation.lineage["lineage"]
    late = ProvenEnd(consent=h("late"), at=simulation.tick())
    epoch = withdrawal_head(shown.epoch, late.consent)
    shown = shown.model_copy(update={"ended": (*shown.ended, late), "epoch": epoch})
    simulation.lineage["lineage"] = (shown, other)
    assert [result(simulation, f"model.{name}").status for name in ("facts", "lineage")] == ["passed", "passed"]


@pytest.mark.parametrize("lacking", ["origin", "seal", "early", "offer", "another plan"])
def test_a_lineage_that_the_chain_does_not_show(lacking: str) -> None:
    simulation = Scores()
    if lacking == "origin":
        simulation.lineage["origins"] = ()
    if lacking == "seal":
        simulation.lineage["origins"] = (simulation.origin.model_copy(update={"sealed": None, "epochs": ()}),)
    if lacking == "early":
        early = Moment(block=1, index=0, timestamp=1)
        simulation.model = simulation.model.model_copy(update={"registered": early})
    if lacking == "offer":
        simulation.lineage["lineage"] = simulation.lineage["lineage"][:1]
    if lacking == "another plan":
        simulation.lineage["origins"] = (simulation.origin.model_copy(update={"plan": simulation.plan}),)
    assert result(simulation, "model.lineage").status == "failed"
    assert report(simulation).verdict is Verdict.TAMPERED


def test_an_origin_whose_plan_the_endpoint_does_not_show_is_incomplete() -> None:
    simulation = Scores()
    simulation.lineage["origins"] = (simulation.origin.model_copy(update={"plan": None}),)
    for name in ("model.facts", "model.lineage"):
        assert result(simulation, name).incomplete and not result(simulation, name).problems


# ------------------------------------------------------------- the job that makes a model


class Trains(Simulation):
    """All commit to one model in their trails, and the first two register their parts of it, each with its card."""

    registered_as: tuple[bytes, ...] = (h("model"), h("model"))
    before_the_seal = False
    said: ClassVar[dict[str, Any]] = {}

    def committed(self, party: int) -> bytes:
        return h("model")

    def _open_tables(self) -> None:
        super()._open_tables()
        for party in self.parties:
            self.step(party, KEEP, outputs={COMMITMENT: self.committed(party)})

    def chain_facts(self) -> Any:
        facts = super().chain_facts()
        at = facts.opened.at if self.before_the_seal else facts.head
        made = tuple(
            ModelFact(
                id=h("part", p),
                provider=self.holder(p),
                origin=self.job,
                commitment=commitment,
                card=self.card(p).hash,
                registered=at,
            )
            for p, commitment in enumerate(self.registered_as)
        )
        return facts.model_copy(update={"made": made})

    def card(self, party: int) -> ModelCard:
        plan, sealed = self.plan, self.seal.seal  # type: ignore[union-attr]
        owners = [who for who, one in enumerate(plan.parties) for _ in one.inputs]
        card = ModelCard(
            job=self.job,
            commitment=self.registered_as[party],
            holder=self.holder(party),
            held="shared",
            holders=tuple(one.signer for one in plan.parties),
            recipe=self.terms.recipe,
            recipe_version=self.terms.recipe_version,
            engine=self.terms.engine,
            purpose=PURPOSE,
            consumer=plan.consumer,
            parties=tuple(one.signer for one in plan.parties),
            data=tuple(
                CardInput(
                    institution=plan.parties[who].signer,
                    role="provider",
                    offer=one.offer,
                    root=one.consent if one.named else self._root(who),
                    epoch=epoch,
                    columns=("customer",),
                )
                for who, one, epoch in zip(owners, plan.inputs, sealed.epochs, strict=True)
            ),
            parameters=self.terms.parameters,
            results={"metrics": {"test": {"auc": "0.77"}}} if party == 0 else None,
            limits=("It is for no other purpose.",),
        )
        return card.model_copy(update=self.said)

    def evidence(self, party: int) -> Evidence:
        evidence = super().evidence(party)
        if party < len(self.registered_as):
            return evidence.model_copy(update={"cards": (self.card(party),)})
        return evidence

    def holder(self, party: int) -> bytes:
        return self.signers[party].address


@contextmanager
def sharing() -> Iterator[None]:
    """The simulated job's recipe trains nothing: here it does, and each party keeps a part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Case, "output", SHARED_MODEL)
        yield


@pytest.fixture
def shared() -> Iterator[None]:
    with sharing():
        yield


def test_a_model_as_its_parties_committed_to_it(shared: None) -> None:
    found = report(Trains())
    assert found.verdict is Verdict.INTACT
    (card,) = (one for one in found.results if one.name == "model.card")
    assert (card.status, card.looked_at > 2) == ("passed", True)
    assert card.notes == (f"the results in the card of {NAMES[0]} are its word",)


@pytest.mark.parametrize(
    "said",
    [
        {"commitment": h("another model")},
        {"job": h("another job")},
        {"purpose": "https://w3id.org/dpv#DirectMarketing"},
        {"consumer": bytes(20)},
        {"parties": (bytes(20),)},
        {"parameters": {"level": "1"}},
        {"recipe_version": 99},
        {"held": "clear"},
        {"data": ()},
    ],
    ids=lambda said: next(iter(said)),
)
def test_a_card_that_says_otherwise_than_plan_and_seal_names_its_holder(shared: None, said: dict[str, Any]) -> None:
    """Though its hash is the registered one."""
    simulation = type("Says", (Trains,), {"said": said})()
    card = result(simulation, "model.card")
    assert (card.status, card.named) == ("failed", NAMES[:2])


@pytest.mark.parametrize("registered", [True, False])
def test_who_got_a_model_in_clear_is_told(monkeypatch: pytest.MonkeyPatch, registered: bool) -> None:
    monkeypatch.setattr(Case, "output", CLEAR_MODEL)

    class Clear(Trains):
        registered_as = (h("document"),) if registered else ()
        said: ClassVar = {"held": "clear"}

        def holder(self, party: int) -> bytes:
            return self.signers[CONSUMER].address

        def evidence(self, party: int) -> Evidence:
            evidence = Simulation.evidence(self, party)
            if party == CONSUMER and registered:
                return evidence.model_copy(update={"cards": (self.card(0),)})
            return evidence

    simulation = Clear()
    found = report(simulation)
    notes = [note for one in found.results if one.group == "model" for note in one.notes]
    assert found.verdict is Verdict.INTACT
    assert any(f"the model went to {NAMES[CONSUMER]} in clear" in note for note in notes)
    assert any("no lineage binds it" in note for note in notes) is not registered
    monkeypatch.setattr(Clear, "holder", lambda self, party: self.signers[0].address)
    if registered:
        assert result(Clear(), "model.made").named == (NAMES[0],)


def test_a_stranger_that_claims_the_job_harms_nobody(shared: None) -> None:
    class Claimed(Trains):
        def holder(self, party: int) -> bytes:
            return h("stranger", party)[:20]

    found = report(Claimed())
    assert found.verdict is Verdict.INTACT
    assert any("which is no party, registered a model" in note for r in found.results for note in r.notes)


def test_parties_that_commit_to_different_models_are_disputed(shared: None) -> None:
    class Differs(Trains):
        registered_as = ()

        def committed(self, party: int) -> bytes:
            return h("model", party == 2)

        def holder(self, party: int) -> bytes:
            return h("nobody")[:20]

        def chain_facts(self) -> Any:
            self.registered_as = (h("any"),)
            return super().chain_facts()

    assert report(Differs()).verdict is Verdict.DISPUTED


def test_a_model_of_a_party_that_hides_its_trail_is_incomplete(shared: None) -> None:
    found = verify(Trains().bundle(without=(1,)))
    made = next(r for r in found.results if r.name == "model.made")
    assert made.incomplete and not made.problems
