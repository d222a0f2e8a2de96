# SPDX-License-Identifier: Apache-2.0
"""Small charts as SVG, without libraries: lines in logarithmic axes, and bars."""
import math

COLOURS = ["#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#4a5568", "#b7791f"]
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="12">\n'
        '<rect width="{w}" height="{h}" fill="white"/>\n')


def text(x, y, s, anchor="start", colour="#1a202c"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{s}</text>\n'


def line(x1, y1, x2, y2, colour="#cbd5e0", more=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>\n'


def short(v):
    return f"{v:g}" if 1e-3 <= v < 1e5 else f"{v:.0e}"


def decades(values):
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def lines(path, series, x_label, y_label, w=720, h=430):
    """series: {name: [(x, y), ...]}; dashed where the name begins with a tilde."""
    left, right, top, bottom = 60, 190, 20, 45
    (x0, x1), (y0, y1) = (decades([p[i] for s in series.values() for p in s]) for i in (0, 1))

    def at(x, y):
        return (left + (math.log10(x) - x0) / (x1 - x0) * (w - left - right),
                h - bottom - (math.log10(y) - y0) / (y1 - y0) * (h - top - bottom))
    out = HEAD.format(w=w, h=h)
    for e in range(x0, x1 + 1):
        x = at(10 ** e, 10 ** y0)[0]
        out += line(x, top, x, h - bottom) + text(x, h - bottom + 16, short(10 ** e), "middle")
    for e in range(y0, y1 + 1):
        y = at(10 ** x0, 10 ** e)[1]
        out += line(left, y, w - right, y) + text(left - 6, y + 4, short(10 ** e), "end")
    for i, (name, points) in enumerate(series.items()):
        dashed, colour = name.startswith("~"), "#718096" if name.startswith("~") else COLOURS[i % len(COLOURS)]
        places = [at(*p) for p in points]
        out += (f'<polyline fill="none" stroke="{colour}" stroke-width="{1 if dashed else 2}" '
                f'{"stroke-dasharray=" + chr(34) + "5 4" + chr(34) if dashed else ""} points="'
                + " ".join(f"{x:.1f},{y:.1f}" for x, y in places) + '"/>\n')
        if not dashed:
            out += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>\n' for x, y in places)
        y = top + 14 + 18 * i
        out += line(w - right + 12, y - 4, w - right + 34, y - 4, colour, 'stroke-width="2"')
        out += text(w - right + 40, y, name.lstrip("~"))
    out += text((left + w - right) / 2, h - 8, x_label, "middle") + text(6, 13, y_label)
    path.write_text(out + "</svg>\n")


def bars(path, values, unit, legend, w=720):
    """values: {name: [(colour's number, value), ...]}, a bar each, with a mark at 1; legend: a name a colour."""
    left, right, row = 150, 60, 15
    most = max(v for group in values.values() for _, v in group)
    h = sum(row * len(g) + 8 for g in values.values()) + 44

    def x_of(v):
        return left + v / most * (w - left - right)
    out, y = HEAD.format(w=w, h=h), 34
    for i, name in enumerate(legend):
        x = left + 220 * i
        out += f'<rect x="{x}" y="10" width="12" height="12" fill="{COLOURS[i]}"/>\n' + text(x + 18, 20, name)
    for name, group in values.items():
        out += text(left - 8, y + row * len(group) / 2 + 4, name, "end")
        for colour, v in group:
            out += (f'<rect x="{left}" y="{y}" width="{x_of(v) - left:.1f}" height="{row - 3}" '
                    f'fill="{COLOURS[colour]}"/>\n' + text(x_of(v) + 5, y + row - 4, f"{v:.2f} {unit}"))
            y += row
        y += 8
    out += line(x_of(1), 28, x_of(1), h - 12, "#1a202c", 'stroke-dasharray="3 3"')
    path.write_text(out + "</svg>\n")
