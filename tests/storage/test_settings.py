"""Names and settings of collections."""

from __future__ import annotations

import pytest

from semsearch import Collection, CollectionSettings, Unit
from semsearch.common.errors import CollectionError
from semsearch.storage.folder import check_name


@pytest.mark.parametrize("name", ["notes", "1984", "python-docs", "a.b_c+d e", "Примечания", "メモ", "x" * 100])
def test_plain_names_are_taken(name):
    """Letters of any script, digits and a few signs make a name."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", " x", "a/b", "a\\b", "a\nb", "a\n", "a\0b", "a:b", "C:", "x" * 101, "😀"]
)
def test_names_that_are_no_plain_folder_names_are_refused(name):
    """Separators, control characters, leading dots and overlong names are refused, and the name is quoted."""
    with pytest.raises(CollectionError, match="cannot name a collection") as caught:
        check_name(name)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["..", ".x", "a\nb", "x" * 101])
def test_create_checks_the_name(tmp_path, fake, name):
    """No folder is made for a name that is refused."""
    with pytest.raises(CollectionError, match="cannot name"):
        Collection.create(tmp_path / name, fake)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"window": 0}, "window of 0"),
        ({"window": -3}, "window of -3"),
        ({"overlap": -1}, "overlap of -1"),
        ({"window": 8, "overlap": 8}, "overlap of 8 .* window of 8"),
        ({"unit": "chapter"}, "'chapter'.*window, sentence, line, paragraph, document"),
    ],
)
def test_settings_without_sense_are_refused(chosen, message):
    """The offending value is named."""
    with pytest.raises(CollectionError, match=message):
        CollectionSettings(**chosen)


@pytest.mark.parametrize(
    "settings",
    [
        CollectionSettings(),
        CollectionSettings(unit=Unit.SENTENCE, language="de"),
        CollectionSettings(window=20, overlap=0),
        CollectionSettings(overlap=5),
    ],
)
def test_settings_are_stored_with_the_collection(tmp_path, fake, settings):
    """A collection is opened with the settings it was made with."""
    Collection.create(tmp_path / "notes", fake, settings).close()
    assert Collection.open(tmp_path / "notes").settings == settings


def test_a_unit_may_be_given_by_its_name():
    """The name of a unit is as good as the unit."""
    assert CollectionSettings(unit="line") == CollectionSettings(unit=Unit.LINE)
    assert CollectionSettings(unit="line").unit is Unit.LINE
