"""Archives for ``store import``: flipped bits, cuts, and members that do not belong there."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults import hostile_folders, hostile_ledgers
from faults.checks import hashes
from faults.hostile_folders import Hostile
from faults.mutants import mutated
from faults.places import Place
from faults.schedules import FORMS, schedule
from faults.studies import STUDY

Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture(scope="module")
def place(lab, shelf) -> Place:
    place = Place.make(lab, shelf)
    words = ("store", "export", *STUDY, "--store", place.finished, "--out", shelf / "true.tar")
    ending = lab.call("command", *words)
    assert ending.value == 0, str(ending)
    return place


@pytest.fixture(scope="module")
def true(shelf, place) -> bytes:
    return (shelf / "true.tar").read_bytes()


def members(data: bytes) -> list[Member]:
    with tarfile.open(fileobj=io.BytesIO(data)) as file:
        return [(member, file.extractfile(member).read()) for member in file]  # type: ignore[union-attr]


def packed(parts: list[Member], kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as file:
        for member, data in parts:
            file.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"evil") -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
    return info, data


def strangers(victim: Path) -> dict[str, Member]:
    """Members that are put among true ones."""
    return {
        "climbs": member("../victim/pwned"),
        "climbs from objects": member("objects/../../victim/pwned"),
        "is absolute": member(str(victim / "pwned")),
        "is another file": member("format.json", data=b'{"format": 99}'),
        "is the lock": member("lock"),
        "escapes": member("objects/\x1b[2J"),
        "is a blob of other bytes": member("objects/" + "0" * 64),
        "is a blob in capitals": member("objects/" + "A" * 64),
        "is a link": member("objects", tarfile.SYMTYPE, str(victim)),
        "is a link of a blob": member("objects/" + "1" * 64, tarfile.SYMTYPE, str(victim / "thesis.txt")),
        "is a hard link": member("objects/" + "1" * 64, tarfile.LNKTYPE, str(victim / "thesis.txt")),
        "is a fifo": member("objects/" + "1" * 64, tarfile.FIFOTYPE),
        "is a device": member("objects/" + "1" * 64, tarfile.CHRTYPE),
        "is a folder": member("objects/" + "1" * 64, tarfile.DIRTYPE),
        "has a name of 100,000 letters": member("objects/" + "a" * 100_000),
    }


def sealed_again(parts: list[Member], book: bytes) -> list[Member]:
    """The archive with another ledger, its head made to fit: what a person with an aim would do."""
    import hashlib

    from lotterylab.engine.bundle import FORMAT
    from lotterylab.engine.files import sealed

    head = sealed({"format": FORMAT, "records": book.count(b"\n"), "ledger": hashlib.sha256(book).hexdigest()})
    return [member("bundle.json", data=head), member("ledger.jsonl", data=book), *parts[2:]]


def hostile(place: Place, true: bytes) -> Iterator[Hostile]:
    """Every hostile archive."""
    yield from hostile_folders.archives()
    parts = members(true)

    def of(data: Callable[[], bytes]) -> Callable[[Path, Path], None]:
        return lambda path, victim: path.write_bytes(data()) and None

    for name, stranger in strangers(place.victim).items():
        for position in (0, 1, 2, len(parts)):
            mixed = [*parts[:position], stranger, *parts[position:]]
            yield Hostile(name=f"a member {position} that {name}", make=of(lambda mixed=mixed: packed(mixed)))
    for case in hostile_ledgers.cases(place.book, place.victim):

        def write(path: Path, victim: Path, case=case) -> None:
            case.make(path)
            if path.is_symlink() or not path.is_file():
                return
            path.write_bytes(packed(sealed_again(parts, path.read_bytes())))

        yield Hostile(name=f"ledger within, {case.name}", make=write)
    huge = tarfile.TarInfo("objects/" + "2" * 64)
    huge.size = 1 << 50
    yield Hostile(name="a petabyte", make=of(lambda: true[: -2 * 512] + huge.tobuf(tarfile.GNU_FORMAT)))
    yield Hostile(name="every member twice", make=of(lambda: packed([*parts, *parts])))
    yield Hostile(name="members in another order", make=of(lambda: packed(parts[::-1])))
    yield Hostile(name="without its head", make=of(lambda: packed(parts[1:])))
    yield Hostile(name="without blobs", make=of(lambda: packed(parts[:2])))


@FORMS
def test_a_hostile_archive_touches_nothing_outside_and_ends_in_a_sentence(lab, place, true, form):
    with schedule("hostile archives", form, __file__) as trials:
        for number, archive in trials.some(list(hostile(place, true)), short=6):

            def check(archive: Hostile = archive) -> Iterator[str]:
                place.fresh()
                archive.make(place.root / "archive", place.victim)
                words = ("store", "import", "archive", "--store", "store")
                ending, problems = place.watched(lab, "command", *words, may=(place.store,))
                yield from problems
                if "\x1b" in ending.said:
                    yield "an escape sequence reaches the terminal"
                if (again := lab.call("command", "verify", "--store", "store", cwd=place.root)).value != 0:
                    yield f"verify afterwards: {again.out[-200:]}"

            trials.guarded(f"[{number}] import of {archive.name}", check)


@FORMS
def test_a_damaged_archive_brings_true_results_or_none(lab, place, true, form):
    want = hashes(place.finished)
    with schedule("damaged archives", form, __file__) as trials:
        for number, seed in trials.some(range(200), short=5):

            def check(seed: int = seed) -> Iterator[str]:
                draw = random.Random(seed)
                data = bytearray(true)
                if seed % 2:
                    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
                place.fresh()
                (place.root / "archive").write_bytes(data if seed % 2 else mutated(true, draw))
                words = ("store", "import", "archive", "--store", "new")
                yield from place.watched(lab, "command", *words, may=(place.root / "new",))[1]
                if not (place.root / "new").exists():
                    return
                now = hashes(place.root / "new")
                if any(want.get(digest) != record for digest, record in now.items()):
                    yield "a result came in that is not one of those that went out"
                if (again := lab.call("command", "verify", "--store", "new", cwd=place.root)).value not in (0, 2):
                    yield f"verify afterwards: {again.out[-200:]}"

            trials.guarded(f"[{number}] seed {seed}", check)


def test_a_true_archive_brings_everything(lab, place, true):
    place.fresh()
    (place.root / "archive").write_bytes(true)
    ending, problems = place.watched(
        lab, "command", "store", "import", "archive", "--store", "new", may=(place.root / "new",)
    )
    assert not problems and ending.value == 0
    assert hashes(place.root / "new") == hashes(place.finished)
