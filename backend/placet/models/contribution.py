"""What each party's columns add to a model, and how a pot is divided by it.

The job measures the model's metric for coalitions of parties, on rows that nobody trained on, and records the table as
a step of the protocol `contribution/1`. From that table and the plan everything here follows in whole numbers, so that
each party, the contract's callers and the audit come to the same payouts.

By `shapley` a party's value is its mean addition over all orders in which the parties may come together (L. S. Shapley,
"A value for n-person games", 1953): what all add together is divided without a rest, two who add the same get the same,
and who adds nothing gets nothing. It takes every coalition, so it is for `MAX_SHAPLEY` parties at the most. By
`leave-one-out` a value is what the model loses without the party: one coalition a party, but two whose columns overlap
both look worthless."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator

from placet.core.errors import ProtocolError
from placet.core.plan import MAX_PARTIES
from placet.core.trail import Step
from placet.core.values import Name, Value

PROTOCOL = "contribution/1"
"""Of the step whose parameters are a `Contribution`."""
MAX_SHAPLEY = 5
COALITION_BANDS = 32
"""By which a coalition's scores are counted where its AUC is computed on shares."""
METRIC_UNIT = 1_000_000
"""A metric of 1 in the whole numbers of a table: an AUC of 0.7654 is 765,400."""
SHARE_UNIT = 1_000_000
"""A share of the whole pot in the whole numbers of a plan."""

PayoutRule = Literal["shapley", "leave-one-out"]
Table: TypeAlias = Mapping[frozenset[int], int]
"""A coalition of parties to the model's metric with their columns alone; the empty one knows nothing."""
Number = Annotated[int, Field(ge=0, lt=MAX_PARTIES, strict=True)]


@dataclass(frozen=True, slots=True)
class Division:
    """What plan and terms say of the pot: by which rule, and which part of it (in millionths) goes to the party that
    holds the label, without whom there is no model. What is left is divided by the values."""

    rule: PayoutRule
    label_holder: int
    label_share: int = 0


class Coalition(Value):
    """Some parties, by their numbers, ascending, and the metric of a model of their columns alone (in millionths)."""

    parties: Annotated[tuple[Number, ...], Field(max_length=MAX_PARTIES)]
    metric: Annotated[int, Field(gt=-(2**53), lt=2**53, strict=True)]

    @model_validator(mode="after")
    def _ascending(self) -> Coalition:
        if list(self.parties) != sorted(set(self.parties)):
            raise ValueError("a coalition has each party once, ascending")
        return self


class Contribution(Value):
    """The public parameters of the step: of which metric, and its value for each coalition, smallest coalitions
    first."""

    metric: Name
    coalitions: Annotated[tuple[Coalition, ...], Field(min_length=2, max_length=2**MAX_SHAPLEY)]

    @model_validator(mode="after")
    def _in_order(self) -> Contribution:
        order = [(len(one.parties), one.parties) for one in self.coalitions]
        if order != sorted(set(order)):
            raise ValueError("each coalition stands once, the smallest first")
        return self

    @classmethod
    def of(cls, metric: str, table: Table) -> Contribution:
        """In the one order in which it is recorded."""
        rows = sorted((len(parties), tuple(sorted(parties)), value) for parties, value in table.items())
        return cls(metric=metric, coalitions=tuple(Coalition(parties=p, metric=v) for _, p, v in rows))

    @property
    def table(self) -> dict[frozenset[int], int]:
        return {frozenset(one.parties): one.metric for one in self.coalitions}


def coalitions_of(rule: PayoutRule, players: Iterable[int]) -> list[frozenset[int]]:
    """The coalitions that a rule needs of so many players, the smallest first."""
    everybody = frozenset(players)
    sizes = range(len(everybody) + 1) if rule == "shapley" else (len(everybody) - 1, len(everybody))
    return [frozenset(one) for size in sizes for one in combinations(sorted(everybody), size)]


