// The page of requests: the journal as it grows, filters in the address, and why a call was decided as it was.

import { $, arn, ask, badge, clockTime, confirmed, count, duration, el, empty, gathered, hidden, icon, plural, readClock, readHealth, say, withCode, wrong } from './base.js';
import { overTime } from './charts.js';
import { editsOf } from './edits.js';
import { explain, KIND_WORDS, kindOf, ruleName } from './explain.js';
import { FROM_THE_BEGINNING, listen } from './live.js';
import { pictures } from './pictures.js';

/** How many entries the page holds; the oldest make room */
const ENTRIES_MAX = 20_000;
const CHART_SECONDS = 20 * 60;
const CHART_STEPS = 40;
/** Rows that are drawn above and below those in sight */
const MARGIN_ROWS = 12;
/** A journal on paper is the newest of it */
const ROWS_PRINTED = 200;

/** The filters of `GET /requests`, compared exactly, as there */
const FILTERS = ['access_key_id', 'decision', 'error_code', 'fault', 'operation', 'principal', 'resource', 'rule', 'service', 'source_ip', 'status', 'target', 'vpc_endpoint_id'];

const entries = []; // oldest first
let fitting = []; // those that the filter lets through, oldest first
const counts = { ok: 0, im: 0, ex: 0, er: 0, fa: 0 };
let wanted = { exact: [], words: [], kind: '' };
let paused = null; // what arrived since, while paused
let active = null; // the entry that the keyboard is on
let chosen = null; // the request whose detail is open
let evicted = 0;
let lastHeard = null;

const scroller = $('#rows');
const table = $('#requests');
const [above, body, below] = table.tBodies;
const find = $('#find');
const decision = $('#decision');
const detail = $('#detail');

// Filter

function readFilter(text, kind) {
  const exact = [];
  const words = [];
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const [, name, value] = /^([a-z_]+)=(.*)$/.exec(word) ?? [];
    if (!name) { words.push(word.toLowerCase()); continue; }
    if (!FILTERS.includes(name)) throw new Error(`There is no filter ${name}; there are ${FILTERS.join(', ')}.`);
    exact.push([name, value]);
  }
  return { exact, words, kind };
}

const haystack = (entry) => (entry.text ??= [entry.request_id, entry.operation, entry.principal, entry.resource, entry.status, entry.error_code, KIND_WORDS[entry.kind], ruleName(entry.rule), entry.fault, entry.source_ip, entry.vpc_endpoint_id, entry.target].filter((part) => part !== null && part !== undefined).join(' ').toLowerCase());

function fits(entry) {
  return (!wanted.kind || entry.kind === wanted.kind)
    && wanted.exact.every(([name, value]) => String((name === 'rule' ? entry.rule?.id : null) ?? entry[name] ?? '') === value)
    && wanted.words.every((word) => haystack(entry).includes(word));
}

/** What `GET /requests` says of filters that it does not take */
let refused = null;
let checked = 0;
const check = gathered(async () => {
  checked += 1;
  const mine = checked;
  try {
    await ask(`/requests?${new URLSearchParams([...wanted.exact, ['limit', '1']])}`);
  } catch (error) {
    if (mine !== checked || !error.status) return;
    refused = error.message;
    wrong($('#find-wrong'), error);
    find.setAttribute('aria-invalid', 'true');
    draw();
  }
});

function sift() {
  checked += 1;
  refused = null;
  try {
    wanted = readFilter(find.value, decision.value);
    wrong($('#find-wrong'), null);
    find.removeAttribute('aria-invalid');
  } catch (error) {
    wrong($('#find-wrong'), error);
    find.setAttribute('aria-invalid', 'true');
    return;
  }
  if (wanted.exact.length) check();
  fitting = entries.filter(fits);
  if (active && !fits(active)) active = null;
  draw();
}

// The address has the filter and the open request, so a link keeps both.

function writeAddress() {
  const query = new URLSearchParams();
  for (const [name, value] of wanted.exact) query.append(name, value);
  if (wanted.words.length) query.set('find', wanted.words.join(' '));
  if (wanted.kind) query.set('kind', KIND_WORDS[wanted.kind]);
  if (chosen) query.set('request', chosen);
  const text = query.toString();
  history.replaceState(null, '', text ? `?${text}` : location.pathname);
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  // The control beside the filter has these.
  const kind = { implicitDeny: 'im', explicitDeny: 'ex' }[query.get('decision')];
  if (kind) query.delete('decision');
  const words = [...query].filter(([name]) => !['find', 'kind', 'request'].includes(name)).map(([name, value]) => `${name}=${value}`);
  if (query.get('find')) words.push(query.get('find'));
  find.value = words.join(' ');
  decision.value = Object.keys(KIND_WORDS).find((kind) => KIND_WORDS[kind] === query.get('kind')) ?? kind ?? '';
  chosen = query.get('request');
}

