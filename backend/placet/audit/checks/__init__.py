"""The checks, one module a question; `placet.audit.verify` puts them in order."""
