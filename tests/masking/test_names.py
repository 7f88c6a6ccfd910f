"""Which names say that a value is a secret, and which only seem to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.masking.names import says_secret
from tests.masking.fakes import drawn


@pytest.mark.parametrize(
    "name",
    """
    api-key api_key apiKey APIKEY API_KEY openai.api_key wandb_api_key WANDB_API_KEY hfToken
    hf_token HF_TOKEN HUGGING_FACE_HUB_TOKEN HUGGINGFACEHUB_API_TOKEN access-token auth_token
    use_auth_token password db.password DB_PASSWORD passwd pwd passphrase PGPASSWORD MYSQL_PWD
    secret client_secret AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SESSION_TOKEN azure_storage_key
    account_key private_key credentials github-token KAGGLE_KEY NEPTUNE_API_TOKEN token
    secrets.storage db_pass smtp-pass SECRET_KEY_BASE encryption_key service-account-key
    authorization apitoken accesskeyid token_str tokenValue token_prod api_key_prod github_pat passkey
    dbpassword clientsecret hf_token_dev fs.azure.account.key.acct.dfs.core.windows.net
    """.split(),
)
def test_names_of_secrets(name):
    assert says_secret(name, "Xy" + drawn(12))
    assert says_secret(name, "correct horse")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", "0.1"),
        ("tokenizer", "bert"),
        ("tokenizer_name", "bert-base-uncased"),
        ("token-length", "128"),
        ("max_tokens", "4096"),
        ("max_new_tokens", "256"),
        ("num_tokens", "1e9"),
        ("pad_token", "<pad>"),
        ("eos_token_id", "50256"),
        ("mask-token", "[MASK]"),
        ("mask_token", "MASK"),
        ("unk_token", "unk"),
        ("key-size", "3"),
        ("key_dim", "64"),
        ("num_key_value_heads", "8"),
        ("key", "user_id"),
        ("key", "text_column_v2"),
        ("sort_key", "length"),
        ("primary_key", "id"),
        ("label_key", "label"),
        ("password_file", "conf/pw.txt"),
        ("secret_name", "training-pull"),
        ("token_path", "/run/token"),
        ("api_key_env", "OPENAI_API_KEY"),
        ("api_key", "${oc.env:OPENAI_API_KEY}"),
        ("api_key", "$OPENAI_API_KEY"),
        ("password", "{{ vault.password }}"),
        ("use_auth_token", "true"),
        ("token", "None"),
        ("password", ""),
        ("PWD", "/work/project/train"),
        ("passes", "3"),
        ("num_passes", "3"),
        ("forward_pass", "slow"),
        ("pass", "2"),
        ("bypass", "all"),
        ("compass", "north"),
        ("author", "Ada Lovelace"),
        ("monkey", "capuchin"),
        ("keyboard", "qwerty"),
        ("secretary", "Ada"),
        ("signature", "def(x)"),
        ("auth", "basic"),
        ("keys", "a,b,c"),
        ("use_secret_sharing", "3"),
        ("commit", "3f786850e387550fdab836ed7e6dc881de23001b"),
        ("seed", "123456789"),
        ("hidden_size", "768"),
        ("tokens_per_batch", "8192"),
        ("keypoints", "17"),
        ("cache_key", "3f786850e387550fdab836ed7e6dc881de23001b"),
        ("dataset_key", "sha256:3f786850e387550fdab836ed7e6dc881"),
        ("row_key", "123e4567-e89b-12d3-a456-426614174000"),
        ("cookie", "chocolate"),
        ("token_dim", "64"),
        ("token_value", "0.5"),
        ("token_dev", "a.txt"),
        ("pad_token_str", "<pad>"),
        ("key_value", "store"),
        ("sortkey", "length"),
        ("padtoken", "pad"),
        ("pat", "correct horse"),
        ("fs.azure.account.auth.type", "OAuth"),
    ],
)
def test_names_of_ordinary_parameters(name, value):
    assert not says_secret(name, value)


@given(st.text(), st.text())
def test_any_name_and_value_are_taken(name, value):
    assert says_secret(name, value) in {True, False}
