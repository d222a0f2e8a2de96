# SPDX-License-Identifier: Apache-2.0
"""A plan's estimate of the step's time against the clock."""
from common import median, row, snug

WORKLOADS = ["mlp", "lenet", "cnn", "resnet8", "dscnn", "mobilenetv1-0.25", "mobilenetv2", "resnet18", "autoencoder",
             "lstm", "gpt"]


@row("plan-step-time", "estimate / measured: each 0.4 to 2.5, median 0.67 to 1.5")
def plan_step_time():
    runs = {w: snug("bench", w, "--seconds", 1) for w in WORKLOADS}
    ratios = {w: r["planned_step_seconds"] / r["step_seconds"] for w, r in runs.items()}
    middle = median(ratios.values())
    figure = f"median {middle:.2f}; " + ", ".join(f"{w} {x:.2f}" for w, x in ratios.items())
    return figure, 0.67 <= middle <= 1.5 and all(0.4 <= x <= 2.5 for x in ratios.values())
