#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Snug and its peers on one machine, by turns, A B A B: `./dev bench --peers [WORKLOAD...]`.

Same model, batch, optimizer, learning rate and threads on both sides; every turn is a process of its own. A ratio is
a peer's step over Snug's step of the same round; the median over rounds is shown. Before that both sides train from
the same weights on the same batch, and their losses must be the same.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

import alike
import kept
from common import ROOT, Skip, median, snug
from workloads import WORKLOADS

# A Python with PyTorch: its libraries, and more arguments for torch_train.py
Peer = collections.namedtuple("Peer", "python libraries arguments", defaults=["", ()])
NEWEST = Peer(str(ROOT / "build/peers/bin/python"), "", ("--onnx",))
COMPILED = Peer(NEWEST.python, "", ("--compile",))
DEBIAN = Peer("/usr/bin/python3", "/usr/lib/x86_64-linux-gnu/openblas-openmp")

FIGURES = ("step_seconds", "samples_per_s", "first_step_began_s", "first_step_s", "latency_batch1_s", "peak_bytes",
           "onnx_latency_batch1_s")


LEAVES_FROM = 32  # the batch from which on there are several


def has_torch(peer):
    return os.path.exists(peer.python) and subprocess.run([peer.python, "-c", "import torch"],
                                                          capture_output=True).returncode == 0


def run_snug(w, threads, seconds, *more):
    return snug("bench", w.snug, "--batch", w.batch, "--optimizer", w.optimizer, "--lr", w.rate, "--threads", threads,
                "--seconds", seconds, *more)


def run_peer(peer, w, threads, seconds, *more):
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MALLOC_TRIM_THRESHOLD_": "2147483647",
           "MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TOP_PAD_": "268435456"}
    if os.path.isdir(peer.libraries):
        env["LD_LIBRARY_PATH"] = peer.libraries
    command = [peer.python, str(ROOT / "bench/peers/torch_train.py"), w.model, "--batch", str(w.batch), "--optimizer",
               w.optimizer, "--lr", w.rate, "--threads", str(threads), "--seconds", str(seconds), *w.peer,
               *peer.arguments, *more]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def check_alike(w, peers):
    """Losses from the same start, once for each PyTorch."""
    once = {p.python: p._replace(arguments=()) for p in peers}
    return alike.check(w, lambda w, peer, *more: run_peer(peer, w, 2, 1, *more), list(once.values()))


# ---- rounds -----------------------------------------------------------------------------------------

def turns(w, peers, args):
    """One round: Snug, with one leaf too where it has several, each peer; then Snug and the first peer on one thread."""
    ours, more = run_snug(w, args.threads, args.seconds), {}
    if not args.quick and w.batch >= LEAVES_FROM:
        more["one_leaf"] = run_snug(w, args.threads, args.seconds, "--leaves", 1)
    sides = [ours, *(run_peer(p, w, args.threads, args.seconds) for p in peers)]
    if not args.quick:
        more["one_thread"] = [run_snug(w, 1, args.seconds),
                              *(run_peer(p._replace(arguments=()), w, 1, args.seconds) for p in peers[:1])]
    return sides, more


def middle(column, key):
    found = [r[key] for r in column if r.get(key) is not None]
    return median(found) if found else None


def side_of(column, ours, common):
    """Medians of a side over the rounds, and its ratios to Snug pair by pair."""
    ratios = [r["step_seconds"] / o["step_seconds"] for r, o in zip(column, ours)]
    # the machine's rate and the work of a step are those that Snug measured in the same round
    shares = [o["fraction_of_peak"] / ratio for o, ratio in zip(ours, ratios)]
    return {"who": column[0].get("peer", "Snug"), **{key: middle(column, key) for key in FIGURES},
            "ratio": median(ratios), "ratios": ratios, "fraction_of_peak": median(shares),
            "pulse_gflops": middle(ours, "pulse_gflops"), "windows_dropped": sum(r["windows_dropped"] for r in column),
            "onnx": column[0].get("onnx"), "losses": column[0]["losses"], "common_steps": 1 << (common - 1)}


def leaves_cost(ours, one_leaf):
    """How much longer a step takes for its leaves. Of the least times over all rounds: cores change their speed from
    run to run by more than leaves cost."""
    return min(o["step_seconds_min"] for o in ours) / min(l["step_seconds_min"] for l in one_leaf) - 1


def compare(name, peers, args):
    w = WORKLOADS[name]
    result = {"workload": name, "batch": w.batch, "optimizer": w.optimizer, "learning_rate": w.rate,
              "alike": None if args.quick else check_alike(w, peers)}
    rounds = [turns(w, peers, args) for _ in range(args.rounds)]
    table, ours = [sides for sides, _ in rounds], [sides[0] for sides, _ in rounds]
    common = min(len(r["losses"]) for row in table for r in row)
    sides = [side_of(column, ours, common) for column in zip(*table)]
    for peer, side in zip(peers, sides[1:]):
        side["who"] += " compiled" if peer == COMPILED else ""
    if not args.quick:
        if "one_leaf" in rounds[0][1]:
            result["leaves_cost"] = leaves_cost(ours, [more["one_leaf"] for _, more in rounds])
        for column, side in zip(zip(*(more["one_thread"] for _, more in rounds)), sides):
            side["one_thread_step_seconds"] = middle(column, "step_seconds")
    return {**result, "sides": sides}


