"""The names of PSI with placement in a trail: its parties write them, and an audit looks for them."""

from __future__ import annotations

PROTOCOL = "psi.ecdh-ristretto255/2"
LIST, ROWS, DOUBLED = "psi.list", "psi.rows", "psi.doubled"
AGREED = "psi.agreed"
"""A provider tells each other one the SHA-256 of the list that it was sent."""
