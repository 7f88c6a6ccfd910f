"""Sets of files that are shown in one line, the same in every answer."""

from collections.abc import Iterable, Sequence
from typing import Any

from mlamd.cli import document, text
from mlamd.cli.answer import Question
from mlamd.lineage.folding import Dataset, Rule, fold, rule_of
from mlamd.lineage.inputs import Used
from mlamd.lineage.meanings import kind_of_all, place_of
from mlamd.model.derived import FileVersion
from mlamd.model.evidence import Grade
from mlamd.settings import load

_MOST_ENDINGS = 3


def rule(asked: Question) -> Rule:
    """Return when files fold in this workspace."""
    return rule_of(load(asked.workspace.settings_file))


def rest(versions: Iterable[FileVersion], datasets: Iterable[Dataset]) -> list[FileVersion]:
    """Return the files that are in none of the datasets."""
    inside = {number for dataset in datasets for number in dataset.members}
    return [version for version in versions if version.number not in inside]


def name(dataset: Dataset) -> str:
    """Return a dataset's directory as it is shown."""
    return f"{text.shown(dataset.directory)}/" if dataset.directory else "./"


def size(dataset: Dataset) -> str:
    """Return how many files a dataset has, how large they are, and its digest."""
    digest = dataset.digest[:12] if dataset.digest else "no digest"
    again = f" in {len(dataset.members):,} versions" if len(dataset.members) > dataset.files else ""
    return f"{dataset.files:,} files{again}, {text.size(dataset.size_bytes)}, {digest}"


def counted(endings: Sequence[tuple[str, int]]) -> str:
    """Return how many files have which ending."""
    words = [f"{count:,} {text.one_line(end) or 'without ending'}" for end, count in endings[:_MOST_ENDINGS]]
    more = sum(count for _, count in endings[_MOST_ENDINGS:])
    return ", ".join([*words, *([f"{more:,} with other endings"] if more else [])])


def grade_of(grades: Iterable[Grade]) -> Grade:
    """Return the evidence that all members of a dataset have at least."""
    return max(grades)


class Folded:
    """What a run read, or wrote: datasets and the files that are in none, each by kind, then by path."""

    def __init__(self, asked: Question, used: Sequence[Used], *, made: bool, files: bool = False) -> None:
        self._asked = asked
        self._made = made
        self._grades = {item.version.number: item.grade for item in used}
        versions = [item.version for item in used]
        found = [] if files else fold(versions, rule(asked))
        alone = {version.number for version in rest(versions, found)}
        self.rest = [item for item in used if item.version.number in alone]
        self.datasets = sorted(found, key=lambda one: (place_of(self.kind(one)), one.directory))

    def kind(self, dataset: Dataset) -> str:
        """Return what most of a dataset's files are."""
        return kind_of_all(self._asked.view, dataset.members, made=self._made)

    def grade(self, dataset: Dataset) -> Grade:
        """Return the evidence that all files of a dataset have at least."""
        return grade_of(self._grades[number] for number in dataset.members)

    def rows(self) -> list[dict[str, Any]]:
        """Return the datasets for JSON."""
        return [
            document.dataset_row(one)
            | {"kind": self.kind(one) or None}
            | document.grade_fields(self.grade(one))
            for one in self.datasets
        ]

    def print(self) -> None:
        """Print the datasets, a line each."""
        for one in self.datasets:
            what = ", ".join(filter(None, (self.kind(one), counted(one.endings))))
            text.say(f"  {name(one)}  ({size(one)})  {text.evidence(self.grade(one))}  {what}")
