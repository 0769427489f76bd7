"""Every option of the lectures' commands runs, on tiny data and with as few steps as there can be."""

import itertools
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.course.finding import ITEMS
from kerasface.course.records import Command
from kerasface.data.samples import draw_digit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]
ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted({lead.text for item in ITEMS.values() for lead in item.leads if isinstance(lead, Command)})
PEOPLE = ("ada", "emmy", "grace")
# What the words in capitals stand for, where no row of `KINDS` says something else.
STANDS_FOR = {
    "DATA": "people",
    "FOLDER": "people",
    "DIR": "judged",
    "IMAGE": "people/ada/1.jpg",
    "A": "people/ada/1.jpg",
    "B": "people/ada/2.jpg",
    "NAME": "mine",
    "PATH": "stage1_block1_relu2",
    "FILE": "file.png",
}
NETWORK, MASKS = (
    "--epochs 1 --image-size 32",
    "--head-epochs 0 --epochs 1 --copies 1 --image-size 64 --training-size 64",
)
# Part of a command -> what stands for some words there, and what makes it short. The first one that fits is taken.
KINDS = (
    ("--settings", {}, ""),
    ("train classify.*--no-faces.*--image-size 224", {"DATA": "pictures"}, "--epochs 0 --head-epochs 1"),
    ("train classify(?=.*--no-faces)(?=.*--backbone)", {"DATA": "pictures"}, NETWORK),
    ("train classify.*--no-faces", {"DATA": "pictures"}, f"--head-epochs 1 {NETWORK}"),
    ("train classify.*(--backbone|many-people)", {}, NETWORK),
    ("train classify.*--epochs 10", {}, "--epochs 1"),
    ("train classify.*--classifier softmax", {}, "--head-epochs 1"),
    ("face-parts.toml", {"DATA": "faces"}, f"{MASKS} --groups 'scenes_(.+)'"),
    ("train segment", {"DATA": "scenes/train", "DIR": "scenes/validation"}, MASKS),
    ("train metric.*siamese-digits", {"DATA": "pictures"}, "--epochs 1"),
    ("train metric.*--weights none", {"DATA": "crowd"}, NETWORK),
    ("train metric", {"DATA": "crowd"}, "--head-epochs 1"),
    ("embedders calibrate", {"DIR": "crowd", "NAME": "measured"}, ""),
    ("evaluate identification", {"DIR": "crowd"}, ""),
    ("evaluate verification", {"FILE": "pairs.txt", "DIR": "people"}, ""),
    ("inspect .*--out DIR", {"DIR": "out"}, ""),
    ("segment .*--model NAME", {"NAME": "parts", "DIR": "out"}, ""),
    ("segment .*--out DIR", {"DIR": "out"}, ""),
    ("--model digits", {"IMAGE": "digit.png"}, ""),
    ("sample digits", {"FOLDER": "written"}, ""),
    ("sample", {"FOLDER": "written"}, "--count 4"),
    ("enroll", {"NAME": "ada", "IMAGE": "people/ada/3.jpg"}, ""),
    ("--person NAME|unlock", {"NAME": "ada"}, ""),
)


# Commands that differ in these lead to different trainings; of others several options are tried in one.
_APART = ("--backbone", "--recipe", "--epochs", "--classifier", "--loss", "--weights", "--validation", "--image-size")


def options_of(text):
    """What comes before the first option, and the options of a command, each with its value."""
    head, *rest = re.split(r" (?=--)", text)
    return head, dict(option.partition(" ")[::2] for option in rest)


def grouped(commands):
    """Trainings that contradict each other in nothing become one, and so do comparisons of costs."""
    groups = []
    for text in commands:
        head, options = options_of(text)
        for group in groups if " train " in text else []:
            others = [options_of(other) for other in group]
            kinds = {"--no-faces", "--preview", "--find-lr", "--settings", "--sweep"}
            if all(
                head == other
                and not (options.keys() ^ had.keys()) & {*kinds, *_APART}
                and all(had.get(name, value) == value for name, value in options.items())
                for other, had in others
            ):
                group.append(text)
                break
        else:
            costs = [group for group in groups if "inspect cost" in text and "inspect cost" in group[0]]
            (costs or [groups.append([]) or groups[-1]])[0].append(text)
    return groups


def merged(group):
    """One command with the options of all."""
    if "inspect cost" in group[0]:
        names = [name for text in group for name in text.split()[3:]]
        return " ".join(["kerasface inspect cost", *dict.fromkeys(names)])
    head, options = options_of(group[0])
    for text in group[1:]:
        options |= options_of(text)[1]
    return " ".join([head, *(f"{name} {value}".strip() for name, value in options.items())])


GROUPS = grouped(COMMANDS)


