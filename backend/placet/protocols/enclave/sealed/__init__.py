"""What goes into an enclave and comes out of it sealed: documents, their keys, the task.

Formats: `docs/explanation/enclave.md`.
"""
