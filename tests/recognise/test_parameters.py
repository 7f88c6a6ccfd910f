"""What applied, where it came from, and what it took the place of."""

import pytest

from mlamd.recognise.parameters import Candidate, Parameter, resolve
from mlamd.recognise.python_parameters import read_python
from tests.recognise.reading import recognise

TRAIN = read_python("""
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=3)
p.add_argument("--api-key", default="abc")
SEED = 7
args = p.parse_args()
config = yaml.safe_load(open("conf.yaml"))
lr, epochs = config["lr"], config.get("epochs", args.epochs)
""")
OTHER = read_python("SEED = 8\nWIDTH = 3")


def by_name(*given):
    return {one.name: one for one in resolve(*given)}


def test_the_command_line_goes_before_a_config_and_that_before_the_default():
    found = by_name(
        ("python", "train.py", "--lr", "0.5", "--api-key", "xyz"),
        [("lib/other.py", OTHER), ("train.py", TRAIN)],
        [("conf.yaml", {"lr": 0.2, "epochs": 9, "depth": 2})],
        [("model.pt", {"depth": 4, "width": 5})],
    )
    assert found["lr"] == Parameter(
        "lr",
        0.5,
        "command line",
        "--lr",
        (Candidate(0.2, "config", "conf.yaml"), Candidate(0.1, "default", "train.py:4")),
    )
    assert found["epochs"] == Parameter(
        "epochs", 9, "config", "conf.yaml", (Candidate(3, "default", "train.py:5"),)
    )
    assert found["depth"] == Parameter(
        "depth", 2, "config", "conf.yaml", (Candidate(4, "model", "model.pt"),)
    )
    assert found["width"] == Parameter("width", 5, "model", "model.pt")
    assert found["SEED"] == Parameter("SEED", 7, "default", "train.py:7")
    assert "WIDTH" not in found
    assert found["api_key"].value == "***"


PARSER = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=1)
p.add_argument("--n", type=int)
args = p.parse_args()
"""
ASKING = {
    "nothing": ("print(args.seed)", False),
    "another key": ("config['lr']", False),
    "in brackets": ("config['seed']", True),
    "get": ("config.get('seed')", True),
    "an attribute": ("config.seed", True),
    "all of it": ("Namespace(**config)", True),
    "as defaults": ("p.set_defaults(**config)", True),
    "one by one": ("for key, value in config.items(): pass", True),
    "a library": ("import hydra", True),
}


@pytest.mark.parametrize("how", ASKING)
def test_a_default_goes_before_a_configuration_that_nobody_asks_for_it(how):
    code, asks = ASKING[how]
    sources = [("train.py", read_python(PARSER + code))]
    found = by_name(("python", "train.py"), sources, [("conf.yaml", {"seed": 42, "n": 40})])
    assert found["seed"].value == (42 if asks else 1)
    assert found["seed"].overridden[0].value == (1 if asks else 42)
    assert found["n"].value == 40, "no default at all is weaker than anything"


def test_the_same_value_twice_is_no_disagreement():
    found = by_name(("train.py", "lr=1"), [], [("a.yaml", {"lr": 1.0}), ("b.yaml", {"lr": 1})])
    assert found["lr"] == Parameter("lr", 1, "command line", "lr=1")


def test_of_two_configs_the_later_goes_first():
    found = by_name(("x",), [], [("a.yaml", {"lr": 1}), ("b.yaml", {"lr": 2})])
    assert found["lr"] == Parameter("lr", 2, "config", "b.yaml", (Candidate(1, "config", "a.yaml"),))


def test_names_with_dashes_are_the_same_as_with_underscores():
    found = by_name(("x", "--batch-size", "8"), [], [("a.yaml", {"batch-size": 4})])
    assert found["batch_size"].overridden == (Candidate(4, "config", "a.yaml"),)


def test_a_module_is_the_program():
    found = by_name(("python", "-m", "pkg.train"), [("a.py", OTHER), ("src/pkg/train.py", TRAIN)], [])
    assert found["SEED"].where == "src/pkg/train.py:7"


def test_what_hydra_removes_has_no_value_any_more():
    found = by_name(("x", "~logger"), [], [("a.yaml", {"logger": "csv"})])
    assert found["logger"] == Parameter(
        "logger", None, "command line", "~logger", (Candidate("csv", "config", "a.yaml"),)
    )


def test_constants_of_an_imported_module_are_no_parameters_of_the_run():
    constant = {"value": 1, "by": "constant", "line": 1}
    declared = {"value": 2, "by": "argparse", "line": 2, "flags": ["--lr"]}
    sources = [
        ("model.py", {"defaults": {"WIDTH": constant, "lr": declared}}),
        ("train.py", {"defaults": {"SEED": constant}}),
    ]
    found = resolve(("python", "train.py"), sources, [])
    assert [(one.name, one.where) for one in found] == [("SEED", "train.py:1"), ("lr", "model.py:2")]


FROM_FILE = read_python("""
import argparse
p = argparse.ArgumentParser(fromfile_prefix_chars="@")
p.add_argument("data")
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=3)
""")


def test_a_file_of_arguments_is_read_in_its_place():
    words = recognise("conf/args.txt", "d.csv\n--lr\n0.7\n--api-key\nxyz\n").facts["words"]
    assert words == ["d.csv", "--lr", "0.7", "--api-key", "***"]
    line = ("python", "t.py", "@conf/args.txt", "--epochs", "4")
    found = resolve(line, [("t.py", FROM_FILE)], [], (), {"conf/args.txt": words})
    told = {one.name: one.value for one in found}
    assert told == {"data": "d.csv", "lr": 0.7, "epochs": 4, "api_key": "***"}


def test_what_a_file_of_arguments_sets_that_nobody_knows_is_not_told():
    found = resolve(("python", "t.py", "@args.txt", "--epochs", "4"), [("t.py", FROM_FILE)], [])
    assert {one.name: one.value for one in found} == {"epochs": 4}


@pytest.mark.parametrize(
    "defaults",
    [
        3,
        [1],
        {"a": 3},
        {"a": {"commands": 3, "positional": 0}},
        {"a": {"commands": {"x": 3}, "linked": {"x": 3}, "positional": 0}},
        {"a": {"entry": 3, "line": "x", "of": [], "by": {}}},
        {"a": {"also": [3], "flags": 3}},
        {"a": {"linked": {"x": "b.c"}, "positional": 1}},
    ],
)
def test_facts_of_any_shape_are_taken(defaults):
    odd = {"defaults": defaults, "takes": 3, "prefixes": 3, "plain": True, "constants": 3}
    for line in (("python", "t.py", "x", "--a"), ("t.py", "@x"), ()):
        for path in ("t.py", "n.ipynb", "lib.py"):
            resolve(line, [(path, odd), ("b.py", {"defaults": defaults})], [], [], {"x": 3})


def test_an_ordinary_text_has_no_words():
    assert "words" not in recognise("a.txt", "A text\nof some lines\n- and\n- a list\n").facts


def test_a_positional_argument_overrides_nothing():
    (one,) = [one for one in resolve(("t.py", "d.csv"), [("t.py", FROM_FILE)], []) if one.name == "data"]
    assert one.overridden == ()
