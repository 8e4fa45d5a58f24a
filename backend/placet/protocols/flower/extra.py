"""The extras `placet[flower]` and `placet[torch]`: whether a node has the engine, and why not.

flwr asks for older web packages than a node's: so they may lie in an environment of their own, whose Python the node's
settings name. Only the engine's process imports them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from placet import __version__
from placet.core.errors import ConfigError
from placet.protocols.flower.task import FLOWER

_SECONDS = 60
_PROBE = """\
import json
from importlib.metadata import PackageNotFoundError, version
def of(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
print(json.dumps({name: of(name) for name in ("placet", "flwr", "torch")}))
"""


@dataclass(frozen=True)
class FlowerEngine:
    """A Python that runs the engine, and what hinders it, None where nothing does."""

    python: Path
    problem: str | None

    @classmethod
    def at(cls, python: Path | None) -> FlowerEngine:
        """Of this Python or another one, which is asked: it may take a second."""
        if python is None:
            python = Path(sys.executable)
        try:
            answer = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, timeout=_SECONDS, check=True)
            versions = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return cls(python, f"it does not run: {type(error).__name__}")
        expected = {"placet": __version__, "flwr": FLOWER}
        wrong = [
            f"{name} {versions.get(name) or 'is missing'}" for name in expected if versions[name] != expected[name]
        ]
        if versions.get("torch") is None:
            wrong.append("torch is missing")
        return cls(python, ", ".join(wrong) or None)

    def require(self) -> Path:
        """ConfigError `flower.missing`, with the reason, where it can't run."""
        if self.problem is None:
            return self.python
        raise ConfigError(
            "Flower and PyTorch are not installed for this node",
            expected=f"placet {__version__}, flwr {FLOWER} and torch",
            found=f"{self.python}: {self.problem}",
            remedy="pip install 'placet[flower,torch]' into an environment of its own; flower_python in node.toml names "
            "its Python",
            code="flower.missing",
        )
