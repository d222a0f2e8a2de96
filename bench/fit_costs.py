#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The costs by which a plan estimates its time, measured here: `./dev bench --fit` writes src/plan/costs.def.

Every kernel runs its benchmark cases on one thread, on every tier of this CPU; its share of the roofline is the
geometric mean over them. Run it on a quiet machine, after kernels have changed.
"""
import collections
import json
import math
import subprocess

from common import SNUG, ROOT, median

TIERS = ["scalar", "avx2", "avx512"]
CACHED_BYTES = 1 << 20  # as in src/plan/estimate.c
HEADER = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made by `./dev bench --fit`.
 * COST_MACHINE(tier, GFLOP/s, GB/s in cache, GB/s beyond), of one core
 * COST_KERNEL(kernel, scalar, avx2, avx512): per mille of that machine's roofline; 0: not measured; sorted. */
"""


def cases(tier):
    done = subprocess.run([SNUG, "bench", "kernels", "--json", "--threads", "1", "--tier", tier],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def machine(rows):
    def roof(wanted):
        return median(r["roof_gbytes_per_s"] for r in rows if wanted(r["gbytes_per_s"] * 1e9 * r["seconds"]))
    return (median(r["roof_gflops"] for r in rows), roof(lambda n: CACHED_BYTES >> 4 <= n <= CACHED_BYTES),
            roof(lambda n: n > CACHED_BYTES))


def share(rows):
    return math.exp(sum(math.log(r["fraction_of_roofline"]) for r in rows) / len(rows))


def main():
    machines, shares = {}, collections.defaultdict(dict)
    for tier in TIERS:
        rows = cases(tier)
        machines[tier] = machine(rows)
        by_kernel = collections.defaultdict(list)
        for r in rows:
            if r["fraction_of_roofline"] > 0:
                by_kernel[r["kernel"]].append(r)
        for kernel, of_kernel in by_kernel.items():
            shares[kernel][tier] = min(1000, max(1, round(1000 * share(of_kernel))))
        print(f"{tier}: {len(rows)} cases, {machines[tier][0]:.0f} GFLOP/s, {machines[tier][1]:.0f} and "
              f"{machines[tier][2]:.0f} GB/s", flush=True)
    machines["neon"] = machines["avx2"]  # about
    lines = [f"COST_MACHINE({t.upper()}, {g:.0f}, {c:.0f}, {m:.0f})" for t, (g, c, m) in sorted(machines.items())]
    lines += [f"COST_KERNEL({k}, {', '.join(str(v.get(t, 0)) for t in TIERS)})" for k, v in sorted(shares.items())]
    path = ROOT / "src/plan/costs.def"
    path.write_text(HEADER + "\n".join(lines) + "\n")
    print(f"wrote {path.relative_to(ROOT)}: {len(shares)} kernels")


if __name__ == "__main__":
    main()
