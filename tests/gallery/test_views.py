import numpy as np
import pytest

from kerasface.gallery.store import Consent, GalleryError, NoSuchPersonError
from kerasface.gallery.views import export_person

CONSENT = Consent(
    "2026-01-01T00:00:00+00:00", "the door", "2026-02-01T00:00:00+00:00"
)  # expired: it moves all the same


@pytest.mark.slow
def test_an_exported_person_comes_alone_and_whole(gallery, open_at, path, tmp_path, new_sample):
    ada = gallery.enroll("Ada", [new_sample("a"), new_sample("b")])
    gallery.set_consent(ada.person_id, CONSENT)
    gallery.refuse_match("0" * 64, (1, 2, 3, 4), ada.person_id)
    gallery.enroll("Bob", [new_sample("c")])
    file = tmp_path / "ada.export"
    export_person(gallery, ada.person_id, file, passphrase="a long phrase")
    assert b"Ada" not in file.read_bytes()
    other = open_at(path.with_name(f"{path.name}_other"), key=b"o" * 32)
    assert other.import_(file, passphrase="a long phrase") == 1
    (moved,) = other.people()
    assert (moved.name, moved.num_samples, moved.consent) == ("Ada", 2, CONSENT)
    np.testing.assert_array_equal(other.embeddings("Ada"), gallery.embeddings("Ada"))
    assert [refusal.box for refusal in other.refusals_of("Ada")] == [(1, 2, 3, 4)]
    with pytest.raises(GalleryError, match="passphrase is wrong"):
        open_at(path.with_name(f"{path.name}_third")).import_(file, passphrase="another phrase")


def test_nobody_is_exported_whom_there_is_not(gallery, tmp_path):
    with pytest.raises(NoSuchPersonError):
        export_person(gallery, "Ada", tmp_path / "ada.export")
    assert not (tmp_path / "ada.export").exists()
