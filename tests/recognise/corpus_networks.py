"""The part of the corpus that is neural networks."""

# ruff: noqa: PLC0415, PLW0108  (each part imports its own libraries, and hands functions on)

import json
from collections import Counter
from typing import Any

from make_corpus import Shelf


def _counted(tensors: Any) -> dict[str, Any]:
    """What torch says of tensors."""
    names = [str(one.dtype).removeprefix("torch.") for one in tensors]
    return {
        "tensors": len(names),
        "parameters": sum(one.numel() for one in tensors),
        "dtypes": dict(Counter(names)),
    }


def make_torch(shelf: Shelf) -> None:
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2).half())
    state = net.state_dict()
    weights = {"framework": "pytorch", "class": "OrderedDict"} | _counted(list(state.values()))
    for name, kind, new in (("state.pt", "pytorch", True), ("state_old.pth", "pytorch-legacy", False)):
        shelf.put(
            name, lambda path, new=new: torch.save(state, path, _use_new_zipfile_serialization=new), "model",
            kind, weights,
        )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    net.float()(torch.zeros(2, 4)).sum().backward()
    optimizer.step()
    net[2].half()
    checkpoint = {
        "epoch": 7, "model_state_dict": net.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
        "loss": 0.25, "config": {"lr": 0.01, "layers": [8, 2], "data": {"name": "toy"}},
    }  # fmt: skip
    settings = {
        "epoch": 7, "loss": 0.25, "config.lr": 0.01, "config.layers": [8, 2], "config.data.name": "toy"
    }  # fmt: skip
    shelf.put(
        "checkpoint.pt", lambda path: torch.save(checkpoint, path), "model", "pytorch",
        {"class": "dict", "hyperparameters": settings} | _counted(list(net.state_dict().values())),
    )  # fmt: skip
    shelf.put(
        "whole.pt", lambda path: torch.save(net, path), "model", "pytorch",
        {"class": "torch.nn.modules.container.Sequential"} | _counted(list(net.state_dict().values())),
    )  # fmt: skip
    small = {"a": torch.zeros(3, dtype=torch.bfloat16), "b": torch.zeros(2, 2, dtype=torch.float8_e4m3fn)}
    small["c"] = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    shelf.put(
        "small.bin", lambda path: torch.save(small, path), "model", "pytorch", _counted(list(small.values()))
    )


def make_torchscript(shelf: Shelf) -> None:
    import warnings

    import torch

    warnings.simplefilter("ignore")
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    scripted = torch.jit.trace(net, torch.zeros(1, 4))
    shelf.put(
        "traced.pt", lambda path: scripted.save(str(path)), "model", "torchscript",
        {"framework": "pytorch", "class": "Sequential"} | _counted(list(net.parameters())),
    )  # fmt: skip


def make_safetensors(shelf: Shelf) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {
        "a.weight": torch.zeros(3, 4), "a.bias": torch.zeros(3, dtype=torch.bfloat16),
        "b": torch.zeros(2, 2, dtype=torch.int64), "c": torch.zeros(2, dtype=torch.uint8),
    }  # fmt: skip
    shelf.put(
        "model.safetensors", lambda path: save_file(tensors, path, metadata={"format": "pt"}), "model",
        "safetensors",
        _counted(list(tensors.values())) | {"framework": "pytorch", "metadata": {"format": "pt"}},
    )  # fmt: skip


def make_gguf(shelf: Shelf) -> None:
    import gguf
    import numpy as np

    def write(path: Any) -> None:
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_name("Tiny")
        writer.add_block_count(2)
        writer.add_context_length(128)
        writer.add_rope_freq_base(10_000.0)
        writer.add_token_list([f"token {place}" for place in range(300)])
        writer.add_token_scores([0.5] * 300)
        writer.add_tensor("a", np.zeros((4, 8), np.float32))
        writer.add_tensor("b", np.zeros(16, np.float16))
        writer.add_tensor("c", gguf.quantize(np.zeros((2, 64), np.float32), gguf.GGMLQuantizationType.Q8_0),
                          raw_dtype=gguf.GGMLQuantizationType.Q8_0)  # fmt: skip
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    shelf.put("tiny.gguf", write, "model", "gguf", {})
    reader = gguf.GGUFReader(shelf.folder / "tiny.gguf")
    names = {"F32": "float32", "F16": "float16"}
    kinds = Counter(names.get(one.tensor_type.name, one.tensor_type.name.lower()) for one in reader.tensors)
    shelf.expected["tiny.gguf"]["facts"] = {
        "architecture": "llama", "model_name": "Tiny", "tensors": len(reader.tensors), "dtypes": dict(kinds),
        "parameters": sum(int(one.n_elements) for one in reader.tensors),
    }  # fmt: skip
    shelf.expected["tiny.gguf"]["some"] = {
        "hyperparameters": {
            key: field.contents() for key, field in reader.fields.items()
            if not key.startswith(("GGUF.", "tokenizer."))
        } | {"tokenizer.ggml.tokens": "300 values"}
    }  # fmt: skip


