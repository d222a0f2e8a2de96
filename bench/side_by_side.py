#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Snug and its peers on one machine, by turns, A B A B: `./dev bench --peers [WORKLOAD...]`.

Same model, batch, optimizer and threads on both sides; every turn is a process of its own. A ratio is a peer's
step over Snug's step of the same round; the median over rounds is shown.
"""
import argparse
import collections
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

from common import ROOT, Skip, median, snug

# Snug's workload, the peers' model, batch, optimizer of both; slow ones run only when they are named
Workload = collections.namedtuple("Workload", "snug model batch optimizer slow", defaults=[False])
WORKLOADS = {
    "mlp-1": Workload("mlp", "mlp", 1, "adam"),
    "mlp-16": Workload("mlp", "mlp", 16, "adam"),
    "mlp-64": Workload("mlp", "mlp", 64, "adam"),
    "lenet": Workload("lenet", "lenet", 64, "momentum"),
    "cnn": Workload("cnn", "cnn", 64, "adam"),
    "resnet8": Workload("resnet8", "resnet8", 32, "adam"),
    "dscnn": Workload("dscnn", "dscnn", 32, "adam"),
    "mobilenetv1-0.25": Workload("mobilenetv1-0.25", "mobilenetv1", 32, "momentum"),
    "mobilenetv2": Workload("mobilenetv2", "mobilenetv2", 16, "momentum"),
    "resnet18": Workload("resnet18", "resnet18", 32, "momentum"),
    "autoencoder": Workload("autoencoder", "autoencoder", 512, "adam"),
    "lstm": Workload("lstm", "lstm", 32, "adam"),
    "gpt": Workload("gpt", "gpt", 12, "adamw"),
    "gpt2-124M": Workload("gpt2", "gpt2", 4, "adamw", slow=True),
}

# A Python with PyTorch: its libraries, and more arguments for torch_train.py
Peer = collections.namedtuple("Peer", "python libraries arguments", defaults=["", ()])
NEWEST = Peer(str(ROOT / "build/peers/bin/python"), "", ("--onnx",))
COMPILED = Peer(NEWEST.python, "", ("--compile",))
DEBIAN = Peer("/usr/bin/python3", "/usr/lib/x86_64-linux-gnu/openblas-openmp")


def has_torch(peer):
    return os.path.exists(peer.python) and subprocess.run([peer.python, "-c", "import torch"],
                                                          capture_output=True).returncode == 0


def run_snug(workload, threads, seconds):
    w = WORKLOADS[workload]
    return snug("bench", w.snug, "--batch", w.batch, "--optimizer", w.optimizer, "--threads", threads,
                "--seconds", seconds)


def run_peer(peer, workload, threads, seconds):
    w = WORKLOADS[workload]
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MALLOC_TRIM_THRESHOLD_": "2147483647",
           "MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TOP_PAD_": "268435456"}
    if os.path.isdir(peer.libraries):
        env["LD_LIBRARY_PATH"] = peer.libraries
    command = [peer.python, str(ROOT / "bench/peers/torch_train.py"), w.model, "--batch", str(w.batch), "--optimizer",
               w.optimizer, "--threads", str(threads), "--seconds", str(seconds), *peer.arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def rounds_of(workload, peers, threads=2, rounds=5, seconds=3):
    """By turns: for each round what Snug said, and each peer after it."""
    return [[run_snug(workload, threads, seconds), *(run_peer(p, workload, threads, seconds) for p in peers)]
            for _ in range(rounds)]


def middle(column, key):
    found = [r[key] for r in column if r.get(key) is not None]
    return median(found) if found else None


def compare(workload, peers, threads, rounds, seconds):
    """Medians of each side over the rounds, and its ratios to Snug pair by pair."""
    table = rounds_of(workload, peers, threads, rounds, seconds)
    ours, sides = [r[0] for r in table], []
    for column in zip(*table):
        common = min(len(r["losses"]) for row in table for r in row)
        side = {key: middle(column, key) for key in ("step_seconds", "samples_per_s", "first_step_s",
                                                     "latency_batch1_s", "peak_bytes", "onnx_latency_batch1_s")}
        ratios = [r["step_seconds"] / o["step_seconds"] for r, o in zip(column, ours)]
        # the machine's rate and the work of a step are those that Snug measured in the same round
        shares = [o["fraction_of_peak"] / ratio for o, ratio in zip(ours, ratios)]
        sides.append({"who": column[0].get("peer", "Snug"), **side, "ratio": median(ratios), "ratios": ratios,
                      "fraction_of_peak": median(shares), "onnx": column[0].get("onnx"),
                      "losses": column[0]["losses"], "common_steps": 1 << (common - 1)})
    for peer, side in zip(peers, sides[1:]):
        side["who"] += " compiled" if peer == COMPILED else ""
    w = WORKLOADS[workload]
    return {"workload": workload, "batch": w.batch, "optimizer": w.optimizer, "sides": sides}


def show(result):
    for side in result["sides"]:
        n = side["common_steps"]
        print(f"{result['workload']:17} {result['batch']:5} {side['who']:22.22} {side['step_seconds'] * 1e3:9.3f} "
              f"{side['ratio']:6.2f} {side['samples_per_s']:9.0f} {side['fraction_of_peak']:7.1%} "
              f"{side['first_step_s']:7.2f} {side['latency_batch1_s'] * 1e6:9.0f} {side['peak_bytes'] / 1e6:8.1f} "
              f"{side['losses'][0]:7.3f} {side['losses'][n.bit_length() - 1]:7.3f} at {n}", flush=True)
        if side["onnx_latency_batch1_s"]:
            print(f"{'':23} {side['onnx']:22.22} {'':43} {side['onnx_latency_batch1_s'] * 1e6:9.0f}")
        elif side["onnx"]:
            print(f"{'':23} no latency of ONNX Runtime: {side['onnx']}")


def ratio_row(workload, peer, target):
    """Figure and verdict of an acceptance row: so many times a peer's speed."""
    if not has_torch(peer):
        raise Skip(f"no PyTorch in {peer.python}; ./dev peers installs it")
    pairs = [(theirs["step_seconds"], ours["step_seconds"])
             for ours, theirs in rounds_of(workload, [peer._replace(arguments=())])]
    ratio = median(theirs / ours for theirs, ours in pairs)
    theirs, ours = median(p[0] for p in pairs), median(p[1] for p in pairs)
    return f"{ratio:.2f} x ({1e3 * theirs:.2f} ms against {1e3 * ours:.2f} ms)", ratio >= target