// The table, of which only the rows in sight are drawn

const isNarrow = matchMedia('(max-width: 620px)');
const isCoarse = matchMedia('(pointer: coarse)');
const rowHeight = () => (isNarrow.matches ? 54 : isCoarse.matches ? 39 : 29);
const indexOf = (entry) => fitting.length - 1 - fitting.lastIndexOf(entry);

const LISTED = { ok: 'allowed', im: 'denied', ex: 'denied', er: 'error', fa: 'fault' };

function newRow(entry) {
  const word = entry.kind === 'ex' ? ['denied', hidden(' explicitly')] : entry.kind === 'im' ? ['denied', hidden(' implicitly')] : [LISTED[entry.kind]];
  const more = entry.kind === 'fa' ? entry.fault : entry.kind === 'er' ? entry.error_code ?? (entry.status === null ? 'no answer' : '') : '';
  const cell = (...children) => el('td', { role: 'gridcell' }, ...children);
  return el('tr', { role: 'row', id: `row-${entry.request_id}`, data: { id: entry.request_id } },
    cell(clockTime(entry.time)), cell(arn(entry.principal)), cell(entry.operation ?? el('span.q', null, 'not known')), cell(entry.resource ? arn(entry.resource) : el('span.q', null, 'none')),
    cell(entry.status ?? el('span.q', null, 'none')), cell(badge(entry.kind, word[0], word[1]), more && el('span.q.spare', null, ` ${more}`)), cell(duration(entry.duration_micros)));
}

let inTable = new Map();

/** The row of an entry: the one that stands there already, so that a click may begin and end on it */
function rowOf(entry, index) {
  const row = inTable.get(entry.request_id) ?? newRow(entry);
  row.setAttribute('aria-rowindex', index + 2);
  row.setAttribute('aria-selected', entry.request_id === chosen);
  row.classList.toggle('on', entry === active);
  return row;
}

/** Puts rows in the place of those that stand there: what stays is left alone, for what is moved is laid out anew */
function replaceRows(rows) {
  const staying = new Set(rows);
  for (const row of [...body.rows]) if (!staying.has(row)) row.remove();
  let at = body.firstElementChild;
  for (const row of rows) {
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
}

let drawn = '';
let isPrinting = false;
function draw() {
  const height = rowHeight();
  const total = fitting.length;
  const visible = isPrinting ? ROWS_PRINTED : Math.ceil(scroller.clientHeight / height) || 20;
  const first = isPrinting ? 0 : Math.max(0, Math.min(Math.floor(scroller.scrollTop / height) - MARGIN_ROWS, total - visible - 2 * MARGIN_ROWS));
  const last = Math.min(total, first + visible + 2 * MARGIN_ROWS);
  const state = `${total} ${first} ${last} ${fitting.at(-1)?.request_id} ${active?.request_id} ${chosen} ${height}`;
  if (state !== drawn) {
    drawn = state;
    const rows = [];
    for (let index = first; index < last; index += 1) rows.push(rowOf(fitting[total - 1 - index], index));
    inTable = new Map(rows.map((row) => [row.dataset.id, row]));
    replaceRows(rows);
    above.rows[0].cells[0].style.height = `${first * height}px`;
    below.rows[0].cells[0].style.height = `${(total - last) * height}px`;
    above.hidden = first === 0;
    below.hidden = last === total;
    table.setAttribute('aria-rowcount', total + 1);
    if (active && document.getElementById(`row-${active.request_id}`)) table.setAttribute('aria-activedescendant', `row-${active.request_id}`);
    else table.removeAttribute('aria-activedescendant');
  }
  drawCounts();
}

function drawCounts() {
  $('#n-all').textContent = count(entries.length);
  $('#n-ok').textContent = count(counts.ok);
  $('#n-de').textContent = count(counts.im + counts.ex);
  $('#n-er').textContent = count(counts.er);
  $('#n-fa').textContent = count(counts.fa);
  $('#faults').hidden = counts.fa === 0;
  const none = $('#none');
  const isEmpty = fitting.length === 0;
  scroller.hidden = isEmpty;
  if (none.hidden === isEmpty || isEmpty) drawNone(none, isEmpty);
  $('#shown').textContent = isEmpty ? '' : fitting.length === entries.length ? plural(entries.length, 'request') : `${count(fitting.length)} of ${plural(entries.length, 'request')}`;
  $('#gone').textContent = evicted ? `${count(evicted)} older ones made room` : '';
}

function drawNone(none, isEmpty) {
  const state = !isEmpty ? '' : refused ? `refused ${refused}` : !settled ? 'reading' : entries.length ? `filtered ${entries.length}` : 'empty';
  none.hidden = !isEmpty || (state === 'reading' && !slow);
  if (none.dataset.state === state && state !== 'reading') return;
  none.dataset.state = state;
  if (state === 'reading') none.replaceChildren(el('span', null, 'Loading'));
  else if (refused) none.replaceChildren(el('b', null, 'The filter cannot be asked.'), el('span', null, withCode(refused)), el('button', { type: 'button', onclick: unfilter }, 'Show all'));
  else if (state === 'empty') none.replaceChildren(el('b', null, 'No request yet.'), el('span', null, 'Give your client the variables of Set-up, and call. Requests appear here as they are answered.'), el('a.btn', { href: '/dashboard/setup' }, 'Variables for your client'));
  else if (isEmpty) none.replaceChildren(el('b', null, 'No request matches.'), el('span', null, `${plural(entries.length, 'request is', 'requests are')} in the journal. The filter is part of the address, so a link keeps it.`), el('button', { type: 'button', onclick: unfilter }, 'Show all'));
}

function unfilter() {
  find.value = '';
  decision.value = '';
  sift();
  writeAddress();
  find.focus();
}

let isDrawing = false;
function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => { isDrawing = false; draw(); });
}

