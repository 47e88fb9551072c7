// What every page has: elements made of texts, questions to the control API, the head with its clock, and copying.
//
// Nothing here reads a text as markup: elements come of `el`, and texts go in as text nodes.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element: `el('span.b.ok', {title: 'whole'}, 'text', child)`; null and false children are left out. */
export function el(name, properties, ...children) {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'data') Object.assign(element.dataset, value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An SVG element with attributes */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** One of the symbols of the page */
export const icon = (name) => svg('svg', { 'aria-hidden': 'true' }, svg('use', { href: `#i-${name}` }));

/** Text that only screen readers have */
export const hidden = (text) => el('span.vh', null, text);

/** A decision in a word, a form and a colour */
export const badge = (kind, text, more) => el(`span.b.${kind}`, null, icon(kind), text, more);

/** A text of the control API, with what stands between backticks as code */
export const withCode = (text) => (text ?? '').split('`').map((part, index) => (index % 2 ? el('code', null, part) : part));

/** An ARN whose head gives way and whose tail stays */
export function arn(text) {
  if (text === null || text === undefined) return el('span.q', null, 'not known');
  const parts = text.split(':');
  const head = parts.length > 5 ? `${parts.slice(0, 5).join(':')}:` : '';
  return el('span.arn', { title: text }, head && el('i', null, head), el('b', null, el('bdi', null, text.slice(head.length))));
}

/** What tells an ARN apart: its last part */
export function tail(text) {
  const parts = (text ?? '').split(':');
  return parts.length > 5 ? parts.slice(5).join(':') : text ?? '';
}

/** `DetectAnomalies` of `lookoutvision:DetectAnomalies` */
export const actionName = (action) => (action ?? '').split(':').pop();

const two = (number) => String(number).padStart(2, '0');

/** `09:41:38.366` of an instant (RFC 3339) */
export const clockTime = (instant) => (/T(\d\d:\d\d:\d\d)/.exec(instant)?.[1] ?? instant) + (/\.\d+/.exec(instant)?.[0] ?? '.').padEnd(4, '0').slice(0, 4);
/** `09:41:38` of milliseconds since the epoch */
export const wallTime = (milliseconds) => new Date(milliseconds).toISOString().slice(11, 19);

/** Microseconds as people say them */
export function duration(micros) {
  if (micros < 1000) return `${micros} µs`;
  if (micros < 1e6) return `${(micros / 1000).toPrecision(3)} ms`;
  return `${(micros / 1e6).toPrecision(3)} s`;
}

/** Seconds as people say them */
export function seconds(number) {
  const units = [[86400, 'd'], [3600, 'h'], [60, 'min']];
  const [size, unit] = units.find(([unitSize]) => number >= unitSize) ?? [1, 's'];
  return `${Math.floor(number / size)} ${unit}`;
}

export const count = (number) => number.toLocaleString('en-US');
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const bytes = (number) => (number < 1024 ? plural(number, 'byte') : number < 1048576 ? `${(number / 1024).toFixed(1)} KiB` : `${(number / 1048576).toFixed(1)} MiB`);

/** What a route refuses with */
export class RouteError extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? `the control API answered ${status}`);
    Object.assign(this, { status, code: body?.error?.code, path: body?.error?.path, line: body?.error?.line, column: body?.error?.column });
  }
}

/** Asks a route: JSON as a value, everything else as text. Throws `RouteError`, and what `fetch` throws. */
export async function ask(path, { method = 'GET', body, accept = 'application/json', signal } = {}) {
  const headers = { accept };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(path, { method, headers, body: text, signal, cache: 'no-store' });
  const answer = await response.text();
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
  const parsed = () => { try { return JSON.parse(answer); } catch { return null; } };
  if (!response.ok) throw new RouteError(response.status, parsed());
  if (accept === 'text/plain' || !isJson) return answer;
  return parsed();
}

/** A text as it was sent: policies are shown as they are written. */
export const askText = (path, options) => ask(path, { ...options, accept: 'text/plain' });

let listed;
/** Whether this emulator has a route: `await has('POST', '/what-if')` */
export async function has(method, path) {
  listed ??= ask('/').then((list) => list.routes).catch(() => { listed = undefined; return []; });
  return (await listed).some((route) => route.method === method && route.path === path);
}

const toast = $('#toast');
let quiet;
/** Says a short thing at the bottom of the page */
export function say(text) {
  toast.textContent = text;
  clearTimeout(quiet);
  quiet = setTimeout(() => { toast.textContent = ''; }, 3000);
}

/** Puts a text on the clipboard; where the browser has none (plain HTTP by a name), by a selection. */
export async function copy(text) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else {
      const area = el('textarea.vh', { readonly: true });
      area.value = text;
      const focused = document.activeElement;
      document.body.append(area);
      area.select();
      const done = document.execCommand('copy');
      area.remove();
      focused?.focus();
      if (!done) throw new Error('refused');
    }
    say('Copied');
  } catch {
    say('The browser does not let this page copy');
  }
}

/** A button that copies; `text` is a text or a function that makes it */
export const copyButton = (label, text, name = 'button') =>
  el(name, { type: 'button', onclick: async () => copy(await (typeof text === 'function' ? text() : text)) }, icon('copy'), label);

/** Asks before something that cannot be taken back; true when the first button was chosen */
export function confirmed(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = '';
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
    dialog.showModal();
  });
}

/** A message of the control API at the control that it is about */
export function wrong(place, error) {
  place.hidden = !error;
  place.replaceChildren(...(error ? [icon('er'), el('span', null, typeof error === 'string' ? error : error.message)] : []));
}

/** Says on every page that the configuration's files say something that is not in force; null: they do not */
export const sayRefused = (reasons) => wrong($('#notice'), reasons && `The configuration has changed and is not valid, so the one before stays in force: ${reasons}`);

