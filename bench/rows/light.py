# SPDX-License-Identifier: Apache-2.0
"""What a small machine notices besides the speed of steps: latency, start-up, memory; and what leaves cost."""
import functools

from common import median, row
from side_by_side import LEAVES_FROM, NEWEST, leaves_cost, pairs_of, run_snug
from workloads import WORKLOADS

ROUNDS, SECONDS = 3, 0.3
SAME_MODEL = ("mlp-1", "mlp-16", "mobilenetv2-head")  # as mlp-64 and mobilenetv2
MODELS = [n for n in WORKLOADS if n not in SAME_MODEL]
ABOVE_5_MILLION = ("resnet18", "gpt2-124M", "gpt2-124M-256")
BELOW_A_MILLION = [n for n in MODELS if n != "mobilenetv2" and n not in ABOVE_5_MILLION]


@functools.cache
def pairs(name):
    return pairs_of(name, NEWEST, SECONDS, ROUNDS)


def figures(ratios, target, others=None):
    """The ratios as text, and whether each reaches `target`, or its own in `others`."""
    text = ", ".join(f"{n} {r:.2f}" for n, r in ratios.items())
    return text, all(r >= (others or {}).get(n, target) for n, r in ratios.items())


@row("latency-torch", "one sample, newest PyTorch: >= 2 x; resnet18 1.3, gpt2 1.15")
def latency_torch():
    return figures({n: median(t["latency_batch1_s"] / o["latency_batch1_s"] for o, t in pairs(n)) for n in MODELS}, 2,
                   {n: 1.3 if n == "resnet18" else 1.15 for n in ABOVE_5_MILLION})


@row("latency-onnx", "one sample, ONNX Runtime: >= 1.2 x; above 5 M parameters 1")
def latency_onnx():
    known = {n: pairs(n) for n in MODELS if pairs(n)[0][1].get("onnx_latency_batch1_s")}
    return figures({n: median(t["onnx_latency_batch1_s"] / o["latency_batch1_s"] for o, t in runs)
                    for n, runs in known.items()}, 1.2, dict.fromkeys(ABOVE_5_MILLION, 1))


@row("first-step", "process start until the first step begins: >= 30 x newest PyTorch")
def first_step():
    """When it is done stands in brackets: memory comes in while the first step writes to it, on both sides."""
    began, done = ({n: median(t[key] / o[key] for o, t in pairs(n)) for n in MODELS}
                   for key in ("first_step_began_s", "first_step_s"))
    text = ", ".join(f"{n} {began[n]:.0f} ({done[n]:.0f})" for n in MODELS)
    return text, all(r >= 30 for r in began.values())


@row("peak-memory", "models < 1 M parameters: <= 1/8 of newest PyTorch")
def peak_memory():
    return figures({n: median(t["peak_bytes"] / o["peak_bytes"] for o, t in pairs(n)) for n in BELOW_A_MILLION}, 8)


@row("leaves-cost", "default leaves against one: < 5 % of a step, every workload")
def leaves():
    costs = {}
    for name, w in WORKLOADS.items():
        if w.batch >= LEAVES_FROM and not w.slow:
            runs = [(run_snug(w, 2, 0.4), run_snug(w, 2, 0.4, "--leaves", 1)) for _ in range(5)]
            costs[name] = leaves_cost(*zip(*runs))
    return ", ".join(f"{n} {c:+.1%}" for n, c in costs.items()), all(c < 0.05 for c in costs.values())
