"""Settings files: TOML of a bounded size as a plain object, or a ConfigError in words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from placet.core.encodings import text_of
from placet.core.errors import ConfigError, InputError
from placet.core.json_text import finite

MAX_FILE = 1 << 20
MAX_DOTS = 512
"""Of a line: what the parser does for a name of dotted parts grows with the square of their number."""


def read_toml(path: Path, what: str, *, remedy: str | None = None, limit: int = MAX_FILE) -> dict[str, Any]:
    """ConfigError for a file that is missing, larger than `limit` bytes, has a line of more than `MAX_DOTS` dots, or is
    no TOML in UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise ConfigError(
            f"{what} can't be read",
            expected="a file that can be read",
            found=f"{path}: {error.strerror}",
            remedy=remedy,
        ) from None
    if len(raw) > limit:
        raise ConfigError(f"{what} is too large", expected=f"at most {limit} bytes", found=path, remedy=remedy)
    if any(line.count(b".") > MAX_DOTS for line in raw.split(b"\n")):
        raise ConfigError(
            f"{what} has a line of too many dots", expected=f"at most {MAX_DOTS}", found=path, remedy=remedy
        )
    try:
        return tomllib.loads(text_of(raw, what), parse_float=finite)
    except InputError as error:
        fault = str(error.found)
    except tomllib.TOMLDecodeError as error:
        fault = str(error)
    except RecursionError:
        fault = "nested too deeply"
    except ValueError:
        fault = "a number out of range"
    raise ConfigError(f"{what} is not TOML", expected="TOML in UTF-8", found=f"{path}: {fault}", remedy=remedy)