/** What a page shows where there is nothing: why, what to do, and how */
export const empty = (title, text, ...more) => el('div.empty', null, el('b', null, title), text && el('span', null, text), ...more);

/** One tab stop for a list of rows: arrows move, Enter opens */
export function rows(table, open) {
  const all = () => $$('tbody tr[data-row]', table);
  const rove = (to) => { for (const row of all()) row.tabIndex = row === to ? 0 : -1; to?.focus(); };
  for (const [index, row] of all().entries()) row.tabIndex = index === 0 ? 0 : -1;
  if (table.dataset.roves) return;
  table.dataset.roves = 'yes';
  table.addEventListener('keydown', (event) => {
    const list = all();
    const at = list.indexOf(event.target);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (to !== undefined) { event.preventDefault(); rove(list[Math.max(0, Math.min(list.length - 1, to))]); }
    else if (event.key === 'Enter' && open) { event.preventDefault(); open(event.target); }
  });
  table.addEventListener('click', (event) => {
    const row = event.target.closest('tbody tr[data-row]');
    if (row && open && !event.target.closest('a, button')) { rove(row); open(row); }
  });
}

/** A list of tabs: arrows move, the chosen one is told */
export function tabs(list, choose) {
  const all = $$('[role=tab]', list);
  const show = (tab) => {
    for (const other of all) { other.setAttribute('aria-selected', other === tab); other.tabIndex = other === tab ? 0 : -1; }
    choose(tab);
  };
  list.addEventListener('click', (event) => { const tab = event.target.closest('[role=tab]'); if (tab) show(tab); });
  list.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const tab = all[(all.indexOf(event.target) + step + all.length) % all.length];
    show(tab);
    tab.focus();
  });
}

/** Reads again what a `change` has made different, soon but not at once for each of many */
export function gathered(work, milliseconds = 150) {
  let waiting;
  return () => { clearTimeout(waiting); waiting = setTimeout(work, milliseconds); };
}

// The clock of the emulator, in the head

let clock = null;
/** The emulator's present, in milliseconds since the epoch */
export function emulatorNow() {
  if (!clock) return Date.now();
  return clock.frozen ? clock.at : clock.at + (performance.now() - clock.read);
}

export async function readClock() {
  setClock(await ask('/clock'));
}

function setClock(read) {
  clock = { at: Date.parse(read.now), read: performance.now(), frozen: read.frozen_at !== undefined };
  const offset = read.offset_seconds ?? 0;
  $('#clock-how').textContent = clock.frozen ? 'stands still' : offset === 0 ? 'runs with the machine' : `runs, ${offset > 0 ? '+' : ''}${offset} s from the machine's time`;
  $('#clock-state').textContent = clock.frozen ? 'frozen' : offset === 0 ? '' : 'moved';
  $('#clock-back').disabled = !clock.frozen && offset === 0;
  $('#clock-freeze').disabled = clock.frozen;
  $('#clock-menu').classList.toggle('moved', clock.frozen || offset !== 0);
  tick();
}

function tick() {
  if (!clock) return;
  const now = new Date(emulatorNow()).toISOString();
  $('#clock-text').textContent = `${now.slice(11, 19)} UTC`;
  $('#clock-now').textContent = `${now.slice(0, 10)} ${now.slice(11, 19)} UTC`;
}

async function changeClock(path, options) {
  const place = $('#clock-wrong');
  try {
    setClock(await ask(path, options));
    wrong(place, null);
  } catch (error) {
    wrong(place, error);
  }
}

$('#clock-freeze').addEventListener('click', () => changeClock('/clock', { method: 'PUT', body: { frozen_at: new Date(Math.round(emulatorNow() / 1000) * 1000).toISOString() } }));
$('#clock-back').addEventListener('click', () => changeClock('/clock', { method: 'PUT', body: { offset_seconds: 0 } }));
$('#clock-advance').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('#clock-seconds').value.trim();
  if (!/^\d+$/.test(text)) { wrong($('#clock-wrong'), 'a whole number of seconds from 0 on'); return; }
  changeClock('/clock/advance', { method: 'POST', body: { seconds: Number(text) } });
});
setInterval(tick, 1000);

// The foot of the page

/** What `/health` says, for the foot and for whoever else wants it */
export async function readHealth() {
  const health = await ask('/health');
  $('#foot-version').textContent = `${health.version}, for testing only`;
  $('#foot-uptime').textContent = `up ${seconds(health.uptime_seconds)}`;
  $('#foot-journal').textContent = `${plural(health.journal.entries, 'entry', 'entries')} in the journal`;
  sayRefused(health.refused_reload);
  return health;
}

$('#keys-open').addEventListener('click', () => $('#keys').showModal());

for (const menu of $$('details.pop')) {
  menu.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !menu.open) return;
    menu.open = false;
    $('summary', menu).focus();
    event.stopPropagation();
  });
  document.addEventListener('click', (event) => { if (!menu.contains(event.target)) menu.open = false; });
}

// On paper everything is unfolded, and what was chosen stands where the control was.

let unfolded = [];
addEventListener('beforeprint', () => {
  unfolded = $$('main details:not(.pop, [open])');
  for (const details of unfolded) details.open = true;
  for (const select of $$('.title select')) select.after(el('span.on-paper', null, select.selectedOptions[0]?.textContent));
  for (const tab of $$('[role=tab][aria-selected=true]')) tab.parentElement.after(el('p.on-paper.pad', null, el('b', null, tab.textContent)));
});
addEventListener('afterprint', () => {
  for (const details of unfolded) details.open = false;
  for (const text of $$('.on-paper')) text.remove();
});

readClock().catch(() => {});
readHealth().catch(() => {});
