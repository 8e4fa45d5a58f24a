"""`python -m placet.cli` is `placet`."""

from placet.cli.main import run

if __name__ == "__main__":
    run()
