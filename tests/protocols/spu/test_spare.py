"""A process that starts before there is a task for it: *no consent, no data* holds of it, since it has nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from placet.protocols.spu import SpareEngine, spare
from placet.protocols.spu.leftovers import LOG

pytestmark = pytest.mark.usefixtures("engine")


async def test_it_is_told_nothing_has_nothing_and_listens_nowhere(tmp_path: Path) -> None:
    kept = SpareEngine(tmp_path)
    kept.want()
    kept.want()
    started = await kept.take()
    assert started is not None and started.process.alive
    assert await kept.take() is None
    process = psutil.Process(started.process._process.pid)
    assert [file.name for file in started.folder.iterdir()] == [LOG]
    assert started.folder.stat().st_mode & 0o777 == 0o700
    assert process.net_connections() == []
    assert all(str(tmp_path) not in word for word in process.cmdline())
    await started.end()
    assert list(tmp_path.iterdir()) == []
    assert not process.is_running()


async def test_it_ends_with_the_node_that_wanted_it(tmp_path: Path) -> None:
    """Killed, a node closes nothing but its pipes."""
    kept = SpareEngine(tmp_path)
    kept.want()
    started = await kept.take()
    assert started is not None
    started.process._stdin.close()
    await asyncio.wait_for(started.process._process.wait(), 120)
    assert list(tmp_path.iterdir()) == []


async def test_one_that_nobody_takes_ends_and_one_that_died_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare, "IDLE", 0.0)
    kept = SpareEngine(tmp_path)
    kept.want()
    await asyncio.sleep(0.05)
    await kept.close()
    assert await kept.take() is None
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(spare, "IDLE", 600.0)
    kept.want()
    assert kept._starting is not None
    started = await kept._starting
    assert started is not None
    await started.process.end()
    assert await kept.take() is None
    assert list(tmp_path.iterdir()) == []


async def test_what_keeps_it_from_starting_is_nobodys_error(tmp_path: Path) -> None:
    kept = SpareEngine(tmp_path / "not" / "there")
    kept.want()
    assert await kept.take() is None
