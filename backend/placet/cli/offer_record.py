"""`placet offer record`: a record of processing activities, from the institution's own offers."""

from __future__ import annotations

import time

from placet.cli.inputs import AsJson, NodeConfig
from placet.cli.operator import Operator
from placet.cli.output import emit, write_line


def record(config: NodeConfig, as_json: AsJson = False) -> None:
    """Print what the own offers say of a record of processing activities (GDPR, 30), and what they don't."""
    from placet.catalogue.processing_record import ProcessingRecord, activity, lines
    from placet.core.offers import Offer, Scope
    from placet.core.values import parse

    office = Operator(config)
    own = office.settings.institution
    answer = office.ask("GET", "/v1/offers")["offers"]
    document = ProcessingRecord(
        controller=own.name,
        address=own.address,
        jurisdiction=own.jurisdiction,
        made=int(time.time()),
        activities=tuple(
            activity(
                parse(Offer, one["offer"]), parse(Scope, one["scope"]), one["openings"], office.trust.name_or_address
            )
            for one in answer
        ),
    )
    if as_json:
        emit(document.to_json())
        return
    for line in lines(document):
        write_line(line)
