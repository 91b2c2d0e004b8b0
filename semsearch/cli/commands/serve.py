"""``semsearch serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from semsearch.cli.options import cli_command, collections_folder, indexes_option

__all__ = ["command"]


@cli_command
@click.argument("names", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; one that others reach wants a token.")
@click.option(
    "--port", default=8642, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token that requests must bring.")
@click.option("--allow-write", is_flag=True, help="Let requests add, change and delete documents.")
@click.option("--log", "with_log", is_flag=True, help="Write a line of JSON for each request on stderr.")
@indexes_option
def command(
    names: tuple[str, ...],
    host: str,
    port: int,
    token_file: Path | None,
    allow_write: bool,
    with_log: bool,
    indexes: Path | None,
) -> None:
    """Answer programs over HTTP: searches, embeddings, documents.

    NAMES are the collections that are served, all of them unless told. Programs that speak OpenAI's interface use the
    address with /v1 behind it; GET /openapi.json describes all routes. Ctrl-C answers what has begun, and ends.

    \b
    semsearch serve
    semsearch serve notes --port 8000 --allow-write
    """
    from semsearch.common.environment import import_extra

    for library in ("fastapi", "uvicorn"):
        import_extra(library, "server", "serve")
    from semsearch.cli.output.render import json_text
    from semsearch.server.app import make_app
    from semsearch.server.backend import Backend
    from semsearch.server.listening import read_token, serve

    def log(record: dict[str, Any]) -> None:
        click.echo(json_text(record), err=True)

    token = read_token(token_file) if token_file else None
    backend = Backend(collections_folder(indexes), names, may_write=allow_write)
    serve(
        lambda: make_app(backend, token=token, log=log if with_log else None),
        host,
        port,
        has_token=token is not None,
        announce=lambda address: click.echo(f"serving {address}"),
    )
