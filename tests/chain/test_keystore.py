"""Secrets at rest."""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from eth_account import Account

from placet.chain import keystore
from placet.chain.keystore import load_secret, load_secrets, read_passphrase, save_secret, save_secrets
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


def test_keys_of_one_passphrase_are_opened_by_one_derivation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a keystore by itself, of the promised cost, and none has another's key stream."""
    made = {tmp_path / f"{number}.json": secrets.token_bytes(32) for number in range(3)}
    save_secrets(made, "p")
    crypto = [json.loads(path.read_text())["crypto"] for path in made]
    assert [one["kdfparams"] for one in crypto] == [crypto[0]["kdfparams"]] * 3
    assert crypto[0]["kdfparams"]["n"] == keystore.SCRYPT_N
    assert len({one["cipherparams"]["iv"] for one in crypto}) == 3
    for path, secret in made.items():
        assert load_secret(path, "p") == bytes(Account.decrypt(path.read_text(), "p")) == secret
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    alone = tmp_path / "alone.json"
    save_secret(alone, b"\x01" * 32, "p")
    module, derived = keystore._keyfile(), list[bytes]()
    derive = module._derive_scrypt_key
    monkeypatch.setattr(module, "_derive_scrypt_key", lambda *words: derived.append(words[1]) or derive(*words))
    assert load_secrets([*made, alone], "p") == [*made.values(), b"\x01" * 32]
    assert derived == [b"p", b"p"]
    for wrong in ("q", "p "):
        with pytest.raises(ConfigError, match="does not open"):
            load_secrets([*made], wrong)
    assert load_secrets([*made][:1], "p") == [*made.values()][:1]


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


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o444])
def test_secrets_as_containers_have_them_are_taken(tmp_path: Path, mode: int) -> None:
    """Docker, Kubernetes and systemd: others may read them, nobody may write them; Kubernetes' are links."""
    path, link = tmp_path / "..data", tmp_path / "passphrase"
    path.write_text("p\n")
    path.chmod(mode)
    link.symlink_to(path.name)
    assert read_passphrase(link) == "p"


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root mounts")
def test_a_readable_secret_on_a_read_only_mount_is_taken_and_a_writable_one_never(tmp_path: Path) -> None:
    for mode, fits in ((0o644, True), (0o440, True), (0o666, False), (0o420, False), (0o402, False)):
        (tmp_path / f"{mode:o}").write_text("p")
        (tmp_path / f"{mode:o}").chmod(mode)
        with pytest.raises(ConfigError, match="open to others") if not fits or mode == 0o644 else nullcontext():
            read_passphrase(tmp_path / f"{mode:o}")
    program = (
        "import sys, pathlib\nfrom placet.chain.keystore import read_passphrase\n"
        "for name in ('644', '440', '666', '420', '402'):\n"
        "    try: print(name, read_passphrase(pathlib.Path(sys.argv[1]) / name))\n"
        "    except Exception as error: print(name, 'no')\n"
    )
    mount = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,bind,ro {tmp_path} && exec {sys.executable} -c"
    words = ["unshare", "--mount", "sh", "-c", f'{mount} "$1" "$2"', "sh", program, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        pytest.skip(f"no mounts here: {done.stderr[:80]}")
    assert done.stdout.split("\n")[:5] == ["644 p", "440 p", "666 no", "420 no", "402 no"]


@pytest.mark.parametrize(
    "raw", [b"p\r\n", b"\xef\xbb\xbfp\r\n", "p\r\n".encode("utf-16"), b"p", b"p\r", b"p\nsecond\n"]
)
def test_a_passphrase_as_windows_tools_write_it(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(raw)
    path.chmod(0o600)
    assert read_passphrase(path) == "p"


@pytest.mark.parametrize(
    ("raw", "said"), [(b"p\xe9", "not UTF-8"), ("p".encode("utf-16-le"), "no text"), (b"\n", "empty")]
)
def test_what_is_no_passphrase_is_told_and_not_shown(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(raw)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=said):
        read_passphrase(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666, 0o420, 0o402, 0o622])
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
    with pytest.raises(ConfigError, match=r"no keystore file|too large"):
        load_secret(path, "p")


def test_what_makes_no_keystore(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="32"):
        save_secret(tmp_path / "k.json", b"short", "p")
    with pytest.raises(ConfigError, match="passphrase"):
        save_secret(tmp_path / "k.json", b"\x01" * 32, "")
    with pytest.raises(ConfigError, match="can't be read"):
        load_secret(tmp_path / "nothing.json", "p")
