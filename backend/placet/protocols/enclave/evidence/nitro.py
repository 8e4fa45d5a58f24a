"""AWS Nitro Enclaves: an attestation document, signed by the Nitro security module under AWS's root.

Structure and checks: AWS Nitro Enclaves NSM API, "attestation process" (COSE_Sign1, ES384, chain from the document's
own bundle). An enclave in debug mode has zeros for PCR0, PCR1 and PCR2.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography import x509
from pydantic import Field, ValidationError

from placet.core.values import Value
from placet.protocols.enclave.evidence import certificates, cose
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import Claims, NitroStatement
from placet.protocols.enclave.evidence.refusals import refusal
from placet.protocols.enclave.evidence.roots import fingerprint

_Der = Annotated[bytes, Field(strict=True, min_length=1, max_length=1024)]
_Free = Annotated[bytes, Field(strict=True, max_length=1024)] | None
_Pcr = Annotated[bytes, Field(strict=True, min_length=48, max_length=48)]


class AttestationDocument(Value):
    """What is signed. `timestamp` is in milliseconds; `cabundle` begins with the root."""

    module_id: Annotated[str, Field(strict=True, min_length=1, max_length=256)]
    digest: Literal["SHA384"]
    timestamp: Annotated[int, Field(strict=True, ge=0, lt=2**53)]
    pcrs: Annotated[dict[Annotated[int, Field(strict=True, ge=0, lt=32)], _Pcr], Field(min_length=3)]
    certificate: _Der
    cabundle: Annotated[list[_Der], Field(min_length=1, max_length=8)]
    public_key: _Free
    user_data: _Free
    nonce: _Free


@dataclass(frozen=True, kw_only=True)
class NitroClaims(Claims):
    nonce: bytes | None
    public_key: bytes | None

    def binds(self, binding: Binding) -> bool:
        """The digest is the user data; nonce and key, where they stand in their own fields too, are the same."""
        return super().binds(binding) and self.nonce in (None, binding.nonce) and self.public_key in (None, binding.key)


def examine(statement: NitroStatement, now: int, root: x509.Certificate) -> NitroClaims:
    """What an authentic document says; refused if its chain does not hold at this time, or if it is of a debug run."""
    signed = cose.read(statement.document, "the document")
    document = _parse(signed.payload)
    leaf = certificates.load(document.certificate, "the document's certificate")
    bundle = [certificates.load(one, "one of the document's bundle") for one in reversed(document.cabundle)]
    expires = certificates.check_chain([leaf, *bundle], root, now)
    signed.verify(leaf.read.public_key())
    pcrs = [document.pcrs.get(number, bytes(48)) for number in (0, 1, 2)]
    if not all(any(pcr) for pcr in pcrs):
        raise refusal("debug", "the enclave runs in debug mode", expected="PCR0, PCR1 and PCR2", found="zeros")
    return NitroClaims(
        kind="nitro",
        measurement=hashlib.sha384(b"".join(pcrs)).digest(),
        user_data=document.user_data or b"",
        nonce=document.nonce,
        public_key=document.public_key,
        tcb_status="not stated",
        made_at=document.timestamp // 1000,
        expires=expires,
        root=fingerprint(root),
    )


def _parse(payload: bytes) -> AttestationDocument:
    try:
        return AttestationDocument.model_validate(cose.decode(payload, "the document's content"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise refusal("format", "the document is malformed", expected=first["msg"], found=f"a bad {where}") from None
