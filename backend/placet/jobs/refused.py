"""What a party keeps in place of a result that it refused: why, and what shows who gave it something wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placet.core.complaints import RefusedResult
from placet.core.values import parse
from placet.jobs.results import encoded


def refused_result(refused: RefusedResult) -> bytes:
    """As it is kept."""
    return encoded({"refused": refused.to_json()})


def refusal_in(result: Mapping[str, Any]) -> RefusedResult | None:
    """The inverse; None for a result."""
    return parse(RefusedResult, result["refused"]) if "refused" in result else None
