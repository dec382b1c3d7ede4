"""The pickles of ``torch.save`` as descriptions of tensors: nothing is allocated, no named function is called."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from lotterylab.formats import foreign
from lotterylab.formats.pickles import Plain, put
from lotterylab.formats.sparse import PARTS

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
    "QInt8Storage": "quantized",
    "QUInt8Storage": "quantized",
    "QInt32Storage": "quantized",
    "QUInt4x2Storage": "quantized",
    "QUInt2x4Storage": "quantized",
}
_DTYPES = (
    {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"}
    | {"complex64", "complex128", "complex32", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"}
    | {"float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "quint8", "qint8"}
    | {"qint32", "quint4x2", "quint2x4", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"}
)

_QUANTIZERS = {"per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"} | {
    "per_channel_affine_float_qparams"
}


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The bytes of a storage in the file; ``kind`` is its type, ``start`` the first entry in use."""

    key: str
    kind: str
    entries: int
    start: int = 0


@dataclass(frozen=True, kw_only=True)
class Described:
    """A tensor that is not made yet; ``refused`` is set alone, to the kind of a tensor that cannot be read.

    A sparse tensor has a ``layout`` and ``parts`` in place of a storage, and the kind of its values.
    """

    storage: Storage | None = None
    kind: str = ""
    offset: int = 0
    size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    layout: str = ""
    parts: tuple[Described, ...] = ()
    refused: str = ""


class TorchPickle(Plain):
    """A pickle of ``torch.save``: storages by their persistent names, tensors as descriptions, the rest as values."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, _KNOWN)
        self.kinds: dict[str, str] = {}  # storage -> type

    def persistent_load(self, pid: Any) -> Storage:
        """Return the storage with this persistent name."""
        tag, kind, key, _, entries, *view = pid
        if tag != "storage" or not all(isinstance(word, str) for word in (kind, key)):
            raise pickle.UnpicklingError("it names something that is not a storage")
        self.kinds[key] = kind
        start = view[0][1] if view and view[0] is not None else 0
        return Storage(key=key, kind=kind, entries=entries, start=start)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any, kind: str = "") -> Described:
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    metadata = next((value for value in rest[2:] if isinstance(value, dict) and value), None)
    if metadata is not None:
        return Described(refused="view")
    return Described(storage=storage, kind=kind or storage.kind, offset=offset, size=tuple(size), stride=tuple(stride))


def _tensor_v3(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Described:
    """Describe a tensor whose type stands in the pickle, since its storage has none."""
    kind = rest[2]
    if not isinstance(kind, str):
        raise pickle.UnpicklingError("a tensor without a type")
    return _tensor(storage, offset, size, stride, *rest[:2], *rest[3:], kind=kind)


def _same(described: Any, *_: Any) -> Any:
    return described


def _of_type(rebuild: Any, kind: Any, arguments: Any, *_: Any) -> Any:
    """Describe a tensor and drop its attributes; the function that rebuilds a subclass refuses it."""
    if rebuild not in (_tensor, _tensor_v3, _same):
        return Described(refused="subclass")
    return rebuild(*arguments)


def _refusing(kind: str) -> Any:
    return lambda *_: Described(refused=kind)


def _sparse(layout: Any, data: Any, *_: Any) -> Described:
    """Describe a sparse tensor; ``data`` are its parts, its size and, for COO, whether it is coalesced."""
    known = isinstance(layout, str) and layout in PARTS
    count = PARTS[layout] if known else 0
    if not known or not isinstance(data, tuple) or len(data) <= count:
        return Described(refused=layout if isinstance(layout, str) and layout.startswith("sparse") else "sparse")
    parts, size = data[:count], data[count]
    if not all(isinstance(part, Described) and part.storage for part in parts) or not isinstance(size, tuple):
        raise pickle.UnpicklingError("a sparse tensor without its parts")
    return Described(layout=layout, parts=parts, size=size, kind=parts[-1].kind)


def _size(numbers: Any = (), *_: Any) -> tuple[Any, ...]:
    return numbers if isinstance(numbers, tuple) else ()


def _layout(name: Any) -> str:
    return foreign.shown(str(name).removeprefix("torch."))


def _dict(items: Iterable[Any] = (), *_: Any) -> dict[Any, Any]:
    entries: dict[Any, Any] = {}
    for key, value in items.items() if isinstance(items, dict) else items:
        put(entries, [key, value])
    return entries


def _nothing(*_: Any) -> None:
    """Stand for plain values that are not needed and that a pickle could make arbitrarily large."""


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _dict,
    ("collections", "Counter"): _dict,
    ("torch.nn.parameter", "Parameter"): "parameter",
    ("torch", "Tensor"): "tensor",
    ("torch", "Size"): _size,
    ("torch", "device"): _nothing,
    ("_codecs", "encode"): _nothing,
    ("builtins", "bytearray"): _nothing,
    ("builtins", "set"): _nothing,
    ("builtins", "complex"): _nothing,
    ("torch.serialization", "_get_layout"): _layout,
    ("torch._tensor", "_rebuild_from_type_v2"): _of_type,
    **{("torch", name): name for name in _DTYPES | _QUANTIZERS},
    **{(module, name): kind for name, kind in _STORAGES.items() for module in ("torch", "torch.cuda", "torch.storage")},
    **{
        ("torch._utils", name): rebuild
        for name, rebuild in {
            "_rebuild_tensor": _tensor,
            "_rebuild_tensor_v2": _tensor,
            "_rebuild_tensor_v3": _tensor_v3,
            "_rebuild_parameter": _same,
            "_rebuild_parameter_with_state": _same,
            "_rebuild_device_tensor_from_cpu_tensor": _same,
            "_rebuild_device_tensor_from_numpy": _refusing("a tensor of another device, held as a NumPy array"),
            "_rebuild_sparse_tensor": _sparse,
            "_rebuild_qtensor": _refusing("quantized"),
            "_rebuild_meta_tensor_no_storage": _refusing("meta"),
            "_rebuild_nested_tensor": _refusing("nested"),
            "_rebuild_wrapper_subclass": _refusing("subclass"),
        }.items()
    },
}
