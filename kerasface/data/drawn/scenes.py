"""Scenes of a street: a person, a bag, plants, a path and buildings, in changing shapes, textures and light."""

import numpy as np

from kerasface.data.drawn.canvas import Canvas

CLASSES = ("background", "person", "bag", "plants", "path", "building")
COLORS = ("#000000", "#e69f00", "#cc79a7", "#009e73", "#0072b2", "#d55e00")
SIZE = (128, 128)  # height and width in pixels
_PERSON, _BAG, _PLANTS, _PATH, _BUILDING = range(1, 6)
_SKIN = ((255, 219, 186), (224, 172, 124), (172, 118, 78), (107, 70, 48))
_HAIR = ((30, 24, 20), (92, 58, 30), (196, 152, 84), (150, 150, 150), (140, 54, 28))


def draw_scene(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws one scene.

    Args:
        generator: The source of all randomness.

    Returns:
        RGB uint8 `(128, 128, 3)`, and class ids of `CLASSES`, uint8 `(128, 128)`.
    """
    height, width = SIZE
    canvas = Canvas(width, height, generator)
    horizon = generator.uniform(0.35, 0.6) * height
    _ground(canvas, horizon)
    _buildings(canvas, horizon)
    _path(canvas, horizon)
    for _ in range(generator.integers(0, 4)):
        _plant(canvas, horizon + generator.uniform(0, 0.15) * height, generator.uniform(0.7, 1.2))
    for _ in range(generator.choice([0, 1, 2], p=[0.15, 0.65, 0.2])):
        _person(canvas, generator.uniform(horizon + 0.25 * height, height * 1.0))
    if generator.random() < 0.6:
        x, foot = generator.uniform(0.05, 0.95) * width, generator.uniform(horizon + 0.15 * height, height)
        _bag(canvas, x, foot, generator.uniform(20, 36))
    if generator.random() < 0.5:
        _plant(canvas, generator.uniform(0.85, 1.05) * height, generator.uniform(0.6, 1.2))
    _shadow(canvas)
    return canvas.finished(
        light=generator.uniform(0.7, 1.15),
        tint=generator.uniform(0.88, 1.12, 3),
        blur=generator.choice([0, 0.4]),
        grain=generator.uniform(1, 7),
    )


def _any_color(canvas: Canvas, low: float = 20, high: float = 245) -> np.ndarray:
    return canvas.random.uniform(low, high, 3)


def _ground(canvas: Canvas, horizon: float) -> None:
    """Sky and earth: the background."""
    random = canvas.random
    _, y = canvas.places()
    sky = np.array(random.choice([(120, 170, 230), (200, 210, 220), (235, 190, 150), (90, 100, 120)]), np.float32)
    fading = (1.0 + 0.35 * (y / canvas.height))[..., None]
    canvas.paint(y < horizon, sky * fading * (1 + 0.05 * canvas.noise(40))[..., None])
    earth = random.choice([(150, 128, 96), (186, 170, 140), (120, 116, 110), (128, 132, 84), (206, 196, 176)])
    canvas.paint(y >= horizon, canvas.textured(earth, random.uniform(0.04, 0.12), random.uniform(1.5, 5)))


def _buildings(canvas: Canvas, horizon: float) -> None:
    random = canvas.random
    for _ in range(random.integers(0, 3)):
        wide, high = random.uniform(0.25, 0.6) * canvas.width, random.uniform(0.5, 1.1) * horizon
        left, base = random.uniform(-0.1, 0.9) * canvas.width, horizon + random.uniform(0, 6)
        top = base - high
        wall = random.choice([(170, 84, 64), (222, 208, 180), (150, 150, 152), (196, 160, 110), (236, 236, 230)])
        color = canvas.textured(wall + random.normal(0, 12, 3), random.uniform(0.02, 0.08), random.uniform(1, 6))
        box = canvas.polygon([(left, top), (left + wide, top), (left + wide, base), (left, base)])
        canvas.paint(box, color, _BUILDING)
        x, y = canvas.places()
        if random.random() < 0.5:  # bricks, or planks
            rows = random.uniform(2.5, 5)
            canvas.shade(box & (y % rows < 0.5), 0.82)
        if random.random() < 0.6:
            peak = (left + wide * random.uniform(0.3, 0.7), top - random.uniform(0.15, 0.4) * wide)
            roof = canvas.polygon([(left - 3, top), peak, (left + wide + 3, top)])
            canvas.paint(
                roof, canvas.textured(random.choice([(140, 60, 44), (80, 80, 88), (96, 64, 40)]), 0.06, 2), _BUILDING
            )
        step = random.uniform(9, 16)
        pane = random.choice([(60, 70, 84), (150, 190, 214), (240, 220, 150)])
        inside = (x - left) % step, (y - top) % (step * 1.25)
        panes = (
            (inside[0] > step * 0.3) & (inside[0] < step * 0.75) & (inside[1] > step * 0.35) & (inside[1] < step * 0.9)
        )
        canvas.paint(box & panes, canvas.textured(pane, 0.1, 4), _BUILDING)


def _path(canvas: Canvas, horizon: float) -> None:
    """A way that narrows towards the horizon, of slabs or gravel."""
    random = canvas.random
    if random.random() < 0.12:
        return
    bottom, end = random.uniform(0.2, 0.8) * canvas.width, random.uniform(0.2, 0.8) * canvas.width
    near, far, bend = random.uniform(35, 75), random.uniform(7, 16), random.uniform(-20, 20)
    along = np.linspace(0, 1, 16)
    middle = bottom + (end - bottom) * along + bend * np.sin(np.pi * along)
    half = (near + (far - near) * along**0.7) / 2
    y = canvas.height + 2 + (horizon - canvas.height - 2) * along
    edge = np.concatenate([np.stack([middle - half, y], 1), np.stack([middle + half, y], 1)[::-1]])
    where = canvas.polygon(edge)
    grey = random.choice([(176, 174, 172), (120, 118, 122), (198, 178, 160), (90, 92, 98)])
    stone = canvas.textured(grey, random.uniform(0.02, 0.07), random.uniform(1, 3))
    canvas.paint(where, stone, _PATH)
    for side in (-half, half):  # kerbs
        canvas.paint(where & canvas.line(np.stack([middle + side, y], axis=1), 2.4), stone * 0.55, _PATH)
    x, down = canvas.places()
    if random.random() < 0.7:  # slabs: joints come closer with distance
        depth = np.log(np.maximum(down - horizon, 0) + 4)
        canvas.shade(where & (depth * random.uniform(5, 9) % 1 < 0.14), 0.7)
    if random.random() < 0.5:
        canvas.shade(where & (x % random.uniform(9, 16) < 0.9), 0.75)


def _plant(canvas: Canvas, foot: float, size: float) -> None:
    """A tree, a bush or a hedge, of leaves."""
    random = canvas.random
    x, kind = random.uniform(0, 1) * canvas.width, random.choice(["tree", "bush", "hedge"], p=[0.45, 0.35, 0.2])
    leaf = np.array([random.uniform(30, 110), random.uniform(90, 170), random.uniform(20, 80)])
    if random.random() < 0.15:
        leaf = np.array([random.uniform(150, 200), random.uniform(90, 140), 40])  # autumn
    leaves = canvas.textured(leaf, 0.22, random.uniform(1, 2)) * (1 + 0.12 * canvas.noise(6))[..., None]
    if kind == "hedge":
        wide, high = size * random.uniform(40, 90), size * random.uniform(12, 24)
        for place in np.linspace(-0.5, 0.5, 7):
            canvas.paint(canvas.blob(x + place * wide, foot - high / 2, wide / 9, high / 2, 0, 0.2), leaves, _PLANTS)
        return
    crown, lift = size * random.uniform(12, 24), 0.0
    if kind == "tree":
        lift = size * random.uniform(20, 42)
        bark = canvas.textured(random.choice([(92, 66, 44), (70, 56, 46), (128, 112, 96)]), 0.15, 1.5)
        canvas.paint(
            canvas.line([(x, foot), (x + random.normal(0, 2), foot - lift)], size * random.uniform(4, 7)), bark, _PLANTS
        )
    for _ in range(random.integers(3, 7)):
        there = x + random.normal(0, crown * 0.45), foot - lift - crown * random.uniform(0.2, 0.9)
        canvas.paint(canvas.blob(*there, crown * 0.7, crown * 0.6, 0, 0.25), leaves, _PLANTS)


def _person(canvas: Canvas, foot: float) -> None:
    """Somebody who stands or walks, sometimes with a bag in the hand or over the shoulder."""
    random = canvas.random
    tall = random.uniform(0.5, 0.8) * canvas.height * (0.6 + 0.4 * foot / canvas.height)
    x, head, lean = (
        random.uniform(0.1, 0.9) * canvas.width,
        tall * random.uniform(0.062, 0.08),
        random.normal(0, 0.02) * tall,
    )
    neck, hip, wide = foot - tall * 0.83, foot - tall * 0.48, tall * random.uniform(0.1, 0.15)
    shirt, below = _any_color(canvas), _any_color(canvas, 20, 200)
    skin, hair = np.array(_SKIN[random.integers(4)]), _HAIR[random.integers(5)]
    canvas.shade(canvas.ellipse(x + 4, foot, tall * 0.16, tall * 0.03), 0.7)
    stride = random.uniform(0.02, 0.13) * tall
    cloth = canvas.textured(below, 0.06, 2)
    for side in (-1, 1):
        canvas.paint(
            canvas.line([(x + side * wide * 0.35, hip), (x + side * stride, foot - 2)], tall * 0.085), cloth, _PERSON
        )
        canvas.paint(
            canvas.ellipse(x + side * stride + 1.5, foot - 1.5, tall * 0.05, tall * 0.022), (40, 34, 32), _PERSON
        )
    if random.random() < 0.35:  # a skirt or a coat
        hem = hip + tall * random.uniform(0.12, 0.3)
        skirt = [(x - wide * 0.8, hip), (x + wide * 0.8, hip), (x + wide * 1.3, hem), (x - wide * 1.3, hem)]
        canvas.paint(canvas.polygon(skirt), cloth, _PERSON)
    hands = []
    weave = canvas.textured(shirt, 0.05, 2)
    for side in (-1, 1):
        shoulder = (x + lean + side * wide * 0.85, neck + tall * 0.05)
        elbow = (shoulder[0] + side * random.uniform(0, 0.1) * tall, neck + tall * 0.2)
        hand = (elbow[0] + random.normal(0, 0.05) * tall, neck + tall * random.uniform(0.3, 0.4))
        canvas.paint(canvas.line([shoulder, elbow, hand], tall * 0.055), weave, _PERSON)
        canvas.paint(canvas.ellipse(*hand, tall * 0.03, tall * 0.03), skin, _PERSON)
        hands.append(hand)
    torso = [(x + lean - wide, neck), (x + lean + wide, neck), (x + wide * 0.8, hip + 2), (x - wide * 0.8, hip + 2)]
    body = canvas.polygon(torso)
    canvas.paint(body, weave, _PERSON)
    if random.random() < 0.35:
        canvas.shade(body & (canvas.places()[1] % (tall * 0.07) < tall * 0.03), random.uniform(0.6, 1.4))
    canvas.paint(canvas.line([(x + lean, neck), (x + lean, neck - head)], head * 0.8), skin * 0.92, _PERSON)
    canvas.paint(canvas.ellipse(x + lean, neck - head * 1.5, head * 1.08, head * 1.25), hair, _PERSON)
    canvas.paint(canvas.ellipse(x + lean + random.normal(0, 1), neck - head * 1.3, head * 0.8, head), skin, _PERSON)
    if random.random() < 0.65:
        hand = hands[random.integers(2)]
        size = tall * random.uniform(0.24, 0.36)
        _bag(canvas, hand[0], hand[1] + size * 1.05, size)


def _bag(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """A bag with its handle; `foot` is its lower edge."""
    random = canvas.random
    wide, high = size * random.uniform(0.8, 1.15), size * random.uniform(0.6, 0.85)
    top, slope = foot - high, wide * random.uniform(-0.08, 0.12)
    leather = canvas.textured(_any_color(canvas, 30, 235), 0.07, random.uniform(1, 3))
    canvas.shade(canvas.ellipse(x + 3, foot, wide * 0.55, size * 0.08), 0.75)
    angles = np.linspace(np.pi, 2 * np.pi, 9)
    handle = np.stack([x + wide * 0.28 * np.cos(angles), top + size * 0.38 * np.sin(angles)], axis=1)
    canvas.paint(canvas.line(handle, max(2.4, size * 0.1)), leather * 0.7, _BAG)
    corners = [(x - wide / 2 + slope, top), (x + wide / 2 - slope, top), (x + wide / 2, foot), (x - wide / 2, foot)]
    body = canvas.polygon(corners)
    canvas.paint(body, leather, _BAG)
    _, y = canvas.places()
    canvas.shade(body & (y < top + high * random.uniform(0.15, 0.4)), random.uniform(0.65, 0.85))
    canvas.paint(canvas.ellipse(x, top + high * 0.35, size * 0.06, size * 0.06), (226, 196, 110), _BAG)


def _shadow(canvas: Canvas) -> None:
    """The shadow of something outside of the picture, across everything."""
    random = canvas.random
    if random.random() < 0.4:
        x, y = canvas.places()
        turn = random.uniform(0, 2 * np.pi)
        side = (x - canvas.width / 2) * np.cos(turn) + (y - canvas.height / 2) * np.sin(turn)
        canvas.shade(side > random.uniform(10, 60), random.uniform(0.55, 0.8))
