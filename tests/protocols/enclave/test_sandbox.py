"""What a program in the sandbox can't do, and that nothing runs where bubblewrap can't isolate."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from placet.core.errors import ConfigError, ProtocolError, StateError
from placet.protocols.enclave.inside import boot
from placet.protocols.enclave.platform import image, seccomp
from placet.protocols.enclave.platform import sandbox as sandbox_module
from placet.protocols.enclave.platform.image import Image
from placet.protocols.enclave.platform.sandbox import Sandbox
from placet.protocols.enclave.platform.simulated import SimulatedPlatform
from placet.protocols.enclave.sealed.keys import seal

from . import sandboxes
from .jobs import CHAIN, Job

BOOT = Path(boot.__file__)


@pytest.fixture(scope="module")
def probe() -> Iterator[Image]:
    sandboxes.need()
    made = image.build("probe", sandboxes.folders())
    yield made
    made.close()


@pytest.fixture(scope="module", params=[True, False], ids=["filtered", "unfiltered"])
def report(probe: Image, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the probe says of one sandbox, beside a server that listens and a file that anybody may read. The
    namespaces must hold alone too, without the filter of system calls."""
    with pytest.MonkeyPatch.context() as patched:
        if not request.param:
            patched.setattr(seccomp, "program", lambda: struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000))
        return _report(probe, tmp_path_factory) | {"filtered": request.param}


