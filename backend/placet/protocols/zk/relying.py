"""What a relying party checks of a proof before it believes it, without anybody on line.

Who made the verification key is not seen here: the file only names the ceremony. The relying party takes the key from
those whom it trusts, or asks the chain for it (`chain.statements.registered_key`).
"""

from __future__ import annotations

from placet.core.consent_trees import ConsentProof
from placet.core.errors import AccessError, InputError
from placet.core.statements import ProvenStatement, Statement, VerificationKey, demand_place
from placet.core.trust import Deployment, TrustList
from placet.core.values import ZERO20, to_hex
from placet.protocols.zk import band, consent

LOCAL_CHAIN = 31337
"""Whose contract takes keys that one person made, and no other chain's."""


def demand_consent_proven(
    proven: ConsentProof,
    verification: VerificationKey,
    *,
    deployment: Deployment,
    relying_party: bytes | None,
    now: int,
) -> None:
    """That the statement about a consent is proven, for this relying party (None: only what is for everybody), and not
    over (`now` in Unix seconds). Whether its root is live, only the chain knows. Errors as of `demand_proven`."""
    demand_place(proven.chain_id, proven.statements, deployment.proven, "proof")
    _demand_addressed(proven.statement, relying_party)
    _demand_current("statement", proven.statement.until, now)
    _demand_key(verification, deployment)
    consent.demand_holds(proven, deployment, verification)


def demand_proven(
    proven: ProvenStatement,
    verification: VerificationKey,
    *,
    deployment: Deployment,
    trust: TrustList,
    relying_party: bytes | None,
    now: int,
) -> None:
    """That an institution of the trust list signed the total and the statement is proven of it, for this relying party
    (None: only what is for everybody), and neither is over (`now` in Unix seconds).

    SignatureError, NotFoundError for an issuer whom the list does not name, AccessError `proof.relying-party`,
    InputError `proof.test-key`, `proof.expired`, `proof.false`."""
    statement, total = proven.statement, proven.signed.total
    demand_place(proven.chain_id, proven.statements, deployment.proven, "proof")
    trust.institution(proven.signed.issuer)
    proven.signed.demand_signed(deployment.proven)
    _demand_addressed(statement, relying_party)
    _demand_current("statement", statement.until, now)
    _demand_current("signed total", total.not_after, now)
    _demand_key(verification, deployment)
    if not band.holds(proven, deployment.proven, verification):
        raise InputError("the proof does not hold", code="proof.false")


def _demand_addressed(statement: Statement, relying_party: bytes | None) -> None:
    if statement.relying_party not in (ZERO20, relying_party):
        raise AccessError(
            "the proof is for another relying party",
            expected="yours: say who you are with --as" if relying_party is None else to_hex(relying_party),
            found=to_hex(statement.relying_party),
            code="proof.relying-party",
        )


def _demand_current(what: str, until: int, now: int) -> None:
    if now > until:
        raise InputError(f"the {what} is over", expected=f"until {until}", found=now, code="proof.expired")


def _demand_key(verification: VerificationKey, deployment: Deployment) -> None:
    if verification.is_test and deployment.chain_id != LOCAL_CHAIN:
        raise InputError(
            "one person made the key, who can prove anything", expected="a key of a ceremony", code="proof.test-key"
        )
