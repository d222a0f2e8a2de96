#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training steps of PyTorch on made-up data, at its best settings: prints {"step_seconds": median, ...}.

    torch_train.py mlp 64 --threads 2 --seconds 3
"""
import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn
import torch.nn.functional as F


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10))


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.short = nn.Conv2d(c_in, c_out, 1, stride) if stride != 1 else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.short(x))


def resnet8():
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2),
                         Block(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


# model, sample shape, optimizer, channels_last pays
WORKLOADS = {
    "mlp": (mlp, (1, 28, 28), lambda p: torch.optim.Adam(p, 1e-3), False),
    "lenet": (lenet, (1, 28, 28), lambda p: torch.optim.SGD(p, 0.01, momentum=0.9), False),
    "resnet8": (resnet8, (3, 32, 32), lambda p: torch.optim.Adam(p, 1e-3), True),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("batch", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    make, shape, optimizer, last = WORKLOADS[args.workload]
    layout = torch.channels_last if last else torch.contiguous_format
    model = make().to(memory_format=layout)
    optimizer = optimizer(model.parameters())
    batches = [(torch.randn(args.batch, *shape).to(memory_format=layout), torch.randint(0, 10, (args.batch,)))
               for _ in range(8)]

    def step(i):
        x, y = batches[i % 8]
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for i in range(5):
        step(i)
    times, end = [], time.perf_counter() + args.seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        step(len(times))
        times.append(time.perf_counter() - start)
    print(json.dumps({"step_seconds": statistics.median(times), "step_seconds_min": min(times), "steps": len(times),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()
