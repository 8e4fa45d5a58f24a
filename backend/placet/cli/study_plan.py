"""What `placet study plan` makes: a script for each institution, or the consumer's request of the job."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

from placet.cli.inputs import read_trust
from placet.cli.job_plan import Payment, planned
from placet.cli.operator import Operator
from placet.core.errors import InputError
from placet.core.values import to_hex
from placet.study.requests import script_of
from placet.study.terms import StudyTerms


def scripts(terms: StudyTerms, trust: Path) -> dict[str, bytes]:
    """By file. InputError for an institution or auditor that the trust list does not name as the study does."""
    listed = read_trust(trust)
    known = {one.name: to_hex(one.address) for one in listed.institutions}
    _demand_known("an institution", [part.institution.name for part in terms.parts.values()], known)
    _demand_known("an auditor", terms.study.offers.auditors, [one.name for one in listed.auditors])
    addresses = {key: known[part.institution.name] for key, part in terms.parts.items()}
    return {f"{key}.sh": script_of(terms, part, addresses).encode() for key, part in terms.parts.items()}


def _demand_known(what: str, names: Iterable[str], known: Collection[str]) -> None:
    lacking = [name for name in names if name not in known]
    if lacking:
        raise InputError(
            f"{what} of the study is not in the trust list",
            expected=", ".join(sorted(known)) or "some",
            found=", ".join(lacking),
            remedy="placet trust add, or the names in the study",
        )


def job(terms: StudyTerms, config: Path, token: str | None) -> dict[str, bytes]:
    """`job.json`, from what the institutions offer the consumer whose node this is."""
    rewards = [part.institution.reward for part in terms.providers]
    pays = bool(terms.study.pot) or any(rewards)
    if pays != (token is not None):
        raise InputError(
            "rewards and their token go together",
            expected="--token, since the study pays" if pays else "no --token",
            found="none" if token is None else token,
        )
    names = [part.institution.name for part in terms.providers]
    payment = Payment(max(rewards), terms.study.pot, token)
    request = planned(Operator(config), terms.spec, terms.parameters.to_json(), names, terms.engine, payment)
    providers = tuple(
        one.model_copy(update={"reward": reward}) for one, reward in zip(request.providers, rewards, strict=True)
    )
    seconds = {"deadline_seconds": terms.study.seconds, "settle_seconds": 2 * terms.study.seconds}
    document = request.model_copy(update={"providers": providers} | seconds).model_dump(mode="json")
    return {"job.json": (json.dumps(document, indent=2) + "\n").encode()}
