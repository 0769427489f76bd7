"""The files around the code: requirement lists that belong together, and settings that keep photos on the machine."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def requirement_lines(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_gpu_requirements_differ_from_the_default_in_tensorflow_only():
    default, gpu = requirement_lines("requirements.txt"), requirement_lines("requirements-gpu.txt")
    assert [line for line in default if not line.startswith("tensorflow")] == [
        line for line in gpu if not line.startswith("tensorflow")
    ]
    assert [line for line in gpu if line.startswith("tensorflow")] == ["tensorflow[and-cuda]>=2.21,<2.22"]


def test_photos_stay_on_this_machine():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert 10 <= config["server"]["maxUploadSize"] <= 30  # MB; the library's own limit is 32 MiB
    assert config["browser"]["gatherUsageStats"] is False
