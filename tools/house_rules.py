#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the rules of the house over the sources, without compiling them:

layers     src/X includes only folders at or below X in the list; cli/ only public headers
posix      system headers only in base/os_posix.c
lists      each row of a .def list has its descriptor, each descriptor its row
size       files, functions, parameters and nesting stay within bounds
licence    every source starts with its SPDX line

Prints `file:line: rule: what` for each breach; exit status 1 when there is one.
"""
import os
import re
import subprocess
import sys

LAYERS = ["base", "graph", "ops", "formats", "kernels", "comm", "passes", "plan", "run", "data",
          "models", "train", "compress", "cluster", "watch", "cli"]
POSIX = re.compile(r"<(unistd|fcntl|pthread|semaphore|sched|dirent|poll|dlfcn|netdb|termios"
                   r"|malloc|sys/[a-z]+|arpa/[a-z]+|linux/[a-z]+)\.h>")
POSIX_HOMES = {"src/base/os_posix.c"}
MAX_FILE, MAX_FUNCTION, MAX_KERNEL, MAX_PARAMETERS, MAX_NESTING = 800, 70, 100, 6, 3
# A node of the public API is what it is made of: a struct would not make callers clearer.
MANY_PARAMETERS = {"snug_apply_all"}
SPDX = "SPDX-License-Identifier: Apache-2.0"

breaches = []


def breach(path, line, rule, what):
    breaches.append((path, line, rule, what))


def sources():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True,
                         text=True)
    if out.returncode == 0:
        names = out.stdout.split("\n")
    else:  # an unpacked archive
        names = [os.path.join(d, f)[2:] for d, _, files in os.walk(".") for f in files
                 if not d.startswith(("./build", "./.git"))]
    return sorted(n for n in names if os.path.isfile(n))


def check_layers(path, lines):
    if not path.startswith("src/"):
        return
    own = path.split("/")[1]
    if own not in LAYERS:
        breach(path, 1, "layers", f"src/{own} is not in the list of layers")
        return
    for number, line in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s*"([a-z_]+)/', line)
        if m and m[1] in LAYERS:
            if LAYERS.index(m[1]) > LAYERS.index(own):
                breach(path, number, "layers", f"{own}/ must not include {m[1]}/, which is above it")
            if own == "cli" and m[1] != "cli":
                breach(path, number, "layers", f"cli/ must use <snug/...>, not {m[1]}/")


def check_posix(path, lines):
    if not path.startswith("src/") or path in POSIX_HOMES:
        return
    for number, line in enumerate(lines, 1):
        m = re.match(r"\s*#\s*include\s*(<[^>]*>)", line)
        if m and POSIX.fullmatch(m[1]):
            breach(path, number, "posix", f"{m[1]} belongs into base/os_posix.c")


def code_only(lines):
    """The lines with comments, strings and characters blanked out."""
    text = "\n".join(lines)
    blank = lambda m: re.sub(r"[^\n]", " ", m[0])
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)
    return text.split("\n")


def parameters(head):
    """How many parameters the function whose head is this text has."""
    m = re.search(r"\b[a-zA-Z_]\w*\(", head)
    if not m:
        return 0
    depth, count, start = 0, 1, m.end() - 1
    for c in head[start:]:
        depth += (c == "(") - (c == ")")
        count += c == "," and depth == 1
        if depth == 0:
            break
    return count


def check_function(path, code, start, end):
    length = end - start + 1
    limit = MAX_KERNEL if path.startswith("src/kernels/") else MAX_FUNCTION
    head_start = start - 1
    while head_start > 0 and code[head_start - 1].strip() and code[head_start - 1][0] not in "#}/":
        head_start -= 1
    head = " ".join(code[head_start:start])
    m = re.search(r"(\w+)\(", head)
    name = m[1] if m else "?"
    if length > limit:
        breach(path, start + 1, "size", f"{name} has {length} lines; {limit} at most")
    if parameters(head) > MAX_PARAMETERS and name not in MANY_PARAMETERS:
        breach(path, start + 1, "size", f"{name} has {parameters(head)} parameters; "
               f"{MAX_PARAMETERS} at most")
    if path.startswith(("src/kernels/", "src/ops/", "tests/")):
        return  # loops over axes nest as deep as there are axes
    for i in range(start + 1, end):
        m = re.match(r"( *)(if|for|while|switch|do)\b", code[i])
        if m and len(m[1]) > 4 * MAX_NESTING:
            breach(path, i + 1, "size", f"{name} nests deeper than {MAX_NESTING}")
            return


def check_size(path, lines):
    if len(lines) > MAX_FILE:
        breach(path, 1, "size", f"{len(lines)} lines; {MAX_FILE} at most")
    code, start = code_only(lines), None
    for i, line in enumerate(code):
        if line.rstrip() == "{":
            start = i
        elif line.rstrip() == "}" and start is not None:
            check_function(path, code, start, i)
            start = None


def check_licence(path, lines):
    if not any(SPDX in line for line in lines[:3]):
        breach(path, 1, "licence", f"the first lines lack '{SPDX}'")


def check_list(path, lines, texts):
    """Rows NAME(id) against definitions of the symbol that NAME expands to."""
    folder = os.path.dirname(path)
    rows = re.findall(r"^(\w+)\((\w+)\)$", "\n".join(lines), re.M)
    if not rows:
        return
    ids = {row for _, row in rows}
    if len(ids) != len(rows):
        breach(path, 1, "lists", "a row appears twice")
    if os.path.basename(path) == "families.def":
        files = {os.path.basename(f)[:-2] for f in texts
                 if re.match(r"src/kernels/cpu/\w+\.c$", f) and "KERNEL_TABLE(" in texts[f]}
        compare(path, ids, files, "src/kernels/cpu/{}.c")
        return
    expansion = re.compile(r"#define " + rows[0][0] + r"\(\w+[^)]*\)[^\n]*?(\w+_)##")
    users = [t for f, t in texts.items() if f.startswith(folder)]
    prefixes = {p for t in users for p in expansion.findall(t)}
    for prefix in prefixes:
        definition = re.compile(r"^(?:static )?const \w+ " + prefix + r"(\w+)(?:\[\w*\])? = ", re.M)
        compare(path, ids, {name for t in users for name in definition.findall(t)}, prefix + "{}")


def compare(path, ids, found, form):
    for name in sorted(ids - found):
        breach(path, 1, "lists", f"row {name} has no {form.format(name)}")
    for name in sorted(found - ids):
        breach(path, 1, "lists", f"{form.format(name)} has no row")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    texts = {}
    for path in sources():
        if not re.search(r"\.(c|h|def|py|sh)$|CMakeLists.txt$|^dev$", path):
            continue
        with open(path, encoding="utf-8") as f:
            texts[path] = f.read()
    for path, text in texts.items():
        lines = text.split("\n")
        check_licence(path, lines)
        if path.endswith((".c", ".h")):
            check_layers(path, lines)
            check_posix(path, lines)
            check_size(path, lines)
        elif path.endswith(".def"):
            check_list(path, lines, texts)
    for path, line, rule, what in sorted(breaches):
        print(f"{path}:{line}: {rule}: {what}")
    print(f"{len(texts)} files, {len(breaches)} breaches of the house's rules")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
