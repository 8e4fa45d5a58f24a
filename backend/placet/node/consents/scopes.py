"""The opened scopes of this institution's offers: one JSON document a file, in one folder, found by their hash."""

from __future__ import annotations

import threading
from pathlib import Path

from placet.core.encodings import text_of
from placet.core.errors import ConfigError, NotFoundError
from placet.core.hashing import document_bytes
from placet.core.offers import Offer, Scope
from placet.core.values import parse, to_hex

_MAX_SCOPE = 65_536


class Scopes:
    """Reads the folder again whenever its files change, so that a new offer needs no restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._found: dict[bytes, Scope] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def all(self) -> dict[bytes, Scope]:
        """Scopes by hash. ConfigError names a file that is no scope."""
        files = sorted(self._folder.glob("*.json"))
        stamp = tuple((file.name, (at := file.stat()).st_mtime_ns, at.st_size) for file in files)
        with self._lock:
            if stamp != self._stamp:
                self._found = {scope.hash: scope for scope in map(_read, files)}
                self._stamp = stamp
            return self._found

    def of(self, offer: Offer) -> Scope:
        """NotFoundError if the offer's scope is not opened here."""
        scope = self.all().get(offer.scope)
        if scope is None:
            raise NotFoundError(
                "the offer's scope is not opened here",
                found=to_hex(offer.scope),
                remedy="the provider puts the scope document into its node's folder of scopes",
            )
        return scope

    def add(self, scope: Scope) -> Path:
        """Write a scope document under its hash."""
        file = self._folder / f"{scope.hash.hex()}.json"
        fresh = file.with_suffix(".new")
        fresh.write_bytes(document_bytes(scope))
        fresh.replace(file)
        return file


def _read(file: Path) -> Scope:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError("a scope document can't be read", found=f"{file.name}: {error.strerror}") from None
    return parse(Scope, text_of(raw, "scope document"), limit=_MAX_SCOPE, what=f"scope document {file.name}")
