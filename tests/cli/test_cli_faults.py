#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls of the system fail, or the process dies in them, all through `snug train`: it ends with one
clear message or does without, and what it left behind goes on to the bits of an undisturbed run."""
import os
import signal
import subprocess

from harness import Skip, case, cases_of, check, check_code, environment, main, snug

# Early stopping and frequent checkpoints: every kind of file of a run is written several times.
ARGS = ["glyphs:n=200", "--model", "linear", "--epochs", "2", "--batch", "32", "--threads", "2",
        "--set", "train.checkpoint_steps=2", "--set", "train.patience=2", "--quiet", "--json"]
MOST = 100000  # calls of one kind; far more than there are


def digest(result):
    return check_code(result, 0).json()["state_sha256"]


def undisturbed(folder):
    return digest(snug("train", *ARGS, "--out", os.path.join(folder, "whole")))


def points():
    """Which calls to hit: all of the first, then ever fewer."""
    n = 1
    while n < MOST:
        yield n
        n += max(1, n // 2)


def hit(fault, out):
    return snug("train", *ARGS, "--out", out, env=environment(SNUG_FAULT=fault))


def check_goes_on(out, want):
    """Either resumes to the same bits, or says that there is nothing yet, and then begins."""
    resumed = snug("train", "--resume", out, "--quiet", "--json")
    if not os.path.exists(os.path.join(out, "recipe.yaml")):
        check(resumed.code == 2 and "there is no run to go on with" in resumed.err, resumed)
        resumed = snug("train", *ARGS, "--out", out, "--resume")
    check(digest(resumed) == want, "the bits differ:", resumed)


def check_told(result, fault, command="train"):
    check(result.code in (1, 2), fault, result)
    lines = result.err.splitlines()
    check(len(lines) == 1 and lines[0].startswith(f"snug {command}: ") and len(lines[0]) > 20, fault,
          result)


@cases_of("a failed call", [[k, k] for k in
                            ("alloc", "read", "write", "rename", "sync", "open", "thread")])
def failing(folder, kind):
    want, survived = undisturbed(folder), 0
    for n in points():
        fault, out = f"{kind}:{n}", os.path.join(folder, str(n))
        result = hit(fault, out)
        if result.code == 0:  # done without, or there are not so many calls
            check(digest(result) == want, fault, "the bits differ:", result)
            survived += 1
        else:
            check_told(result, fault)
            check_goes_on(out, want)
            survived = 0
        if survived == 3:
            return check(n > 4, "nothing failed")
    check(False, "there is no end of", kind)


@cases_of("a failed call elsewhere", [[" ".join(c), c] for c in (
    ["eval", "RUN"], ["predict", "RUN", "glyphs:n=30"], ["train", "--resume", "RUN"],
    ["plan", "glyphs"], ["data", "glyphs"], ["runs", "--runs", "RUNS"],
    ["runs", "show", "whole", "--runs", "RUNS"])])
def failing_elsewhere(folder, command):
    undisturbed(folder)
    names = {"RUN": os.path.join(folder, "whole"), "RUNS": folder}
    args = [names.get(a, a) for a in command] + ["--quiet", "--json"]
    want = check_code(snug(*args), 0)
    for kind in ("alloc", "read", "open"):
        survived = 0
        for n in points():
            result = snug(*args, env=environment(SNUG_FAULT=f"{kind}:{n}"))
            if result.code != 0:
                check_told(result, f"{kind}:{n}", command[0])
            survived = survived + 1 if result.code == 0 else 0
            if survived == 3:
                break
    check(want.out, "nothing came out")


@cases_of("killed", [[k, k] for k in ("write", "rename", "sync", "step")])
def killed(folder, kind):
    want = undisturbed(folder)
    for n in points():
        fault, out = f"{kind}:{n}:kill", os.path.join(folder, str(n))
        result = hit(fault, out)
        if result.code == 0:  # there are not so many calls
            return check(n > 4 and digest(result) == want, fault, result)
        check(result.code == -signal.SIGKILL, fault, result)
        check_goes_on(out, want)
    check(False, "there is no end of", kind)


def mount(folder, options):
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    return subprocess.run(command, capture_output=True).returncode == 0


@case
def a_disk_that_fills_up(folder):
    """Room for the first checkpoints only; with more room, the run goes on."""
    if os.geteuid() != 0:
        raise Skip("mounting a small disk needs root")
    want, small = undisturbed(folder), os.path.join(folder, "small")
    os.mkdir(small)
    if not mount(small, "size=640k"):
        raise Skip("this machine does not let us mount a small disk")
    try:
        out = os.path.join(small, "run")
        result = snug("train", *ARGS, "--out", out)
        check_told(result, "disk full")
        check(result.code == 1 and "No space left" in result.err, result)
        check(os.listdir(os.path.join(out, "checkpoints")), "nothing was saved before")
        check(mount(small, "remount,size=8m"), "the disk does not grow")
        check_goes_on(out, want)
    finally:
        subprocess.run(["umount", small], capture_output=True)


if __name__ == "__main__":
    main()
