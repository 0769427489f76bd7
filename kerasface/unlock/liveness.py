"""A passive sign beside the challenge: is what turns a head, or a sheet with a face on it?

Between looking ahead and a turned head, the nose moves against eyes and mouth, because it is nearer to the camera. The
nose of a print moves with the rest; only where the print is bent it seems to turn a little, and less than the print was
turned. That shows in how narrow the face has become: a head that seems turned by an angle is narrower by its cosine, a
print that seems turned as far had to be turned much farther.
"""

import math

import numpy as np

# Heads that turned (24 videos of persons 2, 4 and 6 of FASSEG): 1.07 on average, standard deviation 0.075; the
# limit is three of them below, because noses are of different lengths. Bent prints that seemed to turn: 0.54 to 0.87.
MIN_WIDTH = 0.85


class HeadWidth:
    """Follows how wide a face is while it turns, against how wide a head would be.

    Args:
        ahead: Landmarks of frames that look ahead, each `(5, 2)`.
        yaw: What their yaw is, in degrees.
    """

    def __init__(self, ahead: list[np.ndarray], yaw: float):
        self._ahead = float(np.median([relative_width(landmarks) for landmarks in ahead]))
        self._yaw = yaw
        self._ratios: list[float] = []

    @property
    def ratio(self) -> float:
        """Width over that of a head turned as far, the median of all turned frames; 1 while there is none."""
        return float(np.median(self._ratios)) if self._ratios else 1.0

    @property
    def is_flat(self) -> bool:
        """Whether the face became too narrow for a head."""
        return self.ratio < MIN_WIDTH

    def observe(self, landmarks: np.ndarray, yaw: float) -> None:
        """Takes in a frame in which the head is turned.

        Args:
            landmarks: `(5, 2)`, as `Face` has them.
            yaw: Its yaw in degrees.
        """
        turn = math.cos(math.radians(yaw - self._yaw))
        self._ratios.append(relative_width(landmarks) / self._ahead / turn)


def relative_width(landmarks: np.ndarray) -> float:
    """Returns the mean of the distances between the eyes and between the corners of the mouth, over that from the eyes
    to the mouth, across the former: no turn in the plane and no size changes it.

    Args:
        landmarks: `(5, 2)`, as `Face` has them.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    eyes, mouth = points[1] - points[0], points[4] - points[3]
    down = (points[3] + points[4] - points[0] - points[1]) / 2
    across = (eyes + mouth) / max(float(np.linalg.norm(eyes + mouth)), 1e-6)
    height = abs(float(across[0] * down[1] - across[1] * down[0]))
    return (float(np.linalg.norm(eyes)) + float(np.linalg.norm(mouth))) / 2 / max(height, 1e-6)
