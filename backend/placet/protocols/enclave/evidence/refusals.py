"""Every reason to refuse evidence: a code, and what to do about it."""

from __future__ import annotations

from placet.core.errors import AttestationError

REMEDIES = {
    "format": "ask the enclave for its evidence again, as its platform makes it",
    "chain": "send the certificates that belong to this evidence, up to the platform's own root",
    "signature": "ask the enclave for its evidence again: this one was changed, or is by another key",
    "expired": "fetch new collateral, or ask the enclave for new evidence",
    "debug": "start the enclave without debugging: whoever debugs it reads its memory",
    "platform": "start the enclave as the plan's policy asks",
    "tcb": "update the platform's firmware and fetch new collateral, or agree on a plan that names this status",
    "kind": "agree on a plan whose policy accepts this platform",
    "key": "agree on a plan that names this attestation key, or this provider",
    "measurement": "start the program that was agreed on, or agree on a plan that names this one",
    "binding": "ask the enclave for evidence over this job, its key and this nonce",
    "age": "make a new nonce and ask the enclave for new evidence",
}


def refusal(
    reason: str, message: str, *, expected: object = None, found: object = None, remedy: str | None = None
) -> AttestationError:
    """The error to raise; `reason` is a key of the table, `remedy` one that is nearer than the table's."""
    return AttestationError(
        message, expected=expected, found=found, remedy=remedy or REMEDIES[reason], code=f"attestation.{reason}"
    )
