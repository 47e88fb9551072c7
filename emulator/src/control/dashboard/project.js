// The page of projects: what there is with its status on the clock, and the rules that answer for a model.

import { $, $$, ask, badge, copyButton, count, el, emulatorNow, empty, gathered, has, plural, readClock, rows, say, seconds, wrong } from './base.js';
import { listen } from './live.js';
import { flow, items } from './yaml.js';

const RULES = '/projects/{project}/models/{version}/detect-anomalies';
const GRADES = { HOSTED: 'ok', TRAINED: 'ok', CREATE_COMPLETE: 'ok', UPDATE_COMPLETE: 'ok' };

const regions = $('#region');
const form = $('#form');
let chosen = null; // {project, version} whose rules are shown
let rulesAreThere = false;

// What there is

async function read() {
  try {
    const region = regions.value || new URLSearchParams(location.search).get('region');
    const answer = await ask(`/projects${region ? `?region=${encodeURIComponent(region)}` : ''}`);
    regions.replaceChildren(...answer.regions.map((name) => el('option', null, name)));
    regions.value = answer.region;
    wrong($('#page-wrong'), null);
    draw(answer);
  } catch (error) {
    wrong($('#page-wrong'), error);
  }
}

const grade = (status) => GRADES[status] ?? (/FAILED/.test(status) ? 'er' : 'no');

function end(instant) {
  if (!instant) return el('span.q', null, 'stays');
  const left = (Date.parse(instant) - emulatorNow()) / 1000;
  return `${instant.slice(11, 19)}, ${left > 0 ? `in ${seconds(left)}` : 'now'}`;
}

function draw({ projects, not_created: waiting }) {
  const models = projects.reduce((sum, project) => sum + project.models.length, 0);
  const datasets = projects.reduce((sum, project) => sum + project.datasets.length, 0);
  $('#about').textContent = `${plural(projects.length, 'project')}, ${plural(models, 'model')}, ${plural(datasets, 'dataset')}`;
  const place = $('#projects');
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.model : null;
  place.replaceChildren(...projects.map(cardOf), ...waiting.map(waitingCard));
  if (projects.length + waiting.length === 0) place.replaceChildren(el('div.card', null, empty('No project.', 'CreateProject makes one; so does projects: in the configuration.')));
  if (focused) $$('tr[data-model]', place).find((row) => row.dataset.model === focused)?.focus();
  if (!chosen && projects.some((project) => project.models.length)) {
    const project = projects.find((other) => other.models.length);
    choose(project.name, project.models[0].version);
  }
}

const cells = (titles) => el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, titles.map(([title, kind]) => el(kind ? `th.${kind}` : 'th', { scope: 'col', role: 'columnheader' }, title))));
const cell = (title, content, kind = '') => el(`td${kind}`, { role: 'cell', 'data-h': title }, content);

function cardOf(project) {
  const card = el('section.card', { 'aria-label': project.name }, el('header', null, el('h2', null, project.name), el('span.q', null, project.is_declared ? 'made from the configuration' : `made by a call, ${project.created.slice(0, 10)} ${project.created.slice(11, 19)}`)));
  if (project.models.length) {
    const table = el('table.t.lines', { role: 'grid' }, el('caption.vh', null, `Models of ${project.name}; Enter shows the rules of one`), cells([['Model'], ['Status'], ['Ends, on the clock']]),
      el('tbody', { role: 'rowgroup' }, project.models.map((model) => el('tr', { role: 'row', 'aria-selected': String(chosen?.project === project.name && chosen.version === model.version), data: { row: '', model: `${project.name} ${model.version}`, project: project.name, version: model.version } },
        el('th.m', { scope: 'row', role: 'rowheader' }, model.version), el('td', { role: 'gridcell', 'data-h': 'status' }, badge(grade(model.status), model.status), /FAILED/.test(model.status) && ` ${model.message}`), el('td.n', { role: 'gridcell', 'data-h': 'ends' }, end(model.ends_at))))));
    rows(table, (row) => choose(row.dataset.project, row.dataset.version));
    card.append(table);
  } else card.append(empty('No model.', 'CreateModel trains one from the training dataset.'));
  if (project.datasets.length) {
    card.append(el('table.t.lines', { role: 'table' }, el('caption.vh', null, `Datasets of ${project.name}`), cells([['Dataset'], ['Status'], ['Ends, on the clock'], ['Images', 'r'], ['Labelled', 'r']]),
      el('tbody', { role: 'rowgroup' }, project.datasets.map((dataset) => el('tr', { role: 'row' }, el('th', { scope: 'row', role: 'rowheader' }, dataset.type), cell('status', [badge(grade(dataset.status), dataset.status), /FAILED/.test(dataset.status) && ` ${dataset.message}`]), cell('ends', end(dataset.ends_at), '.n'), cell('images', count(dataset.images), '.r.n'), cell('labelled', count(dataset.labelled), '.r.n'))))));
  }
  return card;
}

