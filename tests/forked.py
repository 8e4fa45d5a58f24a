"""Programs of tests that start as a sandbox's do: forked from a process that has imported the package once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from placet.sandbox import program
from placet.sandbox.forking import Forked, ForkRequest


def forked(module: str | Path, words: Sequence[object], folder: Path, log: Path) -> Forked:
    """`python -m MODULE WORDS…`, or of a Python file, without this run's settings of `placet`; what it says is added
    to `log`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
    request = ForkRequest([str(word) for word in words], str(folder), env, str(module))
    return program.start(request, Path(os.devnull), log, log)
