"""`placet audit --page`: the auditor's page from his own machine, for his own browser, and nothing else."""

from __future__ import annotations

import socket

from placet.cli.output import write_line
from placet.core.errors import ConfigError


def serve(port: int) -> None:
    """Until it is interrupted. ConfigError where the port is taken, or no verifier for browsers is installed."""
    import uvicorn
    from fastapi import FastAPI

    from placet.pages.serving import explorer_digest, explorer_router
    from placet.pages.verifier import verifier

    if verifier() is None:
        raise ConfigError(
            "the verifier for browsers is not installed here",
            remedy="placet audit --bundle; or the wheel placet-verifier, or scripts/web verifier in a checkout",
        )
    app = FastAPI(openapi_url=None)
    app.include_router(explorer_router())
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError("the port can't be had", found=f"{port}: {error.strerror}", remedy="--port") from None
        door.listen()
        write_line(f"http://localhost:{door.getsockname()[1]}/audit")
        write_line(f"SHA-256 of what is served: {explorer_digest()}")
        write_line("Ctrl-C ends it.")
        uvicorn.Server(uvicorn.Config(app, log_config=None)).run(sockets=[door])
