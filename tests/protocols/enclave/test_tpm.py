"""The simulated platform's quotes: byte for byte as TPM 2.0 Part 2 has them, every byte changed, and a real swtpm's."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from placet.chain.anvil import check_free, free_port
from placet.core.enclave_policy import EnclavePolicy, TpmRule
from placet.core.errors import AttestationError, ChainError
from placet.protocols.enclave.evidence import tpm
from placet.protocols.enclave.evidence.model import EnclaveEvidence, TpmStatement
from placet.protocols.enclave.evidence.verify import verify

from . import real
from .making import NOW
from .platforms import BINDING, evidence, makers, policy
from .tpm_maker import Quote, Tpm, sized, u16

both = pytest.mark.parametrize("name", ["tpm-ecdsa", "tpm-rsassa"])
GOOD = Quote(extra_data=BINDING.digest())


def refused(statement: TpmStatement) -> str:
    """The reason for which it is refused."""
    with pytest.raises(AttestationError) as caught:
        tpm.examine(statement)
    return caught.value.code.removeprefix("attestation.")


def statement_of(name: str) -> TpmStatement:
    statement = evidence(name).statement
    assert isinstance(statement, TpmStatement)
    return statement


def test_the_structures_are_laid_out_as_the_specification_has_them() -> None:
    """Field for field against bytes written down by hand."""
    attest = bytes.fromhex(
        "ff544347"  # TPM_GENERATED_VALUE
        "8018"  # TPM_ST_ATTEST_QUOTE
        "0022000b" + "00" * 32 +  # qualifiedSigner: a name, SHA-256
        "0020" + "aa" * 32 +  # extraData
        "000000000001e240" "00000007" "00000001" "01"  # clock, resetCount, restartCount, safe
        "2019102300163636"  # firmwareVersion
        "00000001" "000b" "03000001"  # one bank, SHA-256, PCR 16
        "0020" + hashlib.sha256(hashlib.sha256(bytes(32) + b"\x01" * 32).digest()).hexdigest()
    )  # fmt: skip
    assert Quote(extra_data=b"\xaa" * 32).attest() == attest
    quoted = tpm.read(attest, (16,))
    assert quoted.extra_data == b"\xaa" * 32
    assert quoted.pcr_digest == tpm.pcr_digest(b"\x01" * 32)


@both
def test_every_byte_of_a_quote_counts(name: str) -> None:
    statement = statement_of(name)
    for part in ("attest", "signature", "key", "measurement"):
        for changed in real.flipped(getattr(statement, part)):
            refused(statement.model_copy(update={part: changed}))
        for cut in (b"", getattr(statement, part)[:-1], getattr(statement, part) + b"\x00"):
            refused(statement.model_copy(update={part: cut}))


@both
def test_a_key_that_the_plan_does_not_name_is_refused(name: str) -> None:
    named = makers().tpm_rsa.name if name == "tpm-ecdsa" else makers().tpm.name
    with pytest.raises(AttestationError) as caught:
        verify(evidence(name), policy(name, keys=(named,)), BINDING, NOW)
    assert caught.value.code == "attestation.key"


def test_the_pinned_roots_do_not_matter_to_a_tpm() -> None:
    assert verify(evidence("tpm-ecdsa"), policy("tpm-ecdsa"), BINDING, NOW).enclave_class == "simulated"


@pytest.mark.parametrize(
    "what",
    [
        {"magic": 0xFF544346},
        {"kind": 0x8017},
        {"banks": 0},
        {"banks": 2},
        {"bank": 0x0004},
        {"bank": 0x000C},
        {"selection": b"\x03\x00\x00\x00"},
        {"selection": b"\x03\x00\x00\x03"},
        {"selection": b"\x03\x01\x00\x00"},
        {"selection": b"\x04\x00\x00\x01\x00"},
        {"selection": b"\x02\x00\x00"},
        {"safe": 2},
        {"tail": b"\x00"},
        {"extra_data": b"\x00" * 65},
    ],
)
def test_quotes_are_read_strictly(what: dict[str, Any]) -> None:
    """Each is signed as it must be: only its content is wrong."""
    assert refused(makers().tpm.statement(Quote(**what))) == "format"


def test_the_quote_is_of_the_measurement_that_the_evidence_names() -> None:
    statement = makers().tpm.statement(GOOD)
    assert refused(statement.model_copy(update={"measurement": b"\x02" * 32})) == "measurement"


def test_the_clock_need_not_be_safe() -> None:
    assert tpm.examine(makers().tpm.statement(Quote(safe=0))).kind == "tpm"


def test_signature_and_key_are_of_one_kind() -> None:
    ecdsa, rsassa = statement_of("tpm-ecdsa"), statement_of("tpm-rsassa")
    assert refused(ecdsa.model_copy(update={"key": rsassa.key})) == "signature"
    assert refused(rsassa.model_copy(update={"key": ecdsa.key})) == "signature"
    assert refused(ecdsa.model_copy(update={"signature": rsassa.signature})) == "signature"
    other = Tpm().statement(GOOD)
    assert refused(ecdsa.model_copy(update={"signature": other.signature})) == "signature"


@pytest.mark.parametrize("algorithm", [0x0016, 0x001A, 0x0010, 0x0000])
def test_other_algorithms_and_hashes_are_refused(algorithm: int) -> None:
    statement = statement_of("tpm-ecdsa")
    rest = statement.signature[4:]
    for head in (u16(algorithm) + u16(0x000B), u16(0x0018) + u16(0x000C), u16(0x0018) + u16(0x0004)):
        assert refused(statement.model_copy(update={"signature": head + rest})) == "format"


def test_zero_and_negative_looking_signatures_are_refused() -> None:
    statement = statement_of("tpm-ecdsa")
    for part in (b"", b"\x00" * 32, b"\xff" * 32):
        signature = u16(0x0018) + u16(0x000B) + sized(part) + sized(part)
        assert refused(statement.model_copy(update={"signature": signature})) == "signature"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505
    ],
    ids=["P-384", "secp256k1", "RSA-1024"],
)
def test_weak_or_other_keys_are_refused(key: Any) -> None:
    assert refused(Tpm(key).statement(GOOD)) == "key"


def test_a_signature_over_another_hash_is_refused() -> None:
    made, attest = makers().tpm, GOOD.attest()
    assert isinstance(made.key, ec.EllipticCurvePrivateKey)
    pair = utils.decode_dss_signature(made.key.sign(attest, ec.ECDSA(hashes.SHA384())))
    signature = u16(0x0018) + u16(0x000B) + b"".join(sized(one.to_bytes(32, "big")) for one in pair)
    assert refused(made.statement(GOOD).model_copy(update={"signature": signature})) == "signature"


# A real software TPM.

PROGRAMS = (
    "swtpm",
    "tpm2_createek",
    "tpm2_createak",
    "tpm2_pcrreset",
    "tpm2_pcrextend",
    "tpm2_quote",
    "tpm2_flushcontext",
)
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
needs_swtpm = pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)}: apt-get install swtpm tpm2-tools")


class SoftwareTpm:
    """A swtpm of this test's own on two ports of loopback, and tpm2-tools that speak to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _two_ports()
        (folder / "state").mkdir()
        self.process = subprocess.Popen(
            [
                *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder / 'state'}"),
                *("--server", f"type=tcp,port={self.port},bindaddr=127.0.0.1"),
                *("--ctrl", f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1"),
                *("--flags", "not-need-init,startup-clear"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port + 1)) == 0:
                    return
            assert self.process.poll() is None, "swtpm has ended"
            time.sleep(0.05)
        raise AssertionError("swtpm does not listen")

    def run(self, *command: str) -> None:
        tcti = f"swtpm:host=127.0.0.1,port={self.port}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | {"TPM2TOOLS_TCTI": tcti},
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"

    def flush(self) -> None:
        for kind in ("-t", "-s"):
            self.run("tpm2_flushcontext", kind)

    def make_key(self, algorithm: str, scheme: str) -> None:
        self.run("tpm2_createek", "-c", "ek.ctx", "-G", "ecc", "-u", "ek.pub")
        self.flush()
        made = ("tpm2_createak", "-C", "ek.ctx", "-c", "ak.ctx", "-G", algorithm, "-g", "sha256", "-s", scheme)
        self.run(*made, "-u", "ak.pem", "-f", "pem", "-n", "ak.name")
        self.flush()

    def quote(self, measurement: bytes, qualifying: bytes) -> TpmStatement:
        self.run("tpm2_pcrreset", str(tpm.PCR))
        self.run("tpm2_pcrextend", f"{tpm.PCR}:sha256={measurement.hex()}")
        asked = ("tpm2_quote", "-c", "ak.ctx", "-l", f"sha256:{tpm.PCR}", "-q", qualifying.hex(), "-g", "sha256")
        self.run(*asked, "-m", "quote.msg", "-s", "quote.sig")
        self.flush()
        key = serialization.load_pem_public_key((self.folder / "ak.pem").read_bytes())
        return TpmStatement(
            kind="tpm",
            attest=(self.folder / "quote.msg").read_bytes(),
            signature=(self.folder / "quote.sig").read_bytes(),
            key=key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
            measurement=measurement,
        )


def _two_ports() -> int:
    """A port that was free a moment ago, and so was the next one."""
    for _ in range(100):
        port = free_port()
        with contextlib.suppress(ChainError):
            check_free(port + 1)
            return port
    raise AssertionError("no two ports are free")


@pytest.fixture
def swtpm(tmp_path: Path) -> Iterator[SoftwareTpm]:
    made = SoftwareTpm(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(60)


@needs_swtpm
@pytest.mark.parametrize(("algorithm", "scheme"), [("ecc", "ecdsa"), ("rsa", "rsassa")])
def test_a_real_software_tpm_is_understood(swtpm: SoftwareTpm, algorithm: str, scheme: str) -> None:
    """The same verifier, with nothing made by ours: quote, key and signature are swtpm's."""
    swtpm.make_key(algorithm, scheme)
    measurement = hashlib.sha256(b"the code and its exact dependencies").digest()
    statement = swtpm.quote(measurement, BINDING.digest())
    rule = TpmRule(
        kind="tpm",
        enclave_class="simulated",
        measurements=(measurement,),
        keys=(hashlib.sha256(statement.key).digest(),),
    )
    asks = EnclavePolicy(max_age=300, rules=(rule,))
    found = verify(EnclaveEvidence(statement=statement), asks, BINDING, NOW)
    assert (found.enclave_class, found.measurement) == ("simulated", measurement)
    for what in ("job", "key", "nonce"):
        with pytest.raises(AttestationError) as caught:
            verify(EnclaveEvidence(statement=statement), asks, BINDING.model_copy(update={what: bytes(32)}), NOW)
        assert caught.value.code == "attestation.binding"
    other = swtpm.quote(hashlib.sha256(b"other code").digest(), BINDING.digest())
    with pytest.raises(AttestationError) as caught:
        verify(EnclaveEvidence(statement=other), asks, BINDING, NOW)
    assert caught.value.code == "attestation.measurement"
    for part in ("attest", "signature"):
        for changed in real.flipped(getattr(statement, part)):
            refused(statement.model_copy(update={part: changed}))
