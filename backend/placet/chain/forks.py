"""What a chain's rules must have for the contracts to run, tried with `eth_call` at its endpoint.

The contracts are compiled for Cancun and hold no opcode of a later fork: one bytecode runs under both rules. What
differs is P-256: a chain with Osaka's precompile (EIP-7951) checks such a signature for 6,900 gas, and without it
OpenZeppelin's Solidity does, for some 230,000.
"""

from __future__ import annotations

from placet.chain.rpc import Rpc, RpcError
from placet.core.chains import Evm
from placet.core.errors import ChainError, DeploymentError, Reverted
from placet.core.values import to_hex

_ONE = (1).to_bytes(32, "big")
_RETURN = bytes.fromhex("60206000f3")
_STORE = bytes.fromhex("600052")
_PUSH_ONE = bytes.fromhex("6001")
PROBES = {
    "PUSH0 (EIP-3855)": (0x5F, bytes.fromhex("5f50") + _PUSH_ONE + _STORE + _RETURN),
    "MCOPY (EIP-5656)": (0x5E, bytes.fromhex("60016020526020602060005e") + _RETURN),
    "TSTORE (EIP-1153)": (0x5D, bytes.fromhex("600160005d") + _PUSH_ONE + _STORE + _RETURN),
    "TLOAD (EIP-1153)": (0x5C, bytes.fromhex("600160005d60005c") + _STORE + _RETURN),
}
"""What the contracts use beyond London's opcodes: the opcode, and code that runs it and returns one."""
_PLAIN = _PUSH_ONE + _STORE + _RETURN
P256 = "0x" + (0x100).to_bytes(20, "big").hex()
VALID = bytes.fromhex(
    "bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023"
    "0000000000000000000000000000000000000000000000000000000000000005"
    "0000000000000000000000000000000000000000000000000000000000000001"
    "a71af64de5126a4a4e02b7922d66ce9415ce88a4c9d25514d91082c8725ac957"
    "5d47723c8fbe580bb369fec9c2665d8e30a435b9932645482e7c9f11e872296b"
)
"""Digest, r, s, x, y of a valid signature (Wycheproof, ecdsa_secp256r1_sha256_p1363)."""


def demand(rpc: Rpc, evm: Evm) -> str:
    """What the chain has of what a deployment with these rules needs. DeploymentError where it lacks any, ChainError
    where the endpoint runs no code."""
    if not _gives_one(rpc, {"data": to_hex(_PLAIN)}):
        raise ChainError(
            "the endpoint does not run code in eth_call",
            remedy="use another endpoint of the same chain",
            code="chain.answer",
        )
    lacking = [name for name, (_, code) in PROBES.items() if not _gives_one(rpc, {"data": to_hex(code)})]
    if lacking:
        raise DeploymentError(
            "the chain's rules are older than the contracts",
            expected="Cancun's opcodes",
            found=f"no {', '.join(lacking)}",
            remedy="use a chain whose fork is Cancun or later, or one that has these opcodes",
        )
    precompile = has_p256(rpc)
    if evm == "osaka" and not precompile:
        raise DeploymentError(
            "the chain lacks the P-256 precompile of Osaka",
            expected="EIP-7951 at address 0x100",
            found="no answer there",
            remedy="deploy with --evm cancun: P-256 keys and passkeys are then checked by Solidity, for more gas",
        )
    return f"{evm}: all opcodes, {'the' if precompile else 'no'} P-256 precompile"


def has_p256(rpc: Rpc) -> bool:
    """Does the chain have the P-256 precompile?"""
    return _gives_one(rpc, {"to": P256, "data": to_hex(VALID)})


def _gives_one(rpc: Rpc, call: dict[str, str]) -> bool:
    """False where the chain refuses to run it; other troubles with the endpoint are raised."""
    try:
        return bool(rpc.call("eth_call", call, "latest") == to_hex(_ONE))
    except (Reverted, RpcError):
        return False