# ---- tables -----------------------------------------------------------------------------------------

HEAD = (f"{'workload':17} {'batch':>5} {'':22} {'step ms':>9} {'ratio':>6} {'1 thread':>9} {'samples/s':>9} "
        f"{'pulse':>6} {'of it':>6} {'began s':>7} {'first s':>7} {'one us':>9} {'peak MB':>8} {'drop':>4} "
        f"{'loss':>7} {'then':>7}")
FOOT = """ratio: a step against Snug's, pair by pair; 1 thread: a step's ms on one; pulse: GFLOP/s of multiply-adds that the
machine gave in the same seconds, and the share of it; began, first: from process start to the beginning and end of the
first step; one: a sample's latency; drop: windows left out, in which the hypervisor took CPU time; loss: of the first
step, then the mean of the steps up to the one named."""


def show_side(result, side):
    n, one = side["common_steps"], side.get("one_thread_step_seconds")
    print(f"{result['workload']:17} {result['batch']:5} {side['who']:22.22} {side['step_seconds'] * 1e3:9.3f} "
          f"{side['ratio']:6.2f} {f'{one * 1e3:9.3f}' if one else '':>9} {side['samples_per_s']:9.0f} "
          f"{side['pulse_gflops']:6.0f} {side['fraction_of_peak']:6.1%} {side['first_step_began_s']:7.3f} "
          f"{side['first_step_s']:7.3f} {side['latency_batch1_s'] * 1e6:9.0f} {side['peak_bytes'] / 1e6:8.1f} "
          f"{side['windows_dropped']:4} {side['losses'][0]:7.3f} {side['losses'][n.bit_length() - 1]:7.3f} at {n}",
          flush=True)
    if side["onnx_latency_batch1_s"]:
        print(f"{'':23} {side['onnx']:22.22} {'':67} {side['onnx_latency_batch1_s'] * 1e6:9.0f}")
    elif side["onnx"]:
        print(f"{'':23} no latency of ONNX Runtime: {side['onnx']}")


def show(result):
    for side in result["sides"]:
        show_side(result, side)
    if "leaves_cost" in result:
        print(f"{'':23} leaves cost {result['leaves_cost']:+.1%} of a step against one leaf")
    for side in result["alike"] or []:
        if side["parts"]:
            print(f"{'':23} LOSSES PART from {side['who']}: {side['parts']}")


# ---- rows of acceptance -----------------------------------------------------------------------------

def pairs_of(workload, peer, run, rounds=5):
    """By turns: run(side) of Snug and of the peer; a list of pairs."""
    if not has_torch(peer):
        raise Skip(f"no PyTorch in {peer.python}; ./dev peers installs it")
    return [(run_snug(WORKLOADS[workload], 2, run), run_peer(peer, WORKLOADS[workload], 2, run))
            for _ in range(rounds)]


def ratio_row(workload, peer, target):
    """Figure and verdict of an acceptance row: so many times a peer's speed."""
    pairs = [(theirs["step_seconds"], ours["step_seconds"])
             for ours, theirs in pairs_of(workload, peer._replace(arguments=()), 3)]
    ratio = median(theirs / ours for theirs, ours in pairs)
    theirs, ours = median(p[0] for p in pairs), median(p[1] for p in pairs)
    return f"{ratio:.2f} x ({1e3 * theirs:.2f} ms against {1e3 * ours:.2f} ms)", ratio >= target


# ---- command ----------------------------------------------------------------------------------------

def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench --peers", description="Snug and its peers, by turns")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD",
                        help=f"of {', '.join(WORKLOADS)}; none: all but slow ones")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of every side in turn [5]")
    parser.add_argument("--seconds", type=float, default=3, help="to measure in each turn [3]")
    parser.add_argument("--long", action="store_true", help="slow ones too: gpt2-124M")
    parser.add_argument("--quick", action="store_true",
                        help="steps alone: not whether losses are the same, not one thread, not the cost of leaves")
    parser.add_argument("--compile", action="store_true", help="also the newest PyTorch with torch.compile")
    parser.add_argument("--newest", action="store_true", help="the newest PyTorch alone")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write everything there")
    parser.add_argument("--keep", action="store_true", help="write it to bench/results/DATE-COMMIT.json")
    parser.add_argument("--since", type=pathlib.Path, metavar="FILE",
                        help="kept figures to compare with [the last ones of this CPU]")
    args = parser.parse_args()
    unknown = [w for w in args.workloads if w not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is called {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if args.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return args


def main():
    args = arguments()
    wanted = (NEWEST, *([COMPILED] if args.compile else []), *([] if args.newest else [DEBIAN]))
    peers = [p for p in wanted if has_torch(p)]
    if not peers:
        sys.exit("bench: no PyTorch here; ./dev peers installs it")
    names = args.workloads or [n for n, w in WORKLOADS.items() if args.long or not w.slow]
    report = {**kept.surroundings(args), "installed_bytes": kept.installed(peers), "results": []}
    print(HEAD)
    for name in names:
        report["results"].append(compare(name, peers, args))
        show(report["results"][-1])
    print(FOOT)
    for who, size in report["installed_bytes"].items():
        print(f"installed: {who} {size / 1e6:.1f} MB")
    kept.tell_slower(report, args.since)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if args.keep:
        kept.keep(report)
    return any(side["parts"] for r in report["results"] for side in r["alike"] or [])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError) as e:
        sys.exit(f"bench: {e}")
