"""`python -m placet.vault --config FILE`: serve a vault until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import signal
import sys
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from placet.chain.storage import storage_error
from placet.core.errors import PlacetError
from placet.core.logs import log_to_stderr
from placet.core.lookalikes import doubts_of
from placet.core.text import visible
from placet.core.values import to_hex
from placet.vault.assembly import open_vault
from placet.vault.config import VaultSettings
from placet.vault.server import Server

log = logging.getLogger("placet.vault")


async def serve(settings: VaultSettings) -> None:
    """Serve until a signal asks to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    for doubt in doubts_of(settings.read_trust().names):
        log.warning("trust list: %s", doubt)
    with contextlib.ExitStack() as opened:
        vault = await asyncio.to_thread(lambda: opened.enter_context(open_vault(settings)))
        async with Server(vault, settings.socket_path, settings.node_uid).listening():
            log.info("vault of %s serves %s", to_hex(settings.institution), settings.socket_path)
            await stop.wait()
    log.info("vault stopped")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m placet.vault", description="Serve an institution's vault.")
    parser.add_argument("--config", type=Path, required=True, help="the vault's settings (TOML)")
    arguments = parser.parse_args()
    gc.freeze()  # what was imported is never garbage
    log_to_stderr(logging.INFO)
    try:
        asyncio.run(serve(VaultSettings.load(arguments.config)))
    except (PlacetError, OSError, DBAPIError) as error:
        known = error if isinstance(error, PlacetError) else storage_error(error)
        if known is None:
            raise
        print(visible(f"vault: {known}"), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
