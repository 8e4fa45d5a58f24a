"""Two versions of a contract compared: clauses found, aligned wherever they went, and what a lawyer reads first.

What it finds, how, and how well: `docs/explanation/comparison.md`.
"""
