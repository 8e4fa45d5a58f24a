"""A plan's audit, between options and the words in which a person reads it before deciding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from placet.cli.inputs import read_address, when
from placet.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from placet.cli.operator import Operator
    from placet.core.trust import Auditor, TrustList
    from placet.jobs.messages import AuditStakeRequest


class AuditOptions(NamedTuple):
    """What the command line says of it: of an auditor the name or address; `garblings`: the job opens garblings, on
    which the stake lies."""

    auditor: str | None
    stake: int
    places: int | None
    token: str | None
    garblings: bool = False


def audit_request(operator: Operator, options: AuditOptions) -> AuditStakeRequest | None:
    """None where no option asks for one. InputError for a part of its terms, NotFoundError for an auditor whom the
    trust list has not."""
    from placet.jobs.messages import AuditStakeRequest

    auditor, stake, places, token, garblings = options
    if (auditor, stake, places) == (None, 0, None):
        return None
    if auditor is None or not stake or token is None:
        raise InputError("a random audit lacks some of its terms", expected="--auditor, --stake and --token together")
    known = named_auditor(operator.trust, auditor)
    if garblings:
        return _on_garblings(operator, known, read_address(token), stake, places)
    if known.key is None:
        raise NotFoundError(
            "the trust list has no key of this auditor",
            found=auditor[:80],
            remedy="add his entry with it: placet trust auditor, placet trust add",
        )
    request = AuditStakeRequest(auditor=known.address, key=known.key, token=read_address(token), stake=stake)
    request = request if places is None else request.model_copy(update={"places": places})
    request.of(operator.address)
    return request


def _on_garblings(
    operator: Operator, known: Auditor, token: bytes, stake: int, places: int | None
) -> AuditStakeRequest:
    from placet.jobs.messages import AuditStakeRequest

    if places is not None:
        raise InputError("nothing is drawn where garblings are opened", expected="no --places", found=places)
    request = AuditStakeRequest(auditor=known.address, token=token, stake=stake)
    request.of_garblings(operator.address)
    return request


def named_auditor(trust: TrustList, word: str) -> Auditor:
    """The one of this name or address. NotFoundError for somebody whom the trust list has not."""
    from placet.core.values import to_hex

    auditors = trust.auditors
    for one in auditors:
        if word == one.name or word.lower() == to_hex(one.address):
            return one
    raise NotFoundError(
        "the trust list names no such auditor",
        expected=", ".join(one.name for one in auditors) or "an auditor in the trust list",
        found=word[:80],
        remedy="placet trust list shows who is in it",
    )


def audit_words(audit: dict[str, Any]) -> str:
    """What a node says of the random audit of a plan, as sentences."""
    auditor, owed = audit["auditor"]["name"], audit["beneficiary"]["name"]
    if audit["places"] is None:
        return _garbling_words(audit, auditor, owed)
    drawn = f"A random audit: {auditor} has up to {audit['places']} places drawn of each provider and opened."
    if int(audit["stake"]) == 0:
        return f"{drawn} Of this institution nothing is drawn, and it puts up no stake."
    return (
        f"{drawn} This institution puts up a stake of {audit['stake']} of {audit['token']} before it computes, "
        f"and keeps its table as it is until {when(audit['find_by'])}: {owed} is owed the stake if a place is opened "
        f"falsely or not at all, and this institution does not answer the finding within {audit['answer_seconds']} s."
    )


def _garbling_words(audit: dict[str, Any], auditor: str, owed: str) -> str:
    judges = f"A stake on garblings: {auditor} judges a certificate that another circuit was garbled."
    if int(audit["stake"]) == 0:
        return f"{judges} This institution garbles nothing, and puts up no stake."
    return (
        f"{judges} This institution puts up a stake of {audit['stake']} of {audit['token']} before it computes, which "
        f"comes back after {when(audit['find_by'])}: {owed} is owed it if the auditor reports another circuit, and "
        f"this institution does not answer within {audit['answer_seconds']} s, or he upholds it."
    )
