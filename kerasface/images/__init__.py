"""From the bytes of image files to RGB pixels."""


def __getattr__(name: str):
    if name in ("decode", "ImageError"):  # where version 0.1 had them
        raise ImportError(f"kerasface.images.{name} is kerasface.images.decoding.{name} since version 0.2.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
