"""The recipe `model-evaluation` by its parts: which plans it runs, what each side reads and brings, what it tells."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from columned import columned
from declaring import CUSTOMER, declaring
from placet.catalogue.declared import declared
from placet.catalogue.model_evaluation import MAX_ROWS, SPEC
from placet.core.errors import DataError, InputError, PlanError
from placet.core.hashing import canonical
from placet.core.plan import Plan, Terms
from placet.models.bands import equal_edges, tally
from placet.protocols.mpc.programs import Size
from placet.protocols.psi import Placement
from placet.recipes.model_evaluation import run as model_evaluation
from placet.recipes.model_evaluation.run import MAX_SCORE, MODEL_EVALUATION, combine, figures, labels_of, program_of
from placet.vault.rows import Rows

BASE: dict[str, Any] = {**CUSTOMER, "score": "points", "label": "defaulted", "smallest_group": 3, "protocol": "cheetah"}
EQUAL = BASE | {"range": ["0", "100"], "bands": 10}
GIVEN = BASE | {"edges": ["20", "40", "60"]}
GROUPS = GIVEN | {"group": "sex", "groups": ["f", "m"], "thresholds": ["40"]}
PROBABLE = EQUAL | {"scale": "100", "thresholds": ["55"]}


def asked(number: int = 2, **changes: Any) -> tuple[Plan, Terms]:
    """A plan of one provider, or two, and the consumer; `changes` are of its terms."""
    return declaring("model-evaluation", EQUAL, "spu", number, terms=changes)


def check(plan: Plan, terms: Terms) -> None:
    """What every party demands before it signs."""
    MODEL_EVALUATION.demand(declared(plan, terms))


@pytest.mark.parametrize("parameters", [EQUAL, GIVEN, GROUPS, PROBABLE, EQUAL | {"auc": "exact"}])
def test_plans_that_fit(parameters: dict[str, Any]) -> None:
    check(*asked(parameters=parameters))
    check(*asked(parameters=parameters | {"smallest_group": MAX_ROWS}))
    check(*asked(3, parameters=parameters | {"protocol": "aby3"}))


TOGETHER = "do not go together"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (EQUAL | {"edges": ["5"]}, TOGETHER),
        (BASE | {"bands": 5}, TOGETHER),
        (BASE, TOGETHER),
        (EQUAL | {"range": ["0", "9"]}, TOGETHER),
        (EQUAL | {"range": ["9", "0"]}, TOGETHER),
        (EQUAL | {"bands": 129}, "no such value of bands"),
        (GIVEN | {"edges": ["20", "20"]}, TOGETHER),
        (GIVEN | {"thresholds": ["40", "30"]}, TOGETHER),
        (GROUPS | {"thresholds": None}, TOGETHER),
        (GROUPS | {"group": None}, TOGETHER),
        (GROUPS | {"groups": ["f", "f"]}, TOGETHER),
        (GROUPS | {"groups": ["f"]}, "no such value of groups"),
        (GROUPS | {"group": "defaulted"}, TOGETHER),
        (GROUPS | {"auc": "exact"}, TOGETHER),
        (EQUAL | {"label": "customer"}, TOGETHER),
        (EQUAL | {"score": "customer"}, TOGETHER),
        (EQUAL | {"reference": [1, 2, 3]}, TOGETHER),
        (GIVEN | {"reference": [1, 2, -3, 4]}, "no such value of reference"),
        (PROBABLE | {"scale": "0"}, "no such value of scale"),
        (EQUAL | {"smallest_group": 1}, "no such value of smallest_group"),
        (EQUAL | {"protocol": "semi2k"}, "no such value of protocol"),
        (EQUAL | {"edges": [1.5]}, "no such value of edges"),
    ],
)
def test_parameters_that_are_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        check(*asked(parameters=parameters))
    assert caught.value.code == "plan.parameters"


@pytest.mark.parametrize(("number", "protocol"), [(2, "aby3"), (3, "cheetah")])
def test_the_protocol_is_the_one_for_so_many(number: int, protocol: str) -> None:
    with pytest.raises(PlanError) as caught:
        check(*asked(number, parameters=EQUAL | {"protocol": protocol}))
    assert caught.value.code == "spu.protocol"


def test_scores_that_no_ring_holds_are_refused_before_anything_runs() -> None:
    with pytest.raises(PlanError, match="overflow"):
        check(*asked(parameters=GIVEN | {"edges": [str(2**64)]}))


def test_thresholds_are_edges_too() -> None:
    parsed = SPEC.parse(PROBABLE)
    assert parsed.all_edges == (*equal_edges(0, 100, 10)[:5], 55, *equal_edges(0, 100, 10)[5:])
    assert program_of(parsed).thresholds == (55,)


def test_what_each_reads_and_who_sees_matches_first() -> None:
    groups = SPEC.parse(GROUPS)
    assert SPEC.reads("provider", groups) == ("customer", "points")
    assert SPEC.reads("consumer", groups) == ("customer", "defaulted", "sex")
    assert (SPEC.tells(groups).output, SPEC.tells(groups).group) == ("evaluation", 3)
    assert SPEC.tells(groups).shows == ("provider",)
    assert SPEC.tells(SPEC.parse(EQUAL | {"protocol": "aby3"})).shows == ()
    assert SPEC.tells(SPEC.parse(GIVEN)).edges == SPEC.parse(GIVEN).all_edges == (20, 40, 60)


@pytest.mark.parametrize("finer", [{"auc": "exact"}, {"scale": "100"}])
def test_what_changes_with_each_score_is_finer_than_any_gap(finer: dict[str, Any]) -> None:
    """By ranks or sums two jobs over the same people that differ in one of them tell his score, not his band."""

    def gaps(**more: Any) -> list[int]:
        edges = SPEC.tells(SPEC.parse(GIVEN | more)).edges
        return [gap for gap in (1, 2, 20) if not any(edge % gap for edge in edges)]

    assert (gaps(), gaps(**finer)) == ([1, 2, 20], [1])


def rows(**columns: list[Any]) -> Rows:
    names = [f"P{number}" for number in range(len(next(iter(columns.values()))))]
    return Rows(columned({"customer": names, **columns}), "customer", b"")


def test_labels_are_noughts_and_ones_in_groups_that_are_named() -> None:
    parsed = SPEC.parse(GROUPS)
    lines = labels_of(program_of(parsed), parsed, rows(defaulted=[0, 1, 1, 0], sex=["f", "m", "x", ""]))
    assert lines.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    parsed = SPEC.parse(EQUAL)
    for wrong in ([0, 2], [0, -1], [0, 1.0], [1, None]):
        with pytest.raises(DataError) as caught:
            labels_of(program_of(parsed), parsed, rows(defaulted=wrong))
        assert MODEL_EVALUATION.final(caught.value.code)
    assert MODEL_EVALUATION.final("evaluation.list")


def test_a_score_beyond_the_bound_is_refused() -> None:
    program = program_of(SPEC.parse(EQUAL))
    program.values.take([MAX_SCORE, -MAX_SCORE])
    with pytest.raises(DataError):
        program.values.take([MAX_SCORE + 1])


def kept(parameters: dict[str, Any], count: int) -> bytes:
    return canonical({"rows": count, "provider_rows": [count], "share": b"own".hex(), "parameters": parameters})


def test_a_list_that_is_too_short_makes_no_run() -> None:
    outcome = combine({0: b""}, kept(EQUAL, 5), Path())
    assert outcome == {"rows": [], "report": {"too_few": True, "smallest_group": 3, "provider_rows": [5]}}


SCORES = [place * 7 % 100 for place in range(80)]
LABELS = [int(score + 40 * (place % 3 - 1) > 50) for place, score in enumerate(SCORES)]


def reported(parameters: dict[str, Any], groups: list[Any] | None = None) -> dict[str, Any]:
    """The report of those scores and labels, as the reference computes the program."""
    parsed = SPEC.parse(parameters)
    program = program_of(parsed)
    columns = {"defaulted": LABELS} | ({} if groups is None else {"sex": groups})
    result = program.reference([program.bring_scores(SCORES), labels_of(program, parsed, rows(**columns))])
    return figures(program, parsed, result, len(SCORES))


def test_what_the_shares_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's part is tested with the engine; here the own share is the last of all."""
    parsed = SPEC.parse(EQUAL)
    program = program_of(parsed)
    result = program.reference([program.bring_scores(SCORES), program.bring_labels(LABELS)])

    async def combined(_: Any, size: Size, engine: Any, shares: Any, **__: Any) -> Any:
        assert (size.rows, engine.protocol, shares) == (80, "cheetah", [b"theirs", b"own"])
        return result

    monkeypatch.setattr(model_evaluation.evaluate, "combine", combined)
    outcome = combine({0: b"theirs"}, kept(EQUAL, 80), Path())
    assert outcome["rows"] == []
    assert outcome["report"] == {"smallest_group": 3, "provider_rows": [80], **reported(EQUAL)}
    canonical(outcome)
    result = np.zeros_like(result)
    assert combine({0: b"theirs"}, kept(EQUAL, 80), Path())["report"]["too_few"] is True


