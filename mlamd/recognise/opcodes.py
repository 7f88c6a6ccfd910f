"""Pickles read as what they are: a list of opcodes for a small machine. Nothing is imported, made or called.

Where unpickling would call something, a ``Made`` says what and with which arguments. The opcodes are those of
CPython's ``pickletools``; the raw arrays between them and their alignment are joblib's (``numpy_pickle``).
"""

import struct
from collections.abc import Callable

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.pickled import Made, Name, Pairs, Stored, dtype_of, text_of
from mlamd.recognise.tensors import elements

MOST_OPCODES = 400_000
MOST_NESTED = 16
_MOST_TEXT = 4_096
_MOST_KEPT = 16 << 20
_MOST_LINE = 16_384
_STOP = ord(".")
_ARRAY = ("joblib.numpy_pickle", "NumpyArrayWrapper")


class TooLongError(RecogniseError):
    """The pickle has more opcodes than are read."""


class Machine:
    """Goes through one pickle after another. Bounded in opcodes, in text kept, and in depth."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.names: dict[str, None] = {}
        """What would be imported, in order."""
        self.arrays: list[tuple[str, tuple[object, ...]]] = []
        """The raw arrays between the opcodes: dtype and shape."""
        self.stack: list[object] = []
        self.below: list[list[object]] = []
        self.memo: dict[int, object] = {}
        self._left = MOST_OPCODES
        self._kept = 0
        self._nested = 0

    def run(self) -> object:
        """Read up to the next end of a pickle, and return what it would give.

        Raises ``TooLongError`` if that is too far: then ``outline`` tells what there is up to there.
        """
        self.stack, self.below, self.memo = [], [], {}
        cursor = self.cursor
        for _ in range(self._left):
            self._left -= 1
            code = cursor.byte()
            if code == _STOP:
                return self.pop()
            step = STEPS.get(code)
            if step is None:
                raise RecogniseError("no pickle: an opcode that there is not")
            step(self)
        raise TooLongError("more opcodes than are read")

    def outline(self) -> object:
        """Return the outermost object of a pickle that was not read to its end, as far as it is known."""
        levels = [*self.below, self.stack]
        first = next((one for one in levels[0] if isinstance(one, Made | Pairs)), None)
        known = next((one for one in levels[0] if isinstance(one, Pairs)), Pairs())
        if len(levels) > 1:
            open_pairs = levels[1][: len(levels[1]) // 2 * 2]
            known.pairs.extend(zip(open_pairs[::2], open_pairs[1::2], strict=True))
        if isinstance(first, Made) and first.state is None:
            first.state = known
        return first

    def pop(self) -> object:
        """Take what lies on top."""
        if not self.stack:
            raise RecogniseError("no pickle: nothing on its stack")
        return self.stack.pop()

    def since_mark(self) -> list[object]:
        """Take all that lies above the last mark."""
        if not self.below:
            raise RecogniseError("no pickle: no mark on its stack")
        items, self.stack = self.stack, self.below.pop()
        return items

    def top(self) -> object:
        """Return what lies on top."""
        if not self.stack:
            raise RecogniseError("no pickle: nothing on its stack")
        return self.stack[-1]

    def piece(self, size: int) -> bytes:
        """Return the beginning of a text or of bytes, and go to its end."""
        room = min(size, _MOST_TEXT, _MOST_KEPT - self._kept)
        found = self.cursor.take(room)
        self._kept += room
        self.cursor.skip(size - room)
        return found

    def line(self) -> bytes:
        """Return an argument that ends with its line."""
        found = self.cursor.line(_MOST_LINE)
        self._kept += len(found)
        return found if self._kept < _MOST_KEPT else b""

    def named(self, module: object, name: object) -> Name:
        """Note something that would be imported."""
        found = Name(text_of(module)[:256], text_of(name)[:256])
        if len(self.names) < 1_000:
            self.names[found.dotted] = None
        return found

    def inner(self) -> object:
        """Read a pickle inside this one: an array of objects, as joblib writes it."""
        if self._nested >= MOST_NESTED:
            raise RecogniseError("pickles too deep in one another")
        outer = self.stack, self.below, self.memo
        self._nested += 1
        found = self.run()
        self._nested -= 1
        self.stack, self.below, self.memo = outer
        return found


def _raw_array(machine: Machine, wrapper: Made) -> None:
    """Pass over the bytes of an array, which come right after the opcode that finished its description."""
    fields = wrapper.fields()
    dtype, size = dtype_of(fields.get("dtype"))
    shape = fields.get("shape")
    if not isinstance(shape, tuple):
        raise RecogniseError("an array without a shape")
    if len(machine.arrays) < MOST_OPCODES:
        machine.arrays.append((dtype, shape))
    if dtype[:1] == "O":
        wrapper.items.append(machine.inner())
        return
    if isinstance(fields.get("numpy_array_alignment_bytes"), int):
        machine.cursor.skip(machine.cursor.byte())
    machine.cursor.skip(elements(shape) * size)


def _integer(raw: bytes, base: int = 10) -> object:
    raw = raw.strip().removesuffix(b"L")
    try:
        return int(raw, base) if len(raw) < 100 else text_of(raw)
    except ValueError as error:
        raise RecogniseError("no pickle: no number") from error


def _long(machine: Machine, size: int) -> object:
    raw = machine.piece(size)
    return int.from_bytes(raw, "little", signed=True) if len(raw) <= 64 else f"a number of {size} bytes"


def _int_line(machine: Machine) -> object:
    raw = machine.line()
    return {b"00": False, b"01": True}.get(raw) if raw in {b"00", b"01"} else _integer(raw)


def _float_line(machine: Machine) -> object:
    try:
        return float(machine.line())
    except ValueError as error:
        raise RecogniseError("no pickle: no number") from error


def _string_line(machine: Machine) -> object:
    return text_of(machine.line().strip()[1:-1])


def _i32(machine: Machine) -> int:
    return int(struct.unpack("<i", machine.cursor.take(4))[0])


def _f64(machine: Machine) -> object:
    found: object = struct.unpack(">d", machine.cursor.take(8))[0]
    return found


def _pushes(value: Callable[[Machine], object]) -> Callable[[Machine], None]:
    def step(machine: Machine) -> None:
        found = value(machine)  # it may exchange the stack
        machine.stack.append(found)

    return step


def _memoizes(key: Callable[[Machine], object]) -> Callable[[Machine], None]:
    def step(machine: Machine) -> None:
        place = key(machine)
        if isinstance(place, int):
            machine.memo[place] = machine.top()

    return step


def _recalls(key: Callable[[Machine], object]) -> Callable[[Machine], None]:
    def step(machine: Machine) -> None:
        place = key(machine)
        if not isinstance(place, int) or place not in machine.memo:
            raise RecogniseError("no pickle: nothing under that number")
        machine.stack.append(machine.memo[place])

    return step


def _tuple_of(count: int) -> Callable[[Machine], None]:
    def step(machine: Machine) -> None:
        items = [machine.pop() for _ in range(count)]
        machine.stack.append(tuple(reversed(items)))

    return step


def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.since_mark()


def _add(machine: Machine, items: list[object]) -> None:
    onto = machine.top()
    if isinstance(onto, list):
        onto.extend(items)
    elif isinstance(onto, Made):
        onto.items.extend(items)


def _put(machine: Machine, items: list[object]) -> None:
    onto = machine.top()
    if isinstance(onto, Made | Pairs):
        onto.pairs.extend(zip(items[::2], items[1::2], strict=False))


def _append(machine: Machine) -> None:
    item = machine.pop()
    _add(machine, [item])


def _set_item(machine: Machine) -> None:
    value, key = machine.pop(), machine.pop()
    _put(machine, [key, value])


def _dict(machine: Machine) -> None:
    items = machine.since_mark()
    machine.stack.append(Pairs(list(zip(items[::2], items[1::2], strict=False))))


def _global(machine: Machine) -> object:
    module = machine.line()
    return machine.named(module, machine.line())


def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.stack.append(machine.named(module, name))


def _inst(machine: Machine) -> None:
    maker = _global(machine)
    arguments = tuple(machine.since_mark())
    machine.stack.append(Made(maker, arguments))


def _obj(machine: Machine) -> None:
    maker, *arguments = machine.since_mark() or [None]
    machine.stack.append(Made(maker, tuple(arguments)))


def _reduce(machine: Machine) -> None:
    arguments, maker = machine.pop(), machine.pop()
    machine.stack.append(Made(maker, arguments))


def _new_with_keywords(machine: Machine) -> None:
    keywords, arguments, maker = machine.pop(), machine.pop(), machine.pop()
    made = Made(maker, arguments)
    made.state = keywords
    machine.stack.append(made)


def _build(machine: Machine) -> None:
    state, made = machine.pop(), machine.top()
    if not isinstance(made, Made):
        return
    made.state = state
    of = made.of
    if of is not None and (of.module, of.name) == _ARRAY:
        _raw_array(machine, made)


def _buffer(machine: Machine) -> None:
    machine.stack.append(None)


STEPS: dict[int, Callable[[Machine], None]] = {
    ord("N"): _pushes(lambda _: None),
    0x88: _pushes(lambda _: True),
    0x89: _pushes(lambda _: False),
    ord("]"): _pushes(lambda _: []),
    ord("}"): _pushes(lambda _: Pairs()),
    ord(")"): _pushes(lambda _: ()),
    0x8F: _pushes(lambda _: []),
    ord("J"): _pushes(_i32),
    ord("K"): _pushes(lambda machine: machine.cursor.byte()),
    ord("M"): _pushes(lambda machine: machine.cursor.u16()),
    ord("G"): _pushes(_f64),
    ord("I"): _pushes(_int_line),
    ord("L"): _pushes(lambda machine: _integer(machine.line())),
    ord("F"): _pushes(_float_line),
    0x8A: _pushes(lambda machine: _long(machine, machine.cursor.byte())),
    0x8B: _pushes(lambda machine: _long(machine, _i32(machine))),
    ord("S"): _pushes(_string_line),
    ord("V"): _pushes(lambda machine: machine.line().decode("raw-unicode-escape", "replace")),
    ord("T"): _pushes(lambda machine: text_of(machine.piece(_i32(machine)))),
    ord("U"): _pushes(lambda machine: text_of(machine.piece(machine.cursor.byte()))),
    ord("X"): _pushes(lambda machine: text_of(machine.piece(machine.cursor.u32()))),
    0x8C: _pushes(lambda machine: text_of(machine.piece(machine.cursor.byte()))),
    0x8D: _pushes(lambda machine: text_of(machine.piece(machine.cursor.u64()))),
    ord("B"): _pushes(lambda machine: machine.piece(machine.cursor.u32())),
    ord("C"): _pushes(lambda machine: machine.piece(machine.cursor.byte())),
    0x8E: _pushes(lambda machine: machine.piece(machine.cursor.u64())),
    0x96: _pushes(lambda machine: machine.piece(machine.cursor.u64())),
    0x97: _buffer,
    0x98: lambda _: None,
    ord("("): _mark,
    ord("0"): _pop,
    ord("1"): lambda machine: machine.since_mark().clear(),
    ord("2"): _pushes(lambda machine: machine.top()),
    ord("t"): _pushes(lambda machine: tuple(machine.since_mark())),
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    ord("l"): _pushes(lambda machine: machine.since_mark()),
    0x91: _pushes(lambda machine: machine.since_mark()),
    ord("d"): _dict,
    ord("a"): _append,
    ord("e"): lambda machine: _add(machine, machine.since_mark()),
    0x90: lambda machine: _add(machine, machine.since_mark()),
    ord("s"): _set_item,
    ord("u"): lambda machine: _put(machine, machine.since_mark()),
    ord("p"): _memoizes(lambda machine: _integer(machine.line())),
    ord("q"): _memoizes(lambda machine: machine.cursor.byte()),
    ord("r"): _memoizes(lambda machine: machine.cursor.u32()),
    0x94: _memoizes(lambda machine: len(machine.memo)),
    ord("g"): _recalls(lambda machine: _integer(machine.line())),
    ord("h"): _recalls(lambda machine: machine.cursor.byte()),
    ord("j"): _recalls(lambda machine: machine.cursor.u32()),
    ord("c"): _pushes(_global),
    0x93: _stack_global,
    ord("i"): _inst,
    ord("o"): _obj,
    ord("R"): _reduce,
    0x81: _reduce,
    0x92: _new_with_keywords,
    ord("b"): _build,
    0x82: _pushes(lambda machine: Name("copyreg", f"extension{machine.cursor.byte()}")),
    0x83: _pushes(lambda machine: Name("copyreg", f"extension{machine.cursor.u16()}")),
    0x84: _pushes(lambda machine: Name("copyreg", f"extension{machine.cursor.u32()}")),
    ord("P"): _pushes(lambda machine: Stored(text_of(machine.line()))),
    ord("Q"): _pushes(lambda machine: Stored(machine.pop())),
    0x80: lambda machine: machine.cursor.skip(1),
    0x95: lambda machine: machine.cursor.skip(8),
}
"""What each opcode does; numbers that are not here are no opcode."""
