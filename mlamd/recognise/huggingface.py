"""Hugging Face: the ``config.json`` of a model's directory."""

from mlamd.recognise.facts import bounded, flattened
from mlamd.recognise.finding import Fact, Finding, Subject
from mlamd.recognise.jsonvalue import loaded, mapping


class HuggingFaceConfigs:
    """Facts: ``architecture``, ``class``, ``framework_version``, ``hyperparameters``."""

    name = "huggingface"
    rank = 42

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model's description, by its name and what every such file says."""
        if subject.name != "config.json" or not subject.whole:
            return None
        if not any(
            word in subject.head for word in (b'"model_type"', b'"architectures"', b'"transformers_version"')
        ):
            return None
        config = mapping(loaded(subject.head))
        architectures = config.get("architectures")
        facts: dict[str, Fact] = {"framework": "transformers"}
        if isinstance(config.get("transformers_version"), str):
            facts["framework_version"] = bounded(config["transformers_version"])
        if isinstance(config.get("model_type"), str):
            facts["architecture"] = bounded(config["model_type"])
        if isinstance(architectures, list) and architectures:
            facts["class"] = bounded(architectures[0])
        if len(facts) < 2:
            return None
        kept = {
            key: value
            for key, value in config.items()
            if key not in {"architectures", "model_type", "transformers_version", "id2label", "label2id"}
        }
        return Finding("model", "huggingface-config", facts | {"hyperparameters": flattened(kept)})
