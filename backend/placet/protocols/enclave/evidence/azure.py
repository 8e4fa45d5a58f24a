"""Azure's confidential machines, on SEV-SNP and on TDX: hardware vouches for a paravisor, which vouches for a TPM,
whose quote binds our key and shows what was started.

The links, each checked: the hardware's report or quote is the manufacturer's, for an accepted platform; its REPORTDATA
is the hash of the runtime data; the attestation key in them signed the quote; the quote's digest is that of the 24 PCRs
that are shown; its qualifying data are the binding's digest.

The attestation key signs whatever anybody in the machine asks for, so a binding alone proves nothing: it is PCRs and
secure boot that say who could ask. They are in the measurement, together with the hardware's measurement, which is the
paravisor's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from placet.core.enclave_policy import STATIC_PCRS, AzureSnpRule, AzureTdxRule, VtpmRule
from placet.core.hashing import sha256
from placet.protocols.enclave.evidence import hcl, intel, snp, tpm
from placet.protocols.enclave.evidence.hcl import RuntimeClaims, VmConfiguration
from placet.protocols.enclave.evidence.model import (
    AzureSnpStatement,
    AzureTdxStatement,
    Claims,
    IntelStatement,
    SnpStatement,
    VtpmQuote,
)
from placet.protocols.enclave.evidence.refusals import refusal
from placet.protocols.enclave.evidence.roots import VendorRoots

PCRS = range(24)
_CHOICES = {
    "console_enabled", "interactive_console_enabled", "secure_boot", "tpm_enabled", "filtered_vpci_devices_allowed",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AzureClaims(Claims):
    """`user_data` are the quote's qualifying data; `measurement` covers the PCRs that the rule names."""

    configuration: VmConfiguration


def examine_snp(statement: AzureSnpStatement, rule: AzureSnpRule, now: int, roots: VendorRoots) -> AzureClaims:
    """What an authentic machine says, of a platform that the rule accepts."""
    report = hcl.read(statement.hcl, "azure-snp")
    hardware = snp.examine(
        SnpStatement(kind="snp", report=report.hardware, vek=statement.vek, issuer=statement.issuer), now, roots
    )
    snp.judge(hardware, rule.min_tcb)
    return vouch(hardware, report.claims(hardware.user_data), statement.vtpm, rule)


def examine_tdx(statement: AzureTdxStatement, rule: AzureTdxRule, now: int, roots: VendorRoots) -> AzureClaims:
    """The same; the TD report inside the HCL report is signed by nobody, so only the quote counts."""
    report = hcl.read(statement.hcl, "azure-tdx")
    quote = IntelStatement(kind="tdx", quote=statement.quote, collateral=statement.collateral)
    hardware = intel.examine(quote, now, roots.intel)
    intel.judge(hardware, rule)
    return vouch(hardware, report.claims(hardware.user_data), statement.vtpm, rule)


def vouch(hardware: Claims, runtime: RuntimeClaims, vtpm: VtpmQuote, rule: AzureSnpRule | AzureTdxRule) -> AzureClaims:
    """What the TPM's quote says, by the key that authentic runtime data name."""
    tpm.check_signature(runtime.attestation_key(), vtpm.attest, vtpm.signature)
    quoted = tpm.read(vtpm.attest, PCRS)
    if quoted.pcr_digest != sha256(*vtpm.pcrs):
        raise refusal(
            "measurement",
            "the quote is of other PCRs than are shown",
            expected=sha256(*vtpm.pcrs).hex(),
            found=quoted.pcr_digest.hex(),
        )
    return AzureClaims(
        kind=rule.kind,
        measurement=measurement(hardware.measurement, rule.pcrs, vtpm.pcrs),
        user_data=quoted.extra_data,
        tcb_status=hardware.tcb_status,
        advisories=hardware.advisories,
        expires=hardware.expires,
        root=hardware.root,
        configuration=runtime.vm_configuration,
    )


def judge(claims: AzureClaims, rule: VtpmRule) -> None:
    """Whether the operator's choices are those that the rule allows. Without a TPM, or with devices let in past the
    paravisor's filter, none is."""
    configuration = claims.configuration
    allowed = {
        "a TPM": configuration.tpm_enabled,
        "no devices past the filter": not configuration.filtered_vpci_devices_allowed,
        "secure boot": configuration.secure_boot or not rule.secure_boot,
        "no console": rule.console or not configuration.console,
    }
    if broken := [choice for choice, holds in allowed.items() if not holds]:
        raise refusal(
            "platform",
            "the machine was started otherwise than the plan asks",
            expected=", ".join(broken),
            found=configuration.model_dump_json(by_alias=True, include=_CHOICES),
        )


def measurement(hardware: bytes, selected: tuple[int, ...], pcrs: tuple[bytes, ...]) -> bytes:
    """SHA-384(the hardware's measurement, 48 bytes ‖ the selection's bitmap, 3 bytes ‖ those PCRs, ascending)."""
    if any(pcr >= STATIC_PCRS for pcr in selected):
        raise ValueError("PCRs that a running machine can reset measure nothing")
    values = b"".join(pcrs[pcr] for pcr in sorted(selected))
    return hashlib.sha384(hardware + tpm.selection(selected) + values).digest()
