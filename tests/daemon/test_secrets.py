"""Secrets that stand in command lines, environments, files and repositories: none is in the store."""

import json
import os
import subprocess
import sys
from pathlib import Path

from mlamd.catalog.catalog import current
from mlamd.catalog.tables import TABLES
from mlamd.journal import documents
from tests.conftest import Project
from tests.masking.fakes import SECRETS, drawn

_JOB = """
import json, yaml
settings = yaml.safe_load(open("config.yaml")); json.load(open("config.json"))
open("train.log", "w").write("epoch 1 loss: 0.5\\n" + open(".env").read() + open("params.py").read())
more = [open(name).read() for name in ("book.ipynb", "settings.toml", "run.ini")]
open("notes.txt", "w").write("".join(more))
"""
WHOLE = {
    issuer.replace("-", "_").replace(" ", "_"): " ".join("".join(parts).split())
    for issuer, parts in SECRETS.items()
}


def _plant(root: Path) -> list[str]:
    """Put every secret into each sort of file; return what must be nowhere."""
    quoted = {name: json.dumps(text) for name, text in WHOLE.items()}
    (root / "config.json").write_text(json.dumps({"lr": 0.1, "services": WHOLE}))
    lines = [f"  {name}: {text}" for name, text in quoted.items()]
    (root / "config.yaml").write_text("batch: 3\nservices:\n" + "\n".join(lines) + "\n")
    (root / "settings.toml").write_text("\n".join(f"{name} = {text}" for name, text in quoted.items()))
    (root / "run.ini").write_text("[a]\n" + "\n".join(f"{name} = {text}" for name, text in WHOLE.items()))
    (root / ".env").write_text("\n".join(f"{name.upper()}={text}" for name, text in WHOLE.items()))
    (root / "params.py").write_text("\n".join(f"{name.upper()} = {text}" for name, text in quoted.items()))
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": []}
    source = [f"{name} = {text}\n" for name, text in quoted.items()]
    notebook = {"cells": [{**cell, "source": source}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "book.ipynb").write_text(json.dumps(notebook))
    hidden = ["".join(parts[1].split()) for parts in SECRETS.values()]
    return [text for text in hidden if len(text) > 8]


def _forms(secret: str) -> str:
    """Return lines of a source, each of which has a secret that only the name beside it tells of."""
    return f"""
conn = dict(password="{secret}")
API_KEY: str = "{secret}"
os.environ["API_KEY"] = "{secret}"
os.getenv("API_KEY", "{secret}")
api_key = f"{secret}"
PASSWORD = ["{secret}"]
TOKEN_STR = "correct {secret}"
AUTH = ("user", "{secret}")
CMD = "train --password {secret}"
ARGS = ["--token", "{secret}"]
login("{secret}")
"""


def _told(store: Path) -> str:
    """Return everything that is stored, packed or not."""
    told: list[str] = []
    with current(store) as tables:
        for table in TABLES:
            for _, row in tables.scan(table):
                told.append(repr(row))
                if table == "documents":
                    told.append(repr(documents.unpack(row[1])))
    told += [path.read_bytes().decode("latin-1") for path in store.rglob("*") if path.is_file()]
    return "\n".join(told)


def test_no_password_is_in_the_store_whatever_the_form(recorded: Project) -> None:
    root, removed, added = recorded.root, drawn(10), drawn(10)
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
    (root / "forms.py").write_text(_forms(removed))
    (root / "deploy.yaml").write_text(f"password: {removed}\nenv:\n  - name: API_KEY\n    value: {removed}\n")
    for words in (["init", "-q"], ["add", "forms.py", "deploy.yaml"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    remote = f"https://host/x.git?private_token={added}"
    subprocess.run([*git, "remote", "add", "origin", remote], check=True)
    (root / "forms.py").write_text(_forms(added))
    held = {
        "lr": 0.1,
        "env": [{"name": "DB_PASSWORD", "value": added}],
        "args": ["--token", added],
        f"postgres://u:{added}@h": 1,
        "cmd": f"train --password {added}",
    }
    (root / "config.json").write_text(json.dumps(held))
    (root / "deploy.yaml").write_text(
        f"db: {{password: {added}}}\nenv:\n  - name: API_KEY\n    value: {added}\n"
    )
    program = (
        "import json; json.load(open('config.json')); open('deploy.yaml').read(); open('forms.py').read()"
    )
    command = [sys.executable, "-c", program, f"-Dpassword={added}", "--set", "db.password", added]
    variables = {"SM_USER_ARGS": json.dumps(["--api-key", added]), "TF_VAR_db_admin": added}
    subprocess.run(command, cwd=root, check=True, env={**os.environ, **variables})
    answer = recorded.ask("params", "@-1")["data"]["parameters"]
    assert {one["name"]: one["value"] for one in answer}["lr"] == 0.1
    recorded.mlamd("stop")
    told = _told(recorded.store)
    assert "deploy.yaml" in told
    assert [text for text in (removed, added) if text in told] == []


def test_no_secret_is_in_the_store(recorded: Project) -> None:
    root = recorded.root
    (root / "clean.py").write_text("x = 1\n")
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "clean.py"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    hidden, texts = _plant(root), list(WHOLE.values())
    subprocess.run([*git, "remote", "add", "origin", f"https://user:{texts[0]}@host/x.git"], check=True)
    (root / "clean.py").write_text("\n".join(f"TOKEN = {text!r}" for text in texts))
    command = [sys.executable, "-c", _JOB, "--lr", "0.1", *(f"--api-key={text}" for text in texts), *texts]
    variables = {f"TOKEN_{number}": text for number, text in enumerate(texts)}
    subprocess.run(command, cwd=root, check=True, env={**os.environ, **variables})
    answer = recorded.ask("params", "@-1")["data"]["parameters"]
    parameters = {one["name"]: one["value"] for one in answer}
    assert parameters["lr"] == 0.1
    assert parameters["batch"] == 3
    recorded.mlamd("stop")
    told = _told(recorded.store)
    assert "train.log" in told
    assert [text for text in hidden if text in told] == []
