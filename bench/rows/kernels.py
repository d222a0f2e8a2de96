# SPDX-License-Identifier: Apache-2.0
"""Kernels against OpenBLAS, oneDNN, the machine's multiply-adds and its memory."""
import json
import random
import re
import subprocess

from common import SNUG, Skip, median, row, snug
from kernels_beside import geometric_mean, least, measure

CONV_PASSES = {"forward": "conv2d", "dx": "conv2d_grad_input", "dw": "conv2d_grad_weight"}
SQUARES = ("512x512x512", "768x768x768", "1024x1024x1024", "1536x1536x1536")


@row("gemm-zoo", "products of the zoo: geometric mean >= 1 x the better of both")
def gemm_zoo():
    rows = [r for r in measure("matmul") if r["op"] == "matmul" and (r["blas"] or r["dnnl"])]

    def better(r):
        return min(x for x in (r["blas"], r["dnnl"]) if x)
    mean = geometric_mean([better(r) for r in rows])
    return f"{mean:.2f} x over {len(rows)} products, {least(rows, better)}", mean >= 1


def add_pulse(tier):
    @row(f"gemm-pulse-{tier}", f"n >= 512 on {tier}: >= 80 % of the pulse")
    def pulse():
        if tier not in subprocess.run([SNUG, "probe", "--json"], capture_output=True, text=True).stdout:
            raise Skip(f"this CPU has no {tier}")
        rows = measure(*SQUARES, tier=tier)
        return ", ".join(f"{r['case']} {r['pulse']:.0%}" for r in rows), all(r["pulse"] >= 0.8 for r in rows)


for name in ("avx2", "avx512"):
    add_pulse(name)


def add_convolutions(direction, op):
    @row(f"conv-{direction}", f"{direction} of the zoo: geometric mean >= 1 x oneDNN")
    def convolutions():
        rows = [r for r in measure(op) if r["op"] == op and r["dnnl"]]
        mean = geometric_mean([r["dnnl"] for r in rows])
        return f"{mean:.2f} x over {len(rows)}, {least(rows, lambda r: r['dnnl'])}", mean >= 1


for name, operator in CONV_PASSES.items():
    add_convolutions(name, operator)


@row("conv-weak", "where oneDNN is weak (8 channels, first layers, 1x1 stride 2): >= 2 x")
def conv_weak():
    rows = measure("32x48x48x8-16k1", "32x96x96x3-8k3s2", "64x28x28x1-32k3", "32x32x32x16-32k1s2p0",
                   "32x16x16x32-64k1s2p0")
    known = [r for r in rows if r["dnnl"] and not (r["op"] == "conv2d_grad_input" and "x3-" in r["case"])]
    mean = geometric_mean([r["dnnl"] for r in known])
    return f"{mean:.2f} x over {len(known)}, {least(known, lambda r: r['dnnl'])}", mean >= 2


def random_shapes(seed, n):
    """Products and convolutions, half of each, of at most some 2e8 multiply-adds."""
    rng, shapes = random.Random(seed), []
    while len(shapes) < n:
        if len(shapes) % 2:
            m, k, c = (int(2 ** rng.uniform(2, 11)) for _ in range(3))
            text, work = f"{m}x{k}x{c}{rng.choice(['', 'a', 'b'])}", m * k * c
        else:
            size, kernel = rng.choice([7, 8, 14, 16, 28, 32, 56]), rng.choice([1, 3, 3, 5])
            stride, batch, c, f = rng.choice([1, 1, 2]), rng.choice([1, 8, 16, 32]), *(int(2 ** rng.uniform(2, 8.5)) for _ in range(2))
            text = f"{batch}x{size}x{size}x{c}-{f}k{kernel}" + ("s2" if stride == 2 else "")
            work = batch * (size // stride) ** 2 * c * f * kernel ** 2
        if 1e5 <= work <= 2e8:
            shapes.append(text)
    return shapes


@row("kernels-random", "100 random shapes: median >= 0.9 of oneDNN, none < 0.6")
def kernels_random():
    rows = [r for r in measure(*random_shapes(2026, 100)) if r["dnnl"]]
    middle = median([r["dnnl"] for r in rows])
    bad = sorted((r for r in rows if r["dnnl"] < 0.6), key=lambda r: r["dnnl"])
    figure = f"median {middle:.2f} over {len(rows)} passes, {least(rows, lambda r: r['dnnl'])}"
    worst = "".join(f"; {r['op']} {r['case']} {r['dnnl']:.2f}" for r in bad[:6])
    return f"{figure}; {len(bad)} below 0.6{worst}", middle >= 0.9 and not bad


# what moves bytes and computes little
BANDWIDTH = re.compile(r"^(relu|add|mul|scale|sgd_update|momentum_update|adam_update|adamw_update|bias_add|copy|"
                       r"global_avg_pool|(batch|layer|rms|group)_norm(_grad)?)$")
LEAST_BYTES = 1 << 18  # below, the call itself counts


@row("bandwidth", "kernels that move bytes: >= 80 % of the triad of that size")
def bandwidth():
    shares = {}
    for _ in range(3):  # each process has pages of its own, and caches are indexed by where they lie
        done = subprocess.run([SNUG, "bench", "kernels", "--json", "--threads", "1"], capture_output=True,
                              text=True, check=True)
        for r in map(json.loads, done.stdout.splitlines()):
            if (BANDWIDTH.match(r["op"]) and r["tier"] != "scalar"
                    and r["gbytes_per_s"] * 1e9 * r["seconds"] >= LEAST_BYTES):
                shares.setdefault(f"{r['op']} {r['case']}", []).append(r["gbytes_per_s"] / r["roof_gbytes_per_s"])
    middle = {k: median(v) for k, v in shares.items()}
    bad = sorted((k for k, v in middle.items() if v < 0.8), key=middle.get)
    worst = "".join(f"; {k} {middle[k]:.0%}" for k in bad[:8])
    return f"median {median(list(middle.values())):.0%} over {len(middle)} cases, {len(bad)} below 80 %{worst}", not bad


@row("adam-124M", "Adam on 124 M parameters: >= 30 GB/s")
def adam():
    found = [o for o in snug("bench", "gpt2", "--seconds", 4, "--ops")["operators"]
             if o["op"].startswith("adam") and o["phase"] == "train"]
    seconds = sum(o["seconds"] for o in found)
    rate = sum(o["gbytes_per_s"] * o["seconds"] for o in found) / seconds
    return f"{rate:.1f} GB/s, {1e3 * seconds:.1f} ms a step", rate >= 30
