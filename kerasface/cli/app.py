"""The command that starts the dashboard."""

import importlib.util
import ipaddress
import runpy
import signal
import socket
import sys
import tomllib

import click

from kerasface.files.paths import shipped

LOCAL = "127.0.0.1"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port that it listens on.")
@click.option(
    "--address",
    default=LOCAL,
    show_default=True,
    help="Address of this machine that it listens on. With 0.0.0.0 other machines reach it: set a password first.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Another name than localhost that browsers may ask for it by; can be given several times.",
)
def app(port: int, address: str, hosts: tuple[str, ...]) -> None:
    """Start the dashboard; Ctrl-C ends it.

    Models, galleries and trainings are those of the folder it is started in; the models that come with KerasFace are
    there too.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise click.ClickException("The dashboard needs Streamlit, which is not installed: pip install streamlit")
    if (problem := _taken(address, port)) is not None:
        raise click.ClickException(problem)
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    # Here and not in a process below this one, which whoever ends this one would not reach.
    sys.argv = ["streamlit", "run", str(shipped("app.py")), *_options(port, address, hosts)]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _options(port: int, address: str, hosts: tuple[str, ...]) -> list[str]:
    """What is not as .streamlit/config.toml has it, as options of `streamlit run`."""
    options = {"server.port": port, "server.address": address}
    if _is_elsewhere(address):
        hosts = (address, *hosts)
        options["browser.serverAddress"] = f"[{address}]" if ":" in address else address
    words = [f"--{name}={value}" for name, value in options.items()]
    if not hosts:
        return words
    settings = tomllib.loads(shipped(".streamlit/config.toml").read_text(encoding="utf-8"))
    return words + [f"--server.allowedHosts={host}" for host in (*settings["server"]["allowedHosts"], *hosts)]


def _is_elsewhere(address: str) -> bool:
    """Whether it is one address that is asked for by itself: neither this machine's own nor all of them."""
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return address != "localhost"
    return not (number.is_loopback or number.is_unspecified)


def _taken(address: str, port: int) -> str | None:
    """Why nothing can listen there, in a sentence; None if it can."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ports of dashboards that ended are free
        try:
            listener.bind((address, port))
            listener.listen()
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", "no name of a machine")
            return f"The dashboard cannot listen on port {port} of {address}: {reason}. Name another port (--port)" + (
                "." if address == LOCAL else " or address of this machine (--address)."
            )
    return None
