// The page of faults: what each has done, and a form for another one with the same in YAML beside it.

import { $, $$, ask, badge, confirmed, copyButton, count, el, empty, gathered, plural, rows, say, wrong } from './base.js';
import { listen } from './live.js';
import { items } from './yaml.js';

const form = $('#form');
const STAGES = { before_answer: 'before answer', instead_of_operation: 'instead of operation', before_authentication: 'before authentication' };
const PARTS = ['service', 'operation', 'principal', 'access_key_id', 'vpc_endpoint_id', 'project', 'model_version', 'region', 'source_ip', 'server_name'];

// The list

function whenOf({ when = {}, probability }) {
  const parts = PARTS.filter((part) => when[part] !== undefined).map((part) => [`${part.replaceAll('_', ' ')} `, el('span.m', null, String(when[part]))]);
  if (when.call) {
    const { from, to, every } = when.call;
    parts.push([every && every > 1 && `every ${every} calls, `, from || to || !every ? `from call ${from ?? 1}` : `from call ${every}`, to && ` to ${to}`]);
  }
  if (probability !== undefined && probability < 1) parts.push([`${Number((probability * 100).toPrecision(4))} of 100`]);
  return parts.length ? parts.flatMap((part, index) => (index ? [', ', part] : [part])) : 'every call';
}

function effectOf({ fault }) {
  const delay = fault.delay_milliseconds;
  const held = delay !== undefined && `${typeof delay === 'number' ? delay : `${delay.from} to ${delay.to}`} ms`;
  const bold = (text) => el('b', null, text);
  const what = fault.error ? [bold(fault.error), fault.message && ` ${fault.message}`]
    : fault.status ? [bold(`status ${fault.status}`), fault.body ? ` ${plural(fault.body.length, 'character')}` : ' without a body']
      : fault.connection ? [bold(`connection: ${fault.connection}`), fault.after_bytes !== undefined && ` after ${plural(fault.after_bytes, 'byte')}`, fault.bytes_per_second && ` at ${plural(fault.bytes_per_second, 'byte')} a second`, fault.seconds && ` for ${fault.seconds} s`]
        : fault.tls ? [bold(`TLS: ${fault.tls.replaceAll('_', ' ')}`), fault.seconds && ` for ${fault.seconds} s`]
          : [bold('delay')];
  return [...what, fault.retry_after_seconds !== undefined && `, retry after ${fault.retry_after_seconds} s`, held && (what.length === 1 && !fault.error ? ` ${held}` : `, after ${held}`)];
}

function leftOf(fault) {
  const parts = [];
  if (fault.times_left !== null && fault.times_left !== undefined) parts.push(`${count(fault.times_left)} of ${count(fault.definition.times ?? fault.times_left)}`);
  if (fault.seconds_left !== null && fault.seconds_left !== undefined) parts.push(`${count(fault.seconds_left)} s`);
  return parts.join(', ') || 'unlimited';
}

async function read() {
  try {
    draw(await ask('/faults'));
    wrong($('#page-wrong'), null);
  } catch (error) {
    wrong($('#page-wrong'), error);
  }
}

/** Whether somebody has written the name that stands in the form */
let isNamed = false;

/** Proposes the first name that no fault has: busy, busy-2 and so on */
function proposeName(faults) {
  if (isNamed) return;
  const taken = new Set(faults.map(({ name }) => name));
  let name = 'busy';
  for (let number = 2; taken.has(name); number += 1) name = `busy-${number}`;
  if (form.elements.name.value === name) return;
  form.elements.name.value = name;
  show();
}