class Job:
    """A party's attempt without peers: what it brings to the engine stays with it."""

    def __init__(self, parameters: dict[str, Any], party: int, rows: Rows, roles: tuple[str, ...]) -> None:
        self.raw, self.party, self.rows = parameters, party, rows
        self.role, self.terms = roles[party], SimpleNamespace(parameters=parameters, roles=roles)
        self.brought: Any = None
        self.matches: list[int] = []
        self.private = b""

    def parameters(self, _: Any) -> Any:
        return SPEC.parse(self.raw)

    def others(self, role: str) -> list[int]:
        return [place for place, name in enumerate(self.terms.roles) if name == role and place != self.party]

    async def open(self, _: str) -> tuple[Rows, None]:
        return self.rows, None

    async def matched(self, _: str, rows: Rows, places: list[int]) -> None:
        self.matches = places

    async def release(self, part: bytes, _: None) -> None:
        assert part == (b"" if self.brought is None else b"share")

    async def collect(self, private: bytes, _: None) -> None:
        self.private = private


@pytest.mark.parametrize(("providers", "smallest"), [(1, 3), (2, 3), (1, 40)])
async def test_what_the_parties_bring_meets_at_the_same_places(
    monkeypatch: pytest.MonkeyPatch, providers: int, smallest: int
) -> None:
    """The consumer's list has strangers, the provider people whom it does not know; nobody's order is the other's."""
    customers, order = [f"P{number}" for number in range(70)], [place * 3 % 70 for place in range(70)]
    held = [f"P{number}" for number in range(79, 9, -1)]
    labels, scores = {c: LABELS[n] for n, c in enumerate(customers)}, {c: SCORES[n] for n, c in enumerate(held)}
    places = {customers[number]: place for place, number in enumerate(order)}

    async def provider(_: Any, to: int, people: list[bytes], *__: Any, **___: Any) -> Any:
        assert to == providers
        return Placement([places.get(who.decode()) for who in people], 70), None

    async def consumer(_: Any, to: list[int], names: list[str], *__: Any, **___: Any) -> Any:
        assert (to, names) == ([*range(providers)], customers)
        return order, [70] * providers, None

    async def evaluated(job: Any, _: str, parties: Any, program: Any, brought: Any, *, size: Size, made: Any) -> Any:
        program.brings(job.party, len(parties), size, brought)
        job.brought = brought
        return b"share", None

    monkeypatch.setattr(model_evaluation.psi_join, "provider", provider)
    monkeypatch.setattr(model_evaluation.psi_join, "consumer", consumer)
    monkeypatch.setattr(model_evaluation.distributed, "evaluated", evaluated)
    parameters = EQUAL | {"smallest_group": smallest, "protocol": "cheetah" if providers == 1 else "aby3"}
    parameters["auc"] = "exact"
    roles = ("provider",) * providers + ("consumer",)
    points = [{"points": [scores[who] for who in held]}]
    if providers == 2:
        points = [{"points": [scores[who] + 5 for who in held]}, {"points": [-5] * len(held)}]
    columns = [*({"customer": held} | own for own in points)]
    columns.append({"customer": customers, "defaulted": [labels[who] for who in customers]})
    tables = [Rows(columned(own), "customer", b"") for own in columns]
    jobs = [Job(parameters, party, table, roles) for party, table in enumerate(tables)]
    for job in jobs:
        await MODEL_EVALUATION.run(job)  # type: ignore[arg-type]
    assert jobs[0].matches == [place for place, who in enumerate(held) if who in labels]
    if smallest == 40:
        assert [job.brought for job in jobs] == [None] * len(jobs)
        return
    program = program_of(SPEC.parse(parameters))
    common = [who for who in customers if who in scores]
    table = program.table(program.reference([job.brought for job in jobs]))
    assert table is not None
    clear = tally(table.edges, [scores[who] for who in common], [labels[who] for who in common])
    assert (table.positives, table.negatives) == (clear.positives, clear.negatives)
    ranks = program.doubled_ranks(program.reference([job.brought for job in jobs]))
    ones, zeros = ([scores[who] for who in common if labels[who] == label] for label in (1, 0))
    passed = sum(2 * (one > zero) + (one == zero) for one in ones for zero in zeros)
    assert ranks == passed + len(ones) * (len(ones) + 1)


