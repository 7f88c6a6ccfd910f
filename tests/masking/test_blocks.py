"""Secrets whose name stands in another line than they do."""

import pytest

from mlamd.masking.text import mask_text
from tests.masking.fakes import PASSWORD, drawn

SECRET = drawn(30)

MASKED = {
    f"db:\n  password: |\n    {PASSWORD}\n  user: ada\n": "db:\n  password: |\n    ***\n  user: ada\n",
    f"private_key: >-  # of the server\n  {SECRET}\n\n  {SECRET}\nlr: 0.1": (
        "private_key: ***  # of the server\n  ***\n\n  ***\nlr: 0.1"
    ),
    f"- api_key: |2\n    {SECRET}\n- lr: 0.1": "- api_key: ***\n    ***\n- lr: 0.1",
    f" a: 1\n-  token: |\n-    {SECRET}\n+  token: |\n+    {SECRET}\n   b: 2": (
        " a: 1\n-  token: |\n-    ***\n+  token: |\n+    ***\n   b: 2"
    ),
    f"<db><password>{PASSWORD}</password><host>h</host></db>": (
        "<db><password>***</password><host>h</host></db>"
    ),
    f'<add key="ApiKey">{SECRET}</add>': '<add key="ApiKey">***</add>',
    f"<name>fs.s3a.secret.key</name>\n  <value>{SECRET}</value>": (
        "<name>fs.s3a.secret.key</name>\n  <value>***</value>"
    ),
    f"+<name>db.password</name>\n+  <value>{PASSWORD}</value>": (
        "+<name>db.password</name>\n+  <value>***</value>"
    ),
    f'<add key="password" value="{PASSWORD}"/>': '<add key="password" value="***"/>',
    f'<add value="{PASSWORD}" key="password" />': '<add value="***" key="password" />',
    f"args:\n  - --token\n  - {SECRET}\n": "args:\n  - --token\n  - ***\n",
    f"password:\n  - {PASSWORD}\n  - {PASSWORD}": "password:\n  - ***\n  - ***",
}

UNTOUCHED = [
    "script: |\n  python train.py\n  echo done\nkey: 3",
    "token_policy: |\n  keep nothing\n",
    "<token>the</token>",
    "<keys><key>1</key></keys>",
    "a > b | c: |\nd",
    "<name>epochs</name><value>3</value>",
]


@pytest.mark.parametrize("text", MASKED)
def test_block_is_masked_and_what_is_around_stays(text):
    assert mask_text(text) == MASKED[text]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_ordinary_blocks_stay(text):
    assert mask_text(text) == text
