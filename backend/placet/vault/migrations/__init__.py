"""The vault's database `vault.db`. (`chain.db` beside it holds only what the chain tells again.)"""

from __future__ import annotations

from pathlib import Path

from placet.chain.migrations import DatabaseSchema
from placet.vault.database import METADATA

VAULT = DatabaseSchema("vault", Path(__file__).parent, (METADATA,))
