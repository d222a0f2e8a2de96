#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a step's time grows with batch, width, depth, context and threads, the loader with the data, start-up and
planning with the model: `./dev bench --curves` writes them to docs/performance.md and docs/figures/curves.svg."""
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import zipfile

import charts
import performance
from common import SNUG, array, median, snug, train

MNIST, CIFAR, VISION = "noise:n=512", "noise:h=32,w=32,c=3,n=512", "noise:h=96,w=96,c=3,classes=2,n=128"
SECONDS, STEPS = 1, (40, 5000)  # so many that the first, to which memory comes, is a small part
# growth of the time over that of the arithmetic, as an exponent, from which on it is said
FASTER = 1.15


def text_data(context):
    return [f"noise:tokens=65,n={64 * context}", "--set", f"data.context={context}"]


# curve: (what x is, [(x, arguments of a training)])
CURVES = {
    "batch, mlp": [(b, [MNIST, "--model", "mlp", "--batch", b]) for b in (1, 4, 16, 64, 256)],
    "batch, resnet8": [(b, [CIFAR, "--model", "resnet8", "--batch", b]) for b in (1, 4, 16, 64, 128)],
    "width, gpt": [(w, [*text_data(64), "--model", f"gpt:width={w}", "--batch", 12]) for w in (32, 64, 128, 256, 512)],
    "width, mobilenetv1": [(w, [VISION, "--model", f"mobilenetv1:width={w}", "--batch", 16]) for w in (0.25, 0.5, 1)],
    "depth, gpt": [(n, [*text_data(64), "--model", f"gpt:layers={n}", "--batch", 12]) for n in (1, 2, 4, 8, 16)],
    "context, gpt": [(t, [*text_data(t), "--model", f"gpt:context={t}", "--batch", 4])
                     for t in (32, 64, 128, 256, 512)],
}
THREADED = {"mlp": [MNIST, "--model", "mlp", "--batch", 64], "resnet8": [CIFAR, "--model", "resnet8", "--batch", 32],
            "gpt": [*text_data(64), "--model", "gpt", "--batch", 12]}


def step(arguments):
    """A step's seconds and multiply-adds."""
    plan = snug("plan", *arguments)
    steps = int(min(max(SECONDS / plan["step_seconds"], STEPS[0]), STEPS[1]))
    done = train(*arguments, "--steps", steps, "--epochs", 1000000)
    batch = plan["batch"]
    return {"seconds": batch / done["samples_per_s"], "flops": plan["flops_per_step"], "nodes": plan["nodes"]}


def growth(points):
    """The exponent by which time grows with arithmetic over the last two steps of a curve."""
    a, b = points[-3] if len(points) > 3 else points[0], points[-1]
    return math.log(b["seconds"] / a["seconds"]) / math.log(b["flops"] / a["flops"])


def measure_curves():
    found = {}
    for name, places in CURVES.items():
        found[name] = [{"x": x, **step(arguments)} for x, arguments in places]
        print(f"{name}: " + ", ".join(f"{p['x']} {p['seconds'] * 1e3:.3g} ms" for p in found[name]), flush=True)
    return found


def threads():
    counts = [t for t in (1, 2, 4, 8, 16, 32) if t <= (os.cpu_count() or 1)]
    return {name: [(t, step([*arguments, "--threads", t])["seconds"]) for t in counts]
            for name, arguments in THREADED.items()}


def write_images(path, n):
    rng = random.Random(3)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("x_train.npy", array(rng.randbytes(n * 784), "|u1", (n, 28, 28, 1)))
        z.writestr("y_train.npy", array(bytes(i % 10 for i in range(n)), "|u1", (n,)))


