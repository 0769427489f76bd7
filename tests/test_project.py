"""The files around the code: requirement lists that belong together, and settings that keep photos on the machine."""

import re
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kerasface.runs.store import SHIPPED_RUNS

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


def test_what_is_installed_on_linux_is_locked_by_hash_and_within_the_requirements():
    locked, name = {}, None
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash=sha256:"):
            locked[name][1] += 1
        else:
            pinned = Requirement(line.removesuffix(" \\"))
            name = canonicalize_name(pinned.name)
            (specifier,) = pinned.specifier
            assert specifier.operator == "=="
            locked[name] = [specifier.version, 0]
    linux = {**default_environment(), "sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"}
    for line in requirement_lines("requirements.txt"):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate(linux):
            version, _ = locked[canonicalize_name(wanted.name)]
            assert wanted.specifier.contains(version), f"{line}: requirements.lock has {version}; see CONTRIBUTING.md"
    assert all(hashes for _, hashes in locked.values())


def test_every_sentence_on_security_has_its_test():
    rows = re.findall(
        r"^\| .+ \| (tests/\S+) \|$", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(rows) > 25
    for row in rows:
        file, _, name = row.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8") if name else (ROOT / file).exists(), row


def test_photos_stay_on_this_machine():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert 10 <= config["server"]["maxUploadSize"] <= 30  # MB; the library's own limit is 32 MiB
    assert config["browser"]["gatherUsageStats"] is False


def test_the_container_is_reached_from_this_machine_alone_and_keeps_what_is_made_in_it():
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    docker = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    ports = re.search(r"^    ports:\n((?:      - .*\n)+)", compose, flags=re.MULTILINE)[1].split()
    assert ports == ["-", '"127.0.0.1:8501:8501"']
    mounted = re.findall(r"^      - (?:faces|home):(/\S+)", compose, flags=re.MULTILINE)
    assert mounted == ["/faces", "/home/kerasface"]
    assert docker.index("USER 10001") < docker.index("WORKDIR /faces") < docker.index("CMD")
    assert "HEALTHCHECK" in docker


def test_the_container_is_built_from_what_the_wheel_needs_alone():
    """Everything else is ignored, so that no model of a user, photo or key comes into an image."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert "!saved_models" not in rules
    assert all((ROOT / rule[1:]).exists() for rule in rules if rule.startswith("!"))


def test_the_models_that_ship_are_those_of_the_wheel():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert set(re.findall(r"saved_models/([\w-]+)/\*", setup)) == set(SHIPPED_RUNS)
