# SPDX-License-Identifier: Apache-2.0
"""Training steps against the newest PyTorch: how many times its speed."""
from common import row
from side_by_side import NEWEST, ratio_row

TARGETS = {"mlp-1": 6, "mlp-16": 4, "mlp-64": 3, "lenet": 3, "cnn": 3, "resnet8": 2.2, "dscnn": 3.5,
           "mobilenetv1-0.25": 3.5, "mobilenetv2": 3, "mobilenetv2-head": 2.5, "resnet18": 1.6, "autoencoder": 2,
           "lstm": 3, "gpt": 2, "gpt2-124M": 1.3, "gpt2-124M-256": 1.3}


def add(workload, target):
    @row(f"speed-{workload}", f"{workload}: >= {target} x newest PyTorch")
    def measure():
        return ratio_row(workload, NEWEST, target)


for name, times in TARGETS.items():
    add(name, times)
