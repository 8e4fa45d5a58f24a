"""Evidence as it travels, what is read out of it, and what a verification gives.

Sizes are bounded here, before anything looks inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from placet.core.enclave_policy import EnclaveClass, Kind
from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.core.values import U48, Bytes32, Octets, Value
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.refusals import refusal

MAX_EVIDENCE = 1 << 20
"""Bytes of an evidence document at the most."""

Chain = Annotated[str, Field(max_length=16_384)]
Signed = Annotated[str, Field(max_length=262_144)]
Hex = Annotated[str, Field(max_length=262_144, pattern=r"^(?:[0-9a-f]{2})+$")]
HexSignature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Certificate = Annotated[Octets, Field(max_length=4096)]


class IntelCollateral(Value):
    """What Intel's provisioning service says about a platform, in the names and spelling of its JSON."""

    pck_crl_issuer_chain: Chain
    root_ca_crl: Hex
    pck_crl: Hex
    tcb_info_issuer_chain: Chain
    tcb_info: Signed
    tcb_info_signature: HexSignature
    qe_identity_issuer_chain: Chain
    qe_identity: Signed
    qe_identity_signature: HexSignature


class IntelStatement(Value):
    """A DCAP quote, version 3 (SGX), 4 or 5 (TDX), whose certification data holds the PCK certificate's chain."""

    kind: Literal["sgx", "tdx"]
    quote: Annotated[Octets, Field(max_length=32_768)]
    collateral: IntelCollateral


class NitroStatement(Value):
    """An attestation document as the Nitro security module gives it: COSE_Sign1 with all certificates inside."""

    kind: Literal["nitro"]
    document: Annotated[Octets, Field(max_length=32_768)]


class SnpStatement(Value):
    """A report of 1,184 bytes; `vek` and `issuer` are certificates in DER: VCEK and ASK, or VLEK and ASVK. The ARK is
    ours, so it isn't sent. A longer report is taken in and refused with what to cut."""

    kind: Literal["snp"]
    report: Annotated[Octets, Field(max_length=32_768)]
    vek: Certificate
    issuer: Certificate


class VtpmQuote(Value):
    """A quote over all 24 PCRs of the SHA-256 bank by the attestation key (AK) of an Azure machine's TPM: a TPMS_ATTEST
    whose qualifying data are the binding's digest, a TPMT_SIGNATURE over it, and what the PCRs hold."""

    attest: Annotated[Octets, Field(max_length=2048)]
    signature: Annotated[Octets, Field(max_length=1024)]
    pcrs: Annotated[tuple[Bytes32, ...], Field(min_length=24, max_length=24)]


class AzureSnpStatement(Value):
    """A confidential machine of Azure's on SEV-SNP. `hcl` is the HCL report as the TPM's NV index 0x01400001 holds it,
    `vek` and `issuer` are VCEK and ASK."""

    kind: Literal["azure-snp"]
    hcl: Annotated[Octets, Field(max_length=32_768)]
    vek: Certificate
    issuer: Certificate
    vtpm: VtpmQuote


class AzureTdxStatement(Value):
    """A confidential machine of Azure's on TDX: the HCL report, the quote that Azure's host made of the TD report in
    it, and that quote's collateral."""

    kind: Literal["azure-tdx"]
    hcl: Annotated[Octets, Field(max_length=32_768)]
    quote: Annotated[Octets, Field(max_length=32_768)]
    collateral: IntelCollateral
    vtpm: VtpmQuote


class TpmStatement(Value):
    """`attest` is a TPMS_ATTEST, `signature` a TPMT_SIGNATURE over it, `key` the attestation key (SPKI, DER);
    `measurement` is what the quoted PCR was extended with."""

    kind: Literal["tpm"]
    attest: Annotated[Octets, Field(max_length=2048)]
    signature: Annotated[Octets, Field(max_length=1024)]
    key: Annotated[Octets, Field(max_length=1024)]
    measurement: Bytes32


Statement = IntelStatement | NitroStatement | SnpStatement | AzureSnpStatement | AzureTdxStatement | TpmStatement


class EnclaveEvidence(Value):
    """One platform's statement, as it is sent and kept."""

    type: Literal["placet.enclave-evidence"] = "placet.enclave-evidence"
    version: Literal[1] = 1
    statement: Annotated[Statement, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What authentic evidence says, before any policy. `expires` is the last second at which all that it rests on is
    valid, `made_at` its own time, where it has them; `root` is the SHA-256 of the certificate or key it ends in."""

    kind: Kind
    measurement: bytes
    user_data: bytes
    tcb_status: str
    root: bytes
    advisories: tuple[str, ...] = ()
    made_at: int | None = None
    expires: int | None = None

    def binds(self, binding: Binding) -> bool:
        """Whether the enclave put exactly this binding into its evidence."""
        return self.user_data == binding.digest()


class Verified(Value):
    """That evidence held: when, until when, and for what. Only `verify` makes one: read from a
    document, it is the word of whoever wrote that."""

    type: Literal["placet.enclave-verified"] = "placet.enclave-verified"
    version: Literal[1] = 1
    enclave_class: EnclaveClass
    kind: Kind
    measurement: Octets
    tcb_status: str
    advisories: tuple[str, ...]
    job: JobId
    key: Bytes32
    binding: Bytes32
    root: Bytes32
    verified_at: U48
    valid_until: U48

    def still(self, now: int) -> None:
        """Refuse to go on with a verification from another time."""
        if not self.verified_at <= now <= self.valid_until:
            raise refusal(
                "age",
                "this verification does not hold at this time",
                expected=f"{self.verified_at} to {self.valid_until}",
                found=now,
            )

    def measurement_id(self) -> bytes:
        return measurement_id(self.kind, self.measurement)


def measurement_id(kind: Kind, measurement: bytes) -> bytes:
    """A measurement of any kind in 32 bytes, as a registry holds it: SHA-256(tag ‖ kind ‖ zero byte ‖ measurement)."""
    return sha256(b"placet.enclave.measurement/1", kind.encode(), b"\x00", measurement)
