"""Sweeps: one training for each combination of settings, planned as a whole and noted, so that it can be gone on with.

A sweep is `saved_models/.NAME.sweep.json`, and its trainings are ordinary ones, NAME-1, NAME-2 and so on. What of it is
done is told from them alone: whatever ends a sweep, and when, nothing is trained twice.
"""

import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kerasface.files.parsing import json_of, toml_of
from kerasface.files.reading import open_regular, read_regular
from kerasface.files.writing import write_json
from kerasface.runs.card import ModelCard
from kerasface.runs.store import RunError, check_name
from kerasface.train.kinds import KINDS
from kerasface.train.process.background import find_training
from kerasface.train.recipe import Recipe, build_recipe, check_paths, full_paths, known, toml_value

FORMAT = 1
MOST_TRAININGS = 200  # more are a mistake in a list of values
_MAX_BYTES = 2**24
_TAIL = 2**16  # bytes of a log that are looked into first


@dataclass(frozen=True)
class SweptRun:
    """A training of a sweep.

    Attributes:
        name: Of the run that it becomes.
        values: What it has of the settings that are swept, by field.
        recipe: All its settings, with what they leave open filled in.
    """

    name: str
    values: Mapping[str, object]
    recipe: Mapping[str, object]


@dataclass(frozen=True)
class Sweep:
    """Trainings that differ in some settings.

    Attributes:
        name: Its own; its trainings are called NAME-1, NAME-2 and so on.
        kind: Of `KINDS`.
        data: The folder that all are trained on.
        swept: Field to its values.
        runs: One for each combination of them.
    """

    name: str
    kind: str
    data: str
    swept: Mapping[str, Sequence]
    runs: tuple[SweptRun, ...]

    def to_dict(self) -> dict:
        """Returns the sweep as JSON-ready values."""
        return {"format": FORMAT, **asdict(self)}


def read_swept(texts: Iterable[str], kind: type[Recipe]) -> dict[str, list]:
    """Reads what is to be swept.

    Args:
        texts: `FIELD=VALUE,VALUE,...`; values with a comma in them as a list of TOML: `FIELD=["a,b", "c"]`.
        kind: The dataclass of the recipe.

    Raises:
        ValueError: If a field is unknown or comes twice, or has fewer than two different values.
    """
    swept: dict[str, list] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise ValueError(f"A sweep is written FIELD=VALUE,VALUE. Received: {text}.")
        if name in swept:
            raise ValueError(f"{name} is swept twice. Give all its values at once: {name}=A,B,C.")
        known({name: values}, kind, "--sweep")
        swept[name] = _values(name, values.strip())
    return swept


def plan(
    kind: str,
    data: str | Path,
    name: str,
    swept: Mapping[str, Sequence],
    settings: Mapping[str, object],
    defaults: Mapping[str, object],
) -> Sweep:
    """Plans a sweep: every recipe is made and checked before anything is trained.

    Args:
        kind: Of `KINDS`.
        data: The folder to train on.
        name: Of the sweep.
        swept: Field to its values, two or more.
        settings: What all trainings have in common, by field.
        defaults: Those that both go before, such as the settings of a file.

    Raises:
        ValueError: If a setting is swept and given, there is no such folder, a combination is refused, or two of them
            come to the same training.
        RunError: If the name is no folder name.
    """
    check_name(name)
    if twice := [field for field in swept if settings.get(field) is not None]:
        raise ValueError(
            f"{twice[0]} is swept and given. Received: {twice[0]}={settings[twice[0]]} next to "
            f"{', '.join(map(str, swept[twice[0]]))}. Leave one of both out."
        )
    if not Path(data).exists():
        raise ValueError(f"There is no folder {data} to train on.")
    combinations = [
        dict(zip(swept, values, strict=True))
        for values in itertools.islice(itertools.product(*swept.values()), MOST_TRAININGS + 1)
    ]
    if len(combinations) > MOST_TRAININGS:
        raise ValueError(f"These values make more than {MOST_TRAININGS} trainings. Sweep fewer of them at a time.")
    recipes = [_checked(kind, {**defaults, **settings}, values) for values in combinations]
    for (number, recipe), (later, other) in itertools.combinations(enumerate(recipes), 2):
        if recipe == other:
            words = " and ".join(values_text(combinations[place]) for place in (number, later))
            raise ValueError(f"{words} come to the same training. Leave one of them out.")
    width = len(str(len(recipes)))
    runs = tuple(
        SweptRun(f"{name}-{number:0{width}}", values, recipe)
        for number, (values, recipe) in enumerate(zip(combinations, recipes, strict=True), start=1)
    )
    return Sweep(name, kind, str(Path(data).resolve()), {field: list(found) for field, found in swept.items()}, runs)


