"""Are the contracts at an endpoint those of a deployment file? Their code, what they refer to, and their verifiers."""

from __future__ import annotations

from typing import Any, Protocol

from placet.chain.rpc import Rpc, RpcError, octets
from placet.core.errors import DeploymentError, Reverted
from placet.core.hashing import keccak
from placet.core.trust import Contract, Deployment
from placet.core.values import to_hex


class Read(Protocol):
    """Asks a contract, by its name and address, for what a function of it gives."""

    def __call__(self, contract: str, address: bytes, name: str, *values: Any) -> tuple[Any, ...]: ...


def check_contracts(named: Deployment, rpc: Rpc, read: Read) -> None:
    """DeploymentError unless the contracts have the code that the file names, and know each other and its verifiers."""
    contracts: dict[str, Contract] = {
        "DatasetRegistry": named.dataset_registry,
        "ConsentRegistry": named.consent_registry,
        "JobLedger": named.job_ledger,
        "RewardEscrow": named.reward_escrow,
        "P256Verifier": named.p256_verifier,
        "WebAuthnVerifier": named.webauthn_verifier,
        "EnclaveRegistry": named.enclave_registry,
        "Ceremonies": named.ceremonies,
        "Groth16Verifier": named.groth16_verifier,
        "Statements": named.statements,
        "the statements' RewardEscrow": named.statement_escrow,
        "AuditStakes": named.audit_stakes,
        "ConsentTrees": named.consent_trees,
    }
    for name, contract in contracts.items():
        code = code_hash(rpc, contract.address)
        same(f"code of {name}", to_hex(contract.code_hash), to_hex(code))
    datasets, consents = named.dataset_registry.address, named.consent_registry.address
    ledger, escrow = named.job_ledger.address, named.reward_escrow.address
    statements, statement_escrow = named.statements.address, named.statement_escrow.address
    try:
        for what, expected, call in (
            ("ConsentRegistry's datasets", datasets, ("ConsentRegistry", consents, "datasets")),
            ("DatasetRegistry's consents", consents, ("DatasetRegistry", datasets, "consents")),
            ("ConsentRegistry's ledger", ledger, ("ConsentRegistry", consents, "ledger")),
            ("JobLedger's registry", consents, ("JobLedger", ledger, "registry")),
            ("JobLedger's escrow", escrow, ("JobLedger", ledger, "escrow")),
            ("RewardEscrow's ledger", ledger, ("RewardEscrow", escrow, "ledger")),
            ("Statements' verifier", named.groth16_verifier.address, ("Statements", statements, "verifier")),
            ("Statements' ceremonies", named.ceremonies.address, ("Statements", statements, "ceremonies")),
            ("Statements' escrow", statement_escrow, ("Statements", statements, "escrow")),
            ("the statements' RewardEscrow's ledger", statements, ("RewardEscrow", statement_escrow, "ledger")),
            ("AuditStakes' ledger", ledger, ("AuditStakes", named.audit_stakes.address, "ledger")),
            ("ConsentTrees' registry", consents, ("ConsentTrees", named.consent_trees.address, "consents")),
        ):
            same(what, to_hex(expected), to_hex(read(*call)[0]))
        for name, address in (("ConsentRegistry", consents), ("JobLedger", ledger)):
            for kind, verifier in (("P-256", named.p256_verifier), ("passkeys", named.webauthn_verifier)):
                listed = read(name, address, "isVerifier", verifier.address)[0]
                same(f"{name}'s verifier of {kind}", True, listed)
    except (Reverted, RpcError) as error:
        raise DeploymentError("the contracts do not answer as Placet's", found=error.message) from error


def code_hash(rpc: Rpc, address: bytes) -> bytes:
    """keccak256 of a contract's code, as the deployment file has it."""
    return keccak(octets(rpc.call("eth_getCode", to_hex(address), "latest")))


def same(what: str, expected: object, found: object) -> None:
    """DeploymentError where the chain has something else than the deployment file."""
    if expected != found:
        raise DeploymentError(
            f"the chain's {what} is not the deployment file's",
            expected=expected,
            found=found,
            remedy="use the endpoint of the chain that the deployment file was made for",
        )
