"""What a recipe tells its consumer at the most, in the words of a scope: no owner is shown less than is told."""

from __future__ import annotations

_TELLS: dict[str, tuple[frozenset[str], int]] = {
    # recipe: outputs that a scope may name for it, and the smallest group of people over which it tells anything
    "asset-view": (frozenset({"total"}), 1),
}


def gives(recipe: str, output: str, smallest_group: int) -> bool:
    """Does a recipe keep to a scope's `output` and `smallest_group`? No for a recipe of which nothing is known."""
    outputs, group = _TELLS.get(recipe, (frozenset(), 0))
    return output in outputs and smallest_group <= group
