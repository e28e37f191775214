# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fleet as one HTML file that needs no network: style and script are in it, and its policy allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from ansible_collections.airgap.conda.plugins.module_utils._base.finding import Finding
from ansible_collections.airgap.conda.plugins.module_utils._report import columns
from ansible_collections.airgap.conda.plugins.module_utils._report.column import Column, Row
from ansible_collections.airgap.conda.plugins.module_utils._report.fleet import Fleet
from ansible_collections.airgap.conda.plugins.module_utils._report.host import (
    ORDER,
    HostReport,
    Installed,
    findings_of,
    rows,
)

_STYLE = """
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; margin: 1.5rem auto; padding: 0 1.5rem; color: #1c2530;
  max-width: 100rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; }
.muted { color: #5b6673; font-size: .87em; }
ul { padding-left: 1.2rem; margin: .8rem 0; }
form { margin: 1rem 0; display: flex; gap: 1.2rem; align-items: center; flex-wrap: wrap; }
input[type=search] { font: inherit; padding: .35rem .6rem; width: 22rem; border: 1px solid #97a2af;
  border-radius: 4px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem; border-bottom: 1px solid #d5dbe2; }
thead th { position: sticky; top: 0; background: #eef1f5; white-space: nowrap; }
tbody th { font-weight: 600; white-space: nowrap; }
th button { font: inherit; font-weight: 600; border: 0; background: none; padding: 0; cursor: pointer; color: inherit; }
th button::after { content: " \\2195"; color: #97a2af; }
th[aria-sort=ascending] button::after { content: " \\2191"; color: inherit; }
th[aria-sort=descending] button::after { content: " \\2193"; color: inherit; }
td.degraded { background: #fff4d6; } td.unknown { background: #ececf4; } td.broken { background: #fde3e1; }
.verdict { display: inline-block; min-width: 4.6rem; text-align: center; border-radius: 4px; font-size: .85em;
  font-weight: 600; }
.verdict.ok { background: #d9f0dd; color: #145c26; } .verdict.degraded { background: #ffdf8c; color: #5c4300; }
.verdict.unknown { background: #cfcfe2; color: #2f2f5a; } .verdict.broken { background: #c0271b; color: #fff; }
.finding { margin-top: .35rem; max-width: 34rem; min-width: 14rem; overflow-wrap: anywhere; }
.state { white-space: nowrap; }
.finding p { margin: 0; }
code { font: .93em ui-monospace, "DejaVu Sans Mono", monospace; white-space: nowrap; }
@media print { form { display: none; } }
"""

_SCRIPT = """
'use strict';
const body = document.querySelector('tbody');
const heads = [...document.querySelectorAll('thead th')];
const lines = [...body.rows].map(row => ({row, text: row.textContent.toLowerCase(),
  right: row.dataset.verdict === 'ok', keys: [...row.cells].map(cell => cell.dataset.sort)}));
const compare = new Intl.Collator('en', {numeric: true}).compare;
heads.forEach((head, column) => head.firstElementChild.addEventListener('click', () => {
  const down = head.getAttribute('aria-sort') === 'ascending';
  heads.forEach(other => other.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  // A cell over all environments counts for each of them.
  const key = line => line.keys[Math.min(column, line.keys.length - 1)];
  lines.sort((a, b) => (down ? -1 : 1) * compare(key(a), key(b)) || compare(a.keys[0], b.keys[0]));
  body.append(...lines.map(line => line.row));
}));
const text = document.querySelector('#text'), wrong = document.querySelector('#wrong');
const shown = document.querySelector('#shown');
function filter() {
  const words = text.value.toLowerCase().split(/\\s+/);
  let count = 0;
  for (const line of lines) {
    const show = words.every(word => line.text.includes(word)) && !(wrong.checked && line.right);
    line.row.hidden = !show;
    count += show;
  }
  shown.textContent = count + ' of ' + lines.length + ' shown';
}
text.addEventListener('input', filter);
wrong.addEventListener('change', filter);
document.querySelector('form').addEventListener('submit', event => event.preventDefault());
filter();
"""


