"""Reads a folder of pictures and masks: which belong together, what the classes are, and the ids in a mask."""

import colorsys
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kerasface.data.masks.augmentation import OUTSIDE
from kerasface.files.paths import read_text
from kerasface.images.decoding import EmptyImageError, ImageError, decode, is_left_behind, reason_against

CLASSES_FILE = "classes.txt"

Color = tuple[int, int, int]

# Black, then the colours of Okabe and Ito ("Color Universal Design", 2008), which colour-blind people tell apart.
_COLORS: tuple[Color, ...] = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_MANY = 64  # unknown values in one file: that is no mask with a slip of the pen
# A lossy format changes ids and colours; these do not (WebP may, and is then found out by its colours).
_LOSSLESS = ("PNG", "BMP", "GIF", "TIFF", "WEBP")
_SHORT_OF_8_BITS = {"L;2": 85, "L;4": 17}  # Pillow spreads the grey levels of small depths over 0 to 255


@dataclass(frozen=True, eq=False)
class MaskFolders:
    """What a folder of pictures and masks holds.

    Attributes:
        root: The folder that was read.
        names: File stems of the pairs, sorted.
        images: The picture of each pair.
        masks: The mask of each pair.
        classes: Names of the classes, by class id.
        colors: RGB colour of each class, 0 to 255.
        rejected: `(path, reason)` of everything else in the two folders, hidden files excepted.
    """

    root: Path
    names: list[str]
    images: list[Path]
    masks: list[Path]
    classes: tuple[str, ...]
    colors: tuple[Color, ...]
    rejected: list[tuple[Path, str]]


def read_mask_folders(
    root: str | os.PathLike, classes: Sequence[str] | None = None, colors: Sequence[Color] | None = None
) -> MaskFolders:
    """Reads a folder that holds `images` and `masks`, whose files belong together by their names without suffix.

    The classes stand in its `classes.txt`, one per line in the order of their ids, as `name` or `name #rrggbb`; the
    first is usually the background. No file is opened, but for one case: where there is neither that file nor names
    from the caller, the masks are read for their largest id, and the classes are called `class 0`, `class 1`, ...

    Args:
        root: The folder.
        classes: Names of the classes by id, for a folder without `classes.txt`.
        colors: RGB colours to go with `classes`; distinct ones by default.

    Raises:
        ValueError: If a folder is missing, no picture has a mask, two files of one folder have the same stem, or the
            classes are not 2 to 255 different names of different colours, the same in file and call.
    """
    root = Path(root)
    for folder in (root, root / "images", root / "masks"):
        if not folder.is_dir():
            raise ValueError(
                f"{folder} {'is not a folder' if folder.exists() else 'does not exist'}. Put the pictures into a "
                "folder named images and their masks, under the same names, into one named masks beside it."
            )
    images, rejected = files_by_stem(root / "images")
    masks, rejected_masks = files_by_stem(root / "masks")
    names = sorted(images.keys() & masks.keys())
    if not names:
        raise ValueError(
            f"No picture in {root} has a mask of its own name. Received: {_some(images)} in images, {_some(masks)} in "
            "masks. Give each mask the name of its picture; only the suffix may differ."
        )
    rejected += [(path, f"{path}: No mask of this name.") for stem, path in sorted(images.items()) if stem not in masks]
    rejected += rejected_masks
    rejected += [
        (path, f"{path}: No picture of this name.") for stem, path in sorted(masks.items()) if stem not in images
    ]
    mask_paths = [masks[name] for name in names]
    classes, colors = _classes_of(root, mask_paths, classes, colors)
    return MaskFolders(root, names, [images[name] for name in names], mask_paths, classes, colors, rejected)


