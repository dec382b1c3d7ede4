"""Whole data sets, from a server on the loopback interface."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

import some_mnist
from lotterylab.data import SPECS, Mnist, cifar_files, mnist_files
from lotterylab.errors import RefusedError, UsageError
from lotterylab.fetch import SOURCES, Archive, File, Progress, Source, fetch
from lotterylab.fetch.unpack import unpack
from some_server import Site, serving

NAMES = [f"{name}.gz" for name in mnist_files.NAMES]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def file(name: str, content: bytes) -> File:
    return File(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def held(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


# a set of single files


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("mnist")
    some_mnist.write(folder, zipped=True)
    return held(folder)


@pytest.fixture(scope="module")
def source(files) -> Source:
    """MNIST, as if the files made here were the published ones."""
    listed = tuple(file(name, files[name]) for name in NAMES)
    return replace(SOURCES["mnist"], files=listed, canonical={name: md5(content) for name, content in files.items()})


def test_a_set_is_fetched_read_and_then_found_there(tmp_path, files, source):
    said: list[Progress] = []
    with serving(Site(files=files)) as site:
        folder = fetch(source, tmp_path / "data", progress=said.append, addresses=[site.address])
        assert folder == tmp_path / "data" / "mnist" and held(folder) == files
        assert said[-1].what == "fetched" and [name for name, _, _ in site.seen] == NAMES
        assert Mnist(train=50, test=50).load(tmp_path / "data").train.labels.tolist() == list(
            some_mnist.made_up("train")[1][:50]
        )
        said.clear()
        assert fetch(source, tmp_path / "data", progress=said.append, addresses=[site.address]) == folder
    assert [one.what for one in said] == ["there"] and len(site.seen) == 4


@pytest.mark.parametrize("place", ["mnist", "MNIST/raw", "."])
def test_only_what_is_missing_is_fetched_and_into_the_folder_of_the_rest(tmp_path, files, source, place):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES[:2]:
        (folder / name).write_bytes(files[name])
    with serving(Site(files=files)) as site:
        assert fetch(source, tmp_path, addresses=[site.address]) == folder
    assert [name for name, _, _ in site.seen] == NAMES[2:] and held(folder) == files


def test_files_that_are_there_unpacked_are_right_too(tmp_path, files, source):
    plain = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in files.items()}
    (tmp_path / "mnist").mkdir()
    for name, content in plain.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    source = replace(source, canonical={name: md5(content) for name, content in plain.items()})
    assert fetch(source, tmp_path, addresses=[]) == tmp_path / "mnist"


def test_a_file_that_is_there_and_wrong_is_never_touched(tmp_path, files, source):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / NAMES[0]).write_bytes(b"mine")
    with (
        serving(Site(files=files)) as site,
        pytest.raises(UsageError, match=rf"not as published: {NAMES[0]} differ.*Nothing was changed\. Move it away"),
    ):
        fetch(source, tmp_path, addresses=[site.address])
    assert site.seen == [] and held(tmp_path) == {f"mnist/{NAMES[0]}": b"mine"}


def test_an_interrupted_set_goes_on_with_the_next_file(tmp_path, files, source):
    with serving(Site(files={name: files[name] for name in NAMES[:2]})) as site, pytest.raises(UsageError, match="404"):
        fetch(source, tmp_path, addresses=[site.address])
    assert sorted(held(tmp_path / "mnist")) == sorted(NAMES[:2])
    with serving(Site(files=files)) as site:
        fetch(source, tmp_path, addresses=[site.address])
    assert [name for name, _, _ in site.seen] == NAMES[2:]


def test_two_processes_do_not_fetch_into_one_folder(tmp_path, source):
    (tmp_path / "mnist").mkdir()
    other = os.open(tmp_path / "mnist", os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RefusedError, match="another process is fetching into"):
            fetch(source, tmp_path, addresses=["http://127.0.0.1:9/"])
    finally:
        os.close(other)


def test_names_and_folders_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no data set to fetch is named 'cifar-10'\. Did you mean 'cifar10'"):
        fetch("cifar-10", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: File exists"):
        fetch("mnist", tmp_path / "file", addresses=[])


# an archive

MEMBERS = {"train.bin": bytes(range(256)) * 40, "test.bin": b"test" * 100}


def packed(members: dict[str, bytes], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info in extra:
            tar.addfile(info)
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-100-binary/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def cifar(raw: bytes) -> Source:
    """CIFAR-100, as if the archive made here were the published one."""
    return replace(
        SOURCES["cifar100"],
        files=(file("cifar-100-binary.tar.gz", raw),),
        archive=Archive(inside="cifar-100-binary", members={name: len(content) for name, content in MEMBERS.items()}),
        canonical={name: md5(content) for name, content in MEMBERS.items()},
    )


def test_an_archive_is_fetched_unpacked_and_then_found_there(tmp_path):
    raw = packed({**MEMBERS, "readme.html": b"<html>"})
    said: list[Progress] = []
    with serving(Site(files={"cifar-100-binary.tar.gz": raw})) as site:
        folder = fetch(cifar(raw), tmp_path, addresses=[site.address])
        assert folder == tmp_path / "cifar100" / "cifar-100-binary"
        assert held(tmp_path) == {f"cifar100/cifar-100-binary/{name}": content for name, content in MEMBERS.items()}
        assert fetch(cifar(raw), tmp_path, progress=said.append, addresses=[site.address]) == folder
    assert [one.what for one in said] == ["there"] and len(site.seen) == 1
    copy = cifar_files.standing(tmp_path, cifar_files.CIFAR100)
    assert copy is not None and copy.path == folder and copy.suffix == ".bin"


def test_an_archive_that_was_not_unpacked_before_a_kill_is_not_fetched_again(tmp_path):
    raw = packed(MEMBERS)
    folder = tmp_path / "cifar100"
    (folder / ".writing-cifar-100-binary").mkdir(parents=True)
    (folder / ".writing-cifar-100-binary" / "train.bin").write_bytes(b"half")
    (folder / "cifar-100-binary.tar.gz").write_bytes(raw)
    fetch(cifar(raw), tmp_path, addresses=[])
    assert held(folder) == {f"cifar-100-binary/{name}": content for name, content in MEMBERS.items()}
    assert [one.name for one in folder.iterdir()] == ["cifar-100-binary"]


def test_a_copy_that_is_there_and_not_as_published_stays_as_it_is(tmp_path):
    raw = packed(MEMBERS)
    (tmp_path / "train.bin").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"copy of CIFAR-100 that is not as published: train\.bin differ"):
        fetch(cifar(raw), tmp_path, addresses=[])
    (tmp_path / "train.bin").write_bytes(MEMBERS["train.bin"])
    with pytest.raises(UsageError, match=r"not as published: test\.bin is missing"):
        fetch(cifar(raw), tmp_path, addresses=[])
    assert held(tmp_path) == {"train.bin": MEMBERS["train.bin"]}
    other = tmp_path / "other" / "cifar100"
    other.mkdir(parents=True)
    (other / "cifar-100-binary.tar.gz").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"tar\.gz exists, but it is not the published file"):
        fetch(cifar(raw), tmp_path / "other", addresses=[])
    assert held(other) == {"cifar-100-binary.tar.gz": b"mine"}


def link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("cifar-100-binary/train.bin")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def outside(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


WRONG = {
    "a symbolic link": (packed(MEMBERS, (link(tarfile.SYMTYPE),)), "train.bin in .* is not a regular file"),
    "a hard link": (packed(MEMBERS, (link(tarfile.LNKTYPE),)), "train.bin in .* is not a regular file"),
    "another size": (packed({**MEMBERS, "test.bin": b"short"}), "a file of 5 bytes; a file of 400 bytes was expected"),
    "a member missing": (packed({"train.bin": MEMBERS["train.bin"]}), r"lacks cifar-100-binary/test\.bin"),
    "cut short": (packed(MEMBERS)[:-30], "cannot be unpacked"),
    "no archive": (b"no archive at all", "cannot be unpacked"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_archive_that_is_not_as_expected_leaves_nothing_behind(tmp_path, name):
    raw, message = WRONG[name]
    (tmp_path / "a.tar.gz").write_bytes(raw)
    archive = cifar(raw).archive
    assert archive is not None
    with pytest.raises(UsageError, match=message):
        unpack(tmp_path / "a.tar.gz", archive, tmp_path)
    assert held(tmp_path) == {"a.tar.gz": raw} and len(list(tmp_path.iterdir())) == 1


def test_members_that_were_not_expected_are_not_unpacked_wherever_they_point(tmp_path):
    extra = tuple(outside(name) for name in ("../evil", "/lotterylab-evil", "cifar-100-binary/../../evil"))
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "a.tar.gz").write_bytes(packed(MEMBERS, extra))
    archive = cifar(b"").archive
    assert archive is not None
    unpack(folder / "a.tar.gz", archive, folder)
    names = {"inside/a.tar.gz", *(f"inside/cifar-100-binary/{name}" for name in MEMBERS)}
    assert set(held(tmp_path)) == names and not Path("/lotterylab-evil").exists()
    with pytest.raises(UsageError, match="exists already; nothing was unpacked"):
        unpack(folder / "a.tar.gz", archive, folder)


# the table


def test_every_source_is_a_data_set_and_is_fetched_to_where_it_is_read(tmp_path):
    for name, source in SOURCES.items():
        about = SPECS[name]().about
        assert (source.name, source.called) == (name, about.called)
        assert (source.training_images, source.test_images) == (about.training_images, about.test_images)
        assert all(address.startswith("http") and address.endswith("/") for address in source.addresses)
        assert all(len(one.sha256) == 64 for one in source.files)
        names = source.archive.members if source.archive else [one.name for one in source.files]
        inside = tmp_path / source.folder / (source.archive.inside if source.archive else "")
        inside.mkdir(parents=True)
        for one in names:
            assert one in source.canonical
            (inside / one).touch()
        copy = source.standing(tmp_path)
        assert copy is not None and copy.path == inside
        assert set(copy.names(training=source.training_images, test=source.test_images)) == set(names)


def test_sizes_of_members_are_those_that_the_reader_expects():
    for files in (cifar_files.CIFAR10, cifar_files.CIFAR100):
        archive = SOURCES[files.name].archive
        assert archive is not None
        size = files.records.label_bytes + 3072
        assert archive.members == {f"{batch}.bin": files.records.of[batch] * size for batch in files.batches}


def test_a_set_that_was_fetched_is_read_without_a_warning_when_it_is_the_published_one(tmp_path):
    folder = os.environ.get("LOTTERYLAB_DATA")
    copy = mnist_files.standing(Path(folder), mnist_files.MNIST) if folder else None
    if copy is None:
        pytest.skip("LOTTERYLAB_DATA names no folder with MNIST")
    content = {name: copy.path.joinpath(name).read_bytes() for name in NAMES if (copy.path / name).is_file()}
    if any(md5(raw) != mnist_files.MNIST.canonical[name] for name, raw in content.items()) or len(content) < 4:
        pytest.skip("the local copy is not the canonical one, gzipped")
    with serving(Site(files=content)) as site:
        fetch("mnist", tmp_path, addresses=[site.address])
    fetched = Mnist(train=1_000, test=1_000).fingerprint(tmp_path)
    assert fetched.warnings == () and fetched == Mnist(train=1_000, test=1_000).fingerprint(Path(str(folder)))
