"""TPM 2.0 quotes: TPMS_ATTEST and TPMT_SIGNATURE. They are read here for Azure's machines too (`azure`); what is judged
here is the simulated platform's, by an attestation key that the plan names.

Structures: TCG TPM 2.0 Library, Part 2 (10.12.8 TPMS_ATTEST, 11.3.4 TPMT_SIGNATURE), rev. 1.59. Read strictly: PCRs of
the SHA-256 bank alone are quoted, and nothing follows.

How the measurement gets into the simulated platform's one PCR: PCR 16 is reset to 32 zero bytes and extended once with
the measurement (32 bytes), so it holds SHA-256(0³² ‖ measurement), and the quote's digest is SHA-256 over that. The
binding's digest is the qualifying data.

Whoever has the TPM's owner rights, or runs a software TPM, can quote what he likes: this proves that a key which the
operator owns signed, and no more. Its class is `simulated`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from placet.core.enclave_policy import TpmRule
from placet.core.hashing import sha256
from placet.protocols.enclave.evidence.model import Claims, TpmStatement
from placet.protocols.enclave.evidence.reading import Reader, cut
from placet.protocols.enclave.evidence.refusals import refusal

PCR = 16
MAGIC, QUOTE = 0xFF544347, 0x8018
"""TPM_GENERATED_VALUE and TPM_ST_ATTEST_QUOTE."""
_ATTESTED = MAGIC.to_bytes(4, "big") + QUOTE.to_bytes(2, "big")
RSASSA, ECDSA, SHA256 = 0x0014, 0x0018, 0x000B
_MIN_RSA = 2048
AttestationKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Quoted:
    extra_data: bytes
    pcr_digest: bytes


def selection(pcrs: Iterable[int]) -> bytes:
    """The bitmap of some of the first 24 PCRs (TPMS_PCR_SELECTION)."""
    return sum(1 << pcr for pcr in set(pcrs)).to_bytes(3, "little")


def pcr_digest(measurement: bytes) -> bytes:
    """The digest in a quote of the one PCR that was extended once, from zero, with this measurement."""
    return sha256(sha256(bytes(32), measurement))


def read(attest: bytes, pcrs: Iterable[int]) -> Quoted:
    """A TPMS_ATTEST of these PCRs, field by field."""
    begin = attest.find(_ATTESTED)
    if begin > 0 and not attest.startswith(_ATTESTED[:4]):
        remedy = cut(len(attest), begin, len(attest), "the TPMS_ATTEST")
        raise refusal("format", "bytes before the quote", expected="none", found=begin, remedy=remedy)
    reader = Reader(attest, "big", "the quote")
    reader.must(reader.number(4), MAGIC, "the mark of what a TPM made itself")
    reader.must(reader.number(2), QUOTE, "the kind of its attestation")
    reader.sized(2, 68)  # qualifiedSigner: TPM2B_NAME
    extra_data = reader.sized(2, 64)
    reader.take(8 + 4 + 4)  # clockInfo: clock, resetCount, restartCount
    safe = reader.number(1)
    reader.must(safe in (0, 1), True, "the clock's TPMI_YES_NO")
    reader.take(8)  # firmwareVersion
    reader.must(reader.number(4), 1, "the number of its banks")
    reader.must(reader.number(2), SHA256, "the bank's hash")
    reader.must(reader.sized(1, 4), selection(pcrs), "the selection of PCRs")
    digest = reader.sized(2, 64)
    reader.must(len(digest), 32, "the size of its PCR digest")
    reader.end()
    return Quoted(extra_data, digest)


def examine(statement: TpmStatement) -> Claims:
    """What a quote that its own key signed says. Whether that key counts is the policy's to say."""
    check_signature(_key(statement.key), statement.attest, statement.signature)
    quoted = read(statement.attest, (PCR,))
    if quoted.pcr_digest != pcr_digest(statement.measurement):
        raise refusal(
            "measurement",
            "the quote is of another measurement than the evidence says",
            expected=pcr_digest(statement.measurement).hex(),
            found=quoted.pcr_digest.hex(),
        )
    return Claims(
        kind="tpm",
        measurement=statement.measurement,
        user_data=quoted.extra_data,
        tcb_status="simulated",
        root=sha256(statement.key),
    )


def judge(claims: Claims, rule: TpmRule) -> None:
    """Whether the key is one that the plan names."""
    if claims.root not in rule.keys:
        raise refusal("key", "the attestation key is not one of the plan's", found=claims.root.hex())


def check_signature(key: AttestationKey, attest: bytes, signature: bytes) -> None:
    """Refused unless `signature`, a TPMT_SIGNATURE, is the key's over the quote."""
    algorithm, parts = _signature(signature)
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm == RSASSA:
            key.verify(parts[0], attest, padding.PKCS1v15(), hashes.SHA256())
            return
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm == ECDSA:
            r, s = (int.from_bytes(part, "big") for part in parts)
            key.verify(utils.encode_dss_signature(r, s), attest, ec.ECDSA(hashes.SHA256()))
            return
    except (InvalidSignature, ValueError):
        raise refusal("signature", "the quote's signature does not verify") from None
    raise refusal("signature", "the signature is of another algorithm than the key", found=f"{algorithm:#06x}")


def _signature(data: bytes) -> tuple[int, tuple[bytes, ...]]:
    """A TPMT_SIGNATURE: RSASSA in one part, ECDSA in two, over SHA-256."""
    reader = Reader(data, "big", "the signature")
    algorithm = reader.number(2)
    if algorithm not in (RSASSA, ECDSA):
        raise refusal("format", "an unknown signature", expected="RSASSA or ECDSA", found=f"{algorithm:#06x}")
    reader.must(reader.number(2), SHA256, "its hash")
    parts = (reader.sized(2, 512),) if algorithm == RSASSA else (reader.sized(2, 32), reader.sized(2, 32))
    reader.end()
    return algorithm, parts


def _key(spki: bytes) -> AttestationKey:
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA:
        return key
    raise refusal("key", "the attestation key is of another kind", expected=f"P-256, or RSA from {_MIN_RSA} bits on")
