"""Evidence that a certain program runs in a certain enclave and holds a certain key, and what a plan asks of it.

`verify.verify` is the one door. It is a pure function: no network, no clock, no files but the pinned roots. What each
platform's evidence proves, and what it does not, stands in `docs/explanation/attestation.md`.
"""
