"""Names that people give to steps and to metrics."""

import re

STEPS = tuple(
    """
    step global_step _step trainer/global_step iteration iter itr update batch timestep timesteps
    total_timesteps num_timesteps round episode epoch
    """.split()
)
"""Names of steps, the finest first."""

_METRIC = re.compile(
    r"(?:^|[^a-z])(?:\w{0,40}?(?:loss|accuracy|error|reward|score|perplexity|precision|recall|entropy)"
    r"|divergence|acc|err|f1|f ?beta|auc|auroc|roc|auprc|ap|map|mrr|ndcg|mse|mae|rmse|mape|smape"
    r"|r2|nll|kl|elbo|ppl|bpc|bpb|logloss|brier|bleu|rouge\w?|meteor|wer|cer|fid|psnr|ssim"
    r"|lpips|iou|miou|dice|jaccard|top ?[0-9]|kappa|mcc"
    r"|lr|grad norm|return|returns|exact match|hits|silhouette|throughput|value|metric)"
    r"(?:$|[^a-z])",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"(?:^|[^a-z])(?:metrics?|results?|scores?|eval(?:uation)?s?|summary|performance|accuracy|losses|loss|history"
    r"|benchmark|all_results|report)(?:$|[^a-z])"
)


def is_metric(name: str) -> bool:
    """Return True for a name that is usually given to a metric, such as ``val_loss`` or ``train/acc@5``."""
    return bool(_METRIC.search(name[:200].replace("_", " ").replace("learning rate", "lr")))


def is_step(name: str) -> bool:
    """Return True for a name that is usually given to a step."""
    return name.strip().lower().replace(" ", "_") in STEPS


def names_metrics(file_name: str) -> bool:
    """Return True if the name of a file says that metrics are in it; the name is in lower case."""
    return bool(_FILE.search(file_name.rpartition(".")[0].replace("_", " ") or file_name))
