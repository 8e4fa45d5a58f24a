"""Every platform of ours, with evidence that holds and a rule that accepts it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from placet.core.enclave_policy import (
    WORKLOAD_PCRS,
    AzureSnpRule,
    AzureTdxRule,
    EnclavePolicy,
    NitroRule,
    Product,
    Rule,
    SgxRule,
    SnpRule,
    SnpTcb,
    TdxRule,
    TpmRule,
)
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence
from placet.protocols.enclave.evidence.roots import VendorRoots

from . import azure_maker, intel_maker, snp_maker, tpm_maker
from .making import NOW
from .nitro_maker import PCRS, Nitro

BINDING = Binding(chain=31337, job=b"\x0a" * 32, key=b"\x0b" * 32, nonce=b"\x0c" * 32, issued=NOW - 10)
HARDWARE = (
    *("sgx", "tdx-4", "tdx-5", "nitro", "snp-milan", "snp-genoa", "snp-turin", "snp-vlek"),
    *("azure-snp", "azure-tdx"),
)
NAMES = (*HARDWARE, "tpm-ecdsa", "tpm-rsassa")
MRTD = b"\x01" * 48
TDX = hashlib.sha384(MRTD + b"".join(bytes([n + 1]) * 48 for n in range(4))).digest()
SELECTED = b"\x10\x3b\x00" + b"".join(azure_maker.PCRS[pcr] for pcr in WORKLOAD_PCRS)
"""The bitmap of PCRs 4, 8, 9, 11, 12 and 13, and what they hold."""
AZURE = {
    "azure-snp": hashlib.sha384(b"\x01" * 48 + SELECTED).digest(),
    "azure-tdx": hashlib.sha384(TDX + SELECTED).digest(),
}
PCR_012 = hashlib.sha384(PCRS[0] + PCRS[1] + PCRS[2]).digest()
MINIMUM: dict[Product, SnpTcb] = {
    "milan": SnpTcb(product="milan", boot_loader=3, tee=0, snp=8, microcode=200),
    "genoa": SnpTcb(product="genoa", boot_loader=9, tee=0, snp=21, microcode=72),
    "turin": SnpTcb(product="turin", fmc=1, boot_loader=2, tee=3, snp=4, microcode=80),
}


@dataclass
class Makers:
    """All manufacturers; one of each for the whole run, since keys take time."""

    intel: intel_maker.Intel = field(default_factory=intel_maker.Intel)
    nitro: Nitro = field(default_factory=Nitro)
    amd: dict[Product, snp_maker.Amd] = field(
        default_factory=lambda: {product: snp_maker.Amd(product) for product in MINIMUM}
    )
    azure: azure_maker.Azure = field(default_factory=azure_maker.Azure)
    tpm: tpm_maker.Tpm = field(default_factory=tpm_maker.Tpm)
    tpm_rsa: tpm_maker.Tpm = field(default_factory=lambda: tpm_maker.Tpm(rsa.generate_private_key(65537, 2048)))

    @property
    def roots(self) -> VendorRoots:
        return VendorRoots(
            intel=self.intel.root.certificate,
            nitro=self.nitro.root.certificate,
            amd={product: maker.ark.certificate for product, maker in self.amd.items()},
        )


@cache
def makers() -> Makers:
    return Makers()


def evidence(name: str, binding: Binding = BINDING, **changed: Any) -> EnclaveEvidence:
    """Evidence of a platform over a binding; `changed` are fields of its maker's."""
    made, kind = makers(), kind_of(name)
    wide = {"report_data": binding.report_data()} | changed
    if kind == "sgx":
        statement: Any = made.intel.statement(intel_maker.Quote(**wide))
    elif kind == "tdx":
        version = int(name[-1])
        tdx = {"kind": "tdx", "version": version, "measurement": MRTD} | wide
        statement = made.intel.statement(intel_maker.Quote(**tdx))
    elif kind == "nitro":
        statement = made.nitro.statement(**({"user_data": binding.digest()} | changed))
    elif kind == "snp":
        product: Any = name.split("-")[1]
        what = {"product": "milan", "vlek": True} if product == "vlek" else {"product": product}
        statement = made.amd[what["product"]].statement(snp_maker.Report(**(what | wide)))
    elif kind == "azure-snp":
        machine = azure_maker.Machine(**({"extra_data": binding.digest()} | changed))
        statement = made.azure.on_snp(made.amd["milan"], machine)
    elif kind == "azure-tdx":
        machine = azure_maker.Machine(**({"extra_data": binding.digest()} | changed))
        statement = made.azure.on_tdx(made.intel, machine, MRTD)
    else:
        tpm = made.tpm_rsa if name == "tpm-rsassa" else made.tpm
        statement = tpm.statement(tpm_maker.Quote(**({"extra_data": binding.digest()} | changed)))
    return EnclaveEvidence(statement=statement)


def kind_of(name: str) -> str:
    return name if name.startswith("azure") else name.split("-")[0]


def rule(name: str) -> Rule:
    kind = kind_of(name)
    if kind == "sgx":
        return SgxRule(kind="sgx", measurements=(b"\x01" * 32,), signers=(b"\x02" * 32,))
    if kind == "tdx":
        return TdxRule(kind="tdx", measurements=(TDX,))
    if kind == "nitro":
        return NitroRule(kind="nitro", measurements=(PCR_012,))
    if kind == "snp":
        csp_ids = (snp_maker.CSP,) if name == "snp-vlek" else ()
        return SnpRule(kind="snp", measurements=(b"\x01" * 48,), min_tcb=tuple(MINIMUM.values()), csp_ids=csp_ids)
    if kind == "azure-snp":
        return AzureSnpRule(kind="azure-snp", measurements=(AZURE[kind],), min_tcb=tuple(MINIMUM.values()))
    if kind == "azure-tdx":
        return AzureTdxRule(kind="azure-tdx", measurements=(AZURE[kind],))
    keys = (makers().tpm.name, makers().tpm_rsa.name)
    return TpmRule(kind="tpm", enclave_class="simulated", measurements=(b"\x01" * 32,), keys=keys)


def policy(name: str, max_age: int = 300, **changed: Any) -> EnclavePolicy:
    """A policy that accepts this platform alone; `changed` are fields of its rule."""
    return EnclavePolicy(max_age=max_age, rules=(rule(name).model_copy(update=changed),))
