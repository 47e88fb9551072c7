// What would allow a refused call: the edits that `GET /requests/ID/edits` has found, smallest first.

import { badge, copyButton, count, el, plural, withCode } from './base.js';
import { askEdits, testOf } from './copies.js';
import { asSentence, kindOf, KIND_WORDS } from './explain.js';

/** How many are shown at once */
const EDITS_SHOWN = 3;

/** The lines of a unified diff that differ */
function diffLines(diff) {
  const lines = diff.split('\n').filter((line) => /^[-+](?!--|\+\+)/.test(line));
  const indent = Math.min(...lines.map((line) => /^.( *)/.exec(line)[1].length));
  return lines.map((line) => el(line[0] === '-' ? 'del' : 'ins', null, line.slice(1 + (Number.isFinite(indent) ? indent : 0))));
}

/** What it would do to the recorded calls */
function effect(edit) {
  const gain = `allows ${plural(edit.now_allowed, 'recorded call')} that ${edit.now_allowed === 1 ? 'was' : 'were'} denied`;
  return edit.now_denied ? `${gain}, and denies ${count(edit.now_denied)} that ${edit.now_denied === 1 ? 'was' : 'were'} allowed` : `${gain}, and denies none`;
}

/** Puts the document of an edit on the desk of Policies */
function tryIt(endpoint, text) {
  sessionStorage.setItem(`draft ${endpoint}`, text);
  sessionStorage.removeItem(`base ${endpoint}`);
  location.href = `/dashboard/policies?document=${encodeURIComponent(endpoint)}`;
}

function editOf(edit, entry, isFirst) {
  const endpoint = entry.entry_point?.vpc_endpoint_id;
  const text = edit.policy_text;
  const [, place, what] = /^(\/\S*): (.*)$/s.exec(edit.description) ?? [null, null, edit.description];
  const isOfEndpoint = edit.policy_type === 'vpc-endpoint' && endpoint;
  const warnings = edit.findings.length > 0 && [' ', badge('er', plural(edit.findings.length, 'finding')), ' ', el('span.q', null, edit.findings[0].message)];
  return el('li.edit', null, el('div', null,
    el('p', null, el('b', null, withCode(asSentence(what))), place && el('span.q.m', null, ` ${place}`), el('br'), el('span.q', null, effect(edit)), warnings),
    isOfEndpoint ? el(isFirst ? 'button.go' : 'button', { type: 'button', onclick: () => tryIt(endpoint, text) }, 'Try in What if') : copyButton('Copy document', text)),
  el('div.diff', null, diffLines(edit.diff)));
}

/** A note that another policy has been attached since, and what it says */
function presentOf({ vpc_endpoint_id: id, decision, summary }) {
  const kind = kindOf({ decision, status: 200 });
  return el('li.edit', { id: 'replaced' }, el('div', null, el('p', null, badge(kind, KIND_WORDS[kind]), ' The policy of ', el('b.m', null, id), ' was replaced since. The present one says: ', withCode(summary), '.')));
}

/** What stands where a refusal may be right: the test case that expects it */
function expectIt(text) {
  return el('li.edit', null, el('div', null, el('p', null, el('b', null, 'Is the refusal what you want?'), el('br'), el('span.q', null, 'Keep the policy and expect it: a case of ', el('code', null, 'policy test'))), copyButton('Copy test case', text)), el('pre.diff', null, text));
}

/** The section for a refusal: edits that allow it, and the test case that expects it */
export async function editsOf(entry) {
  if (entry.decision !== 'implicitDeny' && entry.decision !== 'explicitDeny') return null;
  const section = (title, ...list) => el('section', null, el('h3', null, title), el('ul.edits', { role: 'list' }, ...list));
  try {
    const answer = await askEdits(entry);
    const list = answer.edits.map((edit, index) => editOf(edit, entry, index === 0));
    const rest = list.slice(EDITS_SHOWN);
    const more = rest.length && el('li', null, el('details.more', null, el('summary', null, 'Further edits ', el('span.q', null, count(rest.length))), el('ul.edits', { role: 'list' }, rest)));
    const notes = answer.notes.map((note) => el('li.q', null, withCode(asSentence(note))));
    const present = answer.replaced && presentOf(answer.replaced);
    const test = await testOf(entry);
    return section(list.length ? 'What would allow it' : present ? 'What holds now' : 'If the refusal is right', present, list.slice(0, EDITS_SHOWN), more || null, notes, expectIt(test));
  } catch (error) {
    return section('If the refusal is right', el('li.q', null, `What would allow it could not be worked out: ${error.message}`), expectIt(await testOf(entry)));
  }
}
