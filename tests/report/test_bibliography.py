"""The references of the report are the BibTeX entries, in plain words."""

from __future__ import annotations

import pytest

from lotterylab.errors import UsageError
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.models.inits import INITS
from lotterylab.report.bibliography import BEHIND_EVERY_REPORT, references
from lotterylab.report.catalogue import LISTS
from lotterylab.report.citations import entries, keys_of
from lotterylab.studies.activations import STUDY


@pytest.mark.parametrize("key", entries())
def test_each_entry_reads_as_plain_text_with_its_author_and_year(key):
    ((_, text),) = references([key])
    assert key.rstrip("abcdefghijklmnopqrstuvwxyz")[-4:] in text  # frankle2019lottery: 2019
    assert not set(text) & set("{}\\~`\n") and "--" not in text and ".." not in text
    assert text.split(". ", 1)[0].count(".") or text[1:3] == ". ", "initials come first"


def test_a_reference_reads_as_it_is_written_in_a_paper():
    ((_, text),) = references(["lecun1998efficient"])
    assert text == (
        "Y. LeCun, L. Bottou, G. B. Orr, K. Müller. Efficient BackProp. "
        "Neural Networks: Tricks of the Trade 1524, 9-50, 1998. doi:10.1007/3-540-49430-8_2"
    )


def test_what_stands_behind_every_report_is_known():
    assert len(references(BEHIND_EVERY_REPORT)) == len(BEHIND_EVERY_REPORT)


def test_an_unknown_reference_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'frankle2019lottery'"):
        references(["frankle2019lotery"])


@pytest.mark.parametrize(
    ("asked", "works"),
    [
        ({"scope": "erk"}, ("evci2020rigging", "mocanu2018scalable")),
        ({"scope": "balanced"}, ("gadhikar2023random",)),
        ({"granularity": "2:4", "sparsities": (0.5,)}, ("mishra2021accelerating", "zhou2021learning")),
        ({"init": "orthogonal"}, ("saxe2014exact",)),
        ({"activations": ("gelu",)}, ("hendrycks2016gaussian",)),
    ],
    ids=lambda one: next(iter(one.values())) if isinstance(one, dict) else "",
)
def test_what_a_field_names_by_a_word_is_cited(asked, works):
    small = {"preset": "small", "methods": ("magnitude",)}
    before, after = (
        keys_of(STUDY.resolve(STUDY.options(**options)).plan.targets()) for options in (small, {**small, **asked})
    )
    assert set(works) <= set(after) - set(before)


@pytest.mark.parametrize("what", LISTS)
def test_the_papers_of_every_list_are_in_the_bibliography(what):
    named = [key for entry in LISTS[what]() for key in entry["paper"].split(", ") if key]
    assert set(named) <= entries().keys()
    assert named, "each list has something with a paper"


def test_the_papers_of_words_are_in_the_bibliography():
    assert {key for table in (INITS, ACTIVATIONS) for one in table.values() for key in one.papers} <= entries().keys()
