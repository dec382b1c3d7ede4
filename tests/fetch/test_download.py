"""One file over HTTP, from a real server with real faults."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lotterylab.errors import UsageError
from lotterylab.fetch import File, Progress
from lotterylab.fetch.download import download
from some_server import Site, serving, tag

CONTENT = np.random.default_rng(0).bytes(600_000)
HALF = 300_000


def named(content: bytes) -> File:
    return File(name="images.gz", size=len(content), sha256=hashlib.sha256(content).hexdigest())


FILE = named(CONTENT)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def get(site: Site, folder: Path, file: File = FILE, said: list[Progress] | None = None) -> bytes:
    path = download(file, [site.address], folder, said.append if said is not None else lambda _: None)
    assert path == folder / "images.gz"
    assert sorted(one.name for one in folder.iterdir()) == ["images.gz"]  # no part is left
    return path.read_bytes()


def part_of(folder: Path, content: bytes, validator: str | None = None, address: str = "") -> None:
    (folder / "images.gz.part").write_bytes(content)
    if validator:
        about = {"url": f"{address}images.gz", "validator": validator}
        (folder / "images.gz.part.json").write_text(json.dumps(about))


def test_a_whole_file_arrives_and_its_progress_is_told(tmp_path):
    said: list[Progress] = []
    with serving(Site(files={"images.gz": CONTENT})) as site:
        assert get(site, tmp_path, said=said) == CONTENT
    assert site.seen == [("images.gz", None, None)]
    steps = [one.done for one in said if one.what == "downloading"]
    assert steps == sorted(steps) and steps[-1] == len(CONTENT) == said[0].total
    assert said[-1].what == "checking"


@pytest.mark.parametrize("length", [True, False])
def test_a_connection_that_breaks_off_again_and_again_is_taken_up_where_it_broke(tmp_path, length):
    with serving(Site(files={"images.gz": CONTENT}, cut=70_000, length=length)) as site:
        assert get(site, tmp_path) == CONTENT
    starts = [0, *range(70_000, 600_000, 70_000)]
    ranges = [None, *(f"bytes={start}-" for start in starts[1:])]
    assert site.seen == [("images.gz", asked, tag(CONTENT) if asked else None) for asked in ranges]


def test_a_process_that_is_killed_midway_leaves_a_part_that_the_next_one_completes(tmp_path):
    program = (
        "import sys; from pathlib import Path; from lotterylab.fetch import File; "
        "from lotterylab.fetch.download import download\n"
        "name, size, sha256, address, folder = sys.argv[1:]\n"
        "file = File(name=name, size=int(size), sha256=sha256)\n"
        "download(file, [address], Path(folder), lambda one: print(one.done, flush=True))"
    )
    with serving(Site(files={"images.gz": CONTENT}, cut=HALF, hold=threading.Event())) as site:
        command = [sys.executable, "-c", program, FILE.name, str(FILE.size), FILE.sha256, site.address, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                if int(line) >= HALF - 100_000:  # the last ones fill no whole chunk
                    break
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert not (tmp_path / "images.gz").exists()
        arrived = (tmp_path / "images.gz.part").stat().st_size
        assert HALF - 100_000 <= arrived <= HALF
        site.hold.set()
        site.cut = None
        assert get(site, tmp_path) == CONTENT
        assert site.seen[-1] == ("images.gz", f"bytes={arrived}-", tag(CONTENT))


def test_a_server_without_ranges_sends_all_again(tmp_path):
    part_of(tmp_path, CONTENT[:HALF])
    said: list[Progress] = []
    with serving(Site(files={"images.gz": CONTENT}, ranges=False)) as site:
        assert get(site, tmp_path, said=said) == CONTENT
    assert said[0].what == "starting over" and len(site.seen) == 1


def test_a_file_that_has_changed_there_is_begun_again(tmp_path):
    old = bytes(len(CONTENT))
    with serving(Site(files={"images.gz": CONTENT})) as site:
        part_of(tmp_path, old[:HALF], validator=tag(old), address=site.address)
        assert get(site, tmp_path) == CONTENT
    assert site.seen == [("images.gz", f"bytes={HALF}-", tag(old))]  # one answer, the whole file


def test_a_part_that_nothing_vouches_for_is_resumed_and_the_checksum_tells(tmp_path):
    part_of(tmp_path, CONTENT[:HALF])
    with serving(Site(files={"images.gz": CONTENT}, etag=False)) as site:
        assert get(site, tmp_path) == CONTENT
        assert site.seen == [("images.gz", f"bytes={HALF}-", None)]
    (tmp_path / "images.gz").unlink()
    part_of(tmp_path, bytes(HALF))
    with serving(Site(files={"images.gz": CONTENT}, etag=False)) as site:
        assert get(site, tmp_path) == CONTENT
        assert [asked for _, asked, _ in site.seen] == [f"bytes={HALF}-", None]


def test_another_addresss_etag_is_not_sent(tmp_path):
    part_of(tmp_path, CONTENT[:HALF], validator='"theirs"', address="http://elsewhere/")
    with serving(Site(files={"images.gz": CONTENT})) as site:
        assert get(site, tmp_path) == CONTENT
    assert site.seen == [("images.gz", f"bytes={HALF}-", None)]


@pytest.mark.parametrize("part", [CONTENT + b"more", bytes(len(CONTENT))], ids=["longer", "wrong"])
def test_a_part_that_is_longer_or_whole_and_wrong_is_begun_again(tmp_path, part):
    part_of(tmp_path, part)
    with serving(Site(files={"images.gz": CONTENT})) as site:
        assert get(site, tmp_path) == CONTENT
    assert site.seen == [("images.gz", None, None)]


def test_a_part_that_is_whole_and_right_needs_no_server(tmp_path):
    part_of(tmp_path, CONTENT)
    path = download(FILE, ["http://127.0.0.1:9/"], tmp_path, lambda _: None)
    assert path.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_there_is_begun_again_and_the_file_refused_for_its_size(tmp_path):
    part_of(tmp_path, CONTENT[:HALF])
    with serving(Site(files={"images.gz": CONTENT[:1000]})) as site:
        refused(site, tmp_path, "the file there has 1000 bytes, 600000 are published")
    assert [asked for _, asked, _ in site.seen] == [f"bytes={HALF}-", None]


# what is refused


def refused(site: Site, folder: Path, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        download(FILE, [site.address], folder, lambda _: None)
    assert not (folder / "images.gz").exists()


def test_a_wrong_file_of_the_right_size_is_refused_and_not_kept(tmp_path):
    with serving(Site(files={"images.gz": bytes(len(CONTENT))})) as site:
        refused(site, tmp_path, r"SHA-256 [0-9a-f]{12}\.\.\. found, [0-9a-f]{12}\.\.\. is published")
    assert list(tmp_path.iterdir()) == [] and len(site.seen) == 1


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!"], ids=["shorter", "longer"])
def test_a_file_of_another_size_is_refused_whether_the_server_says_it_or_not(tmp_path, content):
    with serving(Site(files={"images.gz": content})) as site:
        refused(site, tmp_path, f"the file there has {len(content)} bytes, 600000 are published")
        assert len(site.seen) == 1 and list(tmp_path.iterdir()) == []
    with serving(Site(files={"images.gz": content}, length=False, ranges=False)) as site:
        refused(site, tmp_path, "it ended after 599999 of 600000|it has more than the 600000 bytes")


def test_a_truncated_body_is_kept_as_a_part_and_the_error_says_so(tmp_path):
    with serving(Site(files={"images.gz": CONTENT}, cut=HALF, ranges=False)) as site:
        refused(site, tmp_path, r"300000 of 600000 bytes.*kept in .*images\.gz\.part.*the same command goes on")
        assert len(site.seen) == 4  # three without getting further than the first
    assert (tmp_path / "images.gz.part").read_bytes() == CONTENT[:HALF]


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 3)])
def test_an_error_of_the_server_is_named(tmp_path, status, requests):
    with serving(Site(files={}, status=status)) as site:
        refused(site, tmp_path, rf"images\.gz could not be downloaded \(http://.*/images\.gz: {status} ")
    assert len(site.seen) == requests


def test_the_next_address_is_asked_and_goes_on_with_what_the_first_gave(tmp_path):
    with (
        serving(Site(files={}, status=404)) as gone,
        serving(Site(files={"images.gz": CONTENT}, cut=HALF, ranges=False)) as broken,
        serving(Site(files={"images.gz": CONTENT})) as whole,
    ):
        addresses = ["http://127.0.0.1:9/", gone.address, broken.address, whole.address]
        assert download(FILE, addresses, tmp_path, lambda _: None).read_bytes() == CONTENT
    assert whole.seen == [("images.gz", f"bytes={HALF}-", None)]


def test_an_address_that_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match="must begin with https:// or http://"):
        download(FILE, ["file:///etc/"], tmp_path, lambda _: None)
    with pytest.raises(UsageError, match="no address"):
        download(FILE, [], tmp_path, lambda _: None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named_and_not_taken_for_the_network(tmp_path):
    (tmp_path / "images.gz.part").symlink_to("/dev/full")
    with serving(Site(files={"images.gz": CONTENT})) as site:
        refused(site, tmp_path, r"images\.gz\.part: No space left on device\. Make room")
    assert len(site.seen) == 1


def test_a_servers_words_are_shown_without_their_escape_sequences(tmp_path):
    with (
        serving(Site(files={}, status=404, reason="\x1b[2J\x1b]0;owned\x07" + "x" * 500)) as site,
        pytest.raises(UsageError) as refused,
    ):
        get(site, tmp_path)
    (message,) = refused.value.args
    assert "404 \\x1b[2J\\x1b]0;owned\\x07xxx" in message and "\x1b" not in message and len(message) < 600
