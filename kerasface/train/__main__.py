"""`python -m kerasface.train`: the trainings, also under `kerasface train`."""

import json as json_format
from pathlib import Path

import click

from kerasface.terminal import progress_bars, start_tensorflow


@click.group()
def train() -> None:
    """Train a model on your own photos."""


@train.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the model: the folder in --runs it is written to.")
@click.option("--min-images", default=2, show_default=True, help="Leave out people with fewer photos.")
@click.option("--holdout", default=0.2, show_default=True, help="Share of each person's photos kept for validation.")
@click.option("--epochs", default=60, show_default=True, help="Passes over the training photos.")
@click.option("--batch-size", default=128, show_default=True, help="Photos per training step.")
@click.option("--learning-rate", default=0.01, show_default=True, help="Highest learning rate; a cosine lowers it.")
@click.option("--weight-decay", default=0.01, show_default=True, help="Weight decay of AdamW.")
@click.option("--label-smoothing", default=0.1, show_default=True, help="Target probability spread over all people.")
@click.option("--seed", default=0, show_default=True, help="Seed of split, initial weights and shuffling.")
@click.option("--runs", default="saved_models", show_default=True, type=click.Path(), help="Folder of the models.")
@click.option("--cache", type=click.Path(), help="Folder for crops and features.  [default: the user's cache folder]")
@click.option("--json", is_flag=True, help="Print the metrics as JSON.")
def classify(data, name, runs, cache, json, **settings) -> None:
    """Train a classifier of people on DATA, a folder with one folder of photos per person.

    Faces are found, aligned and embedded once and cached; a softmax head is trained on the embeddings. A model that
    had the name before is kept as `.NAME.previous`.
    """
    start_tensorflow()
    from kerasface.models.pretrained import ModelFileError
    from kerasface.runs import RunError
    from kerasface.train.classify import ClassifyRecipe, train_classifier

    try:
        with progress_bars() as report:
            trained = train_classifier(
                data, name, recipe=ClassifyRecipe(**settings), runs=runs, cache=cache, on_progress=report
            )
    except (ValueError, ModelFileError, RunError) as error:
        raise click.ClickException(str(error)) from error
    if json:
        click.echo(json_format.dumps({"run": str(trained.folder), **trained.metrics}))
        return
    metrics = trained.metrics
    click.echo(f"{trained.folder}: {metrics['num_classes']} people, {metrics['seconds']:.1f} s")
    click.echo(
        f"top-1 {metrics['top1']:.2%}, top-5 {metrics['top5']:.2%} on {metrics['num_validation']} held-out photos "
        f"({metrics['num_train']} trained on)"
    )
    click.echo(f"calibration error {metrics['ece']:.1%} (before temperature scaling {metrics['ece_before']:.1%})")
    click.echo(f"curves, mistakes and confusions: {trained.folder / 'report.html'}")
    if trained.left_out:
        click.echo(f"{len(trained.left_out)} people left out: fewer than {settings['min_images']} usable photos.")
    if trained.rejected:
        click.echo(f"{len(trained.rejected)} files not used; the reasons are in {trained.folder / 'rejected.csv'}:")
        for _, reason in trained.rejected[:5]:
            click.echo(f"  {reason}")


if __name__ == "__main__":
    train(prog_name="python -m kerasface.train")
