"""Commands for the dashboard's password."""

import click

from kerasface.cli.output import JSON, errors, print_json


@click.group()
def password() -> None:
    """Ask for a password before the dashboard shows anything; for a machine that several people use."""


@password.command("set")
@click.option(
    "--password",
    "text",
    prompt="Password",
    hide_input=True,
    confirmation_prompt=True,
    envvar="KERASFACE_PASSWORD",
    help="The password, at least 8 characters; better typed when asked, or given in KERASFACE_PASSWORD.",
)
@JSON
def set_command(text: str, as_json: bool) -> None:
    """Set the password, or another one. Dashboards that are open ask for it at the next step."""
    with errors():
        from kerasface.password import set_password

        path = set_password(text)
    if as_json:
        print_json({"set": True, "file": str(path)})
        return
    click.echo(f"The dashboard asks for the password from now on. Its hash lies in {path}.")


@password.command("clear")
@JSON
def clear_command(as_json: bool) -> None:
    """Take the password away."""
    with errors():
        from kerasface.password import clear_password

        was_set = clear_password()
    if as_json:
        print_json({"set": False, "was_set": was_set})
        return
    click.echo("The dashboard asks for no password now." if was_set else "There was no password.")
