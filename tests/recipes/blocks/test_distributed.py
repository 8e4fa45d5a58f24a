"""Jobs on the distributed engine between real processes: under the same plan, warrant, trail, seal and audit."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from declaring import CUSTOMER, NAMESPACE
from live import LASTING, PROVIDERS, LiveConsortium
from placet.catalogue.joint_linear import SPEC as LINEAR
from placet.catalogue.joint_scorecard import SPEC as SCORECARD
from placet.core.csv_file import written
from placet.core.evidence import SignedEvidence
from placet.core.values import from_hex, parse, to_hex
from placet.models.bands import equal_edges, kept_places, merged, tally
from placet.models.binning import fit as fit_bins
from placet.models.contribution import PROTOCOL, Contribution, Division, divide
from placet.models.linear import LinearModel
from placet.models.preparing import fit_number
from placet.models.scorecard import Scorecard
from placet.models.scorecard_fit import FitColumn, Fitted, fit
from placet.protocols.mpc.scorecard import ScorecardTrain
from placet.protocols.spu import extra
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_linear.run import program_of as linear_program
from placet.recipes.joint_scorecard.run import program_of

EDGES = [0, 1, 500_000, 5_000_000]
LEVELS = {
    **CUSTOMER,
    "value": "balance",
    "edges": [str(edge) for edge in EDGES],
    "bound": "5000000",
    "protocol": "aby3",
}


@pytest.fixture(scope="module")
def _installed() -> None:
    try:
        extra.require()
    except Exception as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def ladder(_installed: None, consortium: LiveConsortium) -> LiveConsortium:
    """The consortium under offers that allow levels and no totals, and matching at north."""
    return consortium.offering("asset-view", "level", "PSI,MPC", PROVIDERS)


@pytest.fixture(scope="module")
def offering_consortium(_installed: None, consortium: LiveConsortium) -> LiveConsortium:
    return consortium.offering("match", "matches", "PSI", ["north"])


@pytest.fixture(scope="module")
def survey(_installed: None, consortium: LiveConsortium) -> LiveConsortium:
    """Statistics over matches at north, for three people together at least."""
    return consortium.offering("match-statistics,model-stability", "aggregate", "PSI,MPC", ["north"], 3)


BRANCHES = ("city", "city", "city", "river", "abroad")


@dataclass
class Pool:
    """The consortium under offers for statistics over two providers, of two people at least: south offers its
    customers' balances, fund its customers' branches too."""

    consortium: LiveConsortium
    branches: dict[str, str]

    @property
    def both(self) -> list[str]:
        """The consumer's customers who consent at both."""
        held = [{g.subject for g in self.consortium.given if g.provider == key} for key in ("fund", "south")]
        return [customer for customer in self.consortium.customers if customer in held[0] & held[1]]

    def asked(self, *providers: str, **parameters: Any) -> dict[str, Any]:
        made = self.consortium.made
        return {
            "recipe": "joint-statistics",
            "engine": "spu",
            "parameters": {
                **CUSTOMER,
                "smallest_group": 2,
                "protocol": "cheetah",
                **parameters,
            },
            "providers": [
                {"address": made.members[k].address, "offer": made.offers[k], "reward": "5"} for k in providers
            ],
        }


@pytest.fixture(scope="module")
def pool(_installed: None, consortium: LiveConsortium) -> Pool:
    """Most of those whom both have are of one branch; so are all whom fund has alone."""
    made, fund = consortium.made, consortium.balances["fund"]
    shared = [
        who
        for who in consortium.customers
        if who in fund and who in consortium.balances["south"] and who not in consortium.silent
    ]
    branches = dict.fromkeys(fund, "city") | dict(zip(shared, itertools.cycle(BRANCHES)))
    books_of_fund = [("customer", "balance", "branch"), *((w, fund[w], branches[w]) for w in branches)]
    (made.folder / "books.csv").write_bytes(written(books_of_fund))
    made.run(
        *("vault", "import", "--config", "fund-vault/vault.toml", "--name", "books", "--file", "books.csv"),
        *("--identifier", "customer", "--namespace", NAMESPACE, "--column", "balance", "--column", "branch:text"),
    )
    books = {"fund": ("books", "customer,balance,branch")}
    offered = consortium.offering("joint-statistics", "aggregate", "PSI,MPC", ["south", "fund"], 2, books)
    return Pool(offered, branches)


