"""The cards of models that this institution has registered, or is about to: the chain holds their hashes."""

from __future__ import annotations

from pathlib import Path

from placet.core.ids import JobId
from placet.core.model_card import MAX_CARD, ModelCard
from placet.node.json_folder import JsonFolder


class Cards(JsonFolder[ModelCard]):
    """A folder of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ModelCard, "model card", MAX_CARD)

    def of(self, job: JobId) -> tuple[ModelCard, ...]:
        """Of the model that a job made; none before its registration was asked for."""
        return tuple(card for card in self.all().values() if card.job == job)
