"""Labeled Faces in the Wild, as scikit-learn keeps it: public photos to measure an embedder on."""

from pathlib import Path

from kerasface.files.paths import user_folder

_SIZE = "233 MB, from figshare"


def lfw_folder(*, fetch: bool = False) -> Path:
    """Returns the folder of people of LFW, where scikit-learn has put it.

    Args:
        fetch: Let scikit-learn fetch it where it is not there; it checks the hash.

    Raises:
        ValueError: If it is not there, and is not to be fetched.
        OSError: If it cannot be fetched.
    """
    folder = user_folder("SCIKIT_LEARN_DATA", "scikit_learn_data") / "lfw_home" / "lfw_funneled"
    if not folder.is_dir():
        if not fetch:
            raise ValueError(
                f"Labeled Faces in the Wild is not in {folder}: --lfw fetch lets scikit-learn fetch it ({_SIZE}), or "
                "give a folder of people of your own (--images)."
            )
        from sklearn.datasets import fetch_lfw_people

        fetch_lfw_people(min_faces_per_person=500)  # of one person alone, as the photos themselves are wanted
    return folder
