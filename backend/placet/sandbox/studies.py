"""The institutions of a study on this machine, with their tables and offers, and the request of its job."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placet.catalogue.spec import CONSUMER
from placet.chain.local import LocalChain
from placet.core.purposes import Operation
from placet.sandbox.consortium import Consortium
from placet.sandbox.founding import Offering, Say, Supply, found, furnish, write_passphrase
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
            found(group, {key: part.institution.name for key, part in terms.parts.items()}, say)
            furnish(group, _supplies(data), (), _offering(terms), say)
            yield group
        finally:
            group.stop()


def request(group: Consortium, terms: StudyTerms) -> dict[str, Any]:
    """The job, as the consumer's node takes it."""
    paid = any(part.institution.reward for part in terms.providers)
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
        "own": {"offer": group.offers[CONSUMER], "consent": group.own_consent},
        "deadline_seconds": terms.study.seconds,
        "settle_seconds": 2 * terms.study.seconds,
    }
    return document | ({"token": group.token} if paid else {})


def _supplies(data: StudyData) -> dict[str, Supply]:
    supplies = {}
    for key, part in data.terms.parts.items():
        institution, digits = part.institution, data.terms.scaled(part)
        supplies[key] = Supply(
            table=part.role.alias or "rows",
            file=(data.folder / institution.file).absolute(),
            identifier=f"{data.terms.study.identifier}={institution.identifier}",
            columns={
                name: one.column(name).model_copy(update={"decimals": digits[name]})
                for name, one in institution.columns.items()
            },
            offered=part.columns,
            personal=part.personal,
            title=institution.title,
        )
    return supplies


def _offering(terms: StudyTerms) -> Offering:
    bounds = terms.study.offers
    words: list[object] = ["--smallest-group", max(bounds.smallest_group or 1, terms.tells.group)]
    if bounds.smallest_change is not None:
        words += ["--smallest-change", bounds.smallest_change]
    if bounds.smallest_gap is not None:
        words += ["--smallest-gap", bounds.smallest_gap]
    if values := terms.spec.aligns(terms.parameters).values:
        words += ["--matched-by", ",".join(values)]
    operations = ",".join(str(one.name) for one in Operation if one & terms.spec.operations)
    return Offering(terms.spec.name, terms.tells.output, terms.study.purpose, operations, tuple(words))
