"""A real software TPM: its quotes verify here and with TCG's own tools, and its key stays what plans name."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from placet.core.errors import ConfigError, StateError
from placet.core.hashing import sha256
from placet.protocols.enclave.evidence import tpm
from placet.protocols.enclave.evidence.model import TpmStatement
from placet.protocols.enclave.platform.swtpm import KEY_FILE, Swtpm

from .sandboxes import started

MEASUREMENT = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if shutil.which("swtpm") is None:
        pytest.skip("no swtpm here: apt-get install swtpm, or scripts/test as root on Debian")
    return tmp_path / "tpm"


@pytest.fixture
def made(folder: Path) -> Iterator[Swtpm]:
    with Swtpm(folder) as made:
        yield made


def test_a_quote_verifies(made: Swtpm) -> None:
    for _ in range(3):
        measurement, data = secrets.token_bytes(32), secrets.token_bytes(32)
        claims = tpm.examine(made.quote(measurement, data))
        assert (claims.measurement, claims.user_data) == (measurement, data)
        assert claims.root == sha256(made.key)


def test_the_specifications_own_tools_agree(made: Swtpm, tmp_path: Path) -> None:
    if shutil.which("tpm2_checkquote") is None:
        pytest.skip("no tpm2-tools here: apt-get install tpm2-tools, or scripts/test as root on Debian")
    quote = made.quote(MEASUREMENT, b"q" * 32)
    key = load_der_public_key(quote.key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("key", key), ("quote", quote.attest), ("signature", quote.signature)):
        (tmp_path / name).write_bytes(content)

    def check(data: bytes) -> int:
        command = ["tpm2_checkquote", "-u", "key", "-m", "quote", "-s", "signature", "-g", "sha256", "-q", data.hex()]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert check(b"q" * 32) == 0
    assert check(b"r" * 32) != 0
    (tmp_path / "quote").write_bytes(quote.attest[:-1] + bytes([quote.attest[-1] ^ 1]))
    assert check(b"q" * 32) != 0


def test_quotes_of_several_threads_do_not_mix(made: Swtpm) -> None:
    found: dict[bytes, TpmStatement] = {}

    def ask(measurement: bytes) -> None:
        found[measurement] = made.quote(measurement, measurement)

    threads = [threading.Thread(target=ask, args=(bytes([number]) * 32,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for measurement, statement in found.items():
        claims = tpm.examine(statement)
        assert claims.measurement == claims.user_data == measurement


def test_the_key_stays_and_another_tpm_has_another(folder: Path, tmp_path: Path) -> None:
    with Swtpm(folder) as first:
        key = first.key
    with Swtpm(folder) as again:
        assert again.key == key
        assert tpm.examine(again.quote(MEASUREMENT, b"q" * 32)).root == sha256(key)
    with Swtpm(tmp_path / "other") as other:
        assert other.key != key


def test_a_tpm_that_was_replaced_is_refused(folder: Path) -> None:
    with Swtpm(folder):
        pass
    (folder / "tpm2-00.permall").unlink()
    with pytest.raises(StateError) as caught:
        Swtpm(folder)
    assert caught.value.code == "enclave.tpm"
    assert not started("swtpm")


def test_two_do_not_share_a_folder(made: Swtpm, folder: Path) -> None:
    with pytest.raises(StateError):
        Swtpm(folder)
    assert tpm.examine(made.quote(MEASUREMENT, b"q" * 32)).measurement == MEASUREMENT


def test_only_this_user_reads_its_state_and_nobody_can_speak_to_it(made: Swtpm, folder: Path) -> None:
    made.quote(MEASUREMENT, b"q" * 32)
    assert folder.stat().st_mode & 0o077 == 0
    [process] = started("swtpm")
    assert process.net_connections("inet") == []
    assert all(one.raddr == one.laddr == "" for one in process.net_connections("unix"))


def test_it_ends_with_us(made: Swtpm) -> None:
    [process] = started("swtpm")
    made.close()
    assert not process.is_running()
    with pytest.raises(StateError):
        made.quote(MEASUREMENT, b"q" * 32)


def test_without_swtpm_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        Swtpm(tmp_path / "tpm")
    assert caught.value.code == "enclave.tpm"
    assert not (tmp_path / "tpm" / KEY_FILE).exists()
