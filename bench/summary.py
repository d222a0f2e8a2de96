#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training steps of every workload, each in a process of its own, then kernels, an operator a line."""
import json
import subprocess
import sys

from common import SNUG, median, snug

WORKLOADS = ["linear", "mlp", "lenet", "cnn", "resnet8"]


def training():
    print(f"{'workload':9} {'batch':>5} {'step ms':>8} {'samples/s':>9} {'GFLOP/s':>7} {'of peak':>7} "
          f"{'peak MB':>7} {'first ms':>8} {'one us':>7} {'dropped':>7}")
    for name in WORKLOADS:
        r = snug("bench", name)
        share = r["fraction_of_peak"]
        print(f"{name:9} {r['batch']:5} {r['step_seconds'] * 1e3:8.3f} {r['samples_per_s']:9.0f} "
              f"{r['gflops']:7.1f} {share:7.0%} {r['peak_bytes'] / 1e6:7.1f} "
              f"{r['first_step_s'] * 1e3:8.1f} {r['latency_batch1_s'] * 1e6:7.1f} "
              f"{r['windows_dropped']:7}", flush=True)
    print("step: median over windows from which the hypervisor took no time; those it did are "
          "dropped.\npeak: what multiply-adds gave in the same seconds; one: a sample's latency.\n")


def kernels():
    out = subprocess.run([SNUG, "bench", "kernels", "--json"], capture_output=True, text=True, check=True)
    shares = {}
    for line in out.stdout.splitlines():
        r = json.loads(line)
        shares.setdefault((r["op"], r["tier"]), []).append((r["fraction_of_roofline"], r["case"]))
    print(f"{'operator':27} {'tier':7} {'cases':>5} {'of roof':>7} {'least':>6}")
    for (op, tier), found in shares.items():
        least, case = min(found)
        print(f"{op:27} {tier:7} {len(found):5} {median(s for s, _ in found):7.0%} {least:6.0%} {case}")
    print("roof: the longer of arithmetic at its peak and bytes at the rate of the cache that holds "
          "them; above 100 %\nthe machine gave more than when its rates were measured. "
          "Every case: snug bench kernels.")


if __name__ == "__main__":
    try:
        training()
        kernels()
    except (RuntimeError, subprocess.CalledProcessError) as e:
        sys.exit(f"bench: {e}")
