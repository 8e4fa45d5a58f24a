"""The measurement: all that runs, the same from the same files, another from any other; and what is measured runs."""

from __future__ import annotations

import fcntl
import json
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

import placet
from placet.core.errors import ConfigError
from placet.core.hashing import canonical
from placet.protocols.enclave.platform import elf, image
from placet.protocols.enclave.platform.image import Image
from placet.protocols.enclave.platform.sandbox import Sandbox

from . import sandboxes

linux = pytest.mark.skipif(sys.platform != "linux", reason="the simulated platform is for Linux")
pytestmark = linux

PROGRAM = "LATE = ()\nimport helper\ndef run(source, sink):\n    sink.write(helper.WORD)\n    sink.flush()\n"


@contextmanager
def built(*args: object) -> Iterator[Image]:
    made = image.build(*args)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


def measured(*args: object) -> bytes:
    with built(*args) as made:
        return made.measurement


@pytest.fixture(scope="module")
def whole() -> Iterator[Image]:
    """The whole enclave, from this checkout."""
    with built() as made:
        yield made


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A small program with a package beside it: what the enclave depends on."""
    (tmp_path / "small.py").write_text(PROGRAM)
    (tmp_path / "helper").mkdir()
    (tmp_path / "helper" / "__init__.py").write_text("WORD = b'one'\n")
    (tmp_path / "helper" / "late.py").write_text("# loaded late\n")
    return tmp_path


def test_the_same_files_give_the_same_measurement_wherever_they_lie(whole: Image, tmp_path: Path) -> None:
    """The whole enclave, from this checkout and from a copy of it. A change is another one: see the small program."""
    package = Path(placet.__file__).parent
    shutil.copytree(package, tmp_path / "placet", ignore=shutil.ignore_patterns("__pycache__"))
    others = [one for one in image._folders() if one != package.parent]
    assert measured(image.PROGRAM, [tmp_path, *others]) == whole.measurement


def test_any_change_of_code_or_dependency_is_another_measurement(program: Path) -> None:
    seen = [measured("small", [program])]
    assert measured("small", [program]) == seen[0]
    for change in (
        lambda: (program / "small.py").write_text(PROGRAM + " "),
        lambda: (program / "helper" / "__init__.py").write_text("WORD = b'two'\n"),
        lambda: (program / "helper" / "late.py").write_text("# loaded later\n"),
        lambda: (program / "helper" / "new.py").write_text(""),
        lambda: (program / "helper" / "late.py").rename(program / "helper" / "rate.py"),
        lambda: (program / "helper" / "rate.py").unlink(),
    ):
        change()
        seen.append(measured("small", [program]))
    assert len(set(seen)) == len(seen)


def test_times_and_what_python_leaves_behind_do_not_count(program: Path) -> None:
    before = measured("small", [program])
    os.utime(program / "small.py", (1, 1))
    (program / "__pycache__").mkdir()
    (program / "__pycache__" / "small.cpython-311.pyc").write_bytes(b"x")
    assert measured("small", [program]) == before


def test_the_measurement_is_the_documented_one(program: Path) -> None:
    with built("small", [program]) as made, made.opened() as opened:
        contents = {path: os.read(descriptor, 1 << 30) for path, descriptor in opened.items()}
        told = {
            "command": list(made.command),
            "files": [[path, sha256(contents[path]).hexdigest()] for path in sorted(contents)],
            "type": "placet.enclave-image",
            "version": 1,
        }
        assert canonical(told).decode() == json.dumps(told, separators=(",", ":"))
        assert made.measurement == sha256(canonical(told)).digest()
        [archive] = [path for path in contents if path.endswith(".zip")]
        (program / "archive.zip").write_bytes(contents[archive])
        with zipfile.ZipFile(program / "archive.zip") as modules:
            assert {name: sha256(modules.read(name)).digest() for name in modules.namelist()} == made.modules
            compiled = [name for name in made.modules if name.endswith(".pyc")]
            for name in compiled:
                code = compile(modules.read(name[:-1]), f"{archive}/{name[:-1]}", "exec", dont_inherit=True)
                assert modules.read(name)[16:] == marshal.dumps(code, 2)
    assert {"small.pyc", "helper/__init__.pyc", "json/decoder.pyc"} <= set(compiled)
    assert {"small.py", "helper/late.py", "json/decoder.py", "encodings/utf_16_be.py"} <= set(made.modules)
    assert not any(name.startswith(("placet/", "pytest", "web3")) for name in made.modules)


def test_code_has_the_same_bytes_whatever_the_process_did_before() -> None:
    source = b"def f(word='?', words=('?', 'two words')):\n    return word in {'?', 'a', 'two words', b'', 1.5}\n"
    before = image._compiled(source, "/small.py")
    kept = [sys.intern(word) for word in ("?", "two words", "")]
    assert image._compiled(source, "/small.py") == before and kept
    words = "import sys; from placet.protocols.enclave.platform import image as i;"
    words += f"sys.stdout.buffer.write(i._compiled({source!r}, '/small.py'))"
    for seed in ("1", "2"):
        other = subprocess.run(
            [sys.executable, "-c", words], check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}
        )
        assert other.stdout == before


def test_another_program_of_the_same_files_is_another_measurement(program: Path) -> None:
    (program / "other.py").write_text(PROGRAM)
    assert measured("small", [program]) != measured("other", [program])


def test_the_enclave_holds_what_it_needs_and_no_more(whole: Image) -> None:
    names = {name for name in whole.modules if name.endswith(".py")}
    assert {name for name in whole.modules if name.endswith(".pyc")} <= {f"{name}c" for name in names}
    assert len(whole.modules) > len(names)
    assert {"pypdf/__init__.py", "cryptography/__init__.py", "pydantic/main.py"} <= names
    rooms = {name.split("/")[1] for name in names if name.startswith("placet/") and "/" in name}
    assert rooms == {"__init__.py", "comparison", "core", "protocols"}
    assert "placet/core/framing.py" in names
    assert not any("platform/" in name or "evidence" in name for name in names if name.startswith("placet/"))
    assert not any(name.split("/")[0] in ("web3", "sqlalchemy", "fastapi", "httpx", "asyncio") for name in names)


def test_what_was_measured_runs_whatever_becomes_of_the_files(program: Path) -> None:
    sandboxes.need()
    with built("small", [program]) as made:
        (program / "helper" / "__init__.py").write_text("WORD = b'two'\n")
        (program / "small.py").unlink()
        for _ in range(2):
            sandbox = Sandbox(made)
            try:
                assert sandbox.source.read() == b"one"
            finally:
                sandbox.kill()
                sandbox.gone()


def test_nobody_can_write_to_what_was_measured(program: Path) -> None:
    with built("small", [program]) as made:
        for memory in made._memory.values():
            for do in (
                lambda memory=memory: os.write(memory, b"x"),
                lambda memory=memory: os.pwrite(memory, b"x", 0),
                lambda memory=memory: os.ftruncate(memory, 0),
                lambda memory=memory: fcntl.fcntl(memory, fcntl.F_ADD_SEALS, 0),
            ):
                with pytest.raises(PermissionError):
                    do()
            with pytest.raises(PermissionError):
                os.write(os.open(f"/proc/self/fd/{memory}", os.O_WRONLY), b"x")


@pytest.mark.parametrize(
    "files", [{}, {"small.py": "import nothing_like_this"}, {"small.py": "def run("}, {"small.py": "x = 1"}]
)
def test_a_program_that_can_not_be_imported_is_named(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        image.build("small", [tmp_path])
    assert caught.value.code == "enclave.image"


def test_names_of_libraries(whole: Image) -> None:
    with whole.opened() as opened:
        libraries = {path: os.read(opened[path], 1 << 30) for path in opened if path.startswith("/lib/")}
        assert "/lib/libc.so.6" in libraries
        for path, content in libraries.items():
            assert elf.soname(content) in (path.removeprefix("/lib/"), None)
        library = libraries["/lib/libc.so.6"]
    for bad in (b"", b"\x7fELF", b"#!/bin/sh", library[:63], library[:5000], b"\x7fELF\x01" + library[5:]):
        with pytest.raises(ConfigError):
            elf.soname(bad)
