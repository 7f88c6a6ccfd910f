"""safetensors: a length, a JSON header that describes every tensor, then the tensors."""

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.jsonvalue import MOST_JSON, loaded, mapping
from mlamd.recognise.tensors import Tally

_DTYPES = {"BOOL": "bool", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
_DTYPES |= {f"{short}{bits}": f"{long}{bits}" for short, long in (("F", "float"), ("I", "int"), ("U", "uint"))
            for bits in (8, 16, 32, 64)}  # fmt: skip


class Safetensors:
    """Reads the header only. Facts: ``tensors``, ``parameters``, ``dtypes``, ``metadata``."""

    name = "safetensors"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model, by its first bytes: a length below the size, then a brace."""
        head = subject.head
        if len(head) < 10 or head[8:9] != b"{":
            return None
        length = int.from_bytes(head[:8], "little")
        if not 2 <= length <= subject.reader.size_bytes - 8:
            if subject.suffix == ".safetensors":
                raise RecogniseError("it ends early")
            return None
        if length > MOST_JSON:
            return Finding("model", "safetensors", {"partial": True})
        header = mapping(loaded(Cursor(subject.reader, 8).take(length)))
        facts: dict[str, Fact] = {}
        metadata = mapping(header.pop("__metadata__", None))
        if metadata:
            facts["metadata"] = bounded(metadata)
            framework = {"pt": "pytorch", "tf": "tensorflow", "flax": "flax", "mlx": "mlx"}
            if str(metadata.get("format")) in framework:
                facts["framework"] = framework[str(metadata["format"])]
        tally = Tally()
        for value in header.values():
            tensor = mapping(value)
            dtype, shape = str(tensor.get("dtype")), tensor.get("shape")
            tally.add(_DTYPES.get(dtype, dtype.lower()), shape if isinstance(shape, list) else ())
        return Finding("model", "safetensors", facts | tally.facts())