def make_onnx(shelf: Shelf) -> None:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    weights = [
        numpy_helper.from_array(np.zeros((4, 3), np.float32), "w"),
        numpy_helper.from_array(np.zeros(3, np.float32), "b"),
        numpy_helper.from_array(np.array([1, 3], np.int64), "shape"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["s"]),
        helper.make_node("Add", ["s", "b"], ["t"]),
        helper.make_node("Reshape", ["t", "shape"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "small", [value("x", 1, [1, 4])], [value("y", 1, [1, 3])], initializer=weights
    )
    model = helper.make_model(graph, producer_name="by hand", producer_version="1.5")
    helper.set_model_props(model, {"author": "nobody"})
    shelf.put("small.onnx", lambda path: onnx.save(model, path), "model", "onnx", {})
    seen = onnx.load(shelf.folder / "small.onnx")
    initial = seen.graph.initializer
    kinds = Counter(numpy_helper.to_array(one).dtype.name for one in initial)
    shelf.expected["small.onnx"]["facts"] = {
        "format_version": seen.ir_version, "framework": seen.producer_name,
        "framework_version": seen.producer_version, "class": seen.graph.name,
        "opsets": {one.domain or "ai.onnx": one.version for one in seen.opset_import},
        "inputs": [one.name for one in seen.graph.input], "outputs": [one.name for one in seen.graph.output],
        "operators": dict(Counter(one.op_type for one in seen.graph.node)), "metadata": {"author": "nobody"},
        "tensors": len(initial), "parameters": sum(numpy_helper.to_array(one).size for one in initial),
        "dtypes": dict(kinds),
    }  # fmt: skip


def make_keras(shelf: Shelf) -> None:
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(2)], name="tiny"
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.125), loss="mse", metrics=["mae"])
    weights = model.weights
    facts = {
        "framework": "keras", "framework_version": keras.__version__, "class": type(model).__name__,
        "model_name": model.name, "layers": ["InputLayer", *(type(layer).__name__ for layer in model.layers)],
        "tensors": len(weights), "parameters": model.count_params(),
        "dtypes": dict(Counter(str(one.dtype) for one in weights)),
    }  # fmt: skip
    for name, form in (("tiny.keras", "keras"), ("tiny.h5", "keras-hdf5")):
        shelf.put(name, lambda path: model.save(path), "model", form, facts)
        shelf.expected[name]["some"] = {
            "hyperparameters": {"optimizer": "Adam", "optimizer.learning_rate": 0.125, "loss": "mse"}
        }
    counted = {key: facts[key] for key in ("tensors", "parameters", "dtypes")}
    shelf.put("tiny.weights.h5", lambda path: model.save_weights(path), "model", "keras-weights", counted)


def make_savedmodel(shelf: Shelf) -> None:
    import tempfile
    from pathlib import Path

    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            self.weight = tf.Variable(tf.zeros((3, 2)))

        @tf.function(input_signature=[tf.TensorSpec((None, 3))])
        def __call__(self, x: Any) -> Any:
            return x @ self.weight

    module = Module()

    def write(path: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tf.saved_model.save(module, folder, signatures={"serve": module.__call__})
            path.write_bytes((Path(folder) / "saved_model.pb").read_bytes())

    shelf.put(
        "saved/saved_model.pb", write, "model", "savedmodel",
        {"framework": "tensorflow", "framework_version": tf.__version__, "tags": ["serve"],
         "signatures": ["__saved_model_init_op", "serve"]},
    )  # fmt: skip


def make_huggingface(shelf: Shelf) -> None:
    from transformers import BertConfig, __version__

    config = BertConfig(hidden_size=32, num_hidden_layers=2, architectures=["BertForSequenceClassification"])
    seen = json.loads(config.to_json_string(use_diff=False))
    shelf.put(
        "hf/config.json", lambda path: config.to_json_file(path, use_diff=False), "model",
        "huggingface-config",
        {"framework": "transformers", "framework_version": __version__, "architecture": seen["model_type"],
         "class": "BertForSequenceClassification"},
    )  # fmt: skip
    shelf.expected["hf/config.json"]["some"] = {
        "hyperparameters": {"hidden_size": 32, "num_hidden_layers": 2, "hidden_act": config.hidden_act}
    }
