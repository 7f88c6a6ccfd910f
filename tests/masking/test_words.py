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
    ("-Dpassword={}", "-Dpassword=***"),
    ("prog -Dpassword={}", "prog -Dpassword=***"),
    ("helm i --set db.password {}", "helm i --set db.password ***"),
    ("prog --password: {}", "prog --password: ***"),
    ("curl -uu:{}", "curl -uu:***"),
    ("curl --user=u:{}", "curl --user=u:***"),
    ("curl -su u:{}", "curl -su u:***"),
    ("docker login -p{}", "docker login -p***"),
    ("redis-cli -a {}", "redis-cli -a ***"),
    ("mongo -p {}", "mongo -p ***"),
    ("unzip -P {} f", "unzip -P *** f"),
    ("zip -P {} f", "zip -P *** f"),
    ("7z a -p{} f", "7z a -p*** f"),
    ("vault login {}", "vault login ***"),
    ("az login -u u -p {}", "az login -u u -p ***"),
    ("wandb login {}", "wandb login ***"),
    ("wandb login --relogin {}", "wandb login --relogin ***"),
    ("wandb login --host https://h {}", "wandb login --host https://h ***"),
    ("aws configure set aws_secret_access_key {}", "aws configure set aws_secret_access_key ***"),
    ("dvc remote modify r password {}", "dvc remote modify r password ***"),
    ("dvc remote modify --local r password {}", "dvc remote modify --local r password ***"),
    ("git config x.token {}", "git config x.token ***"),
    ("git config --global x.token {}", "git config --global x.token ***"),
    ("sudo curl -u u:{} h", "sudo curl -u u:*** h"),
    ("env A=b curl -u u:{} h", "env A=b curl -u u:*** h"),
    ("pip config set global.password {}", "pip config set global.password ***"),
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
    "zip -r out.zip data",
    "7z a out.7z data",
    "git config user.name ada",
    "git config core.sshCommand ssh",
    "dvc remote modify r url s3://b/x",
    "python train.py --set model.pad_token x",
    "python train.py --set data.sort_key length",
    "aws configure set region eu-west-1",
    "vault login -method=github",
    "wandb login --relogin",
    "wandb sweep x",
    "docker run -p 80:80 img",
    "mongo --host h db",
    "curl -O https://h/x",
    "curl -sSL https://h/x -o y",
    "unzip -p f.zip",
    "redis-cli ping",
    "bash -c 'python t.py'",
    "python train.py --tokens-per-batch 3 --max-tokens: 4",
    "python train.py set token none",
    "git commit -m message",
    "grep -p password x",
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


@pytest.mark.parametrize(
    ("shell", "command", "masked"),
    [
        ("bash -c", "python t.py --password {}", "python t.py --password ***"),
        ("sh -c", "curl -u u:{0} h; mysql -p{0}", "curl -u u:*** h; mysql -p***"),
        ("bash -lc", "A=3 wandb login {} && python t.py", "A=3 wandb login *** && python t.py"),
        ("python -c", 'login("{}")', 'login("***")'),
        ("bash -c", "python t.py --key name", "python t.py --key name"),
    ],
)
def test_a_command_in_one_word_is_masked_like_others(shell, command, masked):
    words = (*shell.split(), command.format(PASSWORD))
    assert mask_words(words) == (*shell.split(), masked)


@given(
    st.lists(
        st.text()
        | st.sampled_from(
            [
                "--password",
                "-p",
                "--token",
                "a=b",
                "curl",
                "-u",
                "***",
                "docker",
                "login",
                "-pX",
                "set",
                "db.password",
                "bash",
                "-c",
                "zip u:p; mysql -pa",
            ]
        )
    )
)
def test_any_words_are_taken_and_stay_as_many(words):
    once = mask_words(tuple(words))
    assert len(once) == len(words)
    assert mask_words(once) == once
