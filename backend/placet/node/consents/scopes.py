"""The opened scopes of this institution's offers, found by their hash."""

from __future__ import annotations

from pathlib import Path

from placet.core.errors import NotFoundError
from placet.core.offers import Offer, Scope
from placet.core.values import to_hex
from placet.node.json_folder import JsonFolder

_MAX_SCOPE = 65_536


class Scopes(JsonFolder[Scope]):
    """A folder of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Scope, "scope document", _MAX_SCOPE)

    def of(self, offer: Offer) -> Scope:
        """NotFoundError if the offer's scope is not opened here."""
        scope = self.all().get(offer.scope)
        if scope is None:
            raise NotFoundError(
                "the offer's scope is not opened here",
                found=to_hex(offer.scope),
                remedy="the provider puts the scope document into its node's folder of scopes",
            )
        return scope
