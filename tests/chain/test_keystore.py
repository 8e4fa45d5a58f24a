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


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_one_that_eth_account_made_opens(tmp_path: Path, prefix: str) -> None:
    secret, path = secrets.token_bytes(32), tmp_path / "k.json"
    made = Account.encrypt(secret, "pässword", kdf="scrypt", iterations=2**4)
    made["crypto"]["ciphertext"] = prefix + made["crypto"]["ciphertext"]
    path.write_text(json.dumps(made))
    path.chmod(0o600)
    assert load_secret(path, "pässword") == secret


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
        "[" * 8_000 + "]" * 8_000,
        "x" * 20_000,
    ],
)
def test_a_damaged_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "k.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="no keystore file"):
        load_secret(path, "p")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (("version",), 4),
        (("crypto", "kdf"), "pbkdf2"),
        (("crypto", "cipher"), "aes-128-cbc"),
        (("crypto", "cipherparams", "iv"), "00"),
        (("crypto", "ciphertext"), "0"),
        (("crypto", "kdfparams", "n"), 3),
        (("crypto", "kdfparams", "n"), 2**30),
        (("crypto", "kdfparams", "r"), 10**6),
        (("crypto", "kdfparams", "dklen"), 16),
        (("crypto", "kdfparams", "salt"), None),
    ],
    ids=str,
)
def test_a_field_that_makes_no_sense(tmp_path: Path, part: tuple[str, ...], value: object) -> None:
    path = tmp_path / "k.json"
    save_secret(path, bytes(31) + b"\x01", "p")
    content = json.loads(path.read_text())
    place = content
    for name in part[:-1]:
        place = place[name]
    place[part[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="no keystore file"):
        load_secret(path, "p")


@pytest.mark.parametrize("part", ["mac", "ciphertext"])
def test_an_altered_file_does_not_open(tmp_path: Path, part: str) -> None:
    path = tmp_path / "k.json"
    save_secret(path, bytes(31) + b"\x01", "p")
    content = json.loads(path.read_text())
    content["crypto"][part] = "00" * 32
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="does not open"):
        load_secret(path, "p")


def test_what_makes_no_keystore(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="32"):
        save_secret(tmp_path / "k.json", b"short", "p")
    with pytest.raises(ConfigError, match="passphrase"):
        save_secret(tmp_path / "k.json", b"\x01" * 32, "")
    with pytest.raises(ConfigError, match="can't be read"):
        load_secret(tmp_path / "nothing.json", "p")