def loader():
    """Images a second into the smallest model, against the size of the set."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for n in (1000, 10000, 60000):
            path = pathlib.Path(folder) / f"{n}.npz"
            write_images(path, n)
            rates = [train(path, "--model", "linear", "--batch", 256, "--epochs", max(2, 100000 // n))["samples_per_s"]
                     for _ in range(3)]
            found.append((n, median(rates)))
    return found


def files():
    """Images a second through `snug predict`, which takes any number of files, against their number: the same images
    in each. A set to train on is one file a part."""
    count, shape, found = 10000, (28, 28, 1), []
    images = random.Random(4).randbytes(count * 784)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_images(folder / "set.npz", 1000)
        snug("train", folder / "set.npz", "--model", "linear", "--epochs", 1, "--quiet", "--out", folder / "run")
        for n in (1, 10, 100, 1000):
            each, paths = count // n, [folder / f"{n}-{i}.npy" for i in range(n)]
            for i, path in enumerate(paths):
                path.write_bytes(array(images[i * each * 784:(i + 1) * each * 784], "|u1", (each, *shape)))
            times = []
            for _ in range(3):
                began = time.perf_counter()
                subprocess.run([SNUG, "predict", folder / "run", *paths], check=True, stdout=subprocess.DEVNULL)
                times.append(time.perf_counter() - began)
            found.append((n, count / median(times)))
    return found


STARTED = {"lenet": [MNIST], "mlp": [MNIST], "mobilenetv2": [CIFAR], "resnet18": [CIFAR],
           "gpt2": ["noise:tokens=50257,n=60000"]}


def starting():
    """Seconds to the first step's beginning, against the model's parameters."""
    found = []
    for model, data in STARTED.items():
        parameters = snug("plan", *data, "--model", model, "--batch", 1)["parameters"]
        runs = [snug("bench", model, "--seconds", 0.1) for _ in range(3)]
        found.append((model, parameters, median(r["first_step_began_s"] for r in runs)))
    return found


def planning():
    found = []
    for layers in (2, 8, 32, 128):
        arguments = [*text_data(64), "--model", f"gpt:layers={layers},width=32", "--batch", 4]
        times = []
        for _ in range(3):
            began = time.perf_counter()
            nodes = snug("plan", *arguments)["nodes"]
            times.append(time.perf_counter() - began)
        found.append((layers, nodes, median(times)))
    return found


# ---- what is written ----------------------------------------------------------------------------------

def curve_table(curves):
    rows = [[name, ", ".join(f"{p['x']:g}" for p in points), ", ".join(f"{p['seconds'] * 1e3:.3g}" for p in points),
             f"{points[-1]['flops'] / points[0]['flops']:.1f} x",
             f"{points[-1]['seconds'] / points[0]['seconds']:.1f} x", f"{growth(points):.2f}"]
            for name, points in curves.items()]
    return performance.table(["what grows", "at", "ms a step", "arithmetic", "time", "exponent"], rows)


def verdict(curves):
    fast = [f"{name} ({growth(points):.2f})" for name, points in curves.items() if growth(points) > FASTER]
    if fast:
        return f"Growing faster than its arithmetic (exponent above {FASTER}): {', '.join(fast)}."
    return f"Nothing grows faster than its arithmetic: no exponent is above {FASTER}."


def chart(curves, pulse):
    series = {name: [(p["flops"] * 1e-9, p["seconds"] * 1e3) for p in points] for name, points in curves.items()}
    work = [x for points in series.values() for x, _ in points]
    series["~multiply-adds alone"] = [(x, x / pulse * 1e3) for x in (min(work), max(work))]
    charts.lines(performance.FIGURES / "curves.svg", series, "GFLOP of a step", "ms of a step")


def main():
    curves, probe = measure_curves(), snug("probe")
    counts, loaded, many, started, planned = threads(), loader(), files(), starting(), planning()
    performance.FIGURES.mkdir(exist_ok=True)
    chart(curves, probe["gflops_f32"])
    body = [performance.machine(probe), curve_table(curves), verdict(curves) +
            " The exponent is that of the time against the arithmetic over the last points; below 1 the fixed part of "
            "a step (updates of all weights, calls) still counts.", "![step time against arithmetic](figures/curves.svg)"]
    body.append(performance.table(["threads", *(str(t) for t, _ in next(iter(counts.values())))],
                                  [[name, *(f"{s * 1e3:.3g} ms ({points[0][1] / s:.2f} x)" for _, s in points)]
                                   for name, points in counts.items()]))
    body.append(performance.table(["images in the set (one .npz)", "images/s through loader and `linear`"],
                                  [[f"{n:,}", f"{rate:,.0f}"] for n, rate in loaded]))
    body.append(performance.table(["files of the same 10,000 images (.npy)", "images/s through `snug predict`, `linear`"],
                                  [[f"{n:,}", f"{rate:,.0f}"] for n, rate in many]))
    body.append(performance.table(["model", "parameters", "s until the first step begins"],
                                  [[m, f"{n:,}", f"{s:.3f}"] for m, n, s in started]))
    body.append(performance.table(["layers of gpt", "nodes of the graph", "s of `snug plan`"],
                                  [[n, f"{nodes:,}", f"{s:.3f}"] for n, nodes, s in planned]))
    performance.write("curves", body)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError) as e:
        sys.exit(f"bench: {e}")