def portrait_of(portrait, person, number):
    """The portrait's head in the colors of one of twelve people, each time in another light."""
    order = list(itertools.permutations(range(3)))[person % 6]
    head = portrait[:256, 96:352, order]
    head = head if person < 6 else 255 - (255 - head) // 2  # paler
    rows, cols = np.mgrid[-1:1:256j, -1:1:256j]
    slope = np.cos(1.3 * number + person) * rows + np.sin(1.3 * number + person) * cols
    return Image.fromarray((head * (0.65 + 0.35 * slope)[..., None]).clip(0, 255).astype(np.uint8))


def write_pictures(portrait):
    """Photos of three people and of a dozen, pictures of four colors, pairs of photos, and a digit."""
    photos = {
        f"people/{name}/{number}.jpg": (place, number) for place, name in enumerate(PEOPLE) for number in (1, 2, 3)
    }
    photos |= {f"judged/{name}/4.jpg": (place, 4) for place, name in enumerate(PEOPLE)}
    photos |= {
        f"crowd/p{place}/{number}.jpg": (place, number) for place in range(12) for number in range(1 + place % 2)
    }
    for name, (person, number) in photos.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        portrait_of(portrait, person, number).save(name, quality=95)
    random = np.random.default_rng(0)
    for (channel, name), number in itertools.product(enumerate(("blue", "green", "red", "grey")), range(4)):
        picture = random.integers(0, 120, (20, 24, 3))
        picture[..., 2 - channel if channel < 3 else slice(None)] += 100
        Path("pictures", name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(f"pictures/{name}/{number}.png")
    pairs = itertools.combinations([name.removeprefix("people/") for name in photos if name.startswith("people")], 2)
    Path("pairs.txt").write_text("\n".join(f"{one} {two} {int(one[:3] == two[:3])}" for one, two in pairs))
    Image.fromarray(draw_digit(7)).save("digit.png")


def run(line):
    """Its output; of a training no function is traced, which would take longer than the few steps that it makes."""
    tf.config.run_functions_eagerly(" train " in line)
    try:
        result = CliRunner().invoke(main, shlex.split(line)[1:])
    finally:
        tf.config.run_functions_eagerly(False)
    assert result.exit_code == 0, f"{line}\n{result.output}"
    return result.output


@pytest.fixture(scope="module")
def ground(portrait, tmp_path_factory):
    """A working folder with data, somebody enrolled, and two models that commands take."""
    folder = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # Tests of its own time it; here it would trace networks of a hundred million weights.
        patch.setattr("kerasface.inspection.cost.comparison.measure_latency", lambda model: 1.0)
        for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            patch.setenv(variable, str(folder / variable.lower()))
        Path("configs").symlink_to(ROOT / "configs")
        write_pictures(portrait)
        run("kerasface sample scenes scenes --count 8")
        shutil.copytree("scenes/train", "faces")
        names = dict(
            zip(("person", "bag", "plants", "path", "building"), ("skin", "hair", "eyes", "nose", "mouth"), strict=True)
        )
        classes = Path("faces/classes.txt")
        classes.write_text(
            re.sub("^[a-z]+", lambda found: names.get(found[0], found[0]), classes.read_text(), flags=re.M)
        )
        run("kerasface train classify people --name mine")
        run(f"kerasface train classify people --name measured --backbone simple_cnn {NETWORK}")
        run(f"kerasface train segment scenes/train --recipe configs/scenes.toml --name parts {MASKS}")
        run("kerasface enroll ada people/ada/1.jpg")
        yield folder


def line_of(text, number):
    """The command with names instead of words in capitals, and the options that make it short."""
    stands, more = next(((stands, more) for part, stands, more in KINDS if re.search(part, text)), ({}, ""))
    words = {**STANDS_FOR, **stands}
    if " train " in text:
        words["NAME"] = f"trained-{number}"
    fresh = {"out": f"out-{number}", "written": f"written-{number}", "file.png": f"file-{number}.png"}
    words = {name: fresh.get(value, value) for name, value in words.items()}
    line = re.sub(r"\b[A-Z]+\b", lambda found: words.get(found[0], found[0]), text)
    return f"{line} {more}".strip()


@pytest.mark.usefixtures("ground")
@pytest.mark.parametrize("number", range(len(GROUPS)), ids=[" + ".join(group) for group in GROUPS])
def test_commands_run(number):
    text = merged(GROUPS[number])
    if text == "kerasface unlock --user NAME":
        pytest.skip("It waits for a camera: tests/unlock and tests/test_browser.py unlock with one.")
    before = set(Path().rglob("*"))
    assert run(line_of(text, number)).strip()
    made = set(Path().rglob("*")) - before
    if re.search("train (classify|segment|metric)", text) and not re.search("--(settings|preview|find-lr)", text):
        assert [path for path in made if path.suffix == ".keras"]
    elif re.search("--(out|preview|find-lr|csv)|sample", text):
        assert made
