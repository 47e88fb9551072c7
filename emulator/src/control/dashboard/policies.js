// The page of policies: a document with its coverage, a draft with lint and what-if beside it, attached with a question.

import { $, ask, askText, confirmed, copyButton, count, el, empty, gathered, plural, say, wrong } from './base.js';
import { coverageLines } from './coverage_lines.js';
import { editor } from './editor.js';
import { listen } from './live.js';
import { readable } from './policy_text.js';
import { flips, ifAttached, inShort } from './whatif.js';

const WHAT_IF_MILLISECONDS = 250;

let endpoints = [];
let documents = []; // of the coverage report
let isCounting = false;
let current = null; // {endpoint} or {document}
let attached = null; // the text that is in force
let before = null; // the text that was attached before, to put it back
let isChanging = false; // the page's own change is under way, so what is told of it is no news
let isEditing = false;
let lint = null; // what lint said of the draft that is there
let flipped = null; // what what-if said of it
let linked = location.hash; // the line that a link leads to, until it is in sight

const chooser = $('#document');
const draftKey = () => `draft ${current.endpoint?.vpc_endpoint_id}`;
const baseKey = () => `base ${current.endpoint?.vpc_endpoint_id}`; // of what was attached when the draft was begun
const policyPath = (id = current.endpoint.vpc_endpoint_id) => `/vpc-endpoints/${encodeURIComponent(id)}/policy`;

const desk = editor({
  lintPath: () => `/lint?vpc_endpoint_id=${encodeURIComponent(current.endpoint.vpc_endpoint_id)}`,
  changed(text) {
    lint = null;
    flipped = null;
    sessionStorage.setItem(draftKey(), text);
    allowAttach();
  },
  settled(answer) {
    lint = answer;
    allowAttach();
    askWhatIf();
  },
});

// Which documents there are

async function readDocuments() {
  const [list, report] = await Promise.all([ask('/vpc-endpoints'), fetch('/coverage', { cache: 'no-store' }).catch(() => null)]);
  endpoints = list;
  if (report?.ok) {
    const isOn = report.headers.get('x-coverage-enabled');
    const body = await report.json();
    documents = body.documents;
    isCounting = isOn === null ? documents.some(({ requests }) => requests > 0) : isOn === 'true';
  }
}

const nameOf = ({ policy_type: type, attached_to: to, file }) => [to?.replace(/^arn:aws:iam::\d+:/, '') ?? file ?? type, type === 'identity' ? '' : ` (${type})`].join('');

function fillChooser() {
  const wanted = chooser.value || new URLSearchParams(location.search).get('document');
  const readOnly = documents.filter(({ policy_type: type }) => type !== 'vpc-endpoint');
  const options = [
    el('optgroup', { label: 'Endpoints' }, endpoints.map(({ vpc_endpoint_id: id }) => el('option', { value: id }, id))),
    readOnly.length && el('optgroup', { label: 'Of the configuration, read only' }, readOnly.map((document) => el('option', { value: document.sha256 }, nameOf(document)))),
  ].filter(Boolean);
  chooser.replaceChildren(...options);
  const values = [...chooser.options].map(({ value }) => value);
  if (values.includes(wanted)) chooser.value = wanted;
}

function choose() {
  const endpoint = endpoints.find(({ vpc_endpoint_id: id }) => id === chooser.value);
  const document = documents.find(({ sha256, policy_type: type }) => type !== 'vpc-endpoint' && sha256 === chooser.value);
  current = endpoint ? { endpoint } : document ? { document } : null;
  forgetBefore();
  history.replaceState(null, '', current ? `?document=${encodeURIComponent(chooser.value)}` : location.pathname);
  return show();
}

async function show() {
  wrong($('#page-wrong'), null);
  const isEndpoint = !!current?.endpoint;
  $('#restore').hidden = !isEndpoint;
  $('#draft-menu').hidden = !isEndpoint;
  // Until the text is there, there is nothing to edit.
  $('#edit').hidden = true;
  if (!current) {
    $('#attached').replaceChildren(empty('There is no endpoint.', 'An endpoint of the configuration, or one that a client makes over EC2, is shown here with its policy.'));
    return;
  }
  try {
    attached = await askText(isEndpoint ? policyPath() : `/policies/${current.document.sha256}`);
  } catch (error) {
    wrong($('#page-wrong'), error);
    return;
  }
  const about = isEndpoint ? [current.endpoint.vpc_id, current.endpoint.region ?? 'every Region', current.endpoint.private_dns_enabled ? 'private DNS' : 'no private DNS'] : [current.document.policy_type, 'read only'];
  const counted = await countedDocument(isEndpoint);
  if (counted?.file) about.push(counted.file);
  $('#about').textContent = about.join(', ');
  drawAttached(counted);
  const kept = isEndpoint ? sessionStorage.getItem(draftKey()) : null;
  if (kept !== null && kept !== attached) edit(kept);
  else stopEditing();
}

