"""Records of a gallery: times have an offset, consent ends when it says."""

from datetime import UTC, datetime, timedelta

import pytest

from kerasface.gallery import store
from kerasface.gallery.store import Consent, Person, parse_time

GIVEN = "2026-03-01T09:00:00+00:00"


def test_consent_ends_at_its_expiry_and_not_before():
    consent = Consent(GIVEN, "door", "2026-04-01T09:00:00+00:00")
    end = datetime(2026, 4, 1, 9, tzinfo=UTC)
    assert consent.is_valid(end - timedelta(seconds=1))
    assert not consent.is_valid(end)
    assert consent.expiry == end.timestamp()


def test_offsets_are_respected():
    """10:30 at +02:00 is 8:30 UTC, before 9:00 UTC, although its text is greater."""
    consent = Consent("2026-03-01T08:00:00+00:00", "door", "2026-03-01T10:30:00+02:00")
    assert not consent.is_valid(datetime(2026, 3, 1, 9, tzinfo=UTC))


def test_consent_without_expiry_stays():
    consent = Consent(GIVEN, "door")
    assert (consent.is_valid(datetime(9999, 1, 1, tzinfo=UTC)), consent.expiry) == (True, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("yesterday", "door"), "given must be a time.*Received: given='yesterday'"),
        (("2026-03-01T09:00:00", "door"), "with an offset"),
        ((GIVEN, " "), "must name its purpose"),
        ((GIVEN, "door", "2026-13-01T00:00:00+00:00"), "expires must be a time"),
        ((GIVEN, "door", GIVEN), "must expire after it is given"),
    ],
)
def test_malformed_consent_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Consent(*arguments)


def test_who_has_no_consent_recorded_is_searched_and_who_has_an_expired_one_is_not():
    expired = Consent("2020-01-01T00:00:00+00:00", "door", "2020-01-02T00:00:00+00:00")
    assert Person("0" * 16, "Ada", 1, GIVEN, None).is_searched
    assert not Person("0" * 16, "Ada", 1, GIVEN, expired).is_searched


def test_now_is_a_time_of_now():
    assert abs(parse_time(store.now_text(), "now") - datetime.now(UTC)) < timedelta(seconds=5)


def test_every_error_is_of_the_family():
    errors = [kind for name, kind in vars(store).items() if name.endswith("Error")]
    assert len(errors) >= 8
    assert all(issubclass(kind, store.GalleryError) for kind in errors)
