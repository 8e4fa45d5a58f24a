"""Owners: what they are asked, the consents they give, what used them, and their withdrawals."""
