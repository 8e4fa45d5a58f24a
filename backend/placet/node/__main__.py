"""`python -m placet.node --config FILE`: serve until SIGTERM."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from pathlib import Path

import uvicorn
from sqlalchemy.exc import DBAPIError

from placet.chain.storage import storage_error
from placet.core.errors import PlacetError
from placet.core.logs import log_to_stderr
from placet.core.text import visible
from placet.node.app import create_app
from placet.node.config import NodeSettings, ProcessRole
from placet.node.leadership import is_postgresql
from placet.node.serving import server_options


def run(settings: NodeSettings, role: ProcessRole = ProcessRole.ALL) -> None:
    """Serve the node's API in this process until it is told to end. ConfigError `role.database` for a role of several
    processes without PostgreSQL."""
    if role is ProcessRole.ALL and not is_postgresql(settings.database):
        uvicorn.run(create_app(settings), **server_options(settings))
        return
    from placet.node import processes

    if role is ProcessRole.API:
        processes.run_api(settings)
    else:
        processes.run_leading(settings, role)


def main() -> int:
    """0 after an orderly end, 1 if the node can't start; why stands on stderr."""
    parser = argparse.ArgumentParser(prog="python -m placet.node", description="An institution's node.")
    parser.add_argument("--config", type=Path, required=True, help="node.toml")
    parser.add_argument(
        "--role", type=ProcessRole, choices=list(ProcessRole), default=ProcessRole.ALL, help="on PostgreSQL"
    )
    log_to_stderr(logging.INFO)
    gc.freeze()  # what was imported is never garbage
    try:
        arguments = parser.parse_args()
        run(NodeSettings.load(arguments.config), arguments.role)
    except (PlacetError, OSError, DBAPIError) as error:
        known = error if isinstance(error, PlacetError) else storage_error(error)
        if known is None:
            raise
        print(visible(f"placet node: {known}"), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
