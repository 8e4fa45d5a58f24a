"""Boosted trees in clear as a report has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placet.core.values import to_hex
from placet.models.trees import TreeModel, TreePart


def opened_trees(roles: Sequence[str], model: TreeModel, parts: Sequence[TreePart]) -> dict[str, Any]:
    """{importance, parties, model, parts, commitment}; `roles` are of the model's parties. InputError for parts of
    another model."""
    importance = [
        {"party": roles[party], "column": column, "gain": gained} for party, column, gained in model.importance(parts)
    ]
    return {
        "importance": importance,
        "parties": list(roles),
        "model": model.to_json(),
        "parts": [part.to_json() for part in parts],
        "commitment": to_hex(model.commitment),
    }
