"""The circuit `band`: a committed total lies in [low, high). Also "at least", where high is the highest number.

The commitment is P(P(total, salt), job) with Poseidon: it hides as long as the salt is random, and binds as long as
nobody finds two inputs of the same hash.
"""

from __future__ import annotations

import secrets

from placet.core.eip712 import Domain
from placet.core.errors import InputError
from placet.core.statements import (
    MOST,
    BandStatement,
    OpenedTotal,
    ProvenStatement,
    VerificationKey,
    demand_place,
    element,
)
from placet.protocols.zk.circuit import BAND
from placet.protocols.zk.groth16 import Prover, verify
from placet.protocols.zk.poseidon import poseidon

_SALT_BITS = 248


def new_salt() -> bytes:
    """A field element of 248 random bits."""
    return secrets.randbits(_SALT_BITS).to_bytes(32, "big")


def commitment(total: int, salt: bytes, job: bytes) -> bytes:
    """P(P(total, salt), job), 32 bytes. InputError for a total that no circuit takes: below zero or above 2^64 - 2."""
    if not 0 <= total < MOST:
        raise InputError("no total that can be committed to", expected="from 0 to 2^64 - 2", code="proof.total")
    inner = poseidon(total, int.from_bytes(salt, "big"))
    return poseidon(inner, element(job)).to_bytes(32, "big")


def prove(
    opened: OpenedTotal, statement: BandStatement, domain: Domain, key: Prover, verification: VerificationKey
) -> ProvenStatement:
    """A statement with its proof. InputError `proof.band` where the total is outside the band, `proof.opening` where
    the file does not open its commitment, and what the prover raises."""
    demand_place(opened.chain_id, opened.statements, domain, "total")
    total = opened.signed.total
    if commitment(opened.value, opened.salt, total.job) != total.commitment:
        raise InputError("the file does not open its commitment", code="proof.opening")
    if not statement.low <= opened.value < statement.high:
        raise InputError("the total is not in that band: nothing can be proven", code="proof.band")
    BAND.demand_key(verification, statement)
    public = statement.public_inputs(domain)
    private = {"total": opened.value, "salt": int.from_bytes(opened.salt, "big")}
    named = dict(zip(("context", "job", "commitment", "low", "high"), public, strict=True))
    return ProvenStatement(
        chain_id=domain.chain_id,
        statements=domain.contract,
        statement=statement,
        proof=key.prove(named | private, public, verification),
        signed=opened.signed,
    )


def holds(proven: ProvenStatement, domain: Domain, verification: VerificationKey) -> bool:
    """Whether the proof is right for its statement under this key."""
    BAND.demand_key(verification, proven.statement)
    return verify(verification, proven.statement.public_inputs(domain), proven.proof)
