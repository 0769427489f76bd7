"""Commands for the dashboard's password."""

import click

from kerasface.cli.output import errors


@click.group()
def password() -> None:
    """Ask for a password before the dashboard shows anything; for a machine that several people use."""


@password.command("set")
@click.option(
    "--password",
    "text",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    envvar="KERASFACE_PASSWORD",
    help="The password, at least 8 characters; better typed when asked, or given in KERASFACE_PASSWORD.",
)
def set_command(text: str) -> None:
    """Set the password, or another one. Dashboards that are open ask for it when they are loaded again."""
    with errors(tensorflow=False):
        from kerasface.password import set_password

        path = set_password(text)
    click.echo(f"The dashboard asks for the password from now on. Its hash lies in {path}.")


@password.command("clear")
def clear_command() -> None:
    """Take the password away."""
    with errors(tensorflow=False):
        from kerasface.password import clear_password

        was_set = clear_password()
    click.echo("The dashboard asks for no password now." if was_set else "There was no password.")
