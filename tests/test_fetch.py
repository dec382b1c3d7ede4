"""Fetching from a server on this machine: whole, cut off, changed, wrong; never half a file under its name."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lotterylab.cli import main
from lotterylab.errors import UsageError
from lotterylab.fetch import Remote, fetch, remotes

CONTENT = bytes(range(256)) * 2000


class Site:
    """What a server has and how it behaves; ``asked``: the Range header of each request."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/a.bin": CONTENT}
        self.version = '"one"'
        self.ranges = True
        self.cut_after: int | None = None
        self.asked: list[str | None] = []


@pytest.fixture
def site() -> Iterator[Site]:
    had = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            had.asked.append(asked)
            body = had.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            first = 0
            if asked and had.ranges and self.headers.get("If-Range") == had.version:
                first = int(asked.removeprefix("bytes=").rstrip("-"))
                if first >= len(body):
                    self.send_error(416)
                    return
            self.send_response(206 if first else 200)
            self.send_header("ETag", had.version)
            self.send_header("Content-Length", str(len(body) - first))
            self.end_headers()
            self.wfile.write(body[first : had.cut_after] if had.cut_after else body[first:])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    had.address = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield had
    server.shutdown()
    server.server_close()
    thread.join()


def remote(site, *paths, content=CONTENT, name="a.bin", unpacked=""):
    addresses = tuple(f"{site.address}{path}" for path in paths or ("/a.bin",))
    return Remote(name=name, md5=hashlib.md5(content).hexdigest(), addresses=addresses, unpacked=unpacked)


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_whole_file_arrives_and_is_not_asked_for_again(site, tmp_path):
    seen = []
    place = fetch("mnist", tmp_path, files=[remote(site)], progress=lambda *one: seen.append(one))
    assert (place / "a.bin").read_bytes() == CONTENT and files(tmp_path) == ["a.bin"]
    assert seen[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    fetch("mnist", tmp_path, files=[remote(site)])
    assert site.asked == [None]


@pytest.mark.parametrize("after", [1, 65_536, 300_000])
def test_cut_off_and_asked_again_it_goes_on(site, tmp_path, after):
    site.cut_after = after
    with pytest.raises(UsageError, match="the same command goes on"):
        fetch("mnist", tmp_path, files=[remote(site)])
    assert "a.bin" not in files(tmp_path)
    site.cut_after = None
    place = fetch("mnist", tmp_path, files=[remote(site)])
    assert (place / "a.bin").read_bytes() == CONTENT
    assert site.asked == [None, f"bytes={after}-"]
    assert files(tmp_path) == ["a.bin"]


def test_a_file_that_has_changed_or_a_server_that_cannot_resume_begins_again(site, tmp_path):
    for change in ({"version": '"two"'}, {"ranges": False}):
        folder = tmp_path / next(iter(change))
        site.cut_after = 1000
        with pytest.raises(UsageError):
            fetch("mnist", folder, files=[remote(site)])
        site.cut_after = None
        for name, value in change.items():
            setattr(site, name, value)
        assert (fetch("mnist", folder, files=[remote(site)]) / "a.bin").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_begins_again(site, tmp_path):
    site.cut_after = 1000
    with pytest.raises(UsageError):
        fetch("mnist", tmp_path, files=[remote(site)])
    site.cut_after = None
    with (tmp_path / "mnist" / "a.bin.part").open("ab") as part:
        part.write(CONTENT)
    assert (fetch("mnist", tmp_path, files=[remote(site)]) / "a.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_thrown_away_and_the_next_address_asked(site, tmp_path):
    site.files["/wrong.bin"] = b"something else"
    place = fetch("mnist", tmp_path, files=[remote(site, "/wrong.bin", "/a.bin")])
    assert (place / "a.bin").read_bytes() == CONTENT
    with pytest.raises(UsageError, match="thrown away"):
        fetch("cifar10", tmp_path, files=[remote(site, "/wrong.bin")])
    assert files(tmp_path) == ["a.bin"]


def test_no_address_answers(site, tmp_path):
    with pytest.raises(UsageError, match="404"):
        fetch("mnist", tmp_path, files=[remote(site, "/nothing")])
    dead = Remote(name="a", md5="0" * 32, addresses=("http://127.0.0.1:9/a",))
    with pytest.raises(UsageError, match="could not be fetched"):
        fetch("mnist", tmp_path, files=[dead])
    assert files(tmp_path) == []


def test_another_file_of_that_name_is_left_alone(site, tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "a.bin").write_bytes(b"mine")
    with pytest.raises(UsageError, match="Nothing was changed"):
        fetch("mnist", tmp_path, files=[remote(site)])
    assert (tmp_path / "mnist" / "a.bin").read_bytes() == b"mine"


def archive(names):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"data"))
        link = tarfile.TarInfo("set/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return packed.getvalue()


def test_an_archive_gives_its_own_folder_and_nothing_beside_it(site, tmp_path):
    content = archive(["set/one.bin", "./set/two.bin", "../evil", "set/../../evil", "/evil", "set/deep/er", "other/x"])
    site.files["/a.tar.gz"] = content
    file = remote(site, "/a.tar.gz", content=content, name="a.tar.gz", unpacked="set")
    place = fetch("cifar10", tmp_path / "in", files=[file])
    assert files(tmp_path) == ["one.bin", "two.bin"]
    assert (place / "set" / "one.bin").read_bytes() == b"data"
    site.asked.clear()
    fetch("cifar10", tmp_path / "in", files=[file])
    assert site.asked == []


def test_unpacking_that_was_killed_begins_again(site, tmp_path):
    content = archive(["set/one.bin"])
    site.files["/a.tar.gz"] = content
    (tmp_path / "cifar10" / "set.unpacking").mkdir(parents=True)
    (tmp_path / "cifar10" / "set.unpacking" / "half").write_bytes(b"x")
    fetch("cifar10", tmp_path, files=[remote(site, "/a.tar.gz", content=content, name="a.tar.gz", unpacked="set")])
    assert files(tmp_path) == ["one.bin"]


def test_the_table_of_addresses():
    known = remotes()
    assert list(known) == ["mnist", "fashion-mnist", "cifar10", "cifar100"]
    for _, listed in known.values():
        for file in listed:
            assert len(file.md5) == 32 and file.addresses and all(one.endswith(file.name) for one in file.addresses)


def test_the_command(site, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    assert main(["data", "fetch", "minst", "--into", str(tmp_path)]) == 2
    assert "Did you mean 'mnist'" in capsys.readouterr().err
    assert main(["data", "fetch", "mnist"]) == 2
    assert "--into FOLDER" in capsys.readouterr().err
    monkeypatch.setattr("lotterylab.fetch.remotes", lambda: {"mnist": ("mnist", (remote(site),))})
    assert main(["data", "fetch", "mnist", "--into", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert f"mnist is in {tmp_path}" in said.out and "100 %" in said.err
