# SPDX-License-Identifier: Apache-2.0
"""Kernels beside OpenBLAS and oneDNN: builds bench/kernels_peers.c where they are installed, and reads what it says."""
import math
import os
import re
import subprocess

from common import ROOT, Skip

PROGRAM = ROOT / "build" / "kernels_peers"
SOURCE = ROOT / "bench" / "kernels_peers.c"
LIBRARY = ROOT / "build" / "libsnug.a"
LINE = re.compile(r"^(\S+)\s+(.+?)\s+([\d.]+) us\s+([\d.]+) GF,\s+([\d.]+) % of the pulse\s+x(\S+) of OpenBLAS"
                  r"\s+x(\S+) of oneDNN")


def build():
    if PROGRAM.exists() and PROGRAM.stat().st_mtime > max(p.stat().st_mtime for p in (SOURCE, LIBRARY)):
        return
    command = ["gcc", "-O2", "-std=gnu17", "-I.", "-Isrc", "-Iinclude", "-Itests", str(SOURCE), str(LIBRARY), "-o",
               str(PROGRAM), "-lgomp", "-lopenblas", "-ldnnl", "-lyaml", "-ljansson", "-lz", "-lsodium", "-lpthread",
               "-lm"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"no oneDNN or OpenBLAS to compare with ({done.stderr.strip().splitlines()[0][-80:]}); ./dev peers")


def ratio(text):
    value = float(text)
    return value if math.isfinite(value) else None


def measure(*what, threads=1, tier=None):
    """A dict a line: op, case, us, gflops, pulse (share of it), blas and dnnl (their time over ours, or None)."""
    build()
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), **({"TIER": tier} if tier else {})}
    done = subprocess.run([str(PROGRAM), str(threads), *what], capture_output=True, text=True, env=env, check=True)
    found = [m.groups() for m in map(LINE.match, done.stdout.splitlines()) if m]
    return [{"op": op, "case": case, "us": float(us), "gflops": float(gf), "pulse": float(share) / 100,
             "blas": ratio(blas), "dnnl": ratio(dnnl)} for op, case, us, gf, share, blas, dnnl in found]


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


def least(rows, key):
    """"the least 0.71 (conv2d stem)" of rows."""
    low = min(rows, key=key)
    return f"least {key(low):.2f} ({low['op']} {low['case']})"