@dataclass
class Labelled:
    """The consortium under offers for evaluations: north's balances are scores, every second customer is labelled 1."""

    consortium: LiveConsortium
    labels: dict[str, int]

    @property
    def counted(self) -> list[str]:
        """The consumer's customers who consent at north."""
        held = {given.subject for given in self.consortium.given if given.provider == "north"}
        return [customer for customer in self.consortium.customers if customer in held]

    def asked(self, **parameters: Any) -> dict[str, Any]:
        made = self.consortium.made
        judged = {"score": "balance", "label": "label", "smallest_group": 2, "protocol": "cheetah"}
        provider = {"address": made.members["north"].address, "offer": made.offers["north"], "reward": "5"}
        return {
            "recipe": "model-evaluation",
            "engine": "spu",
            "parameters": CUSTOMER | judged | parameters,
            "providers": [provider],
        }


@pytest.fixture(scope="module")
def labelled(_installed: None, consortium: LiveConsortium) -> Labelled:
    labels = {who: number % 2 for number, who in enumerate(consortium.customers)}
    (consortium.made.folder / "labels.csv").write_bytes(written([("customer", "label"), *labels.items()]))
    consortium.made.run(
        *("vault", "import", "--config", "consumer-vault/vault.toml", "--name", "labels", "--file", "labels.csv"),
        *("--identifier", "customer", "--namespace", NAMESPACE, "--column", "label", "--own"),
    )
    tables = {"consumer": ("labels", "customer,label")}
    return Labelled(consortium.offering("model-evaluation", "evaluation", "PSI,MPC", ["north"], 2, tables), labels)


def steps(consortium: LiveConsortium, who: str, job: str) -> list[Any]:
    raw = consortium.ask(who, f"/v1/jobs/{job}/trail").content
    return list(parse(SignedEvidence, raw, limit=1 << 24).evidence.steps)


def nothing_left(consortium: LiveConsortium) -> None:
    for member in consortium.made.members.values():
        assert list((member.folder / "engine").iterdir()) == []


@pytest.mark.slow  # the engine's own tests have all three by default, jobs have the recipe on the small engine
@pytest.mark.parametrize("protocol", ["ecdh", "rr22", "kkrt"])
def test_exactly_the_consenting_customers_match(offering_consortium: LiveConsortium, protocol: str) -> None:
    made = offering_consortium.made
    provider = {"address": made.members["north"].address, "offer": made.offers["north"], "reward": "7"}
    parameters = {
        **CUSTOMER,
        "psi": protocol,
        "receiver": "both" if protocol == "kkrt" else "provider",
    }
    job, found = offering_consortium.result(recipe="match", engine="spu", parameters=parameters, providers=[provider])
    consenting = {g.subject for g in offering_consortium.given if not g.ended}
    assert (
        [row["customer"] for row in found["rows"]]
        == [c for c in offering_consortium.customers if c in consenting]
        != []
    )
    report = offering_consortium.audited(job)
    assert report["verdict"] == "intact"
    assert any(note.startswith("disclosed-in-protocol: ") for note in report["notes"])
    for who in ("north", "consumer"):
        start = next(step for step in steps(offering_consortium, who, job) if step.name == "psi-start")
        assert start.protocol == f"psi.{protocol}/1"
        assert str(start.parameters["engine"]).startswith("spu ")
    nothing_left(offering_consortium)