const drawCharts = gathered(async () => {
  try {
    overTime($('#charts'), await ask(`/statistics?seconds=${CHART_SECONDS}&steps=${CHART_STEPS}`), CHART_STEPS);
  } catch (error) {
    if (error.status) $('#charts').replaceChildren(el('p.pad.q', null, error.message));
  }
}, 400);

// What arrives

function take(entry) {
  entry.kind = kindOf(entry);
  entries.push(entry);
  counts[entry.kind] += 1;
  if (fits(entry)) {
    fitting.push(entry);
    // Readers who have scrolled away from the newest keep in sight what they read.
    if (scroller.scrollTop > rowHeight()) scroller.scrollTop += rowHeight();
  }
  if (entries.length > ENTRIES_MAX) {
    const gone = entries.shift();
    counts[gone.kind] -= 1;
    if (fitting[0] === gone) fitting.shift();
  }
}

function forget() {
  entries.length = 0;
  fitting = [];
  active = null;
  inTable = new Map();
  for (const kind of Object.keys(counts)) counts[kind] = 0;
  if (paused) paused = [];
  drawn = '';
  drawSoon();
  drawCharts();
}

let settled = false;
let slow = false;
setTimeout(() => { slow = true; drawSoon(); }, 300);

function showState(state) {
  const live = $('#live');
  live.classList.toggle('off', state !== 'live');
  live.classList.toggle('held', !!paused);
  if (state !== 'live') live.textContent = lastHeard ? `not connected, last ${lastHeard}` : 'not connected';
  else live.textContent = paused ? `paused, ${count(paused.length)} new` : 'live';
}

let connection = 'lost';
const refreshHealth = gathered(() => readHealth().then((health) => { evicted = health.journal.evicted; drawSoon(); }).catch(() => {}), 400);

listen(FROM_THE_BEGINNING, {
  request(entry) {
    if (paused) { paused.push(entry); return; }
    take(entry);
  },
  change(change) {
    if (change.kind === 'clear' || change.kind === 'reset') forget();
    if (['clock', 'reset', 'state'].includes(change.kind)) readClock().catch(() => {});
  },
  dropped(number) {
    if (entries.length) say(`${plural(number, 'event')} not shown; reload for the whole journal`);
  },
  restarted() {
    forget();
    say('The emulator was started anew');
  },
  settled() {
    lastHeard = new Date().toISOString().slice(11, 19);
    settled = true;
    showState(connection);
    drawSoon();
    drawCharts();
    refreshHealth();
  },
  state(state) {
    connection = state;
    if (state === 'live') { lastHeard = new Date().toISOString().slice(11, 19); setTimeout(() => { settled = true; drawSoon(); }, 250); }
    showState(state);
  },
});
setInterval(drawCharts, 15_000);

