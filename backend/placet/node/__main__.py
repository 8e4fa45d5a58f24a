"""`python -m placet.node --config FILE`: serve until SIGTERM."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.exc import DBAPIError

from placet.chain.storage import storage_error
from placet.core.errors import PlacetError
from placet.core.logs import log_to_stderr
from placet.core.text import visible
from placet.node.app import create_app
from placet.node.config import NodeSettings
from placet.serving import connections


def server_options(settings: NodeSettings) -> dict[str, Any]:
    """How uvicorn serves: bounded headers, connections and waits."""
    return connections.server_options(settings.trusted_proxies) | {
        "host": settings.api_host,
        "port": settings.api_port,
        "h11_max_incomplete_event_size": settings.limits.header_bytes,
        "timeout_keep_alive": 15,
        "timeout_graceful_shutdown": 10,
        "log_config": None,
    }


def run(settings: NodeSettings) -> None:
    """Serve the node's API in this process until it is told to end."""
    uvicorn.run(create_app(settings), **server_options(settings))


def main() -> int:
    """0 after an orderly end, 1 if the node can't start; why stands on stderr."""
    parser = argparse.ArgumentParser(prog="python -m placet.node", description="An institution's node.")
    parser.add_argument("--config", type=Path, required=True, help="node.toml")
    log_to_stderr(logging.INFO)
    gc.freeze()  # what was imported is never garbage
    try:
        run(NodeSettings.load(parser.parse_args().config))
    except (PlacetError, OSError, DBAPIError) as error:
        known = error if isinstance(error, PlacetError) else storage_error(error)
        if known is None:
            raise
        print(visible(f"placet node: {known}"), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
