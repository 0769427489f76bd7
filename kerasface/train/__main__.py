"""`kerasface train`: the trainings; `python -m kerasface.train` is the same."""

import shutil
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from pathlib import Path

import click

from kerasface.files.paths import user_path
from kerasface.runs.store import find_run
from kerasface.runs.words import measure_text
from kerasface.terminal.errors import is_answer, one_line, show_traceback, tell
from kerasface.terminal.progress import progress_bars, start_tensorflow
from kerasface.terminal.streams import print_json, use_standard_streams
from kerasface.train.engine.stopping import STOPPED, TrainingStoppedError, ends_when_asked
from kerasface.train.kinds import KINDS, Kind
from kerasface.train.process.claim import claim_name
from kerasface.train.process.folders import resume_command
from kerasface.train.recipe import ClassifyRecipe, build_recipe, read_recipe, read_settings
from kerasface.train.sweep import Sweep, SweptRun, begin, plan, read_sweep, read_swept, sweep_file, values_text
from kerasface.train.telling import event_lines, trained_lines


class UserPath(click.Path):
    """A path of the command line, as a `Path`; `~` is the user's home wherever the shell left it: `--out=~/x`.

    For all commands. It stands here because the trainings also run without the others, as `python -m kerasface.train`.
    """

    def __init__(self, **rules):
        super().__init__(path_type=Path, **rules)

    def convert(self, value, param, context):
        return super().convert(user_path(value), param, context)


class Program(click.Group):
    """A command line that ends in a sentence at most: refused, interrupted, unread, or broken itself."""

    def main(self, *args, **options):
        """Runs the command line and leaves the process with its exit code."""
        use_standard_streams()
        try:
            sys.exit(super().main(*args, **{**options, "standalone_mode": False}))
        except click.ClickException as error:
            show_traceback(error.__cause__)
            error.show()
            sys.exit(error.exit_code)
        except click.exceptions.Abort as abort:
            if abort.__cause__ is None and (abort.__context__ or not sys.stdin.isatty()):
                click.echo(err=True)  # the line of the question is still open
            sys.exit(tell(abort.__cause__ or abort.__context__))
        except (Exception, KeyboardInterrupt) as error:
            sys.exit(tell(error))


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
def train() -> None:
    """Train a model on your own photos."""


_COMMON = (
    click.argument("data", required=False, type=UserPath()),
    click.option("--name", help="Name of the model: the folder in --runs it is written to."),
    click.option("--resume", metavar="NAME", help="Go on with a training, or a sweep, that was stopped or killed."),
    click.option("--recipe", type=UserPath(), help="TOML file of settings; flags go before it."),
    click.option("--runs", default="saved_models", show_default=True, type=UserPath(), help="Folder of the models."),
    click.option(
        "--cache", type=UserPath(), help="Folder for images and features.  [default: the user's cache folder]"
    ),
    click.option("--json", is_flag=True, help="Print the metrics as JSON."),
)


def _training_options(kind: Kind):
    """Gives a command what all trainings take, and one flag for every field of its recipe."""

    def with_options(command):
        for option in (
            *_options(kind),
            *reversed(_COMMON),
            _sweep_option(kind),
            _setting_option(kind),
            _settings_option(kind),
        ):
            command = option(command)
        return command

    return with_options


def _options(kind: Kind):
    """The flags of a recipe's fields, the last one first; `--help` lists the usual ones."""
    for entry in reversed(fields(kind.recipe)):
        name, text, hidden = entry.name.replace("_", "-"), _help(entry), entry.name not in kind.usual
        if "bool" in str(entry.type):
            yield click.option(f"--{name}/--no-{name}", entry.name, default=None, help=text, hidden=hidden)
        else:
            choices = kind.choices.get(entry.name)
            wanted = next(one for one in (int, float, str) if one.__name__ in str(entry.type))
            wanted = click.Choice(choices) if choices else wanted
            yield click.option(f"--{name}", entry.name, type=wanted, default=None, help=text, hidden=hidden)


def _help(entry) -> str:
    text = entry.metadata["help"]
    if entry.default is None or "[" in text:
        return text
    default = {True: "yes", False: "no"}[entry.default] if isinstance(entry.default, bool) else entry.default
    return f"{text.removesuffix('.')}.  [default: {default}]"


def _setting_option(kind: Kind):
    """`--set field=value`, for any field of the recipe."""

    def read(context, option, values):
        try:
            return read_settings(values, kind.recipe)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    text = "Any setting of a recipe; --settings lists all of them."
    return click.option("--set", "others", metavar="FIELD=VALUE", multiple=True, callback=read, help=text)


def _sweep_option(kind: Kind):
    """`--sweep field=value,value`, for any field of the recipe."""

    def read(context, option, values):
        try:
            return read_swept(values, kind.recipe)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    text = "Train NAME-1, NAME-2 ..., one for each value; given several times, one for each combination."
    return click.option("--sweep", "swept", metavar="FIELD=A,B,...", multiple=True, callback=read, help=text)