// The detail

async function open(id, focus) {
  chosen = id;
  document.body.classList.add('has-detail');
  detail.hidden = false;
  writeAddress();
  draw();
  try {
    const entry = await ask(`/requests/${encodeURIComponent(id)}`);
    if (chosen !== id) return;
    // What the list knows and the entry may not: both come of one request.
    const heading = await explain(detail, entry, { link: (endpoint) => `/dashboard/policies?document=${encodeURIComponent(endpoint)}`, close: shut, edits: editsOf, pictures });
    detail.dataset.request = id;
    if (focus) heading.focus();
    document.title = `${entry.operation ?? entry.method} · Requests · lookoutvision-emulator`;
  } catch (error) {
    if (chosen !== id) return;
    detail.replaceChildren(el('div.top', null, el('h2', { id: 'detail-h', tabindex: '-1' }, 'This request is gone'), el('button.bare.push', { id: 'close', type: 'button', 'aria-label': 'Close detail', onclick: shut }, icon('x'))),
      empty('The journal does not have it.', error.message));
  }
}

function shut() {
  chosen = null;
  detail.hidden = true;
  document.body.classList.remove('has-detail');
  document.title = 'Requests · lookoutvision-emulator';
  writeAddress();
  draw();
  (scroller.hidden ? find : table).focus();
}

// Keys and pointers

function go(index) {
  active = fitting[fitting.length - 1 - Math.max(0, Math.min(fitting.length - 1, index))] ?? null;
  if (!active) return;
  const height = rowHeight();
  const top = indexOf(active) * height;
  const head = table.tHead.offsetHeight;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + height + head > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + height + head - scroller.clientHeight;
  draw();
}

table.addEventListener('keydown', (event) => {
  const at = active ? indexOf(active) : -1;
  const page = Math.max(1, Math.floor(scroller.clientHeight / rowHeight()) - 2);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: fitting.length - 1, PageDown: at + page, PageUp: at - page }[event.key];
  if (to !== undefined) { event.preventDefault(); go(to); }
  else if (event.key === 'Enter' && active) { event.preventDefault(); open(active.request_id, true); }
  else if (event.key === '/') { event.preventDefault(); find.focus(); find.select(); }
});
table.addEventListener('focus', () => { if (!active) { active = (chosen && fitting.find(({ request_id: id }) => id === chosen)) || fitting.at(-1) || null; draw(); } });
table.addEventListener('click', (event) => {
  const row = event.target.closest('tr[data-id]');
  if (!row) return;
  active = fitting.find((entry) => entry.request_id === row.dataset.id) ?? null;
  table.focus({ preventScroll: true });
  open(row.dataset.id, false);
  if (innerWidth < 1080) detail.scrollIntoView();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !$('dialog[open], details.pop[open]') && chosen) shut();
});
scroller.addEventListener('scroll', drawSoon, { passive: true });
addEventListener('resize', () => { drawn = ''; drawSoon(); });
addEventListener('beforeprint', () => { isPrinting = true; draw(); });
addEventListener('afterprint', () => { isPrinting = false; draw(); });

const siftSoon = gathered(() => { sift(); writeAddress(); scroller.scrollTop = 0; }, 60);
find.form.addEventListener('submit', (event) => event.preventDefault());
find.addEventListener('input', siftSoon);
find.addEventListener('keydown', (event) => { if (event.key === 'ArrowDown' && fitting.length) { event.preventDefault(); table.focus(); } });
decision.addEventListener('change', siftSoon);

$('#pause').addEventListener('click', (event) => {
  const held = paused;
  paused = held ? null : [];
  event.currentTarget.setAttribute('aria-pressed', String(!held));
  if (held) held.forEach(take);
  showState(connection);
  drawSoon();
  drawCharts();
});

$('#clear').addEventListener('click', async () => {
  if (!(await confirmed($('#clear-ask')))) return;
  try {
    const { removed } = await ask('/requests', { method: 'DELETE' });
    forget();
    say(`${plural(removed, 'request')} forgotten`);
  } catch (error) {
    say(error.message);
  }
});

readAddress();
sift();
drawCharts();
if (chosen) open(chosen, false);
