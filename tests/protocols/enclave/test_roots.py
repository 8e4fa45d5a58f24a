"""The pinned roots: the files are what their fingerprints say, and who signs himself, and nothing else is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from placet.core.errors import ConfigError
from placet.protocols.enclave.evidence import roots

from . import real
from .platforms import makers


def test_each_pinned_root_signs_itself_and_is_named() -> None:
    held = roots.pinned()
    all_of_them = [held.intel, held.nitro, *held.amd.values()]
    assert sorted(roots.fingerprint(one).hex() for one in all_of_them) == sorted(roots.FINGERPRINTS.values())
    for one in all_of_them:
        one.verify_directly_issued_by(one)
    names = [one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value for one in all_of_them]
    assert names == ["Intel SGX Root CA", "aws.nitro-enclaves", "ARK-Milan", "ARK-Genoa", "ARK-Turin"]


def test_the_package_holds_these_files_and_no_others() -> None:
    assert {file.stem for file in roots.FOLDER.iterdir()} == set(roots.FINGERPRINTS)


@pytest.mark.parametrize("name", roots.FINGERPRINTS)
def test_another_certificate_under_a_roots_name_is_not_loaded(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.pem").write_bytes(makers().intel.root.certificate.public_bytes(Encoding.PEM))
    with pytest.raises(ConfigError) as caught:
        roots._load(name, tmp_path)
    assert caught.value.code == "config.root"
    shutil.copy(roots.FOLDER / f"{name}.pem", tmp_path)
    assert roots.fingerprint(roots._load(name, tmp_path)).hex() == roots.FINGERPRINTS[name]


@real.needed
def test_they_are_the_roots_of_the_real_evidence() -> None:
    held = roots.pinned()
    assert x509.load_pem_x509_certificate((real.DATA / "nitro_root.pem").read_bytes()) == held.nitro
    assert (
        x509.load_pem_x509_certificates((real.DATA / "snp_cert_chain_milan.pem").read_bytes())[1] == held.amd["milan"]
    )
    statement, _ = real.intel("sgx_quote")
    chain = x509.load_pem_x509_certificates(statement.collateral.tcb_info_issuer_chain.encode())
    assert chain[-1] == held.intel
