"""EIP-712 hashing for the fixed set of types in docs/formats.md.

The struct hashes are written out by the value's own module from these pieces, since consents and plans are also
hashed from parts (a consent's id from the hash of its details). Tests compare every type with eth-account's encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from placet.core.hashing import keccak

TYPES: dict[str, list[dict[str, str]]] = {}


def _define(signature: str) -> str:
    name, fields = signature.rstrip(")").split("(")
    TYPES[name] = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    return signature


OFFER = _define("Offer(bytes32 dataset,address consumer,bytes32 purpose,uint32 operations,bytes32 scope)")
DETAILS = _define(
    "Details(string dataset,string consumer,string purpose,string columns,string output,string parties,"
    "bytes32 notice,bytes32 enrolment,bytes32 salt)"
)
CONSENT = _define(
    "Consent(bytes owner,Offer offer,uint48 notBefore,uint48 notAfter,uint32 firstOpening,uint32 uses,Details details)"
)
WITHDRAWAL = _define("Withdrawal(bytes32 consent)")
ENROLMENT = _define("Enrolment(bytes owner,bytes32 subject)")
REQUEST = _define("Request(string method,string path,bytes32 body,bytes32 nonce,uint48 expiry)")
INPUT = _define("Input(bytes32 offer,bytes32 consent,bytes32 lawfulRoot,uint32 epoch,uint32 opensBefore)")
PARTY = _define(
    "Party(bytes signer,address recorder,address payee,uint96 reward,bytes32 tlsKey,bytes32 seed,bool output,"
    "Input[] inputs)"
)
PLAN = _define(
    "Plan(bytes32 terms,address consumer,bytes32 purpose,uint32 operations,address sponsor,address token,"
    "uint48 openBy,uint48 deadline,uint48 settleBy,bytes32 salt,Party[] parties)"
)
AMENDMENT = _define("Amendment(bytes32 job,uint32 attempt,bytes32[] roots,uint32[] epochs)")
SEAL = _define("Seal(bytes32 job,uint32 attempt,bytes32[] heads,bytes32[] outputs,bytes32[] keys,uint32[] epochs)")
CANCELLATION = _define("Cancellation(bytes32 job)")
MESSAGE = _define(
    "Message(bytes32 job,uint32 attempt,uint32 sequence,uint32 sender,uint32 receiver,string tag,bytes32 digest)"
)
ACKNOWLEDGEMENT = _define("Acknowledgement(bytes32 message)")
EVIDENCE = _define("Evidence(bytes32 job,uint32 party,bytes32 digest)")

_DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
_DOMAIN = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


def type_hash(*signatures: str) -> bytes:
    """keccak256 of a type and the types it refers to, these in alphabetical order as EIP-712 wants."""
    return keccak("".join((signatures[0], *sorted(signatures[1:]))).encode())


def word(value: int) -> bytes:
    """An unsigned integer or bool as a 32-byte word."""
    return int(value).to_bytes(32, "big")


def address(value: bytes) -> bytes:
    """An address as a 32-byte word."""
    return value.rjust(32, b"\0")


def text(value: str) -> bytes:
    """A string's EIP-712 encoding."""
    return keccak(value.encode())


def array(words: list[bytes] | tuple[bytes, ...]) -> bytes:
    """An array of 32-byte words (or struct hashes)."""
    return keccak(*words)


def numbers(values: list[int] | tuple[int, ...]) -> bytes:
    """An array of unsigned integers."""
    return keccak(*(word(v) for v in values))


@dataclass(frozen=True)
class Domain:
    """An EIP-712 domain: which chain and which contract a signature is for."""

    name: str
    chain_id: int
    contract: bytes

    @cached_property
    def separator(self) -> bytes:
        return keccak(_DOMAIN, text(self.name), text("1"), word(self.chain_id), address(self.contract))

    @cached_property
    def _prefix(self) -> bytes:
        return b"\x19\x01" + self.separator

    def digest(self, struct_hash: bytes) -> bytes:
        """What is signed: keccak256(0x1901 ‖ separator ‖ struct hash)."""
        return keccak(self._prefix, struct_hash)

    def typed_data(self, primary: str, message: dict[str, Any]) -> dict[str, Any]:
        """The argument of `eth_signTypedData_v4`."""
        return {
            "types": {"EIP712Domain": _DOMAIN_FIELDS, **{name: TYPES[name] for name in _closure(primary)}},
            "primaryType": primary,
            "domain": {
                "name": self.name,
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": "0x" + self.contract.hex(),
            },
            "message": message,
        }


def _closure(name: str) -> list[str]:
    found = [name]
    for field in TYPES[name]:
        inner = field["type"].removesuffix("[]")
        if inner in TYPES:
            found.extend(n for n in _closure(inner) if n not in found)
    return found


def consent_domain(chain_id: int, registry: bytes) -> Domain:
    """Signatures of owners and enrollers: for `ConsentRegistry` on one chain."""
    return Domain("Placet Consent", chain_id, registry)


def job_domain(chain_id: int, ledger: bytes) -> Domain:
    """Signatures of institutions about jobs: for `JobLedger` on one chain."""
    return Domain("Placet Jobs", chain_id, ledger)
