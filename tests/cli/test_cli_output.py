#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people see: widths, colour, progress, and outputs that cannot be written."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

from harness import GLYPHS, SNUG, TINY, Skip, case, cases_of, check, check_code, environment, main, \
    snug

ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def on_terminal(args, columns, **env):
    """Runs the command on a terminal of so many columns; what it printed and its exit code."""
    try:
        master, slave = pty.openpty()
    except OSError as none:
        raise Skip(f"no terminal to be had: {none}") from none
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([SNUG, *map(str, args)], stdout=slave, stderr=slave,
                               stdin=subprocess.DEVNULL, env=environment(TERM="xterm", **env))
    os.close(slave)
    text = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.close(master)
    return text.decode(), process.wait()


def check_width(text, columns):
    for line in re.split(r"[\r\n]+", ESCAPE.sub("", text)):
        check(len(line) <= columns, f"{len(line)} columns, {columns} are there:", repr(line))


WIDTHS = [("80 columns", 80), ("60 columns", 60), ("200 columns", 200)]


@cases_of("train on a terminal", WIDTHS)
def train_on_a_terminal(folder, columns):
    text, code = on_terminal(["train", *TINY, "--validation", "0.2", "--out",
                              os.path.join(folder, "r")], columns)
    check(code == 0, code, text)
    check_width(text, columns)
    check("\x1b[" in text and "peak" in text and "epoch" in text, text)


@cases_of("eval and data on a terminal", WIDTHS)
def eval_on_a_terminal(folder, columns):
    out = os.path.join(folder, "r")
    check_code(snug("train", *TINY, "--out", out, "--quiet"), 0)
    for args in (["eval", out], ["data", GLYPHS, "--show", 5], ["plan", *TINY]):
        text, code = on_terminal(args, columns)
        check(code == 0, code, text)
        check_width(text, columns)


@case
def narrow_plan(folder):
    text, code = on_terminal(["plan", *TINY], 40)
    check(code == 0 and "peak" in text, code, text)


@case
def narrow_epochs(folder):
    text, code = on_terminal(["train", *TINY, "--validation", "0.2", "--out",
                              os.path.join(folder, "r")], 40)
    check(code == 0, code, text)
    lines = ESCAPE.sub("", text.replace("\r\x1b[K", "\n"))  # a progress bar wipes its line
    rows = re.findall(r"epoch.*|^ +\d+ +\d\.\d{4}.*", lines, re.M)
    check(len(rows) >= 3 and max(len(r.rstrip()) for r in rows) <= 40, rows)


@case
def no_color(folder):
    text, code = on_terminal(["plan", *TINY], 80, NO_COLOR="1")
    check(code == 0 and not ESCAPE.search(text), text)


@case
def plain_without_a_terminal(folder):
    result = check_code(snug("train", *TINY, "--out", os.path.join(folder, "r")), 0)
    check("\x1b" not in result.out and "\r" not in result.out and not result.err, result)
    check(len(re.findall(r"^ +\d+ +\d\.\d{4}", result.out, re.M)) == 2, result)
    check_width(result.out, 80)


@case
def columns_from_the_environment(folder):
    result = check_code(snug("data", GLYPHS, "--show", 6, env=environment(COLUMNS="40")), 0)
    check_width(result.out, 66)


@case
def json_keeps_people_on_stderr(folder):
    result = check_code(snug("train", *TINY, "--out", os.path.join(folder, "r"), "--json"), 0)
    check(result.out.startswith("{") and result.out.count("\n{") == 0, result)
    check("epoch" in result.err and "peak" in result.err, result)


@case
def quiet(folder):
    out = os.path.join(folder, "r")
    result = check_code(snug("train", *TINY, "--out", out, "--quiet"), 0)
    check(result.out == out + "\n" and not result.err, result)
    result = check_code(snug("train", *TINY, "--out", out + "2", "--quiet", "--json"), 0)
    check(not result.err, result)


