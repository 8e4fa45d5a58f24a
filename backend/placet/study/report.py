"""A study's report for whom it has to convince: what was asked, who gave what, how good and how much worth it is, what
was paid, what an auditor says, and what none of it proves. A page without scripts; its template escapes every value."""

from __future__ import annotations

import datetime
import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from placet.catalogue import value_of_data
from placet.catalogue.spec import CONSUMER, describe
from placet.core.pages import template
from placet.core.purposes import PURPOSES
from placet.study.charts import Bars, Chart, IntervalBar, Series, curves, histogram, intervals, nested
from placet.study.judgement import StudyJudgement, TableFacts
from placet.study.limits import limits
from placet.study.model_facts import Curves, ModelFacts
from placet.study.outcome import StudyOutcome
from placet.study.style import CSS
from placet.study.tables import StudyData
from placet.study.worth_rows import WORTH, WorthRow, worth_rows

MAX_PARAMETER = 300
MAX_COLUMNS = 24
BINS = 24
"""Of the chart of scores."""


@dataclass(frozen=True)
class Tile:
    """A number that a hurried reader takes away."""

    figure: str
    words: str
    key: bool = False


@dataclass(frozen=True)
class PaymentRow:
    """What an institution was promised and got, in the token's smallest unit."""

    name: str
    agreed: int
    paid: int
    share: str


def html(data: StudyData, judgement: StudyJudgement, outcome: StudyOutcome, model: ModelFacts | None = None) -> str:
    """The page."""
    terms = data.terms
    quality = [] if model is None else list(_quality(model))
    return template(
        "placet.study", "report.jinja"
    ).render(
        css=Markup(CSS),  # noqa: S704 - our own style sheet
        study=terms.study,
        spec=terms.spec,
        judgement=judgement,
        outcome=outcome,
        model=model,
        purpose=PURPOSES[terms.study.purpose],
        when=_when(int(outcome.audit["head"]["timestamp"])),
        tiles=list(_tiles(data, judgement, outcome, model)),
        parameters=list(_parameters(data)),
        learned=[(_names(data, role.name), role.learns) for role in terms.spec.roles if _names(data, role.name)],
        tables=list(judgement.tables),
        given=_given(judgement.tables),
        missing=_missing(judgement.tables),
        quality=quality,
        compared=None if model is None else _compared(model),
        results=_results(data, outcome) if model is None else None,
        worth=_worth(data, outcome),
        contribution=None if model is None or not model.shares else _contribution(model),
        payments=list(_payments(outcome, model)),
        checks=_checks(outcome.audit),
        failed=[one for one in outcome.audit["results"] if one["status"] in ("failed", "disputed", "breached")],
        limits=limits(data, outcome, model),
        rule=_rule(outcome),
        columns=[]
        if model is None
        else sorted(model.columns, key=lambda one: -(one.spread or one.gain or one.fall or 0))[:MAX_COLUMNS],
        files=[(name, hashlib.sha256(content).hexdigest()) for name, content in _files(outcome)],
        span=_span(sum(outcome.seconds.values())),
        processor=_span(sum(outcome.processor_seconds.values())),
    )


def _tiles(
    data: StudyData, judgement: StudyJudgement, outcome: StudyOutcome, model: ModelFacts | None
) -> Iterator[Tile]:
    if model is not None and model.joint is not None:
        yield Tile(f"{model.joint.auc.value:.4f}", "AUC of the joint model on the test rows", key=True)
        if model.alone is not None:
            yield Tile(f"{model.alone.auc.value:.4f}", "AUC with the consumer's own columns alone")
        if model.gain is not None:
            yield Tile(f"{model.gain.value:+.4f}", f"gain; 95 % interval {_interval(model)}", key=True)
        if model.joint.curves is not None:
            yield Tile(
                f"{model.joint.curves.reached(0.2):.0%}", "of the positives are in the fifth with the highest scores"
            )
    else:
        if worth := _worth(data, outcome):
            useful = sum(one.words == WORTH for one in worth)
            yield Tile(f"{useful} of {len(worth)}", "columns tell more than noise and chance would", key=True)
        elif outcome.rows:
            yield Tile(f"{len(outcome.rows):,}", "rows of the result", key=True)
        yield Tile(f"{judgement.somewhere:,}", "of the consumer's rows met a row that may be used")
    yield Tile(f"{outcome.consents:,}", "consents, each signed under a key of its own")
    passed = sum(one["status"] == "passed" for one in outcome.audit["results"])
    yield Tile(f"{passed}", f"audit checks passed, {_not_passed(outcome.audit)}")


