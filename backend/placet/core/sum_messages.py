"""The names of a secure sum in a trail: its parties write them, and an audit looks for them."""

from __future__ import annotations

PROTOCOL = "secure-sum.bonawitz/1"
ANNOUNCED, SHARES, UPLOAD, REVEALED = "sum.public", "sum.shares", "sum.upload", "sum.revealed"
PARTS = "sum.parts"
TO_ALL = (ANNOUNCED, UPLOAD, REVEALED)
"""What a party says to all others alike; shares of keys and seeds are for one each."""
