"""A gallery in one SQLite file: how it is made, opened, locked and written, and what SQLite says of it."""


def __getattr__(name: str):
    if name == "SqliteGallery":  # where version 0.1 had it
        raise ImportError(
            "kerasface.gallery.sqlite.SqliteGallery is kerasface.gallery.gallery.Gallery since version 0.2."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
