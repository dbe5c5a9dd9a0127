"""The program ``hextrackr``: the commands of :mod:`hextrackr.cli`, of which ``hextrackr serve`` is the one to begin with."""

from __future__ import annotations

import os

import click

from hextrackr import __version__, create_app


def main() -> None:
    """Run a command on the app of the environment."""
    os.umask(0o077)  # database, uploads and backups are nobody else's
    app = create_app()
    group = click.Group(
        "hextrackr", app.cli.commands, help="Import exports of vulnerability scanners, and serve the record of them."
    )
    with app.app_context():
        click.version_option(__version__)(group).main(prog_name="hextrackr")


if __name__ == "__main__":
    main()
