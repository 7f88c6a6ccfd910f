"""Secrets that calls, options and commands of a text take."""

import pytest

from mlamd.masking.text import mask_text
from tests.masking.fakes import PASSWORD, drawn

FORMS = [
    'os.getenv("API_KEY", "§")',
    'key = os.environ.get("API_KEY", "§")',
    'p.add_argument("--api-key", default="§")',
    'p.add_argument("--api-key", type=str, help="the key (x)", default="§")',
    'p.add_argument(\n    "--api-key",\n    default="§",\n)',
    '@click.option("--token", default="§")',
    'args: ["--token","§"]',
    'args: ["--token", "§"]',
    "cmd: train --password §",
    '"SM_USER_ARGS": \'["--api-key","§"]\'',
    '{"SM_USER_ARGS": "[\\\\"--api-key\\\\",\\\\"§\\\\"]"}',
    "SLURM_JOB_NAME='train --password §'",
    "bash -c 'python t.py --password §'",
    "!python t.py --token §",
    "python t.py --password=§ --lr 3",
    "python t.py \\\n  --password \\\n  §",
    'login("§")',
    'wandb.login("§")',
    "machine h login u password §",
    "machine h\n  login u\n  password §",
    "ENV API_KEY §",
    'setattr(cfg, "password", "§")',
    'cfg.set("db", "password", "§")',
    'monkeypatch.setenv("API_KEY", "§")',
]
"""``§`` stands for the secret."""

WITH_MORE = {
    'smtp.login("ada", "§")': 'smtp.login("***", "***")',
}


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("secret", [PASSWORD, drawn(30)])
def test_only_the_secret_goes(text, secret):
    masked = mask_text(text.replace("§", secret))
    assert masked == text.replace("§", "***")
    assert mask_text(masked) == masked


@pytest.mark.parametrize("text", WITH_MORE)
def test_what_belongs_to_the_secret_goes_with_it(text):
    assert mask_text(text.replace("§", PASSWORD)) == WITH_MORE[text]
