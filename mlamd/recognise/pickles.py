"""Pickles, also those of joblib, which may be compressed and hold raw arrays between the opcodes."""

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.estimators import Content, content_of, dangerous, raw_arrays
from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, Finding, Reader, RecogniseError, Subject
from mlamd.recognise.opcodes import STEPS, Machine, TooLongError
from mlamd.recognise.readers import PACKINGS, UnpackedReader

_SURE = (".pkl", ".pickle", ".joblib")
"""What is named so and cannot be read is a damaged pickle; the other suffixes are not only pickles'."""
_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib", ".p", ".jbl", ".sav", ".model", ".pck", ".pcl"})
_MOST_UNPACKED = 32 << 20


class Pickles:
    """Reads opcodes. Facts: ``class``, and of a model ``framework`` and ``hyperparameters``."""

    name = "pickle"
    rank = 30

    def recognise(self, subject: Subject) -> Finding | None:
        """Return what unpickling would give, of a binary pickle or of any file with a pickle's suffix."""
        packing = _packing(subject)
        if packing:
            reader: Reader = UnpackedReader(subject.reader, packing, _MOST_UNPACKED)
            if not _is_pickle(reader.read(0, 2), named=True):
                return None
            # What is compressed is read once, forwards.
            reader = UnpackedReader(subject.reader, packing, _MOST_UNPACKED)
        elif _is_pickle(subject.head[:2], named=subject.suffix in _SUFFIXES):
            reader = subject.reader
        else:
            return None
        facts: dict[str, Fact] = {"compression": packing} if packing else {}
        machine = Machine(Cursor(reader))
        try:
            content = read_content(machine)
        except RecogniseError:
            if subject.head[:1] == b"\x80" or packing or subject.suffix in _SURE:
                raise
            return None
        joblib = any(name.startswith("joblib.") for name in machine.names)
        facts |= content.facts | raw_arrays(machine.arrays)
        return Finding(content.kind, "joblib" if joblib else "pickle", facts)


def read_content(machine: Machine) -> Content:
    """Run a machine over a pickle and tell what it gives; what could do harm is the fact ``dangerous``."""
    partial: dict[str, Fact] = {}
    try:
        top = machine.run()
    except TooLongError:
        top = machine.outline()
        partial["partial"] = True
    content = content_of(top)
    harm = dangerous(list(machine.names))
    if harm:
        partial["dangerous"] = bounded(harm)
    return Content(content.kind, content.facts | partial)


def _packing(subject: Subject) -> str:
    if subject.suffix not in _SUFFIXES and not subject.name.rpartition(".")[0].endswith(_SURE):
        return ""
    for magic, packing in PACKINGS.items():
        if subject.head.startswith(magic):
            return packing
    if subject.head[:1] == b"\x78" and int.from_bytes(subject.head[:2], "big") % 31 == 0:
        return "zlib"
    if subject.head[:2] == b"\x5d\x00":
        return "lzma"
    if subject.head[:4] == b"\x04\x22\x4d\x18":
        raise RecogniseError("compressed with lz4, which is not read here")
    return ""


def _is_pickle(head: bytes, *, named: bool) -> bool:
    if len(head) < 2:
        return False
    if head[0] == 0x80 and 2 <= head[1] <= 5:
        return True
    return named and head[0] in STEPS and head[0] != 0x80
