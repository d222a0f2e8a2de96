# SPDX-License-Identifier: Apache-2.0
"""Figures that are kept, bench/results/DATE-COMMIT.json, and what got slower since."""
import json
import os
import pathlib
import platform
import re
import subprocess
import tempfile
import time

import performance
from common import ROOT, SNUG
from workloads import WORKLOADS

RESULTS = ROOT / "bench" / "results"
NOISE = 0.10


def git(*args):
    return subprocess.run(["git", *args], capture_output=True, text=True, cwd=ROOT).stdout.strip()


def cpu():
    lines = open("/proc/cpuinfo").read().splitlines() if os.path.exists("/proc/cpuinfo") else []
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), platform.machine())


def surroundings(args):
    changed = git("status", "--porcelain", "--", ".", ":!bench/results", ":!docs")
    commit = git("rev-parse", "--short", "HEAD") + ("-changed" if changed else "")
    return {"date": time.strftime("%Y-%m-%d"), "commit": commit, "cpu": cpu(), "cpus": os.cpu_count(),
            "system": platform.platform(), "load_at_start": os.getloadavg()[0], "threads": args.threads,
            "rounds": args.rounds, "seconds": args.seconds}


# ---- installed size ---------------------------------------------------------------------------------

def libraries(path, inside=""):
    """What a program or library needs, apart from the C library and from what lies in a folder."""
    usual = re.compile(r"linux-vdso|ld-linux|libc\.so|libm\.so|libpthread|libdl\.so|librt\.so")
    listed = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    found = {m[1] for m in re.finditer(r"=> (/\S+)", listed) if not usual.search(m[1])}
    return {os.path.realpath(f) for f in found if not (inside and f.startswith(inside))}


def snug_bytes():
    """The command and its libraries, stripped."""
    with tempfile.TemporaryDirectory() as folder:
        total = 0
        for path in (str(SNUG), *libraries(SNUG)):
            subprocess.run(["strip", "-o", f"{folder}/x", path], check=True)
            total += os.path.getsize(f"{folder}/x")
    return total


def torch_bytes(peer):
    """The package's folder, and libraries that it needs from elsewhere."""
    who, folder = subprocess.run([peer.python, "-c", "import torch; print(torch.__version__, torch.__path__[0])"],
                                 capture_output=True, text=True, check=True).stdout.split()
    total = sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*") if f.is_file() and not f.is_symlink())
    core = next(pathlib.Path(folder).rglob("libtorch_cpu.so"), None)
    total += sum(os.path.getsize(f) for f in (libraries(core, folder) if core else ()))
    return f"PyTorch {who}", total


def installed(peers):
    sizes = {"Snug": snug_bytes()}
    for peer in peers:
        who, size = torch_bytes(peer)
        sizes[who] = size
    return sizes


# ---- since the last time ----------------------------------------------------------------------------

def last(report):
    """The newest kept figures of this CPU with as many threads."""
    found = [json.loads(p.read_text()) for p in RESULTS.glob("*.json")] if RESULTS.is_dir() else []
    same = [r for r in found if r["cpu"] == report["cpu"] and r["threads"] == report["threads"]]
    return max(same, key=lambda r: (r["date"], r.get("time", "")), default=None)


def slower(old, new):
    """Figures of Snug's side that grew by more than noise: (key, factor). A time must have grown as such and in
    multiply-adds that the machine could have done meanwhile."""
    found = []
    for key in ("step_seconds", "one_thread_step_seconds", "latency_batch1_s", "first_step_s", "peak_bytes"):
        if not old.get(key) or not new.get(key):
            continue
        factor = new[key] / old[key]
        if key != "peak_bytes" and old.get("pulse_gflops"):
            factor = min(factor, factor * new["pulse_gflops"] / old["pulse_gflops"])
        if factor > 1 + NOISE:
            found.append((key, factor))
    return found


def tell_slower(report, path=None):
    before = json.loads(path.read_text()) if path else last(report)
    if not before:
        print("no kept figures of this CPU to compare with")
        return
    old = {r["workload"]: r["sides"][0] for r in before["results"]}
    lines = [f"  {r['workload']}: {key} {factor:.2f} x" for r in report["results"] if r["workload"] in old
             for key, factor in slower(old[r["workload"]], r["sides"][0])]
    print(f"since {before['date']} ({before['commit']}): " + ("slower by more than 10 %" if lines else
                                                              "nothing is slower by more than 10 %"))
    print("\n".join(lines), end="\n" if lines else "")


def keep(report):
    """Figures of the same commit and day that were kept before are completed."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{report['date']}-{report['commit']}.json"
    if path.exists():
        before = {r["workload"]: r for r in json.loads(path.read_text())["results"]}
        every = {**before, **{r["workload"]: r for r in report["results"]}}
        report["results"] = [every[w] for w in WORKLOADS if w in every]
    path.write_text(json.dumps({**report, "time": time.strftime("%H:%M:%S")}, indent=1) + "\n")
    print(f"kept in {path.relative_to(ROOT)}")
    performance.compare(report)