def shapley(table: Table) -> dict[int, Fraction]:
    """Each party's Shapley value, in the metric's millionths. ProtocolError unless the table has every coalition."""
    players = _players("shapley", table)
    n = len(players)
    if n > MAX_SHAPLEY:
        raise ProtocolError(
            "too many parties for a Shapley value",
            expected=f"at most {MAX_SHAPLEY}",
            found=n,
            code="contribution.table",
        )
    return {
        player: sum(
            (
                Fraction(math.factorial(len(others)) * math.factorial(n - len(others) - 1), math.factorial(n))
                * (table[others | {player}] - table[others])
                for others in coalitions_of("shapley", players - {player})
            ),
            Fraction(0),
        )
        for player in sorted(players)
    }


def leave_one_out(table: Table) -> dict[int, Fraction]:
    """What all lose without each party, in the metric's millionths. ProtocolError where a coalition is missing."""
    players = _players("leave-one-out", table)
    return {player: Fraction(table[players] - table[players - {player}]) for player in sorted(players)}


def _players(rule: PayoutRule, table: Table) -> frozenset[int]:
    players = frozenset[int]().union(*table)
    if missing := [sorted(one) for one in coalitions_of(rule, players) if one not in table]:
        raise ProtocolError(
            "the metric of a coalition is missing",
            expected=f"all that {rule} needs of the parties {sorted(players)}",
            found=f"none of {missing[:4]}",
            code="contribution.table",
        )
    return players


RULES = {"shapley": shapley, "leave-one-out": leave_one_out}


def payouts(pot: int, values: Mapping[int, Fraction]) -> dict[int, int]:
    """The pot in proportion to the values, of which a negative one counts as nothing: whole units, by the largest
    remainders, of equal ones the party with the smaller number. All of the pot, or nothing where no value is
    positive."""
    floored = {party: max(value, Fraction(0)) for party, value in sorted(values.items())}
    total = sum(floored.values())
    if not total:
        return dict.fromkeys(floored, 0)
    exact = {party: pot * value / total for party, value in floored.items()}
    whole = {party: math.floor(share) for party, share in exact.items()}
    rest = pot - sum(whole.values())
    for party in sorted(exact, key=lambda one: (whole[one] - exact[one], one))[:rest]:
        whole[party] += 1
    return whole


def divide(pot: int, division: Division, contribution: Contribution, parties: int) -> tuple[int, ...]:
    """Each party's share of a pot, in the plan's order. ProtocolError for a table that does not fit rule or parties."""
    values = RULES[division.rule](contribution.table)
    if strangers := [one for one in values if one >= parties]:
        raise ProtocolError(
            "a coalition of parties that the plan does not have",
            expected=f"0 to {parties - 1}",
            found=strangers,
            code="contribution.table",
        )
    fixed = pot * division.label_share // SHARE_UNIT
    shares = payouts(pot - fixed, values)
    return tuple(shares.get(one, 0) + (fixed if one == division.label_holder else 0) for one in range(parties))


def sealed_payouts(pot: int, division: Division | None, steps: Iterable[Step], parties: int) -> tuple[int, ...]:
    """What the seal of an attempt says of the pot, by the steps of any of its parties: nothing without a pot.
    ProtocolError `contribution.record` unless there is a rule, and the one record that it needs."""
    if not pot:
        return (0,) * parties
    records = [step.parameters for step in steps if step.protocol == PROTOCOL]
    if division is None or len(records) != 1:
        raise ProtocolError(
            "the pot can't be divided",
            expected="a recipe that divides one, and one record of what each party contributed",
            found="no rule" if division is None else f"{len(records)} records",
            code="contribution.record",
        )
    try:
        contribution = Contribution.model_validate(records[0])
    except ValidationError as error:
        raise ProtocolError(
            "the record of what each party contributed is malformed",
            found=str(error.errors(include_url=False, include_input=False)[0]["msg"])[:200],
            code="contribution.record",
        ) from None
    return divide(pot, division, contribution, parties)
