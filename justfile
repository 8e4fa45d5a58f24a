# `just` lists what there is. Everything works without just, too: each recipe is one line.

_default:
    @just --list

# Make .venv and the pinned chain tools inside this folder.
setup:
    scripts/setup

# Tests: all but the slow ones, or those that you name.
test *ARGS:
    scripts/test {{ARGS}}

# Tests of values, rules, catalogue, comparison and audit, for the inner loop.
fast:
    scripts/test --fast

# All static checks.
lint:
    scripts/lint

# Write code in the one form.
format:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# The documents at http://127.0.0.1:8000, made anew at each change.
docs:
    .venv/bin/mkdocs serve

# A chain, institutions and persons on this machine.
sandbox *ARGS:
    .venv/bin/placet sandbox up {{ARGS}}

# The whole path in one go, with attacks.
demo:
    scripts/demo
