"""All that a node holds of an owner, for him to keep or to take elsewhere (GDPR, 15 and 20)."""

from __future__ import annotations

import sqlalchemy as sa

from placet.core.consent import Consent
from placet.core.errors import PlacetError
from placet.core.ids import ConsentId
from placet.core.notice import notice
from placet.core.values import to_hex
from placet.node.consents import models, queries, uses
from placet.node.service import Node
from placet.node.state import now


def of_owner(node: Node, owner: bytes, cursor: ConsentId | None) -> models.Export:
    """A page of `queries.PAGE` consents."""
    page = queries.listing(node, owner, None, cursor)
    return models.Export(
        institution=models.Named(address=node.address, name=node.settings.institution.name),
        owner=owner,
        at=now(),
        consents=[_consent(node, owner, response) for response in page.consents],
        cursor=page.cursor,
    )


def _consent(node: Node, owner: bytes, response: models.ConsentResponse) -> models.ExportedConsent:
    row = queries.find(node, response.id)
    signed, words = _words(node, row)
    return models.ExportedConsent(
        consent=response,
        signed=signed,
        notice=words,
        signature=to_hex(bytes(row["signature"])),
        uses=uses.of_consent(node, response.id, owner).uses,
    )


def _words(node: Node, row: sa.RowMapping) -> tuple[Consent | None, str | None]:
    """As they were signed, and the notice; None where the scope is lost, or names or words are others by now."""
    try:
        signed = queries.full(node, row)
        scope, window = node.scopes.of(signed.offer), (signed.not_before, signed.not_after, signed.uses)
        words = notice(signed.offer, scope, node.trust.name, *window, signed.details.language)
    except PlacetError:
        return None, None
    return (signed, words) if signed.id == bytes(row["id"]) else (None, None)
