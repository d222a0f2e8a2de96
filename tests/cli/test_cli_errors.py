#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong is told once, with what to do, and the right exit code; nothing is left behind."""
import os

from harness import GLYPHS, TINY, case, cases_of, check, check_code, main, snug

USAGE = [
    ("no command", [], 2, "usage: snug COMMAND"),
    ("unknown command", ["trian"], 2, "did you mean 'train'?"),
    ("unknown command far from all", ["xyzzy"], 2, "'snug help' lists them"),
    ("unknown option", ["train", GLYPHS, "--epoch", "3"], 2, "did you mean '--epochs'?"),
    ("unknown option far from all", ["train", "--xyzzyx"], 2, "'snug help train' lists them"),
    ("single dash", ["train", "-epochs", "3"], 2, "two dashes"),
    ("unknown recipe key", ["plan", GLYPHS, "--set", "train.epoch=3"], 2, "train.epochs"),
    ("unknown knob", ["data", "glyphs:m=3"], 2, "knob"),
    ("no value", ["train", GLYPHS, "--epochs"], 2, "--epochs wants a value"),
    ("value for a switch", ["probe", "--json=3"], 2, "--json takes no value"),
    ("set without equals", ["plan", GLYPHS, "--set", "train.epochs"], 2, "KEY=VALUE"),
    ("not a number", ["plan", GLYPHS, "--epochs", "three"], 2, "three"),
    ("out of range", ["plan", GLYPHS, "--validation", "1.5"], 2, "data.validation"),
    ("negative batch", ["plan", GLYPHS, "--batch", "-1"], 2, "train.batch"),
    ("not a size", ["plan", GLYPHS, "--memory", "64Q"], 2, "64Q"),
    ("option out of range", ["eval", "x", "--batch", "0"], 2, "between 1 and 65536"),
    ("missing argument", ["eval"], 2, "usage: snug eval MODEL"),
    ("too many arguments", ["probe", "x"], 2, "one argument too many"),
    ("train without anything", ["train"], 2, "usage: snug train RECIPE | DATA"),
    ("no such data", ["data", "nowhere/at/all"], 2, "nowhere/at/all"),
    ("no such data to train", ["train", "nowhere.csv"], 2, "nowhere.csv"),
    ("no such recipe", ["plan", "nowhere.yaml"], 2, "nowhere.yaml"),
    ("no such model", ["eval", "nowhere"], 2, "nowhere"),
    ("no such run", ["train", "--resume", "nowhere"], 2, "--resume RUN"),
    ("no such model of the zoo", ["plan", GLYPHS, "--model", "lenett"], 2, "lenet"),
    ("no such optimizer", ["plan", GLYPHS, "--optimizer", "adamm"], 2, "adam"),
    ("no such tier", ["probe", "--tier", "mmx"], 2, "scalar, neon, avx2, avx512"),
    ("no such way", ["plan", "glyphs:n=300", "--model", "lenet", "--set",
                     "train.kernels=conv2d Nx28x28x1 5x5x1x6 Nx28x28x6=by_foot"], 2, "'by_foot' is no way"),
    ("no such workload", ["bench", "lennet"], 2, "did you mean 'lenet'?"),
    ("no such topic", ["help", "recipes"], 2, "did you mean 'recipe'?"),
    ("no such operator", ["help", "ops", "convolute"], 2, "'snug help ops' lists them"),
    ("no such shell", ["help", "completions", "ksh"], 2, "bash, zsh and fish"),
    ("no such layer", ["help", "layers", "linaer"], 2, "'snug help layers' lists them"),
    ("help on nothing known", ["help", "operators"], 2, "recipe, formats, models, layers, ops"),
    ("runs of what", ["runs", "shwo"], 2, "did you mean 'show'?"),
    ("compare one run", ["runs", "compare", "a"], 2, "wants 2"),
    ("graph as what", ["plan", GLYPHS, "--graph", "svg"], 2, "'text' or 'dot'"),
    ("one sample", ["data", "glyphs:n=1"], 2, "one sample alone"),
    ("runs in a file", ["runs", "--runs", __file__], 2, "cannot list"),
    ("images for a table", ["plan", "noise:h=2,w=2", "--model", "cnn"], 2, "does not fit"),
    ("graph as JSON", ["plan", GLYPHS, "--graph", "dot", "--json"], 2, "leave out"),
    ("budget", ["plan", *TINY, "--memory", "1M"], 3, "needs at least"),
    ("budget of train", ["train", *TINY, "--memory", "1M"], 3, "needs at least"),
    ("fewer samples than classes need", ["train", "glyphs:n=0"], 2, "n=0"),
]


