"""`placet batch …` with a real node, vault folder and chain."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from placet.chain.client import Chain
from placet.chain.keystore import load_secret
from placet.core.batch_file import BatchRow
from placet.core.consent import ConsentFields
from placet.core.enrolment import EnrolmentOpening, enrolment_hash
from placet.core.offers import Scope
from placet.core.signatures import Key
from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex, parse
from placet.core.wording import Wording
from placet.vault.consent_table import TableWriter

from .conftest import PASSPHRASE, Institutions, environment
from .test_institutions import offer_words

KNOWN = ("--deployment", "deployment.json", "--trust", "trust.json")


def table(institutions: Institutions, name: str, offer: str, subjects: list[str]) -> None:
    """A table of consents with the registry's own signature, in no order."""
    deployment = parse(Deployment, (institutions.folder / "deployment.json").read_bytes())
    trust = parse(TrustList, (institutions.folder / "trust.json").read_bytes())
    offered = Chain(institutions.chain.url, deployment).offer(from_hex(offer)).offer
    scopes = [parse(Scope, path.read_bytes()) for path in (institutions.folder / "bank" / "scopes").glob("*.json")]
    scope = next(scope for scope in scopes if scope.hash == offered.scope)
    wording = Wording(offered, scope, trust.name)
    enroller = Key(load_secret(institutions.folder / "registry" / "enroller.json", PASSPHRASE))
    digest, made = deployment.consents.digest, []
    for subject in subjects:
        owner, opening, salt = (
            Key(),
            EnrolmentOpening(subject=subject, salt=secrets.token_bytes(32)),
            secrets.token_bytes(32),
        )
        window = (int(time.time()) - 60, int(time.time()) + 86_400, 0, 3)
        consent = ConsentFields(owner.address, *window, opening.commitment, salt)
        identity = wording.consent_id(consent)
        enrolled = enroller.sign(digest(enrolment_hash(owner.address, scope.namespace, opening.commitment)))
        row = BatchRow(
            consent,
            owner.sign(digest(identity)),
            enroller.address,
            enrolled,
            (subject, opening.salt),
        )
        made.append(row)
    with TableWriter(institutions.folder / name) as writer:
        writer.add(made)


def test_from_lines_to_an_anchored_batch(institutions: Institutions) -> None:
    offer = institutions.run(*offer_words(institutions, "In bulk")).out.strip()
    table(institutions, "lines", offer, ["C1", "C2", "C1"])
    words = ("batch", "make", "lines", "batch", "--offer", offer, "--config", "bank/node.toml")
    made = institutions.run(*words, "--json").json
    assert (made["count"], made["offer"]) == (3, offer)
    assert "no file yet" in institutions.fails(*words).err

    checked = institutions.run("batch", "check", "batch", *KNOWN, "--json").json
    assert (checked["root"], checked["anchored"]) == (made["root"], None)
    url = ("--url", institutions.chain.url)
    assert "is not anchored" in institutions.fails("batch", "check", "batch", *KNOWN, *url).err

    taken = ("batch", "import", "batch", "--config")
    assert "stop it first" in institutions.fails(*taken, "bank-vault/vault.toml").err

    assert "anchored on" in institutions.run("batch", "anchor", "batch", "--config", "bank/node.toml").out
    assert "anchored on" in institutions.run("batch", "anchor", "batch", "--config", "bank/node.toml").out
    again = institutions.run("batch", "check", "batch", *KNOWN, *url, "--json").json
    assert again["resumed_after"] == 3
    assert abs(again["anchored"] - time.time()) < 600


def test_import_into_a_vault_that_is_not_served(institutions: Institutions) -> None:
    offer = institutions.run(*offer_words(institutions, "Taken in")).out.strip()
    table(institutions, "taken", offer, ["C1", "C2"])
    institutions.run("batch", "make", "taken", "taken.batch", "--offer", offer, "--config", "bank/node.toml")
    folder = institutions.folder / "copy"
    _copy(institutions.folder / "bank-vault", folder)
    words = ("batch", "import", "taken.batch", "--config", "copy/vault.toml")
    env = {"PLACET_VAULT_FOLDER": str(folder), "PLACET_VAULT_SOCKET": str(folder / "s")}
    before = _held(folder)
    assert "2 consents taken" in institutions.run(*words, **env).out
    assert _held(folder) == (before[0] + 2, before[1] + 1)
    table(institutions, "taken", offer, ["C1", "nobody"])
    institutions.run("batch", "make", "taken", "bad.batch", "--offer", offer, "--config", "bank/node.toml")
    refused = institutions.fails("batch", "import", "bad.batch", "--config", "copy/vault.toml", **env)
    assert "the dataset has no row of this person" in refused.err


_AS_A_LARGE_ONE = (
    "import placet.vault.database as database; database._CACHE = 64; from placet.cli.main import run; run()"
)
"""The program, with so few pages in memory that it writes to the log long before it commits, as in a large import."""


def test_an_import_that_is_killed_leaves_nothing_and_may_be_given_again(institutions: Institutions) -> None:
    count = 3_000
    offer = institutions.run(*offer_words(institutions, "Killed")).out.strip()
    table(institutions, "many", offer, ["C1"] * count)
    institutions.run("batch", "make", "many", "many.batch", "--offer", offer, "--config", "bank/node.toml")
    outcomes = list[tuple[int, int]]()
    for number in range(5):  # one that commits at the very moment is through
        folder = institutions.folder / f"killed-{number}"
        _copy(institutions.folder / "bank-vault", folder)
        before = _held(folder)
        words = ("batch", "import", "many.batch", "--config", f"killed-{number}/vault.toml")
        env = {"PLACET_VAULT_FOLDER": str(folder), "PLACET_VAULT_SOCKET": str(folder / "s")}
        _kill_once_it_writes(institutions, words, env, folder / "vault.db-wal")
        outcomes.append(_held(folder))
        if outcomes[-1] == before:
            break
    assert outcomes[-1] == before, "none could be killed before it was through"
    assert set(outcomes[:-1]) <= {(before[0] + count, before[1] + 1)}, "all or nothing"

    assert f"{count} consents taken" in institutions.run(*words, **env).out
    assert _held(folder) == (before[0] + count, before[1] + 1)


def _kill_once_it_writes(institutions: Institutions, words: tuple[str, ...], env: dict[str, str], log: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _AS_A_LARGE_ONE, *words],
        cwd=institutions.folder,
        env=environment(**institutions.env, **env),
    )
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end and not (log.exists() and log.stat().st_size > 100_000):
        time.sleep(0.001)
    process.kill()
    process.wait(60)


def _held(folder: Path) -> tuple[int, int]:
    """Consents and batches in a vault that nobody serves."""
    with contextlib.closing(sqlite3.connect(folder / "vault.db")) as connection:
        counted = [connection.execute(f"select count(*) from {t}").fetchone()[0] for t in ("consents", "batches")]  # noqa: S608
    return counted[0], counted[1]


def _copy(source: Path, target: Path) -> None:
    """A vault's folder as a backup holds it."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.sock", "*.lock", "*.db*"))
    with sqlite3.connect(source / "vault.db") as live, sqlite3.connect(target / "vault.db") as kept:
        live.backup(kept)
