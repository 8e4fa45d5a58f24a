"""The layout of a DCAP quote, read strictly: every byte has its place.

dcap-qvl checks what a quote's signatures say; it passes over what is not signed (kinds and lengths of the
certification data, line ends, the root at the chain's end, bytes after the end). Here all that must be as Intel's
quoting enclaves make it. After a TDX quote zero bytes may follow, up to the buffer that guests get it in.

Structures: Intel SGX ECDSA QuoteLibReference DCAP API (version 3), Intel TDX DCAP Quoting Library API (4 and 5).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from cryptography import x509

from placet.core.malformed_certificates import MALFORMED
from placet.protocols.enclave.evidence.reading import Reader, cut
from placet.protocols.enclave.evidence.refusals import refusal

_TDX = 0x81
_SGX_BODY, _TD10_BODY, _TD15_BODY = 384, 584, 648
_BODIES = {(3, 0): _SGX_BODY, (4, _TDX): _TD10_BODY}
_V5_BODIES = {2: _TD10_BODY, 3: _TD15_BODY}
_QE_REPORT, _PCK_CHAIN = 6, 5
_INTEL = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
"""The vendor of Intel's quoting enclaves, in a quote's bytes 12 to 27."""
_PEM = re.compile(
    r"(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}\n-----END CERTIFICATE-----\n)+"
)


@dataclass(frozen=True)
class Quote:
    """`exact` is the quote without what may follow it; `chain` is PCK certificate, its CA and the root."""

    tdx: bool
    exact: bytes
    body: bytes
    chain: tuple[x509.Certificate, ...]

    def at(self, offset: int, size: int) -> bytes:
        return self.body[offset : offset + size]

    @property
    def measurement(self) -> bytes:
        """MRENCLAVE, or SHA-384 over MRTD and the four RTMRs."""
        if not self.tdx:
            return self.at(64, 32)
        return hashlib.sha384(self.at(136, 48) + self.at(328, 4 * 48)).digest()

    @property
    def report_data(self) -> bytes:
        return self.at(520, 64) if self.tdx else self.at(320, 64)

    @property
    def signer(self) -> bytes:
        """MRSIGNER of an SGX enclave."""
        return b"" if self.tdx else self.at(128, 32)

    @property
    def debug(self) -> bool:
        """SGX's attribute DEBUG, or any bit of the TD attributes' group TUD (TD under debug)."""
        return bool(self.at(120, 1)[0]) if self.tdx else bool(self.at(48, 1)[0] & 0x02)


def read(data: bytes) -> Quote:
    """An Intel quote: version 3 of SGX, 4 or 5 of TDX, with its certificates. Zeros may follow one of TDX.

    AttestationError `attestation.format` for anything else; no signature is checked here."""
    begin = data.find(_INTEL) - 12
    if begin > 0:
        remedy = cut(len(data), begin, len(data), "the quote")
        raise refusal("format", "bytes before the quote", expected="none", found=begin, remedy=remedy)
    reader = Reader(data, "little", "the quote")
    version, _key_type, tee = reader.number(2), reader.number(2), reader.number(4)
    reader.take(40)
    size = _BODIES.get((version, tee))
    if version == 5 and tee == _TDX:
        size = _V5_BODIES.get(reader.number(2))
        reader.must(reader.number(4), size, "the size of its body")
    if size is None:
        raise refusal(
            "format",
            "a quote of an unknown kind",
            expected="version 3 of SGX, 4 or 5 of TDX",
            found=f"version {version}, TEE type {tee:#x}",
        )
    body = reader.take(size)
    signed = reader.sized(4, len(data))
    after = reader.rest()
    if after.strip(b"\x00") or (after and tee != _TDX):
        raise refusal("format", "bytes after the end of the quote", expected="none", found=len(after))
    return Quote(tee == _TDX, data[: len(data) - len(after)], body, _chain(signed, version))


def _chain(signed: bytes, version: int) -> tuple[x509.Certificate, ...]:
    """The certificates inside a quote's signature data; from version 4 on they are one level deeper."""
    reader = Reader(signed, "little", "the quote's signature data")
    reader.take(64 + 64)
    if version > 3:
        reader.must(reader.number(2), _QE_REPORT, "the kind of its certification data")
        inner = reader.sized(4, len(signed))
        reader.end()
        reader = Reader(inner, "little", "the quote's certification data")
    reader.take(384 + 64)
    reader.sized(2, len(signed))
    reader.must(reader.number(2), _PCK_CHAIN, "the kind of its certificates")
    text = reader.sized(4, len(signed))
    reader.end()
    return certificates(text.removesuffix(b"\x00").decode("latin-1"), 3, "the PCK certificate's chain")


def certificates(text: str, count: int, name: str) -> tuple[x509.Certificate, ...]:
    """Certificates in PEM as Intel writes them: so many, and nothing between them."""
    try:
        chain = tuple(x509.load_pem_x509_certificates(text.encode())) if _PEM.fullmatch(text) else ()
    except MALFORMED:
        chain = ()
    if len(chain) != count:
        raise refusal("format", f"{name} is malformed", expected=f"{count} certificates in PEM", found=len(chain))
    return chain
