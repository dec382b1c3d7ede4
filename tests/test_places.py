"""Places that a person names: ``~`` is expanded, and a place that does not serve is explained with what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import disks
import lotterylab as ll
import some_folders
from lotterylab.auditing import audit_folder
from lotterylab.commands.main import main
from lotterylab.data import Folder
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError, SystemRefusal, UsageError
from lotterylab.system.places import file_for, folder_for, missing, place, why_unwritable
from lotterylab.types import Mask

MASK = Mask({"weight": torch.tensor([True, False])})
TINY = ("activations", "--preset", "small")
NFC, NFD = "caf\xe9", "cafe\u0301"


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in, with a home below it that has a few files."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("LOTTERYLAB_STORE", raising=False)
    return tmp_path


# ~


@given(st.lists(st.text("ab~é. ", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join))
def test_a_path_is_its_own_but_for_the_home(text):
    taken = place(f"./{text}")
    assert taken.absolute() == Path.cwd() / text and place(taken) == taken
    assert place(f"~/{text}") == Path.home() / text
    if not str(Path(text)).startswith("~"):
        assert place(text) == place(Path(text)) == Path(text)


@pytest.mark.parametrize("wrong", ["", "a\0b", "~no-such-user/x", None, 3, ["a"]])
def test_what_is_no_path_is_refused_with_its_word_and_what_to_do(wrong):
    for take in (place, folder_for, file_for):
        with pytest.raises(UsageError, match=r"^the store .*\. (Name|Give|Write) "):
            take(wrong, "store")


def test_the_home_is_expanded_wherever_python_takes_a_path(here):
    home = here / "home"
    ll.save_mask(MASK, "~/mask.safetensors")
    assert ll.load_mask("~/mask.safetensors")["weight"].tolist() == [True, False]
    (home / "net").mkdir()
    shutil.copy(home / "mask.safetensors", home / "net" / "end.safetensors")
    assert audit_folder("~/net")[0].where
    assert Store("~/store").path == home / "store"
    some_folders.write(home / "photos", {"a": 4, "b": 4})
    assert Folder(path="~/photos", size=8, test=2).classes == 2
    with pytest.raises(UsageError, match=f"no folder {home}/data to read MNIST"):
        ll.plan.pinned(ll.data.Mnist(train=1, test=1), "~/data")
    assert not (here / "~").exists()


LINES = {  # option or place of the command line -> the words, and the path below the home that the error names
    "--store": (["table", *TINY, "--store", "~/x"], "home/x"),
    "--ledger": (["table", *TINY, "--ledger", "~/x.jsonl"], "home/x.jsonl"),
    "--known": (["table", *TINY, "--known", "~/x.jsonl"], "home/x.jsonl"),
    "--config": (["plan", *TINY, "--config", "~/x.toml"], "home/x.toml"),
    "--config=": (["plan", *TINY, "--config=~/x.toml"], "home/x.toml"),
    "--data-dir": (["plan", "lth-mnist", "--data-dir", "~/x"], "home/x"),
    "--data": (["plan", "activations", "--data", "folder:~/x"], "home/x"),
    "audit": (["audit", "~/x"], "home/x"),
    "report --all": (["report", "--all", "~/x"], "home/x"),
    "store import": (["store", "import", "~/x"], "home/x"),
    "again": (["again", "0", "--ledger", "~/x"], "home/x"),
    "verify": (["verify", "--store", "~/x"], "home/x"),
}


@pytest.mark.parametrize("name", LINES)
def test_the_home_is_expanded_wherever_the_command_takes_a_path(here, capsys, name):
    words, path = LINES[name]
    assert main(words) == 2
    assert str(here / path) in capsys.readouterr().err
    assert not (here / "~").exists()


def test_the_home_is_expanded_in_a_parameters_file_and_in_the_environment(here, capsys, monkeypatch):
    (here / "x.toml").write_text('seeds = 1\nledger = "~/x.jsonl"\n')
    assert main(["table", *TINY, "--config", "x.toml"]) == 2
    assert str(here / "home" / "x.jsonl") in capsys.readouterr().err
    monkeypatch.setenv("LOTTERYLAB_STORE", "~/x")
    monkeypatch.setenv("LOTTERYLAB_DATA", "~/y")
    assert main(["table", *TINY]) == 2 and str(here / "home" / "x") in capsys.readouterr().err
    assert main(["plan", "lth-mnist"]) == 2 and str(here / "home" / "y") in capsys.readouterr().err


# places that are missing, of another kind, or links to nothing


def awkward(folder: Path) -> dict[str, str]:
    """Make awkward places, and return them with the words that explain each."""
    (folder / "dangling").symlink_to("/nowhere/there")
    (folder / "loop").symlink_to("loop")
    (folder / "file").write_text("text")
    (folder / "below").symlink_to("/nowhere")
    return {
        "dangling": "is a link to /nowhere/there, which does not exist; mend or remove the link",
        "loop": "Too many levels of symbolic links",
        "file/x": "file",
        "below/x": "is a link to nothing",
        "n" * 300: "File name too long",
    }


CALLS = {
    "load_mask": ll.load_mask,
    "save_mask": lambda path: ll.save_mask(MASK, f"{path}/mask.safetensors"),
    "audit": audit_folder,
    "pinned": lambda path: ll.plan.pinned(ll.data.Mnist(train=1, test=1), path),
    "images": lambda path: Folder(path=path, test=1).title,
    "run": lambda path: ll.plan.run(
        ll.plan.Plan(
            name="x", rows=(ll.plan.Row(labels={}, nodes={"m": ll.plan.Dense(model=ll.models.LeNet300100())}),)
        ),
        path,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_awkward_place_ends_in_a_sentence_from_python(here, name):
    for path, why in awkward(here).items():
        with pytest.raises(LotteryError, match=why) as refused:
            CALLS[name](path)
        assert refused.value.exit_code in (2, 4) and path.partition("/")[0][:60] in str(refused.value)
    assert {entry.name for entry in here.iterdir()} == {"dangling", "loop", "file", "below", "home"}


@pytest.mark.parametrize(
    "words",
    [
        ["table", *TINY, "--ledger", "PLACE"],
        ["plan", *TINY, "--config", "PLACE"],
        ["plan", "lth-mnist", "--data-dir", "PLACE"],
        ["plan", "activations", "--data", "folder:PLACE"],
        ["report", "--all", "PLACE"],
        ["store", "import", "PLACE"],
        ["again", "0", "--ledger", "PLACE"],
        ["audit", "PLACE"],
        ["table", *TINY, "--store", "PLACE"],
    ],
    ids=" ".join,
)
def test_a_link_to_nothing_is_named_as_such_on_the_command_line(here, capsys, words):
    awkward(here)
    assert main([word.replace("PLACE", "dangling") for word in words]) == 2
    assert "is a link to /nowhere/there, which does not exist; mend or remove the link" in capsys.readouterr().err


def test_a_missing_place_names_the_first_missing_folder_or_a_name_near_it(here):
    (here / "study.toml").write_text("")
    assert missing("file", here / "stduy.toml").endswith("; there is 'study.toml'")
    assert missing("file", here / "a" / "b" / "c").endswith(f": {here}/a does not exist")
    assert missing("folder", here / "study.toml").endswith(": that is a file")
    assert missing("file", here / "other") == f"there is no file {here}/other"


def test_a_ledger_that_could_not_be_written_is_refused_before_anything_runs(here, capsys):
    awkward(here)
    for path, why in {"file/x": "is not a folder", "home": "is a folder", "/proc/x/y": "/proc is not writable"}.items():
        if os.geteuid() == 0 and path.startswith("/proc"):
            continue  # the system says that root may write there
        assert main(["run", *TINY, "--ledger", path]) == 2
        assert why in capsys.readouterr().err
    assert why_unwritable(here / "new" / "er" / "x.jsonl") == ""
    assert not (here / "lotterylab-store").exists()


# rights, and disks that are read-only


NO_RIGHTS = ("setpriv", "--inh-caps=-dac_override,-dac_read_search", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_a_place_without_rights_is_named_with_what_to_do(here):
    (here / "shut").mkdir(mode=0)
    (here / "locked").mkdir(mode=0o555)
    (here / "x.toml").write_text("seeds = 1")
    (here / "x.toml").chmod(0)
    lines = {
        "audit shut": 2,
        "plan activations --config x.toml": 2,
        "plan lth-mnist --data-dir shut": 2,
        "plan activations --data folder:shut": 2,
        "table activations --ledger shut/x": 2,
        "report --all shut": 2,
        "run activations --preset small --ledger locked/x": 2,
        "table activations --store shut": 4,
        "run activations --preset small --store locked/s": 4,
    }
    code = f"""
