// The page of the matrix: what everyone may do over one entry point; a cell opens why.

import { $, $$, ask, askText, badge, copyButton, count, el, empty, gathered, hidden, icon, tail, wrong } from './base.js';
import { testCase } from './copies.js';
import { KIND_WORDS, verdict, way, why } from './explain.js';
import { listen } from './live.js';

const KINDS = { allowed: 'ok', implicitDeny: 'im', explicitDeny: 'ex' };
const WORDS = { allowed: 'allowed', implicitDeny: 'implicit deny', explicitDeny: 'explicit deny' };
const GROUPS = [['Inference', /^DetectAnomalies$/], ['Packaging', /ModelPackagingJob/], ['Models', /Model/], ['Datasets', /Dataset/], ['Tags', /[Tt]ag/], ['Projects', /Project/]];
/** So that operations of one kind stand together */
const ORDER = ['Inference', 'Models', 'Packaging', 'Datasets', 'Projects', 'Tags'];

let cells = [];
let endpoints = [];
let chosen = null; // the key of the cell whose reason is open

const chooser = $('#entry-point');
const regions = $('#region');
const keyOf = (cell) => `${cell.principal} ${cell.operation} ${cell.resource}`;
const groupOf = (operation) => GROUPS.find(([, pattern]) => pattern.test(operation))?.[0] ?? 'Projects';

async function readEntryPoints() {
  endpoints = await ask('/vpc-endpoints');
  const wanted = chooser.value || new URLSearchParams(location.search).get('entry_point');
  chooser.replaceChildren(...endpoints.map(({ vpc_endpoint_id: id }) => el('option', { value: id }, id)), el('option', { value: 'public' }, 'public endpoint'));
  if ([...chooser.options].some(({ value }) => value === wanted)) chooser.value = wanted;
}

async function read() {
  try {
    const answer = await ask(`/matrix?vpc_endpoint_id=${encodeURIComponent(chooser.value)}`);
    cells = answer.cells;
    const all = [...new Set(cells.map(({ region }) => region))];
    const before = regions.value;
    regions.replaceChildren(...all.map((region) => el('option', null, region)));
    if (all.includes(before)) regions.value = before;
    regions.hidden = all.length < 2;
    wrong($('#page-wrong'), null);
    draw();
  } catch (error) {
    cells = [];
    draw();
    wrong($('#page-wrong'), error);
  }
}

function draw() {
  // What is refused (421) comes in nowhere: no policy is asked about it.
  const shown = cells.filter(({ region, decision }) => region === regions.value && decision !== 'refused');
  const sums = Object.keys(KINDS).map((decision) => [decision, shown.filter((cell) => cell.decision === decision).length]);
  $('#sum').replaceChildren(...sums.map(([decision, number]) => el(`span.${decision === 'allowed' ? 'c-ok' : 'c-de'}`, null, icon(KINDS[decision]), el('b', null, count(number)), WORDS[decision])));
  const place = $('#matrix');
  if (shown.length === 0) {
    place.replaceChildren(empty('Nobody may come in here.', chooser.value === 'public' ? 'public_endpoint: allow makes the public endpoint an entry point of the service.' : 'The configuration has no principal and no role.'));
    return;
  }
  const principals = [...new Set(shown.map(({ principal }) => principal))];
  const byKey = new Map(shown.map((cell) => [keyOf(cell), cell]));
  const lines = [...new Map(shown.map((cell) => [`${cell.operation} ${cell.resource}`, cell])).values()];
  const groups = ORDER.map((group) => [group, lines.filter(({ operation }) => groupOf(operation) === group)]).filter(([, own]) => own.length);
  const lineOf = (line) => {
    const isWhole = line.resource === '*';
    return el('tr', null, el('th', { scope: 'row' }, line.operation, ' ', !isWhole && el('span.m.q.res', null, line.resource)),
      principals.map((principal) => el('td', null, cellOf(byKey.get(keyOf({ ...line, principal }))))));
  };
  const table = el('table.t.mx', null, el('caption.vh', null, 'Operations by principal; each cell opens why'),
    el('thead', null, el('tr', null, el('th', { scope: 'col' }, 'Operation'), principals.map((principal) => el('th', { scope: 'col', title: principal }, tail(principal))))),
    groups.map(([group, own]) => el('tbody', null, el('tr.grp', null, el('th', { scope: 'rowgroup', colspan: principals.length + 1 }, group)), own.map(lineOf))));
  place.replaceChildren(table);
  rove(table, principals.length);
}

