"""A study of three institutions and its files, in which everything is right."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

DOCUMENT: dict[str, Any] = {
    "title": "What clients hold",
    "question": "How much is it together?",
    "recipe": "asset-view",
    "purpose": "CreditChecking",
    "namespace": "urn:example:person",
    "parameters": {"value": "balance"},
    "consents": {"persons": {"file": "consents.csv", "identifier": "person"}},
    "institutions": [
        {
            "name": "Bank North",
            "file": "north.csv",
            "identifier": "ID",
            "columns": {"balance": "integer"},
            "reward": 10,
        },
        {
            "name": "Bank South",
            "file": "south.csv",
            "identifier": "CLIENT",
            "columns": {"balance": {"type": "integer", "source": "AMOUNT", "decimals": 2}},
            "reward": 10,
        },
        {"name": "Family Office", "role": "consumer", "file": "customers.csv", "identifier": "ID"},
    ],
}
FILES = {
    "north.csv": "ID,balance\na,10\nb,-20\nx,5\n",
    "south.csv": "CLIENT,AMOUNT\nb,1.25\nc,-3\ny,40\n",
    "customers.csv": "ID\na\nb\nc\n",
    "consents.csv": "person\nb\nc\nx\nnobody\n",
}


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(DOCUMENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path
