"""Trained models on disk."""


def __getattr__(name: str):
    if name in ("list_runs", "load_run"):  # where version 0.1 had them
        raise ImportError(f"kerasface.runs.{name} is kerasface.runs.store.{name} since version 0.2.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
