# SPDX-License-Identifier: Apache-2.0
"""Accuracy, plan, bits, speed and size of the main path: data in, a trained model out."""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import time

from common import DATA, MODELS, ROOT, SNUG, Skip, ctest, data, median, row, snug, train
from side_by_side import DEBIAN, ratio_row

RECIPES = ROOT / "examples" / "recipes"


def accuracy(recipe, path, *args):
    result = train(RECIPES / recipe, "--set", f"data.path={data(path)}", *args)
    return result["metrics"]["test"]["accuracy"]


@row("fashion-cnn-2", "test accuracy >= 0.90 in 2 epochs")
def fashion_cnn_2():
    got = accuracy("fashion_cnn.yaml", "fashion-mnist", "--epochs", 2)
    return f"{got:.4f}", got >= 0.90


@row("fashion-cnn", "test accuracy >= 0.92, <= 12 epochs")
def fashion_cnn():
    with tempfile.TemporaryDirectory() as folder:
        result = snug("train", RECIPES / "fashion_cnn.yaml", "--set", f"data.path={data('fashion-mnist')}", "--quiet",
                      "--out", folder + "/run")
    got = result["metrics"]["test"]["accuracy"]
    return f"{got:.4f} in {result['epochs']} epochs, {result['parameters']} parameters", (
        got >= 0.92 and result["epochs"] <= 12 and result["parameters"] < 100_000)


@row("fashion-mlp", "test accuracy >= 0.895")
def fashion_mlp():
    got = accuracy("fashion_mlp.yaml", "fashion-mnist")
    return f"{got:.4f}", got >= 0.895


@row("mnist-lenet", "test accuracy >= 0.990")
def mnist_lenet():
    got = accuracy("mnist_lenet.yaml", "mnist")
    return f"{got:.4f}", got >= 0.990


@row("wdbc", "5-fold accuracy >= 0.97, 3 seeds")
def wdbc():
    means = []
    for seed in (1, 2, 3):
        folds = [accuracy("wdbc.yaml", "tab-wdbc", "--seed", seed, "--set", "data.folds=5", "--set", f"data.fold={k}")
                 for k in range(5)]
        means.append(sum(folds) / 5)
    return f"{sum(means) / 3:.4f} (by seed {', '.join(f'{m:.4f}' for m in means)})", sum(means) / 3 >= 0.97


@row("glyphs", "linear <= 0.90, cnn >= 0.98")
def glyphs():
    linear = train("glyphs", "--model", "linear")["metrics"]["test"]["accuracy"]
    cnn = train("glyphs", "--model", "cnn")["metrics"]["test"]["accuracy"]
    return f"linear {linear:.4f}, cnn {cnn:.4f}", linear <= 0.90 and cnn >= 0.98


# ---- the plan against the kernel's count ------------------------------------------------------------

def plan_against_measured(*args):
    """Plan in one process, train three steps in another: (planned, measured, holds)."""
    plan = snug("plan", *args)
    result = train(*args, "--steps", 3)
    planned, measured = plan["peak_bytes"], result["peak_bytes"]
    slack = max(0.02 * planned, 1 << 20)
    holds = planned - slack <= measured <= planned and result["plan_peak_bytes"] == planned
    return planned, measured, holds


@row("plan-models", "plan - max(2 %, 1 MiB) <= VmHWM <= plan")
def plan_models():
    worst, bad = 0, []
    for model in MODELS:
        for batch in (1, 16, 128):
            planned, measured, holds = plan_against_measured("glyphs:n=512", "--model", model, "--batch", batch)
            worst = max(worst, (planned - measured) / planned)
            if not holds:
                bad.append(f"{model} {batch}: {planned} planned, {measured} measured")
    return f"{3 * len(MODELS)} plans, loosest {100 * worst:.1f} %" + "".join(f"; {b}" for b in bad), not bad


def random_layers(rng):
    """A list of layers that fits 28x28x1 images and 10 or more classes."""
    layers, size = [], 28
    for _ in range(rng.randint(0, 3)):
        layers.append(f"conv2d: {{filters: {rng.randint(1, 40)}, kernel: {rng.choice([1, 3, 5])}, "
                      f"stride: {rng.choice([1, 1, 2]) if size > 4 else 1}, padding: same}}")
        if "stride: 2" in layers[-1]:
            size = (size + 1) // 2
        if rng.random() < 0.4:
            layers.append("batch_norm")
        layers.append(rng.choice(["relu", "gelu"]))
        if size >= 4 and rng.random() < 0.5:
            layers.append("max_pool: 2")
            size //= 2
    layers.append(rng.choice(["flatten", "global_avg_pool"]))
    for _ in range(rng.randint(0, 2)):
        layers += [f"linear: {rng.randint(1, 700)}", rng.choice(["relu", "gelu"])]
        if rng.random() < 0.3:
            layers.append(f"dropout: {rng.choice([0.1, 0.5])}")
    return layers + ["linear: outputs"]


