"""PyTorch: checkpoints as ZIP archives or in the older row of pickles, TorchScript. Nothing is loaded."""

from collections.abc import Iterator

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.estimators import dangerous, shown
from mlamd.recognise.facts import MOST_ITEMS, bounded, flattened
from mlamd.recognise.finding import Fact, Finding, Reader, Subject
from mlamd.recognise.opcodes import Machine, TooLongError
from mlamd.recognise.pickled import Made, Name, Pairs, Stored
from mlamd.recognise.tensors import Tally
from mlamd.recognise.zipped import MAGIC, listing, member

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
"""The first pickle of the older format holds this number alone."""
_LEGACY = b"\x80\x02\x8a\x0a" + _MAGIC_NUMBER.to_bytes(10, "little")
_MOST_UNPACKED = 16 << 20
_MOST_WALKED = 60_000
_WEIGHTS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights")
_NOT_WEIGHTS = ("optim", "sched", "scaler", "rng", "amp", "callbacks", "loops")
_SETTINGS = frozenset(
    {"args", "config", "cfg", "hparams", "hyper_parameters", "hyperparameters", "params", "opt", "options"}
)
_DTYPES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
    "ComplexFloat": "complex64", "ComplexDouble": "complex128", "QInt8": "qint8", "QUInt8": "quint8",
    "QInt32": "qint32",
}  # fmt: skip


class TorchFiles:
    """Facts of a checkpoint: ``tensors``, ``parameters``, ``dtypes``, ``class``, and settings kept beside."""

    name = "torch"
    rank = 20

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a checkpoint, or a TorchScript program."""
        if subject.head.startswith(_LEGACY):
            machine = Machine(Cursor(subject.reader))
            for _ in range(3):  # the magic number, the version, facts about the machine
                machine.run()
            return _finding("pytorch-legacy", machine)
        if not subject.head.startswith(MAGIC) or not _looks_like_archive(subject.head):
            return None
        members = listing(subject.reader)
        entry = members.named("data.pkl")
        if entry is None:
            return None
        script = members.named("constants.pkl") is not None
        reader: Reader = member(subject.reader, entry, _MOST_UNPACKED)
        return _finding("torchscript" if script else "pytorch", Machine(Cursor(reader)))


def _looks_like_archive(head: bytes) -> bool:
    """Tell whether the first member is one that torch writes first; its data comes soon after."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    directory, slash, first = name.partition(b"/")
    return bool(directory and slash) and (
        first == b"data.pkl"
        or first.startswith((b".", b"code/", b"data/", b"extra/", b"version", b"byteorder", b"constants"))
    )


def _finding(form: str, machine: Machine) -> Finding:
    facts: dict[str, Fact] = {"framework": "pytorch"}
    try:
        top = machine.run()
    except TooLongError:
        top = machine.outline()
        facts["partial"] = True
    facts["class"] = _class_of(top)
    if isinstance(top, Pairs):
        found = _settings(top.texts(_MOST_WALKED))
        if found:
            facts["hyperparameters"] = found
    elif isinstance(top, Made) and top.of is not None and top.of.module.startswith("__torch__"):
        facts["class"] = top.of.name
    version = _texts(top).get("pytorch-lightning_version")
    if isinstance(version, str):
        facts["lightning_version"] = version[:100]
    facts |= _tally(top).facts()
    harm = dangerous(list(machine.names))
    if harm:
        facts["dangerous"] = bounded(harm)
    return Finding("dataset" if _is_data(top) else "model", form, facts)


def _is_data(top: object) -> bool:
    """Tell whether these are tensors without names, or a dataset: weights have names."""
    if isinstance(top, Made):
        return _is_tensor(top) or (top.of is not None and top.of.module.startswith("torch.utils.data."))
    return isinstance(top, list | tuple)


def _class_of(top: object) -> str:
    if isinstance(top, Made) and top.of is not None:
        return top.of.name if top.of.module == "collections" else top.of.dotted
    return "dict" if isinstance(top, Pairs) else type(top).__name__


def _texts(top: object) -> dict[str, object]:
    return top.texts(_MOST_WALKED) if isinstance(top, Pairs) else {}


def _settings(checkpoint: dict[str, object]) -> dict[str, Fact]:
    """Return what a checkpoint keeps beside weights: plain values, and what is under names of settings."""
    found: dict[str, Fact] = {}
    for key, value in checkpoint.items():
        if isinstance(value, bool | int | float | str):
            found[key] = bounded(value)
        elif key.lower() in _SETTINGS:
            own = value.fields() if isinstance(value, Made) else {}
            found |= flattened({name: shown(part) for name, part in own.items()} or shown(value), key)
    return dict(list(found.items())[:MOST_ITEMS])


def _tally(top: object) -> Tally:
    """Count the tensors of the model: those of an optimiser beside it are none of its parameters."""
    tally = Tally()
    texts = _texts(top)
    chosen = [texts[key] for key in _WEIGHTS if isinstance(texts.get(key), Made | Pairs)]
    if texts and not chosen:
        chosen = [
            value for key, value in texts.items() if not any(word in key.lower() for word in _NOT_WEIGHTS)
        ]
    for tensor in _tensors(chosen or [top]):
        dtype, shape = _description(tensor)
        tally.add(dtype, shape)
    return tally


def _tensors(tops: list[object]) -> Iterator[Made]:
    waiting = list(reversed(tops))
    seen: set[int] = set()
    for _ in range(_MOST_WALKED):
        if not waiting:
            return
        one = waiting.pop()
        if id(one) in seen:
            continue
        inner: list[object] = []
        if isinstance(one, Made):
            seen.add(id(one))
            if _is_tensor(one):
                yield one
                continue
            inner = [one.arguments, one.state, *(value for _, value in one.pairs), *one.items]
        elif isinstance(one, Pairs):
            seen.add(id(one))
            inner = [value for _, value in one.pairs]
        elif isinstance(one, list | tuple):
            seen.add(id(one))
            inner = list(one)
        if len(waiting) + len(inner) < _MOST_WALKED * 2:
            waiting.extend(reversed(inner))


def _is_tensor(made: Made) -> bool:
    of = made.of
    return (
        of is not None
        and of.module == "torch._utils"
        and of.name.startswith("_rebuild_")
        and ("tensor" in of.name)
    )


def _description(tensor: Made) -> tuple[str, tuple[object, ...]]:
    """Return type and shape: the arguments are the storage, an offset and the size, then strides."""
    arguments = tensor.arguments if isinstance(tensor.arguments, tuple) else ()
    shape = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], tuple) else ()
    dtype = "?"
    if arguments and isinstance(arguments[0], Stored):
        key = arguments[0].key
        storage = key[1] if isinstance(key, tuple) and len(key) > 1 else None
        if isinstance(storage, Name):
            short = storage.name.removesuffix("Storage")
            dtype = _DTYPES.get(short, short.lower() or "?")
    for one in arguments[3:]:  # newer types have no storage class of their own, and are named by torch.dtype
        if isinstance(one, Name) and one.module == "torch":
            dtype = one.name
    return dtype, shape
