"""What a job tells at the most, in the words of a scope, so that no owner is shown less than is told; and what it tells
before its release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

MATCH_RECEIVERS = {"provider": ("provider",), "consumer": ("consumer",), "both": ("provider", "consumer")}
"""Who learns the matches inside the protocol of `match`, by its parameter `receiver`."""
SMALLEST_GROUP = 2
"""The least that a job may name as its smallest group."""
_WHOLE = re.compile(r"-?[0-9]{1,39}", re.ASCII)
_GUESSES = "; who received salted hashes can guess at the other's whole list"


@dataclass(frozen=True, slots=True)
class Tells:
    """`output` is a scope's word, `group` the smallest group of people over which anything is told. `within` are the
    roles that learn the result, or a part of it, inside a protocol: before the seal, even where there is none."""

    output: str
    group: int
    within: tuple[str, ...] = ()
    more: str = ""

    @property
    def disclosed(self) -> str | None:
        """For reports; None where nothing of the result is known before the release."""
        if not self.within:
            return None
        return f"disclosed-in-protocol: the result is known to {' and '.join(self.within)}{self.more}"


def tells(recipe: str, parameters: Mapping[str, JsonValue]) -> Tells | None:
    """None for a recipe of which nothing is known, or parameters that it does not take."""
    if recipe == "asset-view":
        return Tells("level" if "edges" in parameters else "total", 1)
    if recipe == "contract-compare":
        return Tells("comparison", 1)
    if recipe in ("match-statistics", "joint-statistics"):
        group, asked = parameters.get("smallest_group"), parameters.get("statistics")
        output = "association" if isinstance(asked, list) and "product" in asked else "aggregate"
        return Tells(output, group) if type(group) is int and group >= SMALLEST_GROUP else None
    receiver = parameters.get("receiver")
    if recipe in ("match", "match-salted-hash") and isinstance(receiver, str) and receiver in MATCH_RECEIVERS:
        return Tells("matches", 1, MATCH_RECEIVERS[receiver], _GUESSES if recipe == "match-salted-hash" else "")
    return None


def finer(parameters: Mapping[str, JsonValue], smallest_gap: int | None) -> list[str]:
    """What of a job by levels is finer than a scope's `smallest_gap`: its edges and its bound, which values beyond it
    count as, that are no multiples of it. Nothing for a scope without one, and for a job without levels."""
    if smallest_gap is None or "edges" not in parameters:
        return []
    edges = parameters["edges"]
    told = [*(edges if isinstance(edges, list) else [edges]), parameters.get("bound")]
    return [str(number)[:80] for number in told if not _multiple(number, smallest_gap)]


def _multiple(number: JsonValue, of: int) -> bool:
    return isinstance(number, str) and _WHOLE.fullmatch(number) is not None and int(number) % of == 0


def gives(recipe: str, parameters: Mapping[str, JsonValue], output: str, smallest_group: int) -> bool:
    """Does a job keep to a scope's `output` and `smallest_group`? No where nothing is known of it."""
    told = tells(recipe, parameters)
    return told is not None and told.output == output and smallest_group <= told.group