/** The counts of the text that is in force: documents that were replaced in the same place are in the report, too */
async function countedDocument(isEndpoint) {
  if (!isEndpoint) return documents.find((document) => document === current.document) ?? null;
  const own = documents.filter(({ policy_type: type, attached_to: to }) => type === 'vpc-endpoint' && to === current.endpoint.vpc_endpoint_id);
  for (const document of own) {
    const text = await askText(`/policies/${document.sha256}`).catch(() => null);
    if (text === attached) return document;
  }
  return null;
}

function drawAttached(counted) {
  $('#attached-h').textContent = current.endpoint ? 'Attached' : 'Document';
  const hasCounts = counted && (isCounting || counted.requests > 0);
  $('#attached-about').textContent = hasCounts ? `asked ${plural(counted.requests, 'time')}` : isCounting ? '' : 'coverage is off';
  $('#legend').hidden = !hasCounts;
  $('#attached-text').replaceChildren(...coverageLines(attached, hasCounts ? counted.statements : null));
  if (linked.startsWith('#line-')) document.getElementById(linked.slice(1))?.scrollIntoView({ block: 'center' });
  linked = '';
}

// The draft

function edit(text) {
  isEditing = true;
  if (sessionStorage.getItem(baseKey()) === null) sessionStorage.setItem(baseKey(), attached);
  $('#draft-note').hidden = true;
  $('#editor').hidden = false;
  $('#whatif').hidden = false;
  $('#columns').classList.remove('alone');
  if (innerWidth < 620) $('#attached-fold').open = false;
  $('#edit').hidden = true;
  lint = null;
  flipped = null;
  allowAttach();
  drawWhatIf();
  desk.begin(text, readable(attached));
}

function stopEditing() {
  isEditing = false;
  sessionStorage.removeItem(draftKey());
  sessionStorage.removeItem(baseKey());
  $('#editor').hidden = true;
  $('#whatif').hidden = true;
  $('#columns').classList.add('alone');
  $('#attached-fold').open = true;
  $('#edit').hidden = !current?.endpoint;
}

function allowAttach() {
  const button = $('#attach');
  button.disabled = !lint?.isValid || desk.text === attached || desk.text === readable(attached);
  wrong($('#attach-wrong'), null);
}

// What if

let asking = null;
const askWhatIf = gathered(async () => {
  if (!isEditing) return;
  asking?.abort();
  if (!lint?.isValid) { flipped = null; drawWhatIf(); return; }
  const controller = new AbortController();
  asking = controller;
  const { text } = lint;
  try {
    const answer = await ifAttached(current.endpoint.vpc_endpoint_id, JSON.parse(text), controller.signal);
    if (desk.text !== text) return;
    flipped = answer;
    drawWhatIf();
  } catch (error) {
    if (controller.signal.aborted) return;
    flipped = null;
    drawWhatIf(error);
  }
}, WHAT_IF_MILLISECONDS);

function drawWhatIf(error) {
  const body = $('#whatif-body');
  const about = $('#whatif-about');
  about.textContent = '';
  if (error) body.replaceChildren(empty('What-if did not answer.', error.message));
  else if (lint && !lint.isValid) body.replaceChildren(empty('The draft has errors.', 'What it would do is worked out as soon as lint finds none.'));
  else if (!flipped) body.replaceChildren(el('p.pad.q', null, 'Asking the recorded calls again'));
  else {
    about.textContent = `this draft had been attached for ${flipped.requests === 1 ? 'the one recorded request' : `all ${count(flipped.requests)} recorded requests`}`;
    body.replaceChildren(...flips(flipped));
  }
}

// Attach, restore, put back

/** Changes the policy that is attached, and keeps the one that it takes the place of */
async function change(request, done) {
  const place = isEditing ? $('#attach-wrong') : $('#page-wrong');
  isChanging = true;
  try {
    const previous = await askText(policyPath());
    await ask(policyPath(), request);
    wrong(place, null);
    before = previous;
    await settle(done);
  } catch (error) {
    wrong(place, error);
  } finally {
    isChanging = false;
    refresh();
  }
}

