# SPDX-License-Identifier: Apache-2.0
"""Makes metrics.safetensors beside this file: scores, truths and what scikit-learn says of them.

    python tests/golden/make_metrics.py         with scikit-learn and safetensors installed

A case is named KIND:WORDS and holds CASE/y, CASE/p, CASE/want.METRIC and CASE/classes.METRIC (of every class).
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file
from sklearn import metrics

rng = np.random.default_rng(11)
tensors = {}


def put(case, y, p, want, classes=None):
    tensors[f"{case}/y"], tensors[f"{case}/p"] = y, p
    for name, value in want.items():
        tensors[f"{case}/want.{name}"] = np.array([value], np.float64)
    for name, values in (classes or {}).items():
        tensors[f"{case}/classes.{name}"] = np.array(values, np.float64)


def calibration(y, p, bins=15):
    """Guo et al. 2017; the bins are open below."""
    confidence = p.max(axis=1).astype(np.float64)
    right = p.argmax(axis=1) == y
    which = np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1)
    return sum(abs(right[which == b].sum() - confidence[which == b].sum()) for b in range(bins)) / len(y)


def macro(y, guess, labels=None):
    out = {}
    for name in ("precision", "recall", "f1"):
        out[name] = getattr(metrics, f"{name}_score")(y, guess, average="macro", zero_division=0)
    return out


def classes(case, n, c, sharpness, decimals):
    y = rng.integers(0, c, n).astype(np.int32)
    logits = rng.normal(size=(n, c)) + sharpness * np.eye(c)[y]
    p = np.exp(logits)
    p = np.round(p / p.sum(axis=1, keepdims=True), decimals).astype(np.float32)
    guess = p.argmax(axis=1)
    auc = [metrics.roc_auc_score(y == k, p[:, k]) for k in range(c)]
    precision = [metrics.average_precision_score(y == k, p[:, k]) for k in range(c)]
    want = {"accuracy": metrics.accuracy_score(y, guess), **macro(y, guess), "calibration_error": calibration(y, p),
            "auc": auc[1] if c == 2 else np.mean(auc), "auc_pr": precision[1] if c == 2 else np.mean(precision)}
    if c > 5:
        ahead = (p > p[np.arange(n), y][:, None]).sum(axis=1)
        ties = ((p == p[np.arange(n), y][:, None]) & (np.arange(c) < y[:, None])).sum(axis=1)
        want["top_5"] = np.mean(ahead + ties < 5)
    put(f"class:{case}", y, p, want, {"auc": auc, "auc_pr": precision})


def labels(case, n, count, decimals):
    y = (rng.random((n, count)) < np.linspace(0.1, 0.6, count)).astype(np.float32)
    p = np.round(1 / (1 + np.exp(-(rng.normal(size=(n, count)) + 1.5 * (y - 0.5)))), decimals).astype(np.float32)
    guess = p > 0.5
    auc = [metrics.roc_auc_score(y[:, k], p[:, k]) for k in range(count)]
    precision = [metrics.average_precision_score(y[:, k], p[:, k]) for k in range(count)]
    want = {"accuracy": metrics.accuracy_score(y > 0, guess), "hamming": metrics.hamming_loss(y > 0, guess),
            **macro(y > 0, guess), "auc": np.mean(auc), "auc_pr": np.mean(precision)}
    put(f"labels:{case}", y, p, want, {"auc": auc, "auc_pr": precision})


def values(case, n, count):
    y = (rng.normal(size=(n, count)) * 10.0 ** np.arange(count) + 5).astype(np.float32)
    p = (y + rng.normal(size=(n, count)) * 3).astype(np.float32)
    a, b = y.astype(np.float64), p.astype(np.float64)
    put(f"value:{case}", y, p,
        {"mse": metrics.mean_squared_error(a, b), "rmse": metrics.root_mean_squared_error(a, b),
         "mae": metrics.mean_absolute_error(a, b), "r2": metrics.r2_score(a, b)})


classes("two", 97, 2, 1.0, 7)
classes("four, with ties", 120, 4, 1.0, 1)
classes("ten", 300, 10, 2.0, 7)
labels("five", 150, 5, 7)
labels("three, with ties", 60, 3, 1)
values("one", 80, 1)
values("three", 80, 3)

path = pathlib.Path(__file__).with_name("metrics.safetensors")
save_file(tensors, path)
print(f"{path}: {len(tensors)} tensors, {path.stat().st_size} bytes")