@row("plan-random", "the same for 200 random layer lists")
def plan_random():
    rng, bad, worst, done = random.Random(2026), [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(200):
            recipe = pathlib.Path(folder) / f"r{i}.yaml"
            layers = "\n".join(f"  - {line}" for line in random_layers(rng))
            recipe.write_text(f"model:\n{layers}\ndata:\n  path: glyphs:n=400\ntrain:\n  batch: {rng.choice([1, 7, 16, 50, 128])}\n"
                              f"  optimizer: {rng.choice(['sgd', 'momentum', 'adam', 'adamw'])}\n")
            args = [recipe]
            planned, measured, holds = plan_against_measured(*args)
            done += 1
            worst = max(worst, (planned - measured) / planned)
            if not holds:
                bad.append(f"list {i}: {planned} planned, {measured} measured")
    return f"{done} lists, loosest {100 * worst:.1f} %" + "".join(f"; {b}" for b in bad[:3]), not bad


@row("plan-runs-nothing", "plan's process stays below the arena")
def plan_runs_nothing():
    command = [str(SNUG), "plan", "glyphs:n=512", "--model", "cnn", "--batch", "1024", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], capture_output=True, text=True, cwd=folder)
        left = os.listdir(folder)
    plan = json.loads(done.stdout)
    peak = int(done.stderr.split()[-1]) * 1024
    return f"{peak} bytes against an arena of {plan['arena_bytes']}, {len(left)} files left", (
        peak < plan["arena_bytes"] / 2 and not left)


# ---- bits -------------------------------------------------------------------------------------------

SMALL = ("glyphs:n=640", "--epochs", 1, "--batch", 64)


def digest(*args):
    return train(*SMALL, *args)["state_sha256"]


@row("bits-threads", "one digest at 1, 2, 3, 7 threads")
def bits_threads():
    bad = [m for m in MODELS if len({digest("--model", m, "--threads", t) for t in (1, 2, 3, 7)}) != 1]
    return f"{len(MODELS)} models" + "".join(f"; {m} differs" for m in bad), not bad


@row("bits-micro", "one digest at 1, 2, 4 micro-batches")
def bits_micro():
    bad, done = [], []
    for model in MODELS:
        first = snug("plan", *SMALL, "--model", model, "--set", "train.micro_batches=2", check=False)
        if not first.get("feasible", False):
            continue  # batch norm: consent is asked for
        done.append(model)
        if len({digest("--model", model, "--set", f"train.micro_batches={k}") for k in (1, 2, 4)}) != 1:
            bad.append(model)
    return f"{', '.join(done)}" + "".join(f"; {m} differs" for m in bad), bool(done) and not bad


