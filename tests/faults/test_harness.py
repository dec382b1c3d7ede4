"""The harness itself: its fence holds, its shim counts, kills and refuses where it was told to, its watch sees."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from faults.shim import Fault

CHANGES = ("write", "append", "truncate", "unlink", "rename", "chmod", "symlink", "link", "mkdir", "torch", "program")


def precious(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("what", [*CHANGES, "rmtree"])
@pytest.mark.parametrize("way", ["absolute", "relative", "link", "link to a folder"])
def test_the_fence_lets_no_change_through(lab, shelf, tmp_path, what, way):
    """``tmp_path`` lies outside of the fence."""
    assert not tmp_path.resolve().is_relative_to(lab.fence)
    (tmp_path / "deep").mkdir()
    for name in ("deep/a", "deep/b"):
        (tmp_path / name).write_text("years of work")
    before = precious(tmp_path)
    target = tmp_path / "deep" if what == "rmtree" else tmp_path / "deep" / "a"
    if what in ("symlink", "link", "mkdir"):
        target = tmp_path / "new"
    work = shelf / f"{what}-{way}".replace(" ", "-")
    work.mkdir()
    path = str(target)
    if way == "relative":
        path = "../" * 30 + path.lstrip("/")
    elif way == "link":
        if what in ("unlink", "rename", "rmtree"):
            pytest.skip("it would change the link, which lies inside")
        (work / "link").symlink_to(target)
        path = "link"
    elif way == "link to a folder":
        (work / "link").symlink_to(target.parent)
        path = f"link/{target.name}"
    ending = lab.call("change", what, path, cwd=work)
    assert ending.raised, f"{what} {path} passed: {ending}"
    assert precious(tmp_path) == before and not (tmp_path / "new").exists()


@pytest.mark.parametrize("what", ["write", "unlink", "rmtree"])
def test_inside_of_the_fence_everything_is_allowed(lab, shelf, what):
    target = shelf / f"inside-{what}"
    target.mkdir()
    (target / "file").write_text("x")
    ending = lab.call("change", what, target if what == "rmtree" else target / "file")
    assert not ending.raised, str(ending)


def test_calls_are_counted_and_go_wrong_where_they_are_asked_to(lab, shelf):
    store = shelf / "store"
    counted = lab.call("compute", store, "writes", fault=Fault(), folder=store, logged=True)
    assert counted.code == 0 and counted.calls == len(counted.log) > 100
    assert {op for _, op, _ in counted.log} >= set("owsnumtl")
    last = counted.calls - 1
    assert (
        lab.call("compute", shelf / "a", "writes", fault=Fault(action="kill", at=last + 1), folder=shelf / "a").code
        == 0
    )
    killed = lab.call("compute", shelf / "b", "writes", fault=Fault(action="kill", at=last), folder=shelf / "b")
    assert killed.signal == signal.SIGKILL and killed.calls == counted.calls
    failed = lab.call("compute", shelf / "c", "writes", fault=Fault(action="EDQUOT", at=0), folder=shelf / "c")
    assert "quota" in f"{failed.message} {failed.said} {failed.value}".lower()


def test_a_call_that_hangs_is_ended(lab):
    ending = lab.call("sleep", 60, seconds=0.5)
    assert not ending.in_time and ending.signal == signal.SIGKILL


def test_the_watch_sees_what_is_written_and_where(lab, shelf):
    target = shelf / "watched"
    target.mkdir()
    ending = lab.call("change", "write", target / "file", watched=True)
    assert not ending.raised and not ending.outside(lab.scratch, target)
    assert any(str(target / "file") in line for line in ending.outside(lab.scratch))
    (target / "more").mkdir()
    ending = lab.call("change", "rmtree", target / "more", watched=True)
    assert any(str(target / "more") in line for line in ending.outside(lab.scratch))
