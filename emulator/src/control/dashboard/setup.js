// The page of the set-up: variables for clients, the CA, what is in force, what the doctor sees.

import { $, ask, askText, badge, bytes, confirmed, copy, count, el, empty, gathered, readHealth, say, tabs, withCode, wrong } from './base.js';
import { bar } from './charts.js';
import { listen } from './live.js';

const CLIENTS = [['boto3', 'boto3'], ['cli', 'AWS CLI'], ['node', 'Node.js'], ['java', 'Java'], ['rust', 'Rust'], ['go', 'Go'], ['dotnet', '.NET'], ['curl', 'curl'], ['all', 'all']];
const GRADES = { ok: ['ok', 'ok'], warning: ['er', 'warning'], problem: ['im', 'problem'] };
const MODES = { identity_side: 'Identity side', undeclared_unsigned_payload: 'Undeclared unsigned body', clock_skew_seconds: 'Clock skew', public_endpoint: 'Public endpoint', vpc_endpoints: 'Endpoints' };
/** Limits in reach of everyday use come first. */
const LIMITS_SHOWN = 8;

let client = 'boto3';
let variables = '';

/** What is on the screen, and on a picture of it, has no secret; what is copied has. */
const masked = (text) => text.replace(/(AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)(["']?(?:=|[ \t]+=?[ \t]*|:[ \t]*)["']?)([^"'\s;]+)/g, (_, name, between) => `${name}${between}${'•'.repeat(8)}`);

async function showEnv() {
  const query = new URLSearchParams({ client, format: $('#format').value });
  if (!$('#certs-form').hidden) query.set('certs_directory', $('#certs').value);
  const place = $('#env');
  place.setAttribute('aria-labelledby', `tab-${client}`);
  try {
    variables = (await askText(`/env?${query}`)).trimEnd();
    place.textContent = masked(variables);
  } catch (error) {
    if (error.code === 'NoCertificateFiles') {
      $('#certs-form').hidden = false;
      $('#certs-why').textContent = error.message;
      return showEnv();
    }
    place.textContent = error.message;
  }
}

function years(instant) {
  const months = Math.max(0, Math.floor((Date.parse(instant) - Date.now()) / (30.44 * 86_400_000)));
  return months >= 24 ? `${Math.floor(months / 12)} years and ${months % 12} months` : `${months} months`;
}

async function showHealth() {
  const health = await readHealth();
  $('#about').textContent = `control on ${location.origin}; ${health.status === 'ok' ? 'ready' : health.status}`;
  const colons = health.ca.fingerprint_sha256;
  $('#ca').replaceChildren(el('dt', null, 'SHA-256'), el('dd.fp', null, colons), el('dt', null, 'Valid until'), el('dd.n', null, `${health.ca.not_after.slice(0, 10)}, ${years(health.ca.not_after)}`));
  const modes = Object.entries(health.modes).map(([name, value]) => [MODES[name] ?? name.replaceAll('_', ' '), [value].flat().join(', ') + (name.endsWith('_seconds') ? ' s' : '')]);
  modes.push(['State', health.state.failure ?? `in ${health.state.kept_in === 'file' ? 'a file' : 'memory'}`]);
  if (health.log.requests_lost) modes.push(['Log lines lost', count(health.log.requests_lost)]);
  $('#modes').replaceChildren(...modes.flatMap(([name, value]) => [el('dt', null, name), el('dd', null, value)]));
}

async function showDoctor() {
  const findings = await ask('/doctor');
  const order = ['problem', 'warning', 'ok'];
  findings.sort((one, other) => order.indexOf(one.status) - order.indexOf(other.status));
  $('#doctor').replaceChildren(...findings.map(({ status, check, message, cure }) => el('li.finding', null, el('span', null, badge(...GRADES[status])), el('div', null, el('p', null, withCode(message)), el('p', null, withCode(cure ?? `${check}: nothing to do`))))));
}

const isBytes = (name) => /_bytes(_max)?$|bytes_max$/.test(name);

async function showLimits() {
  const limits = await ask('/limits');
  const said = (limit, number) => (isBytes(limit.name) ? bytes(number) : count(number));
  const counted = limits.filter(({ used, value }) => used !== null && value > 0);
  counted.sort((one, other) => other.used / other.value - one.used / one.value);
  const reached = limits.filter(({ last_reached: last }) => last);
  $('#limits-about').textContent = reached.length ? `reached: ${reached.map(({ name }) => name).join(', ')}` : 'none reached';
  const shown = counted.slice(0, LIMITS_SHOWN);
  $('#limits').replaceChildren(...shown.map((limit) => bar({ name: limit.name.replace(/_max$/, '').replaceAll('_', ' '), value: limit.used, of: limit.value, kind: 'used', text: `${said(limit, limit.used)} of ${said(limit, limit.value)}` })));
  const rest = limits.filter((limit) => !shown.includes(limit) || limit.last_reached);
  $('#limits-count').textContent = String(rest.length);
  $('#limits-list').replaceChildren(...rest.flatMap((limit) => [el('dt.m', { title: limit.description }, limit.name), el('dd', null, said(limit, limit.value), limit.value !== limit.default && el('span.q', null, `, default ${said(limit, limit.default)}`), limit.last_reached && el('span.c-er', null, `, reached ${count(limit.reached)} times, last at ${limit.last_reached.slice(0, 19)}Z`))]));
  $('#limits-card').hidden = false;
}

const showAll = () => Promise.all([showEnv(), showHealth(), showDoctor(), showLimits()]).then(() => wrong($('#page-wrong'), null), (error) => wrong($('#page-wrong'), error));

$('#clients').replaceChildren(...CLIENTS.map(([name, title], index) => el('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': 'env', 'aria-selected': String(index === 0), tabindex: index === 0 ? '0' : '-1', data: { client: name } }, title)));
tabs($('#clients'), (tab) => { client = tab.dataset.client; showEnv(); });
$('#format').addEventListener('change', showEnv);
$('#certs-form').addEventListener('submit', (event) => { event.preventDefault(); showEnv(); });
$('#copy-env').addEventListener('click', () => copy(variables));
$('#reset').addEventListener('click', async () => {
  if (!(await confirmed($('#reset-ask')))) return;
  try {
    await ask('/reset', { method: 'POST' });
    say('Everything is as configured');
    wrong($('#reset-wrong'), null);
  } catch (error) {
    wrong($('#reset-wrong'), error);
  }
  showAll();
});

const refresh = gathered(() => Promise.all([showHealth(), showDoctor(), showLimits()]).catch(() => {}), 1_000);
listen(null, { request: refresh, change: refresh, restarted: showAll, state() {} });
if ($('#doctor').children.length === 0) $('#doctor').replaceChildren(empty('Loading'));
showAll();
