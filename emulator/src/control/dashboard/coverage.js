// The page of coverage: how much of the policies requests came to, and what none came to.

import { $, ask, askText, badge, confirmed, count, el, empty, gathered, icon, plural, rows, say, tail, wrong } from './base.js';
import { bar, mini } from './charts.js';
import { listen } from './live.js';

const FORMATS = [['html', 'HTML', 'coverage.html'], ['lcov', 'LCOV', 'coverage.lcov'], ['cobertura', 'Cobertura', 'cobertura.xml'], ['junit', 'JUnit', 'coverage-junit.xml'], ['sarif', 'SARIF', 'coverage.sarif'], ['json', 'JSON', 'coverage.json']];
const KINDS = [['statements', 'Statements'], ['elements', 'Elements'], ['conditions', 'Conditions']];

const minimum = $('#minimum');
minimum.value = new URLSearchParams(location.search).get('minimum') ?? '';

const share = ({ covered, of }) => (of ? Math.floor((100 * covered) / of) : 100);
const wanted = () => (/^\d{1,3}$/.test(minimum.value) && Number(minimum.value) <= 100 ? Number(minimum.value) : null);

/** Documents that were replaced have no page of their own */
async function markReplaced(documents) {
  const places = new Set(documents.filter(({ policy_type: type }) => type === 'vpc-endpoint').map(({ attached_to: to }) => to));
  for (const place of places) {
    const own = documents.filter(({ policy_type: type, attached_to: to }) => type === 'vpc-endpoint' && to === place);
    if (own.length < 2) continue;
    const attached = await askText(`/vpc-endpoints/${encodeURIComponent(place)}/policy`).catch(() => null);
    for (const document of own) document.replaced = (await askText(`/policies/${document.sha256}`).catch(() => null)) !== attached;
  }
}

/** Where a line of a document is shown */
const lineLink = (document, line) => `/dashboard/policies?document=${encodeURIComponent(document.policy_type === 'vpc-endpoint' ? document.attached_to : document.sha256)}#line-${line}`;
const linked = (document, line, text) => (document.replaced ? el('span', null, el('span.m', null, text), ' ', el('span.q', null, 'replaced')) : el('a.m', { href: lineLink(document, line), tabindex: '-1' }, text));
const nameOf = (document) => document.file?.split('/').pop() ?? tail(document.attached_to) ?? document.policy_type;

/** Everything that no request came to, or only from one side */
function uncovered(report) {
  return report.documents.flatMap((document) => document.statements.flatMap((statement) => {
    const at = (line, kind, word, what) => ({ document, statement, line, kind, word, what });
    if (!statement.matched && statement.conditions.every((condition) => !condition.true && !condition.false) && statement.elements.every(({ matched }) => !matched)) return [at(statement.line, 'im', 'statement', [statement.effect])];
    const conditions = new Set(statement.conditions.map(({ path }) => path));
    return [
      ...(statement.matched ? [] : [at(statement.line, 'im', 'statement', [statement.effect])]),
      ...statement.elements.filter(({ matched, path }) => !matched && !conditions.has(path)).map(({ line, value }) => at(line, 'im', 'element', [el('span.m', null, value)])),
      ...statement.conditions.filter((condition) => !condition.true || !condition.false).map((condition) => (condition.true || condition.false
        ? at(condition.line, 'er', 'one-sided', [condition.true ? 'never false: ' : 'never true: ', el('span.m', null, condition.key)])
        : at(condition.line, 'im', 'condition', ['never asked: ', el('span.m', null, condition.key)]))),
    ];
  }));
}

function drawTotals(report) {
  const gate = wanted();
  $('#totals').replaceChildren(...KINDS.map(([name, title]) => {
    const total = report.totals[name];
    return bar({ name: title, value: total.covered, of: total.of, text: total.of ? `${count(total.covered)} of ${count(total.of)}, ${share(total)} %` : 'none', gate: gate === null ? undefined : gate / 100 });
  }));
  $('#totals-about').textContent = `${report.percent} % of all units${gate === null ? '' : `; the mark is the minimum, ${gate} %`}`;
  const below = gate === null ? [] : KINDS.filter(([name]) => share(report.totals[name]) < gate).map(([, title]) => title.toLowerCase());
  const verdict = $('#verdict');
  verdict.hidden = gate === null;
  if (gate === null) return;
  const isMet = report.minimum ? report.minimum.is_met : report.percent >= gate;
  verdict.replaceChildren(isMet ? badge('ok', 'the minimum is met') : badge('im', 'below the minimum'), el('span.q', null, below.length ? `below it: ${below.join(', ')}` : ''));
}

