"""For each check a job in which it alone fails, and whom it names.

Each liar does the rest of the job as it would be after the lie: the chain holds what he recorded, he signs it all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulator import CONSUMER, NAMES, NAMESPACE, START, VERIFIED, Simulation, Starting, Telling, h, key

from declaring import CUSTOMER
from placet.audit.bundle import Bundle
from placet.audit.facts import ChainFacts, Ending
from placet.audit.findings import CheckStatus
from placet.audit.outcome import AuditReport, Verdict
from placet.audit.verify import CHECKS, verify
from placet.core.eip712 import STANDING
from placet.core.enrolment import AnyEnrolment, BatchedEnrolment, Enrolment, enrolment_hash, subject_commitment
from placet.core.enrolment_batch import Enrolments, enrolments_hash, signed
from placet.core.evidence import Evidence, ShownEnrolments, SignedStanding
from placet.core.offers import Scope, Subjects
from placet.core.plan import MAX_INPUTS, MAX_PARTIES, OpeningRef, Plan, Terms
from placet.core.signatures import Key
from placet.core.standing import Fixed, StandingPlan, fixed_of
from placet.core.trail import HEAD_TAG, Exchange, SignedMessage
from placet.core.verified_sums import CHALLENGE, COMMIT, SHARE_OUT, WEIGHTED

A, B, C, D = NAMES
OWN_LIST = f"input 3: {D} declared the rows its own, by its own word"
Case = tuple[Callable[[], Bundle], tuple[str, ...], tuple[str, ...]]
CASES: dict[str, dict[str, Case]] = {}


def case(
    check: str, *culprits: str, also: tuple[str, ...] = ()
) -> Callable[[Callable[[], Bundle]], Callable[[], Bundle]]:
    """A bundle in which only `check` fails, and what says the same in other words (`also`), naming `culprits` (none:
    the chain's own word is broken)."""

    def add(make: Callable[[], Bundle]) -> Callable[[], Bundle]:
        CASES.setdefault(check, {})[make.__name__] = (make, culprits, also)
        return make

    return add


def with_facts(simulation: Simulation, **changed: Any) -> Bundle:
    bundle = simulation.bundle()
    return bundle.model_copy(update={"facts": bundle.facts.model_copy(update=changed)})


def evidence_of(simulation: Simulation, party: int, **changed: Any) -> Evidence:
    return simulation.evidence(party).model_copy(update=changed)


def other(signature: bytes) -> bytes:
    return signature[:10] + bytes([signature[10] ^ 1]) + signature[11:]


# -------------------------------------------------------------------------- chain


@case("chain.deployment")
def facts_of_another_deployment() -> Bundle:
    return with_facts(Simulation(), deployment=h("another"))


@case("chain.limits")
def more_payments_than_a_job_has_payees() -> Bundle:
    simulation = Simulation()
    paid = simulation.chain_facts().paid
    more = [
        paid[-1].model_copy(update={"amount": 0, "at": paid[-1].at.model_copy(update={"index": paid[-1].at.index + n})})
        for n in range(1, MAX_PARTIES + 2)
    ]
    return with_facts(simulation, paid=(*paid, *more))


@case("chain.limits", also=("plan.opened",))
def more_openings_than_a_job_has_inputs() -> Bundle:
    simulation = Simulation()
    openings = (*simulation.opened.openings, *range(MAX_PARTIES * MAX_INPUTS + 1))
    return with_facts(simulation, opened=simulation.opened.model_copy(update={"openings": openings}))


@case("chain.opened")
def a_job_that_nobody_opened() -> Bundle:
    bundle = Simulation().bundle()
    known = {k: getattr(bundle.facts, k) for k in ("job", "deployment", "chain_id", "head")}
    nothing = ChainFacts(**known, status=Ending.UNKNOWN, attempt=0)
    return bundle.model_copy(update={"facts": nothing, "evidence": ()})


@case("chain.status")
def aborted_by_nobody() -> Bundle:
    simulation = Simulation(ending=Ending.ABORTED)
    assert simulation.end is not None
    return with_facts(simulation, end=simulation.end.model_copy(update={"by": None}))


@case("chain.order")
def sealed_after_the_deadline() -> Bundle:
    class Late(Simulation):
        def before_seal(self) -> None:
            self.block += 1000

    return Late().bundle()


@case("chain.once")
def an_offer_told_twice() -> Bundle:
    simulation = Simulation()
    offers = simulation.chain_facts().offers
    return with_facts(simulation, offers=(*offers, offers[0]))


@case("chain.datasets")
def a_dataset_left_out() -> Bundle:
    simulation = Simulation()
    return with_facts(simulation, datasets=simulation.chain_facts().datasets[1:])


@case("chain.datasets")
def a_dataset_of_another_institution() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().datasets
    return with_facts(simulation, datasets=(first.model_copy(update={"provider": h("other")[:20]}), *rest))


@case("chain.datasets")
def a_dataset_registered_after_its_offer() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().datasets
    return with_facts(simulation, datasets=(first.model_copy(update={"registered": simulation.made[3]}), *rest))


@case("chain.withdrawal-lists")
def a_withdrawal_left_out() -> Bundle:
    simulation = Simulation()
    simulation.withdraw(0, h("a stranger's consent"), proven=False)
    return with_facts(simulation, withdrawn=())


@case("chain.records")
def a_record_with_another_head() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().recorded
    return with_facts(simulation, recorded=(first.model_copy(update={"head": h("x")}), *rest))


# ----------------------------------------------------------------------- evidence


@case("evidence.signed")
def evidence_changed_on_its_way() -> Bundle:
    bundle = Simulation().bundle()
    first, *rest = bundle.evidence
    assert first.evidence is not None
    forged = first.evidence.model_copy(update={"signature": other(first.evidence.signature)})
    return bundle.model_copy(update={"evidence": (first.model_copy(update={"evidence": forged}), *rest)})


@case("evidence.signed", B)
def evidence_about_another_job() -> Bundle:
    simulation = Simulation()
    return simulation.bundle(evidence_of(simulation, 1, job=h("another job")))


@case("evidence.signed", B)
def another_plan_under_the_own_signature() -> Bundle:
    simulation = Simulation()
    return simulation.bundle(evidence_of(simulation, 1, plan=simulation.plan.model_copy(update={"salt": h("x")})))


# --------------------------------------------------------------------------- plan


@case("plan.id")
def no_evidence_shows_the_plan() -> Bundle:
    bundle = Simulation(ending=Ending.ABORTED).bundle()
    facts = bundle.facts.model_copy(update={"job": h("x"), "recorded": ()})
    return bundle.model_copy(update={"job": h("x"), "facts": facts})


@case("plan.signed", B)
def a_false_signature_under_the_plan() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.evidence(1).plan_signatures
    return simulation.bundle(evidence_of(simulation, 1, plan_signatures=(other(first), *rest)))


@case("plan.signed")
def a_party_that_never_signed_the_plan() -> Bundle:
    simulation = Simulation()
    told = [
        evidence_of(simulation, p, plan_signatures=(b"", *simulation.evidence(p).plan_signatures[1:])) for p in range(4)
    ]
    return simulation.bundle(*told)


@case("plan.terms", B)
def other_terms() -> Bundle:
    simulation = Simulation()
    return simulation.bundle(
        evidence_of(simulation, 1, terms=Terms(**simulation.terms.model_dump() | {"engine": "other"}))
    )


class Standing(Simulation):
    """The job is an opening of a standing plan: `bounds` of it, and how the job's own plan differs from it."""

    bounds: dict[str, Any] = {"openings": 2, "not_before": START - 100, "not_after": START + 900}  # noqa: RUF012
    number = 0

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        self._terms = Terms(**fields)
        return self._terms

    def make_plan(self, fields: dict[str, Any]) -> Plan:
        plan = Plan(**fields)
        self.standing_plan = StandingPlan(**self.agreed(fixed_of(plan, self._terms)), salt=h("standing"))
        opening = OpeningRef(plan=self.standing_plan.hash, number=self.number)
        self._terms = self._terms.model_copy(update={"standing": opening})
        return plan.model_copy(update={"terms": self._terms.hash})

    def agreed(self, fixed: Fixed) -> dict[str, Any]:
        return {"fixed": fixed, **self.bounds}

    def _agree(self) -> tuple[Plan, Terms]:
        plan, _ = super()._agree()
        return plan, self._terms

    def signatures(self) -> tuple[bytes, ...]:
        signers = [*self.signers[: self.providers + 1], *[self.signers[self.consumer]] * 2]
        plan = self.standing_plan
        return self.signed(signers, STANDING.of(plan.hash, plan.openings, plan.not_before, plan.not_after))

    def evidence(self, party: int) -> Evidence:
        shown = SignedStanding(plan=self.standing_plan, signatures=self.signatures())
        return super().evidence(party).model_copy(update={"standing": shown})


def test_an_opening_of_a_standing_plan_is_intact_and_says_so() -> None:
    report = verify(Standing().bundle())
    assert report.verdict is Verdict.INTACT, failed(report)
    assert any(note.startswith("opening 1 of at most 2 under the standing plan 0x") for note in report.notes)
    simulation = Standing()
    without = [evidence_of(simulation, party, standing=None) for party in simulation.parties]
    assert verify(simulation.bundle(*without[1:])).verdict is Verdict.INTACT  # one shows it
    assert verify(simulation.bundle(*without)).verdict is Verdict.INCOMPLETE


@case("plan.standing")
def an_opening_beyond_the_count() -> Bundle:
    class Beyond(Standing):
        number = 2

    return Beyond().bundle()


@case("plan.standing")
def an_opening_after_the_window() -> Bundle:
    class After(Standing):
        bounds = Standing.bounds | {"not_after": START - 50}

    return After().bundle()


@case("plan.standing")
def an_opening_before_the_window() -> Bundle:
    class Before(Standing):
        bounds = Standing.bounds | {"not_before": START + 800}

    return Before().bundle()


@case("plan.standing")
def an_opening_that_pays_otherwise() -> Bundle:
    class Cheap(Standing):
        def agreed(self, fixed: Fixed) -> dict[str, Any]:
            first = fixed.parties[0].model_copy(update={"reward": 1})
            return super().agreed(fixed.model_copy(update={"parties": (first, *fixed.parties[1:])}))

    return Cheap().bundle()


@case("plan.standing")
def a_party_that_never_signed_the_standing_plan() -> Bundle:
    class Unsigned(Standing):
        def signatures(self) -> tuple[bytes, ...]:
            return (b"", *super().signatures()[1:])

    return Unsigned().bundle()


@case("plan.standing", B)
def a_false_signature_under_the_standing_plan() -> Bundle:
    simulation = Standing()
    first, *rest = simulation.signatures()
    shown = SignedStanding(plan=simulation.standing_plan, signatures=(other(first), *rest))
    return simulation.bundle(evidence_of(simulation, 1, standing=shown))


@case("plan.standing", B)
def another_standing_plan() -> Bundle:
    simulation = Standing()
    longer = simulation.standing_plan.model_copy(update={"openings": 9})
    shown = SignedStanding(plan=longer, signatures=simulation.signatures())
    return simulation.bundle(evidence_of(simulation, 1, standing=shown))


@case("plan.opened")
def opened_with_other_terms() -> Bundle:
    simulation = Simulation()
    return with_facts(simulation, opened=simulation.opened.model_copy(update={"terms": h("x")}))


@case("plan.offers", B)
def an_operation_that_was_not_offered() -> Bundle:
    class Narrow(Simulation):
        def make_offer(self, provider: int, scope: Any) -> Any:
            made = super().make_offer(provider, scope)
            return made.model_copy(update={"operations": 2}) if provider == 1 else made

    return Narrow().bundle()


@case("plan.scope", B)
def a_recipe_outside_the_scope() -> Bundle:
    class Narrow(Simulation):
        def make_scope(self, provider: int) -> Any:
            made = super().make_scope(provider)
            return made.model_copy(update={"recipes": ("other",)}) if provider == 1 else made

    return Narrow().bundle()


@case("plan.scope", B)
def a_party_outside_the_scope() -> Bundle:
    class Narrow(Simulation):
        def make_scope(self, provider: int) -> Any:
            made = super().make_scope(provider)
            return made.model_copy(update={"parties": made.parties[:2]}) if provider == 1 else made

    return Narrow().bundle()


@case("plan.scope", B)
def persons_rows_offered_as_the_institutions_own() -> Bundle:
    class Persons(Simulation):
        def subjects(self, provider: int) -> Subjects:
            return Subjects.OWN if provider == 1 else super().subjects(provider)

    return Persons().bundle()


class Declared(Simulation):
    """All sign what one of them wrote; the second provider's people were shown something else, or nobody was."""

    terms_changed: dict[str, Any] = {}  # noqa: RUF012 - never changed
    plan_changed: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        return super().make_terms({**fields, **self.terms_changed})

    def make_plan(self, fields: dict[str, Any]) -> Any:
        return super().make_plan({**fields, **self.plan_changed})


def _declaring(terms: dict[str, Any], plan: dict[str, Any] | None = None) -> Callable[[], Bundle]:
    return lambda: type("Liar", (Declared,), {"terms_changed": terms, "plan_changed": plan or {}})().bundle()


UNDECLARED: dict[str, Callable[[], Bundle]] = {
    "a recipe that does not exist": _declaring({"recipe": "copy-all"}),
    "a version that does not exist": _declaring({"recipe_version": 2}),
    "an engine that does not exist": _declaring({"engine": "abacus"}),
    "an engine that can't do it": _declaring({"engine": "spu"}),
    "roles that fit no recipe": _declaring({"roles": ("reader", "reader", "reader", "consumer")}),
    "roles in another order": _declaring({"roles": ("consumer", "provider", "provider", "provider")}),
    "PSI alone, for a recipe that computes too": _declaring({}, {"operations": 1}),
    "another answer to a withdrawal": _declaring({"on_withdrawal": "abort"}),
    "a parameter too many": _declaring({"parameters": {**CUSTOMER, "value": "balance", "columns": ["x"]}}),
    "a parameter too few": _declaring({"parameters": CUSTOMER}),
}


@pytest.mark.parametrize("what", UNDECLARED)
def test_signed_terms_that_no_recipe_declares(what: str) -> None:
    """Everybody signed them, so everybody is named."""
    report = verify(UNDECLARED[what]())
    assert report.verdict is Verdict.TAMPERED
    assert {r.name for r in failed(report)} == {"plan.terms", "plan.scope"}
    assert report.named == NAMES


@case("plan.scope", A, B, C)
def a_value_column_that_no_scope_has() -> Bundle:
    return _declaring({"parameters": {**CUSTOMER, "value": "income"}})()


def test_a_provider_need_not_name_itself_nor_the_consumer() -> None:
    """They stand in every offer by themselves; before, both gates let this pass and the audit called it tampered."""

    class Others(Simulation):
        def make_scope(self, provider: int) -> Scope:
            others = [s.address for s in self.signers[:3] if s is not self.signers[provider]]
            return super().make_scope(provider).model_copy(update={"parties": tuple(others)})

    assert verify(Others().bundle()).verdict is Verdict.INTACT


class OwnTable(Simulation):
    """The second provider registers its table of persons as its own, writes its scope so, and brings all of it under
    one consent of its own, which the plan names."""

    def make_scope(self, provider: int) -> Scope:
        scope = super().make_scope(provider)
        return scope.model_copy(update={"personal": False}) if provider == 1 else scope

    def subjects(self, provider: int) -> Subjects:
        return Subjects.OWN if provider == 1 else super().subjects(provider)


def test_a_provider_that_calls_its_table_of_persons_its_own() -> None:
    report = verify(OwnTable().bundle())
    assert report.verdict is Verdict.TAMPERED
    assert report.named == (B,)
    assert "plan.scope" in {r.name for r in failed(report)}
    assert f"input 1: {B} declared the rows its own, by its own word" in report.notes


def test_whose_rows_a_list_holds_is_its_consumers_word_alone() -> None:
    assert verify(Simulation().bundle()).notes == (OWN_LIST, VERIFIED)


class ByLevels(Simulation):
    """Levels at 100 and 250; the second provider's people were told of levels no closer than `gap`."""

    gap = 50

    def make_terms(self, fields: dict[str, Any]) -> Any:
        levels = {"edges": ["100", "250"], "bound": "1000", "protocol": "aby3"}
        return super().make_terms({**fields, "engine": "spu", "parameters": {**fields["parameters"], **levels}})

    def make_scope(self, provider: int) -> Any:
        gap = {"smallest_gap": self.gap} if provider == 1 else {}
        return super().make_scope(provider).model_copy(update={"output": "level", **gap})


@case("plan.scope", B)
def levels_finer_than_the_scope() -> Bundle:
    class Finer(ByLevels):
        gap = 100

    return Finer().bundle()


class Statistics(Simulation):
    """Statistics over five people or more; the provider's were told of groups of `group`."""

    group, providers = 5, 1

    def make_terms(self, fields: dict[str, Any]) -> Any:
        parameters = {**fields["parameters"], "smallest_group": 5, "protocol": "cheetah"}
        return super().make_terms({**fields, "recipe": "match-statistics", "engine": "spu", "parameters": parameters})

    def make_scope(self, provider: int) -> Any:
        told = {"output": "aggregate", "recipes": ("match-statistics", "joint-statistics")}
        group = self.group if provider == self.providers - 1 else 1
        return super().make_scope(provider).model_copy(update=told | {"smallest_group": group})


class JointStatistics(Statistics):
    """The second of two providers told its people of groups of `group`."""

    providers = 2

    def make_terms(self, fields: dict[str, Any]) -> Any:
        changed = {
            "recipe": "joint-statistics",
            "engine": "spu",
            "roles": ("first-provider", "second-provider", "consumer"),
            "parameters": {
                **CUSTOMER,
                "values": ["balance", "balance"],
                "statistics": ["sums"],
                "smallest_group": 5,
                "protocol": "cheetah",
            },
        }
        return Simulation.make_terms(self, {**fields, **changed})


@case("plan.scope", A)
def statistics_over_fewer_than_the_scope() -> Bundle:
    class Fewer(Statistics):
        group = 6

    return Fewer().bundle()


@case("plan.scope", B)
def joint_statistics_over_fewer_than_the_scope() -> Bundle:
    class Fewer(JointStatistics):
        group = 6

    return Fewer().bundle()


# ------------------------------------------------------------------------ consent


class BadOwnSignature(Simulation):
    def sign_consent(self, owner: Any, consent: Any) -> bytes:
        signature = super().sign_consent(owner, consent)
        return other(signature) if owner.address == self.signers[CONSUMER].address else signature


@case("consent.named", D)
def an_own_consent_that_is_not_signed() -> Bundle:
    return BadOwnSignature().bundle()


@case("consent.named", D)
def an_own_consent_withdrawn_before_the_opening() -> Bundle:
    class Withdrawn(Simulation):
        def before_opening(self) -> None:
            self.withdraw(CONSUMER, self.named.id, proven=False)

    simulation = Withdrawn()
    late = simulation.facts["withdrawn"][0]
    assert {r.name for r in failed(verify(simulation.bundle()))} == {"consent.named", "withdrawal.sealed"}
    before_the_seal = {"sealed": None, "released": (), "paid": (), "end": None, "status": Ending.OPEN}
    assert late.at.order < simulation.opened.at.order
    return with_facts(simulation, **before_the_seal)


@case("consent.roots", B)
def a_leaf_that_is_not_shown() -> Bundle:
    simulation = Simulation()
    shown = simulation.evidence(1).inputs[0]
    return simulation.bundle(
        evidence_of(simulation, 1, inputs=(shown.model_copy(update={"leaves": shown.leaves[1:]}),))
    )


@case("consent.signatures", B)
def a_forged_consent() -> Bundle:
    class Forger(Simulation):
        def sign_consent(self, owner: Any, consent: Any) -> bytes:
            forged = owner.address == key("owner", 1, 2).address
            return super().sign_consent(key("forger") if forged else owner, consent)

    return Forger().bundle()


class Inventor(Simulation):
    """The second provider enrols its customers itself."""

    def enrol(self, provider: int, number: int, owner: bytes, subject: bytes) -> AnyEnrolment:
        if provider != 1:
            return super().enrol(provider, number, owner, subject)
        digest = self.deployment.consents.digest(enrolment_hash(owner, NAMESPACE, subject))
        who = self.signers[1]
        return Enrolment(enroller=who.address, subject=subject, signature=who.sign(digest))


@case("consent.enrolments", B)
def invented_customers_where_the_offer_names_an_enroller() -> Bundle:
    return Inventor().bundle()


@case("consent.enrolments", B)
def an_enroller_that_nobody_knows() -> Bundle:
    class Unknown(Simulation):
        def enrol(self, provider: int, number: int, owner: bytes, subject: bytes) -> AnyEnrolment:
            if (provider, number) != (1, 2):
                return super().enrol(provider, number, owner, subject)
            who = key("a friend of the provider")
            digest = self.deployment.consents.digest(enrolment_hash(owner, NAMESPACE, subject))
            return Enrolment(enroller=who.address, subject=subject, signature=who.sign(digest))

    return Unknown().bundle()


@case("consent.enrolments", A, B, C)
def an_enroller_of_another_kind_of_identifier() -> Bundle:
    bundle = Simulation().bundle()
    (who,) = bundle.trust.enrollers
    other = who.model_copy(update={"namespaces": ("urn:example:company",)})
    return bundle.model_copy(update={"trust": bundle.trust.model_copy(update={"enrollers": (other,)})})


@case("consent.enrolments", B)
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


def test_people_who_were_enrolled_at_once_are_enrolled() -> None:
    assert failed(verify(AtOnce().bundle())) == []


@case("consent.enrolments", B)
def a_pair_that_the_batch_of_enrolments_has_not() -> Bundle:
    class One(AtOnce):
        strangers = (2,)

    return One().bundle()


@case("consent.enrolments", B)
def a_batch_of_enrolments_that_is_not_shown() -> Bundle:
    class Kept(AtOnce):
        shown = False

    return Kept().bundle()


@case("consent.enrolments", B)
def a_batch_of_enrolments_under_another_kind_of_identifier() -> Bundle:
    class Company(AtOnce):
        signed_under = "urn:example:company"

    return Company().bundle()


@case("consent.enrolments", B)
def a_batch_of_enrolments_by_nobody_who_may() -> Bundle:
    class Friend(AtOnce):
        def enroller_of_batch(self) -> Key:
            return key("a friend of the provider")

    return Friend().bundle()


@case("consent.enrolments", B)
def a_batch_of_enrolments_that_its_enroller_did_not_sign() -> Bundle:
    class Forged(AtOnce):
        def batch_of(self) -> Enrolments:
            made, friend = super().batch_of(), key("a friend of the provider")
            digest = self.deployment.consents.digest(enrolments_hash(NAMESPACE, made.batch.root))
            return Enrolments(made.batch.model_copy(update={"signature": friend.sign(digest)}), made.joined)

    return Forged().bundle()


@case("consent.enrolments", B)
def more_in_a_batch_of_enrolments_than_was_signed() -> Bundle:
    class More(AtOnce):
        def with_enrolments(self, evidence: Evidence) -> Evidence:
            (one,) = super().with_enrolments(evidence).enrolments
            leaves = tuple(sorted((*one.leaves, h("another"))))
            return evidence.model_copy(update={"enrolments": (one.model_copy(update={"leaves": leaves}),)})

    return More().bundle()


@case("consent.batches", B)
def a_leaf_that_was_never_anchored() -> Bundle:
    class Unanchored(Simulation):
        def batch_leaves(self, provider: int, ids: list[bytes]) -> list[bytes]:
            return ids[1:] if provider == 1 else ids

    return Unanchored().bundle()


@case("consent.batches", B)
def a_batch_that_was_anchored_too_late() -> Bundle:
    simulation = Simulation()
    anchored = list(simulation.chain_facts().anchored)
    anchored[1] = anchored[1].model_copy(update={"at": simulation.opened.at})
    return with_facts(simulation, anchored=tuple(anchored))


class Window(Simulation):
    """Person 2 of provider 1 consented to another window."""

    other: dict[str, int]

    def window(self, provider: int, number: int) -> dict[str, int]:
        return super().window(provider, number) | (self.other if (provider, number) == (1, 2) else {})


@case("consent.time", B)
def an_expired_consent() -> Bundle:
    class Expired(Window):
        other = {"not_after": START + 1499}  # noqa: RUF012 - never changed

    return Expired().bundle()


@case("consent.time", B)
def a_consent_for_later() -> Bundle:
    class Later(Window):
        other = {"not_before": START + 200}  # noqa: RUF012 - never changed

    return Later().bundle()


@case("consent.uses", B)
def a_consent_for_the_next_opening() -> Bundle:
    class Next(Window):
        other = {"first_opening": 1, "uses": 2}  # noqa: RUF012 - never changed

    return Next().bundle()


@case("consent.uses", A, B, C)
def consents_that_are_used_up() -> Bundle:
    simulation = Simulation()
    return with_facts(simulation, opened=simulation.opened.model_copy(update={"openings": (3, 3, 3, 0)}))


# --------------------------------------------------------------------- withdrawal


class Stubborn(Simulation):
    """Provider 0 opens, in attempt 1, the row of somebody who withdrew after the signatures and before the opening."""

    def lawful(self, provider: int) -> Any:
        return self.people[provider] if self.attempt == 1 else super().lawful(provider)

    def before_opening(self) -> None:
        self.withdraw(0, self.people[0][3].consent.id, proven=False)


@case("withdrawal.withdrawn", A)
def a_row_opened_after_its_withdrawal() -> Bundle:
    return Stubborn(withdraw=(1,)).bundle()


@case("withdrawal.epochs")
def opened_under_an_old_epoch() -> Bundle:
    class Old(Simulation):
        def before_opening(self) -> None:
            self.withdraw(0, h("somebody else's consent"))

    return Old().bundle()


@case("withdrawal.amendments", B)
def an_attempt_with_a_new_row() -> Bundle:
    class Adds(Simulation):
        def lawful(self, provider: int) -> Any:
            people = super().lawful(provider)
            return people[1:] if provider == 1 and self.attempt == 1 else people

    return Adds(withdraw=(1,)).bundle()


@case("withdrawal.amendments", A, B, C, D)
def an_amendment_that_somebody_did_not_sign() -> Bundle:
    simulation = Simulation(withdraw=(1,))
    held = simulation.amendments[0]
    simulation.amendments[0] = held.model_copy(
        update={"signatures": (*held.signatures[:2], other(held.signatures[2]), b"")}
    )
    bundle = simulation.bundle()
    return bundle


@case("withdrawal.sealed")
def a_withdrawal_before_the_seal() -> Bundle:
    class Ignores(Simulation):
        def before_seal(self) -> None:
            self.withdraw(0, self.people[0][1].consent.id, proven=False)

    return Ignores().bundle()


@case("withdrawal.sealed", A)
def a_seal_over_a_proven_withdrawal() -> Bundle:
    class Ignores(Simulation):
        def before_seal(self) -> None:
            self.withdraw(0, self.people[0][1].consent.id)

    return Ignores().bundle()


@case("withdrawal.sealed", also=("seal.epochs",))
def a_proven_withdrawal_that_is_not_in_the_sealed_epoch() -> Bundle:
    """As after a reorganisation: the provider's signature does not say that it knew of it."""

    class Late(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            self.withdraw(0, self.people[0][1].consent.id)
            return super().make_seal(fields)

    return Late().bundle()


@case("chain.withdrawal-lists")
def a_proven_withdrawal_that_is_put_after_another() -> Bundle:
    """Two that were proven late, told in another order than the epoch has them."""
    simulation, consents = Simulation(), [h("first"), h("second")]
    for consent in consents:
        simulation.withdraw(0, consent, proven=False)
    for consent in consents:
        simulation.prove(0, consent)
    assert verify(simulation.bundle()).verdict is Verdict.INTACT
    first, second = simulation.chain_facts().withdrawn
    moved = (first.model_copy(update={"proven": second.proven}), second.model_copy(update={"proven": first.proven}))
    return with_facts(simulation, withdrawn=moved)


@case("withdrawal.sealed", D)
def an_own_consent_revoked_before_the_seal() -> Bundle:
    class Ignores(Simulation):
        def before_seal(self) -> None:
            self.withdraw(CONSUMER, self.named.id, proven=False, kind="revoked")

    return Ignores().bundle()


# -------------------------------------------------------------------------- trail


class Steps(Simulation):
    """Party 1's step of this name differs."""

    name = ""

    def make_step(self, fields: dict[str, Any]) -> Any:
        if fields["party"] == 1 and fields["name"] == self.name:
            fields = self.differently(fields)
        return super().make_step(fields)

    def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


@case("trail.steps", B)
def a_step_left_out_of_the_count() -> Bundle:
    class Skips(Steps):
        name = "mask-output"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            return fields | {"index": fields["index"] + 1}

    return Skips().bundle()


class Recorder(Simulation):
    """Party 1 of an aborted job records something else than it shows."""

    def recorded(self, hashes: list[bytes]) -> list[bytes]:
        raise NotImplementedError

    def record(self, party: int, attempt: int) -> list[bytes]:
        hashes = super().record(party, attempt)
        return self.recorded(hashes) if party == 1 else hashes


@case("trail.recorded", B)
def a_step_changed_after_it_was_recorded() -> Bundle:
    class Changes(Recorder):
        def recorded(self, hashes: list[bytes]) -> list[bytes]:
            return [h("what it really did")]

    return Changes(ending=Ending.ABORTED).bundle()


@case("trail.recorded", B)
def a_recorded_step_that_is_not_shown() -> Bundle:
    class Drops(Recorder):
        def recorded(self, hashes: list[bytes]) -> list[bytes]:
            return [*hashes, h("an embarrassing step")]

    return Drops(ending=Ending.ABORTED).bundle()


@case("trail.recorded", B)
def a_step_that_was_never_recorded() -> Bundle:
    class Silent(Recorder):
        def recorded(self, hashes: list[bytes]) -> list[bytes]:
            return []

    simulation = Silent(ending=Ending.ABORTED)
    late = simulation.chain_facts().head.model_copy(update={"timestamp": START + 10**6})
    return with_facts(simulation, head=late)


@case("trail.sealed", B)
def a_head_that_is_not_the_trails() -> Bundle:
    class Other(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            heads = list(fields["heads"])
            heads[1] = h("x")
            return super().make_seal(fields | {"heads": tuple(heads)})

    return Other().bundle()


class OtherStart(Starting):
    """Party 1 tells the others another head than that of its trail."""

    def head(self, party: int) -> bytes:
        told = super().head(party)
        return h("another") + told[32:] if party == 1 else told


@case("trail.starts", B)
def a_start_that_is_not_the_trails() -> Bundle:
    return OtherStart().bundle()


@case("trail.starts", B)
def a_start_told_by_a_party_that_shows_nothing() -> Bundle:
    simulation = OtherStart()
    return simulation.bundle(without=(1,))


@case("trail.starts", B)
def two_starts_told_to_two_parties() -> Bundle:
    class Two(Starting):
        def send(self, sender: int, receiver: int, tag: str, digest: bytes | None = None) -> tuple[Exchange, Exchange]:
            if (sender, receiver, tag) == (1, 2, HEAD_TAG):
                digest = h("another")
            return super().send(sender, receiver, tag, digest)

    return Two().bundle(without=(1,))


@case("trail.recorded", B, also=("trail.starts",))
def a_start_of_which_nothing_was_recorded_in_time() -> Bundle:
    class Silent(Starting):
        def record(self, party: int, attempt: int) -> list[bytes]:
            return [] if party == 1 else super().record(party, attempt)

    simulation = Silent(ending=Ending.ABORTED)
    late = simulation.chain_facts().head.model_copy(update={"timestamp": START + 10**6})
    return with_facts(simulation, head=late)


# ----------------------------------------------------------------------- exchange


class Mail(Simulation):
    """The share from party 0 to party 1, the last that it sends there, goes another way."""

    verifies = False

    def deliver(self, held: SignedMessage) -> None:
        message = held.message
        if (message.tag, message.sender, message.receiver) == ("sum.share", 0, 1):
            self.share(held)
        else:
            super().deliver(held)

    def share(self, held: SignedMessage) -> None:
        raise NotImplementedError


@case("exchange.signed", A)
def an_acknowledgement_of_the_senders_making() -> Bundle:
    class Forges(Mail):
        def share(self, held: SignedMessage) -> None:
            self.sent[0].append(held.model_copy(update={"acknowledgement": other(held.acknowledgement)}))
            self.received[1].append(held)

    return Forges().bundle()


@case("exchange.sequence", A, B)
def a_gap_in_the_numbers() -> Bundle:
    class Gap(Simulation):
        verifies = False

        def make_message(self, fields: dict[str, Any]) -> Any:
            if (fields["tag"], fields["sender"], fields["receiver"]) == ("sum.share", 0, 1):
                fields = fields | {"sequence": fields["sequence"] + 1}
            return super().make_message(fields)

    return Gap().bundle()


@case("exchange.one-story", A)
def two_stories_of_one_message() -> Bundle:
    class Twice(Mail):
        def share(self, held: SignedMessage) -> None:
            self.received[1].append(held)
            self.mine = held.message.model_copy(update={"digest": h("another share")})
            self.mine = type(self.mine).model_validate(self.mine.model_dump())
            signature = self.recorders[0].sign(self.deployment.jobs.digest(self.mine.hash))
            self.sent[0].append(SignedMessage(message=self.mine, signature=signature))

        def make_step(self, fields: dict[str, Any]) -> Any:
            if fields["party"] == 0 and fields["name"] == "sum-shares":
                to_1, *others = fields["sent"]
                fields = fields | {"sent": (to_1.model_copy(update={"digest": self.mine.digest}), *others)}
            return super().make_step(fields)

    return Twice().bundle()


class Hides(Mail):
    """`who` leaves the message out of its evidence and out of its step."""

    who = 0
    acknowledged = True

    def share(self, held: SignedMessage) -> None:
        if not self.acknowledged:
            held = held.model_copy(update={"acknowledgement": b""})
        if self.who != 0:
            self.sent[0].append(held)
        if self.who != 1:
            self.received[1].append(held)

    def make_step(self, fields: dict[str, Any]) -> Any:
        side, peer = ("sent", 1) if self.who == 0 else ("received", 0)
        if fields["party"] == self.who and fields["name"] == "sum-shares":
            fields = fields | {side: tuple(e for e in fields[side] if e.peer != peer)}
        return super().make_step(fields)


@case("exchange.both-ends", A)
def a_sender_that_hides_what_it_signed() -> Bundle:
    return Hides().bundle()


@case("exchange.both-ends", B)
def a_receiver_that_hides_what_it_acknowledged() -> Bundle:
    class Receiver(Hides):
        who = 1

    return Receiver().bundle()


@case("exchange.in-steps", B)
def a_message_that_no_step_tells_of() -> Bundle:
    class Untold(Steps):
        name = "sum-shares"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            return fields | {"sent": fields["sent"][1:]}

    return Untold().bundle()


@case("exchange.in-steps", B)
def a_step_that_tells_of_a_message_that_never_was() -> Bundle:
    class Invents(Steps):
        name = "sum-shares"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            first = fields["sent"][0]
            return fields | {"sent": (*fields["sent"], first.model_copy(update={"sequence": 9}))}

    return Invents().bundle()


@case("flow.verified-sums", B)
def commitments_other_than_the_step_says() -> Bundle:
    class Other(Steps):
        name = COMMIT

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            (made,) = fields["outputs"]
            self.other = made.model_copy(update={"commitment": h("other commitments")})
            return fields | {"outputs": (self.other,)}

        def make_step(self, fields: dict[str, Any]) -> Any:
            if fields["party"] == 1 and fields["name"] == SHARE_OUT:
                fields = fields | {"inputs": (self.other,)}
            return super().make_step(fields)

    return Other().bundle()


@case("flow.verified-sums", B)
def shares_told_to_two_in_two_ways() -> Bundle:
    return Telling(1, WEIGHTED).bundle()


@case("flow.verified-sums", D)
def a_challenge_for_each() -> Bundle:
    return Telling(3, CHALLENGE).bundle()


# ------------------------------------------------------------- flow, seal, payment


@case("flow.inputs", B)
def rows_from_nowhere() -> Bundle:
    class Foreign(Steps):
        name = "open-accounts"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            lawful = fields["inputs"][0].model_copy(update={"commitment": h("all my customers")})
            return fields | {"inputs": (lawful,)}

    return Foreign().bundle()


@case("flow.outputs", B)
def another_output_than_the_sealed_one() -> Bundle:
    class Swaps(Steps):
        name = "mask-output"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            return fields | {"outputs": (fields["outputs"][0].model_copy(update={"commitment": h("other")}),)}

    return Swaps().bundle()


class RefusesToSeal(Simulation):
    def seal_signatures(self, seal: Any) -> tuple[bytes, ...]:
        signatures = super().seal_signatures(seal)
        return (*signatures[:CONSUMER], other(signatures[CONSUMER]), b"")


@case("seal.signed", A, B, C, D)
def a_seal_that_the_consumer_did_not_sign() -> Bundle:
    return RefusesToSeal().bundle()


@pytest.mark.parametrize("simulation", [RefusesToSeal, BadOwnSignature])
def test_a_contracts_signature_that_nobody_can_check_is_missing_evidence(simulation: type[Simulation]) -> None:
    """The same bundles, in which the consumer's account is a contract: who shows its signature is not named."""
    tampered = simulation()
    assert verify(tampered.bundle()).verdict is Verdict.TAMPERED
    consumer = tampered.signers[CONSUMER].address
    report = verify(with_facts(tampered, contracts=(consumer,)))
    assert (report.verdict, report.named, report.disputed) == (Verdict.INCOMPLETE, (), ())
    assert any("ERC-1271" in (result.reason or "") for result in report.results)
    another = verify(with_facts(tampered, contracts=(tampered.signers[0].address,)))
    assert another.verdict is Verdict.TAMPERED


@case("seal.signed", B)
def another_seal() -> Bundle:
    simulation = Simulation()
    assert simulation.seal is not None
    held = simulation.seal.model_copy(update={"seal": simulation.seal.seal.model_copy(update={"keys": (h("x"),) * 4})})
    return simulation.bundle(evidence_of(simulation, 1, seal=held))


@case("seal.shape")
def an_output_of_a_party_without_one() -> Bundle:
    class Extra(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            return super().make_seal(fields | {"outputs": (*fields["outputs"][:3], h("x"))})

    return Extra().bundle()


@case("seal.epochs")
def sealed_under_another_epoch() -> Bundle:
    class Old(Simulation):
        def make_seal(self, fields: dict[str, Any]) -> Any:
            return super().make_seal(fields | {"epochs": (b"1" * 24, *fields["epochs"][1:])})

    return Old().bundle()


@case("seal.keys")
def another_key_than_the_sealed_one() -> Bundle:
    simulation = Simulation()
    first, *rest = simulation.chain_facts().released
    return with_facts(simulation, released=(first.model_copy(update={"key": h("x")}), *rest))


@case("seal.keys")
def somebody_else_is_called_the_withholder() -> Bundle:
    simulation = Simulation(ending=Ending.CLOSED, withholds=(1,))
    facts = simulation.chain_facts()
    wrong = facts.withheld[0].model_copy(update={"party": 2})
    paid = [p for p in facts.paid if p.kind == "refund" or p.to != simulation.plan.parties[2].payee]
    paid.insert(1, paid[0].model_copy(update={"to": simulation.plan.parties[1].payee, "at": facts.paid[1].at}))
    return with_facts(simulation, withheld=(wrong,), paid=tuple(paid))


@case("payment.funded")
def too_little_paid_in() -> Bundle:
    simulation = Simulation()
    assert simulation.funded is not None
    return with_facts(simulation, funded=simulation.funded.model_copy(update={"amount": 74}))


@case("payment.paid")
def a_provider_that_was_not_paid() -> Bundle:
    class Unpaid(Simulation):
        def payments(self) -> Any:
            return super().payments()[1:]

    return Unpaid().bundle()


@case("payment.paid")
def paid_although_it_withheld_its_key() -> Bundle:
    simulation = Simulation(ending=Ending.CLOSED, withholds=(1,))
    return with_facts(simulation, paid=tuple(Simulation().payments()))


# ---------------------------------------------------------------------------------


def failed(report: AuditReport) -> list[Any]:
    return [r for r in report.results if r.status in (CheckStatus.FAILED, CheckStatus.DISPUTED)]


@pytest.mark.parametrize(("check", "name"), [(c, n) for c, made in CASES.items() for n in made])
def test_it_alone_fails_and_names_the_culprit(check: str, name: str) -> None:
    make, culprits, also = CASES[check][name]
    report = verify(make())
    assert [r.name for r in failed(report)] == [check, *also]
    assert report.verdict is Verdict.TAMPERED
    assert report.named == culprits
    found = failed(report)[0]
    assert all(p.expected and p.found and p.expected != p.found for p in found.problems)
    assert found.title in report.headline
    assert all(who in report.headline for who in culprits)


def test_every_check_has_its_case() -> None:
    # These two never fail: what is missing makes the verdict incomplete (test_honest, test_erased). Those of enclaves
    # have their cases in tests/company/test_audited.py, on a real job's trail; those of models, budgets, payouts, sums,
    # lists, garblings and stakes in files of their own.
    others = {c.name for c in CHECKS if c.group in ("enclave", "model", "budget", "stakes", "proof")}
    others |= {"seal.payouts", "flow.sums", "flow.one-list", "flow.covered-garblings"}
    assert {c.name for c in CHECKS} - CASES.keys() == {"evidence.present", "consent.erased"} | others


def test_two_stories_without_a_signature_are_disputed() -> None:
    class Unacknowledged(Hides):
        who = 1
        acknowledged = False

    report = verify(Unacknowledged().bundle())
    assert report.verdict is Verdict.DISPUTED
    assert report.disputed == (A, B)
    assert report.named == ()
    assert [r.name for r in failed(report)] == ["exchange.both-ends"]
    assert report.headline.startswith(f"Disputed: {A}, {B} ")


def test_levels_as_fine_as_the_scope_are_no_offence() -> None:
    assert verify(ByLevels().bundle()).verdict is Verdict.INTACT


@pytest.mark.parametrize("honest", [Statistics, JointStatistics])
def test_statistics_over_as_many_as_the_scope_are_no_offence(honest: type[Simulation]) -> None:
    assert verify(honest().bundle()).verdict is Verdict.INTACT


def test_invented_customers_are_reported_as_self_enrolled() -> None:
    class Unasked(Inventor):
        def make_scope(self, provider: int) -> Scope:
            scope = super().make_scope(provider)
            return scope.model_copy(update={"enrollers": ()}) if provider == 1 else scope

    report = verify(Unasked().bundle())
    assert report.verdict is Verdict.INTACT
    assert report.notes == (
        OWN_LIST,
        f"self-enrolled: 4 of 4 people of {B}",
        VERIFIED,
    )


def test_an_attempt_that_was_given_up_untouched_is_no_offence() -> None:
    class Careful(Stubborn):
        def step(self, party: int, name: str, **fields: Any) -> None:
            if self.attempt > 1 or party != 0:
                super().step(party, name, **fields)

    report = verify(Careful(withdraw=(1,)).bundle())
    assert report.verdict is Verdict.INTACT
    assert any("given up unused" in note for note in report.notes)


def test_a_withdrawal_after_the_seal_binds_the_next_job() -> None:
    simulation = Simulation()
    simulation.withdraw(0, simulation.people[0][0].consent.id)
    assert verify(simulation.bundle()).verdict is Verdict.INTACT
