"""CIFAR-10 in both layouts, from files made here."""

from __future__ import annotations

import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from lotterylab.data import Cifar10, cifar_files
from lotterylab.data.base import data_dir
from lotterylab.errors import UsageError

RECORDS = 10_000


# -- files made here: full size, as the loader asks for, but zero except for the first and last records --------------


def made_up(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """(labels uint8 (10000,), pixels uint8 (10000, 3072)) of a made-up batch."""
    draw = np.random.default_rng(batch)
    labels, pixels = np.zeros(RECORDS, dtype=np.uint8), np.zeros((RECORDS, 3072), dtype=np.uint8)
    for part in (slice(0, 40), slice(-40, None)):
        labels[part] = draw.integers(0, 10, 40)
        pixels[part] = draw.integers(0, 256, (40, 3072))
    return labels, pixels


def write_binary(path: Path, labels: np.ndarray, pixels: np.ndarray) -> None:
    np.concatenate([labels[:, None], pixels], axis=1).tofile(path)


def write_python(path: Path, labels: np.ndarray, pixels: np.ndarray) -> None:
    """The opcodes that Python 2's cPickle, protocol 2, wrote into the published files."""

    def short(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    def number(value: int) -> bytes:
        return b"K" + bytes([value])

    kind = b"cnumpy\ndtype\n" + short(b"u1") + number(0) + number(1) + b"\x87R"
    kind += b"(" + number(3) + short(b"|") + b"NNN" + 2 * b"J\xff\xff\xff\xff" + number(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + short(b"b") + b"\x87R"
    shape = b"".join(b"M" + struct.pack("<H", size) for size in pixels.shape) + b"\x86"
    raw = pixels.tobytes()
    array += b"(" + number(1) + shape + kind + b"\x89" + b"T" + struct.pack("<i", len(raw)) + raw + b"tb"
    listed = b"](" + b"".join(number(int(label)) for label in labels) + b"e"
    items = short(b"batch_label") + short(b"training batch 1 of 5") + short(b"labels") + listed + short(b"data") + array
    path.write_bytes(b"\x80\x02}(" + items + b"u.")


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binary")
    for batch, name in ((1, "data_batch_1"), (2, "data_batch_2"), (6, "test_batch")):
        write_binary(folder / f"{name}.bin", *made_up(batch))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("python")
    inner = folder / "cifar10" / "cifar-10-batches-py"
    inner.mkdir(parents=True)
    for batch, name in ((1, "data_batch_1"), (6, "test_batch")):
        write_python(inner / name, *made_up(batch))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def copy(binary, tmp_path):
    """A folder with links to the binary files, each of which a test may replace."""
    for file in binary.iterdir():
        (tmp_path / file.name).symlink_to(file)
    return tmp_path


def replace(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


SMALL = Cifar10(train=30, validation=10, test=20)


def test_the_first_images_are_trained_on_and_the_next_validate(binary):
    labels, pixels = made_up(1)
    data = SMALL.load(binary)
    np.testing.assert_array_equal(data.train.images.numpy(), pixels[:30].reshape(30, 3, 32, 32))
    np.testing.assert_array_equal(data.train.labels.numpy(), labels[:30])
    np.testing.assert_array_equal(data.validation.images.numpy(), pixels[30:40].reshape(10, 3, 32, 32))
    np.testing.assert_array_equal(data.validation.labels.numpy(), labels[30:40])
    np.testing.assert_array_equal(data.test.images.numpy(), made_up(6)[1][:20].reshape(20, 3, 32, 32))
    assert (data.train.images.dtype, data.train.labels.dtype) == (torch.uint8, torch.int64)
    assert not data.train.approximate.any()


def test_images_go_on_from_one_file_into_the_next(binary):
    data = Cifar10(train=9_990, validation=40, test=1).load(binary)
    expected = np.concatenate([made_up(1)[1][9_990:], made_up(2)[1][:30]])
    np.testing.assert_array_equal(data.validation.images.numpy(), expected.reshape(40, 3, 32, 32))


def test_both_layouts_hold_the_same_content(binary, python):
    from_binary, from_python = SMALL.load(binary), SMALL.load(python)
    for split in ("train", "validation", "test"):
        for field in ("images", "labels", "approximate"):
            assert torch.equal(getattr(getattr(from_binary, split), field), getattr(getattr(from_python, split), field))
    one, other = SMALL.fingerprint(binary), SMALL.fingerprint(python)
    assert one.content == other.content
    assert [name for name, _ in one.files] == ["data_batch_1.bin", "test_batch.bin"]
    assert [name for name, _ in other.files] == ["data_batch_1", "test_batch"]


def test_a_pickle_rewritten_by_python_3_is_read_too(python, tmp_path):
    labels, pixels = made_up(1)
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).write_bytes(pickle.dumps({"data": pixels, "labels": labels.tolist()}, protocol=4))
    assert torch.equal(SMALL.load(tmp_path).train.images, SMALL.load(python).train.images)


@pytest.mark.parametrize("place", ["cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_files_are_found_where_their_archives_put_them(binary, tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).symlink_to(binary)
    assert len(SMALL.load(tmp_path).train) == 30


def test_listed_images_are_marked_and_counted_in_one_warning(copy):
    (copy / "approximate_images.csv").write_text(
        "file,index_in_file,label\ndata_batch_1.bin,3,8\ndata_batch_1.bin,35,8\ndata_batch_2.bin,0,1\ntest_batch.bin,19,2\n"
    )
    data = SMALL.load(copy)
    assert data.train.approximate.nonzero().flatten().tolist() == [3]
    assert data.validation.approximate.nonzero().flatten().tolist() == [5]
    assert data.test.approximate.nonzero().flatten().tolist() == [19]
    (warning,) = SMALL.fingerprint(copy).warnings
    assert "This copy of CIFAR-10 is not the canonical copy: checksums differ (data_batch_1.bin md5:" in warning
    assert "; 4 images are listed as approximate, 3 of them in use; accuracy is given with and without them." in warning


def test_another_copy_without_a_list_is_named_as_such(binary):
    (warning,) = SMALL.fingerprint(binary).warnings
    assert warning.endswith("no approximate_images.csv beside it says which images differ.")


@pytest.mark.parametrize("suffix", ["", ".bin"])
def test_canonical_checksums_give_no_warning_unless_images_in_use_are_listed(tmp_path, suffix):
    copy = cifar_files.CifarCopy(path=tmp_path, suffix=suffix, published=cifar_files.CIFAR10)
    canonical = cifar_files.CIFAR10.canonical
    sums = {name: md5 for name, md5 in canonical.items() if name.endswith(".bin") == bool(suffix)}
    files = tuple((name, f"md5:{md5}") for name, md5 in sums.items())
    assert len(files) == 6
    assert copy.warnings(files, used=0) == ()
    (tmp_path / "approximate_images.csv").write_text("file,index_in_file\ntest_batch,5\n")
    (warning,) = copy.warnings(files, used=1)
    assert "canonical checksums, but approximate_images.csv stands beside it; 1 images are listed" in warning


def test_only_files_that_are_needed_must_be_there(copy):
    (copy / "data_batch_2.bin").unlink()
    assert len(SMALL.load(copy).train) == 30
    with pytest.raises(UsageError, match=r"is incomplete: data_batch_2\.bin is missing"):
        Cifar10(train=10_001, test=1).load(copy)


def test_without_a_folder_the_error_says_where_to_put_one(tmp_path, monkeypatch):
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    assert data_dir(None) is None
    with pytest.raises(UsageError, match=r"--data-dir FOLDER or set LOTTERYLAB_DATA.*--data digits") as raised:
        SMALL.load(data_dir(None))
    assert raised.value.exit_code == 2
    with pytest.raises(UsageError, match=r"no folder .*missing.*--data digits"):
        SMALL.load(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"searched ., cifar10, cifar-10-batches-py.*--data digits"):
        SMALL.fingerprint(tmp_path)


def test_the_option_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("LOTTERYLAB_DATA", "/from/environment")
    assert data_dir(None) == Path("/from/environment")
    assert data_dir("/from/option") == Path("/from/option")


def test_a_file_cut_short_is_refused_with_both_sizes(copy):
    whole = (copy / "test_batch.bin").read_bytes()
    replace(copy / "test_batch.bin", whole[:100_000])
    with pytest.raises(UsageError, match=r"30730000 bytes expected .*, 100000 found"):
        SMALL.load(copy)


def test_a_label_above_nine_is_refused_with_its_record(copy):
    content = bytearray((copy / "data_batch_1.bin").read_bytes())
    content[3073 * 7] = 10
    replace(copy / "data_batch_1.bin", bytes(content))
    with pytest.raises(UsageError, match="record 7 has label 10"):
        SMALL.load(copy)


def test_a_pickle_cut_short_or_of_other_things_is_refused(python, tmp_path):
    whole = (python / "cifar10" / "cifar-10-batches-py" / "data_batch_1").read_bytes()
    pixels = np.zeros((2, 3072), dtype=np.uint8)
    damaged = [
        (whole[:100_000], r"\(100000 bytes\) cannot be read as a batch"),
        (b"", "cannot be read as a batch"),
        (pickle.dumps([1, 2]), "cannot be read as a batch"),
        (
            pickle.dumps({"data": pixels, "labels": [1, 2]}, protocol=4),
            r"data uint8 \(2, 3072\) and labels \(2,\) found",
        ),
    ]
    for content, message in damaged:
        replace(tmp_path / "data_batch_1", content)
        with pytest.raises(UsageError, match=message):
            SMALL.load(tmp_path)


def test_code_in_a_pickle_is_refused_and_never_run(tmp_path):
    class Planted:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "planted",))

    replace(tmp_path / "data_batch_1", pickle.dumps({"data": Planted(), "labels": []}))
    with pytest.raises(UsageError, match=r"cannot be read as a batch .*which no file of CIFAR does"):
        SMALL.load(tmp_path)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize(
    "row", ["data_batch_9.bin,1", "data_batch_1.bin,10000", "data_batch_1.bin,-1", "data_batch_1.bin"]
)
def test_a_list_that_names_no_image_is_refused_with_its_line(copy, row):
    (copy / "approximate_images.csv").write_text(f"file,index_in_file\n{row}\n")
    with pytest.raises(UsageError, match=r"approximate_images\.csv, line 2: columns file and index_in_file"):
        SMALL.load(copy)


@pytest.mark.parametrize(
    "sizes", [{"train": 0}, {"validation": -1}, {"test": 0}, {"train": 50_001}, {"validation": 1}, {"test": 10_001}]
)
def test_sizes_that_cannot_be_are_refused(sizes):
    with pytest.raises(UsageError, match=r"CIFAR-10 (with|has)"):
        Cifar10(**sizes)


def test_a_subset_says_so_in_its_title():
    assert Cifar10().title == "CIFAR-10"
    assert Cifar10(train=45_000, validation=5_000).title == "CIFAR-10"
    assert Cifar10(train=5_000, test=5_000).title == "CIFAR-10@5000"
    assert Cifar10(train=5_000, validation=1_000).title == "CIFAR-10@5000"
    assert Cifar10(train=5_000, test=1_000).title == "CIFAR-10@5000/1000"
    assert Cifar10(train=5_000, validation=45_000, test=5_000).title == "CIFAR-10@5000"
    assert Cifar10(test=5_000).title == "CIFAR-10@50000/5000"
