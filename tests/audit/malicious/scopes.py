"""Jobs that offers do not cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator import Simulation

from declaring import CUSTOMER
from malicious.lies import A, B, C, malicious
from placet.audit.bundle import Bundle
from placet.core.offers import Scope, Subjects
from placet.core.plan import Terms


class Declared(Simulation):
    """All sign what one of them wrote; the second provider's people were shown something else, or nobody was."""

    terms_changed: dict[str, Any] = {}  # noqa: RUF012 - never changed
    plan_changed: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def make_terms(self, fields: dict[str, Any]) -> Terms:
        return super().make_terms({**fields, **self.terms_changed})

    def make_plan(self, fields: dict[str, Any]) -> Any:
        return super().make_plan({**fields, **self.plan_changed})


def declaring(terms: dict[str, Any], plan: dict[str, Any] | None = None) -> Callable[[], Bundle]:
    return lambda: type("Liar", (Declared,), {"terms_changed": terms, "plan_changed": plan or {}})().bundle()


@malicious("plan.scope", A, B, C)
def a_value_column_that_no_scope_has() -> Bundle:
    return declaring({"parameters": {**CUSTOMER, "value": "income"}})()


class OwnTable(Simulation):
    """The second provider registers its table of persons as its own, writes its scope so, and brings all of it under
    one consent of its own, which the plan names."""

    def make_scope(self, provider: int) -> Scope:
        scope = super().make_scope(provider)
        return scope.model_copy(update={"personal": False}) if provider == 1 else scope

    def subjects(self, provider: int) -> Subjects:
        return Subjects.OWN if provider == 1 else super().subjects(provider)


class ByLevels(Simulation):
    """Levels at 100 and 250; the second provider's people were told of levels no closer than `gap`."""

    gap = 50

    def make_terms(self, fields: dict[str, Any]) -> Any:
        levels = {"edges": ["100", "250"], "bound": "1000", "protocol": "aby3"}
        return super().make_terms({**fields, "engine": "spu", "parameters": {**fields["parameters"], **levels}})

    def make_scope(self, provider: int) -> Any:
        gap = {"smallest_gap": self.gap} if provider == 1 else {}
        return super().make_scope(provider).model_copy(update={"output": "level", **gap})


@malicious("plan.scope", B)
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


@malicious("plan.scope", A)
def statistics_over_fewer_than_the_scope() -> Bundle:
    class Fewer(Statistics):
        group = 6

    return Fewer().bundle()


@malicious("plan.scope", B)
def joint_statistics_over_fewer_than_the_scope() -> Bundle:
    class Fewer(JointStatistics):
        group = 6

    return Fewer().bundle()
