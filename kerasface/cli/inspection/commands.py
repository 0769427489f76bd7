"""Commands that look inside models."""

from pathlib import Path

import click

from kerasface.cli.output import JSON, RUNS, errors, print_json
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import aligned, rounded
from kerasface.train.__main__ import UserPath

# Those of kerasface.inspection.cost.comparison, which is too heavy to import.
_SORT_KEYS = ("name", "parameters", "multiply_adds", "activation_bytes", "milliseconds")
_HEADS = (
    *("layer", "kind", "output", "weights", "share", "multiply-adds", "share"),
    *("activations KiB", "receptive field", "jump"),
)
MODEL = click.option("--model", "run_name", help="Name of one of your models.")
ARCHITECTURE = click.option(
    "--architecture",
    help="With random weights: face_resnet, a name of the zoo such as resnet34, or of keras.applications.",
)
IMAGE_SIZE = click.option(
    "--image-size",
    type=click.IntRange(min=1),
    help="Height and width of the images, in pixels.  [default: the model's own, 224 for architectures]",
)
OUT = click.option("--out", type=UserPath(file_okay=False), help="Folder to write into; made if missing.")


@click.group()
def inspect() -> None:
    """Look inside models: what each layer costs and sees."""


@inspect.command()
@MODEL
@ARCHITECTURE
@IMAGE_SIZE
@OUT
@RUNS
@JSON
def layers(run_name, architecture, image_size, out, runs, as_json) -> None:
    """List the layers of a model with sizes, weights, multiply-adds, memory and receptive field.

    With --out, layers.html (figures too) and layers.csv are written into the folder. All numbers are for one image.
    """
    with errors(tensorflow=True):
        from kerasface.inspection.cost.arithmetic import layer_table, model_cost

        model, size = inspected_model(run_name, architecture, image_size, runs)
        records = layer_table(model, size)
        cost = model_cost(records)
        if out:
            _write(out, f"Layers of {run_name or architecture}", records, cost)
    if as_json:
        print_json({"layers": [record.to_dict() for record in records], "total": cost.to_dict()})
        return
    for line in aligned([_HEADS, *(_cells(record) for record in records)]):
        click.echo(line)
    click.echo(
        f"{cost.parameters:,} weights ({cost.weights_mebibytes:.1f} MiB in float32), "
        f"{cost.multiply_adds:,} multiply-adds, activations {cost.activation_bytes / 2**20:.1f} MiB"
    )
    if cost.uncounted:
        click.echo(f"multiply-adds not known: {', '.join(cost.uncounted)}")
    if out:
        click.echo(f"{out / 'layers.html'}\n{out / 'layers.csv'}")


@inspect.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@IMAGE_SIZE
@click.option("--sort", "sort_by", type=click.Choice(_SORT_KEYS), help="Smallest first.  [default: as given]")
@JSON
def cost(names, image_size, sort_by, as_json) -> None:
    """Compare architectures: weights, multiply-adds, and the time of one image on this machine.

    NAME is face_resnet, one of the zoo or one of keras.applications, built with random weights and 1,000 classes;
    nothing is downloaded. face_resnet keeps its 150 x 150 pixels.
    """
    with errors(tensorflow=True):
        from kerasface.inspection.cost.comparison import compare_models
        from kerasface.models.runtime import device_name

        size = image_size and (image_size, image_size)
        with progress_bars() as report:
            records = compare_models(
                names, size, sort_by=sort_by, on_progress=lambda done, total: report("models", done, total)
            )
    if as_json:
        print_json({"models": [record.to_dict() for record in records], "device": device_name()})
        return
    heads = ("model", "image", "weights", "MiB", "multiply-adds", "activations MiB", "ms")
    rows = [
        (
            record.name,
            _times(record.image_size),
            f"{record.parameters:,}",
            f"{record.mebibytes:.1f}",
            f"{record.multiply_adds:,}",
            f"{record.activation_bytes / 2**20:.1f}",
            f"{record.milliseconds:.1f}",
        )
        for record in records
    ]
    for line in aligned([heads, *rows]):
        click.echo(line)
    click.echo(f"one image at a time, {device_name()}")


def inspected_model(run_name: str | None, architecture: str | None, image_size: int | None, runs: str):
    """Returns the model that the options ask for, and the height and width that its open sides take, or `None`."""
    if bool(run_name) == bool(architecture):
        raise click.UsageError("Give --model or --architecture.")
    size = image_size and (image_size, image_size)
    if architecture:
        from kerasface.inspection.cost.comparison import build_by_name

        return build_by_name(architecture, size), None
    from kerasface.runs.store import load_run

    run = load_run(runs, run_name)
    if size is None and None in run.model.inputs[0].shape[1:3]:
        size = run.card.input.image_size
    return run.model, size


def _cells(record) -> tuple[str, ...]:
    unknown = record.multiply_adds is None
    return (
        record.name,
        record.kind,
        _times(record.output_shape),
        f"{record.parameters:,}",
        f"{record.parameters_share:.1%}",
        "unknown" if unknown else f"{record.multiply_adds:,}",
        "-" if unknown else f"{record.multiply_adds_share:.1%}",
        f"{record.activation_bytes / 2**10:,.1f}",
        _side(record.receptive_field),
        _side(record.jump),
    )


def _times(numbers) -> str:
    return " x ".join(str(number) for number in numbers) or "-"


def _side(pixels: tuple[float, float] | None) -> str:
    """Rows and columns, one number where they are alike; nothing where there are none."""
    rows, cols = pixels or (0, 0)
    if not rows and not cols:
        return "-"
    return f"{rows:g}" if rows == cols else f"{rows:g} x {cols:g}"


def _write(out: Path, title: str, records, cost) -> None:
    from kerasface.files.spreadsheets import csv_text
    from kerasface.files.writing import write_atomically
    from kerasface.plotting.costs import layer_costs
    from kerasface.reports.document import document, facts_row, figure_html, notes_list, table

    facts = {
        "weights": rounded(cost.parameters),
        "MiB in float32": f"{cost.weights_mebibytes:.1f}",
        "multiply-adds": rounded(cost.multiply_adds),
        "MiB of activations": f"{cost.activation_bytes / 2**20:.1f}",
    }
    notes = [f"The multiply-adds of {name} are not known and are left out." for name in cost.uncounted]
    sizes = [(record.name, record.formula) for record in records if record.formula]
    page = document(
        title,
        {
            "": [facts_row(facts), notes_list(notes)],
            "Where they go": [figure_html(layer_costs([record.to_dict() for record in records]))],
            "Layers, for one image": [table(_HEADS, [_cells(record) for record in records])],
            "Spatial sizes": [table(("layer", "floor((N + 2P - D(F - 1) - 1) / S) + 1"), sizes)] if sizes else [],
        },
    )
    write_atomically(out / "layers.html", page.encode("utf-8"))
    entries = [record.to_dict() for record in records]
    table_of_layers = csv_text(list(entries[0]), ([_flat(value) for value in entry.values()] for entry in entries))
    write_atomically(out / "layers.csv", table_of_layers.encode("utf-8"))


def _flat(value):
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