def test_figures_follow_from_the_bands() -> None:
    report = reported(PROBABLE | {"reference": [8] * 11})
    clear = tally([int(band["from"]) for band in report["bands"][1:]], SCORES, LABELS)
    assert [band["positives"] for band in report["bands"]] == list(clear.positives)
    assert (report["people"], report["positives"], report["rate"]) == (80, sum(LABELS), f"{sum(LABELS) / 80:.6f}")
    assert report["metrics"].keys() == {
        *("auc", "auc_by", "auc_error", "auc_interval", "gini", "ks", "ks_at", "brier", "hosmer_lemeshow", "stability")
    }
    assert report["metrics"]["auc_by"] == f"{len(clear.positives)} bands"
    assert report["gains"][-1] | {"rate": ""} == {
        **{"from": None, "people": 80, "positives": sum(LABELS), "rate": ""},
        **dict.fromkeys(("people_share", "positives_share", "lift"), "1.000000"),
    }
    (at,) = report["thresholds"]
    assert (at["threshold"], at["true_positives"]) == (
        "55",
        sum(score >= 55 for score, label in zip(SCORES, LABELS, strict=True) if label),
    )
    assert report["chart"]["roc"][0] == ["0.000000", "0.000000"]
    assert report["chart"]["roc"][-1] == report["chart"]["gains"][-1] == ["1.000000", "1.000000"]
    assert len(report["chart"]["calibration"]) == len(report["bands"])
    assert "groups" not in report


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    metrics = reported(EQUAL | {"scale": "10"})["metrics"]
    assert "brier" not in metrics and "auc" in metrics