const waitingCard = (name) => el('section.card', { 'aria-label': name }, el('header', null, el('h2', null, name), badge('no', 'not made yet')), el('div.empty', null, el('b', null, 'CreateProject makes it.'), el('span', null, 'Its rules and outcomes are in the configuration and count from then on.'), copyButton('Copy the call', `aws lookoutvision create-project --project-name ${name}`)));

// The rules of a model

const rulesPath = () => `/projects/${encodeURIComponent(chosen.project)}/models/${encodeURIComponent(chosen.version)}/detect-anomalies?region=${encodeURIComponent(regions.value)}`;

async function choose(project, version) {
  chosen = { project, version };
  for (const row of $$('#projects tr[data-model]')) row.setAttribute('aria-selected', row.dataset.model === `${project} ${version}`);
  await readRules();
}

async function readRules() {
  const card = $('#rules');
  card.hidden = !rulesAreThere || !chosen;
  if (card.hidden) return;
  $('#rules-h').textContent = `Answers of ${chosen.version}`;
  try {
    const [rules, counts] = await Promise.all([ask(rulesPath()), answered()]);
    drawRules(rules, counts);
  } catch (error) {
    $('#rules-list').replaceChildren(el('p.pad.q', null, error.message));
  }
}

/** How often each rule answered, by counters that no eviction touches */
async function answered() {
  const answer = await ask('/requests/counts?by=rule').catch(() => null);
  return answer && new Map(answer.counts.map((group) => [group.rule, group.count]));
}

const confidence = (value) => (value && typeof value === 'object' ? `${value.from} to ${value.to}` : value);

function thenOf(then) {
  const pieces = then.error ? [el('b', null, then.error), then.message && ` ${then.message}`] : then.is_anomalous === undefined ? [el('span.m', null, flow(then))] : [el('b', null, then.is_anomalous ? 'anomalous' : 'normal'), then.confidence !== undefined && ` ${confidence(then.confidence)}`, then.anomalies?.length > 0 && `, ${then.anomalies.map(({ name }) => name).join(', ')}`];
  const delay = then.delay_milliseconds;
  return [...pieces, delay !== undefined && `, after ${typeof delay === 'object' ? `${delay.from} to ${delay.to}` : delay} ms`];
}

function drawRules(rules, counts) {
  // Rules that the configuration has were replaced by others, too, where none of it is left.
  $('#restore').disabled = !rules.some(({ source }) => source === 'control');
  const head = [['Rule'], ['When'], ['Then'], ...(counts ? [['Answered', 'r']] : []), ['']];
  $('#rules-list').replaceChildren(el('table.t.lines', { role: 'table' }, el('caption.vh', null, `Rules of ${chosen.version} in order`), cells(head.slice(0, -1)),
    el('tbody', { role: 'rowgroup' }, rules.map((rule) => el('tr', { role: 'row' }, el('th', { scope: 'row', role: 'rowheader' }, el('b', null, rule.id), ' ', el('span.q', null, rule.source === 'control' ? 'control' : 'file')),
      cell('when', rule.when ? el('span.m', null, flow(rule.when)) : el('span.q', null, 'every call')), cell('then', [thenOf(rule.then ?? {}), rule.source === 'control' && [' ', el('button.bare', { type: 'button', 'aria-label': `Remove ${rule.id}`, onclick: () => remove(rule.id) }, 'Remove')]]), counts && cell('answered', count(counts.get(rule.id) ?? 0), '.r.n'))),
    el('tr', { role: 'row' }, el('th', { scope: 'row', role: 'rowheader' }, el('b', null, 'default')), cell('when', el('span.q', null, 'nothing above matched')), cell('then', 'a normal result'), counts && el('td', { role: 'cell' })))));
}

async function remove(id) {
  const [path, query] = rulesPath().split('?');
  try {
    await ask(`${path}/${encodeURIComponent(id)}?${query}`, { method: 'DELETE' });
    say(`${id} is removed`);
  } catch (error) {
    wrong($('#form-wrong'), error);
  }
  await readRules();
}

// The form

const numberOf = (text) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);
const textOf = (name) => form.elements[name].value.trim();

function drawnRegions() {
  return textOf('regions').split('\n').map((line) => line.trim().split(/[\s,]+/).filter(Boolean).map(Number)).filter((numbers) => numbers.length === 4 && numbers.every(Number.isFinite)).map(([x, y, width, height]) => ({ x, y, width, height }));
}

/** `{line: 'warm', day: 'night'}` of `line=warm day=night`; a name without a state is left for the route to refuse */
const statesOf = (text) => Object.fromEntries(text.split(/[\s,]+/).filter(Boolean).map((pair) => { const [name, ...state] = pair.split('='); return [name, state.join('=')]; }));

