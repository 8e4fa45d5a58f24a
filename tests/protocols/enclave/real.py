"""The real evidence beside the project, and the times at which it held. Tests skip where it isn't."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from placet.core.values import parse
from placet.protocols.enclave.evidence.model import IntelCollateral, IntelStatement, NitroStatement, SnpStatement

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "attestation"
needed = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real evidence at {DATA}")
NITRO_TIME = 1_695_049_411
"""The second after the document's own time, 18 September 2023."""
SNP_TIME = 1_700_000_000
"""A time at which the VCEK was valid."""


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
    ask, _ = x509.load_pem_x509_certificates((DATA / "snp_cert_chain_milan.pem").read_bytes())
    return SnpStatement(
        kind="snp",
        report=bytes.fromhex((DATA / "snp_report_milan.hex").read_text()),
        vcek=(DATA / "snp_vcek_milan.der").read_bytes(),
        ask=ask.public_bytes(Encoding.DER),
    )


def flipped(data: bytes, step: int = 1) -> Iterator[bytes]:
    """The data with one bit changed, in each byte in turn, or in every `step`th."""
    for at in range(0, len(data), step):
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
