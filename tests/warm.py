"""A consortium whose servers, too, are forked from a process that has imported `placet` once: some two seconds of
processor time earlier each. What users start is started as they start it by `test_documents` and `test_demo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from placet.sandbox import program
from placet.sandbox.consortium import Consortium


class WarmConsortium(Consortium):
    """A consortium whose processes are started so."""

    def _spawn(self, name: str, words: Sequence[str], log: Path) -> program.Forked:
        return program.fork(words, self.folder, self._env(), log)