def read_mask(path: Path, classes: Sequence[str], colors: Sequence[Color] | None = None) -> np.ndarray:
    """Reads a mask: class ids in one channel (a palette by its indices), or colours of `classes.txt`, greys as well.

    Limits on files are those of pictures, and an EXIF orientation is applied as to pictures. Pixels that are fully
    transparent are class 0.

    Args:
        path: A PNG, BMP, GIF, TIFF or lossless WebP file.
        classes: Names of the classes, by class id.
        colors: RGB colour of each class, `default_colors` by default.

    Returns:
        Class ids uint8, shape `(height, width)`.

    Raises:
        ImageError: If the file cannot be read, or holds anything but the ids or colours of the classes.
    """
    values, greys, alpha = _stored_values(path)
    colors = colors or default_colors(len(classes))
    ids, unknown, numbers, name = values, None, values, "id {}"
    if values.ndim == 2:
        unknown = (values < 0) | (values >= len(classes))
    if greys is not None and _follows_colors(values, greys, alpha, colors, unknown):
        values, unknown = greys, None
    if unknown is None:
        ids, numbers, unknown = _ids_of_colors(values, colors)
        name = "#{:06x}"
    if alpha is not None:
        if blended := int(((alpha > 0) & (alpha < 255)).sum()):
            raise ImageError(f"{path}: {blended:,} pixels are half transparent. Draw the mask without smooth edges.")
        unknown = unknown & (alpha > 0)
        ids = np.where(alpha > 0, ids, 0)
    if unknown.any():
        seen = np.ones(unknown.shape, dtype=bool) if alpha is None else alpha > 0
        shown = values if values.ndim == 3 else greys
        shown = None if shown is None else shown[seen]
        raise ImageError(f"{path}: {_unknown(numbers, unknown, name, shown, classes, colors)}")
    return ids.astype(np.uint8)


def _follows_colors(values, greys, alpha, colors: Sequence[Color], unknown: np.ndarray) -> bool:
    """Whether a mask of one channel holds the colours of its classes and not their ids.

    It does where all its pixels have such a colour and some could be no id; where all could be both, only if every
    class has a shade of grey, as ids are then told by nothing else.
    """
    seen = slice(None) if alpha is None else alpha > 0
    _, _, strange = _ids_of_colors(greys, colors)
    if strange[seen].any():
        return False
    return bool(unknown[seen].any()) or all(red == green == blue for red, green, blue in colors)


def default_colors(num_classes: int, taken: Sequence[Color] = ()) -> tuple[Color, ...]:
    """Returns distinct RGB colours for classes that have none, black for the first; none of them is in `taken`."""
    chosen = [color for color in _COLORS if color not in taken][:num_classes]
    turn = 0
    while len(chosen) < num_classes:
        # The golden ratio spreads any number of hues evenly.
        hue, value = turn * 0.618 % 1, (0.95, 0.6, 0.8)[turn % 3]
        color = tuple(round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, 0.65, value))
        if color not in chosen and color not in taken:
            chosen.append(color)
        turn += 1
    return tuple(chosen)


def files_by_stem(folder: Path) -> tuple[dict[str, Path], list[tuple[Path, str]]]:
    """Returns the images of a folder by stem, and `(path, reason)` of what is none."""
    found: dict[str, Path] = {}
    rejected = []
    for path in sorted(path for path in folder.iterdir() if not is_left_behind(path.name)):
        if path.is_dir():
            rejected.append((path, f"{path}: A folder, where an image file is needed."))
        elif reason := reason_against(path):
            rejected.append((path, reason))
        elif path.stem in found:
            raise ValueError(
                f"Files of one folder need different names before the suffix. Received: {found[path.stem].name} and "
                f"{path.name} in {folder}. Remove or rename one."
            )
        else:
            found[path.stem] = path
    return found, rejected


def _some(files: dict[str, Path]) -> str:
    first = next(iter(files.values()), None)
    return f"{len(files)} files, such as {first.name}," if first else "no file"


