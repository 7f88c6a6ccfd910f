"""Values whose name is a value beside them."""

import pytest

from mlamd.masking.text import mask_text
from tests.masking.fakes import PASSWORD, drawn

FORMS = [
    "env: [{name: DB_PASSWORD, value: §}]",
    "- name: API_KEY\n  value: §",
    "+- name: API_KEY\n-  value: §\n+  value: §",
    '{"name": "API_KEY", "value": "§"}',
    '{"name": "API_KEY",\n  "value": "§"}',
    '{"value": "§", "name": "API_KEY"}',
    'EnvVar(name="API_KEY", value="§")',
]
"""``§`` stands for the secret."""


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("secret", [PASSWORD, drawn(30)])
def test_only_the_secret_goes(text, secret):
    masked = mask_text(text.replace("§", secret))
    assert masked == text.replace("§", "***")
    assert mask_text(masked) == masked
