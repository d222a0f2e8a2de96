#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Help, manual page and completions against the tables they are made from."""
import os
import re
import subprocess
import sys
import time

from harness import ROOT, SNUG, case, cases_of, check, check_code, main, snug

GOLDEN = os.path.join(ROOT, "tests", "cli", "golden")
PAGES = [("help", ["help"])] + [(f"help {c}", ["help", c]) for c in
                                ("probe", "data", "eval", "predict", "runs", "bench", "help")]
COMPLETIONS = [("bash", "snug.bash"), ("zsh", "_snug"), ("fish", "snug.fish")]


def commands():
    text = check_code(snug("help"), 0).out
    return re.findall(r"^  ([a-z]+) ", text, re.M)


def golden(name, text):
    """The text as kept; SNUG_GOLDEN=write keeps it anew."""
    path = os.path.join(GOLDEN, name.replace(" ", "_") + ".txt")
    if os.environ.get("SNUG_GOLDEN") == "write":
        os.makedirs(GOLDEN, exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    with open(path) as f:
        check(f.read() == text, f"{path} differs from:\n{text}")


@cases_of("golden", PAGES)
def pages(folder, args):
    golden("_".join(args), check_code(snug(*args), 0).out)


@case
def every_command_has_help(folder):
    names = commands()
    check(len(names) >= 9, names)
    for name in names:
        result = check_code(snug(name, "--help"), 0)
        check(result.out == check_code(snug("help", name), 0).out, name, "tells two stories")
        check(result.out.startswith(f"usage: snug {name}"), result)
        check(max(map(len, result.out.split("\n"))) <= 100, "lines are too long:", result)


@case
def help_lists_what_recipes_may_say(folder):
    for topic, word in (("recipe", "train.epochs"), ("models", "lenet"), ("layers", "conv2d"),
                        ("ops", "matmul")):
        check(word in check_code(snug("help", topic), 0).out, topic)
    check("conv2d" in check_code(snug("help", "models", "lenet"), 0).out)


@case
def version(folder):
    check(re.fullmatch(r"snug \d+\.\d+\.\d+\n", check_code(snug("--version"), 0).out))


@cases_of("completions", COMPLETIONS)
def completions(folder, file):
    shell = {"snug.bash": "bash", "_snug": "zsh", "snug.fish": "fish"}[file]
    text = check_code(snug("help", "completions", shell), 0).out
    with open(os.path.join(ROOT, "share", file)) as f:
        check(f.read() == text, f"share/{file} is not what 'snug help completions {shell}' prints")
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=text.encode(), check=True)


@case
def bash_completes(folder):
    script = (f"source {ROOT}/share/snug.bash; COMP_WORDS=(snug train --ep); COMP_CWORD=2; _snug; "
              "echo ${COMPREPLY[@]}; COMP_WORDS=(snug tr); COMP_CWORD=1; _snug; "
              "echo ${COMPREPLY[@]}")
    out = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    check(out.split() == ["--epochs", "train"], out)


@case
def manual_page_knows_every_command_and_option(folder):
    with open(os.path.join(ROOT, "docs", "snug.1")) as f:
        page = f.read().replace("\\-", "-")
    for name in commands():
        check(re.search(rf"^\.SS snug {name}\b", page, re.M), f"docs/snug.1 lacks '{name}'")
        options = re.findall(r"^  --([a-z-]+)", check_code(snug("help", name), 0).out, re.M)
        for option in options:
            check(f"--{option}" in page, f"docs/snug.1 lacks --{option} of '{name}'")


@case
def starts_fast(folder):
    best = 1.0
    for _ in range(15):
        began = time.perf_counter()
        subprocess.run([SNUG, "--version"], stdout=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - began)
    print(f"started in {best * 1000:.1f} ms", file=sys.stderr)
    check(best < 0.010, f"{best * 1000:.1f} ms")


if __name__ == "__main__":
    main()
