"""What error rates stand on beside the embedder: what found the faces, and which of them are decided on."""

from kerasface.faces.detection import same_detection
from kerasface.faces.quality import LIMITS
from kerasface.faces.rates.operating_points import known_rates

_ANEW = "how often a stranger matches is not known. `kerasface embedders calibrate` measures it."


def basis_of(detector: str) -> dict:
    """Returns what is kept with error rates of what they stand on.

    Args:
        detector: Fingerprint of what found the faces.
    """
    return {"detector": detector, "limits": dict(LIMITS)}


def basis_doubt(fingerprint: str, detector: str) -> str:
    """Says where faces are found, or refused, otherwise than when error rates were measured.

    Args:
        fingerprint: Of the embedder.
        detector: Fingerprint of what found the faces now; empty where that is not known: then nothing is said.

    Returns:
        A sentence that begins with a space; empty where nothing is to be said.
    """
    measured = known_rates(fingerprint)
    if not measured or not detector:
        return ""
    if not (kept := measured.get("detector", "")):
        return f" What found the faces that the error rates were measured on was not kept with them: {_ANEW}"
    if not same_detection(kept, detector):
        return f" The error rates were measured on faces found by {kept}, and this is {detector}: {_ANEW}"
    if other := [name for name, limit in LIMITS.items() if measured.get("limits", {}).get(name) != limit]:
        were = ", ".join(f"{name} {measured.get('limits', {}).get(name, 'any')}" for name in other)
        return f" The error rates were measured with other limits of quality ({were}): {_ANEW}"
    return ""
