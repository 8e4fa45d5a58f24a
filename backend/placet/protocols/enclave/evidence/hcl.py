"""The HCL report of Azure's confidential machines: hardware's report, and the runtime data that it hashes.

The paravisor (Host Compatibility Layer, today OpenHCL) writes it into the TPM's NV index 0x01400001, little-endian:

    0x000   "HCLA" ‖ version (1, 2) ‖ size up to the runtime data's end ‖ request type (2) ‖ status (0) ‖ 12 zero bytes
    0x020   1,184 bytes: an SNP report, or a TD report and zeros
    0x4c0   size from here on ‖ version (1, 2) ‖ report type (2: SNP, 4: TDX) ‖ hash (1: SHA-256) ‖ runtime data's size
    0x4d4   from request version 2 on, 4 bytes of wishes; then the runtime data (JSON), and zeros up to the index's size

What is before and between the two is measured by nobody, so it is read strictly and used for nothing else. The first
half of the hardware's REPORTDATA is SHA-256 of the runtime data, the other half zero. They hold the public half of the
TPM's attestation key and what the machine's operator chose. Source: microsoft/openvmm, `openhcl_attestation_protocol`.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ConfigDict, Field

from placet.core.errors import InputError
from placet.core.hashing import sha256
from placet.core.values import Value, parse
from placet.protocols.enclave.evidence.reading import Reader, cut
from placet.protocols.enclave.evidence.refusals import refusal

MAGIC = b"HCLA"
HARDWARE = 1184
_AK_CERT_REQUEST, _SHA256 = 2, 1
_REPORT = {"azure-snp": 2, "azure-tdx": 4}
_AK = "HCLAkPub"
_MIN_BITS = 2048

AzureKind = Literal["azure-snp", "azure-tdx"]
_Flag = Annotated[bool, Field(strict=True)]
_Short = Annotated[str, Field(max_length=256)]
_Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{342,684}$")]


class _Claim(Value):
    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"), populate_by_name=False)


class Jwk(_Claim):
    """An RSA key with the exponent 65,537."""

    kid: _Short
    key_ops: Annotated[tuple[_Short, ...], Field(max_length=4, alias="key_ops")]
    kty: Literal["RSA"]
    e: Literal["AQAB"]
    n: _Base64


class VmConfiguration(_Claim):
    """What the operator chose. An interactive console is a console; what an older paravisor does not say is off."""

    current_time: int | None = None
    root_cert_thumbprint: _Short = ""
    console_enabled: _Flag
    interactive_console_enabled: _Flag = False
    secure_boot: _Flag
    tpm_enabled: _Flag
    tpm_persisted: _Flag = False
    filtered_vpci_devices_allowed: _Flag = False
    vm_unique_id: Annotated[_Short, Field(alias="vmUniqueId")]

    @property
    def console(self) -> bool:
        return self.console_enabled or self.interactive_console_enabled


class RuntimeClaims(_Claim):
    """The runtime data. An unknown claim is refused: it may be one that a policy should judge."""

    keys: Annotated[tuple[Jwk, ...], Field(max_length=4)]
    vm_configuration: VmConfiguration
    user_data: _Short = ""

    def attestation_key(self) -> rsa.RSAPublicKey:
        """The key that the machine's TPM quotes with."""
        signers = [key for key in self.keys if key.kid == _AK]
        if len(signers) != 1 or signers[0].key_ops != ("sign",):
            raise refusal("format", "the runtime data name no attestation key", expected=f"one {_AK} that signs")
        text = signers[0].n
        modulus = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        try:
            key = rsa.RSAPublicNumbers(65_537, int.from_bytes(modulus, "big")).public_key()
        except ValueError:
            raise refusal("format", "the attestation key is no RSA key", expected="an odd modulus") from None
        if key.key_size < _MIN_BITS:
            raise refusal("format", "the attestation key is too short", expected=_MIN_BITS, found=key.key_size)
        return key


@dataclass(frozen=True)
class HclReport:
    """`hardware` is 1,184 bytes, unjudged; `runtime` the bytes that its REPORTDATA hashes."""

    hardware: bytes
    runtime: bytes

    def claims(self, report_data: bytes) -> RuntimeClaims:
        """What the runtime data say, if they are the ones in the 64 bytes that hardware signed."""
        if report_data != sha256(self.runtime) + bytes(32):
            raise refusal(
                "signature",
                "the runtime data are not those that the hardware's report was made over",
                expected=report_data.hex(),
                found=sha256(self.runtime).hex(),
            )
        try:
            return parse(RuntimeClaims, self.runtime)
        except InputError as error:
            raise refusal(
                "format",
                "the runtime data are not as they are known here",
                expected=error.expected,
                found=error.found,
            ) from None


def read(data: bytes, kind: AzureKind) -> HclReport:
    """What Azure's paravisor keeps in the vTPM for `kind`: the hardware's report, and the runtime data whose hash that
    report holds. AttestationError `attestation.format` for other bytes; nothing is believed yet."""
    begin = data.find(MAGIC)
    if begin > 0:
        remedy = cut(len(data), begin, len(data), "the HCL report")
        raise refusal("format", "bytes before the HCL report", expected="none", found=begin, remedy=remedy)
    reader = Reader(data, "little", "the HCL report")
    reader.must(reader.take(4), MAGIC, "its first bytes")
    reader.must(reader.number(4) in (1, 2), True, "its version")
    size = reader.number(4)
    reader.must(reader.number(4), _AK_CERT_REQUEST, "its type of request")
    reader.must(reader.number(4), 0, "its status")
    reader.must(any(reader.take(12)), False, "a reserved field")
    hardware = reader.take(HARDWARE)
    data_size, version = reader.number(4), reader.number(4)
    reader.must(version in (1, 2), True, "the version of its request")
    reader.must(reader.number(4), _REPORT[kind], "its type of report")
    reader.must(reader.number(4), _SHA256, "its hash")
    count = reader.number(4)
    head = 20 if version == 1 else 24
    reader.must(data_size, head + count, "the size of its request")
    reader.must(size, 32 + HARDWARE + data_size, "its size")
    reader.take(head - 20)
    runtime = reader.take(count)
    reader.must(any(reader.rest()), False, "the space after its runtime data")
    return HclReport(hardware, runtime)