/** The rule that the form describes */
function rule() {
  const kind = form.elements.then.value;
  const when = {};
  for (const part of ['from', 'to', 'every']) if (textOf(part)) when.call = { ...when.call, [part]: numberOf(textOf(part)) };
  if (textOf('scenario')) when.scenario = statesOf(textOf('scenario'));
  if (textOf('principal')) when.principal = textOf('principal');
  const then = kind === 'error' ? { error: textOf('error') } : { is_anomalous: kind === 'anomalous' };
  if (kind === 'error' && textOf('message')) then.message = textOf('message');
  if (kind !== 'error' && textOf('confidence')) then.confidence = numberOf(textOf('confidence'));
  if (kind === 'anomalous' && textOf('anomaly')) then.anomalies = [{ name: textOf('anomaly'), color: textOf('color').toUpperCase(), regions: drawnRegions() }];
  if (textOf('set_scenario')) then.set_scenario = statesOf(textOf('set_scenario'));
  if (textOf('delay')) then.delay_milliseconds = numberOf(textOf('delay'));
  return Object.keys(when).length ? { when, then } : { then };
}

function show() {
  const kind = form.elements.then.value;
  for (const field of $$('[data-then]', form)) field.hidden = !field.dataset.then.split(' ').includes(kind);
  // Without an anomaly that has a name there is nothing to draw.
  $('#regions-field').hidden = kind !== 'anomalous' || !textOf('anomaly');
  $('#yaml').textContent = items([rule()], 0);
  wrong($('#form-wrong'), null);
  paintRegions();
}

form.addEventListener('input', show);
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const { id, warnings } = await ask(rulesPath(), { method: 'POST', body: rule() });
    say(`${id} answers from the next call on`);
    wrong($('#form-wrong'), warnings.length ? warnings.map(({ message }) => message).join('; ') : null);
    await readRules();
  } catch (error) {
    wrong($('#form-wrong'), error.path ? `${error.path}: ${error.message}` : error);
  }
});
$('#restore').addEventListener('click', async () => {
  try {
    await ask(rulesPath(), { method: 'DELETE' });
    say('The rules of the configuration are back');
  } catch (error) {
    wrong($('#form-wrong'), error);
  }
  await readRules();
});

// Regions, drawn

const canvas = $('#drawing');
let picture = null;
let from = null;
let to = null;

const at = (event) => {
  const box = canvas.getBoundingClientRect();
  const share = (value, begin, size) => Math.min(1, Math.max(0, (value - begin) / size));
  return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
};

function rectangle([x1, y1], [x2, y2]) {
  return { x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1) };
}

function paintRegions() {
  const pen = canvas.getContext('2d');
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  pen.globalAlpha = 0.6;
  pen.fillStyle = textOf('color');
  for (const { x, y, width, height } of [...drawnRegions(), ...(from && to ? [rectangle(from, to)] : [])]) pen.fillRect(x * canvas.width, y * canvas.height, width * canvas.width, height * canvas.height);
  pen.globalAlpha = 1;
}

canvas.addEventListener('pointerdown', (event) => { from = at(event); to = from; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener('pointermove', (event) => { if (from) { to = at(event); paintRegions(); } });
canvas.addEventListener('pointerup', () => {
  const { x, y, width, height } = rectangle(from, to);
  from = null;
  to = null;
  if (width > 0.005 && height > 0.005) {
    const line = [x, y, width, height].map((number) => number.toFixed(3)).join(' ');
    form.elements.regions.value = [textOf('regions'), line].filter(Boolean).join('\n');
  }
  show();
});
$('#undraw').addEventListener('click', () => { form.elements.regions.value = textOf('regions').split('\n').slice(0, -1).join('\n'); show(); });
$('#picture').addEventListener('change', async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  try {
    picture = await createImageBitmap(file);
    canvas.height = Math.round((canvas.width * picture.height) / picture.width);
  } catch {
    say('This is no picture that the browser can read');
  }
  show();
});

regions.addEventListener('change', () => { history.replaceState(null, '', `?region=${encodeURIComponent(regions.value)}`); chosen = null; $('#rules').hidden = true; read(); });
$('#copy-place').replaceWith(copyButton('Copy as YAML', () => $('#yaml').textContent, 'button.bare'));
const refresh = gathered(async () => { await readClock().catch(() => {}); await read(); if (!$('#rules').contains(document.activeElement) || document.activeElement.tagName !== 'BUTTON') await readRules(); }, 400);
listen(null, { request: refresh, change: refresh, restarted: refresh, state() {} });
// What ends on the clock tells nobody.
setInterval(() => { if (!document.hidden) read(); }, 5_000);
has('GET', RULES).then((is) => { rulesAreThere = is; show(); return read(); });
