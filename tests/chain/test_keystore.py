"""Secrets at rest."""

from __future__ import annotations

import json
import secrets
import stat
from pathlib import Path

import pytest
from eth_account import Account

from placet.chain import keystore
from placet.chain.keystore import load_secret, save_secret
from placet.core.errors import ConfigError

SHIPPED = keystore.SCRYPT_N  # as it is before any test makes it cheaper


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "SCRYPT_N", 2**4)


def test_what_went_in_comes_out_for_its_owner_alone(tmp_path: Path) -> None:
    secret, path = secrets.token_bytes(32), tmp_path / "keys" / "signer.json"
    save_secret(path, secret, "correct horse")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_secret(path, "correct horse") == secret
    assert secret.hex() not in path.read_text()
    assert bytes(Account.decrypt(path.read_text(), "correct horse")) == secret


def test_the_work_factor_is_the_promised_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "SCRYPT_N", SHIPPED)
    save_secret(tmp_path / "k.json", bytes(31) + b"\x01", "p")
    assert json.loads((tmp_path / "k.json").read_text())["crypto"]["kdfparams"]["n"] == 2**17


def test_the_wrong_passphrase(tmp_path: Path) -> None:
    secret, path = secrets.token_bytes(32), tmp_path / "k.json"
    save_secret(path, secret, "right")
    with pytest.raises(ConfigError, match="does not open") as refused:
        load_secret(path, "hunter2")
    assert secret.hex() not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_keystore_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    save_secret(path, b"\x01" * 32, "p")
    with pytest.raises(ConfigError, match="can't be made"):
        save_secret(path, b"\x02" * 32, "p")
    assert load_secret(path, "p") == b"\x01" * 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_one_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k.json"
    save_secret(path, b"\x01" * 32, "p")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="open to others"):
        load_secret(path, "p")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "1",
        '{"version": 3}',
        '{"version": 9, "crypto": {}}',
        '{"version": 3, "crypto": 5}',
        "x" * 20_000,
    ],
)
def test_a_damaged_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "k.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no keystore file"):
        load_secret(path, "p")


def test_what_makes_no_keystore(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="32"):
        save_secret(tmp_path / "k.json", b"short", "p")
    with pytest.raises(ConfigError, match="passphrase"):
        save_secret(tmp_path / "k.json", b"\x01" * 32, "")
    with pytest.raises(ConfigError, match="can't be read"):
        load_secret(tmp_path / "nothing.json", "p")
