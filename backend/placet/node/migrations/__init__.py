"""The database of a node or a company's client: consents, batches, jobs, the sender's outbox, the chain's index."""

from __future__ import annotations

from pathlib import Path

from placet.chain import event_tables, outbox
from placet.chain.migrations import DatabaseSchema
from placet.jobs import tables
from placet.node import state

NODE = DatabaseSchema(
    "node", Path(__file__).parent, (state.metadata, tables.metadata, outbox.metadata, event_tables.metadata)
)
