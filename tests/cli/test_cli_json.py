#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command's JSON against its schema: one object on stdout, everything else on stderr."""
import json
import os

from harness import GLYPHS, TINY, Result, case, check, check_code, data, main, sanitized, snug
import schema


def judged(result, name, code=0):
    check_code(result, code)
    value = json.loads(result.out)
    schema.check(value, name)
    return value


def trained(folder, *more):
    out = os.path.join(folder, "runs", "r")
    return out, judged(snug("train", *TINY, "--out", out, "--json", *more), "train.json")


@case
def probe(folder):
    value = judged(snug("probe", "--json", "--threads", "1"), "probe.json")
    check(value["threads"] == 1 and value["gflops_f32"] > 0 and value["gbytes_per_s"] > 0, value)


@case
def data_of_glyphs(folder):
    value = judged(snug("data", GLYPHS, "--json"), "data.json")
    check(value["samples"]["train"] == 600 and value["shape"] == [28, 28, 1], value)
    check(sum(c["count"] for c in value["classes"]) == 600, value)


@case
def data_of_a_table(folder):
    value = judged(snug("data", data("tab-iris"), "--json"), "data.json")
    check(value["kind"] == "table" and value["n_classes"] == 3, value)


@case
def data_of_series(folder):
    value = judged(snug("data", data("ts-japanesevowels"), "--show", "2", "--json"), "data.json")
    check(value["kind"] == "series" and value["ragged"] and value["shape"] == [29, 12], value)
    check(value["samples"]["test"] == 370 and value["outputs"] == [9], value)


@case
def data_of_arrays(folder):
    value = judged(snug("data", data("med-pneumoniamnist"), "--json"), "data.json")
    check(value["format"] == "numpy" and value["samples"]["validation"] == 524, value)