def test_levels_and_nothing_else(ladder: LiveConsortium) -> None:
    """The consumer gets each customer's band; no party ever holds a total, and the trail says what ran."""
    totals = ladder.expected()
    job, found = ladder.result(engine="spu", parameters=LEVELS)
    bands = {customer: str(sum(total >= edge for edge in EDGES)) for customer, total in totals.items()}
    assert {row["customer"]: row["level"] for row in found["rows"]} == bands
    assert len(set(bands.values())) > 2
    assert all(set(row) == {"customer", "level"} for row in found["rows"])
    assert ladder.audited(job)["verdict"] == "intact"
    for who in PROVIDERS:
        names = [step.name for step in steps(ladder, who, job)]
        assert names == ["open-accounts", "psi-place", "levels-start", "levels", "mask-output"]
        start = next(step for step in steps(ladder, who, job) if step.name == "levels-start")
        assert start.parameters["protocol"] == "aby3"
        assert start.parameters["engine"].startswith("spu ")
        assert {exchange.tag for exchange in start.sent} == {"spu.rows", "spu.address"}
    nothing_left(ladder)
    told = json.dumps(found)
    assert not any(str(total) in told for total in totals.values() if abs(total) > 1000)


@pytest.mark.slow
def test_two_providers_compute_by_cheetah(ladder: LiveConsortium) -> None:
    made = ladder.made
    providers = [
        {"address": made.members[k].address, "offer": made.offers[k], "reward": "5"} for k in ("north", "south")
    ]
    _, found = ladder.result(engine="spu", parameters=LEVELS | {"protocol": "cheetah"}, providers=providers)
    totals = ladder.expected(("north", "south"))
    assert {row["customer"]: int(row["level"]) for row in found["rows"]} == {
        customer: sum(total >= edge for edge in EDGES) for customer, total in totals.items()
    }


def test_an_offer_for_levels_gives_no_totals(ladder: LiveConsortium) -> None:
    answer = ladder.ask("consumer", "/v1/jobs", method="POST", body=ladder.made.request())
    assert answer.json()["code"] == "consent.output"


def test_an_offer_for_totals_gives_no_levels(_installed: None, consortium: LiveConsortium) -> None:
    wanted = consortium.made.request(engine="spu", parameters=LEVELS)
    assert consortium.ask("consumer", "/v1/jobs", method="POST", body=wanted).json()["code"] == "consent.output"


STATISTICS = {"spu": "cheetah", "embedded": "garbled"}


def statistics(survey: LiveConsortium, smallest: int, engine: str = "spu") -> dict[str, Any]:
    made = survey.made
    return {
        "recipe": "match-statistics",
        "engine": engine,
        "parameters": {
            **CUSTOMER,
            "value": "balance",
            "smallest_group": smallest,
            "protocol": STATISTICS[engine],
        },
        "providers": [{"address": made.members["north"].address, "offer": made.offers["north"], "reward": "7"}],
    }


@pytest.mark.parametrize("engine", ["spu", "embedded"])
def test_statistics_over_matches_that_nobody_learns(survey: LiveConsortium, engine: str) -> None:
    """Count, sum and mean from the smallest group on, as in the clear."""
    consenting = {g.subject for g in survey.given if not g.ended}
    values = [survey.balances["north"][c] for c in survey.customers if c in consenting]
    assert 3 < len(values) < len(consenting) < len(survey.customers)

    job, found = survey.result(**statistics(survey, len(values), engine))
    assert (found["rows"], found["disclosed_in_protocol"]) == ([], [])
    mean = str((Decimal(sum(values)) / len(values)).quantize(Decimal("1.000000")))
    told = {"too_few": False, "smallest_group": len(values)}
    assert found["report"] == {**told, "count": len(values), "sum": str(sum(values)), "mean": mean}
    report = survey.audited(job)
    assert report["verdict"] == "intact"
    assert not any(note.startswith("disclosed-in-protocol") for note in report["notes"])
    for who, opened, last in (
        ("north", "open-accounts", "mask-output"),
        ("consumer", "open-customers", "receive-masked"),
    ):
        trail = steps(survey, who, job)
        assert [step.name for step in trail] == [opened, "statistics-start", "statistics", last]
        protocol = f"psi.circuit.{STATISTICS[engine]}/1"
        assert (trail[1].protocol, trail[1].parameters["smallest_group"]) == (protocol, len(values))
        if engine == "spu":
            assert {exchange.tag for exchange in trail[1].sent} == {"spu.rows", "spu.address"}
            assert (trail[2].sent, trail[2].received) == ((), ())
            continue
        assert {exchange.tag for exchange in trail[1].sent} == {"garbled.rows"}
        crossed = {exchange.tag for exchange in (*trail[2].sent, *trail[2].received)}
        assert crossed > {"ot.extend", "oprf.columns", "opprf.store", "garbled.tables", "garbled.labels"}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["spu", "embedded"])
