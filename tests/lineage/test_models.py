"""Models that are saved as directories."""

import pytest

from mlamd.lineage.models import models

HF = {"framework": "transformers", "class": "BertModel", "architecture": "bert"}


def _weights(parameters: int, dtype: str = "float32", **more: object) -> dict[str, object]:
    return {
        "framework": "pytorch",
        "tensors": 2,
        "parameters": parameters,
        "dtypes": {dtype: 2},
        **more,
    }


class Files:
    """Writes files, says what they are, and asks for the models among them."""

    def __init__(self, story, view) -> None:
        self._story = story
        self._view = view
        self.versions: dict[str, int] = {}

    def add(self, *paths: str) -> None:
        for path in paths:
            self.versions[path] = self._story.write((), path, 1)

    def mean(self, path: str, form: str, facts: dict[str, object], kind: str = "model") -> None:
        self.add(path)
        self._story.mean(self.versions[path], kind, facts, form)

    def models(self):
        known = self._view()
        found = models(known, [known.version(number) for number in self.versions.values()])
        paths = {number: path for path, number in self.versions.items()}
        return found, [[paths[number] for number in one.members] for one in found]


@pytest.fixture
def files(story, view) -> Files:
    return Files(story, view)


def test_shards_are_added_up(files):
    files.mean("out/config.json", "huggingface-config", HF)
    files.mean("out/model-00001-of-00002.safetensors", "safetensors", _weights(100))
    files.mean("out/model-00002-of-00002.safetensors", "safetensors", _weights(20, "int8"))
    files.add("out/model.safetensors.index.json", "out/tokenizer.json")
    files.mean("out/optimizer.pt", "pytorch", _weights(10**6))
    files.add("out/notes.md", "train.py", "out/checkpoint/x.json")
    (model,), (members,) = files.models()
    assert members == [path for path in files.versions if path.startswith("out/")][:6]
    assert (model.directory, model.form) == (b"out", "huggingface")
    assert (model.framework, model.class_name, model.architecture) == ("transformers", "BertModel", "bert")
    assert (model.tensors, model.parameters, model.partial) == (4, 120, False)
    assert model.dtypes == {"float32": 2, "int8": 2}


def test_a_missing_shard_is_told(files):
    files.mean("out/config.json", "huggingface-config", HF)
    files.mean("out/pytorch_model-00001-of-00003.bin", "pytorch", _weights(100))
    ((model,), _) = files.models()
    assert (model.parameters, model.partial) == (100, True)


def test_of_several_sets_of_weights_the_largest_counts(files):
    files.mean("out/config.json", "huggingface-config", HF)
    files.mean("out/model.safetensors", "safetensors", _weights(100))
    files.mean("out/pytorch_model.bin", "pytorch", _weights(99))
    ((model,), (members,)) = files.models()
    assert (model.parameters, len(members)) == (100, 3)


def test_each_checkpoint_is_a_model(files):
    for place in ("out/checkpoint-1", "out/checkpoint-2"):
        files.mean(f"{place}/config.json", "huggingface-config", HF)
        files.mean(f"{place}/model.safetensors", "safetensors", _weights(7))
    found, _ = files.models()
    assert [model.directory for model in found] == [b"out/checkpoint-1", b"out/checkpoint-2"]


def test_an_adapter(files):
    files.mean("out/adapter_config.json", "json", {"settings": {"peft_type": "LORA"}}, "config")
    files.mean("out/adapter_model.safetensors", "safetensors", _weights(5))
    ((model,), _) = files.models()
    assert (model.framework, model.architecture, model.parameters) == ("pytorch", "LORA", 5)


def test_a_savedmodel_is_all_that_is_below_it(files):
    files.mean("m/1/saved_model.pb", "savedmodel", {"framework": "tensorflow"})
    files.add("m/1/variables/variables.index", "m/1/variables/variables.data-00000-of-00001", "m/other")
    ((model,), (members,)) = files.models()
    assert (model.directory, model.form, len(members)) == (b"m/1", "savedmodel", 3)
    assert (model.framework, model.parameters, model.tensors) == ("tensorflow", None, None)


def test_a_model_of_keras_that_is_not_zipped(files):
    files.mean("k/config.json", "json", {"settings": {"class_name": "Sequential"}}, "config")
    files.add("k/metadata.json")
    files.mean("k/model.weights.h5", "keras-weights", {**_weights(9), "framework": "keras"})
    ((model,), _) = files.models()
    assert (model.form, model.framework, model.class_name) == ("keras", "keras", "Sequential")
    assert model.parameters == 9


def test_what_mlflow_logs(files):
    files.add("mlruns/0/ab/model/MLmodel", "mlruns/0/ab/model/conda.yaml")
    files.mean("mlruns/0/ab/model/model.pkl", "pickle", {"framework": "scikit-learn", "class": "Ridge"})
    ((model,), (members,)) = files.models()
    assert (model.form, model.framework, model.class_name, len(members)) == (
        "mlflow",
        "scikit-learn",
        "Ridge",
        3,
    )


def test_arrays_beside_a_file_of_joblib(files):
    files.mean("m/rf.pkl", "joblib", {"framework": "scikit-learn", "class": "RandomForestClassifier"})
    files.add("m/rf.pkl_01.npy", "m/rf.pkl_02.npy", "m/x_01.npy")
    ((model,), (members,)) = files.models()
    assert (model.form, members) == ("joblib", ["m/rf.pkl", "m/rf.pkl_01.npy", "m/rf.pkl_02.npy"])


def test_what_is_no_directory_of_a_model(files):
    files.add("a/config.json", "a/model.safetensors", "MLmodel", "train.py")
    files.mean("b/config.json", "huggingface-config", HF)
    files.add("b/readme")
    assert files.models() == ([], [])


def test_a_model_that_was_saved_twice(files, view):
    for parameters in (1, 2):
        files.mean("out/config.json", "huggingface-config", HF)
        files.mean("out/model.safetensors", "safetensors", _weights(parameters))
    known = view()
    (model,) = models(known, [known.version(number) for number in range(1, 5)])
    assert (model.members, model.parameters) == ((1, 2, 3, 4), 2)