def _not_passed(audit: Mapping[str, Any]) -> str:
    counts = Counter(one["status"] for one in audit["results"])
    words = [f"{counts[status]} {status}" for status in ("failed", "disputed", "breached", "skipped") if counts[status]]
    return ", ".join(words) or "none failed"


def _interval(model: ModelFacts) -> str:
    gain = model.gain
    return (
        "unknown" if gain is None or gain.low is None or gain.high is None else f"{gain.low:+.4f} to {gain.high:+.4f}"
    )


def _parameters(data: StudyData) -> Iterator[tuple[str, str, str]]:
    words = describe(data.terms.spec.parameters)
    for name, value in data.terms.parameters.to_json().items():
        if name not in ("features", "identifier", "namespace", "label"):
            yield name, _plain(value)[:MAX_PARAMETER], words.get(name, "").removeprefix("optional: ")


def _plain(value: object) -> str:
    """A parameter as people write it: entries by commas, entries that have parts of their own by semicolons."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, list):
        deep = any(isinstance(one, dict) for one in value)
        return "; ".join(map(_plain, value)) if deep else " ".join(map(_plain, value))
    return str(value)


def _names(data: StudyData, role: str) -> str:
    return ", ".join(part.institution.name for part in data.terms.parts.values() if part.role.name == role)


def _given(tables: tuple[TableFacts, ...]) -> Bars:
    rows = [
        (one.name, f"{one.rows:,} / {one.usable:,} / {one.matched:,}", (one.rows, one.usable, one.matched))
        for one in tables
    ]
    names = (("rows", "give"), ("may be used", "use"), ("in the consumer's list", "meet"))
    return nested("Rows of each institution: all, those with a live consent, and of these the consumer's", rows, names)


def _missing(tables: tuple[TableFacts, ...]) -> list[tuple[str, str, float]]:
    """(institution, column, share) of the columns that are most often empty."""
    shares = [(t.name, one.name, one.missing / t.rows) for t in tables for one in t.columns if one.missing]
    return sorted(shares, key=lambda row: -row[2])[:8]


def _quality(model: ModelFacts) -> Iterator[Chart]:
    joint = model.joint
    if joint is None or joint.curves is None:
        return
    alone = None if model.alone is None else model.alone.curves
    both = [("consumer alone", "alone", alone)] if alone is not None else []
    both.append(("joint model", "joint", joint.curves))
    chance = Series("chance", ((0.0, 0.0), (1.0, 1.0)), "chance", dashed=True)
    yield curves(
        "Gains",
        f"Of all positives {joint.curves.reached(0.1):.0%} are in the tenth of people whose score speaks most for 1, "
        f"{joint.curves.reached(0.2):.0%} in the fifth.",
        "people, from those on",
        "positives reached",
        [chance, *(Series(name, one.gains(), tone) for name, tone, one in both)],
    )
    yield curves(
        "ROC",
        f"The area under it is {joint.auc.words}; the largest distance of both distributions (KS) is {joint.ks:.3f}.",
        "negatives reached",
        "positives reached",
        [chance, *(Series(name, one.roc(), tone) for name, tone, one in both)],
    )
    if points := joint.curves.calibration():
        yield _calibration(points)
    yield _distribution(joint.curves)


def _calibration(points: Sequence[tuple[float, float]]) -> Chart:
    most = min(1.0, math.ceil(max(max(x, y) for x, y in points) * 10 + 0.2) / 10)
    line = Series("as expected", ((0.0, 0.0), (most, most)), "chance", dashed=True)
    return curves(
        "Calibration",
        "By groups of equally many people: the share of positives that the score stands for, and the share that there "
        "is. On the line the model can be taken at its word.",
        "expected",
        "observed",
        [line, Series("groups of people", tuple(points), "joint", dots=True)],
        most=most,
    )


def _distribution(drawn: Curves) -> Chart:
    edges = [drawn.lowest + (drawn.highest - drawn.lowest) * place / BINS for place in range(BINS + 1)]
    groups = (("label 0", "alone", drawn.spread(0, BINS)), ("label 1", "joint", drawn.spread(1, BINS)))
    note = (
        "The further apart the two are, the better the score tells them apart. The more to the right, the likelier 1."
    )
    return histogram("Scores of both groups", note, "score", edges, groups, sign=-1 if drawn.turned else 1)


def _compared(model: ModelFacts) -> Bars | None:
    rows = []
    for name, quality, tone in (("Consumer alone", model.alone, "alone"), ("All together", model.joint, "joint")):
        if quality is not None:
            one = quality.auc
            low, high = (None if end is None else end - 0.5 for end in (one.low, one.high))
            rows.append(IntervalBar(name, one.words, one.value - 0.5, low, high, tone))
    if model.gain is not None:
        gain = model.gain
        tone = "minus" if gain.value < 0 else "plus"
        rows.append(
            IntervalBar("Gain", f"{gain.value:+.4f} ({_interval(model)})", gain.value, gain.low, gain.high, tone)
        )
    return intervals("AUC above chance (0.5), with 95 % intervals", rows) if len(rows) > 1 else None


def _results(data: StudyData, outcome: StudyOutcome) -> Chart | None:
    """How totals are distributed, for results that are a number a customer."""
    if not outcome.rows or "total" not in outcome.rows[0]:
        return None
    totals = sorted(float(Decimal(row["total"]).scaleb(-data.terms.decimals)) for row in outcome.rows)
    totals = [total for total in totals if total]
    if len(set(totals)) < 2:
        return None
    low, high = totals[len(totals) // 100], totals[-1 - len(totals) // 100]
    if low == high:
        low, high = totals[0], totals[-1]
    number = min(24, max(4, len(totals) // 2))
    edges = [low + (high - low) * place / number for place in range(number + 1)]
    counts = [0] * number
    for total in totals:
        counts[min(number - 1, max(0, int((total - low) / (high - low) * number)))] += 1
    shares = [count / len(totals) for count in counts]
    note = (
        f"{len(totals):,} customers with a total other than 0; what lies beyond the ends counts in the outermost bars."
    )
    return histogram("Totals", note, "total, in the files' own unit", edges, [("customers", "joint", shares)])


def _worth(data: StudyData, outcome: StudyOutcome) -> list[WorthRow]:
    return worth_rows(outcome.report) if data.terms.spec.name == value_of_data.SPEC.name else []


def _contribution(model: ModelFacts) -> Bars:
    rows = [
        IntervalBar(
            one.party,
            f"{one.value:+.4f}" + ("" if one.left_out is None else f" (left out: {one.left_out:+.4f})"),
            one.value,
            None,
            None,
            "minus" if one.value < 0 else "plus",
        )
        for one in model.shares
    ]
    return intervals("What each party's columns add to the AUC (Shapley value)", rows)


def _payments(outcome: StudyOutcome, model: ModelFacts | None) -> Iterator[PaymentRow]:
    shares = {one.party: f"{one.value:+.4f}" for one in (model.shares if model else ())}
    for party in outcome.audit["parties"]:
        agreed, paid = int(party["reward"]), int(party["paid"])
        if party["role"] != CONSUMER or agreed or paid or party["name"] in shares:
            yield PaymentRow(party["name"], agreed, paid, shares.get(party["name"], ""))


def _rule(outcome: StudyOutcome) -> str:
    """How the money was agreed."""
    if outcome.pot:
        return (
            f"A pot of {outcome.pot:,} is divided by contribution, by the rule of the plan that all signed; the audit "
            "works it out again from the recorded metrics. Agreed are the fixed rewards besides."
        )
    if any(outcome.rewards.values()):
        return "Rewards were fixed in the plan that all signed."
    return "No reward was agreed."


def _checks(audit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(group, how many passed) of the auditor's checks."""
    groups: dict[str, list[str]] = {}
    for one in audit["results"]:
        groups.setdefault(one["group"], []).append(one["status"])
    return [(group, _passed(statuses)) for group, statuses in groups.items()]


def _passed(statuses: list[str]) -> str:
    judged = len(statuses) - statuses.count("skipped")
    return f"{statuses.count('passed')} of {judged} passed" if judged else "nothing to check"


def _files(outcome: StudyOutcome) -> Iterator[tuple[str, bytes]]:
    yield "job.bundle", outcome.bundle
    yield "deployment.json", outcome.deployment
    yield "trust.json", outcome.trust


def _when(timestamp: int) -> str:
    return datetime.datetime.fromtimestamp(timestamp, datetime.UTC).strftime("%d %B %Y")


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
