#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Help, manual page and completions against the tables they are made from."""
import os
import re
import subprocess
import sys
import time

from harness import ROOT, SNUG, Skip, case, cases_of, check, check_code, main, sanitized, snug

PAGES = [("help", ["help"])] + [(f"help {c}", ["help", c]) for c in
                                ("probe", "data", "eval", "predict", "runs", "bench", "help")]
COMPLETIONS = [("bash", "snug.bash"), ("zsh", "_snug"), ("fish", "snug.fish")]


def commands():
    text = check_code(snug("help"), 0).out
    return re.findall(r"^  ([a-z]+) ", text, re.M)


def kept(path, text):
    """The text is what the file at path keeps; SNUG_REWRITE=1 keeps it anew."""
    path = os.path.join(ROOT, path)
    if os.environ.get("SNUG_REWRITE"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    with open(path) as f:
        check(f.read() == text, f"{path} is not what this prints (SNUG_REWRITE=1 keeps it):\n{text}")


@cases_of("golden", PAGES)
def pages(folder, args):
    kept(f"tests/cli/golden/{'_'.join(args)}.txt", check_code(snug(*args), 0).out)


@case
def every_command_has_help(folder):
    names = commands()
    check(len(names) >= 9, names)
    for name in names:
        result = check_code(snug(name, "--help"), 0)
        check(result.out == check_code(snug("help", name), 0).out, name, "tells two stories")
        check(result.out.startswith(f"usage: snug {name}"), result)
        check(max(map(len, result.out.split("\n"))) <= 80, "lines are too long:", result)


@case
def help_lists_what_recipes_may_say(folder):
    for topic, word in (("recipe", "train.epochs"), ("formats", "csv"), ("models", "lenet"),
                        ("layers", "conv2d"), ("ops", "matmul")):
        text = check_code(snug("help", topic), 0).out
        check(word in text, topic)
        check(max(map(len, text.split("\n"))) <= 80, topic, "has lines that are too long")
    check("conv2d" in check_code(snug("help", "models", "lenet"), 0).out)


@case
def version(folder):
    check(re.fullmatch(r"snug \d+\.\d+\.\d+\n", check_code(snug("--version"), 0).out))


@cases_of("completions", COMPLETIONS)
def completions(folder, file):
    shell = {"snug.bash": "bash", "_snug": "zsh", "snug.fish": "fish"}[file]
    text = check_code(snug("help", "completions", shell), 0).out
    kept(os.path.join("share", file), text)
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
def manual_page(folder):
    text = check_code(snug("help", "man"), 0).out
    kept("docs/snug.1", text)
    for name in commands():
        check(f".SS snug {name}\n" in text, name, "is missing")


@case
def starts_fast(folder):
    if sanitized():
        raise Skip("sanitizers start slowly")
    best = 1.0
    for _ in range(15):
        began = time.perf_counter()
        subprocess.run([SNUG, "--version"], stdout=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - began)
    print(f"started in {best * 1000:.1f} ms", file=sys.stderr)
    check(best < 0.010, f"{best * 1000:.1f} ms")


if __name__ == "__main__":
    main()