function draw(faults) {
  proposeName(faults);
  const active = faults.filter(({ state }) => state === 'active').length;
  const struck = faults.reduce((sum, fault) => sum + fault.struck, 0);
  $('#about').textContent = faults.length ? `${active} active, ${faults.length - active} over; together they met ${plural(struck, 'request')}` : '';
  $('#stop-all').disabled = faults.length === 0;
  const place = $('#faults');
  if (faults.length === 0) {
    place.replaceChildren(empty('No fault.', "Requests get the service's own answers."));
    return;
  }
  if (document.activeElement?.closest('#faults')) { again(faults, place); return; }
  const head = ['Fault', 'When', 'What happens', 'Stage', 'Matched', 'Struck', 'Left'];
  const table = el('table.t.lines', { role: 'table' }, el('caption.vh', null, 'Faults, in the order in which calls are looked up in them'),
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, head.map((title) => el(title === 'Matched' || title === 'Struck' ? 'th.r' : 'th', { scope: 'col', role: 'columnheader' }, title)), el('th', { scope: 'col', role: 'columnheader' }, el('span.vh', null, 'Stop')))),
    el('tbody', { role: 'rowgroup' }, faults.map(rowOf)));
  rows(table);
  place.replaceChildren(table);
}

function rowOf(fault) {
  const { name, state, definition } = fault;
  const isOver = state !== 'active';
  const cell = (title, content, more = '') => el(`td${more}`, { role: 'cell', 'data-h': title }, content);
  return el('tr', { role: 'row', data: { row: '', name } },
    el('th', { scope: 'row', role: 'rowheader' }, isOver ? el('span.b.no', null, `${name}, ${state === 'spent' ? 'spent' : 'over'}`) : badge('fa', name), ' ', fault.source === 'configuration' && el('span.q', null, 'file')),
    cell('when', whenOf(definition)), cell('does', effectOf(definition)), cell('stage', definition.fault.tls ? 'handshake' : STAGES[definition.stage ?? 'before_answer']),
    cell('matched', count(fault.matched), '.r.n'), cell('struck', fault.struck ? el('a', { href: `/dashboard?fault=${encodeURIComponent(name)}` }, count(fault.struck)) : '0', '.r.n'),
    cell('left', leftOf(fault), '.n'),
    el('td.nw', { role: 'cell' }, isOver && el('button.bare', { type: 'button', 'aria-label': `Start ${name} again`, onclick: () => restart(fault) }, 'Again'), el('button.bare', { type: 'button', 'aria-label': `Stop ${name}`, onclick: () => stop(name) }, isOver ? 'Remove' : 'Stop')));
}

/** Keeps the focus where it is while the numbers go on */
function again(faults, place) {
  const label = document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent;
  const name = document.activeElement.closest('tr')?.dataset.name;
  document.activeElement.blur();
  draw(faults);
  const row = $$('tr[data-name]', place).find((other) => other.dataset.name === name);
  const same = row && $$('button, a', row).find((other) => (other.getAttribute('aria-label') ?? other.textContent) === label);
  (same ?? row)?.focus();
}

async function stop(name) {
  try {
    await ask(`/faults/${encodeURIComponent(name)}`, { method: 'DELETE' });
    say(`${name} is stopped`);
  } catch (error) {
    wrong($('#page-wrong'), error);
  }
  await read();
}

async function restart({ name, definition }) {
  try {
    await ask(`/faults/${encodeURIComponent(name)}`, { method: 'DELETE' });
    await ask('/faults', { method: 'POST', body: definition });
    say(`${name} begins again`);
  } catch (error) {
    wrong($('#page-wrong'), error);
  }
  await read();
}

$('#stop-all').addEventListener('click', async () => {
  if (!(await confirmed($('#stop-ask')))) return;
  await ask('/faults', { method: 'DELETE' }).catch((error) => wrong($('#page-wrong'), error));
  await read();
});

// The form

const isShown = (field) => field.closest('.field').hidden === false;
const textOf = (name) => { const field = form.elements[name]; return isShown(field) ? field.value.trim() : ''; };

/** A number as it is written; what is none is left for the route to refuse in its own words */
const numberOf = (text) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);

