"""Secrets of a known form are masked wherever they stand, and nothing that only looks like one."""

import time

import pytest
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings
from hypothesis import given
from hypothesis import strategies as st

from mlamd.masking.formats import FORMATS, MASK, mask_formats
from tests.masking.fakes import HEX, SECRETS, drawn

LOOK_ALIKES = [
    "3f786850e387550fdab836ed7e6dc881de23001b",  # commits and digests
    "sha256:" + drawn(64, HEX),
    drawn(64, HEX),
    "sk-learn-gradient-boosting-classifier",
    "hf_dataset_name",
    "hf_hub_download",
    "xai-explanations-of-the-model",
    "checkpoints/run-2026-11-25/epoch=3-step=1200.ckpt",
    "meta-llama/Llama-3.2-1B-Instruct",
    "AKIANA",
    "SG.loss",
    "eyJ.loss.png",
    "npm_config_cache",
    "gloo-backend-for-two-machines",
    "123e4567-e89b-12d3-a456-426614174000",
    "https://github.com/owner/name/commit/3f786850e387550fdab836ed7e6dc881de23001b",
    "ghp_short",
    "glorious-morning-after-the-rain",
    "-----BEGIN CERTIFICATE-----",
    "a-task-with-many-words-in-1-name",
]


@pytest.mark.parametrize("issuer", sorted(SECRETS))
@pytest.mark.parametrize(
    "around", ["{}", "x={}", '"{}"', "a {} b", "https://e.org/?x={}&y=1", "({}),", "{}\n"]
)
def test_a_secret_of_known_form_is_masked_and_its_prefix_stays(issuer, around):
    shown, hidden = SECRETS[issuer]
    masked = mask_formats(around.format(shown + hidden))
    assert hidden.strip() not in masked
    assert masked.startswith(around.format(shown + MASK)[: len(shown) + around.index("{")])
    for piece in hidden.replace(".", " ").split():
        assert piece not in masked


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_only_looks_like_a_secret_stays(text):
    assert mask_formats(text) == text


@given(st.text() | st.text(alphabet="hfske_-.AKIAyJ09:/ \n"))
def test_any_text_is_taken_and_masking_twice_changes_nothing(text):
    once = mask_formats(text)
    assert mask_formats(once) == once


@pytest.mark.parametrize("place", range(len(FORMATS)))
def test_no_text_makes_a_pattern_slow(place):
    marker = FORMATS[place].marker
    started = time.process_time()
    for piece in (f"{marker}-", f"{marker}a1", f"-{marker}", f"{marker}/", f"{marker}.", "a" * 9 + marker):
        mask_formats(piece * (100_000 // len(piece)))
    assert time.process_time() - started < 10


DETECTORS = """
    AWSKeyDetector GitHubTokenDetector GitLabTokenDetector JwtTokenDetector NpmDetector
    OpenAIDetector PypiTokenDetector SendGridDetector SlackDetector StripeDetector
    TelegramBotTokenDetector TwilioKeyDetector PrivateKeyDetector DiscordBotTokenDetector
    """.split()


def test_the_detectors_of_detect_secrets_find_nothing_more_once_masked():
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        before = sum(1 for shown, hidden in SECRETS.values() for _ in scan_line(shown + hidden))
        after = [
            one.type for shown, hidden in SECRETS.values() for one in scan_line(mask_formats(shown + hidden))
        ]
    assert before > 8
    assert after in ([], ["Private Key"])  # what stays of a private key is the line that says so
