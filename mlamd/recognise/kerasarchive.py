"""Keras 3: a ZIP archive with two JSON files and an HDF5 file of weights."""

from mlamd.recognise.finding import Fact, Finding, Reader, RecogniseError, Subject
from mlamd.recognise.hdf5 import weights_in
from mlamd.recognise.jsonvalue import MOST_JSON, loaded, mapping
from mlamd.recognise.keras import model_facts
from mlamd.recognise.readers import MemoryReader
from mlamd.recognise.zipped import MAGIC, Entry, content, listing, member

_MOST_PACKED_WEIGHTS = 16 << 20


class KerasArchives:
    """Facts: ``class``, ``layers``, ``hyperparameters`` (how it was compiled), and what weights there are."""

    name = "keras"
    rank = 20

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model, by the names of the archive's members."""
        if subject.suffix != ".keras" or not subject.head.startswith(MAGIC):
            return None
        members = listing(subject.reader)
        config, about = members.named("config.json"), members.named("metadata.json")
        if config is None or about is None:
            raise RecogniseError("no description of a model in it")
        version = mapping(loaded(content(subject.reader, about, 65_536))).get("keras_version", "")
        described = loaded(content(subject.reader, config, MOST_JSON))
        facts: dict[str, Fact] = model_facts(str(version), described, None)
        weights = members.named("model.weights.h5")
        if weights is not None:
            facts |= _weights(subject.reader, weights)
        return Finding("model", "keras", facts)


def _weights(reader: Reader, entry: Entry) -> dict[str, Fact]:
    """Count the weights. HDF5 is read here and there, so what is packed has to be unpacked whole."""
    if entry.method == 0:
        return weights_in(member(reader, entry, entry.size_bytes))
    if entry.size_bytes <= _MOST_PACKED_WEIGHTS:
        return weights_in(MemoryReader(content(reader, entry, _MOST_PACKED_WEIGHTS)))
    return {"partial": True}
