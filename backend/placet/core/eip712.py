"""EIP-712 hashing for the fixed set of types in docs/reference/formats.md.

One encoder serves every type: a `Struct` reads its fields from the type's own signature. Only a consent's id and the
words of an offer are also put together from parts, where a million of them share most of what is hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, ClassVar

from placet.core.hashing import keccak, keccak_256

TYPES: dict[str, list[dict[str, str]]] = {}
"""Every type's fields by the type's name, as `eth_signTypedData_v4` takes them."""


def word(value: int) -> bytes:
    """An unsigned integer or bool as a 32-byte word."""
    return int(value).to_bytes(32, "big")


def address(value: bytes) -> bytes:
    """An address as a 32-byte word."""
    return value.rjust(32, b"\0")


def text(value: str) -> bytes:
    """A string's EIP-712 encoding."""
    return keccak(value.encode())


def _bytes32(value: bytes) -> bytes:
    return value


def _bytes24(value: bytes) -> bytes:
    return value.ljust(32, b"\0")


Encoder = Callable[[Any], bytes]
_ATOMS: dict[str, Encoder] = {
    "address": address,
    "bool": word,
    "bytes": keccak,
    "bytes24": _bytes24,
    "bytes32": _bytes32,
    "string": text,
    "uint8": word,
    "uint32": word,
    "uint48": word,
    "uint64": word,
    "uint96": word,
    "uint256": word,
}


class Struct:
    """A struct type and its hash: keccak256(type hash ‖ one 32-byte word a field), EIP-712's `hashStruct`."""

    _known: ClassVar[dict[str, Struct]] = {}

    def __init__(self, signature: str) -> None:
        """`signature` as Solidity has it; the structs it refers to were defined before."""
        self.signature = signature
        self.name, fields = signature.rstrip(")").split("(")
        TYPES[self.name] = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
        self._known[self.name] = self
        self._encoders = tuple(self._encoder(field["type"]) for field in TYPES[self.name])
        names = [_snake(field["name"]) for field in TYPES[self.name]]
        self._fields: Callable[[object], tuple[Any, ...]] = attrgetter(*names) if len(names) > 1 else _single(names[0])

    @cached_property
    def type_hash(self) -> bytes:
        """keccak256 of the type and the types it refers to, these in alphabetical order as EIP-712 wants."""
        first, *others = _closure(self.name)
        return keccak("".join(self._known[name].signature for name in (first, *sorted(others))).encode())

    def hash(self, value: object) -> bytes:
        """The struct hash of a value whose attributes are the fields, in snake_case."""
        return self.of(*self._fields(value))

    def of(self, *fields: Any) -> bytes:
        """The struct hash from the fields in the type's order; ValueError if there are more or fewer."""
        words = [encode(field) for encode, field in zip(self._encoders, fields, strict=True)]
        return keccak(self.type_hash, *words)

    def _encoder(self, kind: str) -> Encoder:
        if kind.endswith("[]"):
            return _array(self._encoder(kind.removesuffix("[]")))
        return self._known[kind].hash if kind in self._known else _ATOMS[kind]


def _array(encode: Encoder) -> Encoder:
    return lambda values: keccak(*map(encode, values))


def _single(name: str) -> Callable[[object], tuple[Any, ...]]:
    return lambda value: (getattr(value, name),)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _closure(name: str) -> list[str]:
    names = [name]
    for field in TYPES[name]:
        inner = field["type"].removesuffix("[]")
        if inner in TYPES:
            names.extend(n for n in _closure(inner) if n not in names)
    return names


