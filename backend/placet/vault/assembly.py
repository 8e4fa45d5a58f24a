"""A vault put together from its folder, with its own eyes on the chain."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from placet.chain.client import Chain
from placet.chain.index import Index
from placet.chain.storage import demand_space
from placet.vault.config import VaultSettings
from placet.vault.database import open_engine
from placet.vault.endpoint import Endpoint
from placet.vault.server import alone
from placet.vault.service import Vault
from placet.vault.setup import opened


@contextlib.contextmanager
def open_vault(settings: VaultSettings) -> Iterator[Vault]:
    """The vault of a folder, with its own chain endpoint, checked once; raises ChainError if that is not right."""
    demand_space(settings.folder)
    deployment = settings.read_deployment()
    chain = Chain(settings.chain_url, deployment)
    chain.check()
    index_engine = open_engine(settings.folder / "chain.db")
    try:
        with opened(settings) as store:
            index = Index(index_engine, chain)
            yield Vault(
                store.tables,
                store.records,
                store.models,
                Endpoint(chain, index, lambda block: store.records.highest("confirmed", block)),
                institution=settings.institution,
                deployment=deployment,
                trust=settings.read_trust(),
                replay_days=settings.replay_days,
            )
    finally:
        index_engine.dispose()


@contextlib.contextmanager
def open_alone(settings: VaultSettings) -> Iterator[Vault]:
    """The vault of a folder that is not being served; StateError if it is."""
    with alone(settings.socket_path), open_vault(settings) as vault:
        yield vault