/** The fault that the form describes, as `POST /faults` and the file take it */
function definition() {
  const kind = form.elements.kind.value;
  const when = {};
  for (const part of PARTS) if (form.elements[part] && textOf(part)) when[part] = textOf(part);
  for (const part of ['from', 'to', 'every']) if (textOf(`call_${part}`)) when.call = { ...when.call, [part]: numberOf(textOf(`call_${part}`)) };
  const fault = {};
  if (kind === 'error' || kind === 'connection' || kind === 'tls') fault[kind] = textOf(kind);
  if (kind === 'status') fault.status = numberOf(textOf('status'));
  for (const name of ['message', 'body']) if (textOf(name)) fault[name] = textOf(name);
  for (const name of ['retry_after_seconds', 'after_bytes', 'bytes_per_second', 'seconds']) if (textOf(name)) fault[name] = numberOf(textOf(name));
  const [from, to] = [textOf('delay_from'), textOf('delay_to')];
  if (from || to) fault.delay_milliseconds = to ? { from: numberOf(from || '0'), to: numberOf(to) } : numberOf(from);
  const whole = { name: textOf('name') };
  if (Object.keys(when).length) whole.when = when;
  if (textOf('probability')) { const share = numberOf(textOf('probability')); whole.probability = typeof share === 'number' ? share / 100 : share; }
  for (const name of ['seed', 'times', 'ttl_seconds']) if (textOf(name)) whole[name] = numberOf(textOf(name));
  if (textOf('stage')) whole.stage = textOf('stage');
  whole.fault = fault;
  return whole;
}

function show() {
  const kind = form.elements.kind.value;
  for (const field of $$('[data-kinds]', form)) {
    const { kinds, connection, tls } = field.dataset;
    const isOfConnection = kind !== 'connection' || !connection || connection === form.elements.connection.value;
    const isOfTls = kind !== 'tls' || !tls || tls === form.elements.tls.value;
    field.hidden = !kinds.split(' ').includes(kind) || !isOfConnection || !isOfTls;
  }
  // A delay of its own needs one; before something else it is there only if somebody writes it.
  const delay = form.elements.delay_from;
  if (kind === 'delay' && !delay.value) { delay.value = '50'; delay.dataset.proposed = ''; }
  if (kind !== 'delay' && delay.dataset.proposed === '') { delay.value = ''; delete delay.dataset.proposed; }
  $('#file').textContent = `faults:\n${items([definition()], 2)}\n`;
  const seconds = textOf('ttl_seconds');
  $('#form-says').textContent = seconds ? `Ends by itself after ${seconds} s on the machine's clock.` : 'Stays until it is stopped or the emulator is reset.';
  for (const field of $$('[aria-invalid]', form)) { field.removeAttribute('aria-invalid'); field.removeAttribute('aria-describedby'); }
  wrong($('#form-wrong'), null);
}

/** Which field of the form a JSON pointer of the fault is about */
function fieldOf(pointer) {
  const last = pointer?.split('/').filter(Boolean).pop();
  const isOfCall = pointer?.includes('/call');
  const name = { from: isOfCall ? 'call_from' : 'delay_from', to: isOfCall ? 'call_to' : 'delay_to', every: 'call_every', delay_milliseconds: 'delay_from', call: 'call_from' }[last] ?? last;
  const field = name && form.elements[name];
  return field && isShown(field) ? field : null;
}

form.addEventListener('input', (event) => { if (event.target.name === 'name') isNamed = event.target.value !== ''; show(); });
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const fault = definition();
    await ask('/faults', { method: 'POST', body: fault });
    isNamed = false;
    show();
    say(`${fault.name} is in force`);
    await read();
  } catch (error) {
    const place = $('#form-wrong');
    wrong(place, error);
    const field = fieldOf(error.code === 'FaultExists' ? '/name' : error.path);
    if (field) { field.setAttribute('aria-invalid', 'true'); field.setAttribute('aria-describedby', place.id); field.focus(); }
  }
});

$('#copy-file').replaceWith(copyButton('Copy', () => $('#file').textContent, 'button.push'));
const refresh = gathered(read, 300);
listen(null, { request: refresh, change: refresh, restarted: refresh, state() {} });
// What ends by itself tells nobody.
setInterval(() => { if (!document.hidden) read(); }, 2_000);
show();
read();
