"""Fixtures that every room's tests share."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import typer.testing
from hypothesis import HealthCheck, settings
from typer.main import get_command

from placet.chain.local import LocalChain
from placet.chain.local import free_port as _free_port

if TYPE_CHECKING:
    from live import LiveConsortium

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent / "scripts"
sys.path[:0] = [str(TESTS), str(SCRIPTS), str(SCRIPTS / "examples")]

import examples  # noqa: E402
import reaper  # noqa: E402

# Machines are noisy: no test is about time. The same few examples in every run, others and more in each with --slow.
settings.register_profile(
    "placet",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    max_examples=examples.FEW,
)
settings.register_profile("slow", settings.get_profile("placet"), derandomize=False, max_examples=examples.ALL)
_ENDS = pytest.StashKey[contextlib.ExitStack]()


typer.testing._get_command = functools.cache(get_command)  # makes all of the parser anew for each command called here
gc.disable()


def pytest_collection_finish() -> None:
    """What was imported and collected is never garbage, so that nobody looks for some in it: neither now nor later."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """What this process starts ends with it; see `reaper`."""
    reaper.guard()
    settings.load_profile("slow" if config.getoption("--slow") else "placet")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


LIVE = re.compile(r"^from live import", re.MULTILINE)
CONSORTIA = 2
"""How many workers have a consortium, at most: what stands on one waits more than it computes. The two share its files
as they get along, and take others once none is left."""
LONGEST = (
    *("attacks/test_no_trail_no_result", "recipes/blocks", "recipes/match/", "attacks/test_a_node_without_its_gate"),
    *("test_documents", "company/test_comparison", "scripts/test_contract_compare", "scripts/test_demo"),
    "audit/test_corpus",
    *(
        "scripts/",
        "sandbox/",
        "cli/",
        "protocols/enclave/",
        "protocols/spu/",
        "model/",
        "attacks/",
        "chain/test_artifacts",
    ),
    *("node/", "vault/", "company/", "test_reaper"),
)
"""How the names of files begin that take longest, as measured, the longest first."""


@functools.cache
def _group(file: Path) -> str:
    """What one worker runs as a whole: a file, or `cli`'s, which share their processes."""
    name = file.relative_to(TESTS).as_posix()
    return "cli/" if name.startswith("cli/") else name


@functools.cache
def _is_live(group: str) -> bool:
    """Does it stand on a live consortium?"""
    file = TESTS / group
    return file.is_file() and LIVE.search(file.read_text()) is not None


@functools.cache
def _turn(group: str) -> tuple[bool, int]:
    """What stands on a live consortium comes first, then what takes longest: no worker is left alone with it."""
    return not _is_live(group), next((place for place, start in enumerate(LONGEST) if group.startswith(start)), 99)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _turn(_group(item.path)))
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: run scripts/test --slow")
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(skip)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`: a group stays in one worker, and live ones go to few workers."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(TESTS.parent / nodeid.split("::", 1)[0])

        def _assign_work_unit(self, node: Any) -> None:
            may_be_live = node in self.nodes[:CONSORTIA]
            waiting = sorted(self.workqueue, key=lambda group: _is_live(group) is not may_be_live)  # stable
            if _is_live(waiting[0]) and not may_be_live:
                node.shutdown()
                return
            self.workqueue.move_to_end(waiting[0], last=False)
            super()._assign_work_unit(node)

    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """A consortium's processes end with the last test that needs them, not with the run."""
    yield
    if nextitem is None or not _is_live(_group(nextitem.path)):
        ends = item.config.stash.get(_ENDS, None)
        if ends is not None:
            ends.close()


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
def consortium(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConsortium]:
    """One consortium of real processes for the whole run; see `live`."""
    from live import live

    with contextlib.ExitStack() as ends:
        made = ends.enter_context(live(tmp_path_factory.mktemp("consortium")))
        request.config.stash[_ENDS] = ends
        yield made


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    return _free_port()


def _postgresql_tool(name: str) -> str | None:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(debian[-1]) if debian else shutil.which(name)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL of this run's own, on loopback. Mark its tests slow.

    Its folder lies outside of pytest's, which every run that starts makes its user's alone."""
    initdb, pg_ctl = _postgresql_tool("initdb"), _postgresql_tool("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql, or scripts/test --slow as root on Debian")
    as_user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="placet-postgresql-"))
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL refuses to run as root, and there is no runuser")
        as_user = ["runuser", "-u", "postgres", "--"]
        for parent in (folder, *folder.parents):
            if parent.stat().st_mode & 0o005 != 0o005:
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
        shutil.rmtree(folder)


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    """The URL of a database of the test's own, empty, on the run's PostgreSQL. Mark its tests slow."""
    name = f"placet_{secrets.token_hex(6)}"
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(postgres_url).set(database=name, drivername="postgresql").render_as_string()
