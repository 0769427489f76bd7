"""Commands that delete and rename trained models."""

import click

from kerasface.cli.output import JSON, RUNS, confirmed, errors, print_json


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--for-good", is_flag=True, help="Keep nothing of it, nor of the model that had the name before.")
@click.option("--undo", is_flag=True, help="Bring back the model of this name that was deleted.")
@RUNS
@JSON
def delete(name, yes, for_good, undo, runs, as_json) -> None:
    """Delete the run NAME. It is kept as `.NAME.previous` until another one of its name is, and --undo brings it back.

    Refused while somebody trains under the name.
    """
    if undo and (yes or for_good):
        raise click.UsageError("--undo brings a model back: it goes with neither --yes nor --for-good.")
    with errors():
        from kerasface.train.process import changes

        if undo:
            folder = changes.restore_run(name, runs)
        else:
            if not yes and not confirmed(_delete_question(name, runs, for_good)):
                raise click.ClickException(f"Nothing was deleted: {name} is still there. --yes deletes unasked.")
            folder = changes.delete_run(name, runs, for_good=for_good)
    if as_json:
        print_json({"restored" if undo else "deleted": name, "path": str(folder)})
    elif undo:
        click.echo(f"{folder}: brought back")
    else:
        click.echo(f"{name}: deleted" + ("" if for_good else f"; it is kept as {folder}, and --undo brings it back"))


@click.command()
@click.argument("name")
@click.argument("new_name")
@RUNS
@JSON
def rename(name, new_name, runs, as_json) -> None:
    """Give the run NAME another name, in its card too. Galleries find it by its weights, and are searched as before."""
    with errors():
        from kerasface.train.process.changes import rename_run

        notes = rename_run(name, new_name, runs)
    if as_json:
        print_json({"name": new_name, "before": name, "notes": notes})
        return
    click.echo(f"{name} is called {new_name} now.")
    for note in notes:
        click.echo(note)


def _delete_question(name: str, runs, for_good: bool) -> str:
    """What is deleted, what stands on it, and what becomes of it."""
    from kerasface.files.replacement import kept_of
    from kerasface.runs.overview import kind_of_card
    from kerasface.tasks.embedders.folders import uses_of
    from kerasface.train.process.changes import own_run

    after = "It cannot be undone." if for_good else "--undo brings it back."
    if for_good and not (runs / name).exists() and (kept := kept_of(runs / name)) is not None:
        return f"Delete {kept}, which is kept of {name}? {after}"
    card = own_run(name, runs).card
    uses = uses_of(name, card, runs) if card else []
    return " ".join([f"Delete {name} ({kind_of_card(card) if card else 'broken'})?", *uses, after])
