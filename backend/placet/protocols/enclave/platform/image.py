"""All files of a sandbox, read once, hashed, and kept in sealed memory: what was measured is what runs.

The race that this closes: a file that is hashed by its path and then mounted or started by its path may be another one
by then. Here a file's bytes are read one time; the hash is over these bytes, and these bytes, in memory that the
kernel lets nobody write to any more (memfd with seals), are what every sandbox gets as its files.

The measurement is SHA-256 over canonical JSON:

    {"command": [the command line inside], "files": [[path inside, SHA-256 in hex], … in ascending order of paths],
     "type": "placet.enclave-image", "version": 1}

`files` are all files that the sandbox has: the interpreter, the loader and the libraries it maps, extension modules,
`boot.py`, and one archive of all Python modules, written so that the same modules give the same bytes. What is imported
when the program starts is in it twice, as its source and as what that compiles to: an enclave would spend most of its
start on compiling. Kernel, bubblewrap, its options and the TPM are not measured.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import marshal
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from placet.core.errors import ConfigError
from placet.core.hashing import canonical, sha256
from placet.core.values import Value, parse
from placet.protocols.enclave.platform import elf

PROGRAM = "placet.protocols.enclave.inside.main"
_FLAGS = ("-I", "-S", "-B", "-X", "utf8")
_BOOT = Path(__file__).resolve().parents[1] / "inside" / "boot.py"
_LOADER = re.compile(r"ld-[a-z0-9.-]+\.so[.0-9]*", re.ASCII)
_MAX_FILES, _MAX_BYTES = 4_000, 512 << 20
_TRACE_SECONDS = 120
_BY_VALUE = 2
"""The last version of marshal's format that says nothing of how often an object is used or whether it is interned, so
that equal code has equal bytes, whatever else the process has done."""
_UNCHECKED = (1).to_bytes(4, "little")
"""Of a compiled module (PEP 552): it names its source by a hash, which is not looked at."""


class Needs(Value):
    """What `trace` says."""

    pure: dict[str, str] = Field(max_length=_MAX_FILES)
    started: tuple[str, ...] = Field(max_length=_MAX_FILES)
    native: dict[str, str] = Field(max_length=_MAX_FILES)
    libraries: tuple[str, ...] = Field(max_length=_MAX_FILES)
    executable: str
    archive: str


@dataclass(frozen=True)
class Image:
    """Files by their paths inside, in ascending order, each in a sealed memfd; the command that runs inside."""

    command: tuple[str, ...]
    hashes: Mapping[str, bytes]
    modules: Mapping[str, bytes]
    """The archive's own content: SHA-256 of each Python module's source, and of what it compiles to, for whoever looks
    for what differs."""
    _memory: Mapping[str, int]

    @property
    def measurement(self) -> bytes:
        return sha256(
            canonical(
                {
                    "type": "placet.enclave-image",
                    "version": 1,
                    "command": list(self.command),
                    "files": [[path, digest.hex()] for path, digest in self.hashes.items()],
                }
            )
        )

    @contextlib.contextmanager
    def opened(self) -> Iterator[dict[str, int]]:
        """A descriptor of its own for each file, to be read from the beginning; closed afterwards."""
        with contextlib.ExitStack() as stack:
            opened = {}
            for path, memory in self._memory.items():
                opened[path] = os.open(f"/proc/self/fd/{memory}", os.O_RDONLY | os.O_CLOEXEC)
                stack.callback(os.close, opened[path])
            yield opened

    def close(self) -> None:
        for memory in self._memory.values():
            os.close(memory)


def build(program: str = PROGRAM, folders: Sequence[Path] | None = None) -> Image:
    """The image of a module with a function `run(source, sink)` and `LATE`, the names of what it imports late.
    `folders`: where packages lie, by default where this interpreter finds its own."""
    places = [str(Path(one).resolve()) for one in (_folders() if folders is None else folders)]
    needs = _trace(program, places)
    archive = f"/usr/{sys.platlibdir}/{needs.archive}"
    modules = {path: _read(file) for path, file in sorted(needs.pure.items())}
    modules |= {f"{path}c": _compiled(modules[path], f"{archive}/{path}") for path in needs.started}
    files = {
        archive: _archive(modules),
        "/usr/boot.py": _read(str(_BOOT)),
    }
    files |= {f"/usr/native/{name}.so": _read(file) for name, file in needs.native.items()}
    loader = None
    for library in needs.libraries:
        content = _read(library)
        if library == needs.executable:
            files["/usr/bin/python"] = content
            continue
        path = f"/lib/{elf.soname(content) or Path(library).name}"
        files[path] = content
        if _LOADER.fullmatch(path.removeprefix("/lib/")):
            loader = path
    if loader is None or "/usr/bin/python" not in files:
        raise ConfigError("this interpreter's loader was not found", found=needs.executable, code="enclave.image")
    if sum(map(len, files.values())) > _MAX_BYTES:
        raise ConfigError("the enclave's files are too large", expected=f"{_MAX_BYTES} bytes", code="enclave.image")
    command = (loader, "--library-path", "/lib", "/usr/bin/python", *_FLAGS, "/usr/boot.py", program)
    ordered = dict(sorted(files.items()))
    return Image(
        command,
        {path: sha256(content) for path, content in ordered.items()},
        {path: sha256(content) for path, content in modules.items()},
        {path: _sealed(path, content) for path, content in ordered.items()},
    )


def _folders() -> list[Path]:
    """Where Placet lies, and the packages that it needs."""
    standard = Path(os.__file__).resolve().parent
    folders = [Path(entry).resolve() for entry in sys.path if entry and Path(entry).is_dir()]
    return [one for one in dict.fromkeys(folders) if one not in (standard, standard / "lib-dynload")]


def _trace(program: str, folders: list[str]) -> Needs:
    command = [sys.executable, *_FLAGS, str(Path(__file__).with_name("trace.py")), program]
    try:
        done = subprocess.run(
            [*command, *folders], env={}, cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_TRACE_SECONDS, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        raise ConfigError(
            "the enclave's program can't be imported",
            found=said.decode(errors="replace").strip()[-400:] or type(error).__name__,
            remedy="pip install 'placet[compare]'",
            code="enclave.image",
        ) from None
    return parse(Needs, done.stdout, limit=4 << 20, what="the list of the enclave's files")


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(
            "a file of the enclave can't be read", found=f"{file}: {error}", code="enclave.image"
        ) from None


def _compiled(source: bytes, file: str) -> bytes:
    """A module as Python loads it from an archive in place of its source. The same source and interpreter give the same
    bytes."""
    code = compile(source, file, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source)
    return head + marshal.dumps(code, _BY_VALUE)


def _archive(modules: Mapping[str, bytes]) -> bytes:
    """A ZIP of stored files, in order, without times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as out:
        for path, content in modules.items():
            out.writestr(zipfile.ZipInfo(path), content)
    return buffer.getvalue()


def _sealed(name: str, content: bytes) -> int:
    memory = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(memory, "wb", closefd=False) as file:
        file.write(content)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
    return memory
