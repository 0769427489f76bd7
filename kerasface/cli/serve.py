"""The commands of the service: start it, and say who may ask it."""

import click

from kerasface.cli.output import EMBEDDER, ENGINE, JSON, RUNS, errors, print_json
from kerasface.cli.people.commands import GALLERY
from kerasface.terminal.words import aligned

_EXTRA = "pip install 'kerasface[service]'"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for all networks.")
@click.option("--port", default=8600, show_default=True, type=click.IntRange(0, 65535), help="0 for any that is free.")
@click.option(
    "--workers", default=4, show_default=True, type=click.IntRange(1, 64), help="Photos that are read at once."
)
@click.option(
    "--waiting",
    default=64,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Requests that may be under way; more are answered with 503.",
)
@RUNS
@EMBEDDER
@GALLERY
@ENGINE
def serve(host, port, workers, waiting, runs, embedder, gallery) -> None:
    """Give other programs the commands' answers over HTTP: verify, identify, detect, embed, predict, segment.

    Everybody needs a key: `kerasface keys add NAME`. What can be asked stands at /openapi.json. Photos are looked at
    in memory; none is written or logged.
    """
    with errors():
        try:
            from kerasface.service.running import run
        except ModuleNotFoundError as error:
            if error.name in ("fastapi", "uvicorn", "prometheus_client", "multipart", "python_multipart"):
                raise click.ClickException(f"The service needs {error.name}: {_EXTRA}.") from error
            raise
        from kerasface.service.app import Settings

        settings = Settings(gallery, runs, embedder, most_waiting=waiting, workers=workers)
        run(
            settings,
            host,
            port,
            on_start=lambda url: click.echo(f"KerasFace answers at {url}; what it can: {url}/openapi.json"),
        )


@click.group()
def keys() -> None:
    """Say who may ask the service (`kerasface serve`), for what, and how often."""


@keys.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("read",),
    show_default=True,
    help="What it may do: read (ask about photos), enroll (add people), admin (rename, delete); may be repeated.",
)
@click.option("--per-minute", default=600, show_default=True, help="Requests that it may make in a minute.")
@JSON
def add_command(name, scopes, per_minute, as_json) -> None:
    """Make a key. It is shown once; only its hash is kept."""
    with errors():
        from kerasface.service.keys import add_key

        key = add_key(name, scopes, per_minute)
    if as_json:
        print_json({"name": name, "scopes": list(scopes), "per_minute": per_minute, "key": key})
        return
    click.echo(key)
    click.echo("Keep it now: it is not shown again. It is sent as the header x-api-key.", err=True)


@keys.command("list")
@JSON
def list_command(as_json) -> None:
    """Show who has a key."""
    with errors():
        from kerasface.service.keys import read_keys

        found = read_keys()
    if as_json:
        print_json([{"name": key.name, "scopes": key.scopes, "per_minute": key.per_minute} for key in found])
        return
    rows = [(key.name, ", ".join(key.scopes), f"{key.per_minute} a minute") for key in found]
    for line in aligned(rows) if rows else ["Nobody has a key. Make one: kerasface keys add NAME"]:
        click.echo(line)


@keys.command("revoke")
@click.argument("name")
@JSON
def revoke_command(name, as_json) -> None:
    """Take a key away; a service that runs refuses it within a second."""
    with errors():
        from kerasface.service.keys import revoke_key

        revoke_key(name)
    if as_json:
        print_json({"name": name, "revoked": True})
        return
    click.echo(f"The key {name} is refused from now on.")
