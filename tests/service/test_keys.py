"""API keys: made, found, counted, revoked."""

import json
import stat

import pytest
from click.testing import CliRunner

from kerasface.cli import main
from kerasface.service.keys import ApiKeyError, Gatekeeper, add_key, keys_path, read_keys, revoke_key


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_key_is_kept_as_a_hash_that_only_its_owner_reads():
    key = add_key("door", ["enroll", "read"], 30)
    content = keys_path().read_text()
    assert key not in content
    assert len(key) > 40
    assert stat.S_IMODE(keys_path().stat().st_mode) == 0o600
    (kept,) = read_keys()
    assert (kept.name, kept.scopes, kept.per_minute) == ("door", ("read", "enroll"), 30)


def test_keys_that_are_made_or_revoked_are_noticed_within_a_second():
    clock = Clock()
    gatekeeper = Gatekeeper(clock)
    assert gatekeeper.find("kf_nothing") is None
    key = add_key("door", ["read"])
    clock.now += 1
    assert gatekeeper.find(key).name == "door"
    assert gatekeeper.find(None) is None
    assert gatekeeper.find(key + "x") is None
    revoke_key("door")
    clock.now += 1
    assert gatekeeper.find(key) is None


def test_a_key_has_as_many_requests_a_minute_as_it_was_given():
    clock = Clock()
    gatekeeper = Gatekeeper(clock)
    key = gatekeeper.find(add_key("door", ["read"], 3))
    assert [gatekeeper.seconds_to_wait(key) for _ in range(3)] == [0, 0, 0]
    assert gatekeeper.seconds_to_wait(key) == pytest.approx(20)
    clock.now += 5
    assert gatekeeper.seconds_to_wait(key) == pytest.approx(15)
    clock.now += 15
    assert gatekeeper.seconds_to_wait(key) == 0
    clock.now += 3600  # what was not used is not saved up beyond a minute's
    assert [gatekeeper.seconds_to_wait(key) for _ in range(4)] == [0, 0, 0, pytest.approx(20)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("door", ["read"]), "already"),
        (("", ["read"]), "name of 1 to 80"),
        ((" gate", ["read"]), "name of 1 to 80"),
        (("ga\nte", ["read"]), "name of 1 to 80"),
        (("gate", []), "Received: none"),
        (("gate", ["read", "all"]), "Received: all"),
        (("gate", ["read"], 0), "at least 1"),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_a_sentence(arguments, words):
    add_key("door", ["read"])
    with pytest.raises(ApiKeyError, match=words):
        add_key(*arguments)
    assert [key.name for key in read_keys()] == ["door"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"name": "door"}]', '{"name": "door"}'])
def test_a_damaged_file_is_named(content):
    keys_path().parent.mkdir(parents=True)
    keys_path().write_text(content)
    with pytest.raises(ApiKeyError, match="holds no API keys"):
        read_keys()


def test_the_commands_make_list_and_revoke():
    def call(*words):
        return CliRunner().invoke(main, ["keys", *words])

    assert "Make one" in call("list").output
    made = json.loads(call("add", "door", "--scope", "read", "--scope", "admin", "--json").output)
    assert made["key"].startswith("kf_")
    assert "read, admin" in call("list").output
    assert call("revoke", "gate").exit_code == 1
    assert call("revoke", "door").exit_code == 0
    assert json.loads(call("list", "--json").output) == []


def test_a_service_that_nobody_could_ask_is_not_started():
    result = CliRunner().invoke(main, ["serve", "--port", "0"])
    assert result.exit_code == 1
    assert "kerasface keys add NAME" in result.output