import sys
from lotterylab.commands.main import main
for line in {list(lines)}:
    print("rc", main(line.split()), file=sys.stderr)
"""
    prefix = NO_RIGHTS if os.geteuid() == 0 else ()
    done = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True, text=True, timeout=500)
    said = [part.strip() for part in done.stderr.split("rc ")]
    codes = [int(part.split("\n")[0]) for part in said[1:]]
    assert codes == list(lines.values()), done.stderr
    assert "Traceback" not in done.stderr
    messages = [line for line in done.stderr.splitlines() if line.startswith("lotterylab: ")]
    assert len(messages) == len(lines)
    for message in messages:
        assert any(remedy in message for remedy in ("chmod", "name another")), message
        assert any(place in message for place in ("shut", "locked", "x.toml")), message


def test_a_disk_that_is_read_only_is_named_with_what_to_do(here):
    try:
        with disks.disk(here / "disk", "size=1m,ro"):
            with pytest.raises(SystemRefusal, match=r"disk/mask.*read-only|Read-only.*name a place on another disk"):
                ll.save_mask(MASK, "disk/mask.safetensors")
            with pytest.raises(SystemRefusal, match=r"disk.*Read-only.*name a place on another disk"):
                CALLS["run"]("disk/store")
            assert main(["run", *TINY, "--ledger", "disk/x"]) == 2
    except disks.NoMount as error:
        pytest.skip(f"no disk can be mounted: {error}")


# names and files of editors


def test_a_missing_name_that_looks_like_one_that_is_there_is_told_apart(here, capsys):
    (here / f"{NFD}.toml").write_text("seeds = 1")
    assert main(["plan", *TINY, "--config", f"{NFC}.toml"]) == 2
    said = capsys.readouterr().err
    assert "in another Unicode form" in said and r"cafe\u0301.toml" in said and r"caf\xe9.toml" in said


@pytest.mark.parametrize("command", ["plan", "table"])
def test_a_parameters_file_may_begin_with_a_byte_order_mark(here, capsys, command):
    (here / "x.toml").write_bytes(b"\xef\xbb\xbf" + b'study = "activations"\r\npreset = "small"\r\nseeds = "x"\r\n')
    assert main([command, *TINY, "--config", "x.toml"]) == 2
    assert "x.toml, line 3: " in capsys.readouterr().err
    (here / "x.toml").write_bytes(b"\xef\xbb\xbf" + b'preset = "small"\r\n')
    assert main(["table", *TINY, "--config", "x.toml", "--store", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    (here / "x.toml").write_text("seeds = 1", encoding="utf-16")
    assert main([command, *TINY, "--config", "x.toml"]) == 2
    assert "Save it as UTF-8" in capsys.readouterr().err
