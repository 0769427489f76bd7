"""Commands on models and on this installation."""

from functools import partial
from pathlib import Path

import click

from kerasface.cli.output import ENGINE, JSON, RUNS, errors, print_json
from kerasface.terminal.progress import progress_bars, start_tensorflow, turned_away
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

EXPORT_FORMATS = ("saved_model", "litert", "onnx")  # those of kerasface.models.formats, which is too heavy to import


@click.command()
@click.argument("name")
@click.option(
    "--format", "to_format", required=True, type=click.Choice(EXPORT_FORMATS), help="litert was called TFLite before."
)
@click.option("--out", required=True, type=UserPath(), help="File to write; a folder for saved_model.")
@click.option("--images", type=UserPath(), help="Photos to compare on.  [default: the sample portrait]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@RUNS
@JSON
def export(name, to_format, out, images, overwrite, runs, as_json) -> None:
    """Write the trained model NAME as a file for other programs.

    The file is opened again and compared with Keras on the same images; one that does not agree is removed. What other
    programs must know (input, labels, hashes, differences) is written beside it: OUT.certificate.json.
    """
    with errors(tensorflow=True):
        from kerasface.runs.store import load_run
        from kerasface.tasks.export import certificate_path, export_run

        run = load_run(runs, name)
        with turned_away(1, 2):
            certificate = export_run(run, to_format, out, images=images, overwrite=overwrite)
    if as_json:
        print_json({"out": str(out), "certificate": str(certificate_path(out)), **certificate.to_dict()})
        return
    click.echo(
        f"{out}: agrees with Keras on {counted(certificate.num_images, 'image')}: largest difference of a probability "
        f"{certificate.max_difference:.1e} ({certificate.tolerance:.0e} is allowed), "
        f"same most probable class on {certificate.equal_top1:.1%}"
    )
    click.echo(f"{certificate_path(out)}: input, labels, hashes, versions")


@click.group()
def sample() -> None:
    """Write sample data to train on; nothing is downloaded."""


@sample.command()
@click.argument("folder", type=UserPath())
@JSON
def digits(folder, as_json) -> None:
    """Write 1,797 handwritten digits of 32 x 32 pixels into FOLDER, new or empty, a folder per digit."""
    with errors():
        from kerasface.data.samples import write_digits

        written = write_digits(folder)
    if as_json:
        print_json(written.to_dict())
        return
    classes = counted(len(written.classes), "class", "classes")
    click.echo(f"{written.folder}: {counted(written.num_images, 'image')} of {classes}")
    click.echo(f"{written.source} ({written.licence})")


def _drawn(kind: str, what: str) -> None:
    """Adds the command that draws pictures of a kind."""

    @sample.command(kind, help=f"Draw {what}, with exact masks, into FOLDER, new or empty: train and validation.")
    @click.argument("folder", type=UserPath())
    @click.option(
        "--count", type=click.IntRange(min=1), default=400, show_default=True, help="To learn from; 1/4 more to judge."
    )
    @click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another one, other pictures."
    )
    @JSON
    def command(folder, count, seed, as_json) -> None:
        with errors(), progress_bars() as report:
            from kerasface.data.drawn.folders import write_drawn

            written = write_drawn(kind, folder, count=count, seed=seed, on_progress=partial(report, "pictures"))
        if as_json:
            print_json(written.to_dict())
            return
        numbers = f"{written.num_train} pictures to learn from, {written.num_validation} to judge on"
        click.echo(f"{written.folder}: {numbers}; classes {', '.join(written.classes)}")


_drawn("scenes", "scenes of a street: person, bag, plants, path and building")
_drawn("cells", "cells under a microscope: cell and nucleus")


@click.command()
@RUNS
@JSON
def models(runs, as_json) -> None:
    """List pretrained weights with licences and hashes, and names of the trained models: kerasface runs tells more."""
    with errors():
        from kerasface.models.pretrained import LEDGER, describe
        from kerasface.runs.store import list_runs

        ledger = [describe(entry) for entry in LEDGER]
        trained = [
            {"name": run.name, "path": str(run.path), "task": run.card and run.card.task, "problem": run.problem}
            for run in list_runs(runs)
        ]
    if as_json:
        print_json({"pretrained": ledger, "trained": trained})
        return
    for line in ledger:
        click.echo(f"{line['name']}  {line['licence']}  {line['package']}")
        click.echo(f"  trained on {line['training_data']}")
        click.echo(f"  SHA-256 {line['sha256']}")
        click.echo(f"  {line['state']}")
    for run in trained:
        click.echo(f"{run['name']}  {run['task'] or 'broken'}  {run['path']}")
        if run["problem"]:
            click.echo(f"  {run['problem']}")
    if not any(Path(run["path"]).is_relative_to(runs) for run in trained):  # of the user's own
        click.echo(f"No trained models in {runs}. Make one: kerasface train classify DATA --name NAME")


@click.command()
@click.option("--prepare", is_flag=True, help="First make the engine's files of all models, for fast starts.")
@click.option("--train", is_flag=True, help="Then train three networks for a few steps: how many images a second?")
@ENGINE
@JSON
def doctor(prepare, train, as_json) -> None:
    """Tell which device, engine and precision are really used, versions, and what is missing."""
    with errors():
        from kerasface.environment import report

        problems = _prepared() if prepare else []
        found = {**report(), **({"not_prepared": problems} if prepare else {}), **(_trained() if train else {})}
    if as_json:
        print_json(found)
        return
    click.echo(f"device {found['device']}, engine {found['engine']}, precision {found['precision']}")
    if found["embedding_seconds"] is not None:
        click.echo(f"one face is embedded in {1000 * found['embedding_seconds']:.0f} ms")
    if not found["gpus"]:
        click.echo("No GPU is used. With an NVIDIA GPU: pip install -r requirements-gpu.txt")
    if train:
        click.echo(f"trains on {found['computes']}")
        for line in found["training"]:
            click.echo(
                f"  {line['name']} at {line['image_size']} pixels: {line['images_per_second']:,.0f} images/s, "
                f"{line['minutes']:.1f} minutes for 10,000 images"
            )
    for name, version in found["versions"].items():
        click.echo(f"{name} {version or 'not installed'}")
    for sentence in found["missing"]:
        click.echo(f"missing: {sentence}")
    if not found["missing"]:
        click.echo("nothing is missing")


def _trained() -> dict:
    """Trains with a bar; returns what computed it, and how fast each network was."""
    start_tensorflow()
    from kerasface.train.engine.precision import precision_in_words
    from kerasface.train.throughput import measure_throughput

    with progress_bars() as report:
        measured = measure_throughput(on_progress=lambda done, total: report("networks", done, total))
    lines = [{**line.to_dict(), "minutes": line.minutes} for line in measured]
    return {"computes": precision_in_words("auto"), "training": lines}


def _prepared() -> list[str]:
    """Makes the engine's files with a bar for them; returns sentences about what could not be made."""
    from kerasface.tasks.preparation import prepare_engine

    with progress_bars() as report:
        problems = prepare_engine(on_progress=lambda done, total: report("files of the engine", done, total))
    for problem in problems:
        click.echo(f"Not made: {problem} Keras is used for it.", err=True)
    return problems
