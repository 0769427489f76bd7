"""The command that unlocks by face."""

import time
from contextlib import contextmanager
from pathlib import Path

import click

from kerasface.cli.output import EMBEDDER, ENGINE, JSON, engine_used, print_json
from kerasface.cli.people.commands import GALLERY, opened_gallery
from kerasface.files.paths import user_path
from kerasface.terminal.errors import is_answer, one_line, show_traceback
from kerasface.terminal.progress import drawing_console, turned_away
from kerasface.train.__main__ import UserPath

_ERROR = 2
# Nothing was judged: a script should not take it for a stranger.
_ERROR_CAUSES = ("not_enabled", "unavailable", "camera_lost")
_JPEG_QUALITY = 92


@click.command()
@click.option(
    "--camera", default="0", show_default=True, help="Number of a camera; or a video, or a folder of pictures."
)
@click.option("--user", help="Who wants to unlock.  [default: anybody in the gallery]")
@click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(1, 120), help="Seconds in all.")
@click.option("--enable", metavar="NAME", help="Turn unlocking on for NAME, also after too many failures; no camera.")
@click.option(
    "--keep-frames",
    type=UserPath(file_okay=False),
    help="Keep the frames in this folder; nothing is kept if not given.",
)
@EMBEDDER
@GALLERY
@ENGINE
@JSON
def unlock(camera, user, timeout, enable, keep_frames, embedder, gallery, as_json) -> None:
    """Unlock by face: look into the camera and turn your head as asked. A convenience, not a security product.

    Exit code 0: unlocked. 1: not. 2: an error, such as no camera. It must be turned on for each person first
    (--enable). After 5 failures in a row it takes 30 s until the next attempt, twice as long after each further one,
    and after 50 it is off until it is turned on again. Attempts are logged, without pictures.
    """
    with _errors(as_json):
        if enable is not None:
            _enable(enable, gallery, as_json)
            return
        result = _attempt(camera, user, timeout, keep_frames, gallery, embedder, quiet=as_json)
    if as_json:
        print_json(result)
    else:
        greeting = f"Unlocked for {result['person']}." if result["unlocked"] else f"Not unlocked: {result['reason']}"
        click.echo(greeting)
        click.echo(result["error_rate"], err=True)
    if not result["unlocked"]:
        raise SystemExit(_ERROR if result["cause"] in _ERROR_CAUSES else 1)


def _attempt(
    camera: str, user: str | None, timeout: float, keep: Path | None, gallery: Path, embedder: str | None, quiet: bool
) -> dict:
    from kerasface.unlock.attempts import record_attempt
    from kerasface.unlock.camera import Camera
    from kerasface.unlock.identity import enrolled_people
    from kerasface.unlock.lockout import Lockout
    from kerasface.unlock.session import UnlockSession, unlock_analyzer

    with opened_gallery(gallery, named=embedder) as opened:
        people = enrolled_people(opened, user)
        lockout = Lockout(gallery=opened)
        session = UnlockSession(people, unlock_analyzer(people.embedder), lockout, timeout=timeout)
        with turned_away(2):  # what OpenCV says of a camera that is not there
            source = Camera(str(user_path(camera)))
        with source:
            seconds, frames = _watch(session, source, keep, quiet)
    status = session.status
    whose = [person_id for person_id, name in people.names.items() if status.person in (None, name)]
    record_attempt(status, whose, camera=source.name, is_virtual=source.is_virtual)
    return {
        "unlocked": status.person is not None,
        **{key: value for key, value in status.to_dict().items() if key in ("state", "cause", "reason", "person")},
        **engine_used(),
        "seconds": round(seconds, 2),
        "frames": frames,
        "camera": source.name,
        "virtual_camera": source.is_virtual,
        "fmr": session.identity.fmr,
        "error_rate": session.error_rate_text,
    }


def _watch(session, source, keep: Path | None, quiet: bool) -> tuple[float, int]:
    """Shows frames to the session until it ends; returns the seconds and frames it took."""
    first = now = None
    count, stamp = 0, time.strftime("%Y%m%d-%H%M%S")
    with _live_line(quiet) as tell:
        tell(session.status)
        for now, frame in source.frames() if not session.status.state.is_final else ():
            first = now if first is None else first
            tell(session.observe(frame, now))
            count += 1
            if keep is not None:
                _keep(keep / f"{stamp}-{count:04d}.jpg", frame)
            if session.status.state.is_final:
                break
        else:
            what = "The camera was taken away, or gives no pictures." if source.is_live else "The video has ended."
            session.stop("camera_lost" if source.is_live else "video_ended", what)
    return (0.0 if now is None else now - first), count


@contextmanager
def _live_line(quiet: bool):
    """Gives a function that shows a status in one line of the terminal, on stderr."""
    from rich.live import Live
    from rich.text import Text

    if quiet:
        yield lambda status: None
        return
    with Live(console=drawing_console(), transient=True, refresh_per_second=15) as live:

        def tell(status) -> None:
            bar = "#" * round(20 * status.progress)
            arrow = {"left": "<-- ", "right": "--> "}.get(str(status.pose), "")
            live.update(Text(f"[{bar:<20}] {arrow}{status.instruction}"))

        yield tell


def _keep(file: Path, frame) -> None:
    from PIL import Image

    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame).save(file, quality=_JPEG_QUALITY)


def _enable(name: str, gallery: Path, as_json: bool) -> None:
    from kerasface.unlock.lockout import Lockout

    with opened_gallery(gallery) as opened:
        person = opened.person(name)
        Lockout(gallery=opened).enable(person.person_id)
    if as_json:
        print_json({"enabled": person.name, "person_id": person.person_id})
    else:
        click.echo(f"Unlocking is on for {person.name}, and no failure is counted.")


@contextmanager
def _errors(as_json: bool):
    """Turns the library's answers into one line and exit code 2: 1 means that somebody was judged."""
    try:
        yield
    except Exception as error:
        if not is_answer(error):
            raise
        show_traceback(error)
        reason = one_line(error)
        if as_json:
            print_json({"unlocked": False, "state": "error", "reason": reason})
        click.echo(f"Error: {reason}", err=True)
        raise SystemExit(_ERROR) from error
