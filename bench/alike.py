# SPDX-License-Identifier: Apache-2.0
"""Whether Snug and a peer train the same model in the same way: from the same weights, on the same batch, with the
same optimizer and no dropout, the losses of the first steps must be the same."""
import dataclasses
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import tempfile
import zipfile

from common import SNUG, array, snug

STEPS = 8
# relative, of the first loss and of each of those after it: rounding grows as training goes on
TOLERANCES = (2e-4, 0.03)
SEED = 11
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,"


def write_text(path, batch, context):
    rng = random.Random(SEED)
    path.write_text(LETTERS + "".join(rng.choice(LETTERS) for _ in range(batch * context + 1 - len(LETTERS))))


def write_arrays(path, batch, sample, classes):
    """Images [h, w, c] of bytes; series [t, c] and rows [c] of floats."""
    rng, n = random.Random(SEED), batch
    for extent in sample:
        n *= extent
    bytes_of = rng.randbytes(n) if len(sample) == 3 else struct.pack(f"<{n}f", *(rng.random() for _ in range(n)))
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("x_train.npy", array(bytes_of, "|u1" if len(sample) == 3 else "<f4", (batch, *sample)))
        if classes:
            labels = struct.pack(f"<{batch}q", *(i % classes for i in range(batch)))
            z.writestr("y_train.npy", array(labels, "<i8", (batch,)))


def write_recipe(path, model):
    """The model's own list of layers, without dropout."""
    listed = subprocess.run([SNUG, "help", "models", model], capture_output=True, text=True, check=True).stdout
    lines = [x for x in listed.splitlines() if re.match(r"- |\s+\S", x)]
    layers = "\n".join(f"  {x}" for x in lines if not re.match(r"\s*- dropout", x))
    path.write_text(f"model:\n{layers}\n")


def losses_of(run):
    events = [json.loads(x) for x in open(run / "events.jsonl")]
    return [e["value"] for e in events if e["name"] == "train.loss"]


def snug_start(folder, workload):
    """Trains in the folder; (first weights, data, losses)."""
    data = folder / ("data.txt" if workload.tokens else "data.npz")
    if workload.tokens:
        write_text(data, workload.batch, workload.sample[0])
    else:
        write_arrays(data, workload.batch, workload.sample, workload.classes)
    write_recipe(folder / "model.yaml", workload.small or workload.zoo)
    args = ["train", folder / "model.yaml", "--set", f"data.path={data}", "--batch", workload.batch, "--optimizer",
            workload.optimizer, "--set", "train.schedule=constant", "--set", "train.weight_decay=0", "--quiet"]
    if workload.frozen:
        args += ["--set", f"train.freeze={workload.frozen}"]
    if workload.tokens:
        args += ["--set", f"data.context={workload.sample[0]}"]
    if not workload.tokens and not workload.classes:
        args += ["--set", "data.task=reconstruct"]
    snug(*args, "--steps", 1, "--lr", 0, "--out", folder / "start")
    snug(*args, "--epochs", STEPS, "--lr", workload.rate, "--out", folder / "run")
    return folder / "start" / "model.safetensors", data, losses_of(folder / "run")


def part(ours, theirs):
    """Where two rows of losses part: a word about it, or None."""
    for step, (a, b) in enumerate(zip(ours, theirs)):
        tolerance = TOLERANCES[min(step, 1)]
        if not abs(a - b) <= tolerance * max(abs(a), abs(b), 0.01):
            return f"at step {step + 1} the loss is {a:.6g} here and {b:.6g} there"
    return None


def check(workload, run_peer, peers):
    """For each peer its losses and where they part from Snug's; run_peer(workload, peer, *arguments) is its JSON."""
    batch = max(workload.batch, 16) if workload.classes and not workload.tokens else workload.batch  # several classes
    workload = dataclasses.replace(workload, batch=batch, rate=workload.gentle_rate or workload.rate)
    with tempfile.TemporaryDirectory() as folder:
        start, data, ours = snug_start(pathlib.Path(folder), workload)
        found = [{"who": "Snug", "losses": ours, "parts": None}]
        for peer in peers:
            r = run_peer(workload, peer, "--start", os.fspath(start), "--data", os.fspath(data), "--steps", str(STEPS))
            found.append({"who": r["peer"], "losses": r["losses"], "parts": part(ours, r["losses"])})
    return found
