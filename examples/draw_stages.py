"""Draw what `headrace enrich --group day,stage --value …` prints: a bar a day, parted by stage, as SVG."""

import csv
import sys
from collections import defaultdict
from html import escape

COLORS = {
    "development": "#9aa5b1",
    "review": "#e0b040",
    "test": "#c07f30",
    "staging": "#4a90c2",
    "production": "#6a3fa0",
    "none": "#5f9e6e",
}
OTHER = "#d8d8d8"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 330, 70, 40, 26

sums: dict[str, dict[str, float]] = defaultdict(dict)
for row in csv.DictReader(sys.stdin):
    sums[row["day"]][row["stage"]] = float(row["sum"] or 0)
if not sums:
    sys.exit("There is nothing to draw: no row came in.")
found = {stage for stages in sums.values() for stage in stages}
order = [*(stage for stage in COLORS if stage in found), *sorted(found - COLORS.keys())]
highest = max(sum(stages.values()) for stages in sums.values()) or 1
step, scale = (WIDTH - LEFT - 10) / len(sums), (HEIGHT - TOP - BOTTOM) / highest

font = 'font-family="sans-serif" font-size="12"'
lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}>']
lines.append(f'<title>By day and stage</title><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
for number, stage in enumerate(order):
    lines.append(f'<rect x="{LEFT + 110 * number}" y="12" width="12" height="12" fill="{COLORS.get(stage, OTHER)}"/>')
    lines.append(f'<text x="{LEFT + 110 * number + 17}" y="22">{escape(stage)}</text>')
for part in (0, 0.5, 1):
    y = HEIGHT - BOTTOM - highest * part * scale
    lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{highest * part:,.0f}</text>')
    lines.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH}" stroke="#e4e4e4"/>')
for number, (day, stages) in enumerate(sorted(sums.items())):
    x, y = LEFT + number * step, HEIGHT - BOTTOM
    for stage in order:
        height = stages.get(stage, 0) * scale
        y -= height
        told = f"{escape(stage)}, {day}: {stages.get(stage, 0):,.0f}"
        box = f'x="{x + 2:.1f}" y="{y:.1f}" width="{step - 4:.1f}" height="{height:.1f}"'
        lines.append(f'<rect {box} fill="{COLORS.get(stage, OTHER)}"><title>{told}</title></rect>')
    if number % 7 == 0:
        lines.append(f'<text x="{x + step / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{day[5:]}</text>')
print("\n".join([*lines, "</svg>"]))
