"""How a node's HTTP server is set up."""

from __future__ import annotations

from typing import Any

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
