"""Sets of files that are shown in one line, the same in every answer."""

from collections.abc import Iterable, Sequence
from typing import Any

from mlamd.cli import document, text
from mlamd.cli.answer import Question
from mlamd.lineage.folding import Dataset, Rule, dataset, fold, rule_of
from mlamd.lineage.inputs import Used
from mlamd.lineage.meanings import kind_of_all, place_of
from mlamd.lineage.models import Model, models
from mlamd.model.derived import FileVersion
from mlamd.model.evidence import Grade
from mlamd.settings import load

_MOST_ENDINGS = 3


def rule(asked: Question) -> Rule:
    """Return when files fold in this workspace."""
    return rule_of(load(asked.workspace.settings_file))


def rest(versions: Iterable[FileVersion], datasets: Iterable[Dataset]) -> list[FileVersion]:
    """Return the files that are in none of the datasets."""
    inside = {number for one in datasets for number in one.members}
    return [version for version in versions if version.number not in inside]


def name(found: Dataset) -> str:
    """Return a dataset's directory as it is shown."""
    return f"{text.shown(found.directory)}/" if found.directory else "./"


def size(found: Dataset) -> str:
    """Return how many files a dataset has, how large they are, and its digest."""
    digest = found.digest[:12] if found.digest else "no digest"
    again = f" in {len(found.members):,} versions" if len(found.members) > found.files else ""
    return f"{found.files:,} files{again}, {text.size(found.size_bytes)}, {digest}"


def counted(endings: Sequence[tuple[str, int]]) -> str:
    """Return how many files have which ending."""
    words = [f"{count:,} {text.one_line(end) or 'without ending'}" for end, count in endings[:_MOST_ENDINGS]]
    more = sum(count for _, count in endings[_MOST_ENDINGS:])
    return ", ".join([*words, *([f"{more:,} with other endings"] if more else [])])


def grade_of(grades: Iterable[Grade]) -> Grade:
    """Return the evidence that all members of a dataset have at least."""
    return max(grades)


def model_words(model: Model) -> str:
    """Say what a model is: its class, of which library, how large."""
    of_what = " ".join(filter(None, (model.framework or model.form, model.class_name)))
    words = [f"{of_what} ({model.architecture})" if model.architecture else of_what]
    if model.parameters is not None:
        words.append(f"{'at least ' if model.partial else ''}{model.parameters:,} parameters")
    if model.tensors:
        words.append(f"{model.tensors:,} tensors ({', '.join(model.dtypes)})")
    return text.one_line(", ".join(words))


class Folded:
    """What a run read, or wrote: datasets and the files that are in none, each by kind, then by path."""

    def __init__(self, asked: Question, used: Sequence[Used], *, made: bool, files: bool = False) -> None:
        self._asked = asked
        self._made = made
        self._grades = {item.version.number: item.grade for item in used}
        versions = [item.version for item in used]
        self.models = [] if files else models(asked.view, versions)
        whole = {one.directory: dataset(one.directory, self._versions(used, one)) for one in self.models}
        versions = rest(versions, whole.values())
        self._whole = whole
        found = [] if files else fold(versions, rule(asked))
        alone = {version.number for version in rest(versions, found)}
        self.rest = [item for item in used if item.version.number in alone]
        self.datasets = sorted(found, key=lambda one: (place_of(self.kind(one)), one.directory))

    def _versions(self, used: Sequence[Used], model: Model) -> list[FileVersion]:
        members = set(model.members)
        return [item.version for item in used if item.version.number in members]

    def kind(self, found: Dataset) -> str:
        """Return what most of a dataset's files are."""
        return kind_of_all(self._asked.view, found.members, made=self._made)

    def grade(self, found: Dataset) -> Grade:
        """Return the evidence that all files of a dataset have at least."""
        return grade_of(self._grades[number] for number in found.members)

    def model_rows(self) -> list[dict[str, Any]]:
        """Return the models that are saved as directories for JSON."""
        return [
            document.model_row(one) | document.grade_fields(self.grade(self._whole[one.directory]))
            for one in self.models
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return the datasets for JSON."""
        return [
            document.dataset_row(one)
            | {"kind": self.kind(one) or None}
            | document.grade_fields(self.grade(one))
            for one in self.datasets
        ]

    def print(self) -> None:
        """Print the datasets and models, a line each."""
        for model in self.models:
            whole = self._whole[model.directory]
            grade = text.evidence(self.grade(whole))
            text.say(f"  {name(whole)}  ({size(whole)})  {grade}  model, {model_words(model)}")
        for one in self.datasets:
            what = ", ".join(filter(None, (self.kind(one), counted(one.endings))))
            text.say(f"  {name(one)}  ({size(one)})  {text.evidence(self.grade(one))}  {what}")