def test_of_one_match_too_few_nothing_is_told(survey: LiveConsortium, engine: str) -> None:
    consenting = {g.subject for g in survey.given if not g.ended}
    smallest = sum(c in consenting and c in survey.balances["north"] for c in survey.customers) + 1
    job, found = survey.result(**statistics(survey, smallest, engine))
    assert found["report"] == {"too_few": True, "smallest_group": smallest}
    assert "statistics" in [step.name for step in steps(survey, "north", job)]
    assert survey.audited(job)["verdict"] == "intact"
    nothing_left(survey)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["spu", "embedded"])
def test_lists_that_are_too_short_for_statistics(survey: LiveConsortium, engine: str) -> None:
    """Both know the numbers of rows, so nothing runs."""
    job, found = survey.result(**statistics(survey, len(survey.customers) + 1, engine))
    assert found["report"] == {"too_few": True, "smallest_group": len(survey.customers) + 1}
    names = [step.name for step in steps(survey, "north", job)]
    assert names == ["open-accounts", "statistics-start", "mask-output"]
    assert survey.audited(job)["verdict"] == "intact"


def test_statistics_of_fewer_than_the_offer_says(survey: LiveConsortium) -> None:
    wanted = survey.made.request(**statistics(survey, 2))
    assert survey.ask("consumer", "/v1/jobs", method="POST", body=wanted).json()["code"] == "consent.output"


def test_statistics_by_a_protocol_that_the_engine_does_not_have(survey: LiveConsortium) -> None:
    wanted = survey.made.request(**statistics(survey, 3) | {"engine": "embedded"})
    assert survey.ask("consumer", "/v1/jobs", method="POST", body=wanted).json()["code"] == "plan.engine"


PAIR = {"values": ["balance", "balance"], "statistics": ["larger", "sums"]}
GROUPS = {"group": "branch", "groups": ["sea", "city", "river"], "value": "balance"}


def mean_of(values: list[int]) -> str:
    return str((Decimal(sum(values)) / len(values)).quantize(Decimal("1.000000")))


@pytest.mark.slow
def test_statistics_over_whom_both_providers_have(pool: Pool) -> None:
    """Exactly the plaintext."""
    consortium, both = pool.consortium, pool.both
    values = [[consortium.balances[key][who] for who in both] for key in ("fund", "south")]
    job, found = consortium.result(**pool.asked("fund", "south", **PAIR))
    assert (found["rows"], found["disclosed_in_protocol"]) == ([], [])
    larger = sum(one > other for one, other in zip(*values, strict=True))
    assert 2 <= larger <= len(both) - 2
    assert found["report"] == {
        "too_few": False,
        "smallest_group": 2,
        "count": len(both),
        "sums": [str(sum(side)) for side in values],
        "means": [mean_of(side) for side in values],
        "larger": larger,
    }
    assert consortium.audited(job)["verdict"] == "intact"
    for who in ("fund", "south"):
        trail = steps(consortium, who, job)
        assert [step.name for step in trail] == ["open-accounts", "psi-place", "joint-start", "joint", "mask-output"]
        assert trail[2].protocol == "mpc.joint.cheetah/1"
        assert {exchange.tag for exchange in trail[2].sent} == {"spu.rows", "spu.address"}
    assert [step.name for step in steps(consortium, "consumer", job)][1] == "psi-arrange"
    nothing_left(consortium)


