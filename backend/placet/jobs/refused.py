"""What a party keeps in place of a result that it refused: why, and what shows who gave it something wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from placet.core.complaints import RefusedResult
from placet.core.values import parse


def refused_result(refused: RefusedResult) -> bytes:
    """As it is kept."""
    return json.dumps({"refused": refused.to_json()}).encode()


def refusal_in(result: Mapping[str, Any]) -> RefusedResult | None:
    """The inverse; None for a result."""
    return parse(RefusedResult, result["refused"]) if "refused" in result else None
