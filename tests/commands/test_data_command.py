"""lotterylab data fetch: what it says; what it does is in tests/fetch."""

import pytest

from lotterylab.commands.data import _Shown
from lotterylab.commands.main import main
from lotterylab.fetch import Progress


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("fetch", "minst"), "Did you mean 'mnist'"),
        (("fetch", "mnist", "--intoo", "x"), "Did you mean '--into'"),
    ],
)
def test_a_wrong_word_is_refused(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LOTTERYLAB_DATA", str(tmp_path))
    assert main(["data", *words]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_a_folder_it_asks_for_one(monkeypatch, capsys):
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    assert main(["data", "fetch", "mnist"]) == 2
    assert "--into FOLDER" in capsys.readouterr().err


def test_steps_and_bytes_are_shown(capsys):
    show = _Shown()
    show(Progress(what="downloading", file="a.gz", done=500_000, total=2_000_000))
    show(Progress(what="downloading", file="a.gz", done=600_000, total=2_000_000))  # within the same second
    show(Progress(what="downloading", file="a.gz", done=2_000_000, total=2_000_000))
    show(Progress(what="checking", file="a.gz", done=0, total=0))
    assert capsys.readouterr().err.splitlines() == [
        "a.gz: 0.5 of 2.0 MB, 25 %",
        "a.gz: 2.0 of 2.0 MB, 100 %",
        "a.gz: checking",
    ]
