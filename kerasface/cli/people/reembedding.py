"""`kerasface people reembed`: a gallery's templates made anew by another embedder, and that taken back."""

import click

from kerasface.cli.output import EMBEDDER, ENGINE, JSON, errors, print_json
from kerasface.cli.people.commands import GALLERY, opened_gallery
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath


@click.command("reembed")
@EMBEDDER
@click.option(
    "--images",
    "folders",
    multiple=True,
    type=UserPath(),
    help="Folder with photos that are not where they were; they are known by their content. May be repeated.",
)
@click.option("--without-lost", is_flag=True, help="Leave out samples whose photo is gone; they are deleted.")
@click.option("--undo", is_flag=True, help="Take the last re-embedding back, and what it left out.")
@GALLERY
@ENGINE
@JSON
def reembed(embedder, folders, without_lost, undo, gallery, as_json) -> None:
    """Embed everybody anew with another embedder, from the photos they were enrolled with.

    All templates are replaced at once, or none. Samples whose photo is gone are listed, and end the work unless
    --without-lost is given. A copy of the gallery from before stays next to it, sealed with the same key, until
    somebody is deleted: --undo puts it back as long as nothing else was changed.
    """
    if undo:
        with errors(tensorflow=False), opened_gallery(gallery) as opened:
            opened.undo_reembed()
            _tell(opened, [], as_json, f"{gallery} holds templates of {opened.embedder} again:")
        return
    lost = []
    with errors(), opened_gallery(gallery) as opened:
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedders import find_embedder, load_embedder, load_embedder_of
        from kerasface.tasks.reembedding import LostSamplesError, reembed_gallery

        former = FaceAnalyzer(embedder=load_embedder_of(opened.embedder)) if find_embedder(opened.embedder) else None
        new = load_embedder(embedder)
        try:
            with progress_bars() as report:
                lost = reembed_gallery(
                    opened,
                    new,
                    folders=folders,
                    former=former,
                    without_lost=without_lost,
                    on_progress=lambda done, total: report("samples", done, total),
                )
        except LostSamplesError as error:
            for sample in error.lost:
                click.echo(f"lost: {sample.name}: {sample.reason}", err=True)
            raise
        done = f"{gallery} holds templates of {new.name} now; kerasface people reembed --undo takes it back:"
        _tell(opened, lost, as_json, done)


def _tell(opened, lost: list, as_json: bool, done: str) -> None:
    people = opened.people()
    if as_json:
        counts = {"num_people": len(people), "num_samples": sum(person.num_samples for person in people)}
        print_json({"embedder": opened.embedder, **counts, "lost": [sample.to_dict() for sample in lost]})
        return
    for sample in lost:
        click.echo(f"left out: {sample.name}: {sample.reason}", err=True)
    click.echo(f"{done} {counted(sum(person.num_samples for person in people), 'sample')}.")
