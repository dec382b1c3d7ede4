"""Published data sets: addresses, sizes and checksums as a table of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from lotterylab.data import cifar_files, mnist_files
from lotterylab.data.copies import Copy
from lotterylab.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A step of a fetch: ``done`` of ``total`` bytes of ``file``.

    "there": the file exists and is right, so nothing is downloaded.  "starting over": the bytes that arrived are
    unusable.
    """

    what: Literal["there", "downloading", "starting over", "checking", "unpacking", "fetched"]
    file: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class File:
    """A published file: its name below an address, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The parts of a ``.tar.gz`` that are unpacked: the ``members`` of its folder ``inside``, with sizes in bytes."""

    inside: str
    members: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set, tried at one address after another, into ``folder`` of the user's data folder.

    An ``archive`` is unpacked from the only file.  ``standing`` finds an existing copy by the rules of the data set's
    reader; ``canonical`` holds the MD5 sums of its files.
    """

    name: str
    called: str
    folder: str
    addresses: tuple[str, ...]
    files: tuple[File, ...]
    archive: Archive | None = None
    standing: Callable[[Path], Copy | None]
    canonical: Mapping[str, str]
    training_images: int
    test_images: int = 10_000


_BATCHES = ("data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin")
_TORONTO = ("https://www.cs.toronto.edu/~kriz/",)  # redirects to the current page of the data sets

# The binary versions hold no pickles.  Several public loaders list these sizes and SHA-256; files with these have the
# MD5 sums of the data sets' own page.
_CIFAR10 = Source(
    name="cifar10",
    called="CIFAR-10",
    folder="cifar10",
    addresses=_TORONTO,
    files=(
        File(
            name="cifar-10-binary.tar.gz",
            size=170_052_171,
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
    archive=Archive(inside="cifar-10-batches-bin", members=dict.fromkeys((*_BATCHES, "test_batch.bin"), 30_730_000)),
    standing=partial(cifar_files.standing, published=cifar_files.CIFAR10),
    canonical=cifar_files.CIFAR10.canonical,
    training_images=50_000,
)
_CIFAR100 = Source(
    name="cifar100",
    called="CIFAR-100",
    folder="cifar100",
    addresses=_TORONTO,
    files=(
        File(
            name="cifar-100-binary.tar.gz",
            size=168_513_733,
            sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        ),
    ),
    archive=Archive(inside="cifar-100-binary", members={"train.bin": 153_700_000, "test.bin": 30_740_000}),
    standing=partial(cifar_files.standing, published=cifar_files.CIFAR100),
    canonical=cifar_files.CIFAR100.canonical,
    training_images=50_000,
)
# SHA-256 of the files whose MD5 sums torchvision lists
_MNIST = Source(
    name="mnist",
    called="MNIST",
    folder="mnist",
    # mirrors of torchvision and TensorFlow Datasets, then MNIST's own site, which often refuses programs
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://yann.lecun.com/exdb/mnist/",
    ),
    files=(
        File(
            name="train-images-idx3-ubyte.gz",
            size=9_912_422,
            sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        File(
            name="train-labels-idx1-ubyte.gz",
            size=28_881,
            sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        File(
            name="t10k-images-idx3-ubyte.gz",
            size=1_648_877,
            sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        File(
            name="t10k-labels-idx1-ubyte.gz",
            size=4_542,
            sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    standing=partial(mnist_files.standing, published=mnist_files.MNIST),
    canonical=mnist_files.MNIST.canonical,
    training_images=60_000,
)
_FASHION = Source(
    name="fashion-mnist",
    called="Fashion-MNIST",
    folder="fashion-mnist",
    # the authors' repository and their bucket, which has no https
    addresses=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    files=(
        File(
            name="train-images-idx3-ubyte.gz",
            size=26_421_880,
            sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        File(
            name="train-labels-idx1-ubyte.gz",
            size=29_515,
            sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        File(
            name="t10k-images-idx3-ubyte.gz",
            size=4_422_102,
            sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        File(
            name="t10k-labels-idx1-ubyte.gz",
            size=5_148,
            sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    standing=partial(mnist_files.standing, published=mnist_files.FASHION),
    canonical=mnist_files.FASHION.canonical,
    training_images=60_000,
)

SOURCES = {source.name: source for source in (_CIFAR10, _CIFAR100, _MNIST, _FASHION)}


def source_named(name: str) -> Source:
    """Return the published data set of that name.

    Raises:
        UsageError: no data set that can be fetched has it; the message has the nearest name.
    """
    if name not in SOURCES:
        raise unknown("data set to fetch", name, SOURCES)
    return SOURCES[name]