@cases_of("error", USAGE)
def error(folder, args, code, text):
    result = check_code(snug(*args, cwd=folder), code)
    check(text in result.err, f"'{text}' is not in:", result)
    check(not args or result.err.split("\n")[-2].startswith("snug"), "it does not end so:", result)
    check(not os.path.exists(os.path.join(folder, "runs")), "a folder was left behind:", result)


def recipe(folder, text):
    path = os.path.join(folder, "recipe.yaml")
    with open(path, "w") as f:
        f.write(text)
    return path


RECIPES = [
    ("unknown key", "data: glyphs\ntrain:\n  epohcs: 3\n", "recipe.yaml:3", "epochs"),
    ("wrong type", "data: glyphs\ntrain:\n  epochs: many\n", "recipe.yaml:3", "many"),
    ("out of range", "data: glyphs\ntrain:\n  batch: 0\n", "recipe.yaml:3", "batch"),
    ("unknown layer", "data: glyphs\nmodel:\n  - liner: 10\n", "recipe.yaml:3", "linear"),
    ("not YAML", "data: [glyphs\n", "recipe.yaml", ""),
    ("no data", "model: mlp\n", "", "data.path"),
    ("layers that do not fit", "data: glyphs:n=100\nmodel:\n  - conv2d: {filters: 4, kernel: 99, "
     "padding: valid}\n  - flatten\n  - linear: outputs\n", "", "99"),
]


@cases_of("recipe", RECIPES)
def bad_recipe(folder, text, where, what):
    result = check_code(snug("plan", recipe(folder, text)), 2)
    check(where in result.err and what in result.err, f"'{where}' and '{what}' are due:", result)


@case
def fewer_samples_than_the_batch(folder):
    result = snug("train", "glyphs:n=200", "--model", "linear", "--batch", 256, "--epochs", 1,
                  "--out", os.path.join(folder, "r"))
    check(result.code in (0, 2), "either it works or it says why:", result)
    check(result.code == 0 or "batch" in result.err, result)


@case
def a_folder_for_a_recipe(folder):
    path = os.path.join(folder, "recipe.yaml")
    os.mkdir(path)
    check("irectory" in check_code(snug("plan", path), 2).err, "it does not say so")


@case
def a_file_for_a_run_folder(folder):
    path = os.path.join(folder, "file")
    open(path, "w").close()
    result = check_code(snug("train", *TINY, "--out", path), 2)
    check("name another" in result.err and "plan" not in result.out, result)


@case
def a_run_folder_that_no_json_could_tell(folder):
    result = snug("train", *TINY, "--out", os.path.join(os.fsencode(folder), b"\xff").decode(
        errors="surrogateescape"), "--json")
    check_code(result, 2)
    check("UTF-8" in result.err and os.listdir(folder) == [], result)


@case
def numbers_without_a_mean(folder):
    path = os.path.join(folder, "huge.csv")
    with open(path, "w") as f:
        f.write("".join(f"{i}e306,{'ab'[i % 2]}\n" for i in range(1, 50)))
    check("leave it out" in check_code(snug("data", path), 2).err, "it does not say so")


@case
def data_that_moved(folder):
    with open(os.path.join(folder, "t.csv"), "w") as f:
        f.write("".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    check_code(snug("train", "t.csv", "--epochs", 1, "--out", "r", "--quiet", cwd=folder), 0)
    result = check_code(snug("eval", os.path.join(folder, "r"), cwd=os.path.dirname(folder)), 2)
    check("t.csv" in result.err and "DATA" in result.err, result)
    result = check_code(snug("eval", "r", "--part", "test", cwd=folder), 2)
    check("36 for training" in result.err, result)


@case
def broken_model_file(folder):
    path = os.path.join(folder, "model.safetensors")
    with open(path, "wb") as f:
        f.write(b"\xff" * 64)
    result = check_code(snug("eval", path, GLYPHS), 2)
    check("model.safetensors" in result.err, result)


@case
def trace_shows_where_an_error_came_from(folder):
    from harness import environment
    result = snug("eval", "nowhere", env=environment(SNUG_TRACE="1"))
    check(".c:" in result.err, result)


if __name__ == "__main__":
    main()