def _report(probe: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("host")
    (folder / "secret").write_text("of the host")
    folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = {
            "port": server.getsockname()[1],
            "paths": [
                str(folder / "secret"), str(BOOT), "/etc/passwd", "/etc/resolv.conf", "/proc/1/environ",
                "/proc/self/maps", "/dev/null", "/dev/urandom", "/sys/kernel/notes", "/proc/self/fd/0", "/usr/boot.py",
            ],
            "places": ["/x", "/usr/x", "/usr/boot.py", "/lib/x", "/tmp/x", "/dev/shm/x", str(folder / "x")],
        }  # fmt: skip
        sandbox = Sandbox(probe)
        try:
            sandbox.sink.write(json.dumps(asked).encode() + b"\n")
            sandbox.sink.flush()
            told: dict[str, Any] = json.loads(sandbox.source.read())
        finally:
            sandbox.kill()
            sandbox.gone()
    assert list(folder.iterdir()) == [folder / "secret"]
    return told


def test_there_is_no_network(report: dict[str, Any]) -> None:
    if report["filtered"]:
        refused = {report["tried"][what] for what in ("connect", "socket", "socketpair", "interfaces")}
        assert refused == {"PermissionError"}
    else:
        assert report["tried"]["connect"] in ("OSError", "ConnectionRefusedError")
        assert report["tried"]["interfaces"] in ("OSError", "did it: [(1, 'lo')]")


def test_there_are_no_files_of_the_host(report: dict[str, Any], probe: Image) -> None:
    assert report["read"].pop("/usr/boot.py") == "did it: b'\"'"
    assert set(report["read"].values()) == {"FileNotFoundError"}
    assert report["seen"] == sorted(probe.hashes)


def test_nothing_can_be_written(report: dict[str, Any]) -> None:
    assert set(report["written"].values()) <= {"OSError", "FileNotFoundError", "PermissionError"}


def test_there_are_no_other_processes(report: dict[str, Any]) -> None:
    """The first one is bubblewrap's own, inside. With the filter nobody can even ask."""
    if report["filtered"]:
        assert report["tried"]["fork"] == report["tried"]["kill"] == "PermissionError"
    else:
        assert report["processes"] == [1, 2]


def test_there_is_no_environment_and_nothing_inherited(report: dict[str, Any]) -> None:
    assert set(report["environment"]) <= {"PWD", "LC_CTYPE"}
    assert report["descriptors"] == [0, 1]
    assert report["modules"] is False


def test_there_are_no_privileges(report: dict[str, Any]) -> None:
    assert report["user"] == [65534, 65534]
    assert report["dumpable"] == 0
    for what in ("root", "groups", "hostname"):
        assert report["tried"][what] in ("PermissionError", "OSError"), what


def test_limits_hold_and_can_not_be_raised(report: dict[str, Any]) -> None:
    assert report["tried"]["memory"] == "MemoryError"
    assert report["tried"]["more memory"] in ("ValueError", "PermissionError")
    assert report["limits"] == {
        "AS": [boot.MEMORY] * 2,
        "CPU": [boot.CPU_SECONDS] * 2,
        "CORE": [1, 1],
        "FSIZE": [0, 0],
        "NOFILE": [16, 16],
        "NPROC": [0, 0],
    }


@pytest.mark.slow  # `test_limits_hold_and_can_not_be_raised` has the limit by default
def test_a_comparison_that_takes_too_much_memory_ends_in_a_code(tmp_path: Path) -> None:
    sandboxes.need()
    with sandboxes.platform(tmp_path / "tpm", "greedy") as platform, pytest.raises(ProtocolError) as caught:
        asyncio.run(_computed(platform, 120))
    assert caught.value.code == "enclave.memory"


def test_a_comparison_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    sandboxes.need()
    with sandboxes.platform(tmp_path / "tpm", "stuck") as platform, pytest.raises(ProtocolError) as caught:
        asyncio.run(_computed(platform, 1))
    assert caught.value.code == "enclave.timeout"
    assert not sandboxes.started("bwrap")


async def _computed(platform: SimulatedPlatform, seconds: float) -> None:
    job = Job.of(b"1. You may.", b"1. You may not.")
    enclave = await platform.start(chain=CHAIN, job=job.task.job)
    keys = {one.role: seal(one.secrets, enclave.key, job.task, one.role) for one in job.sides}
    documents = {one.role: io.BytesIO(one.encrypted) for one in job.sides}
    await enclave.compute(job.task, keys, documents, seconds=seconds)


def opened(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        asyncio.run(SimulatedPlatform.opened(folder))
    return caught.value.code


def test_without_bubblewrap_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert opened(tmp_path / "tpm") == "enclave.isolation"


ROOT_INSIDE = """#!{python}
import os, sys
arguments = sys.argv[1:]
arguments[arguments.index("--uid") + 1] = arguments[arguments.index("--gid") + 1] = "0"
os.execv("{bwrap}", ["bwrap", *arguments])
"""


def test_where_the_program_would_be_root_inside_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandboxes.need()
    _fake(tmp_path, monkeypatch, ROOT_INSIDE.format(python=sys.executable, bwrap=shutil.which("bwrap")))
    assert opened(tmp_path / "tpm") == "enclave.isolation"


def test_to_the_host_it_is_one_user_without_privileges(probe: Image) -> None:
    """Also where the node is root."""
    sandbox = Sandbox(probe)
    try:
        inside = _inside()
        status = dict(line.split(":\t", 1) for line in (inside / "status").read_text().splitlines() if ":\t" in line)
        assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert (inside / "uid_map").read_text().split() == ["65534", str(os.getuid()), "1"]
    finally:
        sandbox.kill()
        sandbox.gone()


def _inside() -> Path:
    """Of the one sandbox's program, /proc as the host has it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for one in sandboxes.started("bwrap"):
            with contextlib.suppress(psutil.NoSuchProcess):
                if one.cmdline()[1:3] == ["--library-path", "/lib"]:
                    return Path(f"/proc/{one.pid}")
        time.sleep(0.05)
    raise AssertionError("it did not start")


def _fake(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another bubblewrap."""
    fake = folder / "bwrap"
    fake.write_text(script)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.defpath}")


def test_bubblewrap_that_never_says_what_it_started_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("placet.protocols.enclave.platform.sandbox._WORD_SECONDS", 0.2)
    _fake(tmp_path, monkeypatch, f"#!/bin/sh\n{shutil.which('sleep')} 20\n: > {tmp_path / 'done'}\n")
    assert opened(tmp_path / "tpm") == "enclave.isolation"
    assert not (tmp_path / "done").exists() and not sandboxes.started("sleep")


LIAR = """#!{python}
import os, sys, time
told = int(sys.argv[sys.argv.index("--info-fd") + 1])
os.write(told, b'{{"child-pid": {process}}}')
os.close(told)
"""


def test_another_process_under_the_number_that_bubblewrap_said_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number may have been given out again."""
    with subprocess.Popen([shutil.which("sleep") or "sleep", "3600"]) as bystander:
        try:
            _fake(tmp_path, monkeypatch, LIAR.format(python=sys.executable, process=bystander.pid))
            assert opened(tmp_path / "tpm") == "enclave.isolation"
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_the_first_process_inside_is_a_living_child_of_bubblewrap() -> None:
    with subprocess.Popen([shutil.which("sleep") or "sleep", "3600"]) as child:
        said = json.dumps({"child-pid": child.pid}).encode()
        found = sandbox_module._first_inside(said, os.getpid())
        assert found is not None
        os.close(found)
        assert sandbox_module._first_inside(said, os.getppid()) is None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert sandbox_module._first_inside(said, os.getpid()) is None
    for broken in (b"", b"{", b"[]", b"{}", b'{"child-pid": null}', b'{"child-pid": -1}', b'{"child-pid": 1e99}'):
        assert sandbox_module._first_inside(broken, os.getpid()) is None


def test_a_killed_enclave_that_stays_is_said_to_be_there(probe: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(probe)
    with monkeypatch.context() as patched:
        patched.setattr(sandbox_module, "_GONE_SECONDS", 0.1)
        with pytest.raises(StateError) as caught:  # nobody has killed it
            sandbox.gone()
    assert caught.value.code == "enclave.alive"
    sandbox.kill()
    sandbox.gone()


@pytest.mark.parametrize(
    "script",
    [
        "echo 'bwrap: No permissions to create new namespace' >&2; exit 1",
        # One that isolates nothing, and runs what it is given: interpreter, boot and program are at hand on a host.
        "exec {python} -I -S -B -X utf8 {boot} placet.protocols.enclave.inside.main",
    ],
)
def test_where_bubblewrap_can_not_isolate_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    _fake(tmp_path, monkeypatch, "#!/bin/sh\n" + script.format(python=sys.executable, boot=BOOT) + "\n")
    assert opened(tmp_path / "tpm") == "enclave.isolation"


def test_the_program_itself_refuses_to_run_outside_of_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "ran.py").write_text("import pathlib; pathlib.Path(__file__).with_name('done').touch()")
    done = subprocess.run(
        [sys.executable, str(BOOT), "ran"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=False
    )
    assert done.returncode == boot.UNISOLATED
    assert not (tmp_path / "done").exists() and not Path("/probe").exists()


@pytest.mark.parametrize(("machine", "architecture", "column"), [("x86_64", 0xC000003E, 0), ("aarch64", 0xC00000B7, 1)])
def test_the_filter_allows_what_it_names_and_nothing_else(machine: str, architecture: int, column: int) -> None:
    """Run by hand, instruction by instruction."""
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
    program = seccomp.program(machine)
    assert len(program) % 8 == 0
    allowed = {numbers[column] for numbers in seccomp._ALLOWED.values()} - {None}
    for number in (*range(1024), 1 << 29, (1 << 30) - 1):
        expected = allow if number in allowed else refuse if number < 424 else unknown
        assert _run(program, number, architecture) == expected, number
        assert _run(program, number, 0x40000003) == kill
    for number in (0x40000000, 0x40000000 + 41, 0xFFFFFFFF):
        assert _run(program, number, architecture) == (kill if machine == "x86_64" else unknown)


SHARED_MEMORY = {"x86_64": {29, 30, 31, 67}, "aarch64": {194, 195, 196, 197}}
SEMAPHORES_AND_QUEUES = {"x86_64": {*range(64, 67), *range(68, 72), 220}, "aarch64": {*range(186, 194)}}
PROCESSES_AND_SOCKETS = {"x86_64": {56, 57, 58, 41, 53, 101}, "aarch64": {220, 198, 199, 117}}
NEWER = {*range(424, 436), 437, 438, *range(440, 600)}
"""Pidfds, io_uring, new mounts, clone3, Landlock, memfd_secret, and what no kernel has yet."""


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_lets_no_memory_process_or_newer_call_through(machine: str) -> None:
    allowed = {numbers[("x86_64", "aarch64").index(machine)] for numbers in seccomp._ALLOWED.values()}
    for refused in (SHARED_MEMORY, SEMAPHORES_AND_QUEUES, PROCESSES_AND_SOCKETS):
        assert not allowed & refused[machine]
    assert not allowed & NEWER


def test_the_filter_is_for_two_machines() -> None:
    with pytest.raises(ConfigError):
        seccomp.program("riscv64")


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", HEADERS)
def test_the_filters_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"no {HEADERS[machine]} here: apt-get install linux-libc-dev")
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", HEADERS[machine].read_text(), re.MULTILINE)
    numbers = {
        name.replace("fstatat", "newfstatat") if machine == "aarch64" else name: int(value) for name, value in found
    }
    for name, columns in seccomp._ALLOWED.items():
        number = columns[tuple(HEADERS).index(machine)]
        assert number is None or number == numbers[name], name


def _run(program: bytes, number: int, architecture: int) -> int:
    data, register, at = struct.pack("<II", number, architecture), 0, 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("<HBBI", program, 8 * at)
        at += 1
        if code == 0x20:
            (register,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return int(value)
        else:
            at += if_true if (register == value if code == 0x15 else register >= value) else if_false


def test_the_filter_is_the_real_kernels_too(report: dict[str, Any]) -> None:
    """Shared memory, which the limit of memory doesn't count, is there without the filter."""
    assert (report["tried"]["memfd"] == report["tried"]["pipe"] == "PermissionError") is report["filtered"]
    raw = report["raw"]
    if report["filtered"]:
        assert {raw[name] for name in ("shmget", "semget", "msgget", "timerfd_create")} == {"EPERM"}
        assert {raw[name] for name in ("io_uring_setup", "clone3", "memfd_secret", "not yet")} == {"ENOSYS"}
    else:
        assert raw["shmget"] == raw["msgget"] == "did it"
        assert raw["clone3"] not in ("EPERM", "ENOSYS")
