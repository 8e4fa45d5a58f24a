"""What goes out: an artefact of another system, and whose word each part of it is."""

from __future__ import annotations

from typing import NamedTuple

from placet.core.errors import ConsentError
from placet.core.receipts import ReceiptBlock, ReceiptFacts, ReceiptGiven
from placet.interchange.values import Foreign


class Exported(NamedTuple):
    """`from_consent` and `from_author` are the artefact's members by their names there; `not_said` is what our consent
    says and it does not. Its status is as of the block."""

    artefact: Foreign
    from_consent: tuple[str, ...]
    from_author: tuple[str, ...]
    not_said: tuple[str, ...]
    as_of: ReceiptBlock


def demand_placed(facts: ReceiptFacts) -> ReceiptGiven:
    """Where the chain holds the consent. ConsentError for one that it never held as given: a withdrawal may come
    before."""
    if facts.given is None:
        raise ConsentError("the chain never held this consent as given", found=facts.status, code="consent.counterpart")
    return facts.given