OFFER = Struct("Offer(bytes32 dataset,address consumer,bytes32 purpose,uint32 operations,bytes32 scope,uint64 budget)")
DETAILS = Struct(
    "Details(string language,string dataset,string consumer,string purpose,string columns,string output,string parties,"
    "bytes32 notice,bytes32 enrolment,bytes32 salt)"
)
CONSENT = Struct(
    "Consent(Details details,Offer offer,bytes owner,uint48 notBefore,uint48 notAfter,uint32 firstOpening,uint32 uses)"
)
WITHDRAWAL = Struct("Withdrawal(bytes32 consent)")
ENROLMENT = Struct("Enrolment(bytes owner,string namespace,bytes32 subject)")
ENROLMENTS = Struct("Enrolments(string namespace,bytes32 root)")
REQUEST = Struct("Request(address receiver,string method,string path,bytes32 body,bytes32 nonce,uint48 expiry)")
INPUT = Struct("Input(bytes32 offer,bytes32 consent,bytes32 lawfulRoot,bytes24 epoch,uint32 opensBefore,uint64 budget)")
PARTY = Struct(
    "Party(bytes signer,address recorder,address payee,uint96 reward,bytes32 tlsKey,bytes32 seed,bool output,"
    "Input[] inputs)"
)
PLAN = Struct(
    "Plan(bytes32 terms,address consumer,bytes32 purpose,uint32 operations,address sponsor,address token,"
    "uint96 pot,uint48 openBy,uint48 deadline,uint48 settleBy,bytes32 salt,Party[] parties)"
)
AMENDMENT = Struct("Amendment(bytes32 job,uint32 attempt,bytes32[] roots,bytes24[] epochs)")
SEAL = Struct(
    "Seal(bytes32 job,uint32 attempt,bytes32[] heads,bytes32[] outputs,bytes32[] keys,bytes24[] epochs,"
    "uint96[] payouts)"
)
STANDING = Struct("Standing(bytes32 plan,uint32 openings,uint48 notBefore,uint48 notAfter)")
CANCELLATION = Struct("Cancellation(bytes32 job)")
MESSAGE = Struct(
    "Message(bytes32 job,uint32 attempt,uint32 sequence,uint32 sender,uint32 receiver,string tag,bytes32 digest)"
)
ACKNOWLEDGEMENT = Struct("Acknowledgement(bytes32 message)")
EVIDENCE = Struct("Evidence(bytes32 job,uint32 party,bytes32 digest)")
TOTAL = Struct(
    "Total(bytes32 job,bytes person,bytes32 commitment,uint32 decimals,uint48 issuedAt,uint48 notAfter,string purpose)"
)
STATEMENT = Struct("Statement(bytes32 key,bytes32 job,address prover,address relyingParty,uint48 until)")
PROOF_TAG = Struct("ProofTag(bytes32 consent,bytes32 tag)")
RECEIPT = Struct("Receipt(bytes owner,bytes32 consent,bytes32 document)")
RESULT_DELETION = Struct("ResultDeletion(bytes32 job,uint48 keepUntil,uint48 deleted)")
ERASURE = Struct("ErasureReceipt(address holder,bytes32 consent,bytes32 document)")
STAKE = Struct(
    "Stake(bytes32 job,uint32 party,address holder,address auditor,address beneficiary,address token,uint96 amount,"
    "uint48 findBy,uint32 answerSeconds,uint8 subject)"
)
FINDING = Struct("Finding(bytes32 stake,uint8 fault,bytes32 evidence)")
GARBLING_FINDING = Struct("GarblingFinding(bytes32 stake,bytes32 message,bytes32 evidence)")
UPHOLDING = Struct("Upholding(bytes32 stake,bytes32 evidence)")

_DOMAIN = Struct("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


@dataclass(frozen=True)
class Domain:
    """An EIP-712 domain: which chain and which contract a signature is for."""

    name: str
    chain_id: int
    contract: bytes

    @cached_property
    def separator(self) -> bytes:
        return _DOMAIN.of(self.name, "1", self.chain_id, self.contract)

    @cached_property
    def _prefix(self) -> bytes:
        return b"\x19\x01" + self.separator

    def digest(self, struct_hash: bytes) -> bytes:
        """What is signed: keccak256(0x1901 ‖ separator ‖ struct hash)."""
        return keccak(self._prefix, struct_hash)

    def digests(self, struct_hashes: Iterable[bytes]) -> list[bytes]:
        """The same of many."""
        prefix = self._prefix
        return [keccak_256(prefix + struct_hash).digest() for struct_hash in struct_hashes]

    def typed_data(self, primary: str, message: dict[str, Any]) -> dict[str, Any]:
        """The argument of `eth_signTypedData_v4`."""
        return {
            "types": {name: TYPES[name] for name in (_DOMAIN.name, *_closure(primary))},
            "primaryType": primary,
            "domain": {
                "name": self.name,
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": "0x" + self.contract.hex(),
            },
            "message": message,
        }


def consent_domain(chain_id: int, registry: bytes) -> Domain:
    """Signatures of owners and enrollers: for `ConsentRegistry` on one chain."""
    return Domain("Placet Consent", chain_id, registry)


def job_domain(chain_id: int, ledger: bytes) -> Domain:
    """Signatures of institutions about jobs: for `JobLedger` on one chain."""
    return Domain("Placet Jobs", chain_id, ledger)


def statement_domain(chain_id: int, statements: bytes) -> Domain:
    """Statements in zero knowledge: for `Statements` on one chain."""
    return Domain("Placet Statements", chain_id, statements)


def stake_domain(chain_id: int, stakes: bytes) -> Domain:
    """Signatures of auditors about stakes: for `AuditStakes` on one chain."""
    return Domain("Placet Stakes", chain_id, stakes)


def receipt_domain(chain_id: int, registry: bytes) -> Domain:
    """Institutions' receipts for consents: of `ConsentRegistry` on one chain, for people and not for the contract."""
    return Domain("Placet Receipts", chain_id, registry)