function cellOf(cell) {
  if (!cell) return el('span.q', null, hidden('does not arise'), '–');
  const kind = KINDS[cell.decision];
  const layer = cell.layer && String(cell.layer).replaceAll('-', ' ').replace('vpc ', '');
  return el(`button.${kind}`, { type: 'button', tabindex: '-1', 'aria-pressed': String(keyOf(cell) === chosen), data: { key: keyOf(cell) } }, icon(kind), el('span', null, WORDS[cell.decision], layer && [' ', el('small', null, layer)]));
}

/** The matrix is one stop; arrows move in it */
function rove(table, wide) {
  const buttons = $$('button[data-key]', table);
  const current = buttons.find((button) => button.dataset.key === chosen) ?? buttons[0];
  if (current) current.tabIndex = 0;
  const to = (button) => { for (const other of buttons) other.tabIndex = other === button ? 0 : -1; button.focus(); };
  table.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide }[event.key];
    const next = step ? at + step : { Home: at - (at % wide), End: at - (at % wide) + wide - 1 }[event.key];
    if (at >= 0 && next !== undefined && buttons[next]) { event.preventDefault(); to(buttons[next]); }
  });
  table.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-key]');
    if (!button) return;
    for (const other of buttons) { other.setAttribute('aria-pressed', other === button); other.tabIndex = other === button ? 0 : -1; }
    open(button.dataset.key, true);
  });
}

// Why

/** The documents of one caller, which the coverage report names by whom they are attached to */
async function documentsOf(principal) {
  const { documents } = await ask('/coverage');
  const own = documents.filter(({ attached_to: to, policy_type: type }) => to === principal && (type === 'identity' || type === 'permissions-boundary'));
  return Promise.all(own.map(async ({ policy_type: type, sha256 }) => ({ type, sha256, text: await askText(`/policies/${sha256}`) })));
}

/** An entry like the journal's, of a call that nobody made: what `POST /simulate` says about it */
async function supposed(cell) {
  const endpoint = endpoints.find(({ vpc_endpoint_id: id }) => id === cell.entry_point);
  const account = cell.principal.split(':')[4];
  const resource = cell.resource === '*' ? '*' : `arn:aws:lookoutvision:${cell.region}:${account}:${cell.resource}`;
  const policies = {};
  const sha256s = {};
  if (endpoint) {
    policies.vpcEndpoint = JSON.parse(await askText(`/vpc-endpoints/${endpoint.vpc_endpoint_id}/policy`));
    const { documents } = await ask('/coverage');
    for (const { sha256, policy_type: type, attached_to: to } of documents) {
      if (type === 'vpc-endpoint' && to === endpoint.vpc_endpoint_id && (await askText(`/policies/${sha256}`).then(JSON.parse).then(JSON.stringify)) === JSON.stringify(policies.vpcEndpoint)) sha256s['vpc-endpoint 0'] = sha256;
    }
  }
  const places = {};
  for (const { type, sha256, text } of await documentsOf(cell.principal)) {
    const name = type === 'identity' ? 'identity' : 'boundary';
    (policies[name] ??= []).push(JSON.parse(text));
    sha256s[`${type} ${(places[type] = (places[type] ?? -1) + 1)}`] = sha256;
  }
  const context = { 'aws:PrincipalArn': cell.principal, 'aws:PrincipalAccount': account, 'aws:RequestedRegion': cell.region, 'aws:SecureTransport': 'true', 'aws:ResourceAccount': account };
  if (endpoint) Object.assign(context, { 'aws:SourceVpce': endpoint.vpc_endpoint_id, 'aws:SourceVpc': endpoint.vpc_id });
  const request = { principal: cell.principal, action: `lookoutvision:${cell.operation}`, resource, context };
  const answer = await ask('/simulate?explain=true', { method: 'POST', body: { id: 'cell', policies, request } });
  const named = (what) => what && { ...what, document_sha256: sha256s[`${what.policy_type} ${what.policy}`] ?? null };
  return {
    ...request, operation: cell.operation, status: cell.decision === 'allowed' ? 200 : 403, access_key_id: 'supposed', decision: answer.decision, decided_by: named(answer.decided_by), near_miss: named(answer.near_miss),
    statements: (answer.statements ?? []).map(named), summary: cell.layer ? `implicit deny: no ${LAYER_NAMES[cell.layer] ?? cell.layer} allows` : null, entry_point: endpoint ? { kind: 'vpc-endpoint', vpc_endpoint_id: endpoint.vpc_endpoint_id, vpc_id: endpoint.vpc_id } : { kind: 'public', vpc_endpoint_id: null },
  };
}