OUTPUTS = [("plan", ["plan", *TINY, "--json"]), ("data", ["data", GLYPHS]), ("help", ["help"]),
           ("version", ["--version"])]


@cases_of("a full disk as standard output", OUTPUTS)
def full_output(folder, args):
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        result = check_code(snug(*args, stdout=full), 1)
    check("cannot write" in result.err, result)


@case
def closed_output(folder):
    for args in (["help"], ["plan", *TINY, "--json"]):
        process = subprocess.Popen([SNUG, *args], stderr=subprocess.PIPE, env=environment(),
                                   preexec_fn=lambda: os.close(1))
        _, err = process.communicate(timeout=60)
        check(process.returncode == 1 and b"cannot write" in err, process.returncode, err)


NAMES = ["größe 中文", "日本語の長い名前です", "ab", "x" * 120, "\x1b[31mred"]


def table(folder, classes=NAMES):
    path = os.path.join(folder, "sp ace ü.csv")
    with open(path, "w", encoding="utf-8") as f:
        for i in range(40 * len(classes)):
            k = i % len(classes)
            f.write(f"{k + i * 37 % 10 / 20},{i * 17 % 29 / 29},{classes[k]}\n")
    return path


def columns(text):
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


@case
def names_of_classes_align_whatever_their_script(folder):
    path = table(folder)
    lines = check_code(snug("data", path), 0).out.split("\n")
    counts = {columns(line[:line.index(" 40  #")]) for line in lines if " 40  #" in line}
    check(len(counts) == 1, lines)
    out = os.path.join(folder, "r")
    result = check_code(snug("train", path, "--epochs", 1, "--out", out), 0)
    matrix = result.out.split("columns predicted\n")[1].split("\n\n")[0].split("\n")
    check(len({columns(line) for line in matrix[1:]}) == 1, matrix)
    check("\x1b" not in result.out, "a class's name reached the terminal as it is")


@case
def long_names_of_classes_keep_lines_short(folder):
    path = table(folder, [f"{'long name ' * 9}{i}" for i in range(60)])
    result = check_code(snug("train", path, "--epochs", 1, "--out", os.path.join(folder, "r")), 0)
    check("taken for" in result.out, result)
    check_width(result.out, 80)


@case
def files_never_take_the_place_of_a_closed_stream(folder):
    path, digest = table(folder, ["a", "b"]), []
    for i, close in enumerate((lambda: None, lambda: (os.close(0), os.close(1)))):
        out = os.path.join(folder, str(i))
        subprocess.run([SNUG, "train", path, "--epochs", "6", "--out", out], env=environment(),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, preexec_fn=close, timeout=60)
        with open(os.path.join(out, "result.json")) as f:
            digest.append(json.load(f)["weights_sha256"])
    check(digest[0] == digest[1], "what was printed went into the data")


@case
def a_reader_that_goes_away_does_not_end_a_run(folder):
    out = os.path.join(folder, "r")
    process = subprocess.Popen([SNUG, "train", *TINY, "--out", out], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment())
    process.stdout.close()
    process.wait(timeout=60)
    check(os.path.exists(os.path.join(out, "model.safetensors")), process.stderr.read())


@case
def a_full_disk_as_run_folder(folder):
    if os.geteuid() != 0:
        raise Skip("mounting a small disk needs root")
    small = os.path.join(folder, "small")
    os.mkdir(small)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        raise Skip("this machine does not let us mount a small disk")
    try:
        result = check_code(snug("train", *TINY, "--out", os.path.join(small, "r")), 1)
        check("No space left" in result.err, result)
    finally:
        subprocess.run(["umount", small], capture_output=True)


@case
def an_unwritable_run_folder(folder):
    file = os.path.join(folder, "file")
    open(file, "w").close()
    result = snug("train", *TINY, "--out", os.path.join(file, "r"))
    check(result.code in (1, 2) and "file" in result.err, result)


if __name__ == "__main__":
    main()