def test_groups_are_told_at_thresholds_and_compared() -> None:
    report = reported(GROUPS, ["f", "m"] * 35 + ["x"] * 10)
    assert [one["too_few"] for one in report["groups"]] == [False, False]
    assert report["people"] == 70 == sum(one["people"] for one in report["groups"])
    (at,) = report["fairness"]
    selected = [float(one["thresholds"][0]["selected"]) for one in report["groups"]]
    assert float(at["parity"]) == pytest.approx(max(selected) - min(selected), abs=2e-6)
    for one in report["groups"]:
        above, below = (one["thresholds"][0][name] for name in ("recall", "fallout"))
        area = float(one["auc"])
        assert one["auc_by"] == "2 bands" and area == pytest.approx((1 + float(above) - float(below)) / 2, abs=2e-6)
        assert float(one["auc_interval"][0]) <= area <= float(one["auc_interval"][1])
    untold = reported(GROUPS | {"smallest_group": 12}, ["f", "m"] * 40)["groups"][0]
    assert (untold["too_few"], untold["auc"], untold["ks"]) == (False, None, None)
    few = reported(GROUPS, ["f"] * 78 + ["m"] * 2)
    assert few["groups"][1] == {"group": "m", "too_few": True}
    assert (few["people"], few["fairness"]) == (78, [])


def test_shares_of_no_table_are_refused() -> None:
    parsed = SPEC.parse(EQUAL)
    program = program_of(parsed)
    result = program.reference([program.bring_scores(SCORES), program.bring_labels(LABELS)])
    with pytest.raises(InputError, match="no band table"):
        figures(program, parsed, result, 79)
    result[0, -1] += 10**9
    result[1, 0] = 1
    with pytest.raises(InputError, match="no band table"):
        figures(program, parsed, result, 10**10)
