"""Names that people give to steps and to metrics, and what is better of a metric: the one list of them.

A name is taken apart into words (``val_loss``, ``valLoss``, ``val/loss``, ``val-loss``), and whole words
count: there is no ``wer`` in ``answer_f1``.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

STEPS = tuple(
    """
    step global_step _step trainer/global_step iteration iter itr update batch timestep timesteps
    total_timesteps num_timesteps round episode epoch
    """.split()
)
"""Names of steps, the finest first."""

_UP = frozenset(
    """
    accuracy acc auc auroc auprc roc f1 fbeta precision recall sensitivity specificity tpr tnr r2 score scores
    bleu chrf rouge meteor cider map ap aps apm apl miou iou dice jaccard reward rewards rew return returns
    ndcg mrr psnr ssim throughput kappa mcc matthews pearson spearman exactmatch hits top silhouette elbo
    likelihood explainedvariance
    """.split()
)
_DOWN = frozenset(
    """
    loss losses error errors err mse rmse mae mape smape msle rmsle perplexity ppl bpc bpb wer cer fid nll
    brier bouldin lpips logloss mlogloss merror crossentropy bce ece eer deviance fpr fnr
    """.split()
)
_LASTING = frozenset({"time", "seconds", "latency", "runtime"})
"""Less of them is better, but a number of that name need not be a metric."""
_STATES = frozenset({"lr", "learningrate", "gradnorm"})
"""What is noted beside metrics, and is a setting elsewhere."""
_OTHERS = frozenset({"kl", "divergence", "entropy", "value", "metric"}) | _STATES
_VAGUE = frozenset({"value", "values", "return", "returns", "metric", "metrics"})
"""Names that say next to nothing where they stand alone."""
_MEASURES = _UP | _DOWN | _OTHERS
_SCORES_DOWN = frozenset({"brier", "fid", "bouldin", "wer", "cer", "perplexity", "nll"})
_UNCLEAR = frozenset(
    """
    std stddev sd var variance rank ranks to per threshold scale weight weights coef epoch step iteration drop
    gap diff delta change target support start end
    """.split()
)
"""What a name with one of these means is no measure of quality, or not plainly one."""
_SETTINGS = frozenset(
    """
    weight weights coef coefficient scale threshold thresholds target smoothing schedule scheduler decay
    warmup type function fn name patience limit temperature alpha gamma margin eps seed size dim every
    interval path
    """.split()
)
"""A name with one of these is that of a setting (``loss_weight``)."""
_FILES = frozenset(
    """
    metric metrics result results score scores eval evals evaluation evaluations summary performance accuracy
    losses loss history benchmark report
    """.split()
)
_SETTINGS_FILES = frozenset(
    """
    args arg arguments config configs configuration conf cfg hparams hparam hyperparameters hyperparams params
    param parameters settings options opts opt
    """.split()
)
_CHUNK = re.compile(r"[A-Za-z]+\d*|\d+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SPLIT = re.compile(r"^(?:train|training|val|valid|validation|test|eval|dev)")
_GLUED = re.compile(r"(?<!^g)(?<!^f)(loss|accuracy|crossentropy|perplexity|reward)$")
_TOP = re.compile(r"top(?:\d+|k)")
_LONGEST = 200


def is_metric(name: str) -> bool:
    """Return True for a name that is usually given to a metric, such as ``val_loss`` or ``train/acc@5``."""
    return any(measure not in _LASTING for measure in _measures(name)) and _SETTINGS.isdisjoint(
        words_of(name)
    )


def is_result(name: str) -> bool:
    """Return True for a name that only results have: of a metric, no learning rate, no bare ``value``."""
    return is_metric(name) and not is_vague(name) and any(one not in _STATES for one in _measures(name))


def is_vague(name: str) -> bool:
    """Return True for names such as ``value`` and ``return``, which data have as often as metrics."""
    return name.strip().lower() in _VAGUE


def is_step(name: str) -> bool:
    """Return True for a name that is usually given to a step."""
    return name.strip().lower().replace(" ", "_") in STEPS


def tell_metrics(names: Collection[str]) -> bool:
    """Return True if columns or fields of these names are those of metrics.

    They are if one has the name of a result, one holds names of metrics, or a step is beside a metric.
    """
    if any(is_result(name) or name.lower() in {"metric", "metrics"} for name in names):
        return True
    return any(map(is_step, names)) and any(map(is_metric, names))


def names_metrics(file_name: str) -> bool:
    """Return True if the name of a file says that metrics are in it."""
    return not _FILES.isdisjoint(_file_words(file_name)) and not names_settings(file_name)


def names_settings(file_name: str) -> bool:
    """Return True if the name of a file says that settings are in it, as ``args.json`` does."""
    return not _SETTINGS_FILES.isdisjoint(_file_words(file_name))


def direction(name: str) -> str:
    """Return ``up`` if more is better by its name, ``down`` if less is; "" if it does not tell."""
    words = words_of(name)
    found = _measures(name)
    if not found or not _UNCLEAR.isdisjoint(words):
        return ""
    better = _better(found)
    if {"neg", "negative"} & set(words):
        return _turned(better, found, words)
    return better


def _better(found: list[str]) -> str:
    """Return what is better: a loss is one wherever it stands (``loss_dice``), else the last word counts."""
    if not {"loss", "losses"}.isdisjoint(found):
        return "down"
    rest = [one for one in found if one not in {"score", "scores"}]
    last = (rest or found)[-1]
    if last in _UP:
        return "up"
    if last in _OTHERS:
        return ""
    return "down" if rest == found or last in _SCORES_DOWN else ""


def _turned(better: str, found: list[str], words: list[str]) -> str:
    """Return what is better of what is negated; ``neg_loss`` is as often the loss of negatives."""
    if better == "down":
        return "" if [word for word in words if not _SPLIT.match(word)] == ["neg", "loss"] else "up"
    return "down" if better and not {"likelihood", "elbo"}.isdisjoint(found) else ""


@lru_cache(maxsize=4096)
def words_of(name: str) -> list[str]:
    """Return the words of a name, in lower case; known names stay whole (``mIoU``, ``mAP50``)."""
    words: list[str] = []
    for chunk in _CHUNK.findall(name[:_LONGEST]):
        whole = chunk.lower()
        words += [whole] if _measure(whole) else [hump.lower() for hump in _HUMP.findall(chunk)]
    return words


@lru_cache(maxsize=4096)
def _measures(name: str) -> list[str]:
    """Return the measures in a name, in their order; two words may be one (``exact_match``, ``top-5``)."""
    words = words_of(name)
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        pair = before + word
        one = _measure(word)
        if before and (pair in _MEASURES or _TOP.fullmatch(pair)):
            one = _measure(pair)
        if one:
            found.append(one)
    return found


def _measure(word: str) -> str:
    """Return the measure that a word means; "" for any other word."""
    if _TOP.fullmatch(word):
        return "top"
    for form in (word, word.rstrip("0123456789"), _SPLIT.sub("", word)):
        if form in _MEASURES and form != "top":
            return form
        if form in _LASTING:
            return form
    if word.startswith("rouge"):
        return "rouge"
    glued = _GLUED.search(word)
    return glued[1] if glued else ""


def _file_words(file_name: str) -> Iterable[str]:
    stem = file_name.rpartition(".")[0] or file_name
    return [word.lower() for chunk in _CHUNK.findall(stem) for word in (chunk, chunk.rstrip("0123456789"))]
