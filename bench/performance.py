# SPDX-License-Identifier: Apache-2.0
"""Sections of docs/performance.md that commands make: each stands between two comments with its name."""
import re
import time

import charts
from common import ROOT

PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "figures"


def table(head, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def machine(probe):
    """What a section was measured on."""
    return (f"Measured on {time.strftime('%Y-%m-%d')}: {probe['cpu']}, {probe['threads']} threads; multiply-adds "
            f"{probe['gflops_f32']:.0f} GFLOP/s, triad {probe['gbytes_per_s']:.1f} GB/s.")


def write(name, paragraphs):
    page = PAGE.read_text()
    begin, end = f"<!-- {name}: made by a command -->", f"<!-- end of {name} -->"
    made = begin + "\n\n" + "\n\n".join(paragraphs) + "\n\n" + end
    found = re.subn(re.escape(begin) + ".*?" + re.escape(end), lambda _: made, page, flags=re.S)
    if found[1] != 1:
        raise RuntimeError(f"{PAGE.name} has no place for {name}")
    PAGE.write_text(found[0])
    print(f"{name}: written to docs/{PAGE.name}")


def bound(side):
    """Milliseconds that a step's arithmetic takes at the machine's rate."""
    return side["fraction_of_peak"] * side["step_seconds"]


def compared_row(r):
    ours, newest = r["sides"][0], r["sides"][1]
    one = ours.get("one_thread_step_seconds")
    theirs = newest.get("one_thread_step_seconds")
    onnx = next((s["onnx_latency_batch1_s"] for s in r["sides"] if s["onnx_latency_batch1_s"]), None)
    return [r["workload"], r["batch"], f"{ours['step_seconds'] * 1e3:.3g}",
            " / ".join(f"{s['step_seconds'] * 1e3:.3g}" for s in r["sides"][1:]),
            " / ".join(f"{s['ratio']:.2f}" for s in r["sides"][1:]),
            f"{theirs / one:.2f}" if one and theirs else "", f"{bound(ours) / ours['step_seconds']:.0%}",
            f"{r['leaves_cost']:+.1%}" if "leaves_cost" in r else "",
            " / ".join(f"{newest[key] / ours[key]:.0f}" for key in ("first_step_began_s", "first_step_s")),
            f"{newest['peak_bytes'] / ours['peak_bytes']:.1f}",
            f"{ours['latency_batch1_s'] * 1e6:.0f} / {newest['latency_batch1_s'] * 1e6:.0f} / "
            + (f"{onnx * 1e6:.0f}" if onnx else "-")]


def compare(report):
    """The comparison with peers, from kept figures."""
    names = " / ".join(s["who"] for s in report["results"][0]["sides"][1:])
    head = ["workload", "batch", "ms a step", f"{names}, ms", "ratios", "ratio, 1 thread", "of the pulse", "leaves",
            "first step", "peak", "latency us: Snug / PyTorch / ONNX Runtime"]
    FIGURES.mkdir(exist_ok=True)
    charts.bars(FIGURES / "compared.svg",
                {r["workload"]: [(i, s["ratio"]) for i, s in enumerate(r["sides"][1:])] for r in report["results"]},
                "x", [s["who"] for s in report["results"][0]["sides"][1:]])
    sizes = ", ".join(f"{who} {size / 1e6:.1f} MB" for who, size in report["installed_bytes"].items())
    write("compared", [
        f"Measured on {report['date']} at {report['commit']}: {report['cpu']}, {report['threads']} threads, medians of "
        f"{report['rounds']} rounds of {report['seconds']:g} s.",
        table(head, [compared_row(r) for r in report["results"]]),
        "Ratios are steps of the peers over Snug's; first step: how many times sooner it is done, from process start; "
        "peak: how many times smaller the process is at its largest; of the pulse: the share of the multiply-adds that "
        f"the machine gave in the same seconds. Installed: {sizes}.",
        "![times PyTorch's speed](figures/compared.svg)"])
