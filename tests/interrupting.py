"""For tests that press Ctrl-C."""

from __future__ import annotations

import signal


def hears_ctrl_c() -> None:
    """`preexec_fn` of a process that is to be interrupted: also where the tests run in the background of a shell, which
    lets its children ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
