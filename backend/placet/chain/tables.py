"""Tables of a database: made where they are missing, refused where another version of Placet made them."""

from __future__ import annotations

import sqlalchemy as sa

from placet.core.errors import ConfigError


def create(bind: sa.Engine | sa.Connection, metadata: sa.MetaData) -> None:
    """Make what is missing, in the current schema: on PostgreSQL the first of the search path, whatever tables of these
    names the others hold. ConfigError `database.version` where a table has other columns than these: then nothing is
    made, and nothing of them read or written."""
    inspector = sa.inspect(bind)
    schema = inspector.default_schema_name
    present = set(inspector.get_table_names(schema=schema)) & metadata.tables.keys()
    for name in sorted(present):
        has = {column["name"] for column in inspector.get_columns(name, schema=schema)}
        expected = set(metadata.tables[name].columns.keys())
        if has != expected:
            less, more = (", ".join(sorted(names)) or "none" for names in (expected - has, has - expected))
            raise ConfigError(
                f"the database's table {name} was made by another version",
                expected=f"columns {', '.join(sorted(expected))}",
                found=f"missing: {less}; more: {more}",
                remedy="run the version that made it, or give this one a database of its own",
                code="database.version",
            )
    missing = [table for name, table in metadata.tables.items() if name not in present]
    if missing:
        metadata.create_all(bind, tables=missing, checkfirst=False)
