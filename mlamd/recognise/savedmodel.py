"""TensorFlow's SavedModel: what its ``saved_model.pb`` says. The weights lie in files beside it.

The numbers of fields are those of saved_model.proto and meta_graph.proto.
"""

from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.protobuf import Wire, fields, text


class SavedModels:
    """Facts: ``framework_version``, ``tags``, ``signatures``."""

    name = "savedmodel"
    rank = 60

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model; the format has no magic, so it goes by the name that TensorFlow gives it."""
        if subject.name != "saved_model.pb":
            return None
        cursor = Wire(subject.reader, block=16_384)
        facts: dict[str, Fact] = {"framework": "tensorflow"}
        graphs = 0
        for part in fields(cursor, subject.reader.size_bytes):
            if part.number == 2 and part.long:
                graphs += 1
                if graphs == 1:
                    facts |= _graph_facts(cursor, cursor.at + part.value)
        if not graphs:
            raise RecogniseError("no graph in it")
        return Finding("model", "savedmodel", facts | {"graphs": graphs})


def _graph_facts(cursor: Wire, end: int) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    tags: list[str] = []
    signatures: list[str] = []
    for part in fields(cursor, end):
        if part.number == 1 and part.long:
            for inner in fields(cursor, cursor.at + part.value):
                if inner.number == 4 and inner.long and len(tags) < 50:
                    tags.append(text(cursor, inner.value))
                elif inner.number == 5 and inner.long:
                    facts["framework_version"] = text(cursor, inner.value)
        elif part.number == 5 and part.long and len(signatures) < 200:
            for inner in fields(cursor, cursor.at + part.value):
                signatures += [text(cursor, inner.value)] if inner.number == 1 and inner.long else []
    return facts | {"tags": bounded(tags), "signatures": bounded(sorted(signatures))}
