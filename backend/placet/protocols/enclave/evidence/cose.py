"""COSE_Sign1 (RFC 9052) over deterministic CBOR, as the Nitro security module writes it. Nothing else is read.

No tag, no unprotected header, ES384; no indefinite lengths, no duplicate keys, nothing after the end: what is read,
written again, must give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from placet.core.errors import ConfigError
from placet.protocols.enclave.evidence import p384
from placet.protocols.enclave.evidence.refusals import refusal

_DEPTH = 4
_PROTECTED = bytes.fromhex("a1013822")
"""{1: -35}: the algorithm is ES384."""


def decode(data: bytes, name: str) -> Any:
    """One CBOR value in its shortest form (RFC 8949, 4.2.1), at most four levels deep.

    AttestationError `attestation.format`, which calls it `name`, for other bytes; ConfigError `config.extra` without
    cbor2."""
    try:
        import cbor2
    except ImportError:
        raise ConfigError(
            "Nitro's evidence needs cbor2",
            expected="the extra placet[tee]",
            found="no cbor2",
            remedy="pip install 'placet[tee]'",
            code="config.extra",
        ) from None
    try:
        value = cbor2.loads(data, max_depth=_DEPTH, allow_indefinite=False, allow_duplicate_keys=False)
        exact = cbor2.dumps(value) == data
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        exact = False
    if not exact:
        raise refusal("format", f"{name} is not CBOR as it is written here", expected="one value in its shortest form")
    return value


def encode(value: Any) -> bytes:
    import cbor2

    return cbor2.dumps(value)


@dataclass(frozen=True)
class Sign1:
    payload: bytes
    signature: bytes

    def verify(self, key: object) -> None:
        """Check the signature by a P-384 key."""
        r, s = (int.from_bytes(half, "big") for half in (self.signature[:48], self.signature[48:]))
        signed = encode(["Signature1", _PROTECTED, b"", self.payload])
        p384.check(key, r, s, signed, "the document")


def read(data: bytes, name: str) -> Sign1:
    """A COSE_Sign1 (RFC 9052, 4.2) under ES384, without unprotected headers, as Nitro writes it: the signature is 96
    bytes, r then s. AttestationError `attestation.format` for another; `Sign1.verify` checks the signature."""
    parts = decode(data, name)
    if not (
        isinstance(parts, list)
        and len(parts) == 4
        and all(isinstance(part, bytes) for part in (parts[2], parts[3]))
        and parts[1] == {}
        and len(parts[3]) == 96
    ):
        raise refusal("format", f"{name} is not signed as Nitro does", expected="COSE_Sign1, no unprotected header")
    if parts[0] != _PROTECTED:
        raise refusal("format", f"{name} is signed by another algorithm", expected="ES384 and no other header")
    return Sign1(parts[2], parts[3])
