"""Where alembic begins: see `placet.chain.migrations`."""

from placet.chain.migrations import run

run()
