"""The auditor's verifier for browsers: Pyodide and its packages as `scripts/web verifier` puts them beside this file in
a checkout, or as the wheel `placet-verifier` brings them; and Placet's own Python as it is installed here, in one
archive.

Without the former there is no verifier at this node, and the page says so.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from typing import Final

PLACET: Final = "placet.zip"
_TYPES: Final = {
    "mjs": "text/javascript",
    "wasm": "application/wasm",
    "zip": "application/zip",
    "json": "application/json",
}
_ROOMS: Final = ("alignment", "audit", "catalogue", "comparison", "core", "models", "protocols/enclave/sealed")
_SINGLE: Final = (
    *(f"chain/{name}.py" for name in ("__init__", "event_types", "events")),
    "__init__.py",
    "jobs/__init__.py",
    "jobs/randomness.py",
    "protocols/__init__.py",
    "protocols/noise.py",
    "protocols/order.py",
    "protocols/enclave/__init__.py",
    "protocols/enclave/comparing.py",
    *(f"protocols/enclave/evidence/{name}.py" for name in ("__init__", "binding", "model", "refusals")),
)
_PACKED: Final = (".py", ".json", ".jinja", ".css")
_DAY_ONE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class VerifierFile:
    """One file: its type, the SHA-256 of its bytes, and these, by gzip where that is much smaller (`packed`)."""

    kind: str
    sha256: str
    content: bytes
    packed: bool

    @functools.cached_property
    def plain(self) -> bytes:
        """Unpacked once, however many ask so: strangers may, without a limit."""
        return gzip.decompress(self.content) if self.packed else self.content


@dataclass(frozen=True)
class Verifier:
    """What a page loads. `folder`: the part of the files' address that changes with them."""

    folder: str
    files: dict[str, VerifierFile]

    @property
    def manifest(self) -> dict[str, object]:
        """For the page: the folder that the files lie in, and how many bytes of each travel."""
        sizes = {name: len(file.content) for name, file in self.files.items()}
        return {"folder": self.folder, "files": sizes}


@functools.cache
def verifier() -> Verifier | None:
    """None where `scripts/web verifier` was not run, nor the wheel `placet-verifier` installed."""
    folder = _folder()
    if folder is None:
        return None
    files = dict(_runtime(folder))
    files[PLACET] = packed_file(PLACET, archive())
    lines = (f"{name} {files[name].sha256}\n" for name in sorted(files))
    return Verifier(hashlib.sha256("".join(lines).encode()).hexdigest()[:16], files)


def _folder() -> Traversable | None:
    own = resources.files("placet.pages") / "pyodide"
    if own.is_dir():
        return own
    return None if find_spec("placet_verifier") is None else resources.files("placet_verifier")


def _runtime(folder: Traversable) -> Iterator[tuple[str, VerifierFile]]:
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        name, gz, _ = file.name.partition(".gz")
        if name.rpartition(".")[2] in _TYPES:
            content = file.read_bytes()
            yield name, packed_file(name, gzip.decompress(content) if gz else content, content if gz else None)


def packed_file(name: str, content: bytes, packed: bytes | None = None) -> VerifierFile:
    """A file as it is kept; `packed`: its bytes by gzip, where somebody has them already."""
    digest = hashlib.sha256(content).hexdigest()
    smaller = gzip.compress(content, mtime=0) if packed is None else packed
    is_smaller = 10 * len(smaller) < 9 * len(content)
    return VerifierFile(_TYPES[name.rpartition(".")[2]], digest, smaller if is_smaller else content, is_smaller)


def archive() -> bytes:
    """The verifier's Python, of the code that runs here: a zip without compression or times, so that the same code
    gives the same bytes."""
    root = resources.files("placet")
    contents = {name: (root / name).read_bytes() for name in _SINGLE}
    for room in _ROOMS:
        contents |= dict(_contents(root / room, room))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as whole:
        for name in sorted(contents):
            whole.writestr(zipfile.ZipInfo(f"placet/{name}", _DAY_ONE), contents[name])
    return target.getvalue()


def _contents(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for file in folder.iterdir():
        if file.is_dir():
            yield from _contents(file, f"{path}/{file.name}")
        elif file.name.endswith(_PACKED):
            yield f"{path}/{file.name}", file.read_bytes()
