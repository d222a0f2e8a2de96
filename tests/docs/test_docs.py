#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What README and manual say exists: keys, options, links; their C code is code that compiles."""
import glob
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from harness import ROOT, Skip, case, cases_of, check, check_code, data, main, sanitized, snug  # noqa: E402

# Where the data of examples/recipes/NAME.yaml lie; None: where the recipe says.
RECIPES = {"anomalies": None, "basic_motions": "ts-basicmotions", "demand": "drift-elec2/elec.csv",
           "ecg5000": "ts-ecg5000-train", "fashion_cnn": "fashion-mnist",
           "fashion_mlp": "fashion-mnist", "glyphs": None, "italy_power": "ts-italypowerdemand",
           "japanese_vowels": "ts-japanesevowels", "mnist_lenet": "mnist",
           "optdigits": "tab-optdigits", "pneumonia": "med-pneumoniamnist",
           "shakespeare": "text-tinyshakespeare", "wdbc": "tab-wdbc/wdbc.data"}
PAGES = ["README.md", "docs/manual.md", "docs/library.md", "docs/recipes.md"]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def c_blocks(page):
    return re.findall(r"^```c\n(.*?)^```", read(page), re.M | re.S)


@cases_of("keys", [(p, p) for p in PAGES])
def keys_exist(folder, page):
    known = check_code(snug("help", "recipe"), 0).out
    for key in set(re.findall(r"\b(?:train|data|budget)\.[a-z0-9_]+", read(page))):
        # File names such as data.h are none.
        check(key.endswith(".h") or f"  {key}:" in known, f"{page}: no key {key}")


@cases_of("options", [(p, p) for p in PAGES])
def options_exist(folder, page):
    names = ("probe", "data", "plan", "train", "eval", "predict", "runs", "bench", "help")
    known = "".join(check_code(snug("help", n), 0).out for n in names) + "--cflags --libs"
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", read(page))):
        check(option in known, f"{page}: no option {option}")


@cases_of("links", [(p, p) for p in PAGES])
def links_lead_somewhere(folder, page):
    for target in re.findall(r"\]\(([^)#:]+)\)", read(page)):
        path = os.path.join(ROOT, os.path.dirname(page), target)
        check(os.path.exists(path), f"{page}: {target} is not there")


@case
def code_of_the_library_page_is_in_the_examples(folder):
    examples = "\n".join(read(os.path.relpath(p, ROOT))
                         for p in glob.glob(os.path.join(ROOT, "examples", "*.c")))
    blocks = c_blocks("docs/library.md")
    check(len(blocks) > 5, "they were not found")
    for block in blocks:
        check(block in examples, "this is in no example:\n" + block)


@case
def the_program_in_the_readme_compiles(folder):
    compiler = shutil.which("cc")
    if not compiler:
        raise Skip("no C compiler here")
    (program,) = c_blocks("README.md")
    path = os.path.join(folder, "program.c")
    with open(path, "w") as f:
        f.write(program)
    result = subprocess.run([compiler, "-std=c17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                             "-I", os.path.join(ROOT, "include"), path], capture_output=True)
    check(result.returncode == 0, result.stderr.decode())


def recipe_files():
    names = glob.glob(os.path.join(ROOT, "examples", "recipes", "*.yaml"))
    return sorted(os.path.basename(name)[:-len(".yaml")] for name in names)


@cases_of("plan of recipe", [(name, name) for name in recipe_files()])
def recipes_can_be_planned(folder, name):
    check(name in RECIPES, f"tell {__file__} where the data of {name}.yaml lie")
    args = ["plan", os.path.join(ROOT, "examples", "recipes", name + ".yaml"), "--quiet"]
    if RECIPES[name]:
        args += ["--set", f"data.path={data(RECIPES[name])}"]
    if sanitized():  # whose memory the recipe's budget does not allow for
        args += ["--memory", "1G"]
    check_code(snug(*args), 0)


if __name__ == "__main__":
    main()
