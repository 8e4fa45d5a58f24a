"""All that a node holds of an owner, for him to keep or to take elsewhere (GDPR, 15 and 20)."""

from __future__ import annotations

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
    offer = node.offer(response.offer)
    words = response.consent
    window = (words.not_before, words.not_after, words.uses)
    return models.ExportedConsent(
        consent=response,
        signed=queries.full(node, row),
        notice=notice(offer, node.scopes.of(offer), node.trust.name, *window, words.language),
        signature=to_hex(bytes(row["signature"])),
        uses=uses.of_consent(node, response.id, owner).uses,
    )
