"""A company's own document, read on its own machine before anything is offered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from placet.comparison.limits import MAX_BYTES
from placet.comparison.reading import read
from placet.core.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class OwnDocument:
    """A file that the comparison can read, as far as its owner's machine can tell."""

    file: Path
    notes: tuple[str, ...]
    """What its owner should know of it, such as text that no reader sees."""

    @classmethod
    def of(cls, file: Path) -> OwnDocument:
        """DataError or InputError, with the code that the enclave would give, for what can't be compared; ConfigError
        for what can't be opened."""
        try:
            with file.open("rb") as source:
                data = source.read(MAX_BYTES + 1)
        except OSError as error:
            raise ConfigError("the document can't be read", found=f"{file}: {error.strerror}") from None
        if len(data) > MAX_BYTES:
            raise DataError("the document is too large", expected=f"at most {MAX_BYTES} bytes", code="data.large")
        return cls(file, read(data, file.name).notes)