@pytest.mark.slow
def test_statistics_by_one_providers_groups_over_the_others_values(pool: Pool) -> None:
    consortium, both = pool.consortium, pool.both
    city = [consortium.balances["south"][who] for who in both if pool.branches[who] == "city"]
    assert len(city) >= 2
    assert {pool.branches[who] for who in both} == set(BRANCHES)
    job, found = consortium.result(**pool.asked("fund", "south", **GROUPS))
    assert found["report"] == {
        "too_few": False,
        "smallest_group": 2,
        "groups": [
            {"group": "sea", "too_few": True},
            {"group": "city", "too_few": False, "count": len(city), "sum": str(sum(city)), "mean": mean_of(city)},
            {"group": "river", "too_few": True},
        ],
    }
    assert consortium.audited(job)["verdict"] == "intact"
    nothing_left(consortium)


@pytest.mark.slow  # by default tests/jobs/test_agreement.py and tests/recipes/joint_statistics refuse such plans
@pytest.mark.parametrize(
    ("providers", "changes", "code"),
    [
        (["south", "fund"], {}, "consent.columns"),
        (["fund", "south"], {"smallest_group": 1}, "plan.parameters"),
        (["fund", "south"], {**PAIR, "statistics": ["product"]}, "consent.output"),
        (["fund"], {}, "plan.roles"),
    ],
)
def test_statistics_that_no_offer_gives(pool: Pool, providers: list[str], changes: dict[str, Any], code: str) -> None:
    """South has offered no branches; nor has anybody groups of one, or products."""
    form = {} if "values" in changes else GROUPS
    wanted = pool.consortium.made.request(**pool.asked(*providers, **form | changes))
    assert pool.consortium.ask("consumer", "/v1/jobs", method="POST", body=wanted).json()["code"] == code


@pytest.mark.slow  # its parts meet in memory in tests/recipes/model_evaluation, its circuit in tests/protocols
def test_an_evaluation_tells_what_the_table_in_the_clear_does(labelled: Labelled) -> None:
    """Bands of two of either label at the least, and the AUC by ranks."""
    consortium, counted = labelled.consortium, labelled.counted
    scores, labels = [consortium.balances["north"][who] for who in counted], [labelled.labels[who] for who in counted]
    edges = equal_edges(0, 5_000_000, 8)
    whole = tally(edges, scores, labels)
    places = kept_places([whole.positives, whole.negatives], 2, (0, 8))
    assert len(places) > 2, "a table of one band has no edge"
    job, found = consortium.result(**labelled.asked(range=["0", "5000000"], bands=8, auc="exact"))
    assert (found["rows"], found["disclosed_in_protocol"]) == ([], [])
    report = found["report"]
    assert (report["too_few"], report["people"], report["positives"]) == (False, len(counted), sum(labels))
    assert [band["positives"] for band in report["bands"]] == list(merged(whole.positives, places))
    assert [band["people"] for band in report["bands"]] == list(merged(whole.counts, places))
    assert abs(float(report["metrics"]["auc"]) - area(scores, labels)) <= 1e-6
    assert consortium.audited(job)["verdict"] == "intact"
    assert [step.name for step in steps(consortium, "north", job)] == [
        *("open-accounts", "psi-place", "evaluate-start", "evaluate", "mask-output")
    ]
    nothing_left(consortium)


def area(scores: list[int], labels: list[int]) -> float:
    """The share of pairs in which label 1 has the higher score, equal ones by half."""
    ones, zeros = ([s for s, label in zip(scores, labels, strict=True) if label == one] for one in (1, 0))
    higher = [(one > zero) + (one == zero) / 2 for one in ones for zero in zeros]
    return sum(higher) / len(higher)


