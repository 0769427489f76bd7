"""Commands on face networks: those that are here, and those that others share."""

from dataclasses import asdict

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
    """Face networks of others: add, fetch, measure and compare them. Nothing is downloaded unless asked for."""


@embedders.command("list")
@RUNS
@JSON
def list_command(runs, as_json) -> None:
    """List the embedders that are here, and the known ones that `embedders get` fetches."""
    with errors():
        from kerasface.faces.embedders import list_embedders
        from kerasface.tasks.embedders.known import known_embedders

        here, known = list_embedders(runs), known_embedders()
    if as_json:
        rows = [{**asdict(one), "path": one.path and str(one.path)} for one in here]
        print_json({"embedders": rows, "known": [entry.to_dict() for entry in known.values()]})
        return
    for one in here:
        state = "error rates measured" if one.is_calibrated else "not calibrated: scores and ranks, no decision"
        click.echo(f"{one.name}  {counted(one.embedding_dim, 'number') if one.embedding_dim else ''}  {state}")
        click.echo(f"  licence: {one.licence}; trained on {one.trained_on}")
    click.echo("Known, and not here unless named above (kerasface embedders get NAME):")
    for entry in known.values():
        click.echo(f"{entry.name}  {entry.size_text}  {entry.licence}  {entry.published}, as published")
        click.echo(f"  {entry.about}; trained on {entry.trained_on}")


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
        from kerasface.tasks.embedders.folders import check_addable
        from kerasface.tasks.embedders.known import known_embedder

        entry = known_embedder(name)
        if (sentence := missing_packages()) is not None:
            raise ModelFileError(sentence)
        check_addable(called or entry.name, entry.licence, runs)
    click.echo(f"{entry.name}: {entry.about}. {entry.size_text}, from {entry.url}", err=True)
    click.echo(f"Licence: {entry.licence}. Trained on: {entry.trained_on}.", err=True)
    if not yes and not confirmed("Fetch it?"):
        raise SystemExit(1)
    with errors(), progress_bars() as report:
        from kerasface.files.paths import default_cache_folder
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
    with errors():
        from kerasface.runs.store import find_run
        from kerasface.tasks.embedders.folders import remove_embedder, uses_of

        card = find_run(runs, name).card
        for use in uses_of(name, card, runs) if card else ():
            say_note(use)
    question = f"Remove {name}? Galleries that hold its embeddings have to be embedded anew then."
    if not yes and not confirmed(question):
        raise SystemExit(1)
    with errors():
        from kerasface.faces.embedders import default_embedder

        folder = remove_embedder(name, runs)
        if default_embedder() == name:
            say_note(f"{name} was taken where none is named: choose another, kerasface embedders default face_resnet")
    if as_json:
        print_json({"removed": str(folder)})
    else:
        click.echo(f"{folder}: removed")


@embedders.command()
@click.argument("name", required=False)
@RUNS
@JSON
def default(name, runs, as_json) -> None:
    """Say which embedder is taken where none is named, or let it be NAME from now on; `face_resnet` ships.

    KERASFACE_EMBEDDER goes before it.
    """
    with errors():
        from kerasface.faces.embedders import default_embedder, set_default_embedder

        if name is not None:
            set_default_embedder(name, root=runs)
        chosen = default_embedder()
    if as_json:
        print_json({"default": chosen})
    else:
        click.echo(chosen)


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
    click.echo(
        f"No error rates are known for it: it gives scores and ranks, and decides nothing before "
        f"kerasface embedders calibrate {added.name} --images DIR"
    )
