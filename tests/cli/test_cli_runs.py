#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Interrupts, kills and resumes: whatever happens, the run goes on to the same bits."""
import os
import signal
import subprocess
import time

from harness import SNUG, case, check, check_code, environment, main, snug

# Long enough to be hit in the middle.
LONG = ["glyphs:n=4000,seed=5", "--model", "mlp", "--epochs", "6", "--batch", "32", "--threads",
        "1", "--set", "train.checkpoint_steps=40"]


def train(out, *more):
    return snug("train", *LONG, "--out", out, "--json", *more)


def start(out):
    return subprocess.Popen([SNUG, "train", *LONG, "--out", out, "--json"], env=environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def checkpoints(out):
    folder = os.path.join(out, "checkpoints")
    return [f for f in os.listdir(folder)] if os.path.isdir(folder) else []


def wait_for_checkpoint(process, out):
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and not checkpoints(out):
        time.sleep(0.01)
    check(process.poll() is None, "it ended before it could be stopped")
    check(checkpoints(out), "no checkpoint came")


def digests(result):
    value = check_code(result, 0).json()
    return value["weights_sha256"], value["state_sha256"], value["steps"]


@case
def interrupted_and_resumed_is_the_same(folder):
    whole = digests(train(os.path.join(folder, "whole")))
    out = os.path.join(folder, "cut")
    process = start(out)
    wait_for_checkpoint(process, out)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    check(process.returncode == 130, process.returncode, stderr.decode())
    import json
    value = json.loads(stdout)
    check(value["interrupted"] and value["steps"] < whole[2], value)
    check(checkpoints(out), "no checkpoint was saved")
    check(digests(snug("train", "--resume", out, "--threads", "2", "--json")) == whole,
          "the bits differ")


@case
def killed_and_resumed_is_the_same(folder):
    whole = digests(train(os.path.join(folder, "whole")))
    out = os.path.join(folder, "cut")
    for _ in range(2):
        process = start(out) if not os.path.exists(out) else subprocess.Popen(
            [SNUG, "train", "--resume", out, "--json"], env=environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_checkpoint(process, out)
        time.sleep(0.15)
        process.kill()
        process.communicate()
    check(digests(snug("train", *LONG, "--out", out, "--resume", "--json")) == whole,
          "the bits differ")


@case
def second_interrupt_kills(folder):
    out = os.path.join(folder, "r")
    process = start(out)
    wait_for_checkpoint(process, out)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    check(process.returncode in (130, -signal.SIGINT), process.returncode)


@case
def resume_with_out_starts_what_is_not_there(folder):
    out = os.path.join(folder, "new")
    result = snug("train", "glyphs:n=100", "--model", "linear", "--epochs", 1, "--out", out,
                  "--resume", "--json")
    check(check_code(result, 0).json()["epochs"] == 1, result)


@case
def a_finished_run_is_not_overwritten(folder):
    out = os.path.join(folder, "r")
    args = ["train", "glyphs:n=100", "--model", "linear", "--epochs", 1, "--out", out, "--quiet"]
    check_code(snug(*args), 0)
    before = open(os.path.join(out, "model.safetensors"), "rb").read()
    result = snug(*args, "--seed", 2)
    check(result.code == 2 and "resume" in result.err, result)
    check(open(os.path.join(out, "model.safetensors"), "rb").read() == before, "it was")


@case
def a_run_is_a_recipe(folder):
    first, second = os.path.join(folder, "a"), os.path.join(folder, "b")
    args = ["--json", "--out"]
    one = snug("train", "glyphs:n=200", "--model", "linear", "--epochs", 2, *args, first)
    two = snug("train", first, *args, second)
    three = snug("train", os.path.join(first, "recipe.yaml"), *args, os.path.join(folder, "c"))
    check(digests(one) == digests(two) == digests(three), "the bits differ")


@case
def runs_are_named_by_folder_too(folder):
    args = ["train", "glyphs:n=100", "--model", "linear", "--epochs", 1, "--quiet", "--out"]
    for name, seed in (("a", 1), ("b", 2)):
        check_code(snug(*args, os.path.join(folder, "deep er", name), "--seed", seed), 0)
    for path in ("deep er/a", "./deep er/a/", os.path.join(folder, "deep er", "a")):
        shown = check_code(snug("runs", "show", path, "--json", cwd=folder), 0).json()
        check(shown["name"] == "a", shown)
    check_code(snug("runs", "show", "a", cwd=os.path.join(folder, "deep er")), 0)
    both = snug("runs", "compare", "deep er/a", "deep er/b", "--json", cwd=folder)
    check(check_code(both, 0).json()["differences"] == {"train.seed": ["1", "2"]}, both)


@case
def a_model_of_the_zoo_is_the_list_that_help_prints(folder):
    for model in ("lenet", "resnet8"):
        text = check_code(snug("help", "models", model), 0).out
        path = os.path.join(folder, "recipe.yaml")
        with open(path, "w") as f:
            f.write(f"data: glyphs:n=100\ntrain: {{steps: 2, batch: 16}}\nmodel:\n{text}")
        args = ["--json", "--out"]
        listed = digests(snug("train", path, *args, os.path.join(folder, model + "-list")))
        named = digests(snug("train", path, "--model", model, *args, os.path.join(folder, model)))
        check(listed == named, model, listed, named)


@case
def new_runs_get_names_of_their_own(folder):
    args = ["train", "glyphs:n=100", "--model", "linear", "--epochs", 1, "--json"]
    runs = {check_code(snug(*args, cwd=folder), 0).json()["run"] for _ in range(3)}
    check(len(runs) == 3 and all(r.startswith("runs/") for r in runs), runs)


if __name__ == "__main__":
    main()