@pytest.mark.slow
def test_two_providers_with_a_part_of_the_score_each_are_judged_by_aby3(labelled: Labelled) -> None:
    """Whom both have counts, by the sum of what they have; the AUC is by ranks, which nobody knows."""
    tables = {"consumer": ("labels", "customer,label")}
    consortium = labelled.consortium.offering(
        "model-evaluation", "evaluation", "PSI,MPC", ["north", "south"], 2, tables
    )
    asked = Labelled(consortium, labelled.labels).asked(
        edges=["3000000", "5000000", "7000000"], protocol="aby3", auc="exact"
    )
    south = {
        "address": consortium.made.members["south"].address,
        "offer": consortium.made.offers["south"],
        "reward": "5",
    }
    held = [{given.subject for given in consortium.given if given.provider == key} for key in ("north", "south")]
    counted = [customer for customer in consortium.customers if customer in held[0] & held[1]]
    scores = [consortium.balances["north"][who] + consortium.balances["south"][who] for who in counted]
    whole = tally([3_000_000, 5_000_000, 7_000_000], scores, [labelled.labels[who] for who in counted])
    places = kept_places([whole.positives, whole.negatives], 2, (0, 4))
    job, found = consortium.result(**asked | {"providers": [*asked["providers"], south]})
    assert found["report"]["people"] == len(counted)
    exact, metrics = area(scores, [labelled.labels[who] for who in counted]), found["report"]["metrics"]
    assert (metrics["auc_by"], abs(float(metrics["auc"]) - exact) <= 1e-6) == ("ranks", True)
    assert [band["people"] for band in found["report"]["bands"]] == list(merged(whole.counts, places))
    assert [band["positives"] for band in found["report"]["bands"]] == list(merged(whole.positives, places))
    assert consortium.audited(job)["verdict"] == "intact"
    nothing_left(consortium)


@pytest.mark.slow  # what any offer and recipe refuse, tests/lawful asks of all
def test_an_evaluation_beyond_the_offer_is_refused(labelled: Labelled) -> None:
    """Smaller groups than the owners were shown; another column than the offer holds."""
    for changes, code in (({"smallest_group": 1}, "plan.parameters"), ({"score": "income"}, "consent.columns")):
        wanted = labelled.consortium.made.request(**labelled.asked(**{"edges": ["0"]} | changes))
        assert labelled.consortium.ask("consumer", "/v1/jobs", method="POST", body=wanted).json()["code"] == code


