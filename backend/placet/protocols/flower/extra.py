"""The extras `placet[flower]` and `placet[torch]`: whether a node has the engine, and why not.

flwr asks for older web packages than a node's: so they may lie in an environment of their own, whose Python the node's
settings name. Only the engine's process imports them.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from placet import __version__
from placet.core.errors import ConfigError
from placet.protocols.flower.task import FLOWER

_SECONDS = 60
_NAMES = ("placet", "flwr", "torch")
_PROBE = f"""\
import json
from importlib.metadata import PackageNotFoundError, version
def of(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
print(json.dumps({{name: of(name) for name in {_NAMES}}}))
"""


@dataclass(frozen=True)
class FlowerEngine:
    """A Python that runs the engine, and what hinders it, None where nothing does."""

    python: Path
    problem: str | None

    @classmethod
    def here(cls) -> FlowerEngine:
        """This Python."""
        versions: dict[str, str | None] = {"placet": __version__}
        for name in _NAMES[1:]:
            with contextlib.suppress(PackageNotFoundError):
                versions[name] = version(name)
        return cls(Path(sys.executable), _problem(versions))

    @classmethod
    def at(cls, python: Path) -> FlowerEngine:
        """Another Python, which is asked: it may take a second."""
        try:
            answer = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, timeout=_SECONDS, check=True)
            versions = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return cls(python, f"it does not run: {type(error).__name__}")
        return cls(python, _problem(versions if isinstance(versions, dict) else {}))

    def require(self) -> Path:
        """ConfigError `flower.missing`, with the reason, where it can't run."""
        if self.problem is None:
            return self.python
        raise ConfigError(
            "Flower and PyTorch are not installed for this node",
            expected=f"placet {__version__}, flwr {FLOWER} and torch",
            found=f"{self.python}: {self.problem}",
            remedy="pip install 'placet[flower,torch]' into an environment of its own, whose Python flower_python in "
            "node.toml names",
            code="flower.missing",
        )


def _problem(versions: Mapping[str, str | None]) -> str | None:
    expected = {"placet": __version__, "flwr": FLOWER, "torch": versions.get("torch")}
    wrong = [
        f"{name} {versions.get(name) or 'is missing'}"
        for name in _NAMES
        if versions.get(name) is None or versions[name] != expected[name]
    ]
    return ", ".join(wrong) or None
