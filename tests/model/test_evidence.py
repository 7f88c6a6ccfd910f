"""Grades: their words and their numbers, which are stored."""

from mlamd.model.evidence import Grade, Origin, Via


def test_the_words_of_the_machine_interface() -> None:
    assert {grade: grade.evidence for grade in Grade} == {
        Grade.OBSERVED: "observed",
        Grade.INFERRED: "inferred",
        Grade.AMBIGUOUS: "inferred",
        Grade.DECLARED: "declared",
    }


def test_the_stored_numbers_never_change() -> None:
    assert [(grade.name, grade.value) for grade in Grade] == [
        ("OBSERVED", 0),
        ("INFERRED", 1),
        ("AMBIGUOUS", 2),
        ("DECLARED", 3),
    ]
    assert [(origin.name, origin.value) for origin in Origin] == [
        ("WRITTEN", 0),
        ("EXISTING", 1),
        ("FOUND", 2),
        ("SCANNED", 3),
        ("PARTIAL", 4),
    ]
    assert [(via.name, via.value) for via in Via] == [("PIPE", 0), ("START", 1), ("JOB", 2)]
