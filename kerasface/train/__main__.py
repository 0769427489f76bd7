"""`python -m kerasface.train`: the trainings, also under `kerasface train`."""

import json as json_format
from dataclasses import fields
from pathlib import Path

import click

from kerasface.terminal import progress_bars, start_tensorflow
from kerasface.train.recipe import CHOICES, ClassifyRecipe, build_recipe, read_recipe

_STAGES = {"head": "head on frozen features", "fine_tune": "fine-tuning", "train": "training"}


@click.group()
def train() -> None:
    """Train a model on your own photos."""


def _recipe_options(command):
    """Gives a command one flag for every field of the recipe."""
    for entry in reversed(fields(ClassifyRecipe)):
        name = entry.name.replace("_", "-")
        text = entry.metadata["help"]
        if entry.default is not None and "[" not in text:
            default = {True: "yes", False: "no"}[entry.default] if isinstance(entry.default, bool) else entry.default
            text = f"{text.removesuffix('.')}.  [default: {default}]"
        if "bool" in str(entry.type):
            option = click.option(f"--{name}/--no-{name}", entry.name, default=None, help=text)
        else:
            kind = next(kind for kind in (int, float, str) if kind.__name__ in str(entry.type))
            kind = click.Choice(CHOICES[entry.name]) if entry.name in CHOICES else kind
            option = click.option(f"--{name}", entry.name, type=kind, default=None, help=text)
        command = option(command)
    return command


@train.command()
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--name", help="Name of the model: the folder in --runs it is written to.")
@click.option("--resume", metavar="NAME", help="Go on with a training that was stopped or killed.")
@click.option("--recipe", type=click.Path(path_type=Path), help="TOML file of settings; flags go before it.")
@click.option("--preview", type=click.Path(path_type=Path), help="Write a sheet of augmented images there, and end.")
@click.option("--find-lr", type=click.Path(path_type=Path), help="Write a learning-rate search there (HTML), and end.")
@click.option("--runs", default="saved_models", show_default=True, type=click.Path(), help="Folder of the models.")
@click.option("--cache", type=click.Path(), help="Folder for images and features.  [default: the user's cache folder]")
@click.option("--json", is_flag=True, help="Print the metrics as JSON.")
@_recipe_options
def classify(data, name, resume, recipe, preview, find_lr, runs, cache, json, **settings) -> None:
    """Train a classifier on DATA, a folder with one folder of images per class.

    With faces (the default) every photo's face is found and aligned, and face_resnet's embeddings are compared with
    the mean of each person's: no training at all. Other backbones, other classifiers and fine-tuning are flags away;
    architectures such as simple_cnn or resnet34 are trained from scratch, and --no-faces takes whole images.

    A model that had the name before is kept as `.NAME.previous`. Ctrl-C stops after the current step with a usable
    model; --resume NAME goes on with it, also after a crash.
    """
    others = (data, name, recipe, preview, find_lr, *settings.values())
    if resume and any(value is not None for value in others):
        raise click.UsageError("--resume goes on as the training began: give it no data, name, look or settings.")
    if not resume and (data is None or (name is None and not (preview or find_lr))):
        raise click.UsageError("Give DATA and --name, or --resume NAME.")
    given = {
        **(_read(recipe) if recipe else {}),
        **{key: value for key, value in settings.items() if value is not None},
    }
    start_tensorflow()
    try:
        if preview or find_lr:
            _look(data, build_recipe(given), preview, find_lr, cache, json)
            return
        with progress_bars() as report:
            options = {"runs": runs, "cache": cache, "on_progress": report, "on_event": _print_event}
            from kerasface.train.classify import resume_classifier, train_classifier

            if resume:
                trained = resume_classifier(resume, **options)
            else:
                trained = train_classifier(data, name, recipe=build_recipe(given), **options)
    except (ValueError, OSError, RuntimeError) as error:
        raise click.ClickException(" ".join(str(error).split())) from error
    if json:
        summary = {"run": str(trained.folder), "stopped": trained.stopped, "notes": trained.notes}
        click.echo(json_format.dumps({**summary, **trained.metrics}))
        return
    _print_result(trained)


def _read(recipe: Path) -> dict:
    try:
        return read_recipe(recipe)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


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
    click.echo(json_format.dumps(written) if as_json else "\n".join(lines))


def _print_event(event: dict) -> None:
    """Prints what somebody who watches a training wants to read beside its bars."""
    kind = event["event"]
    if kind == "start":
        click.echo(
            f"{event['num_train']} training and {event['num_validation']} held-out images of {event['num_classes']} "
            f"classes, {event['num_unknown']} of strangers; {event['device']}, {event['precision']}",
            err=True,
        )
    elif kind == "freeze_map":
        click.echo(f"{'block':<24}{'weights':>12}{'trained':>12}{'rate':>10}  BatchNorm", err=True)
        for row in event["blocks"]:
            rate = f"{row['learning_rate']:.1e}" if row["trainable"] else "frozen"
            click.echo(
                f"{row['block']:<24}{row['num_params']:>12,}{row['num_trainable']:>12,}{rate:>10}  {row['batch_norm']}",
                err=True,
            )
    elif kind == "resumed":
        click.echo(f"resumed in {_STAGES[event['stage']]}, epoch {event['epoch']}, step {event['step']}", err=True)
    elif kind == "warning":
        click.echo(event["text"], err=True)


def _print_result(trained) -> None:
    metrics = trained.metrics
    click.echo(f"{trained.folder}: {metrics['num_classes']} classes, {metrics['seconds']:.1f} s")
    click.echo(
        f"top-1 {metrics['top1']:.2%}, top-5 {metrics['top5']:.2%} on {metrics['num_validation']} held-out images "
        f"({metrics['num_train']} trained on)"
    )
    click.echo(f"calibration error {metrics['ece']:.1%} (before temperature scaling {metrics['ece_before']:.1%})")
    if metrics["unknown_accepted"] is not None:
        click.echo(
            f"strangers taken for somebody known {metrics['unknown_accepted']:.2%}, known people recognised as known "
            f"{metrics['known_accepted']:.1%} ({metrics['num_unknown']} images of strangers)"
        )
    for note in trained.notes:
        click.echo(note)
    click.echo(f"curves, mistakes and confusions: {trained.folder / 'report.html'}")
    for _, reason in trained.rejected[:5]:
        click.echo(f"  {reason}")


if __name__ == "__main__":
    train(prog_name="python -m kerasface.train")
