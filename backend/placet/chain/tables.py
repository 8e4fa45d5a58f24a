"""Tables of a database: made where they are missing, refused where another version of Placet made them."""

from __future__ import annotations

import sqlalchemy as sa

from placet.core.errors import ConfigError


def create(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Make what is missing. ConfigError `database.version` where a table has other columns than these: then nothing is
    made, and nothing of them read or written."""
    found = sa.inspect(engine)
    for name, table in metadata.tables.items():
        if not found.has_table(name):
            continue
        has, wanted = {column["name"] for column in found.get_columns(name)}, set(table.columns.keys())
        if has != wanted:
            less, more = (", ".join(sorted(names)) or "none" for names in (wanted - has, has - wanted))
            raise ConfigError(
                f"the database's table {name} was made by another version",
                expected=f"columns {', '.join(sorted(wanted))}",
                found=f"missing: {less}; more: {more}",
                remedy="run the version that made it, or give this one a database of its own",
                code="database.version",
            )
    metadata.create_all(engine)
