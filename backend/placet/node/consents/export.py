"""All that a node holds of an owner, for him to keep or to take elsewhere (GDPR, 15 and 20)."""

from __future__ import annotations

from collections.abc import Sequence

from placet.chain.threaded import ask_chain
from placet.core.consent import Consent
from placet.core.errors import PlacetError
from placet.core.ids import ConsentId
from placet.core.notice import notice
from placet.core.values import to_hex
from placet.node.consents import lookup, models, proof_tags, queries, uses
from placet.node.service import Node
from placet.node.state import now


async def of_owner(node: Node, owner: bytes, cursor: ConsentId | None, client: str) -> models.Export:
    """A page of `queries.PAGE` consents, for an owner at the address `client`."""
    rows, more = await lookup.rows_of(node, owner, cursor, client)
    return await ask_chain(_page, node, owner, rows, more)


def _page(node: Node, owner: bytes, rows: Sequence[queries.Row], more: bool) -> models.Export:
    page = queries.page_of(node, rows, None, more=more)
    by_id = {bytes(row["id"]): row for row in rows}
    return models.Export(
        institution=models.Named(address=node.address, name=node.settings.institution.name),
        owner=owner,
        at=now(),
        consents=[_consent(node, by_id[response.id], response) for response in page.consents],
        cursor=page.cursor,
    )


def _consent(node: Node, row: queries.Row, response: models.ConsentResponse) -> models.ExportedConsent:
    signed, words = _words(node, row)
    return models.ExportedConsent(
        consent=response,
        signed=signed,
        notice=words,
        signature=to_hex(bytes(row["signature"])),
        uses=uses.of_consent(node, response.id).uses,
        tag=proof_tags.of_consent(node, response.id),
    )


def _words(node: Node, row: queries.Row) -> tuple[Consent | None, str | None]:
    """As they were signed, and the notice; None where the scope is lost, or names or words are others by now."""
    try:
        signed = queries.full(node, row)
        scope, window = node.scopes.of(signed.offer), (signed.not_before, signed.not_after, signed.uses)
        words = notice(signed.offer, scope, node.trust.name, *window, signed.details.language)
    except PlacetError:
        return None, None
    return (signed, words) if signed.id == bytes(row["id"]) else (None, None)
