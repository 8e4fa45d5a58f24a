"""Leads, and shows no sign of life from then on: `python silent_leader.py URL WHAT`, which is `nothing`, `computing` or
`asking` the database. Says `leads` once it does."""

from __future__ import annotations

import sys
import time

import sqlalchemy as sa

from placet.node.leadership import Leadership


def main() -> None:
    url, what = sys.argv[1:]
    leadership = Leadership(url)
    leadership.wait()
    sys.stdout.write("leads\n")
    sys.stdout.flush()
    if what == "asking":
        with leadership.database.connect() as connection:
            connection.execute(sa.select(sa.func.pg_sleep(600)))
    while what == "computing":
        pass
    time.sleep(600)


if __name__ == "__main__":
    main()