def begin(sweep: Sweep, runs: str | Path) -> None:
    """Notes a sweep, unless it is noted already.

    Raises:
        RunError: If another sweep has its name, or a model or a training the name of one of its trainings.
        WriteError: If the disk refuses.
    """
    path = sweep_file(runs, sweep.name)
    if path.is_file():
        if read_sweep(runs, sweep.name) != sweep:
            raise RunError(
                f"There is a sweep {sweep.name!r} with other data or settings in {Path(runs)}. Choose another name, or "
                f"delete {path}."
            )
        return
    for name in (sweep.name, *(run.name for run in sweep.runs)):
        there = find_training(name, runs)
        if (Path(runs) / name).exists() or (there is not None and not there.can_be_replaced):
            raise RunError(f"The name {name!r} is taken, by a model or a training in {Path(runs)}. Choose another one.")
    write_json(path, sweep.to_dict())


def sweep_file(runs: str | Path, name: str) -> Path:
    """Returns where a sweep is noted.

    Raises:
        RunError: If the name is no plain folder name.
    """
    check_name(name)
    return Path(runs) / f".{name}.sweep.json"


def read_sweep(runs: str | Path, name: str) -> Sweep:
    """Returns a sweep as it was planned.

    Raises:
        RunError: If there is none, it cannot be read, or another version planned it.
    """
    path = sweep_file(runs, name)
    try:
        content = json_of(read_regular(path, _MAX_BYTES))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise RunError(f"The sweep {path} is of another version; this one reads format {FORMAT}.")
        kind = KINDS[content["kind"]].recipe
        # Sweeps of before named files and folders from where they were begun.
        found = tuple(
            SweptRun(one["name"], dict(one["values"]), full_paths(one["recipe"], kind)) for one in content["runs"]
        )
        sweep = Sweep(content["name"], content["kind"], content["data"], content["swept"], found)
        if sweep.name != name or not all(run.name.startswith(name) for run in found):
            raise ValueError(f"name {sweep.name!r}")
    except OSError as error:
        raise RunError(f"The sweep {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"The sweep {path} is damaged: {error!r}.") from error
    return sweep


def sweep_names(runs: str | Path) -> list[str]:
    """Returns the names of the sweeps in a folder of runs, whether or not they can be read."""
    found = (path.name for path in Path(runs).glob(".*.sweep.json"))
    return sorted(name.removeprefix(".").removesuffix(".sweep.json") for name in found)


def is_done(sweep: Sweep, run: SweptRun, runs: str | Path) -> bool:
    """Tells whether a training of a sweep has become its run, and came to its end: it is not trained again then.

    Raises:
        RunError: If another model has its name.
    """
    folder = Path(runs) / run.name
    if not folder.exists():
        return False
    recipe = full_paths(ModelCard.read(folder / "card.json").recipe, KINDS[sweep.kind].recipe)
    if any(recipe.get(field) != value for field, value in run.recipe.items()):
        raise RunError(
            f"{run.name} is another model than that of its sweep: {folder}. Rename it: kerasface runs rename "
            f"{run.name} NEW"
        )
    ended = _last_end(folder / "events.jsonl")
    return ended is not None and not ended.get("stopped")


def values_text(values: Mapping[str, object]) -> str:
    """Returns what a training has of the settings that are swept: `norm=batch, seed=1`."""
    return ", ".join(f"{field}={value}" for field, value in values.items())


def _checked(kind: str, settings: Mapping[str, object], values: Mapping[str, object]) -> dict:
    """The whole recipe of a combination, as JSON has it."""
    steps = KINDS[kind].steps()
    try:
        recipe = steps.resolve(build_recipe({**settings, **values}, KINDS[kind].recipe))
        steps.check(recipe)
        check_paths(recipe)
    except ValueError as error:
        raise ValueError(f"{values_text(values)}: {error}") from error
    return json.loads(json.dumps(full_paths(asdict(recipe), type(recipe))))


def _values(name: str, text: str) -> list:
    try:
        found = toml_of(f"value = {text}")["value"] if text.startswith("[") else None
    except ValueError as error:
        raise ValueError(f"{name} is no list of TOML: {error}. Received: {text}.") from error
    values = [toml_value(part) for part in text.split(",")] if found is None else found
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        raise ValueError(f"{name} must be finite. Received: {name}={text}.")
    if "" in values or len(values) < 2:
        raise ValueError(f"A sweep takes two values or more of a setting. Received: {name}={text}.")
    if len({repr(value) for value in values}) < len(values):
        raise ValueError(f"{name} has the same value twice. Received: {name}={text}.")
    return values


def _last_end(log: Path) -> dict | None:
    """The last event of a log that tells of an end; it stands at the end of the file, and is looked for from there."""
    try:
        with open_regular(log) as file:
            length = tail = file.seek(0, os.SEEK_END)
            size = _TAIL
            while tail > 0:
                tail = max(0, length - size)
                file.seek(tail)
                for line in reversed(file.read().splitlines()[bool(tail) :]):  # the first may be half a line
                    if (event := _event(line)).get("event") == "end":
                        return event
                size *= 8
    except OSError:
        return None
    return None


def _event(line: bytes) -> dict:
    try:
        event = json_of(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
