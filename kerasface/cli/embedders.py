"""Commands on face networks of others."""

import click

from kerasface.cli.output import JSON, RUNS, confirmed, errors, print_json, say_note
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

_MIRRORED = click.option(
    "--mirrored/--one-view",
    default=True,
    help="Average over the crop and its mirror image: twice the work, fewer errors.  [default: --mirrored]",
)
_FACES = click.option(
    "--images",
    type=UserPath(),
    help="Folder with a folder of photos per person: says whether template and input are right.",
)


@click.group()
def embedders() -> None:
    """Face networks of others: add, fetch and remove them. Nothing is downloaded unless asked for."""


@embedders.command()
@click.argument("file", type=UserPath())
@click.option("--name", required=True, help="What it is called here: the folder in --runs it is written to.")
@click.option("--licence", required=True, help="What its weights may be used for, as their owner states it.")
@click.option(
    "--template",
    default="arcface-112",
    show_default=True,
    help="How its crops are cut: arcface-112, face_resnet-150, or a JSON file with five points [x, y] of the crop.",
)
@click.option(
    "--input",
    "input_",
    metavar="FORM",
    help="What it is shown: 'rgb 0..255', 'rgb -1..1', 'bgr 0..1', 'rgb mean 127.5 std 128'.  "
    "[default: rgb 0..255, if the file itself does the rest]",
)
@click.option("--trained-on", help="What it was trained on.")
@_MIRRORED
@_FACES
@RUNS
@JSON
def add(file, name, licence, template, input_, trained_on, mirrored, images, runs, as_json) -> None:
    """Add the face network in FILE (ONNX) as a functional Keras model, once it is sure that it computes the same.

    The file is not trusted: what could run code, or lies in other files, is refused, and so is every operator that is
    not known. Needs onnx and onnxruntime: pip install 'kerasface[onnx]'.
    """
    with errors(tensorflow=True):
        from kerasface.tasks.embedders.adding import add_embedder

        added = add_embedder(
            file,
            name,
            licence=licence,
            trained_on=trained_on,
            template=template,
            input=input_,
            mirrored=mirrored,
            images=images,
            root=runs,
        )
    _print_added(added, as_json)


@embedders.command()
@click.argument("name")
@click.option("--name", "called", help="What it is called here.  [default: NAME]")
@click.option("--yes", is_flag=True, help="Fetch without asking: its licence is known.")
@click.option("--sha256", help="Hash of its file, where it is not known here.")
@_MIRRORED
@_FACES
@click.option("--cache", type=UserPath(), help="Folder for what was fetched in part.  [default: the user's cache]")
@RUNS
@JSON
def get(name, called, yes, sha256, mirrored, images, cache, runs, as_json) -> None:
    """Fetch the known embedder NAME and add it: shows its licence and asks, goes on after a break, checks the hash."""
    with errors():
        from kerasface.models.onnx.reading import missing_packages
        from kerasface.models.pretrained import ModelFileError
        from kerasface.tasks.embedders.known import known_embedder

        entry = known_embedder(name)
        if (sentence := missing_packages()) is not None:
            raise ModelFileError(sentence)
    click.echo(f"{entry.name}: {entry.about}. {entry.size_text}, from {entry.url}", err=True)
    click.echo(f"Licence: {entry.licence}. Trained on: {entry.trained_on}.", err=True)
    if not yes and not confirmed("Fetch it?"):
        raise SystemExit(1)
    with errors(), progress_bars() as report:
        from kerasface.data.cache.store import default_cache_folder
        from kerasface.tasks.embedders.fetching import fetch

        file = fetch(
            entry,
            (cache or default_cache_folder()) / "fetched",
            sha256=sha256,
            on_progress=lambda done, total: report("bytes", done, total),
        )
    with errors(tensorflow=True):
        from kerasface.tasks.embedders.adding import add_embedder

        added = add_embedder(
            file,
            called or entry.name,
            licence=entry.licence,
            trained_on=entry.trained_on,
            template=entry.template,
            input=entry.input,
            mirrored=mirrored,
            images=images,
            root=runs,
            source=entry.url,
        )
        file.unlink()
    _print_added(added, as_json)


@embedders.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Remove without asking.")
@RUNS
@JSON
def remove(name, yes, runs, as_json) -> None:
    """Remove the embedder NAME; galleries that hold its embeddings cannot be searched without it."""
    question = f"Remove {name}? Galleries that hold its embeddings have to be embedded anew then."
    if not yes and not confirmed(question):
        raise SystemExit(1)
    with errors():
        from kerasface.tasks.embedders.removing import remove_embedder

        folder = remove_embedder(name, runs)
    if as_json:
        print_json({"removed": str(folder)})
    else:
        click.echo(f"{folder}: removed")


def _print_added(added, as_json: bool) -> None:
    for doubt in added.doubts:
        say_note(doubt)
    if as_json:
        print_json(added.to_dict())
        return
    card, parity = added.card, added.card.source.parity
    click.echo(f"{added.path}: {card.embedding.dim} numbers for a face, shown {card.source.input}")
    click.echo(
        f"agrees with {parity.runtime} on {counted(parity.num_crops, 'crop')}: "
        f"largest difference {parity.relative:.1e} of the largest number"
    )
