"""A metric training in progress: a `Session` whose recipe is that of a metric training."""

import json
import os
from pathlib import Path

from kerasface.runs import RunError
from kerasface.train.metric_recipe import MetricRecipe, build_metric_recipe, read_metric_recipe
from kerasface.train.session import Session, code_fingerprint, session_folder, sessions_in_progress


class MetricSession(Session):
    """The folder of one metric training in progress; attributes as `Session` has them."""

    recipe: MetricRecipe

    @classmethod
    def resume(cls, runs: str | Path, name: str, on_event=None) -> "MetricSession":
        """Opens the folder of a training that was interrupted.

        Raises:
            RunError: If there is none, it is of another kind, or its files are damaged.
        """
        folder = session_folder(runs, name)
        if not (folder / "session.json").is_file():
            waiting = ", ".join(sessions_in_progress(runs)) or "none"
            raise RunError(f"There is no interrupted training {name!r} in {Path(runs)}. Interrupted: {waiting}.")
        try:
            facts = json.loads((folder / "session.json").read_text(encoding="utf-8"))
            recipe = build_metric_recipe(read_metric_recipe(folder / "recipe.toml"))
        except (ValueError, OSError) as error:
            raise RunError(f"The interrupted training {folder} is damaged, or no metric training: {error}") from error
        (folder / "stop").unlink(missing_ok=True)
        session = cls(folder, name, recipe, facts, on_event)
        session.note({"process": os.getpid()})
        if facts.get("code") != code_fingerprint():
            session.event(
                "warning",
                text="Resumed with another version of the code: the result may differ from an "
                "uninterrupted training's.",
            )
        return session
