"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from placet.chain.local import LocalChain
from placet.chain.local import free_port as _free_port

if TYPE_CHECKING:
    from live import Town

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "scripts")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: run scripts/test --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def anvil() -> Iterator[LocalChain]:
    """One chain for the whole run. What a test does to it stays."""
    with LocalChain() as chain:
        yield chain


@pytest.fixture
def fresh_anvil(anvil: LocalChain) -> Iterator[LocalChain]:
    """The run's chain, reverted after the test to what it was before."""
    with anvil.snapshot():
        yield anvil


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One consortium of real processes for the whole run; see `live`."""
    from live import live

    with live(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    return _free_port()


def _postgresql_tool(name: str) -> str | None:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(debian[-1]) if debian else shutil.which(name)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL of this run's own, on loopback. Mark its tests slow."""
    initdb, pg_ctl = _postgresql_tool("initdb"), _postgresql_tool("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql, or scripts/test --slow as root on Debian")
    as_user: list[str] = []
    folder = tmp_path_factory.mktemp("postgresql")
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL refuses to run as root, and there is no runuser")
        as_user = ["runuser", "-u", "postgres", "--"]
        for parent in (folder, folder.parent, folder.parent.parent):
            parent.chmod(0o755)
        shutil.chown(folder, "postgres")
    data, port = folder / "data", _free_port()

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run(initdb, "--pgdata", str(data), "--auth", "trust", "--username", "placet", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    run(pg_ctl, "--pgdata", str(data), "--log", str(folder / "log"), "--wait", "--options", options, "start")
    try:
        yield f"postgresql+psycopg://placet@127.0.0.1:{port}/postgres"
    finally:
        run(pg_ctl, "--pgdata", str(data), "--wait", "--mode", "immediate", "stop")
