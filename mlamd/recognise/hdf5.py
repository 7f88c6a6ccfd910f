"""HDF5: tables of data, and the models that Keras 1 and 2 kept in it."""

from mlamd.recognise.facts import MOST_ITEMS, bounded
from mlamd.recognise.finding import Fact, Finding, Reader, Subject
from mlamd.recognise.hdf5_layout import MAGIC, Layout, Node
from mlamd.recognise.keras import model_facts
from mlamd.recognise.tensors import Tally


class Hdf5:
    """Facts: ``datasets`` with types and shapes, ``groups``, ``attributes``; or those of a Keras model."""

    name = "hdf5"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a dataset, or a model of Keras, by the magic."""
        if not subject.head.startswith(MAGIC):
            return None
        layout = Layout(subject.reader)
        nodes = list(layout.walk())
        partial: dict[str, Fact] = {"partial": True} if layout.partial else {}
        root = nodes[0].attributes
        if "keras_version" in root or "model_config" in root:
            return Finding("model", "keras-hdf5", _keras(nodes) | partial)
        if "layer_names" in root:
            return Finding("model", "keras-weights", {"framework": "keras"} | tally(nodes).facts() | partial)
        if subject.name.endswith(".weights.h5"):
            return Finding("model", "keras-weights", {"framework": "keras"} | weights(nodes) | partial)
        datasets: dict[str, Fact] = {
            node.path: {"dtype": node.type.name, "shape": list(node.shape)}
            for node in nodes
            if node.type is not None
        }
        facts: dict[str, Fact] = {
            "datasets": dict(list(datasets.items())[:MOST_ITEMS]),
            "dataset_count": len(datasets),
            "groups": len(nodes) - len(datasets),
        }
        attributes = {key: value for key, value in root.items() if value is not None}
        if attributes:
            facts["attributes"] = bounded(attributes)
        return Finding("dataset", "hdf5", facts | partial)


def tally(nodes: list[Node], leave_out: tuple[str, ...] = ("/optimizer",)) -> Tally:
    """Count the tensors among the objects of a file, without those of the optimiser."""
    found = Tally()
    for node in nodes:
        if node.type is not None and not node.path.startswith(leave_out):
            found.add(node.type.name, node.shape)
    return found


def weights(nodes: list[Node]) -> dict[str, Fact]:
    """Count the weights of a Keras 3 file; the states of its random generators are none."""
    kept = [node for node in nodes if "/seed_generator" not in node.path]
    return tally(kept, ("/optimizer", "/metrics", "/_metrics")).facts()


def weights_in(reader: Reader) -> dict[str, Fact]:
    """Count the weights in a file of Keras 3 inside of another file."""
    layout = Layout(reader)
    found = weights(list(layout.walk()))
    return found | ({"partial": True} if layout.partial else {})


def _keras(nodes: list[Node]) -> dict[str, Fact]:
    root = nodes[0].attributes
    facts = model_facts(
        str(root.get("keras_version", "")), root.get("model_config"), root.get("training_config")
    )
    return facts | tally(nodes).facts()
