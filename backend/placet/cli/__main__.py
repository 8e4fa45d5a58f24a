"""`python -m placet.cli` is `placet`."""

from placet.cli.main import app

if __name__ == "__main__":
    app()
