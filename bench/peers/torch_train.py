#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training steps and inference of PyTorch at its best settings: one JSON object like that of `snug bench --json`.

    torch_train.py mlp --batch 64 --optimizer adam --threads 2 --seconds 3
"""
import argparse
import inspect
import io
import json
import os
import statistics
import time
import warnings

import torch
import torch.nn.functional as F

import snug_weights
from models import MODELS, TEXT, start

WARM_STEPS, WINDOW_SECONDS, LATENCY_SECONDS = 3, 0.1, 0.3
OPTIMIZERS = {  # the constants of Snug's
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
}


def process_seconds():
    ticks = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def peak_bytes():
    line = next(x for x in open("/proc/self/status") if x.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def steal():
    return int(open("/proc/stat").readline().split()[8])


def make_optimizer(args, model):
    kind, settings = OPTIMIZERS[args.optimizer]
    parameters = [p for p in model.parameters() if p.requires_grad]
    settings = {"lr": args.lr, **settings}
    if "fused" in inspect.signature(kind).parameters:
        try:
            return kind(parameters, fused=True, **settings)
        except RuntimeError:  # of CUDA alone, in older ones
            pass
    return kind(parameters, **settings)


def make_batches(name, batch, layout, context):
    """Noise, a few batches of it, ready in memory."""
    model, n = MODELS[name], max(8, 64 // batch)
    if name in TEXT:
        tokens = torch.randint(0, model.classes, (n, batch, (context or model.sample[0]) + 1))
        return [(t[:, :-1].contiguous(), t[:, 1:].contiguous()) for t in tokens]
    x = (torch.rand(n, batch, *model.sample) - 0.5) * 12 ** 0.5
    y = torch.arange(n * batch).view(n, batch) % max(model.classes, 1)
    x = [b.contiguous(memory_format=layout) if b.dim() == 4 else b for b in x]
    return list(zip(x, y)) if model.classes else list(zip(x, x))


def loss_of(name, outputs, y):
    if MODELS[name].classes == 0:
        return F.mse_loss(outputs, y)
    return F.cross_entropy(outputs.flatten(0, -2), y.flatten())


class Frozen(torch.nn.Module):
    """All but the last two modules stay as they are, batch norm in its convolution where that can be had."""

    def __init__(self, model, fused):
        super().__init__()
        self.body, self.head = model[:-2].eval().requires_grad_(False), model[-2:]
        if fused:
            from torch.fx.experimental.optimization import fuse
            self.body = fuse(self.body)

    def train(self, mode=True):
        self.head.train(mode)
        return self

    def forward(self, x):
        with torch.no_grad():
            features = self.body(x)
        return self.head(features)


class Times:
    """Of steps, in windows; those in which the hypervisor took CPU time are left out."""

    def __init__(self):
        self.clean, self.stolen, self.window, self.dropped = [], [], [], 0
        self.began, self.steal = time.perf_counter(), steal()

    def add(self, seconds, now):
        self.window.append(seconds)
        if now - self.began < WINDOW_SECONDS:
            return
        disturbed = steal() > self.steal
        self.dropped += disturbed
        (self.stolen if disturbed else self.clean).extend(self.window)
        self.window, self.began, self.steal = [], now, steal()

    def kept(self):
        return self.clean or self.stolen or self.window


def powers(losses):
    """Means over steps 1, 2, 3 to 4, 5 to 8, ..."""
    edges = [0] + [1 << i for i in range(len(losses).bit_length())]
    return [statistics.fmean(losses[a:b]) for a, b in zip(edges, edges[1:])]


def train(args, model, batches):
    optimizer = make_optimizer(args, model)
    losses, times, began_first, first, until = [], None, 0, 0, 0

    def step(i):
        x, y = batches[i % len(batches)]
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(args.model, model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    while times is None or time.perf_counter() < until:
        began_first = began_first or process_seconds()
        began = time.perf_counter()
        step(len(losses))
        now = time.perf_counter()
        if times:
            times.add(now - began, now)
        if len(losses) == 1:
            first = process_seconds()
        if len(losses) == WARM_STEPS:
            times, until = Times(), now + args.seconds
    kept = times.kept()
    median = statistics.median(kept)
    return {"step_seconds": median, "step_seconds_min": min(kept), "steps": len(kept), "windows_dropped": times.dropped,
            "samples_per_s": args.batch / median, "first_step_began_s": began_first,
            "first_step_s": first, "peak_bytes": peak_bytes(),
            "losses": powers(losses)}


def follow(args):
    """The losses of a few steps from Snug's first weights on its samples, without dropout."""
    model = MODELS[args.model].make()
    for m in model.modules():
        if isinstance(m, torch.nn.Dropout):
            m.p = 0
    snug_weights.load(model, args.model, args.start)
    model = Frozen(model, False) if args.head else model
    x, y = snug_weights.batch(args.model, args.data, args.context)
    optimizer = make_optimizer(args, model)
    losses = []
    for _ in range(args.steps):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(args.model, model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def latency(run):
    run()
    times, until = [], time.perf_counter() + LATENCY_SECONDS
    while len(times) < 3 or time.perf_counter() < until:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def torch_latency(model, x):
    """The better of plain and frozen."""
    with torch.inference_mode():
        plain = latency(lambda: model(x))
    try:
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
        with torch.no_grad():
            for _ in range(3):  # it compiles at first
                frozen(x)
            return min(plain, latency(lambda: frozen(x)))
    except RuntimeError:
        return plain


def onnx_latency(model, x, threads):
    """Of ONNX Runtime, exported from here; None and why where that cannot be."""
    try:
        import onnxruntime
        f = io.BytesIO()
        torch.onnx.export(model, x, f, opset_version=17, input_names=["x"], dynamo=False)
    except Exception as why:  # exporters fail in many ways
        return None, str(why).splitlines()[0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(f.getvalue(), options, providers=["CPUExecutionProvider"])
    feed = {"x": x.contiguous().numpy()}
    return latency(lambda: session.run(None, feed)), f"ONNX Runtime {onnxruntime.__version__}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, required=True)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--context", type=int, help="of texts [the model's usual]")
    parser.add_argument("--head", action="store_true", help="train the last layer alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--compile", action="store_true", help="torch.compile the training step")
    parser.add_argument("--onnx", action="store_true", help="ONNX Runtime's latency too")
    parser.add_argument("--start", help="Snug's first weights; then --data is one batch, and only losses are told")
    parser.add_argument("--data")
    parser.add_argument("--steps", type=int, default=8)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    if args.start:
        print(json.dumps({"peer": f"PyTorch {torch.__version__}", "losses": follow(args)}))
        return
    layout = torch.channels_last if MODELS[args.model].channels_last else torch.contiguous_format
    model = start(MODELS[args.model].make()).to(memory_format=layout)
    model = Frozen(model, True) if args.head else model
    batches = make_batches(args.model, args.batch, layout, args.context)
    result = train(args, torch.compile(model) if args.compile else model, batches)
    model.eval()
    one = batches[0][0][:1]
    result["latency_batch1_s"] = torch_latency(model, one)
    if args.onnx:
        result["onnx_latency_batch1_s"], result["onnx"] = onnx_latency(model, one, args.threads)
    print(json.dumps({"peer": f"PyTorch {torch.__version__}", **result}))


if __name__ == "__main__":
    main()
