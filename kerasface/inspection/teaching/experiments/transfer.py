"""Transfer on a small scale: a network that reads clean digits learns blurred ones, with more or less of it frozen."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from kerasface.inspection.teaching.experiments.digits import Digits, first_of_each, split_digits
from kerasface.inspection.teaching.experiments.small_networks import Design, Momentum, SmallNetwork
from kerasface.inspection.threads import OneThread

CLASSES = tuple(range(10))
_DESIGN = Design((64, 80, 80, 80, 10))  # 32 * 80 * 80 products are still computed by one thread, which is faster
_BATCH, _SOURCE_STEPS, _SOURCE_RATE = 32, 800, 0.02
_PARTS = 10  # in which digits are judged: again for one thread each
_BLUR, _NOISE = 0.8, 0.5  # deviations, in pixels and in those of the digits
STEPS, RATE, DRAWS = 150, 0.1, 3
EVERY = 10  # steps from one measurement to the next


@dataclass(frozen=True)
class Policy:
    """What of a network is trained, and how fast.

    Attributes:
        text: What it does.
        rates: Rate of every layer as a multiple of the classifier's, which is the last; 0 is frozen.
        from_scratch: Whether the layers begin with random weights.
    """

    text: str
    rates: tuple[float, ...]
    from_scratch: bool = False


POLICIES = {
    "frozen": Policy("Only the new classifier learns; all else stays as it was.", (0, 0, 0, 1)),
    "last layer": Policy("The last hidden layer learns, too, at a tenth of the rate.", (0, 0, 0.1, 1)),
    "all, slowly": Policy("All layers learn, those from before at a tenth of the rate.", (0.1, 0.1, 0.1, 1)),
    "all, full rate": Policy("All layers learn at the full rate: what was known may be lost.", (1, 1, 1, 1)),
    "from scratch": Policy("Nothing was known before.", (1, 1, 1, 1), from_scratch=True),
}


@dataclass(frozen=True, eq=False)
class TransferCurve:
    """How well the new pictures are read while they are learned.

    Attributes:
        steps: At which it was measured, from 0.
        accuracies: Share of the new pictures held out that are read rightly at each, the mean of all draws; NaN where
            one diverged.
        changed: How far the layers from before moved: length of the change of their weights by the length they had;
            it says nothing where one diverged.
    """

    steps: np.ndarray
    accuracies: np.ndarray
    changed: float


@OneThread()
def transfer(
    policy: str,
    per_class: int,
    *,
    rate: float = RATE,
    steps: int = STEPS,
    draws: int = DRAWS,
    on_draw: Callable[[int], None] = lambda done: None,
) -> TransferCurve:
    """Learns to read blurred and noisy digits from a few of each, after a network has learned clean ones.

    Args:
        policy: One of `POLICIES`.
        per_class: New pictures of each digit.
        rate: Of the classifier, above 0.
        steps: At least 1.
        draws: Trainings that the mean is taken of, each with other first weights of the classifier and other batches.
        on_draw: Called with the number of trainings done.

    Raises:
        ValueError: If an argument is out of range.
    """
    if policy not in POLICIES or not 0 < rate < np.inf or min(steps, draws) < 1:
        raise ValueError(
            f"Policies are {', '.join(POLICIES)}, a rate is above 0, there is at least one step and one draw. "
            f"Received: policy={policy!r}, rate={rate}, steps={steps}, draws={draws}."
        )
    digits = new_digits()
    rows = first_of_each(digits.labels, per_class, CLASSES)
    x, targets = digits.x[rows], np.eye(len(CLASSES), dtype=np.float32)[digits.labels[rows]]
    measured = [step for step in range(steps + 1) if step % EVERY == 0 or step == steps]
    accuracies, changed = np.full((draws, len(measured)), np.nan), []
    for draw in range(draws):
        network = SmallNetwork(_DESIGN, draw + 1)
        if not POLICIES[policy].from_scratch:
            network.layers[:-1] = copy.deepcopy(pretrained().layers[:-1])
        start = [layer.weights.copy() for layer in network.layers[:-1]]
        for place, accuracy in enumerate(_learn(network, POLICIES[policy], x, targets, measured, rate, draw)):
            accuracies[draw, place] = accuracy
        with np.errstate(over="ignore", invalid="ignore"):
            moved = sum(np.square(now.weights - old).sum() for now, old in zip(network.layers, start, strict=False))
        changed.append(np.sqrt(moved / sum(np.square(old).sum() for old in start)))
        on_draw(draw + 1)
    return TransferCurve(np.array(measured), accuracies.mean(axis=0), float(np.mean(changed)))


def _learn(network, policy: Policy, x, targets, measured: list[int], rate: float, seed: int):
    """Yields the accuracy at each of the steps; ends where the loss is no number any more."""
    trained = [place for place, share in enumerate(policy.rates) if share]
    rates = [rate * policy.rates[place] for place in trained for _ in network.layers[place].parameters]
    optimizer = Momentum([values for place in trained for values in network.layers[place].parameters])
    generator = np.random.default_rng(seed)
    for done in range(measured[-1] + 1):
        batch = generator.choice(len(x), min(_BATCH, len(x)), replace=False)
        loss = network.loss_and_gradients(x[batch], targets[batch])
        if not np.isfinite(loss):
            return
        if done in measured:
            yield _accuracy(network, new_digits())
        optimizer.step([values for place in trained for values in network.layers[place].gradients], rates)


@cache
def pretrained() -> SmallNetwork:
    """Returns the network that has learned clean digits; it takes half a second the first time. Copy its layers."""
    digits, network = split_digits(), SmallNetwork(_DESIGN, 0)
    targets, generator = np.eye(len(CLASSES), dtype=np.float32)[digits.labels], np.random.default_rng(0)
    optimizer = Momentum(network.parameters)
    for _ in range(_SOURCE_STEPS):
        batch = generator.choice(len(targets), _BATCH, replace=False)
        network.loss_and_gradients(digits.x[batch], targets[batch])
        optimizer.step(network.gradients, _SOURCE_RATE)
    return network


@cache
def new_digits() -> Digits:
    """Returns the digits as other pictures show them: blurred, and with noise."""
    clean, generator = split_digits(), np.random.default_rng(1)

    def spoiled(x: np.ndarray) -> np.ndarray:
        blurred = ndimage.gaussian_filter(x.reshape(-1, 8, 8), (0, _BLUR, _BLUR))
        return np.float32(blurred + generator.normal(scale=_NOISE, size=blurred.shape)).reshape(-1, 64)

    return Digits(spoiled(clean.x), clean.labels, spoiled(clean.held_out_x), clean.held_out_labels)


def _accuracy(network: SmallNetwork, digits: Digits) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        answers = [network.logits(rows).argmax(axis=1) for rows in np.array_split(digits.held_out_x, _PARTS)]
    return float((np.concatenate(answers) == digits.held_out_labels).mean())