@case
def data_of_text(folder):
    path = os.path.join(folder, "rhyme.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write("Twinkle, twinkle, little star,\nhow I wonder what you are \u2605\n" * 9)
    result = snug("data", path, "--context", "16", "--show", "2", "--json")
    value = judged(result, "data.json")
    check(value["kind"] == "text" and value["target"] == "tokens" and value["shape"] == [16], value)
    check(value["classes"][-1] == {"class": "\u2605", "count": 9}, value)
    check("Twinkle, twinkle" in result.err, result)


@case
def data_of_forecasts_and_values(folder):
    path = os.path.join(folder, "rows.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("a,b,c\n" + "".join(f"{i},{i % 7},{i % 2}\n" for i in range(100)))
    value = judged(snug("data", path, "--task", "forecast", "--context", "8", "--horizon", "2",
                        "--json"), "data.json")
    check(value["shape"] == [8, 3] and len(value["values"]) == 6, value)
    value = judged(snug("data", path, "--target", "a,b", "--json"), "data.json")
    check(value["target"] == "value" and value["values"] == ["a", "b"], value)


@case
def plan(folder):
    value = judged(snug("plan", *TINY, "--json"), "plan.json")
    check(value["feasible"] and sum(value["by_owner"].values()) == value["peak_bytes"], value)
    check(value["arena_bytes"] + value["fixed_bytes"] == value["peak_bytes"], value)
    check(value["steps"] == 2 * value["steps_per_epoch"], value)


@case
def plan_of_a_tier(folder):
    """The same from the command line, from a recipe, and of a run that began so."""
    recipe, out = os.path.join(folder, "r.yaml"), os.path.join(folder, "run")
    with open(recipe, "w") as f:
        f.write("data: glyphs:n=200\nmodel: linear\ntrain: {epochs: 1}\nbudget: {tier: scalar}\n")
    check(judged(snug("plan", *TINY, "--tier", "scalar", "--json"), "plan.json")["tier"] == "scalar")
    check(judged(snug("plan", recipe, "--json"), "plan.json")["tier"] == "scalar")
    judged(snug("train", recipe, "--out", out, "--json"), "train.json")
    check(judged(snug("plan", out, "--json"), "plan.json")["tier"] == "scalar")


@case
def plan_that_does_not_fit(folder):
    result = snug("plan", *TINY, "--memory", "2M", "--json")
    value = judged(result, "plan.json", 3)
    check(not value["feasible"] and value["smallest_budget_bytes"] > 2 << 20, value)
    check("snug plan:" in result.err, result)


@case
def smallest_budget_is_enough(folder):
    least = judged(snug("plan", *TINY, "--memory", "2M", "--json"), "plan.json", 3)
    enough = least["smallest_budget_bytes"]
    judged(snug("plan", *TINY, "--memory", enough, "--json"), "plan.json")


@case
def train_eval_predict_and_runs(folder):
    out, value = trained(folder, "--validation", "0.2")
    check(value["epochs"] == 2 and not value["interrupted"], value)
    check({"train", "validation", "test"} == set(value["metrics"]), value)
    check(sanitized() or value["peak_bytes"] <= value["plan_peak_bytes"], value)
    for name in ("recipe.yaml", "plan.json", "model.safetensors", "events.jsonl", "checkpoints"):
        check(os.path.exists(os.path.join(out, name)), name, "is missing")
    schema.check(json.load(open(os.path.join(out, "plan.json"))), "plan.json")

    judge = judged(snug("eval", out, "--json"), "eval.json")
    check(judge["part"] == "test" and judge["samples"] == 120, judge)
    check(abs(judge["metrics"]["accuracy"] - value["metrics"]["test"]["accuracy"]) < 1e-9, judge)
    check(sum(map(sum, judge["confusion_matrix"])) == judge["samples"], judge)
    model = os.path.join(out, "model.safetensors")
    check(judged(snug("eval", model, GLYPHS, "--json"), "eval.json")["samples"] == 120)
    part = judged(snug("eval", out, "--part", "validation", "--json"), "eval.json")
    check(part["samples"] == 120, part)

    lines = check_code(snug("predict", out, "glyphs:n=40", "--json", "--top", 3), 0).out.split("\n")
    rows = [json.loads(line) for line in lines if line]
    for row in rows:
        schema.check(row, "predict.json")
    check(rows and all(len(r["top"]) == 3 for r in rows), rows[:1])
    check(all(r["top"][0] == {"class": r["class"], "probability": r["probability"]} for r in rows))

    runs = judged(snug("runs", "--runs", os.path.dirname(out), "--json"), "runs.json")
    check([r["name"] for r in runs["runs"]] == ["r"], runs)
    check(runs["runs"][0]["weights_sha256"] == value["weights_sha256"], runs)
    show = judged(snug("runs", "show", "r", "--runs", os.path.dirname(out), "--json"),
                  "runs_show.json")
    check([e["epoch"] for e in show["history"]] == [1, 2], show)


@case
def plan_says_what_train_says(folder):
    for i, more in enumerate(([], ["--set", "train.patience=2"], ["--set", "train.checkpoint_steps=3"])):
        args = [*TINY, "--validation", "0.1", *more, "--json"]
        left = set(os.listdir(folder))
        planned = check_code(snug("plan", *args, cwd=folder), 0).json()
        check(set(os.listdir(folder)) == left, "plan left files:", os.listdir(folder))
        trained = check_code(snug("train", *args, "--out", f"run{i}", cwd=folder), 0).json()
        check(sanitized() or planned["peak_bytes"] == trained["plan_peak_bytes"], more, planned["peak_bytes"],
              trained["plan_peak_bytes"])


@case
def runs_compare(folder):
    first = os.path.join(folder, "runs", "a")
    check_code(snug("train", *TINY, "--out", first, "--quiet"), 0)
    second = os.path.join(folder, "runs", "b")
    check_code(snug("train", *TINY, "--out", second, "--lr", "0.01", "--quiet"), 0)
    value = judged(snug("runs", "compare", "a", "b", "--runs", os.path.join(folder, "runs"),
                        "--json"), "runs_compare.json")
    check(list(value["differences"]) == ["train.learning_rate"], value)


@case
def regression(folder):
    table = os.path.join(folder, "line.csv")
    with open(table, "w") as f:
        f.write("x,y\n" + "".join(f"{i / 50},{3 * i / 50 + 1}\n" for i in range(200)))
    out = os.path.join(folder, "r")
    value = judged(snug("train", table, "--set", "data.task=value", "--out", out, "--json",
                        "--epochs", 30, "--batch", 16, "--validation", 0.2), "train.json")
    check(value["metrics"]["validation"]["r2"] > 0.5, value)
    judge = judged(snug("eval", out, table, "--json"), "eval.json")
    check("confusion_matrix" not in judge, judge)
    rows = os.path.join(folder, "rows.csv")
    with open(rows, "w") as f:
        f.write("x\n1.0\n2.0\n")
    lines = check_code(snug("predict", out, rows, "--json"), 0).out.strip().split("\n")
    for line in lines:
        schema.check(json.loads(line), "predict.json")
    check(len(lines) == 2 and "value" in json.loads(lines[0]), lines)


@case
def several_values(folder):
    table = os.path.join(folder, "two.csv")
    with open(table, "w") as f:
        f.write("x,big,small\n" + "".join(f"{i / 50},{3000 * i + 1},{i % 7}\n" for i in range(200)))
    out = os.path.join(folder, "r")
    judged(snug("train", table, "--set", "data.task=value", "--set", "data.target=big,small", "--out", out, "--json",
                "--epochs", 5, "--validation", 0.2), "train.json")
    value = judged(snug("eval", out, "--json"), "eval.json")
    check({"mse", "rmse", "mae", "r2"} <= set(value["metrics"]) and "by_class" not in value, value)
    row = json.loads(check_code(snug("predict", out, table, "--json"), 0).out.split("\n")[0])
    schema.check(row, "predict.json")
    check([v["name"] for v in row["values"]] == ["big", "small"], row)


@case
def labels(folder):
    table = os.path.join(folder, "labels.csv")
    with open(table, "w") as f:
        f.write("x,y,left,low,far\n" + "".join(
            f"{x},{y},{int(x < 10)},{int(y < 10)},{int(x + y > 25)}\n" for x in range(20) for y in range(20)))
    out = os.path.join(folder, "r")
    for loss in ("auto", "focal"):
        value = judged(snug("train", table, "--set", "data.task=labels", "--set", "data.target=left,low,far", "--set",
                            f"train.loss={loss}", "--out", out + loss, "--json", "--epochs", 40, "--batch", 16,
                            "--validation", 0.2), "train.json")
        check(value["metrics"]["validation"]["auc"] > 0.95, value)
        judge = judged(snug("eval", out + loss, "--json", "--part", "validation"), "eval.json")
        check([c["class"] for c in judge["by_class"]] == ["left", "low", "far"], judge)
        check(all(abs(judge["metrics"][k] - v) < 1e-6 for k, v in value["metrics"]["validation"].items()), judge)
    row = json.loads(check_code(snug("predict", out + "auto", table, "--json"), 0).out.split("\n")[0])
    schema.check(row, "predict.json")
    check([v["label"] for v in row["labels"]] == ["left", "low", "far"], row)
    check("serve" in check_code(snug("plan", table, "--set", "train.loss=mse", "--set", "data.task=labels", "--set",
                                     "data.target=left,low,far", "--model", "mlp"), 2).err)


@case
def anomalies(folder):
    out = os.path.join(folder, "r")
    model = "[flatten, {linear: 8}, relu, {linear: 784}, {reshape: [28, 28, 1]}]"
    for validation in ("0.2", "0"):
        value = judged(snug("train", "glyphs:n=600", "--set", "data.task=reconstruct", "--set", "data.normal=A",
                            "--model", model, "--out", out + validation, "--json", "--epochs", 5, "--validation",
                            validation), "train.json")
        test = value["metrics"]["test"]
        check({"mse", "threshold", "accuracy", "precision", "recall", "f1", "auc", "auc_pr"} <= set(test), value)
        same = judged(snug("eval", out + validation, "--json"), "eval.json")["metrics"]
        check(all(abs(same[k] - test[k]) < 1e-6 for k in test), same, test)
    lines = check_code(snug("predict", out + "0", "glyphs:n=30", "--json"), 0).out.strip().split("\n")
    for line in lines:
        row = json.loads(line)
        schema.check(row, "predict.json")
        check(row["anomaly"] == (row["error"] > row["threshold"]), row)


@case
def texts(folder):
    path = os.path.join(folder, "verse.txt")
    with open(path, "w") as f:
        f.write("the cat sat on the mat. " * 200)
    out = os.path.join(folder, "r")
    value = judged(snug("train", path, "--model", "[{embedding: 16}, {gru: 48}, {linear: outputs}]", "--set",
                        "data.context=24", "--out", out, "--json", "--epochs", 40, "--batch", 8, "--lr", 0.01,
                        "--validation", 0.1), "train.json")
    check(value["metrics"]["validation"]["perplexity"] < 1.2, value)
    judged(snug("eval", out, "--json", "--part", "validation"), "eval.json")
    made = judged(snug("predict", out, "--prompt", "the cat ", "--tokens", 40, "--temperature", 0, "--json"),
                  "generate.json")
    check(made["text"].startswith("sat on the mat. the "), made)
    again = [check_code(snug("predict", out, "--prompt", "th", "--tokens", 30, "--temperature", 3, "--seed", s,
                             "--threads", t), 0).out for s, t in ((5, 1), (5, 2), (6, 1))]
    check(again[0] == again[1] != again[2] and again[0].startswith("th"), again)
    check("'#'" in check_code(snug("predict", out, "--prompt", "#"), 2).err)
    check_code(snug("predict", out), 2)


@case
def growing_texts(folder):
    """A model that keeps what it read goes on past its context as it did within."""
    path, verse = os.path.join(folder, "verse.txt"), "the cat sat on the mat. a dog ran. "
    with open(path, "w") as f:
        f.write(verse * 150)
    out = os.path.join(folder, "r")
    value = judged(snug("train", path, "--model", "gpt:layers=1,heads=2,width=32", "--set", "data.context=24", "--out",
                        out, "--json", "--epochs", 30, "--batch", 8, "--lr", 0.01, "--validation", 0.1), "train.json")
    check(value["metrics"]["validation"]["perplexity"] < 1.3, value)
    made = judged(snug("predict", out, "--prompt", verse[:18], "--tokens", 60, "--temperature", 0, "--json"),
                  "generate.json")
    check((verse * 3)[18:].startswith(made["text"]), made)


@case
def pairs_of_tokens(folder):
    """A model of text may look at the last token alone, wherever it stands."""
    path, out = os.path.join(folder, "abc.txt"), os.path.join(folder, "r")
    with open(path, "w") as f:
        f.write("abc" * 200)
    judged(snug("train", path, "--model", "[{embedding: 8}, {linear: outputs}]", "--set", "data.context=8", "--out",
                out, "--json", "--epochs", 10, "--lr", 0.1), "train.json")
    made = judged(snug("predict", out, "--prompt", "ab", "--tokens", 20, "--temperature", 0, "--json"),
                  "generate.json")
    check(made["text"] == ("cab" * 7)[:20], made)


@case
def tuned_kernels(folder):
    """What was measured once is kept: the recipe of the run gives its bits again."""
    model = ("[{conv2d: {filters: 16, kernel: 3}}, {conv2d: {filters: 24, kernel: 3, stride: 2}}, flatten, "
             "{linear: outputs}]")
    first, again = (os.path.join(folder, name) for name in ("first", "again"))
    done = judged(snug("train", GLYPHS, "--model", model, "--epochs", 1, "--tune-kernels", "--out", first, "--json"),
                  "train.json")
    recipe = os.path.join(first, "recipe.yaml")
    with open(recipe) as f:
        kernels = next(line for line in f if line.strip().startswith("kernels:"))
    for op in ("conv2d ", "conv2d_grad_input ", "conv2d_grad_weight "):
        check(op in kernels, kernels)
    more = judged(snug("train", recipe, "--threads", 1, "--out", again, "--json"), "train.json")
    check(more["state_sha256"] == done["state_sha256"], done, more)
    check(sanitized() or done["peak_bytes"] <= done["plan_peak_bytes"], done)
    metrics = judged(snug("eval", first, "--json"), "eval.json")["metrics"]
    check(abs(metrics["loss"] - done["metrics"]["test"]["loss"]) < 1e-6, metrics, done)


@case
def bench(folder):
    value = judged(snug("bench", "lenet", "--batch", 16, "--seconds", "0.2s", "--json"),
                   "bench.json")
    check(value["step_seconds_min"] <= value["step_seconds"] and value["batch"] == 16, value)
    check("operators" not in value, value)


@case
def bench_operators(folder):
    value = judged(snug("bench", "lenet", "--batch", 16, "--seconds", "0.2s", "--ops", "--json"),
                   "bench.json")
    for phase, some in (("train", {"conv2d", "conv2d_grad_weight", "momentum_update"}), ("predict", {"conv2d"})):
        rows = [r for r in value["operators"] if r["phase"] == phase]
        check(some <= {r["op"] for r in rows}, rows)
        check(abs(sum(r["share"] for r in rows) - 1) < 1e-6, rows)
        check(rows == sorted(rows, key=lambda r: -r["seconds"]), rows)


if __name__ == "__main__":
    main()