def _classes_of(root: Path, masks: list[Path], names, colors) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    path = root / CLASSES_FILE
    if path.exists():
        stated, own = read_classes(path)
        if names is not None and tuple(names) != stated:
            raise ValueError(f"{path} names other classes. Received: {', '.join(names)}; there: {', '.join(stated)}.")
        names, colors = stated, own
    elif names is None:
        names = [f"class {index}" for index in range(_largest_id(root, masks) + 1)]
    colors = list(colors or [None] * len(names))
    if not 2 <= len(names) <= OUTSIDE or len(set(names)) < len(names) or len(colors) != len(names):
        raise ValueError(
            f"A mask needs 2 to {OUTSIDE} classes of different names, and a colour for each or for none. "
            f"Received: {len(names)} names, {len(set(names))} of them different, {len(colors)} colours in {root}."
        )
    own = [tuple(color) for color in colors if color is not None]
    if len(set(own)) < len(own):
        raise ValueError(f"Two classes of {root} have the same colour. Give each its own, or none.")
    others = iter(default_colors(len(names) - len(own), own))
    return tuple(names), tuple(next(others) if color is None else tuple(color) for color in colors)


def read_classes(path: Path) -> tuple[tuple[str, ...], list[Color | None]]:
    try:
        lines = read_text(path).rstrip().splitlines()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: Cannot be read as UTF-8 text ({error}). Save it so.") from error
    names, colors = [], []
    for number, line in enumerate(lines, 1):
        parts = re.fullmatch(r"([^#]+?)(?:\s+#([0-9a-fA-F]{6}))?", line.strip())
        if parts is None:
            raise ValueError(f"{path}: A line is `name` or `name #rrggbb`. Received: line {number}, {line.strip()!r}.")
        names.append(parts[1])
        colors.append(tuple(bytes.fromhex(parts[2])) if parts[2] else None)
    return tuple(names), colors


def _largest_id(root: Path, masks: list[Path]) -> int:
    """The largest id in masks that are readable as ids; the others are rejected, by name, when they are loaded."""
    found: set[int] = set()
    shades, problem = True, None
    for path in masks:
        try:
            values, greys, _ = _stored_values(path)
            if values.ndim == 3 or values.min(initial=0) < 0 or values.max(initial=0) > OUTSIDE:
                read_mask(path, [str(number) for number in range(OUTSIDE)])  # says what is wrong
            found |= set(np.unique(values).tolist())
            shades = shades and greys is not None and np.array_equal(greys[..., 0], values)
        except ImageError as error:
            problem = problem or error
    largest = max(found, default=-1)
    if shades and len(found) <= _MANY and (largest == OUTSIDE or largest > 2 * len(found)):
        lines = (f"`class {index} #{bytes([value] * 3).hex()}`" for index, value in enumerate(sorted(found)))
        raise ValueError(
            f"The masks in {root} hold the grey values {', '.join(map(str, sorted(found)))}, and nothing says which "
            f"class each is. Write {root / CLASSES_FILE} with the lines {', '.join(lines)}, and your own names in "
            "place of these."
        )
    if largest < 0:
        raise ValueError(f"No mask in {root} holds class ids. Name the classes in {CLASSES_FILE}. The first: {problem}")
    return largest


