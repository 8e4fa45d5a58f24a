"""The institutions of a study on this machine, with their tables and offers, and the request of its job."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placet.catalogue.spec import CONSUMER
from placet.chain.local import LocalChain
from placet.sandbox.consortium import Consortium
from placet.sandbox.founding import AUDITOR, Charter, Say, Supply, found, furnish, write_passphrase
from placet.study.requests import import_words, offer_words
from placet.study.tables import StudyData
from placet.study.terms import StudyTerms


@contextlib.contextmanager
def founded(data: StudyData, folder: Path, *, block_time: float, say: Say) -> Iterator[Consortium]:
    """The study's institutions on this machine, with their tables and offers."""
    terms = data.terms
    write_passphrase(folder)
    with LocalChain(block_time=block_time) as chain:
        group = Consortium(folder, chain, recipe=terms.spec.name, namespace=terms.study.namespace)
        try:
            names = {key: part.institution.name for key, part in terms.parts.items()}
            found(group, names, say, Charter(auditors=terms.study.offers.auditors or (AUDITOR,)))
            furnish(group, _supplies(data), (), say)
            yield group
        finally:
            group.stop()


def request(group: Consortium, terms: StudyTerms) -> dict[str, Any]:
    """The job, as the consumer's node takes it."""
    paid = terms.study.pot or any(part.institution.reward for part in terms.providers)
    document: dict[str, Any] = {
        "recipe": terms.spec.name,
        "engine": terms.engine,
        "purpose": terms.study.purpose,
        "parameters": terms.parameters.to_json(),
        "providers": [
            {
                "address": group.members[part.key].address,
                "offer": group.offers[part.key],
                "reward": str(part.institution.reward),
            }
            for part in terms.providers
        ],
        "own": {"offer": group.offers[CONSUMER]} | ({} if terms.consumer.personal else {"consent": group.own_consent}),
        "deadline_seconds": terms.study.seconds,
        "settle_seconds": 2 * terms.study.seconds,
    }
    if terms.study.offers.data_life is not None:
        document["data_life"] = terms.study.offers.data_life
    return document | ({"token": group.token, "pot": str(terms.study.pot)} if paid else {})


def _supplies(data: StudyData) -> dict[str, Supply]:
    terms = data.terms
    return {
        key: Supply(
            import_words(terms, part, str((data.folder / part.institution.file).absolute()), terms.study.namespace),
            offer_words(terms, part),
            part.personal,
        )
        for key, part in terms.parts.items()
    }
