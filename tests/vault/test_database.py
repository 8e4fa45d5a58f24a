"""The vault's database file, made by several at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from placet.chain.migrations import VERSION_TABLE, upgrade
from placet.vault.database import METADATA, open_engine
from placet.vault.migrations import VAULT

AT_ONCE = 4


@pytest.mark.parametrize("round_", range(8))
def test_several_may_start_on_an_empty_folder_at_once(tmp_path: Path, round_: int) -> None:
    file, ready = tmp_path / "vault.db", threading.Barrier(AT_ONCE)

    def start() -> set[str]:
        engine = open_engine(file)
        ready.wait(10)
        upgrade(engine, VAULT)
        found = set(sa.inspect(engine).get_table_names())
        engine.dispose()
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = [pool.submit(start) for _ in range(AT_ONCE)]
    assert [one.result() for one in made] == [{*METADATA.tables, VERSION_TABLE}] * AT_ONCE
