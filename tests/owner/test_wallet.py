"""The owner's keystore: what is in the file, what opens it, what a crash or a second process leaves."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from placet.core.consent import Consent, ConsentFields, derive
from placet.core.enrolment import Enrolment, EnrolmentOpening
from placet.core.errors import AccessError, ConfigError, InputError, NotFoundError, StateError
from placet.core.hashing import document_bytes
from placet.owner import wallet as module
from placet.owner.keys import KeyKind, new_key
from placet.owner.wallet import Kept, Wallet

PASSPHRASE = "a long enough passphrase"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCRYPT_N", 2**14)


@pytest.fixture
def wallet(tmp_path: Path, deployment: Any, environment: Any) -> Wallet:
    files = document_bytes(deployment), document_bytes(environment.trust)
    return Wallet.create(tmp_path / "wallet", PASSPHRASE, *files)


def kept(environment: Any, deployment: Any, kind: KeyKind = KeyKind.SECP256K1) -> Kept:
    key = new_key(kind, deployment.p256_verifier.address)
    opening = EnrolmentOpening(subject="Ada Lovelace", salt=secrets.token_bytes(32))
    fields = ConsentFields(
        owner=key.signer,
        not_before=1,
        not_after=2,
        first_opening=0,
        uses=1,
        enrolment=opening.commitment,
        salt=secrets.token_bytes(32),
    )
    consent: Consent = derive(fields, environment.offer, environment.scope, environment.trust.name)
    return Kept(
        kind=kind,
        secret=key.secret,
        api="http://127.0.0.1:1",
        provider=environment.provider.address,
        consent=consent,
        signature=key.sign(deployment.consents.digest(consent.id)),
        enrolment=Enrolment(enroller=bytes(20), subject=opening.commitment, signature=b""),
        opening=opening,
        made=5,
    )


@pytest.mark.parametrize("kind", list(KeyKind))
def test_what_is_put_comes_back_after_opening(wallet: Wallet, environment: Any, deployment: Any, kind: KeyKind) -> None:
    entry = kept(environment, deployment, kind)
    wallet.put(entry)
    again = Wallet.open(wallet.folder, PASSPHRASE)
    assert again.all() == [entry]
    assert again.get(entry.consent.id) == entry
    assert entry.key(deployment.p256_verifier.address).signer == entry.consent.owner
    assert (again.deployment, again.trust) == (deployment, environment.trust)
    with pytest.raises(NotFoundError):
        again.get(bytes(32))


def test_the_file_shows_neither_secret_nor_person(wallet: Wallet, environment: Any, deployment: Any) -> None:
    entry = kept(environment, deployment)
    wallet.put(entry)
    raw = (wallet.folder / "wallet.json").read_text()
    for secret in ("Ada", entry.secret.hex(), entry.consent.owner.hex(), entry.opening.salt.hex(), "127.0.0.1"):
        assert secret not in raw
    assert (wallet.folder / "wallet.json").stat().st_mode & 0o077 == 0
    assert "Ada" not in repr(entry)
    assert entry.secret.hex() not in repr(entry.key(deployment.p256_verifier.address))


def test_another_passphrase_does_not_open_it(wallet: Wallet) -> None:
    with pytest.raises(AccessError) as refused:
        Wallet.open(wallet.folder, PASSPHRASE + "x")
    assert refused.value.code == "access.passphrase"


def test_entries_cannot_be_swapped(wallet: Wallet, environment: Any, deployment: Any) -> None:
    first, second = kept(environment, deployment), kept(environment, deployment)
    wallet.put(first)
    wallet.put(second)
    file = wallet.folder / "wallet.json"
    content = json.loads(file.read_bytes())
    names = list(content["consents"])
    content["consents"][names[0]], content["consents"][names[1]] = (content["consents"][n] for n in names[::-1])
    file.write_text(json.dumps(content))
    with pytest.raises(AccessError):
        wallet.get(first.consent.id)


def test_no_wallet_no_second_wallet_no_short_passphrase(wallet: Wallet, tmp_path: Path) -> None:
    copies = [(wallet.folder / f"{name}.json").read_bytes() for name in ("deployment", "trust")]
    with pytest.raises(StateError):
        Wallet.create(wallet.folder, PASSPHRASE, *copies)
    with pytest.raises(ConfigError):
        Wallet.open(tmp_path / "nothing", PASSPHRASE)
    with pytest.raises(InputError):
        Wallet.create(tmp_path / "other", "short", *copies)


def test_a_damaged_file_is_an_input_error(wallet: Wallet) -> None:
    (wallet.folder / "wallet.json").write_text("{")
    with pytest.raises(InputError):
        Wallet.open(wallet.folder, PASSPHRASE)


def test_writers_at_the_same_time_lose_nothing(wallet: Wallet, environment: Any, deployment: Any) -> None:
    entries = [kept(environment, deployment) for _ in range(12)]
    others = [Wallet.open(wallet.folder, PASSPHRASE) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda pair: others[pair[0] % 3].put(pair[1]), enumerate(entries)))
    assert {e.consent.id for e in wallet.all()} == {e.consent.id for e in entries}
    assert sorted(p.name for p in wallet.folder.iterdir()) == ["deployment.json", "lock", "trust.json", "wallet.json"]
