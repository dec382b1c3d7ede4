"""Folders of images: read as Pillow reads them, dealt out by seed, named by their pixels; and what is refused."""

import pickle

import numpy as np
import pytest
from PIL import Image

from lotterylab.data.folder import ImageFolder
from lotterylab.errors import UsageError
from lotterylab.plan.digest import digest


def fill(folder, counts, *, size=(9, 7), suffix="png", mode="RGB", seed=0):
    draw = np.random.default_rng(seed)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
            Image.fromarray(draw.integers(0, 256, shape, dtype=np.uint8)).save(folder / name / f"{number:03}.{suffix}")
    return folder


def test_one_level_is_dealt_out_by_seed(tmp_path):
    spec = ImageFolder(path=str(fill(tmp_path / "pets", {"cat": 11, "dog": 9})), size=8).sized()
    assert (spec.train, spec.validation, spec.test) == (15, 1, 4)
    assert (spec.shape, spec.classes, spec.title) == ((3, 8, 8), 2, "pets@15")
    data = spec.load(None)
    assert data.train.images.shape == (15, 3, 8, 8)
    labels = [*data.train.labels.tolist(), *data.validation.labels.tolist(), *data.test.labels.tolist()]
    assert sorted(labels) == [0] * 11 + [1] * 9
    assert labels != sorted(labels), "the classes are mixed"
    other = ImageFolder(path=spec.path, size=8, split_seed=1).sized()
    assert other.fingerprint(None).content != spec.fingerprint(None).content


def test_images_of_the_right_size_are_taken_pixel_for_pixel(tmp_path):
    root = fill(tmp_path / "set", {"a": 4, "b": 4}, size=(6, 6))
    data = ImageFolder(path=str(root), size=6).load(None)
    stored = {np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes() for path in root.rglob("*.png")}
    for split in (data.train, data.validation, data.test):
        assert {image.numpy().tobytes() for image in split.images} <= stored
    scaled = data.train.images.double() / 255
    np.testing.assert_allclose(data.mean, scaled.mean((0, 2, 3)), atol=6e-5)
    np.testing.assert_allclose(data.std, scaled.std((0, 2, 3), correction=0), atol=6e-5)


def test_folders_train_and_test_are_kept_apart(tmp_path):
    for number, part in enumerate(("train", "val", "test")):
        fill(tmp_path / part, {"a": 3 + number, "b": 2}, suffix="jpg", seed=number)
    spec = ImageFolder(path=str(tmp_path), channels=1, size=5).sized()
    assert (spec.train, spec.validation, spec.test) == (5, 6, 7)
    assert spec.load(None).test.images.shape == (7, 1, 5, 5)


def test_what_names_a_result_is_the_content_and_not_the_place(tmp_path):
    first, second = (ImageFolder(path=str(fill(tmp_path / one, {"a": 5, "b": 5})), size=4) for one in "xy")
    assert first.fingerprint(None).content == second.fingerprint(None).content
    assert digest(first) == digest(second) != digest(ImageFolder(path=first.path, size=5))


def test_it_travels_to_another_process_without_its_pixels(tmp_path):
    spec = ImageFolder(path=str(fill(tmp_path / "set", {"a": 30, "b": 30})), size=32)
    content = spec.fingerprint(None).content
    sent = pickle.dumps(spec)
    assert len(sent) < 1000
    assert pickle.loads(sent).fingerprint(None).content == content


def test_other_files_are_left_alone(tmp_path):
    root = fill(tmp_path / "set", {"a": 3, "b": 3})
    (root / "notes.txt").write_text("nothing")
    (root / "a" / "Thumbs.db").write_bytes(b"nothing")
    (root / "a" / "._000.png").write_bytes(b"nothing")
    (root / ".cache").mkdir()
    assert ImageFolder(path=str(root)).classes == 2
    ImageFolder(path=str(root)).load(None)


def broken(tmp_path):
    root = fill(tmp_path / "set", {"a": 3, "b": 3})
    (root / "b" / "001.png").write_bytes(b"no image at all")
    return root


def cut(tmp_path):
    root = fill(tmp_path / "set", {"a": 3, "b": 3}, size=(40, 40))
    data = (root / "b" / "001.png").read_bytes()
    (root / "b" / "001.png").write_bytes(data[: len(data) // 2])
    return root


def empty_class(tmp_path):
    root = fill(tmp_path / "set", {"a": 3, "b": 3})
    (root / "c").mkdir()
    return root


def other_classes(tmp_path):
    fill(tmp_path / "train", {"a": 3, "b": 3})
    fill(tmp_path / "test", {"a": 3, "c": 3})
    return tmp_path


WRONG = [
    (broken, {}, "001.png cannot be read as an image"),
    (cut, {}, "001.png cannot be read as an image"),
    (empty_class, {}, "holds no image"),
    (other_classes, {}, "differ in their classes: b, c"),
    (lambda tmp: fill(tmp / "set", {"a": 3}), {}, "only a was found"),
    (lambda tmp: tmp / "nowhere", {}, "no folder"),
    (lambda tmp: fill(tmp / "set", {"a": 3, "b": 3}), {"train": 50}, "train=50 was asked for"),
    (lambda tmp: fill(tmp / "set", {"a": 3, "b": 3}), {"size": 0}, "size=0"),
    (lambda tmp: fill(tmp / "set", {"a": 3, "b": 3}), {"channels": 2}, "channels=2: 3 for colours"),
]


@pytest.mark.parametrize(("make", "fields", "says"), WRONG)
def test_what_is_wrong_is_named(tmp_path, make, fields, says):
    with pytest.raises(UsageError) as refused:
        spec = ImageFolder(path=str(make(tmp_path)), **fields)
        spec.sized()
        spec.load(None)
    assert says in str(refused.value)
