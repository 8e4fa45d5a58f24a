"""Certificates whose serial number is zero, as AMD's are: read without a warning, and judged as strictly as others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from placet.core.errors import AttestationError
from placet.protocols.enclave.evidence import certificates, roots

from . import real
from .making import NOW, Issuer, with_serial_zero

pytestmark = pytest.mark.filterwarnings("error")


def chain() -> tuple[Issuer, Issuer, bytes]:
    """A root, a certificate that it issued with serial 1, and the same one with serial 0."""
    root = Issuer.root("Root", rsa.generate_private_key(65537, 2048), hashes.SHA384())
    leaf = root.issue("Leaf", ec.generate_private_key(ec.SECP384R1()), serial=1)
    return root, leaf, with_serial_zero(leaf.certificate, root)


def checked(der: bytes, root: Issuer) -> None:
    leaf = certificates.load(der, "the leaf")
    certificates.check_chain([leaf, certificates.Certificate.of(root.certificate)], root.certificate, NOW)


def reason(der: bytes, root: Issuer) -> str:
    with pytest.raises(AttestationError) as caught:
        checked(der, root)
    return caught.value.code.removeprefix("attestation.")


def test_a_serial_of_zero_is_read_without_a_warning_and_its_signature_is_over_the_zero() -> None:
    root, leaf, zero = chain()
    assert zero != leaf.der
    with pytest.raises((Warning, ValueError)):
        x509.load_der_x509_certificate(zero).serial_number  # noqa: B018 - what is being avoided
    checked(zero, root)
    checked(leaf.der, root)
    # The signature of the one with zero under the serial one, and the other way round.
    assert reason(leaf.der.removesuffix(leaf.certificate.signature) + zero[-256:], root) == "chain"
    assert reason(zero[:-256] + leaf.certificate.signature, root) == "chain"


def test_no_other_serial_that_is_none_is_read() -> None:
    root, leaf, zero = chain()
    at = zero.index(b"\xa0\x03\x02\x01\x02\x02\x01\x00") + 7
    for serial in (b"\x80", b"\xff"):
        assert reason(zero[:at] + serial + zero[at + 1 :], root) == "format"
    empty = leaf.der[: at - 1] + b"\x00" + leaf.der[at:]
    assert reason(empty, root) == "format"


def test_both_names_of_the_signatures_algorithm_are_the_same() -> None:
    root, _, zero = chain()
    inner = zero.index(zero[4 + 4 + int.from_bytes(zero[6:8], "big") :][:20])
    outer = zero.rindex(zero[inner : inner + 20])
    assert outer > inner
    for place in range(outer, outer + 67):
        for bit in range(8):
            changed = zero[:place] + bytes([zero[place] ^ 1 << bit]) + zero[place + 1 :]
            assert reason(changed, root) == "format"


def test_an_issuer_of_another_name_or_kind_of_key_signs_nothing() -> None:
    root, _, zero = chain()
    other = Issuer.root("Other", root.key, hashes.SHA384())
    assert reason(zero, other) == "chain"
    curve = Issuer.root("Root", ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    assert reason(zero, curve) == "chain"


@real.needed
def test_every_real_certificate_of_amd_is_read_where_warnings_are_errors(tmp_path: Path) -> None:
    """In a process of its own, as strict as Python can be made."""
    ders = [real.snp().vek, real.snp_vlek().vek, real.azure_snp("milan").vek, real.azure_snp("genoa").vek]
    ders += [real.snp().issuer, real.snp_vlek().issuer]
    ders += [root.public_bytes(Encoding.DER) for root in roots.pinned().amd.values()]
    for number, der in enumerate(ders):
        (tmp_path / f"{number}.der").write_bytes(der)
    program = (
        "import pathlib, sys\n"
        "from placet.protocols.enclave.evidence import certificates\n"
        "for file in sorted(pathlib.Path(sys.argv[1]).glob('*.der')):\n"
        "    read = certificates.load(file.read_bytes(), file.name).read\n"
        "    print(read.subject.rfc4514_string())\n"
    )
    strict = (sys.executable, "-W", "error", "-c", program, str(tmp_path))
    finished = subprocess.run(strict, capture_output=True, text=True, timeout=60, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.count("SEV-VCEK") == 3 and finished.stdout.count("SEV-VLEK,") == 1