def kill_everywhere(model, folder):
    """Kill -9 after each batch of a short run and resume it: (kills, digests that differ)."""
    args = ["train", "glyphs:n=200", "--model", model, "--epochs", "2", "--batch", "32", "--validation", "0.1", "--json",
            "--set", "train.checkpoint_steps=1"]
    whole = json.loads(subprocess.run([str(SNUG), *args, "--out", f"{folder}/{model}"], capture_output=True,
                                      text=True, check=True).stdout)
    bad = 0
    for kill_at in range(1, whole["steps"] + 1):
        run = f"{folder}/{model}-{kill_at}"
        killed = subprocess.run([str(SNUG), *args, "--out", run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={**os.environ, "SNUG_FAULT": f"step:{kill_at}:kill"})
        if killed.returncode != -signal.SIGKILL:
            raise RuntimeError(f"{model} was not killed at step {kill_at}: exit {killed.returncode}")
        again = subprocess.run([str(SNUG), "train", "--resume", run, "--json"], capture_output=True, text=True)
        bad += again.returncode != 0 or json.loads(again.stdout)["state_sha256"] != whole["state_sha256"]
    return whole["steps"], bad


@row("bits-resume", "kill -9 at every batch, resume: same digest")
def bits_resume():
    with tempfile.TemporaryDirectory() as folder:
        counts = [kill_everywhere(model, folder) for model in MODELS]
    kills, bad = sum(c[0] for c in counts), sum(c[1] for c in counts)
    return f"{len(MODELS)} models, {kills} kills, {bad} differ", bad == 0


def train_model(model):
    """Train what stands under `model:` in a recipe; the digest."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = pathlib.Path(folder) / "recipe.yaml"
        recipe.write_text(f"model: {model}\ndata: {{path: 'glyphs:n=640'}}\ntrain: {{epochs: 1, batch: 64}}\n")
        return train(recipe)["state_sha256"]


@row("bits-layer-list", "each zoo model equals its own layer list")
def bits_layer_list():
    bad = []
    for model in MODELS:
        layers = subprocess.run([str(SNUG), "help", "models", model], capture_output=True, text=True, check=True).stdout
        listed = "".join(f"\n  {line}" for line in layers.splitlines() if re.match(r"- |\s+\S", line))
        if train_model(listed) != train_model(model):
            bad.append(model)
    return f"{len(MODELS)} models" + "".join(f"; {m} differs" for m in bad), not bad


# ---- the running process ----------------------------------------------------------------------------

@row("heap", "0 heap allocations in a steady step")
def heap():
    counter = next((ROOT / "build").glob("**/libcount_alloc.so"), None)
    if not counter:
        raise Skip("the counting library is not built")
    env = {"LD_PRELOAD": str(counter)}
    got = {m: train("glyphs:n=2000", "--model", m, "--epochs", 1, "--batch", 16, env=env)["heap_allocations_per_step"]
           for m in MODELS}
    return ", ".join(f"{m} {v:g}" for m, v in got.items()), not any(got.values())


def bench(workload, batch, threads, seconds=3):
    return snug("bench", workload, "--batch", batch, "--threads", threads, "--seconds", seconds)["step_seconds"]


@row("threads", "resnet8: 2 threads >= 1.7 x 1 thread")
def threads():
    pairs = [bench("resnet8", 32, 1) / bench("resnet8", 32, 2) for _ in range(5)]
    return f"{median(pairs):.2f} x (pairs {', '.join(f'{p:.2f}' for p in pairs)})", median(pairs) >= 1.7


@row("torch-mlp", "mlp 64: >= 1.5 x Debian's PyTorch")
def torch_mlp():
    return ratio_row("mlp-64", DEBIAN, 1.5)


@row("torch-lenet", "lenet 64: >= 1.5 x Debian's PyTorch")
def torch_lenet():
    return ratio_row("lenet", DEBIAN, 1.5)


@row("torch-resnet8", "resnet8 32: >= 1.2 x Debian's PyTorch")
def torch_resnet8():
    return ratio_row("resnet8", DEBIAN, 1.2)


@row("gradients", "finite differences < 1e-6; PyTorch < 1e-5")
def gradients():
    ctest("test_ops", "test_op_gradients", "test_op_golden", "check_kernels")
    return "test_ops, test_op_gradients, test_op_golden, check_kernels pass", True


@row("start-up", "< 10 ms")
def start_up():
    times = []
    for _ in range(41):
        start = time.perf_counter()
        subprocess.run([str(SNUG), "--version"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return f"{1e3 * median(times):.2f} ms", median(times) < 0.010


@row("size", "< 3 MB stripped, all told")
def size():
    libc = re.compile(r"linux-vdso|ld-linux|libc\.so|libm\.so|libpthread|libdl\.so|librt\.so")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["strip", "-o", f"{folder}/snug", str(SNUG)], check=True)
        total = os.path.getsize(f"{folder}/snug")
        parts = [f"snug {total}"]
        for line in subprocess.run(["ldd", str(SNUG)], capture_output=True, text=True, check=True).stdout.splitlines():
            found = re.search(r"(\S+) => (\S+)", line)
            if not found or libc.search(line):
                continue
            subprocess.run(["strip", "-o", f"{folder}/lib", os.path.realpath(found[2])], check=True)
            total += os.path.getsize(f"{folder}/lib")
            parts.append(f"{found[1]} {os.path.getsize(f'{folder}/lib')}")
    return f"{total} bytes ({', '.join(parts)})", total < 3_000_000


@row("memory", "mlp batch 16, Adam: < 20 MiB")
def memory():
    result = train("glyphs:n=2000", "--model", "mlp", "--batch", 16, "--optimizer", "adam", "--steps", 50)
    return f"{result['peak_bytes'] / 2**20:.2f} MiB", result["peak_bytes"] < 20 * 2**20


def planned(at_least, below_ms):
    """The smallest graph of so many nodes that test_plan plans, in time or not."""
    program = ROOT / "build" / "test_plan"
    if not program.exists():
        raise Skip("test_plan is not built")
    out = subprocess.run([str(program)], capture_output=True, text=True, cwd=ROOT)
    found = re.findall(r"(\d+) nodes planned in ([\d.]+) ms", out.stdout + out.stderr)
    nodes, ms = min((int(n), float(t)) for n, t in found if int(n) >= at_least)
    return f"{nodes} nodes in {ms:.1f} ms", ms < below_ms


@row("plan-1000-nodes", "< 100 ms")
def plan_1000_nodes():
    return planned(1000, 100)


@row("plan-10000-nodes", "< 2 s")
def plan_10000_nodes():
    return planned(10000, 2000)