const attach = (text, done) => change({ method: 'PUT', body: text }, done);

async function settle(done) {
  if (isEditing) stopEditing();
  await readDocuments();
  await show();
  say(done);
  const undo = $('#undo');
  undo.hidden = before === null || before === attached;
  undo.focus();
}

/**
 * Asks before the draft takes the place of the attached policy, and again whenever that is not the one which the question
 * showed: what somebody else has attached is not lost unseen
 */
async function agreed() {
  const base = sessionStorage.getItem(baseKey()) ?? attached;
  for (let shown = null; ;) {
    const present = await askText(policyPath());
    if (present === shown) return true;
    $('#attach-meanwhile').hidden = present === base;
    $('#attach-present').textContent = readable(present);
    $('#attach-ask-what').textContent = inShort(flipped);
    if (!(await confirmed($('#attach-ask')))) return false;
    shown = present;
  }
}

$('#attach').addEventListener('click', async () => {
  const text = desk.text;
  try {
    if (!(await agreed())) return;
  } catch (error) {
    wrong($('#attach-wrong'), error);
    return;
  }
  await attach(text, 'Attached; it holds from the next request on');
});

$('#restore').addEventListener('click', async () => {
  if (await confirmed($('#restore-ask'))) await change({ method: 'DELETE' }, 'Full access is restored');
});

/** There is nothing to put back any more once somebody else has attached another text: that one would be lost. */
function forgetBefore() {
  before = null;
  $('#undo').hidden = true;
}

$('#undo').addEventListener('click', async () => {
  const [text, shown] = [before, attached];
  const now = await askText(policyPath()).catch(() => null);
  // The event that tells of another text may still be under way.
  if (now !== null && now !== shown) {
    forgetBefore();
    await show();
    say('Another text was attached meanwhile; nothing was put back');
    return;
  }
  await attach(text, 'Put back');
});

// A policy on one line is edited with a clause on each.
$('#edit').addEventListener('click', () => { edit(readable(attached)); desk.focus(); });
$('#discard').addEventListener('click', () => { stopEditing(); $('#edit').focus(); });
// As they are pasted into a shell; no line of JSON is POLICY alone.
const withDraft = (command) => `${command} <<'POLICY'\n${desk.text.trimEnd()}\nPOLICY`;
$('#copy-place').replaceWith(el('span.row', null, el('span.q', null, 'Copy as command'),
  copyButton('what-if', () => withDraft(`lookoutvision-emulator policy what-if --vpc-endpoint-id ${current.endpoint.vpc_endpoint_id} --control ${location.origin} -`)),
  copyButton('attach', () => withDraft(`curl --request PUT --data-binary @- ${location.origin}${policyPath()}`))));
chooser.addEventListener('change', choose);

$('#draft-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const query = new URLSearchParams(new FormData(event.target));
  try {
    const answer = await ask(`${policyPath()}/draft?${query}`);
    wrong($('#draft-wrong'), null);
    $('#draft-menu').open = false;
    const text = answer.policy_text;
    sessionStorage.setItem(draftKey(), text);
    edit(text);
    $('#draft-note').textContent = [answer.summary, ...answer.generalisations].join('; ');
    $('#draft-note').hidden = false;
    desk.focus();
  } catch (error) {
    wrong($('#draft-wrong'), error);
  }
});

// What happens meanwhile

const refresh = gathered(async () => {
  await readDocuments().catch(() => {});
  if (!current || isChanging) return;
  if (!current.endpoint) { current.document = documents.find(({ sha256 }) => sha256 === current.document.sha256) ?? current.document; drawAttached(current.document); return; }
  const text = await askText(policyPath()).catch(() => null);
  if (text !== null && text !== attached && !isChanging) {
    attached = text;
    forgetBefore();
    if (isEditing) { desk.against(readable(text)); say('Another text was attached meanwhile'); }
  }
  drawAttached(await countedDocument(true));
  if (isEditing && lint) askWhatIf();
}, 800);

async function start() {
  await readDocuments();
  fillChooser();
  await choose();
}

listen(null, {
  request: refresh,
  change(change) {
    if (change.kind === 'endpoint' || change.kind === 'reload' || change.kind === 'reset') readDocuments().then(() => { fillChooser(); if (!current || chooser.value !== (current.endpoint?.vpc_endpoint_id ?? current.document.sha256)) choose(); }).catch(() => {});
    refresh();
  },
  restarted: refresh,
  state() {},
});

$('#columns').classList.add('alone');
start().catch((error) => wrong($('#page-wrong'), error));
