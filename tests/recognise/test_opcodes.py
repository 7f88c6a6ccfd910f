import pickle
import pickletools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.opcodes import STEPS, Machine
from mlamd.recognise.pickled import Made, Name, Pairs
from mlamd.recognise.readers import MemoryReader

_KEYS = st.text(max_size=20) | st.integers() | st.tuples(st.integers(), st.text(max_size=4))
_LEAVES = st.none() | st.booleans() | st.integers(-(1 << 200), 1 << 200) | st.floats(allow_nan=False) | _KEYS
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(_KEYS, inner),
    max_leaves=30,
)


def _run(data: bytes) -> object:
    return Machine(Cursor(MemoryReader(data))).run()


def _plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {_plain(key): _plain(item) for key, item in value.pairs}
    if isinstance(value, list | tuple):
        return type(value)(_plain(one) for one in value)
    return value


@given(_VALUES, st.integers(0, 5))
def test_plain_values_come_out_as_they_went_in(value: Any, protocol: int) -> None:
    assert _plain(_run(pickle.dumps(value, protocol))) == value


def test_every_opcode_of_python_is_known_but_the_end() -> None:
    known = {ord(one.code) for one in pickletools.opcodes}
    assert known - set(STEPS) == {ord(".")}
    assert set(STEPS) <= known


class _Thing:
    def __init__(self) -> None:
        self.size = 3
        self.myself = self


@pytest.mark.parametrize("protocol", range(6))
def test_an_object_is_described_and_not_made(protocol: int) -> None:
    found = _run(pickle.dumps(_Thing(), protocol))
    assert isinstance(found, Made)
    assert found.of is not None
    assert found.of.dotted == f"{__name__}._Thing"
    assert found.fields()["size"] == 3
    assert found.fields()["myself"] is found


@pytest.mark.parametrize(
    "data", [b"", b".", b"a.", b"t.", b"h\x07.", b"\x80\x04\xff.", b"I12x\n.", b"\x80\x04X\xff\xff\xff\x7fa."]
)
def test_what_is_no_pickle_is_an_error(data: bytes) -> None:
    with pytest.raises(RecogniseError):
        _run(data)


def test_names_are_noted() -> None:
    machine = Machine(Cursor(MemoryReader(b"cos\nsystem\n(S'exit 7'\ntR.")))
    found = machine.run()
    assert isinstance(found, Made)
    assert isinstance(found.maker, Name)
    assert list(machine.names) == ["os.system"]
    assert found.arguments == ("exit 7",)