function drawNever(report) {
  const list = uncovered(report);
  const place = $('#never');
  $('#never-about').textContent = list.length ? plural(list.length, 'place') : '';
  if (report.documents.every(({ requests }) => requests === 0)) { place.replaceChildren(empty('No request was counted yet.', 'Call the emulator, and what was not come to stands here.')); return; }
  if (list.length === 0) { place.replaceChildren(empty('Every statement matched.', 'So did every pattern, and every condition was true and false.')); return; }
  const table = el('table.t.lines', { role: 'table' }, el('caption.vh', null, 'What never matched'),
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ['Document, line', 'Statement', 'What'].map((title) => el('th', { scope: 'col', role: 'columnheader' }, title)))),
    el('tbody', { role: 'rowgroup' }, list.map(({ document, statement, line, kind, word, what }) => el('tr', { role: 'row', data: { row: '' } },
      el('th', { scope: 'row', role: 'rowheader' }, linked(document, line, `${nameOf(document)}:${line}`)),
      el('td', { role: 'cell', 'data-h': 'statement' }, [statement.statement, statement.sid].filter((part) => part !== null).join(' ')),
      el('td', { role: 'cell' }, badge(kind, word), ' ', what)))));
  rows(table, (row) => $('a', row)?.click());
  place.replaceChildren(table);
}

function drawDocuments(report) {
  const place = $('#documents');
  if (report.documents.length === 0) { place.replaceChildren(empty('No document.', 'Nobody has a policy.')); return; }
  const cell = (name, total) => el('td.n.nw', { role: 'cell', 'data-h': name }, total.of ? [mini(total.covered, total.of), `${count(total.covered)} of ${count(total.of)}`] : el('span.q', null, 'none'));
  const table = el('table.t.lines', { role: 'table' }, el('caption.vh', null, 'Documents'),
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ['Document', 'Asked', 'Statements', 'Elements', 'Conditions'].map((title, index) => el(index === 1 ? 'th.r' : 'th', { scope: 'col', role: 'columnheader' }, title)))),
    el('tbody', { role: 'rowgroup' }, report.documents.map((document) => el('tr', { role: 'row', data: { row: '' } },
      el('th', { scope: 'row', role: 'rowheader' }, linked(document, 1, nameOf(document)), el('br'), el('span.q', null, [document.policy_type, document.attached_to && `on ${document.attached_to}`, `sha256 ${document.sha256.slice(0, 12)}`].filter(Boolean).join(', '))),
      el('td.r.n', { role: 'cell', 'data-h': 'asked' }, count(document.requests)),
      cell('statements', document.totals.statements), cell('elements', document.totals.elements), cell('conditions', document.totals.conditions)))));
  rows(table, (row) => $('a', row)?.click());
  place.replaceChildren(table);
}

async function read() {
  try {
    const query = wanted() === null ? '' : `?minimum=${wanted()}`;
    const response = await fetch(`/coverage${query}`, { cache: 'no-store' });
    if (!response.ok) throw new Error(`the control API answered ${response.status}`);
    const report = await response.json();
    await markReplaced(report.documents);
    const isOn = response.headers.get('x-coverage-enabled') === 'true';
    const isCounted = isOn || report.documents.some(({ requests }) => requests > 0);
    $('#counting').setAttribute('aria-pressed', isOn);
    $('#off').hidden = isOn;
    for (const id of ['results', 'documents-card']) $(`#${id}`).hidden = !isCounted;
    $('#about').textContent = isOn ? `counting, ${plural(report.documents.length, 'document')}` : isCounted ? 'stands still' : '';
    wrong($('#page-wrong'), null);
    drawTotals(report);
    const focus = document.activeElement?.closest('tr[data-row]');
    if (!focus) { drawNever(report); drawDocuments(report); }
    if (report.evicted) $('#about').textContent += `; ${plural(report.evicted, 'document')} made room`;
  } catch (error) {
    wrong($('#page-wrong'), error);
  }
}

async function turn(enabled) {
  try {
    await ask('/coverage', { method: 'PUT', body: { enabled } });
    say(enabled ? 'Counting from the next request on' : 'No longer counting');
  } catch (error) {
    wrong($('#page-wrong'), error);
  }
  await read();
}

$('#counting').addEventListener('click', (event) => turn(event.currentTarget.getAttribute('aria-pressed') !== 'true'));
$('#begin').addEventListener('click', async () => { await turn(true); $('#counting').focus(); });
$('#over').addEventListener('click', async () => {
  if (!(await confirmed($('#over-ask')))) return;
  await ask('/coverage', { method: 'DELETE' }).catch((error) => wrong($('#page-wrong'), error));
  await read();
});
minimum.addEventListener('input', gathered(() => {
  const isGood = minimum.value === '' || wanted() !== null;
  minimum.setAttribute('aria-invalid', String(!isGood));
  if (!isGood) return;
  history.replaceState(null, '', minimum.value ? `?minimum=${minimum.value}` : location.pathname);
  read();
}, 200));

$('#downloads').replaceChildren(...FORMATS.map(([format, title, name]) => el('a.btn', { href: `/coverage?format=${format}`, download: name }, icon('down'), title)));
const refresh = gathered(read, 400);
listen(null, { request: refresh, change: refresh, restarted: refresh, state() {} });
read();
