"""Class folders whose names look the same, and class folders that are links to nothing."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import some_folders
from lotterylab.data import Folder
from lotterylab.data.folder_listing import listed
from lotterylab.errors import UsageError
from lotterylab.system.places import alike

NFC, NFD = "caf\xe9", "cafe\u0301"


@given(st.text(max_size=6))
def test_names_look_the_same_if_their_composed_forms_are_equal(name):
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    for form in forms:
        assert alike(form, forms) == [other for other in forms if other != form]
    assert alike(name, [f"{name}x", name.upper() + "y"]) == []


@pytest.mark.parametrize(("in_train", "in_test"), [(NFC, NFD), (NFD, NFC), (NFC, NFC)])
def test_one_class_in_two_unicode_forms_is_one_class(tmp_path, in_train, in_test):
    for split, name in (("train", in_train), ("test", in_test)):
        some_folders.write(tmp_path / "photos" / split, {name: 4, "tea": 3})
    listing = listed(tmp_path / "photos")
    assert listing.classes == tuple(sorted([in_train, "tea"]))
    for split, images_of in listing.splits.items():
        by_label = {listing.classes[image.label]: Path(image.path).parent.name for image in images_of}
        assert by_label == {in_train: {"train": in_train, "test": in_test}[split], "tea": "tea"}
    assert Folder(path=tmp_path / "photos", size=8).load(None).classes == 2


def test_two_classes_that_look_the_same_are_refused_with_both_forms(tmp_path):
    some_folders.write(tmp_path / "photos", {NFC: 2, NFD: 2})
    with pytest.raises(UsageError, match=r"two classes that look the same: 'cafe\\u0301' and 'caf\\xe9'"):
        listed(tmp_path / "photos")
    some_folders.write(tmp_path / "other" / "train", {NFC: 2, "tea": 2})
    some_folders.write(tmp_path / "other" / "test", {"caf\xe8": 2, "tea": 2})
    with pytest.raises(UsageError, match=r"only one of them has .*'caf\\xe8'.*'caf\\xe9'"):
        listed(tmp_path / "other")


def test_a_class_folder_that_is_a_link_to_nothing_is_refused(tmp_path):
    some_folders.write(tmp_path / "photos", {"ant": 2, "bee": 2})
    (tmp_path / "photos" / "cat").symlink_to("/nowhere/cat")
    with pytest.raises(UsageError, match=r"no class folder .*photos/cat: it is a link to /nowhere/cat"):
        _ = Folder(path=tmp_path / "photos", size=8, test=1).title