def test_a_score_that_moved_since_training_raises_an_alarm(survey: LiveConsortium) -> None:
    """North counts its own matches; at training almost all were in the lower band."""
    held = {given.subject for given in survey.given}
    values = [survey.balances["north"][customer] for customer in survey.customers if customer in held]
    middle = sorted(values)[len(values) // 2]
    column = {"column": "balance", "edges": [str(middle)], "reference": [99, 1]}
    provider = {"address": survey.made.members["north"].address, "offer": survey.made.offers["north"], "reward": "5"}
    job, found = survey.result(
        recipe="model-stability", parameters=CUSTOMER | {"columns": [column], "smallest_group": 3}, providers=[provider]
    )
    (report,) = found["report"]["columns"]
    assert [band["people"] for band in report["bands"]] == [len(values) // 2, len(values) - len(values) // 2]
    assert found["report"]["moved"] == ["balance"]
    events = [
        json.loads(line.removeprefix("data: "))
        for line in survey.ask("consumer", f"/v1/jobs/{job}/events").text.splitlines()
        if line.startswith("data: ")
    ]
    assert [event["moved"] for event in events if event["status"] == "alarm"] == [["balance"]]
    assert survey.audited(job)["verdict"] == "intact"


@dataclass
class Modelled:
    """The consortium under offers for scorecards: what customers consent to at the consumer's own node too, where every
    second one is labelled 1 and rows are of the periods 1 (train) to 3 (test)."""

    consortium: LiveConsortium
    labels: dict[str, int]
    periods: dict[str, int]
    ages: dict[str, int | None]

    def rows(self, period: int) -> list[str]:
        return [who for who, one in self.periods.items() if one == period]

    def asked(self, *providers: str, **parameters: Any) -> dict[str, Any]:
        made, roles = self.consortium.made, ("first-provider", "second-provider", "third-provider")
        fitted = {
            "label": "label",
            "features": {role: [{"column": "balance", "bins": 3}] for role in roles[: len(providers)]}
            | {"consumer": [{"column": "age", "bins": 2}]},
            "split": {"column": "period", "train_until": 1, "validation_until": 2},
            "join": "any",
            "smallest_group": 2,
            "protocol": "aby3" if len(providers) > 1 else "cheetah",
        }
        return {
            "recipe": "joint-scorecard",
            "engine": "spu",
            "parameters": CUSTOMER | fitted | parameters,
            "providers": [
                {"address": made.members[k].address, "offer": made.offers[k], "reward": "5"} for k in providers
            ],
            "own": {"offer": made.offers["consumer"]},
        }


@pytest.fixture(scope="module")
def modelled(_installed: None, consortium: LiveConsortium) -> Modelled:
    people = [who for who in consortium.customers if who in consortium.made.codes and who not in consortium.silent]
    labels = {who: number % 2 for number, who in enumerate(people)}
    periods = {who: 1 + (number >= 8) + (number >= 10) for number, who in enumerate(people)}
    ages = {who: None if number % 5 == 0 else 20 + number for number, who in enumerate(people)}
    lines = [("customer", "label", "period", "age"), *((w, labels[w], periods[w], ages[w] or "") for w in people)]
    (consortium.made.folder / "training.csv").write_bytes(written(lines))
    consortium.made.run(
        *("vault", "import", "--config", "consumer-vault/vault.toml", "--name", "training", "--file", "training.csv"),
        *("--identifier", "customer", "--namespace", NAMESPACE, "--column", "label", "--column", "period"),
        *("--column", "age:optional-number"),
    )
    tables = {"consumer": ("training", "customer,label,period,age")}
    providers = ["north", "south", "fund"]
    offered = consortium.offering(
        "joint-scorecard,joint-linear", "model", "PSI,MPC,FL", providers, 2, tables, own=False
    )
    offered.give_many([("consumer", who, 1000, LASTING) for who in people])
    return Modelled(offered, labels, periods, ages)


def in_the_clear(modelled: Modelled, providers: list[str], program: ScorecardTrain) -> Fitted:
    """The scorecard of the rows of the first period."""
    consortium, people = modelled.consortium, modelled.rows(1)
    columns = []
    for key in providers:
        consenting = {given.subject for given in consortium.given if given.provider == key}
        held = {who: balance for who, balance in consortium.balances[key].items() if who in consenting}
        columns.append((fit_bins([*held.values()], "number", 3, least=2), [held.get(who) for who in people]))
    columns.append((fit_bins([*modelled.ages.values()], "number", 2, least=2), [modelled.ages[who] for who in people]))
    codes = np.stack([bins.codes(values) for bins, values in columns], axis=1)
    labels = np.array([modelled.labels[who] for who in people])
    cells = [FitColumn(column.cells) for column in program.columns]
    made = fit(codes, labels, cells, scale=program.scale, smallest=2, steps=program.steps, l2=program.l2 / 1000)
    assert made is not None
    return made


@pytest.mark.slow
@pytest.mark.parametrize("providers", [["north"], ["north", "south"], ["north", "south", "fund"]], ids=len)
def test_a_scorecard_is_the_one_in_the_clear(modelled: Modelled, providers: list[str]) -> None:
    """With three providers, of whom one does not compute, there is a pot that all divide by what each contributed."""
    consortium, pot = modelled.consortium, 1000 if len(providers) == 3 else 0
    rule: dict[str, Any] = {}
    if pot:
        split = {"column": "period", "train_until": 1, "validation_until": 1}
        rule = {"payout_rule": "shapley", "label_share": 100_000, "split": split}
    job, found = consortium.result(**modelled.asked(*providers, **rule), pot=str(pot))
    report = found["report"]
    contributed = report.get("contribution")
    assert (contributed is not None) == bool(pot)
    if pot:
        told = {key: contributed[key] for key in ("metric", "coalitions")}
        contribution = parse(Contribution, told)
        assert len(contribution.table) == 16 and contribution.table[frozenset()] == 500_000
        shares = divide(pot, Division("shapley", 3, 100_000), contribution, 4)
        assert contributed["payouts"] == [str(share) for share in shares]
        assert set(contribution.table.values()) != {500_000}, "enough of either label test"
        assert tuple(consortium.chain.payout(from_hex(job), party) for party in range(4)) == shares
        for who in consortium.made.members:
            (step,) = [step for step in steps(consortium, who, job) if step.protocol == PROTOCOL]
            assert step.parameters == told
    assert (found["rows"], found["disclosed_in_protocol"], report["too_few"]) == ([], [], False)
    periods = ((1,), (), (2, 3)) if pot else ((1,), (2,), (3,))
    sizes = {name: sum(map(len, map(modelled.rows, own))) for name, own in zip(report["rows"], periods, strict=True)}
    assert report["rows"] == sizes
    card = parse(Scorecard, report["scorecard"])
    assert report["commitment"] == to_hex(card.commitment)
    roles = ("first-provider", "second-provider", "third-provider")[: len(providers)]
    assert [one.party for one in card.columns] == [*roles, "consumer"]
    parameters = SCORECARD.parse(modelled.asked(*providers)["parameters"])
    program = program_of(parameters, (*roles, "consumer"), RowParts(*sizes.values()))
    clear = in_the_clear(modelled, providers, program)
    assert report["fitted"] == {"people": clear.people, "positives": clear.positives}
    most = 1 if len(providers) > 1 else 8
    assert abs(card.base - clear.base) <= most
    for one, points in zip(card.columns, clear.points, strict=True):
        assert max(abs(a - b) for a, b in zip(one.points, points, strict=True)) <= most
    assert consortium.audited(job)["verdict"] == "intact"
    nothing_left(consortium)


@pytest.mark.slow  # its parts and its report in tests/recipes/joint_linear, its circuit in tests/protocols/spu
@pytest.mark.parametrize("providers", [["north"], ["north", "south", "fund"]], ids=len)
def test_a_linear_model_is_the_one_in_the_clear(modelled: Modelled, providers: list[str]) -> None:
    consortium, roles = modelled.consortium, ("first-provider", "second-provider", "third-provider")[: len(providers)]
    asked = modelled.asked(*providers)
    asked["recipe"] = "joint-linear"
    asked["parameters"] |= {
        "features": {role: [{"column": "balance", "missing": "usual"}] for role in roles}
        | {"consumer": [{"column": "age"}]},
        "steps": 8,
    }
    job, outcome = consortium.result(**asked)
    report = outcome["report"]
    assert (outcome["rows"], outcome["disclosed_in_protocol"], report["too_few"]) == ([], [], False)
    model = parse(LinearModel, report["linear"])
    assert report["commitment"] == to_hex(model.commitment)
    assert [one.party for one in model.columns] == [*roles, "consumer"]
    program = linear_program(LINEAR.parse(asked["parameters"]), (*roles, "consumer"), RowParts(**report["rows"]))
    people = [who for period in (1, 2, 3) for who in modelled.rows(period)]
    brought = []
    for owner, (key, column) in enumerate(zip(providers, model.columns, strict=False)):
        consenting = {given.subject for given in consortium.given if given.provider == key}
        held = {who: balance for who, balance in consortium.balances[key].items() if who in consenting}
        prepared = fit_number([*held.values()], "usual", clip=None, least=2)
        assert column.prepared == prepared
        there = np.array([who in held for who in people])
        brought.append(program.whole(owner, prepared.prepare([held.get(who) for who in people]), there))
    ages = fit_number([*modelled.ages.values()], "own", clip=None, least=2)
    assert model.columns[-1].prepared == ages
    labels = np.array([modelled.labels[who] for who in people], dtype=np.float64)
    everybody = np.ones(len(people), bool)
    own = program.whole(len(roles), ages.prepare([modelled.ages[who] for who in people]), everybody, labels)
    for owner in program.shared:
        brought[0] = np.concatenate([brought[0], np.zeros_like(brought[owner])], axis=1)
        brought[1] = np.concatenate([brought[1], brought[owner]], axis=1)
    expected = program.opened(program.compute([*brought[:2][: len(roles)], own]))
    told = [float(one) for column in model.columns for one in column.coefficients]
    steps_off = np.array([*told, float(model.intercept)]) * 2**program.step_bits - expected.coefficients
    assert any(told) and np.abs(steps_off).max() <= (1 if len(providers) > 1 else 3)
    train = labels[: report["rows"]["train"]]
    assert report["fitted"] == {"people": len(train), "positives": int(train.sum())}
    assert consortium.audited(job)["verdict"] == "intact"
    nothing_left(consortium)
