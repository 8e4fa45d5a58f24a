"""An AWS of our own: Nitro attestation documents under a root that only tests know. They need cbor2 once made."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from placet.protocols.enclave.evidence.model import NitroStatement

from .making import NOW, Issuer

PROTECTED = bytes.fromhex("a1013822")
PCRS = {number: bytes([number + 1]) * 48 for number in range(3)} | {number: bytes(48) for number in range(3, 16)}


def p384() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


class Nitro:
    def __init__(self) -> None:
        self.root = Issuer.root("Test aws.nitro-enclaves", p384(), hashes.SHA384())
        self.region = self.root.issue("Test region", p384(), ca=True, path=1)
        self.instance = self.region.issue("Test instance", p384(), ca=True, path=0)
        self.enclave = self.instance.issue("Test enclave", p384(), begin=NOW - 600, end=NOW + 3 * 3600)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """What a document says, before it is signed."""
        return {
            "module_id": "i-0123456789abcdef0-enc0123456789abcdef",
            "digest": "SHA384",
            "timestamp": (NOW - 5) * 1000,
            "pcrs": dict(PCRS),
            "certificate": self.enclave.der,
            "cabundle": [self.root.der, self.region.der, self.instance.der],
            "public_key": None,
            "user_data": None,
            "nonce": None,
        } | changed

    def statement(self, **changed: Any) -> NitroStatement:
        import cbor2

        return self.signed(cbor2.dumps(self.claims(**changed)))

    def signed(self, payload: bytes, *, protected: bytes = PROTECTED, by: Issuer | None = None) -> NitroStatement:
        """A document with any content, signed as it must be."""
        import cbor2

        content = cbor2.dumps(["Signature1", protected, b"", payload])
        signature = (by or self.enclave).raw_signature(content, "big", 48)
        return NitroStatement(kind="nitro", document=cbor2.dumps([protected, {}, payload, signature]))
