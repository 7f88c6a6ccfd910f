"""Notebooks: damaged ones, old ones, and what executions tell."""

import json

import pytest

from tests.recognise.reading import recognise


def notebook(*cells, **more):
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more})


def code(source, count=None, outputs=()):
    return {
        "cell_type": "code",
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": {},
    }


def test_the_order_of_execution():
    found = recognise("a.ipynb", notebook(code("a = 1", 3), code(["b = 2\n", "c = 3"], 1), code("", None)))
    assert found.facts["executed"] == 2
    assert found.facts["highest_execution"] == 3
    assert found.facts["in_order"] is False
    assert found.facts["clean"] is False
    assert found.facts["constants"] == {"a": 1, "b": 2, "c": 3}


def test_magics_and_bad_cells_do_not_hide_the_others():
    found = recognise(
        "a.ipynb",
        notebook(
            code("%load_ext x\n!pip install y\nfiles = !ls\nimport a"),
            code("%%bash\nrm x"),
            code("def f(:"),
            code("import b\nb.f?"),
            code("api_key = 'abc'"),
        ),
    )
    assert found.facts["imports"] == ["a", "b"]
    assert found.facts["cells_not_parsed"] == 1
    assert found.facts["constants"] == {"api_key": "***"}


def test_format_3_and_errors():
    cell = {"cell_type": "code", "input": "x = 1", "prompt_number": 1, "outputs": [{"output_type": "pyerr"}]}
    found = recognise("a.ipynb", json.dumps({"worksheets": [{"cells": [cell]}], "nbformat": 3}))
    assert found.facts["errors"] == 1
    assert found.facts["constants"] == {"x": 1}
    assert found.facts["nbformat"] == "3.?"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "{", '{"cells": 3}', '{"cells": [1, null, {"source": 3}]}', "\x00"]
)
def test_what_is_no_notebook_is_no_error(text):
    assert recognise("a.ipynb", text).kind in {"notebook", "generic"}
