"""Texts, URLs and settings keep what they say, without the secrets."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.masking.text import mask_setting, mask_text
from tests.masking.fakes import PASSWORD, SECRETS, drawn

SECRET = drawn(30)

MASKED = {
    f"postgres://ada:{PASSWORD}@db.local:5432/x": "postgres://ada:***@db.local:5432/x",
    f"mongodb+srv://:{PASSWORD}@h/": "mongodb+srv://:***@h/",
    f"https://{SECRET}@github.com/a/b.git": "https://***@github.com/a/b.git",
    f"https://e.org/d?token={SECRET}&split=train": "https://e.org/d?token=***&split=train",
    f"https://e.org/?a=1&X-Amz-Signature={SECRET}": "https://e.org/?a=1&X-Amz-Signature=***",
    f"Authorization: Bearer {SECRET}": "Authorization: Bearer ***",
    f"authorization=Basic {SECRET}==": "authorization=Basic ***",
    f"x-api-key: {SECRET}": "x-api-key: ***",
    f'{{"api_key": "{SECRET}", "lr": 0.1}}': '{"api_key": "***", "lr": 0.1}',
    f'{{\\"api_key\\": \\"{SECRET}\\", \\"lr\\": 0.1}}': '{\\"api_key\\": \\"***\\", \\"lr\\": 0.1}',
    f"password: {PASSWORD}\nlr: 0.1": "password: ***\nlr: 0.1",
    f"+    db_password = '{PASSWORD}'": "+    db_password = '***'",
    f"export HF_TOKEN={SECRET}": "export HF_TOKEN=***",
    f"AccountName=x;AccountKey={SECRET}==;End=1": "AccountName=x;AccountKey=***;End=1",
    f"login(password={PASSWORD})": "login(password=***)",
    f'sh -c "API_KEY={SECRET} python x.py"': 'sh -c "API_KEY=*** python x.py"',
    f"x = \"password='{PASSWORD}' lr=3\"": "x = \"password='***' lr=3\"",
}

UNTOUCHED = [
    "https://github.com/owner/name.git",
    "git@github.com:owner/name.git",
    "ssh://git@host:22/x",
    "s3://bucket/key=3/part-0.parquet",
    "http://localhost:8080/?page=2&key=name",
    "tokenizer: bert-base\nmax_tokens: 128\npad_token: <pad>",
    "token = tokenizer.encode(text)",
    "api_key = os.environ['OPENAI_API_KEY']",
    "password=getpass()",
    "login(token=token, password=self._password)",
    "def login(token: str, api_key: str | None = None, secret=args.secret) -> None:",
    "for key, value in pairs: print(key)",
    "def attention(key: Tensor, query: Tensor) -> Tensor:",
    "sort(key=lambda row: row.size)",
    "a token of appreciation, with the secret of success",
    "bearer of bad news",
    "loss: 0.25 - key_loss: 0.5 - token_acc: 0.9",
    "sha256=3f786850e387550fdab836ed7e6dc881de23001b",
]


@pytest.mark.parametrize("text", MASKED)
def test_secrets_go_and_the_rest_stays(text):
    assert mask_text(text) == MASKED[text]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_ordinary_texts_stay_as_they_are(text):
    assert mask_text(text) == text


@pytest.mark.parametrize("issuer", sorted(SECRETS))
def test_a_known_form_in_a_setting_is_masked_whatever_its_name(issuer):
    shown, hidden = SECRETS[issuer]
    masked = mask_setting("note", f"see {shown}{hidden}")
    assert hidden not in str(masked)
    assert str(masked).startswith(f"see {shown}")


def test_settings_are_masked_by_the_names_above_them():
    settings = {
        "model": {"name": "bert", "token_length": 128, "eos_token": "</s>"},
        "secrets": {"storage": PASSWORD},
        "wandb": {"api_key": SECRET, "mode": "offline"},
        "db": [{"user": "ada", "password": PASSWORD}, {"user": "bob", "password": None}],
        "pin_password": 123456,
        "hub_token": True,
    }
    assert mask_setting("", settings) == {
        "model": {"name": "bert", "token_length": 128, "eos_token": "</s>"},
        "secrets": {"storage": "***"},
        "wandb": {"api_key": "***", "mode": "offline"},
        "db": [{"user": "ada", "password": "***"}, {"user": "bob", "password": None}],
        "pin_password": "***",
        "hub_token": True,
    }


@given(st.text() | st.text(alphabet="pasword=:\"'\\ ?&@/token.-\n{}"))
def test_any_text_is_taken_and_masking_twice_changes_nothing(text):
    once = mask_text(text)
    assert mask_text(once) == once


@pytest.mark.parametrize(
    "piece",
    [
        "<password>",
        "<a>",
        "password: |\n",
        "+ a: >\n   b",
        "password=",
        "a=b&?",
        "://",
        "x:",
        "'key=\"",
        '\\"',
        "token ",
        "bearer ",
        "a.b-",
        "?a=",
        "http://a:b",
    ],
)
def test_no_text_makes_it_slow(piece):
    started = time.process_time()
    mask_text(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 5