def _settings_option(kind: Kind):
    """`--settings`, which lists the recipe's fields and ends."""

    def show(context, option, wanted):
        if wanted:
            formatter = click.HelpFormatter(width=min(100, shutil.get_terminal_size().columns))
            formatter.write_dl([(entry.name, _help(entry)) for entry in fields(kind.recipe)])
            click.echo(formatter.getvalue(), nl=False)
            context.exit()

    text = "List all settings with their defaults, and end."
    return click.option("--settings", is_flag=True, expose_value=False, is_eager=True, callback=show, help=text)


@train.command()
@_training_options(KINDS["classify"])
@click.option("--preview", type=UserPath(), help="Write a sheet of augmented images there, and end.")
@click.option("--find-lr", type=UserPath(), help="Write a learning-rate search there (HTML), and end.")
def classify(**options) -> None:
    """Train a classifier on DATA, a folder with one folder of images per class, or a listing: a line for each image,
    its file and its label.

    With faces (the default) every photo's face is found and aligned, and face_resnet's embeddings are compared with
    the mean of each person's: no training at all. Other backbones, other classifiers and fine-tuning are flags away;
    architectures such as simple_cnn or resnet34 are trained from scratch, and --no-faces takes whole images.

    A model that had the name before is kept as `.NAME.previous`. Ctrl-C stops within seconds, with a usable model of
    what was learned where judging that takes no longer; --resume NAME goes on with it, also after a crash.
    """
    _train(KINDS["classify"], **options)


@train.command()
@_training_options(KINDS["metric"])
def metric(**options) -> None:
    """Train embeddings on DATA, a folder with one folder of images per person, or a listing of images and names.

    People are split: on some a head for face_resnet's embeddings is trained, on the others it is judged, by pairs and
    by searches with people who are not enrolled. Where it does not help them, the embeddings stay as they are. With
    --epochs the last blocks of the network are trained too.

    A model that had the name before is kept as `.NAME.previous`. Ctrl-C stops within seconds, with a usable model of
    what was learned where judging that takes no longer; --resume NAME goes on with it, also after a crash.
    """
    _train(KINDS["metric"], **options)


@train.command()
@_training_options(KINDS["segment"])
def segment(**options) -> None:
    """Train a segmentation on DATA, a folder with `images` and `masks` of the same names.

    A mask is a PNG with one class id per pixel, or with the colours that DATA/classes.txt gives to the classes (a line
    each, in the order of their ids: `name` or `name #rrggbb`). The encoder starts from face_resnet, frozen at first.

    DATA may also be a TOML file that lists several such folders, each with classes of its own: `[[sets]]` with `folder`
    and, as they are needed, `labels` (a file that says what its classes stand for), `validation`, `groups`, `share`.

    A model that had the name before is kept as `.NAME.previous`. Ctrl-C stops within seconds, with a usable model of
    what was learned where judging that takes no longer; --resume NAME goes on with it, also after a crash.
    """
    _train(KINDS["segment"], **options)


def _train(
    kind: Kind, preview=None, find_lr=None, *, data, name, resume, recipe, swept, others, runs, cache, json, **flags
) -> None:
    """Checks how a command was called, and does what it was called for: a training, a sweep of them, or a look."""
    given, look = others | {field: value for field, value in flags.items() if value is not None}, preview or find_lr
    if resume and any((data, name, recipe, swept, given, look)):
        raise click.UsageError("--resume goes on as the training began: give it no data, name, look or settings.")
    if not resume and (data is None or (name is None and not look)):
        raise click.UsageError("Give DATA and --name, or --resume NAME.")
    if swept and look:
        raise click.UsageError("A look at one training tells nothing of a sweep: give --sweep without it.")
    with answers():
        of_file = read_recipe(recipe, kind.recipe) if recipe else {}
        if swept or (resume and sweep_file(runs, resume).is_file()):
            start_tensorflow()
            sweep = _planned(kind, resume, runs) if resume else plan(kind.name, data, name, swept, given, of_file)
            begin(sweep, runs)
            _train_sweep(sweep, runs, cache, json)
            return
        wanted = build_recipe({**of_file, **given}, kind.recipe)
    with answers(), _stoppable(runs, resume or name):
        start_tensorflow()  # only now: whoever mistyped something need not wait
        if look:
            _look(data, wanted, preview, find_lr, cache, json)
            return
        from kerasface.train.engine.driver import resume_training, run_training

        with progress_bars() as report:
            options = {"runs": runs, "cache": cache, "on_progress": report, "on_event": _print_event}
            if resume:
                trained = resume_training(resume, kind=kind.name, **options)
            else:
                trained = run_training(kind.name, data, name, recipe=wanted, **options)
        _print_trained(kind.name, trained, json)


def _planned(kind: Kind, name: str, runs: Path):
    sweep = read_sweep(runs, name)
    if sweep.kind != kind.name:
        raise click.UsageError(f"The sweep {name!r} is one of kerasface train {sweep.kind}: resume it there.")
    return sweep