def _stored_values(path: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """What a file stores of each pixel.

    Returns:
        Ids `(height, width)`, or colours `(height, width, 3)`; of ids the colours `(height, width, 3)` that they are
        shown in; the opacity if there is one.
    """
    with suppress(EmptyImageError):  # transparent all over: class 0
        decode(path)  # holds the limits on files and pixels, and explains what is damaged, as for every picture
    try:
        with Image.open(path) as image:
            lossless, mode = image.format in _LOSSLESS, image.mode
            packing = image.tile[0].args if image.tile else ""
            upright = ImageOps.exif_transpose(image)
    except Image.UnidentifiedImageError:  # HEIC
        lossless = False
    except Exception as error:
        raise ImageError(f"{path}: Cannot be read as a mask ({error}). Save it as PNG.") from error
    if not lossless:
        raise ImageError(f"{path}: Looks like a photo: its format blurs the class ids. Draw and save the mask as PNG.")
    if mode in ("1", "L", "P") or mode.startswith("I"):
        packing = packing if isinstance(packing, str) else packing[0]
        stored = np.asarray(upright)
        if mode in ("1", "P"):
            return stored.astype(np.int32), np.asarray(upright.convert("RGB")), None
        # 65535 is as white as 255; what is no shade of 8 bits is no colour of a class, and stands for none.
        shades = stored // 257 if mode != "L" and stored.max(initial=0) > 255 and not (stored % 257).any() else stored
        greys = np.repeat(np.where((shades >= 0) & (shades < 256), shades, 0).astype(np.uint8)[..., None], 3, axis=2)
        return (
            stored // _SHORT_OF_8_BITS.get(packing, 1),
            greys if shades.min(initial=0) >= 0 and shades.max(initial=0) < 256 else None,
            None,
        )
    if mode == "LA":
        values = np.asarray(upright)
        return values[..., 0], np.repeat(values[..., :1], 3, axis=2), values[..., 1]
    if mode in ("RGB", "RGBA"):
        values = np.asarray(upright.convert("RGBA"))
        return values[..., :3], None, values[..., 3]
    raise ImageError(f"{path}: A mask has one channel, RGB or RGBA. Received: mode {mode}. Save it as 8-bit PNG.")


def _ids_of_colors(pixels: np.ndarray, colors: Sequence[Color]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns ids, colours as numbers 0xrrggbb, and where a colour is unknown; `(height, width)` each."""
    weights = np.array([0x10000, 0x100, 1])
    numbers = pixels.astype(np.int32) @ weights
    known = np.asarray(colors) @ weights
    order = np.argsort(known)
    place = np.searchsorted(known[order], numbers).clip(max=len(known) - 1)
    return order[place], numbers, known[order][place] != numbers


def _unknown(
    numbers, unknown, name: str, shown: np.ndarray | None, classes: Sequence[str], colors: Sequence[Color]
) -> str:
    """What is wrong with a mask, and what to do.

    Args:
        numbers: Id or colour of each pixel, as a number.
        unknown: Where it is none of the classes'.
        name: How such a number is written.
        shown: The colours of all pixels that count, `(num_pixels, 3)`; `None` for ids that no colour has.
        classes: Names of the classes.
        colors: Their colours.
    """
    found, counts = np.unique(numbers[unknown], return_counts=True)
    if len(found) > _MANY:
        return (
            f"Looks like a photo: {len(found):,} different values are no class. Smoothing, scaling and JPEG blur the "
            "ids: draw the mask without them and save it as PNG."
        )
    first = np.argsort(-counts, kind="stable")[:3]
    listed = ", ".join(f"{name.format(found[index])} ({counts[index]:,} pixels)" for index in first)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    if name.startswith("id"):
        rule = f"A mask holds the ids of its classes, 0 to {len(classes) - 1}"
    else:
        rule = "A mask in colours holds those of its classes"
    if shown is None or (name.startswith("id") and ((numbers > 0) & ~unknown).any()):  # a slip of the pen
        remedy = f"Name the class in {CLASSES_FILE}, or draw these pixels as another"
    else:
        remedy = f"Write {CLASSES_FILE} with the lines {_lines(shown, classes, colors)}"
    return f"{rule}. Received: {listed}{more}. {remedy}."


def _lines(shown: np.ndarray, classes: Sequence[str], colors: Sequence[Color]) -> str:
    """Lines of a `classes.txt` by which the colours that were found are those of classes, as they could stand there."""
    found = [tuple(color) for color in np.unique(shown.reshape(-1, 3), axis=0).tolist()]
    known = {tuple(color): name for name, color in zip(classes, colors, strict=True) if tuple(color) in found}
    free = iter([name for name in classes if name not in known.values()])
    names = {color: known.get(color) or next(free, None) for color in found}
    taken = {name for name in names.values() if name}
    extra = (f"class {number}" for number in range(len(classes), 256) if f"class {number}" not in taken)
    of_name = {name or next(extra): color for color, name in names.items()}
    order = [*(name for name in classes), *(name for name in of_name if name not in classes)]
    written = (f"{name} #{bytes(of_name[name]).hex()}" if name in of_name else name for name in order)
    return ", ".join(f"`{line}`" for line in written)
