"""The program ``hextrackr``, with the commands of :mod:`hextrackr.cli`; ``hextrackr serve`` starts the server."""

from __future__ import annotations

import os

import click

from hextrackr import __version__, create_app


def main() -> None:
    """Run a command, with the app configured by the environment."""
    os.umask(0o077)  # no other user may read database, uploads and backups
    app = create_app()
    group = click.Group(
        "hextrackr", app.cli.commands, help="Import the exports of vulnerability scanners and serve the findings."
    )
    with app.app_context():
        click.version_option(__version__)(group).main(prog_name="hextrackr")


if __name__ == "__main__":
    main()
