"""KerasFace: train, verify, recognize, segment and explain faces in pure Keras 3.

    import kerasface as kf

    kf.verify("a.jpg", "b.jpg").decision              # and .reason, .normalized_score, .operating_point ...
    kf.detect("party.jpg")                            # boxes and landmarks
    kf.embed("party.jpg")                             # faces with their crops and unit embeddings
    kf.segment("party.jpg").mask                      # the class of every pixel
    kf.load("digits").predict("seven.png")            # any trained model; its card decides what it answers
    with kf.Gallery("friends.gallery") as gallery:
        gallery.enroll("Ada", ["ada.jpg"])
        gallery.identify("party.jpg")
    kf.train.classify("people/", "family", epochs=5)

A photo is a path, the bytes of a file, an RGB array `(height, width, 3)` uint8, or a Pillow image. `kf.losses`,
`kf.layers` and `kf.callbacks` hold what can be used in Keras models of one's own. Nothing is loaded before it is asked
for.
"""

import sys

from kerasface.moved import OldNames

__version__ = "0.2.0"

sys.meta_path.append(OldNames)

# Name -> the module it comes from, and its name there; without one it is the module itself.
_PLACES = {
    **{name: ("tasks.calls", name) for name in ("detect", "embed", "load", "segment", "verify", "Gallery")},
    "load_embedder": ("faces.embedders", "load_embedder"),
    "decode": ("images.decoding", "decode"),
    "train": ("train", None),
    "callbacks": ("train.callbacks", None),
    "losses": ("losses", None),
    "layers": ("models.layers", None),
}
__all__ = ["__version__", *_PLACES]


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module 'kerasface' has no attribute {name!r}. It offers: {', '.join(sorted(_PLACES))}.")
    from importlib import import_module

    place, inner = _PLACES[name]
    module = import_module(f"kerasface.{place}")
    globals()[name] = module if inner is None else getattr(module, inner)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
