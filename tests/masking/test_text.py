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
    'tokenizer = AutoTokenizer.from_pretrained("bert")',
    "max_tokens = 4096",
    "key_size: 3",
    'pad_token = "<pad>"',
    'pad_token="[PAD]"',
    "token_dim=64",
    "python t.py --key name",
    'rows.sort(key=lambda r: r["size"])',
    "sorted(d, key=len, reverse=True)",
    "counts[token] += 1",
    "counts[token] = counts.get(token, 0) + 1",
    "embeddings[token] = vector",
    "if token == other_token:",
    "if password == expected:",
    "if password: return True",
    'if not api_key: raise ValueError("no key")',
    "{token: i for i, token in enumerate(vocab)}",
    "password = password or getpass()",
    "token = hub_token or args.token",
    "token = hf_token if use_auth else None",
    "api_key = settings.api_key",
    "self.api_key = api_key",
    "api_key=cfg.openai.api_key",
    "api_key: Optional[str] = None",
    "api_key: str | None = None",
    "password: SecretStr",
    'password: str = Field(..., env="DB_PASSWORD")',
    "token: str, optional",
    'secret = client.access_secret_version("projects/x")',
    'password = getpass("Password: ")',
    'token = input("Token: ")',
    'password = keyring.get_password("svc", "user")',
    'os.getenv("API_KEY")',
    'os.environ.get("HF_TOKEN", "")',
    'os.getenv("HF_TOKEN", None)',
    'parser.add_argument("--password", "-p", help="the password")',
    'parser.add_argument("--token-length", type=int, default=128)',
    'parser.add_argument("--tokenizer", default="bert-base")',
    'parser.add_argument("--max-tokens", default="4096")',
    'parser.add_argument("--pad-token", default="<pad>")',
    'parser.add_argument("--api-key", required=True)',
    'parser.add_argument("--name", default="a-run-of-mine")',
    "use --password to log in, or --token if you have one",
    'd.get("key", "name")',
    'd.get("tokens", "many words")',
    'batch["input_ids"] = x',
    'config["pad_token"] = "<pad>"',
    'keys = ["a", "b"]',
    'tokens = ["the", "cat"]',
    "special_tokens: [the, cat]",
    "sort_keys=True",
    "json.dumps(x, sort_keys=True, indent=2)",
    'headers = {"Authorization": f"Bearer {token}"}',
    'url = f"https://{host}:{port}/x"',
    "- name: epochs\n  value: 3",
    "- name: TOKENIZER\n  value: bert-base-uncased",
    "- name: API_KEY\n  valueFrom:\n    secretKeyRef: {name: s, key: k}",
    '{"name": "lr", "value": 0.1}',
    '<add key="epochs" value="3"/>',
    '<input name="user" value="ada"/>',
    'args: ["--tokenizer", "bert"]',
    'args: ["--key", "name"]',
    "args:\n  - --key-size\n  - 3",
    "login(token=token)",
    "login()",
    'login(token=os.environ["HF_TOKEN"])',
    "fs.azure.account.auth.type=OAuth",
    "a == b",
    "x <- c(1, 2)",
    'key <- "name"',
    "key => value",
    "def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:",
    "key, value = self.kv(x).chunk(2)",
    'key: str = "name"',
    'cache_key = "3f786850e387550fdab836ed7e6dc881de23001b"',
    "num_key_value_heads: 8",
    "key_value: store",
    "index: {token: 3}",
    "tokens:\n  - the\n  - cat",
    "tokenizer:\n  - bert",
    "keys:\n  - user\n  - item",
    "AUTH = None",
    'auth = ("basic", None)',
    'author = ("Ada", "Lovelace")',
    'authors = ["Ada", "Grace"]',
    "git checkout -b token-dropout",
    "- token foo bar",
    "class Token: pass",
    "for key in keys: print(key)",
    "token_ids = [1, 2, 3]",
    "eos_token_id: 50256",
    "loss: 0.25 - token_acc: 0.9",
    "a log of passes: 3",
    "signature: def(x)",
    "monkey: capuchin",
    "api_key_env: OPENAI_API_KEY",
    "api_key: ${OPENAI_API_KEY}",
    "API_KEY=$API_KEY python t.py",
    'password: "{{ vault.password }}"',
    "token_path: /run/secrets/token",
    "password_file=conf/pw.txt",
    "--password-file conf/pw.txt",
    "lambda token: token.text.lower()",
    "lambda token: token.text",
    'return {"token": token, "key": key}',
    "return dict(token=token, password=self.password)",
    "key = (row, column)",
    'assert key != "name"',
    "tokenized = [token.lower() for token in tokens]",
    'vocab = {"token": 1}',
    '"tokens": ["a", "b"], "key": "name"',
    'column_key = "user_id"',
    "value: 3\n  name: lr",
    'env:\n  - name: CUDA_VISIBLE_DEVICES\n    value: "0"',
    "mask_token: [MASK]",
    '+    "bos_token": "<s>",',
    '+    "tokenizer_class": "LlamaTokenizer",',
    "-key = 3",
    '-sort_key = "length"',
    "-tokenizer: bert",
    "set token_type_ids to zeros",
    'print("key:", key, "token:", token)',
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


