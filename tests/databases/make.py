"""Fills databases for `tests/chain/test_migrations.py` with the code of the version that is to be upgraded from.

In a checkout of that version, set up by its `scripts/setup`:

    git worktree add ../before COMMIT && cd ../before && scripts/setup
    PYTHONPATH=backend:scripts:tests .venv/bin/python HERE/tests/databases/make.py HERE/tests/databases

Real processes on a real chain: consents of customers, anchored by the relay; a job with its trail; a withdrawal. The
outbox also gets an intent that nobody has sent yet and one that is on its way, as a killed node leaves them. The script
writes `node.sql.gz` (a provider's), `consumer.sql.gz` and `vault.sql.gz` (the provider's), and `facts.json` with what
they must still hold. The keys in that file are of this one consortium, which is gone.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import secrets
import sqlite3
import sys
import tempfile
from pathlib import Path

from live import live
from placet.chain.calls import Call
from placet.chain.keystore import load_secret
from placet.chain.outbox import Outbox, Signed
from placet.node.state import open_engine


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        with live(Path(place)) as consortium:
            done = consortium.job()
            withdrawn = next(given for given in consortium.given if given.provider == "north")
            consortium.withdraw(withdrawn)
            passphrase = (Path(place) / "passphrase").read_text().strip()
            facts = {
                "job": done.job,
                "domain": [(domain := consortium.deployment.jobs).name, domain.chain_id, "0x" + domain.contract.hex()],
                "consents": ["0x" + given.id.hex() for given in consortium.given if given.provider == "north"],
                "withdrawn": "0x" + withdrawn.id.hex(),
                "institution": consortium.made.members["north"].address,
                "offer": consortium.made.offers["north"],
                "master": load_secret(Path(place) / "north-vault" / "keys" / "master.json", passphrase).hex(),
                "hpke": load_secret(Path(place) / "consumer" / "keys" / "hpke.json", passphrase).hex(),
            }
        _leave_over(Path(place) / "north" / "state.db", bytes.fromhex(facts["institution"][2:]))
        for name, file in (
            ("node", "north/state.db"),
            ("consumer", "consumer/state.db"),
            ("vault", "north-vault/vault.db"),
        ):
            _dump(Path(place) / file, folder / f"{name}.sql.gz")
        (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def _leave_over(database: Path, account: bytes) -> None:
    engine = open_engine(f"sqlite:///{database}")
    outbox = Outbox(engine)
    for name in ("left-queued", "left-sent"):
        outbox.add(name, Call(secrets.token_bytes(20), b"\x01\x02", name), account)
    queued = {intent.name: intent for intent in outbox.queued(account, 10)}
    outbox.store(queued["left-sent"], Signed(secrets.token_bytes(32), 77, 21_000, 9, 1, b"\x02raw"))
    engine.dispose()


def _dump(database: Path, file: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        text = "\n".join(connection.iterdump()) + "\n"
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
