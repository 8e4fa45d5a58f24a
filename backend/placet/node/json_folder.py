"""Documents of one kind: one as JSON a file, in one folder, each named by its hash."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Generic, TypeVar

from placet.core.encodings import text_of
from placet.core.errors import ConfigError
from placet.core.hashing import document_bytes, document_hash
from placet.core.values import Value, parse

D = TypeVar("D", bound=Value)


class JsonFolder(Generic[D]):
    """Reads the folder again whenever its files change, so that a new document needs no restart."""

    def __init__(self, folder: Path, kind: type[D], what: str, limit: int) -> None:
        self._folder, self._kind, self._what, self._limit = folder, kind, what, limit
        self._lock = threading.Lock()
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._known: dict[bytes, D] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def all(self) -> dict[bytes, D]:
        """By hash. ConfigError names a file that is no such document."""
        files = sorted(self._folder.glob("*.json"))
        stamp = tuple((file.name, (at := file.stat()).st_mtime_ns, at.st_size) for file in files)
        with self._lock:
            if stamp != self._stamp:
                self._known = {document_hash(one): one for one in map(self._read, files)}
                self._stamp = stamp
            return self._known

    def add(self, document: D) -> Path:
        """Write one under its hash."""
        file = self._folder / f"{document_hash(document).hex()}.json"
        fresh = file.with_suffix(".new")
        fresh.write_bytes(document_bytes(document))
        fresh.replace(file)
        return file

    def _read(self, file: Path) -> D:
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise ConfigError(f"a {self._what} can't be read", found=f"{file.name}: {error.strerror}") from None
        return parse(self._kind, text_of(raw, self._what), limit=self._limit, what=f"{self._what} {file.name}")
