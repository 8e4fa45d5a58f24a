"""SPU's link and log, in the engine's process."""

from __future__ import annotations

from typing import Any

from spu import libspu

from placet.protocols.spu.task import EngineLink
from placet.protocols.spu.tunnel import socket_of

_CALL_MS = 120_000


def quiet() -> None:
    """SPU's log and trace go into the folder, which ends with the task."""
    options = libspu.logging.LogOptions()
    options.enable_console_logger = False
    options.system_log_path = "engine.log"
    options.trace_log_path = "trace.log"
    options.log_level = libspu.logging.LogLevel.WARN
    libspu.logging.setup_logging(options)


def connect(link: EngineLink, *, seconds: int) -> Any:
    """A link whose messages wait at most `seconds`. RuntimeError if it can't be set up.

    It begins with a barrier. SPU's PSI says hello once more by itself, under the same key as the link did: sent before
    the peer has taken the first hello, the second one takes its place, and the peer waits for it without end.
    """
    description = libspu.link.Desc()
    description.id = link.session.hex()
    description.recv_timeout_ms = 1000 * seconds
    description.http_timeout_ms = _CALL_MS
    description.connect_retry_times = 60
    description.connect_retry_interval_ms = 500
    for rank in range(len(link.members)):
        description.add_party(f"party_{rank}", f"unix:{socket_of(rank)}")
    connection = libspu.link.create_brpc(description, link.me)
    connection.barrier()
    return connection
