"""A vault is killed (SIGKILL) while it erases: whoever asks again has it whole, and nothing is left in the folder."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

from forked import forked
from placet.vault.database import CONSENTS

CRASHING = Path(__file__).with_name("crashing_erasure.py")
PIECE = 64


@pytest.mark.parametrize("moment", ["deleting", "deleted", "committed"])
def test_a_killed_vault_has_erased_once_it_is_asked_again(environment, moment: str) -> None:
    erased, other = environment.accept("customer-00001", "customer-00002")
    query = sa.select(CONSENTS.c.consent, CONSENTS.c.sealed)
    with environment.engine.connect() as connection:
        sealed = {bytes(row.consent): bytes(row.sealed)[:PIECE] for row in connection.execute(query)}
    environment.engine.dispose()

    def run(moment: str) -> int:
        log = environment.folder.parent / f"{environment.folder.name}.log"
        words = [environment.folder, environment.master.hex(), erased.hex(), moment]
        return forked(CRASHING, words, environment.folder, log).wait(120)

    def left() -> set[bytes]:
        content = b"".join(file.read_bytes() for file in environment.folder.rglob("*") if file.is_file())
        return {consent for consent, record in sealed.items() if record in content}

    assert run(moment) == -signal.SIGKILL
    assert left() == sealed.keys(), "it was killed too late to show anything"
    assert run("never") == 0
    assert left() == {other}
    environment.start()
    assert not environment.vault.erase(erased)
