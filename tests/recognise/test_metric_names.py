"""Which names are those of metrics, and what is better of them."""

import pytest

from mlamd.recognise.metric_names import (
    direction,
    is_metric,
    is_result,
    is_step,
    names_metrics,
    names_settings,
)

_DOWN = """
val_loss valLoss RMSE train/rmse binary_crossentropy cross_entropy num_errors dice_loss loss_dice top-5_err
word_error_rate brier_score mean_fit_time valid_0-logloss trainloss negative_log_likelihood test-mlogloss
val_perplexity eval/latency
"""
_UP = """
train/accuracy f1 answer_f1 answer_accuracy cancer_recall power_score tower_acc lower_f1 error_free_acc
neg_mean_squared_error neg_log_loss mean_test_neg_log_loss neg_brier_score AP mAP50 mAP50-95(B) kappa mcc
exact_match mIoU meanIoU F1Score R2 top5 Acc@1 mean_test_score rougeL metrics/precision(B) ep_rew_mean
log_likelihood
"""
_UNKNOWN = """
epoch lossless acc_std std_test_score rank_test_score time_to_accuracy lr grad_norm loss_scale neg_loss
score_threshold best_acc_epoch error_score n_rows answer value eval/kl glossary stop topology
"""


@pytest.mark.parametrize(
    ("name", "better"),
    [(name, "down") for name in _DOWN.split()]
    + [(name, "up") for name in _UP.split()]
    + [(name, "") for name in _UNKNOWN.split()],
)
def test_what_is_better(name: str, better: str) -> None:
    assert direction(name) == better


def test_names_of_metrics_and_of_other_things() -> None:
    assert all(map(is_metric, "val_loss lr learning_rate grad-norm value kl train/acc@5 trainAcc".split()))
    assert not any(
        map(is_metric, "n_rows columns dropout batch_size loss_weight score_threshold top_layers".split())
    )
    assert is_result("val_loss")
    assert not any(map(is_result, ("lr", "learning rate", "grad_norm", "value", "Return", "dropout")))
    assert is_step("Global Step")


def test_names_of_files() -> None:
    assert all(map(names_metrics, ("metrics.json", "eval_results.json", "test-scores.csv", "history2.json")))
    assert not any(map(names_metrics, ("stats.json", "args.json", "eval_config.yaml", "evaluate.py")))
    assert all(map(names_settings, ("args.json", "config.json", "hparams.yaml", "train-params.json")))
    assert not any(map(names_settings, ("metrics.json", "out.json", "parametric.json")))
