"""Command lines keep every word but the secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.masking.words import mask_words
from tests.masking.fakes import HEX, PASSWORD, SECRETS, drawn

SECRET = drawn(30)

MASKED = [
    ("python t.py --api-key {} --lr 0.1", "python t.py --api-key *** --lr 0.1"),
    ("python t.py --password={} x", "python t.py --password=*** x"),
    ("python t.py --hub_token {}", "python t.py --hub_token ***"),
    ("python t.py -token {}", "python t.py -token ***"),
    ("python t.py wandb.api_key={} lr=0.1", "python t.py wandb.api_key=*** lr=0.1"),
    ("python t.py +secrets.db={} ~x", "python t.py +secrets.db=*** ~x"),
    ("env HF_TOKEN={} python t.py", "env HF_TOKEN=*** python t.py"),
    ("docker run -e HF_TOKEN={} img", "docker run -e HF_TOKEN=*** img"),
    ("docker run --env=HF_TOKEN={} img", "docker run --env=HF_TOKEN=*** img"),
    ("docker login -u ada -p {}", "docker login -u ada -p ***"),
    ("curl -u ada:{} https://e.org", "curl -u ada:*** https://e.org"),
    ("curl https://ada:{}@e.org/x", "curl https://ada:***@e.org/x"),
    ("wget https://e.org/d?token={}&n=3", "wget https://e.org/d?token=***&n=3"),
    ("mysql -u root -p{}", "mysql -u root -p***"),
    ("sshpass -p {} ssh host", "sshpass -p *** ssh host"),
    ("/usr/bin/sshpass -p{} ssh host", "/usr/bin/sshpass -p*** ssh host"),
]

UNTOUCHED = [
    "python train.py --lr 0.1 --epochs 3",
    "python train.py --tokenizer bert --token-length 128 --key-size 3",
    "python train.py --pad-token <pad> --max-tokens 4096 --mask_token [MASK]",
    "python train.py --resume runs/3f786850e387550fdab836ed7e6dc881de23001b/last.ckpt",
    "python train.py --commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "python train.py --data sha256:" + drawn(64, HEX),
    "python train.py model.key_dim=64 data.sort_key=length +trainer.max_tokens=10 ~callbacks",
    "python -m pytest -p no:cacheprovider",
    "python train.py --use-auth-token --lr 0.1",
    "python train.py --password-file conf/pw.txt --api-key-env OPENAI_API_KEY",
    "torchrun --nproc_per_node 2 train.py --name sk-learn-gradient-boosting",
    "python train.py -p 3 -k 5 -t 0.5",
    "docker run -p 8080:80 -u 1000:1000 img",
    "mysql -u root -p",
    "python train.py --token none --key name",
    "python train.py --model meta-llama/Llama-3.2-1B --seed 123456789",
]


@pytest.mark.parametrize(("line", "masked"), MASKED)
@pytest.mark.parametrize("secret", [SECRET, PASSWORD, "correct-horse"])
def test_secrets_in_command_lines_are_masked(line, masked, secret):
    words = tuple(line.format(secret).split(" "))
    assert mask_words(words) == tuple(masked.split(" "))


@pytest.mark.parametrize("line", UNTOUCHED)
def test_ordinary_command_lines_stay(line):
    assert mask_words(tuple(line.split(" "))) == tuple(line.split(" "))


@pytest.mark.parametrize("issuer", sorted(SECRETS))
@pytest.mark.parametrize("before", [(), ("--name",), ("--api-key",), ("-c",)])
def test_a_known_form_is_masked_behind_any_option(issuer, before):
    shown, hidden = SECRETS[issuer]
    masked = mask_words(("python", "x.py", *before, shown + hidden, "--lr", "0.1"))
    assert masked[-2:] == ("--lr", "0.1")
    assert hidden not in " ".join(masked)


def test_a_password_may_begin_with_a_dash():
    assert mask_words(("x", "--password", "-abc", "--lr", "1")) == ("x", "--password", "***", "--lr", "1")
    assert mask_words(("x", "--use-password", "--lr", "1")) == ("x", "--use-password", "--lr", "1")


def test_wandb_login_takes_a_key_without_a_name():
    assert mask_words(("wandb", "login", drawn(40, HEX))) == ("wandb", "login", "***")


def test_a_secret_in_code_and_in_json_is_masked():
    words = ("python", "-c", f"import x; x.login(token='{SECRET}')", f'{{"api_key": "{SECRET}", "n": 3}}')
    masked = mask_words(words)
    assert masked[2] == "import x; x.login(token='***')"
    assert masked[3] == '{"api_key": "***", "n": 3}'


@given(st.lists(st.text() | st.sampled_from(["--password", "-p", "--token", "a=b", "curl", "-u", "***"])))
def test_any_words_are_taken_and_stay_as_many(words):
    once = mask_words(tuple(words))
    assert len(once) == len(words)
    assert mask_words(once) == once