const LAYER_NAMES = { 'vpc-endpoint': 'VPC endpoint policy', identity: 'identity-based policy', 'permissions-boundary': 'permissions boundary', 'service-control': 'service control policy', 'resource-control': 'resource control policy' };

async function open(key, focus) {
  chosen = key;
  const cell = cells.find((other) => keyOf(other) === key && other.region === regions.value);
  const panel = $('#detail');
  if (!cell) { panel.hidden = true; return; }
  panel.hidden = false;
  const kind = KINDS[cell.decision];
  const heading = el('h2', { id: 'detail-h', tabindex: '-1' }, tail(cell.principal));
  const top = el('div.top', null, el('div.row', null, badge(kind, KIND_WORDS[kind]), heading), el('p', null, cell.operation, ' ', el('span.m', null, cell.resource)));
  let entry = null;
  try { entry = await supposed(cell); } catch { /* What cannot be asked over HTTP is not explained here. */ }
  if (chosen !== key) return;
  const isSame = entry?.decision === cell.decision;
  const query = new URLSearchParams({ operation: cell.operation, principal: cell.principal });
  const foot = el('div.row.pad', null, entry && copyButton('Copy test case', () => testCase({ ...entry, decision: cell.decision })), el('a.btn', { href: `/dashboard?${query}` }, 'Requests like this'));
  const unsaid = !isSame && el('p.pad.q', null, cell.decided_by ? `Decided by statement ${cell.decided_by.statement}${cell.decided_by.sid ? `, ${cell.decided_by.sid}` : ''}, of the ${cell.decided_by.policy_type} policy.` : cell.layer ? `No ${LAYER_NAMES[cell.layer] ?? cell.layer} allows it.` : 'No policy stands in the way.', ' It hangs on tags, a session or the organization, which this page does not ask about; make the call, and Requests says which clause it is.');
  const document = isSame ? await why(entry, (id) => `/dashboard/policies?document=${encodeURIComponent(id)}`) : null;
  if (chosen !== key) return;
  panel.replaceChildren(...[top, isSame && verdict(entry), isSame && way(entry), document, unsaid, foot].filter(Boolean));
  if (focus && innerWidth < 1080) panel.scrollIntoView();
}

chooser.addEventListener('change', () => { history.replaceState(null, '', `?entry_point=${encodeURIComponent(chooser.value)}`); chosen = null; $('#detail').hidden = true; downloads(); read(); });
regions.addEventListener('change', draw);
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || $('dialog[open], details.pop[open]') || $('#detail').hidden) return;
  $('#detail').hidden = true;
  $('#matrix button[tabindex="0"]')?.focus();
});

function downloads() {
  const link = (format, title, name) => el('a.btn', { href: `/matrix?vpc_endpoint_id=${encodeURIComponent(chooser.value)}&format=${format}`, download: name }, icon('down'), title);
  $('#downloads').replaceChildren(link('csv', 'CSV', 'matrix.csv'), link('markdown', 'Markdown', 'matrix.md'), link('json', 'JSON', 'matrix.json'));
}

const refresh = gathered(async () => { await readEntryPoints().catch(() => {}); await read(); if (chosen && !$('#detail').hidden) await open(chosen, false); }, 300);
listen(null, { change: refresh, restarted: refresh, state() {} });
readEntryPoints().then(() => { downloads(); return read(); }).catch((error) => wrong($('#page-wrong'), error));
