# SPDX-License-Identifier: Apache-2.0
"""Operators, every model of the zoo, and the tasks that people on small hardware have."""
import functools
import pathlib
import random
import re
import subprocess
import tempfile
import zipfile

from common import ROOT, SNUG, Skip, array, ctest, data, row, snug, train

RECIPES = ROOT / "examples" / "recipes"
FOLDER = tempfile.TemporaryDirectory()

# What a model is trained on in the rows of every model; images of 28x28 where nothing is said.
SERIES = ["lstm", "gru", "rnn", "fcn", "tcn"]
TEXT = ["gpt", "llama", "char-lstm"]
SELF = ["autoencoder", "conv-autoencoder"]
COLOUR = ["vgg11", "vgg11-bn", "squeezenet", "mobilenetv1", "mobilenetv2", "resnet18-imagenet", "vit-tiny"]
SMALLER = {"gpt2": "gpt2:layers=2,width=96,heads=4,context=64", "gpt": "gpt:layers=2,context=64",
           "llama": "llama:layers=2", "mobilenetv1": "mobilenetv1:width=0.25",
           "mobilenetv2": "mobilenetv2:width=0.35", "vit-tiny": "vit-tiny:depth=2,patch=8"}


@functools.cache
def colour_images():
    rng, path = random.Random(5), pathlib.Path(FOLDER.name) / "colour.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for part, n in (("train", 64), ("test", 16)):
            z.writestr(f"{part}_images.npy", array(rng.randbytes(n * 32 * 32 * 3), "|u1", (n, 32, 32, 3)))
            z.writestr(f"{part}_labels.npy", array([i % 4 for i in range(n)], "|u1", (n, 1)))
    return str(path)


@functools.cache
def series():
    rng = random.Random(6)
    for part in ("TRAIN", "TEST"):
        lines = ["@problemName Waves", "@timeStamps false", "@missing false", "@univariate false", "@dimensions 3",
                 "@equalLength false", "@classLabel true 1 2 3", "@data"]
        for i in range(48):
            n = rng.randint(7, 29)
            steps = [",".join(f"{rng.gauss(i % 3, 1):.4f}" for _ in range(n)) for _ in range(3)]
            lines.append(":".join(steps) + f":{i % 3 + 1}")
        (pathlib.Path(FOLDER.name) / f"Waves_{part}.ts").write_text("\n".join(lines) + "\n")
    return str(pathlib.Path(FOLDER.name) / "Waves_TRAIN.ts")


@functools.cache
def table():
    rng, path = random.Random(8), pathlib.Path(FOLDER.name) / "rows.csv"
    path.write_text("".join(",".join(f"{rng.gauss(0, 1):.4f}" for _ in range(20)) + "\n" for _ in range(64)))
    return str(path)


@functools.cache
def text():
    rng, path = random.Random(7), pathlib.Path(FOLDER.name) / "words.txt"
    words = ["the", "river", "runs", "over", "stones", "and", "under", "a", "bridge,", "slowly.\n"]
    path.write_text(" ".join(rng.choice(words) for _ in range(4000)))
    return str(path)


def zoo():
    listed = subprocess.run([SNUG, "help", "models"], capture_output=True, text=True, check=True).stdout
    return [m for m in re.findall(r"^([a-z][a-z0-9-]*)  ", listed, re.M)]


def case(model):
    """Arguments by which a model is trained a few steps."""
    name = SMALLER.get(model, model)
    if model in SERIES:
        where = [series()]
    elif model in TEXT or model.startswith("gpt"):
        where = [text(), "--set", "data.context=64"]
    elif model in SELF:
        where = [table() if model == "autoencoder" else "glyphs:n=64", "--set", "data.task=reconstruct"]
    else:
        where = [colour_images() if model in COLOUR else "glyphs:n=64"]
    return [*where, "--model", name, "--batch", 16, "--steps", 3]


# ---- operators --------------------------------------------------------------------------------------

