"""Logs on stderr, as an operator reads them: times in UTC, and no words of others that steer a terminal."""

from __future__ import annotations

import logging
import time

from placet.core.text import visible


class VisibleFormatter(logging.Formatter):
    """Writes out what is not seen in a record; line feeds stay, since a traceback has them."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), lines=True)


def log_to_stderr(level: int) -> None:
    """The process's log from `level` on, unless it has one already."""
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter())
    logging.basicConfig(level=level, handlers=[handler])
