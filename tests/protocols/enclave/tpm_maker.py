"""A TPM of our own: TPMS_ATTEST and TPMT_SIGNATURE as TPM 2.0 Part 2 lays them out, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet.protocols.enclave.evidence.model import TpmStatement


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def sized(data: bytes) -> bytes:
    """A TPM2B."""
    return u16(len(data)) + data


@dataclass(frozen=True)
class Quote:
    extra_data: bytes = b""
    measurement: bytes = b"\x01" * 32
    magic: int = 0xFF544347
    kind: int = 0x8018
    banks: int = 1
    bank: int = 0x000B
    selection: bytes = b"\x03\x00\x00\x01"
    """sizeofSelect and the bitmap: PCR 16."""
    safe: int = 1
    tail: bytes = b""
    pcrs: bytes = b""
    """What the selected PCRs hold, where it is more than the one."""

    def attest(self) -> bytes:
        pcrs = self.pcrs or hashlib.sha256(bytes(32) + self.measurement).digest()
        return (
            u32(self.magic)
            + u16(self.kind)
            + sized(b"\x00\x0b" + bytes(32))  # qualifiedSigner
            + sized(self.extra_data)
            + (123456).to_bytes(8, "big")  # clock
            + u32(7)  # resetCount
            + u32(1)  # restartCount
            + bytes([self.safe])
            + (0x2019102300163636).to_bytes(8, "big")  # firmwareVersion
            + u32(self.banks)
            + u16(self.bank)
            + self.selection
            + sized(hashlib.sha256(pcrs).digest())
            + self.tail
        )


class Tpm:
    def __init__(self, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def name(self) -> bytes:
        """As a plan names the key."""
        return hashlib.sha256(self.spki).digest()

    def signature(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return u16(0x0014) + u16(0x000B) + sized(self.key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
        pair = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        size = self.key.key_size // 8
        return u16(0x0018) + u16(0x000B) + b"".join(sized(one.to_bytes(size, "big")) for one in pair)

    def statement(self, what: Quote) -> TpmStatement:
        attest = what.attest()
        return TpmStatement(
            kind="tpm",
            attest=attest,
            signature=self.signature(attest),
            key=self.spki,
            measurement=what.measurement,
        )