@row("ops", ">= 90 operators; FD < 1e-6; PyTorch < 1e-5; tiers")
def operators():
    listed = re.findall(r"^## (\S+)", (ROOT / "docs" / "ops.md").read_text(), re.M)
    ctest("test_ops", "test_op_gradients", "test_op_golden", "test_op_leaves", "check_kernels", "test_nan")
    forward = [o for o in listed if not o.endswith("_grad")]
    return f"{len(listed)} operators, {len(forward)} without gradients' own; all tests pass", len(listed) >= 90


@row("onnx-nodes", "node tests within ONNX's tolerance")
def onnx_nodes():
    data("onnx-backend")
    program = ROOT / "build" / "test_onnx_nodes"
    if not program.exists():
        raise Skip("test_onnx_nodes is not built")
    out = subprocess.run([program], capture_output=True, text=True, cwd=ROOT)
    found = re.search(r"(\d+) of (\d+) node tests of covered operators", out.stdout + out.stderr)
    return found[0] if found else out.stderr[-200:], out.returncode == 0 and found[1] == found[2]


# ---- every model ------------------------------------------------------------------------------------

@row("zoo-bits", "one digest at 1, 2, 3, 7 threads; 1, 2 micro")
def zoo_bits():
    bad, micro, models = [], 0, zoo()
    for model in models:
        args = case(model)
        digests = {train(*args, "--threads", t)["state_sha256"] for t in (1, 2, 3, 7)}
        leaves = ["--set", "train.leaves=2", "--set"]
        if snug("plan", *args, *leaves, "train.micro_batches=2", check=False).get("feasible", False):
            micro += 1
            if len({train(*args, *leaves, f"train.micro_batches={k}")["state_sha256"] for k in (1, 2)}) != 1:
                bad.append(f"{model} by micro-batches")
        if len(digests) != 1:
            bad.append(model)
    return f"{len(models)} models, {micro} of them in micro-batches" + "".join(f"; {m} differs" for m in bad), not bad


@row("zoo-plan", "plan - max(2 %, 1 MiB) <= VmHWM <= plan")
def zoo_plan():
    from rows.spine import plan_against_measured
    worst, bad, models = 0, [], zoo()
    for model in models:
        args = case(model)[:-2]
        planned, measured, holds = plan_against_measured(*args)
        worst = max(worst, (planned - measured) / planned)
        if not holds:
            bad.append(f"{model}: {planned} planned, {measured} measured")
    return f"{len(models)} models, loosest {100 * worst:.1f} %" + "".join(f"; {b}" for b in bad), not bad


@row("zoo-curves", "10 losses as PyTorch's to 1e-4")
def zoo_curves():
    ctest("test_curves", "test_zoo")
    return "test_curves, test_zoo pass", True


def digest_of(model, where, args):
    """Train what stands under `model:` in a recipe."""
    recipe = pathlib.Path(FOLDER.name) / "model.yaml"
    recipe.write_text(f"model: {model}\ndata:\n  path: '{where}'\n")
    return train(recipe, *args)["state_sha256"]


@row("zoo-layer-list", "each zoo model equals its own layer list")
def zoo_layer_list():
    bad, models = [], zoo()
    for model in models:
        where, *rest = case(model)
        at = rest.index("--model")
        name, own = rest[at + 1], rest[:at] + rest[at + 2:]
        listed = subprocess.run([SNUG, "help", "models", name], capture_output=True, text=True, check=True).stdout
        layers = "".join(f"\n  {line}" for line in listed.splitlines() if re.match(r"- |\s+\S", line))
        if digest_of(layers, where, own) != digest_of(name, where, own):
            bad.append(model)
    return f"{len(models)} models" + "".join(f"; {m} differs" for m in bad), not bad


# ---- tasks on real data -----------------------------------------------------------------------------

def by_seed(recipe, path, metric, *args):
    """A metric of the test part for seeds 1, 2, 3."""
    return [train(RECIPES / recipe, "--set", f"data.path={data(path)}", "--seed", s, *args)["metrics"]["test"][metric]
            for s in (1, 2, 3)]


