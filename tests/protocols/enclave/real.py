"""The real evidence beside the project, and the times at which it held. Tests skip where it isn't."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from examples import is_slow
from placet.core.enclave_policy import Product
from placet.core.values import parse
from placet.protocols.enclave.evidence.model import (
    AzureSnpStatement,
    IntelCollateral,
    IntelStatement,
    NitroStatement,
    SnpStatement,
    VtpmQuote,
)

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "attestation"
needed = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real evidence at {DATA}")
NITRO_TIME = 1_695_049_411
"""The second after the document's own time, 18 September 2023."""
SNP_TIME = 1_700_000_000
"""A time at which the VCEK was valid."""
CLOUD_TIME = 1_740_000_000
"""A time at which AWS's VLEK and Azure's VCEKs were valid, 19 February 2025."""


def intel(name: str) -> tuple[IntelStatement, int]:
    """A quote with its collateral, and the hour after that was issued."""
    collateral = parse(IntelCollateral, (DATA / f"{name}_collateral.json").read_bytes())
    issued = [json.loads(text)["issueDate"] for text in (collateral.tcb_info, collateral.qe_identity)]
    now = max(int(datetime.fromisoformat(one).timestamp()) for one in issued) + 3600
    kind = "sgx" if name.startswith("sgx") else "tdx"
    statement = {"kind": kind, "quote": (DATA / f"{name}.bin").read_bytes(), "collateral": collateral}
    return IntelStatement.model_validate(statement), now


def nitro() -> NitroStatement:
    return NitroStatement(kind="nitro", document=base64.b64decode((DATA / "nitro_document.b64").read_bytes()))


def snp() -> SnpStatement:
    return SnpStatement(
        kind="snp",
        report=bytes.fromhex((DATA / "snp_report_milan.hex").read_text()),
        vek=(DATA / "snp_vcek_milan.der").read_bytes(),
        issuer=_issuer("milan", 0),
    )


def snp_vlek() -> SnpStatement:
    """Of AWS's region us-east-2."""
    report, vlek = (DATA / name for name in ("snp_vlek_report_milan.bin", "snp_vlek_milan.der"))
    return SnpStatement(kind="snp", report=report.read_bytes(), vek=vlek.read_bytes(), issuer=_issuer("milan", 2))


def _issuer(product: Product, place: int) -> bytes:
    """ASK, ARK and ASVK, in this order."""
    chain = x509.load_pem_x509_certificates((DATA / f"snp_ask_ark_asvk_{product}.pem").read_bytes())
    return chain[place].public_bytes(Encoding.DER)


def azure_snp(product: Product) -> AzureSnpStatement:
    document = json.loads((DATA / f"azure_snp_vtpm_{product}.json").read_bytes())
    if product == "genoa":
        hcl, quote = bytes(document["report"]), document["quote"]
        body = "".join(line for line in document["vcek"].splitlines() if "-" not in line)
        vek = base64.b64decode(body)
    else:
        hcl, quote, vek = _base64url(document["hcl_report"]), document["tpm_quote"], _base64url(document["vcek"])
    return AzureSnpStatement(kind="azure-snp", hcl=hcl, vek=vek, issuer=_issuer(product, 0), vtpm=_vtpm(quote))


def azure_tdx() -> tuple[bytes, bytes, VtpmQuote]:
    """HCL report, quote and the TPM's quote. There is no collateral beside them."""
    document = json.loads((DATA / "azure_tdx_vtpm.json").read_bytes())
    return _base64url(document["hcl_report"]), _base64url(document["td_quote"]), _vtpm(document["tpm_quote"])


def _vtpm(quote: dict[str, Any]) -> VtpmQuote:
    """The samples have the signature alone, without the head of a TPMT_SIGNATURE."""
    attest, signature, *pcrs = (
        bytes(part) if isinstance(part, list) else bytes.fromhex(part)
        for part in (quote["message"], quote["signature"], *quote["pcrs"])
    )
    return VtpmQuote(attest=attest, signature=bytes.fromhex("0014000b0100") + signature, pcrs=tuple(pcrs))


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sampled(step: int = 1) -> int:
    """For `flipped`: every `step`th byte with --slow, each fifth of these by default, which meets all bits too."""
    return step if is_slow() else 5 * step


def flipped(data: bytes, step: int = 1) -> Iterator[bytes]:
    """The data with one bit changed, in each byte in turn, or in every `step`th."""
    for at in range(0, len(data), step):
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
