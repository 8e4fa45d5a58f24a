"""`placet erase`: what node and vault hold of a consent, gone together."""

from __future__ import annotations

from typing import Annotated

import typer

from placet.cli.inputs import NodeConfig, read_consent
from placet.cli.output import write_line


def erase(config: NodeConfig, consent: Annotated[str, typer.Argument(help="The consent's id.")]) -> None:
    """Delete all that node and running vault hold of a consent, for good. Does not withdraw it."""
    import asyncio

    from placet.chain.migrations import upgrade
    from placet.node.config import NodeSettings
    from placet.node.consents.erasure import erase_everywhere
    from placet.node.migrations import NODE
    from placet.node.state import open_engine
    from placet.vault.client import VaultClient

    settings, identity = NodeSettings.load(config), read_consent(consent)
    vault = VaultClient(settings.path(settings.vault_socket))
    engine = open_engine(settings.database)
    upgrade(engine, NODE)
    erased = asyncio.run(erase_everywhere(settings, engine, vault, identity))
    write_line("erased" if erased else "there was nothing")