def _train_sweep(sweep: Sweep, runs: Path, cache: Path | None, as_json: bool) -> None:
    """Trains what is left of a sweep; then all that became runs stand next to one another."""
    from kerasface.reports.compared_runs import compared_lines
    from kerasface.runs.comparison import compare_runs
    from kerasface.train.engine.swept import trainings_left

    with claim_name(runs, sweep.name, to_train=True) as lock:
        left = trainings_left(sweep, runs)
        if len(left) < len(sweep.runs):
            click.echo(f"{len(sweep.runs) - len(left)} of {len(sweep.runs)} trainings are done already.", err=True)
        failed = {}
        for run in left:
            place = sweep.runs.index(run) + 1
            click.echo(f"{place} of {len(sweep.runs)}: {run.name}, {values_text(run.values)}", err=True)
            with _stoppable(runs, run.name):
                try:
                    problem = _train_one(sweep, run, runs, cache, as_json)
                except BaseException:
                    lock.release()  # a process that was asked to end does not outlive this block
                    raise
                if problem is not None:
                    failed[run.name] = problem
                    click.echo(f"Error: {run.name}: {problem}", err=True)
    done = [run.name for run in sweep.runs if run.name not in failed]
    compared = compare_runs(runs, done) if len(done) > 1 else None
    if as_json:
        print_json({"sweep": sweep.to_dict(), "failed": failed, "compared": compared and compared.to_dict()})
    elif compared:
        click.echo("\n" + "\n".join(compared_lines(compared)))
    if failed:
        click.echo(f"Not trained: {', '.join(failed)}. Try again: {_resume_line(sweep, runs)}", err=True)
        raise SystemExit(1)


def _train_one(sweep: Sweep, run: SweptRun, runs: Path, cache: Path | None, as_json: bool) -> str | None:
    """Trains one of a sweep; returns why it could not be trained, in a sentence, or `None`."""
    from kerasface.runs.overview import overview
    from kerasface.train.engine.swept import train_swept

    try:
        with progress_bars() as report:
            options = {"cache": cache, "on_progress": report, "on_event": _print_event}
            trained = train_swept(sweep, run, runs, options)
    except TrainingStoppedError as stopped:
        raise TrainingStoppedError(f"{stopped} Or go on with the sweep: {_resume_line(sweep, runs)}") from stopped
    except Exception as error:
        if not is_answer(error):
            raise
        return one_line(error)
    name, value = overview(find_run(runs, run.name)).best_measure
    click.echo(f"{next(trained_lines(sweep.kind, trained))}; {name} {measure_text(name, value)}", err=as_json)
    if trained.stopped:
        click.echo(f"The sweep was stopped. Go on: {_resume_line(sweep, runs)}", err=True)
        raise SystemExit(STOPPED)
    return None


def _resume_line(sweep: Sweep, runs: Path) -> str:
    return resume_command(runs, sweep.name, sweep.kind)


@contextmanager
def answers():
    """Turns the library's answers to the user into one line on stderr and exit code 1; faults go on as they are."""
    try:
        yield
    except click.exceptions.Abort:  # is a RuntimeError
        raise
    except Exception as error:
        if not is_answer(error):
            raise
        raise click.ClickException(one_line(error)) from error


@contextmanager
def _stoppable(runs: str, name: str | None):
    """Lets a training end within seconds when it is asked to, with a sentence if it has no result."""
    with ends_when_asked(runs, name) if name else nullcontext():
        try:
            yield
        except TrainingStoppedError as stopped:
            click.echo(str(stopped), err=True)
            raise SystemExit(STOPPED) from None


def _print_trained(kind: str, trained, as_json: bool) -> None:
    if as_json:
        summary = {"run": str(trained.folder), "stopped": trained.stopped, "notes": trained.notes}
        print_json({**summary, **trained.metrics})
        return
    for line in trained_lines(kind, trained):
        click.echo(line)


def _print_event(event: dict) -> None:
    for line in event_lines(event):
        click.echo(line, err=True)


def _look(data: Path, recipe: ClassifyRecipe, preview: Path | None, find_lr: Path | None, cache, as_json: bool) -> None:
    """Writes what helps to choose settings, and trains nothing."""
    from kerasface.train.looking import search_learning_rate, write_preview

    written, lines = {}, []
    with progress_bars() as report:
        if preview:
            write_preview(data, recipe, preview, cache=cache, on_progress=report)
            written["preview"] = str(preview)
            lines.append(f"{preview}: augmented images with their soft labels")
        if find_lr:
            suggestion = search_learning_rate(data, recipe, find_lr, cache=cache, on_progress=report)
            written |= {"find_lr": str(find_lr), "learning_rate": suggestion}
            lines.append(f"{find_lr}: the loss falls most steeply at learning rate {suggestion:.2g}")
    if as_json:
        print_json(written)
    else:
        click.echo("\n".join(lines))


if __name__ == "__main__":
    train(prog_name="kerasface train")
