"""What the chain says of statements in zero knowledge: their keys, who made these, which statements are recorded."""

from __future__ import annotations

from dataclasses import dataclass

from placet.chain.abi import function
from placet.chain.calls import Call
from placet.chain.client import Chain
from placet.chain.events import JobOpened
from placet.core.consent_trees import ConsentProof
from placet.core.errors import InputError, NotFoundError
from placet.core.ids import JobId, StatementId
from placet.core.statements import PROOF_SIZE, ProvenStatement, Statement, VerificationKey
from placet.core.trust import Deployment
from placet.core.values import ZERO20, ZERO32, parse, to_hex

_VERIFIER, _STATEMENTS, _CEREMONIES = "Groth16Verifier", "Statements", "Ceremonies"


@dataclass(frozen=True)
class RegisteredKey:
    """A key on chain. `contributors` are those of its ceremony, all of whom confirmed that it came out; empty where one
    person made it."""

    verification: VerificationKey
    contributors: tuple[bytes, ...]


def registered_key(chain: Chain, key: bytes, *, block: int | None = None) -> RegisteredKey:
    """NotFoundError for a key that nobody registered. InputError `proof.ceremony` where the ceremony that it names did
    not make it, `proof.test-key` for one person's where `Statements` takes none."""
    deployment = chain.deployment
    data, _, (circuit, ceremony, nullifier, checker) = chain.read(
        _VERIFIER, deployment.groth16_verifier.address, "keys", key, block=block
    )[0]
    if data == ZERO20:
        raise NotFoundError("no such verification key on chain", found=to_hex(key), remedy="placet prove register")
    # The code is STOP and the key.
    code = chain.code(data, block=block)[1:]
    body = {"circuit": circuit, "ceremony": ceremony, "nullifier": nullifier, "checker": checker, "key": code}
    verification = parse(VerificationKey, body, what="the chain's verification key")
    if verification.id != key:
        raise InputError("the chain's verification key is another one", expected=to_hex(key), found="other bytes")
    if ceremony == ZERO32:
        if not chain.read(_STATEMENTS, deployment.statements.address, "takesTestKeys", block=block)[0]:
            raise InputError(
                "one person made the key, who can prove anything",
                expected="a key of a ceremony",
                found=to_hex(key),
                code="proof.test-key",
            )
        return RegisteredKey(verification, ())
    address = deployment.ceremonies.address
    # `made` counts confirmations of 32 bytes; whether the key is of the ceremony's circuit is looked up here.
    of_circuit = chain.read(_CEREMONIES, address, "ceremonies", ceremony, block=block)[0][0]
    if of_circuit != circuit or not chain.read(_CEREMONIES, address, "made", ceremony, key, block=block)[0]:
        raise InputError(
            "the ceremony that the key names did not make it", found=to_hex(ceremony), code="proof.ceremony"
        )
    return RegisteredKey(
        verification, tuple(chain.read(_CEREMONIES, address, "contributorsOf", ceremony, block=block)[0])
    )


def is_registered(chain: Chain, key: bytes) -> bool:
    """Whether anybody registered the key."""
    data, *_ = chain.read(_VERIFIER, chain.deployment.groth16_verifier.address, "keys", key)[0]
    return bool(data != ZERO20)


def recorded_at(chain: Chain, statement: Statement, *, block: int | None = None) -> int:
    """When a statement was recorded, in Unix seconds; 0 if it was not."""
    return id_recorded_at(chain, statement.id_on(chain.deployment.proven), block=block)


def id_recorded_at(chain: Chain, statement: StatementId, *, block: int | None = None) -> int:
    """The same of a statement that is known by its id alone."""
    address = chain.deployment.statements.address
    recorded: int = chain.read(_STATEMENTS, address, "records", statement, block=block)[0][1]
    return recorded


def consumer_of(chain: Chain, job: JobId) -> bytes:
    """The consumer of a job, at the network's confirmation depth. NotFoundError for a job that was never opened."""
    opened = chain.events([JobOpened], chain.deployment.block, chain.confirmed(), job=job)
    if not opened:
        raise NotFoundError("no such job on chain", found=to_hex(job))
    return opened[0].consumer


def register_key(deployment: Deployment, key: VerificationKey) -> Call:
    """Anybody: a circuit's verification key, once."""
    data = function(_VERIFIER, "register").encode(key.key, key.registration)
    return Call(deployment.groth16_verifier.address, data, f"{_VERIFIER}.register")


def record_statement(deployment: Deployment, proven: ProvenStatement | ConsentProof) -> Call:
    """Anybody: a statement with its proof, once."""
    proof = [int.from_bytes(proven.proof[at : at + 32], "big") for at in range(0, PROOF_SIZE, 32)]
    data = function(_STATEMENTS, "record").encode(proven.statement.to_tuple(), proof)
    return Call(deployment.statements.address, data, f"{_STATEMENTS}.record")