def git(*args):
    return subprocess.run(["git", *args], capture_output=True, text=True, cwd=ROOT).stdout.strip()


def surroundings(args):
    cpu = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")),
               platform.machine())
    commit = git("rev-parse", "--short", "HEAD") + ("-changed" if git("status", "--porcelain") else "")
    return {"date": time.strftime("%Y-%m-%d"), "commit": commit, "cpu": cpu, "cpus": os.cpu_count(),
            "system": platform.platform(), "load_at_start": os.getloadavg()[0], "threads": args.threads,
            "rounds": args.rounds, "seconds": args.seconds}


def keep(report):
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{report['date']}-{report['commit']}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"kept in {path.relative_to(ROOT)}")


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench --peers", description="Snug and its peers, by turns")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD",
                        help=f"of {', '.join(WORKLOADS)}; none: all but slow ones")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of every side in turn [5]")
    parser.add_argument("--seconds", type=float, default=3, help="to measure in each turn [3]")
    parser.add_argument("--long", action="store_true", help="slow ones too: gpt2-124M")
    parser.add_argument("--compile", action="store_true", help="also the newest PyTorch with torch.compile")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write everything there")
    parser.add_argument("--keep", action="store_true", help="write it to bench/results/DATE-COMMIT.json")
    args = parser.parse_args()
    unknown = [w for w in args.workloads if w not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is called {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if args.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return args


def main():
    args = arguments()
    peers = [p for p in (NEWEST, *([COMPILED] if args.compile else []), DEBIAN) if has_torch(p)]
    if not peers:
        sys.exit("bench: no PyTorch here; ./dev peers installs it")
    names = args.workloads or [n for n, w in WORKLOADS.items() if args.long or not w.slow]
    report = {**surroundings(args), "results": []}
    print(f"{'workload':17} {'batch':>5} {'':22} {'step ms':>9} {'ratio':>6} {'samples/s':>9} {'of peak':>7} "
          f"{'first s':>7} {'one us':>9} {'peak MB':>8} {'loss':>7} {'then':>7}")
    for name in names:
        report["results"].append(compare(name, peers, args.threads, args.rounds, args.seconds))
        show(report["results"][-1])
    print("ratio: a step against Snug's, pair by pair; of peak: of the multiply-adds that the machine gave in the\n"
          "same seconds; first: from process start to the end of the first step; one: a sample's latency;\n"
          "loss: of the first step, then the mean of the steps up to the one named.")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if args.keep:
        keep(report)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as e:
        sys.exit(f"bench: {e}")
