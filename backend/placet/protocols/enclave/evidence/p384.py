"""ECDSA with P-384 over SHA-384 (FIPS 186-5), as AWS and AMD sign."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from placet.protocols.enclave.evidence.refusals import refusal


def check(key: object, r: int, s: int, data: bytes, what: str) -> None:
    """Refused unless the key is on P-384 and (r, s) is its signature over `data`; `what` is signed, for people."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise refusal("signature", f"{what} is signed by a key of another kind", expected="P-384")
    try:
        key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA384()))
    except (InvalidSignature, ValueError):
        raise refusal("signature", f"{what}'s signature does not verify") from None