def page(fleet: Fleet) -> str:
    """Return the HTML text; the same fleet always gives the same text."""
    # What someone has to look at comes first; the order of the hosts with the same verdict is that of their names.
    worst_first = sorted(fleet.hosts, key=lambda host: -ORDER.index(host.verdict()))
    time = fleet.time.replace("T", " ").replace("Z", " UTC")
    policy = f"default-src 'none'; style-src '{_hash(_STYLE)}'; script-src '{_hash(_SCRIPT)}'; form-action 'none'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{escape(fleet.summary())}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(fleet.summary())}</h1>
<div class="muted">Conda environments of the workstations, as of {escape(time)}</div>
<ul>
{_releases(fleet)}</ul>
<form>
<label>Filter: <input type="search" id="text" placeholder="a host, a release, a word of a message"></label>
<label><input type="checkbox" id="wrong"> only what is not right</label>
<span class="muted" id="shown"></span>
</form>
<table>
<thead><tr>{"".join(_head(name) for name in ["Host", "Verdict", *fleet.envs])}</tr></thead>
<tbody>
{"".join(_line(fleet, host) for host in worst_first)}</tbody>
</table>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _head(name: str) -> str:
    order = ' aria-sort="descending"' if name == "Verdict" else ""
    return f'<th scope="col"{order}><button type="button">{escape(name)}</button></th>'


def _releases(fleet: Fleet) -> str:
    lines = []
    for env in fleet.envs:
        found = ", ".join(f"<code>{escape(name)}</code> on {_hosts(count)}" for name, count in fleet.releases(env))
        lines.append(f"<li>{escape(env)}: {found or 'on no host'}</li>\n")
    return "".join(lines)


def _hosts(count: int) -> str:
    return f"{count} host{'' if count == 1 else 's'}"


def _line(fleet: Fleet, host: HostReport) -> str:
    verdict = host.verdict()
    cells = [f'<th scope="row" data-sort="{escape(host.host)}">{escape(host.host)}</th>']
    found = {item.env: item for item in rows(host)}
    whole = found.pop("", None)
    # What concerns the whole host is said once: next to its environments, or in their place when it has no environment.
    findings = _findings(host, "") if whole and found else ""
    colour = f' class="{verdict}"' if findings else ""
    cells.append(f'<td{colour} data-sort="{ORDER.index(verdict)}">{_verdict(verdict)}{findings}</td>')
    if whole and not found:
        cells.append(_cell(fleet, host, whole, max(1, len(fleet.envs))))
    else:
        missing = '<td class="muted" data-sort="9">-</td>'
        cells += [_cell(fleet, host, found[env]) if env in found else missing for env in fleet.envs]
    return f'<tr data-verdict="{verdict}">{"".join(cells)}</tr>\n'


def _cell(fleet: Fleet, host: HostReport, item: Installed, span: int = 1) -> str:
    verdict, row = host.verdict(item.env), Row(host, item, fleet.time)
    key = " ".join(str(number) for number in [ORDER.index(verdict), *(c.key(row) for c in columns.COLUMNS if c.key)])
    parts = [_verdict(verdict), *(_shown(column, row) for column in columns.COLUMNS if column.page)]
    over = f' colspan="{span}"' if span > 1 else ""
    state = f'<div class="state">{" ".join(part for part in parts if part)}</div>'
    return f'<td class="{verdict}" data-sort="{key}"{over}>{state}{_findings(host, item.env)}</td>'


def _shown(column: Column, row: Row) -> str:
    """Return what a column has for a cell; what comes from a host becomes markup nowhere else."""
    text = column.page(row) if column.page else ""
    if not text:
        return ""
    title = escape(f"{column.title}: {column.csv(row)}")
    tag, kind = ("code", "") if column.is_name else ("span", ' class="muted"')
    return f'<{tag}{kind} title="{title}">{escape(text)}</{tag}>'


def _verdict(verdict: str) -> str:
    return f'<span class="verdict {verdict}">{verdict}</span>'


def _findings(host: HostReport, env: str) -> str:
    return "".join(_finding(finding) for finding in findings_of(host, env))


def _finding(finding: Finding) -> str:
    return (
        f'<div class="finding"><p><b>{escape(finding.problem)}.</b></p>'
        f"<p>Wanted: {escape(finding.wanted)}. Found: {escape(finding.found)}.</p>"
        f'<p><b>Remedy:</b> {escape(finding.remedy)}.</p><p class="muted">{escape(finding.where)}</p></div>'
    )