def reaches(values, target):
    mean = sum(values) / len(values)
    return f"{mean:.4f} (by seed {', '.join(f'{v:.4f}' for v in values)})", mean >= target


@row("shakespeare", "gpt 4x128: validation loss <= 1.90")
def shakespeare():
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        result = snug("train", RECIPES / "shakespeare.yaml", "--set",
                      f"data.path={data('text-tinyshakespeare/input.txt')}", "--out", run, "--quiet")
        said = subprocess.run([SNUG, "predict", run, "--prompt", "ROMEO:", "--tokens", "200", "--seed", "1"],
                              capture_output=True, text=True, check=True).stdout
    loss = result["metrics"]["validation"]["loss"]
    speaks = re.search(r"^[A-Z][A-Z ]+:$", said, re.M) is not None
    return f"{loss:.4f} after {result['steps']} steps; says {said[:60]!r}", loss <= 1.90 and speaks


@row("optdigits", "test accuracy >= 0.975")
def optdigits():
    return reaches(by_seed("optdigits.yaml", "tab-optdigits/optdigits.tra", "accuracy", "--set",
                           f"data.test={data('tab-optdigits/optdigits.tes')}"), 0.975)


@row("pneumonia", "AUC >= 0.94, 3 seeds")
def pneumonia():
    return reaches(by_seed("pneumonia.yaml", "med-pneumoniamnist/pneumoniamnist.npz", "auc"), 0.94)


@row("japanesevowels", "test accuracy >= 0.95")
def japanesevowels():
    return reaches(by_seed("japanese_vowels.yaml", "ts-japanesevowels", "accuracy"), 0.95)


@row("basicmotions", "test accuracy >= 0.97")
def basicmotions():
    return reaches(by_seed("basic_motions.yaml", "ts-basicmotions", "accuracy"), 0.97)


@row("italypowerdemand", "test accuracy >= 0.95")
def italypowerdemand():
    return reaches(by_seed("italy_power.yaml", "ts-italypowerdemand", "accuracy"), 0.95)


@row("ecg5000", "accuracy >= 0.93")
def ecg5000():
    """Only the published training part is there: five folds of it."""
    path = data("ts-ecg5000-train/ECG5000_TRAIN.txt")
    folds = [train(RECIPES / "ecg5000.yaml", "--set", f"data.path={path}", "--set", "data.folds=5", "--set",
                   f"data.fold={k}")["metrics"]["test"]["accuracy"] for k in range(5)]
    mean = sum(folds) / 5
    return f"{mean:.4f} mean of 5 folds", mean >= 0.93


@row("anomalies", "noisier glyphs: AUC >= 0.95")
def anomalies():
    """Drifted glyphs are slanted and faded: less ink leaves less error, so their figure is told, not asked for."""
    got = {knob: train(RECIPES / "anomalies.yaml", "--set", f"data.anomalies=glyphs:n=2000,seed=9,{knob}")["metrics"][
        "test"]["auc"] for knob in ("noise=0.4", "noise=0.3", "drift=1")}
    return ", ".join(f"{k} {v:.4f}" for k, v in got.items()), min(got["noise=0.4"], got["noise=0.3"]) >= 0.95


@row("gpt2-memory", "gpt2-124M ctx 64 batch 4: peak <= 2.2 GiB")
def gpt2_memory():
    args = ["noise:tokens=50257,n=600000", "--model", "gpt2", "--batch", 4, "--set", "data.context=64", "--optimizer",
            "adamw"]
    plan = snug("plan", *args)
    result = train(*args, "--steps", 3)
    holds = result["peak_bytes"] <= plan["peak_bytes"] == result["plan_peak_bytes"]
    return (f"{result['peak_bytes'] / 2**30:.3f} GiB of {plan['peak_bytes'] / 2**30:.3f} planned, "
            f"{result['parameters']} parameters"), holds and result["peak_bytes"] <= 2.2 * 2**30