def test_a_value_is_masked_by_the_name_beside_it():
    pairs = {"env": [{"name": "DB_PASSWORD", "value": PASSWORD}, {"name": "LR", "value": "0.1"}]}
    masked = {"env": [{"name": "DB_PASSWORD", "value": "***"}, {"name": "LR", "value": "0.1"}]}
    assert mask_setting("", pairs) == masked
    assert mask_setting("", {"e.0.key": "api_key", "e.0.value": PASSWORD}) == {
        "e.0.key": "api_key",
        "e.0.value": "***",
    }
    assert mask_setting("", {"password": {"name": "x", "value": PASSWORD}}) == {
        "password": {"name": "x", "value": "***"}
    }


def test_lists_of_words_are_command_lines_or_logins():
    assert mask_setting("args", ["--token", PASSWORD, "--key", "name"]) == ["--token", "***", "--key", "name"]
    assert mask_setting("cmd", ["curl", "-u", f"ada:{PASSWORD}"]) == ["curl", "-u", "ada:***"]
    assert mask_setting("AUTH", ["ada", PASSWORD]) == ["ada", "***"]
    assert mask_setting("api_keys", [PASSWORD]) == ["***"]
    assert mask_setting("tokens", ["the", "cat"]) == ["the", "cat"]


def test_names_in_mappings_are_masked():
    shown, hidden = SECRETS["hugging face"]
    assert mask_setting("", {shown + hidden: 1}) == {"hf_***": 1}
    long = "connections.of.the.database.postgres"
    assert mask_setting("", {f"{long}://ada:{PASSWORD}@h": 1}) == {f"{long}://ada:***@h": 1}
    assert mask_setting("", {"model.token_dim": 1, 3: "x"}) == {"model.token_dim": 1, 3: "x"}


def test_what_is_declared_of_an_option_stays():
    declared = {"password": {"value": None, "by": "argparse", "flags": ["--password", "-p"], "line": 3}}
    assert mask_setting("defaults", declared) == declared


_PIECES = """
    password token api_key --password --token
    -- - = : == => \' " \"\"\" \\ \\" [ ] ( ) { } , ; & # *** hunter2 name: value:
    login( auth getenv( os.environ[ str Final default= add_argument( f b $ ${ < /> <password> </password> | +
    ://u:p@ ? Bearer Authorization: x a_b . python ENV or if @ := export machine
    """.split()


@given(
    st.lists(st.sampled_from([*_PIECES, " ", "  ", "\n", " # ", " = ", ": ", "- "]), max_size=12).map("".join)
)
def test_masking_what_looks_like_code_twice_changes_nothing(text):
    once = mask_text(text)
    assert mask_text(once) == once


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
        "token=f(",
        "{token: ",
        "password: x ",
        "--password ",
        '"--token", ',
        "name: token\n",
        'add_argument("--token",',
        'get("token",',
        'login("a", ',
        'password=\\"',
        'key="""',
        "password:" + " " * 50,
    ],
)
def test_no_text_makes_it_slow(piece):
    started = time.process_time()
    mask_text(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 5
