"""The roots that evidence must end in. They are files beside this module; their fingerprints stand here.

Each was compared with copies from two sources. Others are passed as an argument, so that tests can have their own
manufacturers; nothing switches the pinned ones off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from placet.core.enclave_policy import Product
from placet.core.errors import ConfigError

FOLDER = Path(__file__).parent / "roots"
FINGERPRINTS = {
    "intel-sgx-root-ca": "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3",
    "aws-nitro-root-g1": "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",
    "amd-ark-milan": "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    "amd-ark-genoa": "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    "amd-ark-turin": "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
}


@dataclass(frozen=True)
class VendorRoots:
    intel: x509.Certificate
    nitro: x509.Certificate
    amd: Mapping[Product, x509.Certificate]


@cache
def pinned() -> VendorRoots:
    """The manufacturers' own; ConfigError if a file is not the one whose fingerprint stands here."""
    return VendorRoots(
        intel=_load("intel-sgx-root-ca"),
        nitro=_load("aws-nitro-root-g1"),
        amd={"milan": _load("amd-ark-milan"), "genoa": _load("amd-ark-genoa"), "turin": _load("amd-ark-turin")},
    )


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 over the certificate in DER."""
    return certificate.fingerprint(hashes.SHA256())


def _load(name: str, folder: Path = FOLDER) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
    found = fingerprint(certificate).hex()
    if found != FINGERPRINTS[name]:
        raise ConfigError(
            f"the root {name} is not the pinned one",
            expected=FINGERPRINTS[name],
            found=found,
            remedy="install placet again",
            code="config.root",
        )
    return certificate
