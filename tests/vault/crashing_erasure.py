"""A vault that erases a consent and kills itself. Arguments: folder, master key, consent (hex), moment."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from placet.core import at_rest
from placet.core.at_rest import AtRest
from placet.core.ids import ConsentId
from placet.vault import records
from placet.vault.database import open_engine
from placet.vault.matches import Matches


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str, master: str, consent: str, moment: str) -> None:
    engine = open_engine(Path(folder) / "vault.db")
    kept = records.Records(engine, AtRest(at_rest.VAULT, bytes.fromhex(master)))
    match moment:
        case "deleting":
            Matches.forget = die  # type: ignore[method-assign,assignment]
        case "deleted":
            sa.event.listen(engine, "commit", die)
        case "committed":
            records.forget = die  # type: ignore[assignment]
        case "never":
            pass
    kept.erase(ConsentId(bytes.fromhex(consent)))
    os._exit(0)  # closes nothing: what the log holds stays in the folder


if __name__ == "__main__":
    main(*sys.argv[1:])
