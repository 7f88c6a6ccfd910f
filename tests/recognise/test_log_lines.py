"""Lines as common frameworks print them."""

import math

import pytest

from mlamd.recognise.log_lines import read_line

_PYTORCH = [
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.300039", {"epoch": 1}, {"Loss": 2.300039}),
    (
        "Test set: Average loss: 0.0265, Accuracy: 9870/10000 (99%)",
        {},
        {"Average_loss": 0.0265, "Accuracy": 0.987},
    ),
    (
        "Epoch: [0][ 10/196]\tTime  0.5 ( 0.6)\tLoss 6.9e+00 (7.0e+00)\tAcc@1   0.39 (  0.2)\tAcc@5  1.2",
        {"epoch": 0},
        {"Loss": 6.9, "Acc@1": 0.39, "Acc@5": 1.2},
    ),
    (" * Acc@1 76.130 Acc@5 92.862", {}, {"Acc@1": 76.13, "Acc@5": 92.862}),
    ("iter 100: loss 2.3456, time 25.1ms, mfu 12.00%", {"iter": 100}, {"loss": 2.3456}),
    ("step 100: train loss 4.2, val loss 4.3", {"step": 100}, {"train_loss": 4.2, "val_loss": 4.3}),
]
_KERAS = [
    (
        "469/469 [=======] - 3s 5ms/step - loss: 0.2912 - accuracy: 0.9155 - val_loss: 0.13",
        {},
        {"loss": 0.2912, "accuracy": 0.9155, "val_loss": 0.13},
    ),
    ("\x1b[1m1/1\x1b[0m \x1b[32m━━━━\x1b[0m 2s 2s/step - loss: 3.4", {}, {"loss": 3.4}),
    ("Epoch 1/2", {"epoch": 1}, {}),
    ("INFO:tensorflow:loss = 0.5, step = 100 (1.2 sec)", {"step": 100}, {"loss": 0.5}),
]
_LIGHTNING = [
    (
        "Epoch 3:  45%|## | 450/1000 [00:12<00:15, 36.2it/s, loss=0.5, v_num=0, train_acc=0.9]",
        {"epoch": 3},
        {"loss": 0.5, "train_acc": 0.9},
    ),
    ("│        test_acc           │    0.9823    │", {}, {"test_acc": 0.9823}),
]
_TRAINER = [
    (
        "{'loss': 0.5, 'grad_norm': 1.5, 'learning_rate': 4e-05, 'epoch': 1.0}",
        {"epoch": 1},
        {"loss": 0.5, "grad_norm": 1.5, "learning_rate": 4e-05},
    ),
    (
        "{'loss': '0.5', 'learning_rate': '4e-05', 'epoch': '1.0'}",
        {"epoch": 1},
        {"loss": 0.5, "learning_rate": 4e-05},
    ),
    (
        "{'eval_loss': inf, 'eval_accuracy': 0.91, 'epoch': 3.0}",
        {"epoch": 3},
        {"eval_loss": math.inf, "eval_accuracy": 0.91},
    ),
]
_BOOSTERS = [
    (
        "[0]\tvalidation_0-logloss:0.60\tvalidation_1-logloss:0.61",
        {"iteration": 0},
        {"validation_0-logloss": 0.6, "validation_1-logloss": 0.61},
    ),
    ("[5]\ttrain-rmse:0.5\teval-rmse:1.5e-1", {"iteration": 5}, {"train-rmse": 0.5, "eval-rmse": 0.15}),
    (
        "[10]\tvalid_0's auc: 0.98\tvalid_0's binary_logloss: 0.3",
        {"iteration": 10},
        {"valid_0_auc": 0.98, "valid_0_binary_logloss": 0.3},
    ),
    (
        "[100]\ttraining's rmse: 0.5\tvalid_1's rmse: 0.6",
        {"iteration": 100},
        {"training_rmse": 0.5, "valid_1_rmse": 0.6},
    ),
    (
        "7:\tlearn: 0.6800\ttest: 0.6812\tbest: 0.6812 (0)\ttotal: 3.2ms\tremaining: 3s",
        {"iteration": 7},
        {"learn": 0.68, "test": 0.6812, "best": 0.6812},
    ),
]
_OTHERS = [
    (
        '2021-01-01 10:00:00 | INFO | train | {"epoch": 1, "update": 0.5, "loss": "10.2", "ppl": "850"}',
        {"epoch": 1, "update": 0.5},
        {"loss": 10.2, "ppl": 850},
    ),
    (
        "| epoch 001 | loss 10.2 | ppl 850.5 | num_updates 200 | lr 1e-05",
        {"epoch": 1, "update": 200},
        {"loss": 10.2, "ppl": 850.5, "lr": 1e-05},
    ),
    (
        "[03/01 12:00:00 d2.utils.events]:  eta: 0:10:00  iter: 19  total_loss: 2.3  lr: 2e-5  max_mem: 30M",
        {"iter": 19},
        {"total_loss": 2.3, "lr": 2e-5},
    ),
    (
        "Epoch [1][50/7330]\tlr: 1.0e-03, eta: 1 day, loss_cls: 0.5, acc: 95.1, loss: 1.2",
        {"epoch": 1},
        {"lr": 0.001, "loss_cls": 0.5, "acc": 95.1, "loss": 1.2},
    ),
    ("|    ep_rew_mean     | 23.4     |", {}, {"ep_rew_mean": 23.4}),
    ("accuracy                           0.97        38", {}, {"accuracy": 0.97}),
]
_FORMS = [
    ("step 100/2000 | loss 2.1 | lr 1e-4", {"step": 100}, {"loss": 2.1, "lr": 1e-4}),
    ("Epoch 5/100, Loss: 0.35, Acc: 30/40", {"epoch": 5}, {"Loss": 0.35, "Acc": 0.75}),
    ("Fold: 1/5, files: 3/8, acc: 0.5", {}, {"acc": 0.5}),
    ("acc: 93.1%", {}, {"acc": 93.1}),
    ("MAE: 1,234.56", {}, {}),
    ("Loss 0,25", {}, {}),
    ("acc: 0/0 loss: 0.5/3", {}, {}),
    ("loss=0.5,acc=0.6", {}, {"loss": 0.5, "acc": 0.6}),
    ("last acc=0.91; best acc=0.95", {}, {"last_acc": 0.91, "best_acc": 0.95}),
    ("best val loss: 0.31", {}, {"best_val_loss": 0.31}),
    (
        "train loss 0.5 acc 0.9 | val loss 0.6 acc 0.8",
        {},
        {"train_loss": 0.5, "train_acc": 0.9, "val_loss": 0.6, "val_acc": 0.8},
    ),
    ("Train: loss=0.5 Val: loss=0.6", {}, {"Train_loss": 0.5, "Val_loss": 0.6}),
    ("a: loss=0.5 acc=1 b: loss=0.6", {}, {"acc": 1}),
    ("loss: -inf acc=1e-3 f1: Infinity", {}, {"loss": -math.inf, "acc": 1e-3, "f1": math.inf}),
]


@pytest.mark.parametrize(
    ("line", "steps", "values"),
    [*_PYTORCH, *_KERAS, *_LIGHTNING, *_TRAINER, *_BOOSTERS, *_OTHERS, *_FORMS],
)
def test_a_line(line: str, steps: dict[str, float], values: dict[str, float]) -> None:
    assert read_line(line) == (steps, pytest.approx(values))


def test_no_number() -> None:
    assert math.isnan(read_line("loss: nan")[1]["loss"])
