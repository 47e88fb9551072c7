// Why a call was decided as it was: the verdict, the layers, and the policy's own text with the clause that failed.

import { actionName, arn, askText, badge, el, hidden, icon, plural, tail, withCode } from './base.js';
import { clientMessage, copies } from './copies.js';
import { difference, indentUnit, indented, lineOf, painted, paintedWith, placesOf, readable, statementPointer } from './policy_text.js';

/** What each type of policy is called in AWS's sentences */
const TYPES = {
  'resource-control': 'resource control policy',
  'service-control': 'service control policy',
  'vpc-endpoint': 'VPC endpoint policy',
  'role-trust': 'role trust policy',
  identity: 'identity-based policy',
  'permissions-boundary': 'permissions boundary',
  session: 'session policy',
};

/** Layers in the order of evaluation; the last three are shown only where there are such policies */
const LAYERS = [
  ['Organization', ['resource-control', 'service-control'], 'no policies'],
  ['Endpoint policy', ['vpc-endpoint'], 'public endpoint'],
  ['Identity', ['identity'], 'not modelled'],
  ['Role trust', ['role-trust'], null],
  ['Boundary', ['permissions-boundary'], null],
  ['Session', ['session'], null],
];

const CLAUSES = [['principal', 'Principal'], ['action', 'Action'], ['resource', 'Resource']];

/** `ok im ex er fa` of an entry or an event */
export function kindOf(entry) {
  if (entry.fault) return 'fa';
  if (entry.decision === 'implicitDeny') return 'im';
  if (entry.decision === 'explicitDeny') return 'ex';
  return entry.status !== null && entry.status < 400 ? 'ok' : 'er';
}

export const KIND_WORDS = { ok: 'allowed', im: 'implicit deny', ex: 'explicit deny', er: 'error', fa: 'fault' };

/** `Statement 0, Line` */
const statementName = (statement) => [`statement ${statement.statement}`, statement.sid && [', ', el('b', null, statement.sid)]];
/** A sentence of its own: a word gets a capital, the name of an action or a key stays as it is written */
export const asSentence = (text) => (/^[a-z]+[ ,]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text);
const capital = (pieces) => { const [first, ...rest] = pieces; return [first[0].toUpperCase() + first.slice(1), ...rest]; };
const isSame = (one, other) => other && one.policy_type === other.policy_type && one.policy === other.policy && one.statement === other.statement;

/** The type of policy that an implicit deny names */
function silentLayer(entry) {
  if (entry.near_miss) return entry.near_miss.policy_type;
  const named = /^implicit deny: no (.+?) allows/.exec(entry.summary ?? '')?.[1];
  return Object.keys(TYPES).find((type) => TYPES[type] === named) ?? null;
}

export const decidingType = (entry) => (entry.decision === 'implicitDeny' ? silentLayer(entry) : entry.decided_by?.policy_type ?? null);

/** The statement to look at: the one that decided, or that came nearest */
const focusOf = (entry) => (entry.statements ?? []).find((statement) => isSame(statement, entry.decision === 'implicitDeny' ? entry.near_miss : entry.decided_by));

/** Whether it is refused by its signature, before any policy was asked */
const isSignature = (entry) => !entry.decision && /Signature|UnrecognizedClient|MissingAuthentication|InvalidClientToken|SignatureDoesNotMatch|ExpiredToken|AuthFailure|IncompleteSignature/.test(entry.error_code ?? '');

/** Which part of an ARN it is where two of them begin to differ */
function partName(text, at) {
  const before = text.slice(0, at).split(':');
  if (!text.startsWith('arn:') || before.length < 4) return 'value';
  if (before.length === 4) return 'Region';
  if (before.length === 5) return 'account';
  const [type] = tail(text).split('/');
  const depth = tail(text).slice(0, at - (text.length - tail(text).length)).split('/').length - 1;
  if (type === 'model') return ['kind of resource', 'project', 'model version'][depth] ?? 'resource';
  return depth === 0 ? 'kind of resource' : type === 'project' ? 'project' : 'name';
}

/** Why the nearest statement does not apply, in one sentence */
function nearest(entry, statement) {
  const { mismatch } = statement;
  if (!mismatch) return withCode(entry.near_miss.reason);
  const { clause, value, pattern } = mismatch;
  const mono = (text) => el('b.m', null, text);
  if (clause === 'condition') {
    const key = conditionKey(statement);
    if (value === null) return ['its ', el('b', null, 'Condition'), ' asks for ', mono(key), ', which the request did not have'];
    if (pattern === null) return ['its ', el('b', null, 'Condition'), ' on ', mono(key), ' is false: ', withCode(mismatch.reason)];
    return ['its ', el('b', null, 'Condition'), ' on ', mono(key), ' names ', mono(pattern), ', the request had ', mono(value)];
  }
  if (pattern === null || value === null) return withCode(mismatch.reason);
  const name = clause[0].toUpperCase() + clause.slice(1);
  if (clause === 'action') return ['its ', el('b', null, name), ' names ', mono(actionName(pattern)), ', the request asked for ', mono(actionName(value))];
  const at = difference(pattern, value);
  const noun = partName(pattern, at).replace('model version', 'model');
  const asked = clause === 'principal' ? ', the caller is ' : ', the request asked for ';
  if (at < 0 || noun === 'value') return ['its ', el('b', null, name), ' names ', mono(tail(pattern)), asked, mono(tail(value))];
  return ['its ', el('b', null, name), ` names ${noun} `, mono(pattern.slice(at)), asked, clause === 'principal' ? '' : `${noun} `, mono(value.slice(at))];
}

const conditionKey = (statement) => (statement.conditions ?? []).find((condition) => !condition.matched)?.key ?? 'a key';

/** One plain sentence, and one that says what it depends on */
function verdictTexts(entry) {
  const focus = focusOf(entry);
  if (entry.fault) return [`The fault ${entry.fault} was put in the way.`, entry.message && [entry.message]];
  if (entry.decision === 'explicitDeny') {
    const type = TYPES[entry.decided_by?.policy_type] ?? 'policy';
    return [`A statement of the ${type} denies this.`, focus && [...capital(statementName(focus).flat(3)), ', applies: every clause of it meets the request. A Deny outweighs each Allow.']];
  }
  if (entry.decision === 'implicitDeny') {
    const type = TYPES[silentLayer(entry)] ?? 'policy';
    const text = focus ? ['Nearest is ', statementName(focus), ': ', nearest(entry, focus), '.'] : [(entry.statements ?? []).some((statement) => statement.policy_type === silentLayer(entry)) ? 'It has no statement that allows anything of the kind.' : 'There is none, or it has no statement.'];
    return [`No statement of the ${type} allows this.`, text];
  }
  if (isSignature(entry)) {
    const difference = entry.signature?.first_difference;
    const how = entry.signature?.cause ?? entry.message;
    return ['The signature is not accepted; no policy was asked.', [withCode(asSentence(`${how}.`)), difference && ` The first line that differs is line ${difference.line} of the canonical request.`]];
  }
  if (entry.status === null) return ['There was no answer: the client hung up before it.', null];
  if (entry.status >= 400) {
    return [entry.decision === 'allowed' ? 'The policies allow this; the service refuses it.' : 'It was refused before any policy was asked.', [entry.message ?? entry.error_code ?? String(entry.status)]];
  }
  return null;
}

export function verdict(entry) {
  const texts = verdictTexts(entry);
  const kind = kindOf(entry);
  if (!texts) {
    const focus = focusOf(entry);
    const by = focus ? ['Allowed by ', statementName(focus), `, of the ${TYPES[focus.policy_type]}.`] : ['Allowed: no policy stands in the way.'];
    return el('div.verdict.ok', null, el('p', null, by));
  }
  return el(`div.verdict.${kind}`, null, el('h2', null, texts[0]), texts[1] && el('p', null, texts[1]));
}

/** What each layer says by itself about the action that decided, whether or not it was its turn: layer → decision */
function layersOf(entry) {
  const at = (entry.pairs ?? []).findIndex(({ action, resource }) => action === entry.action && resource === entry.resource);
  return new Map((entry.layers?.[Math.max(0, at)] ?? []).map(({ layer, decision }) => [layer, decision]));
}

export function way(entry) {
  const layers = layersOf(entry);
  const alone = (types) => {
    const known = types.map((type) => layers.get(type)).filter(Boolean);
    if (known.length === 0) return 'not asked';
    return known.every((decision) => decision === 'allowed') ? 'would allow' : 'would deny as well';
  };
  const statements = entry.statements ?? [];
  const deciding = decidingType(entry);
  const isDenied = entry.decision === 'implicitDeny' || entry.decision === 'explicitDeny';
  const items = [];
  const add = (state, name, text) => items.push(el(`li${state === 'ok' ? '' : `.${state}`}`, null, icon({ ok: 'ok', end: 'x', not: 'no' }[state]), el('b', null, name), text));
  const isUnsigned = !entry.decision && entry.status !== null && entry.status >= 400;
  if (isSignature(entry)) add('end', 'Signature', 'not accepted: ended here');
  else if (entry.access_key_id) add('ok', 'Signature', 'verified');
  else add('not', 'Signature', 'not asked for');
  let over = isUnsigned && isSignature(entry);
  for (const [name, types, absent] of LAYERS) {
    const own = statements.filter((statement) => types.includes(statement.policy_type));
    const isEnd = isDenied && types.includes(deciding);
    if (own.length === 0 && !isEnd && absent === null) continue;
    if (over || !entry.decision) add('not', name, alone(types));
    else if (isEnd) {
      add('end', name, entry.decision === 'explicitDeny' ? `${entry.decided_by.sid ?? `statement ${entry.decided_by.statement}`} denies: ended here` : 'no allow: ended here');
      over = true;
    } else if (own.length === 0) {
      const text = name === 'Endpoint policy' && entry.entry_point?.kind === 'vpc-endpoint' ? 'not known' : absent;
      add(name === 'Identity' ? 'not' : 'ok', name, text);
    } else {
      const by = own.find((statement) => statement.matched && statement.effect === 'Allow');
      add('ok', name, by ? `${by.sid ?? `statement ${by.statement}`} allows` : 'nothing denies');
    }
  }
  return el('section', null, el('ol.way', { 'aria-label': 'Layers in the order they are asked' }, items));
}

/** The value of the request that a clause looks at */
function had(entry, clause, key) {
  if (clause === 'principal') return tail(entry.principal);
  if (clause === 'action') return actionName(entry.action);
  if (clause === 'resource') return tail(entry.resource);
  const name = Object.keys(entry.context ?? {}).find((other) => other.toLowerCase() === key.toLowerCase());
  return name === undefined ? 'absent' : [entry.context[name]].flat().join(', ');
}

const escapePointer = (text) => text.replaceAll('~', '~0').replaceAll('/', '~1');

/** Which lines of a statement have a mark: line → {ok, got, pattern} */
function marksOf(entry, statement, pointer, places) {
  const marks = new Map();
  const put = (line, mark) => { if (!marks.has(line) || !mark.ok) marks.set(line, { ...mark, got: marks.get(line)?.got ?? mark.got }); };
  const failed = (clause, where, key) => {
    const patterns = statement.mismatch?.clause === clause ? statement.mismatch.patterns.filter(({ path }) => path.startsWith(where.pointer)) : [];
    let closest = patterns.find(({ pattern }) => pattern === statement.mismatch.pattern) ?? patterns[0];
    for (const { path, pattern } of patterns) {
      const place = places.get(path);
      if (place) put(place.line, { ok: false, pattern: path === closest?.path ? { place, text: pattern } : null, clause, key });
    }
    if (!closest) {
      closest = statement.mismatch?.clause === clause && (clause !== 'condition' || key === conditionKey(statement));
      put(where.line, { ok: false, pattern: closest ? { place: null } : null, clause, key, got: closest ? null : had(entry, clause, key) });
    }
  };
  const placeOf = (path) => { const place = places.get(path); return place && { ...place, pointer: path }; };
  for (const [clause, name] of CLAUSES) {
    const where = placeOf(`${pointer}/${name}`) ?? placeOf(`${pointer}/Not${name}`);
    if (!where || statement[clause] === null) continue;
    if (statement[clause]) put(where.line, { ok: true, got: had(entry, clause) });
    else failed(clause, where);
  }
  for (const condition of statement.conditions) {
    const where = placeOf(`${pointer}/Condition/${escapePointer(condition.operator)}/${escapePointer(condition.key)}`);
    if (!where) continue;
    if (condition.matched) put(where.line, { ok: true, got: had(entry, 'condition', condition.key) });
    else failed('condition', where, condition.key);
  }
  return marks;
}

/** The pattern over the value that met it, so that the difference lines up */
function comparison(statement, mark) {
  const { mismatch } = statement;
  if (!mismatch) return null;
  const pattern = mismatch.pattern;
  const value = mismatch.value;
  const at = pattern !== null && value !== null ? difference(pattern, value) : 0;
  const split = (text) => (text === null ? el('span.q', null, 'absent') : [text.slice(0, at < 0 ? text.length : at), el('mark', null, text.slice(at < 0 ? text.length : at) || ' ')]);
  const isArn = pattern?.startsWith('arn:') && value?.startsWith('arn:');
  const name = isArn && at >= 0 ? partName(pattern, at) : null;
  const why = name && name !== 'value' ? `The ${name === 'model version' ? 'last segment, the model version,' : name} differs.` : `${asSentence(mismatch.reason)}.`;
  return el('li.fw', null, el('div.cmp', null, el('dl', null,
    pattern !== null && [el('dt', null, 'policy says'), el('dd', null, split(pattern))],
    el('dt', null, mark.clause === 'condition' ? 'request had' : 'request asked'), el('dd', null, split(value)),
    el('dt', null, ''), el('dd.why', null, withCode(why)))));
}

const okMark = () => el('span.c-ok', null, icon('ok'), hidden('met'));
const badMark = () => el('span.c-de', null, icon('x'), hidden('not met'));

function statementLines(entry, statement, lines, offsets, places, pointer, unit) {
  const place = places.get(pointer);
  const marks = marksOf(entry, statement, pointer, places);
  const base = indented(lines[place.line - 1], unit).depth;
  const shown = [];
  for (let number = place.line; number <= place.lastLine; number += 1) {
    const line = lines[number - 1];
    const { depth, text, cut } = indented(line, unit);
    const mark = marks.get(number);
    const isBad = mark && !mark.ok;
    let pieces = painted(text);
    const inPlace = mark?.pattern?.place;
    if (isBad && inPlace && inPlace.line === inPlace.lastLine) {
      const start = inPlace.from - offsets[number - 1] - cut;
      const end = inPlace.to - offsets[number - 1] - cut;
      const written = text.slice(start + 1, end - 1);
      const value = statement.mismatch?.value;
      const at = written === mark.pattern.text && value ? Math.max(0, difference(written, value)) : 0;
      pieces = paintedWith(text, start + 1 + at, end - 1);
    }
    shown.push(lineOf({
      number,
      kind: isBad ? 'bad' : '',
      mark: mark && (mark.ok ? okMark() : badMark()),
      text: el(`code.d${Math.max(0, Math.min(5, depth - base + 1))}`, null, pieces),
      got: mark?.got,
    }));
    if (isBad && mark.pattern) shown.push(comparison(statement, mark));
  }
  return shown;
}

const doesNotApply = (statement) => (statement.matched ? 'applies' : withCode(`does not apply: ${statement.mismatch?.reason ?? 'a clause does not match'}`));

const titleOf = (statement) => el('span', null, el('b', null, `Statement ${statement.statement}${statement.sid ? `, ${statement.sid}` : ''}`), ` (${statement.effect}) `, doesNotApply(statement));

/** A document as written, the statement that decided with its marks, the others folded */
function documentLines(entry, text, statements, focus) {
  const lines = text.split('\n');
  const offsets = lines.reduce((list, line) => [...list, list.at(-1) + line.length + 1], [0]);
  const places = placesOf(text);
  const document = JSON.parse(text);
  const unit = indentUnit(lines);
  return statements.flatMap((statement) => {
    const pointer = statementPointer(document, statement.statement);
    if (!places.has(pointer)) return [];
    const content = statementLines(entry, statement, lines, offsets, places, pointer, unit);
    if (statement === focus) return content;
    return el('li.fw', null, el('details.fold', null, el('summary', null, el('span.no', null, String(places.get(pointer).line)), el('span.mk', null, icon('chev')), titleOf(statement)), el('ol', null, content)));
  });
}

/** A statement without its text, one line a clause: where the text is not known any more */
function clauseTree(entry, statements, focus) {
  const clauseLines = (statement) => {
    const lines = [];
    const put = (matched, text, got, clause) => {
      const mark = { ok: matched, clause };
      lines.push(lineOf({ number: '', kind: matched ? '' : 'bad', mark: matched ? okMark() : badMark(), text: el('code.d1', null, text), got: matched && got }));
      if (!matched && statement.mismatch?.clause === clause && !lines.compared) { lines.push(comparison(statement, mark)); lines.compared = true; }
    };
    for (const [clause, name] of CLAUSES) if (statement[clause] !== null) put(statement[clause], name, had(entry, clause), clause);
    for (const condition of statement.conditions) put(condition.matched, `Condition ${condition.operator} ${condition.key}`, had(entry, 'condition', condition.key), 'condition');
    return lines;
  };
  return statements.map((statement) => {
    return el('li.fw', null, el('details.fold', { open: statement === focus }, el('summary', null, el('span.no'), el('span.mk', null, icon('chev')), titleOf(statement)), el('ol', null, clauseLines(statement))));
  });
}

const OF_CALLER = ['identity', 'permissions-boundary', 'session'];
const textOf = (sha256) => askText(`/policies/${sha256}`);

/** The section that shows the document which decided */
export async function why(entry, link) {
  const focus = focusOf(entry);
  const type = focus?.policy_type ?? silentLayer(entry);
  const statements = (entry.statements ?? []).filter((statement) => (focus ? statement.policy_type === focus.policy_type && statement.policy === focus.policy : statement.policy_type === type));
  if (statements.length === 0) return null;
  const sha256 = statements[0].document_sha256;
  const own = statements.filter((statement) => statement.document_sha256 === sha256);
  let written = null;
  try { written = await textOf(sha256); } catch { /* Its text is no longer kept; the clauses are. */ }
  const endpoint = entry.entry_point?.vpc_endpoint_id;
  const isEndpoint = type === 'vpc-endpoint' && endpoint;
  const name = isEndpoint ? el('a.m', { href: link(endpoint) }, endpoint) : el('span.m', null, OF_CALLER.includes(type) ? `of ${tail(entry.principal)}` : `number ${own[0].policy}`);
  const state = el('span.q', null, '');
  if (isEndpoint) {
    const attached = await askText(`/vpc-endpoints/${encodeURIComponent(endpoint)}/policy`).catch(() => null);
    if (attached === null) state.textContent = 'the endpoint is gone';
    else if (written !== null) state.textContent = attached === written ? 'attached now' : 'the policy has changed since';
    else state.textContent = 'the policy has changed since, and its text is no longer kept';
  }
  if (state.textContent.includes('changed')) state.className = 'c-er';
  const heading = el('h3.row', null, `Why: ${TYPES[type]} `, name, state);
  const list = el('ol.doc', { 'aria-label': `${TYPES[type]}, with what each clause made of the request` });
  const section = el('section', null, heading, list);
  if (written === null) {
    list.replaceChildren(...clauseTree(entry, own, focus));
    return section;
  }
  const spread = readable(written);
  list.replaceChildren(...documentLines(entry, spread, own, focus));
  if (spread !== written) {
    const raw = el('button.bare', { type: 'button', 'aria-pressed': 'false' }, 'As written');
    raw.addEventListener('click', () => {
      const isRaw = raw.getAttribute('aria-pressed') !== 'true';
      raw.setAttribute('aria-pressed', isRaw);
      list.replaceChildren(...documentLines(entry, isRaw ? written : spread, own, focus));
    });
    heading.append(raw);
  }
  return section;
}

/** The other documents that were asked, a line for each statement */
function others(entry) {
  const focus = focusOf(entry);
  const rest = (entry.statements ?? []).filter((statement) => !focus || statement.policy_type !== focus.policy_type || statement.policy !== focus.policy);
  if (rest.length === 0 || !focus) return null;
  const lines = rest.map((statement) => el('li', null, badge(statement.matched ? (statement.effect === 'Deny' ? 'ex' : 'ok') : 'no', statement.matched ? statement.effect : 'no match'),
    el('p', null, `${TYPES[statement.policy_type]} ${statement.policy}, `, statementName(statement), ` (${statement.effect}) `, doesNotApply(statement))));
  return el('details.more', null, el('summary', null, 'Other policies ', el('span.q', null, plural(rest.length, 'statement'))), el('ul.find-list', { role: 'list' }, lines));
}

/** AWS's sentence with the names in it */
function said(message, entry) {
  const names = [entry.principal, entry.action, entry.resource].filter(Boolean);
  const pieces = [];
  let rest = message;
  for (const name of names) {
    const at = rest.indexOf(name);
    if (at < 0) continue;
    pieces.push(rest.slice(0, at), el('b', null, name));
    rest = rest.slice(at + name.length);
  }
  return [...pieces, rest];
}

const pairsOf = (entry) => entry.pairs?.length > 1 && el('section', null, el('h3', null, 'Each of these had to be allowed'), el('ul.find-list', { role: 'list' }, entry.pairs.map((pair) =>
  el('li', null, badge({ allowed: 'ok', implicitDeny: 'im', explicitDeny: 'ex' }[pair.decision], KIND_WORDS[{ allowed: 'ok', implicitDeny: 'im', explicitDeny: 'ex' }[pair.decision]]), el('p', null, el('b', null, pair.action), ' ', el('span.m', null, pair.resource))))));

const definition = (name, value, mono) => [el('dt', null, name), el(mono ? 'dd.m' : 'dd', null, value)];

function contextOf(entry) {
  const keys = Object.entries(entry.context ?? {});
  if (keys.length === 0) return null;
  const note = entry.entry_point?.kind === 'vpc-endpoint' && !('aws:SourceIp' in entry.context) ? `${keys.length}; aws:SourceIp is absent over an endpoint` : String(keys.length);
  return el('details.more', null, el('summary', null, 'Context keys ', el('span.q', null, note)), el('dl.kv', null, keys.map(([key, value]) => [el('dt.m', null, key), el('dd.m', null, [value].flat().join(', '))])));
}

function signatureOf(entry) {
  const record = entry.signature;
  if (!record) {
    return el('details.more', null, el('summary', null, 'Signature ', el('span.q', null, isSignature(entry) ? 'not accepted' : entry.access_key_id ? `verified, access key ${entry.access_key_id}` : 'none')),
      el('p.pad.q', null, isSignature(entry) ? entry.message ?? '' : 'The canonical request is kept where a signature differs.'));
  }
  const first = record.first_difference;
  const lines = record.canonical_request.split('\n').flatMap((line, index) => {
    const isFirst = first && index + 1 === first.line;
    const shown = lineOf({ number: index + 1, kind: isFirst ? 'bad' : '', mark: isFirst && badMark(), text: el('code', null, line || ' ') });
    if (!isFirst) return [shown];
    const at = Math.max(0, commonStart(first.ours, first.theirs));
    const split = (text) => [text.slice(0, at), el('mark', null, text.slice(at) || ' ')];
    return [shown, el('li.fw', null, el('div.cmp', null, el('dl', null, el('dt', null, 'emulator has'), el('dd', null, split(first.ours)), el('dt', null, 'client signed'), el('dd', null, split(first.theirs)), el('dt', null, ''), el('dd.why', null, record.cause ?? 'This line differs.'))))];
  });
  return el('details.more', { open: true }, el('summary', null, 'Signature ', el('span.q', null, first ? `line ${first.line} differs` : withCode(record.cause ?? 'differs'))),
    el('h3.pad', null, 'Canonical request'), el('ol.doc', null, lines), el('h3.pad', null, 'String to sign'), el('pre.box', null, record.string_to_sign));
}

function commonStart(one, other) {
  let at = 0;
  while (at < one.length && at < other.length && one[at] === other[at]) at += 1;
  return at;
}

/** A rule by its id, with where it comes from */
export const ruleName = (rule) => (rule && typeof rule === 'object' ? `${rule.id} (${rule.source})` : rule);

function requestOf(entry) {
  const body = entry.body ?? {};
  const what = body.bytes === null || body.bytes === undefined ? 'no body read' : [body.content_type, plural(body.bytes, 'byte')].filter(Boolean).join(', ');
  const kept = body.kept === undefined ? 'body not kept' : 'body kept';
  const rows = [
    definition('Method', `${entry.method} ${entry.target}`, true),
    definition('Host', [entry.host, entry.tls?.version, entry.tls?.alpn].filter(Boolean).join(', '), true),
    definition('From', entry.source_ip, true),
    definition('Entry point', entry.entry_point ? [entry.entry_point.vpc_endpoint_id ?? 'public endpoint', entry.entry_point.vpc_id].filter(Boolean).join(', ') : 'none', true),
    body.sha256 && definition('Body', `sha256 ${body.sha256}`, true),
    definition('Rule', ruleName(entry.response?.rule) ?? 'none', !!entry.response?.rule),
    entry.traceparent && definition('Trace', entry.traceparent, true),
    entry.warnings?.length > 0 && definition('Warnings', entry.warnings.join('; ')),
    entry.notes?.length > 0 && definition('Notes', entry.notes.join('; ')),
  ];
  const details = el('details.more', null, el('summary', null, 'Request and answer ', el('span.q', null, `${what}; answer ${plural(entry.response?.bytes ?? 0, 'byte')}, ${kept}`)), el('dl.kv', null, rows));
  return details;
}

/** What the client was told, and what the journal knows beyond it */
function messageOf(entry) {
  const told = clientMessage(entry);
  const isDenied = entry.decision === 'implicitDeny' || entry.decision === 'explicitDeny';
  const title = entry.fault ? "What the fault's answer says" : isDenied ? 'What AWS says' : 'What the answer says';
  const text = told === '' ? el('p.said.q', null, 'Nothing: the answer has no message.') : told.includes('\n') ? el('pre.box', null, told) : el('p.said', null, said(told, entry));
  const own = told !== entry.message && [el('h3', null, 'What the journal says'), el('p.said', null, withCode(entry.message))];
  return el('section', null, el('h3', null, title), text, own, copies(entry));
}

/** Fills a panel with all there is to say about an entry. `link` makes the address of an endpoint's policy. */
export async function explain(panel, entry, { link, close, edits, pictures }) {
  const kind = kindOf(entry);
  const resource = entry.resource && entry.resource !== '*' ? tail(entry.resource) : '';
  const heading = el('h2', { id: 'detail-h', tabindex: '-1' }, entry.operation ?? entry.method, ' ', el('span.m', null, resource));
  const top = el('div.top', null,
    el('div.row', null, badge(kind, KIND_WORDS[kind]), heading, close && el('button.bare.push', { id: 'close', type: 'button', 'aria-label': 'Close detail', onclick: close }, icon('x'))),
    el('p.q.row', null, el('span.n', null, `${entry.time.slice(0, 10)} `, el('span', { id: 'detail-time' }, timeOf(entry.time)), ' UTC'), el('span', null, `${entry.status ?? 'no answer'} ${entry.error_code ?? ''}`.trim()), el('span.n', null, `${entry.duration_micros} µs`), el('span.m', null, entry.request_id)),
    el('p.row', null, entry.principal || !entry.access_key_id ? arn(entry.principal) : ['Access key ', el('b.m', null, entry.access_key_id), el('span.q', null, 'the caller is not known')]));
  const [document, allow] = await Promise.all([why(entry, link), edits?.(entry)]);
  const message = entry.message && kind !== 'ok' && messageOf(entry);
  panel.replaceChildren(...[
    top, verdict(entry), way(entry), pairsOf(entry),
    isSignature(entry) && signatureOf(entry),
    document, allow,
    message || copies(entry),
    pictures?.(entry),
    others(entry), contextOf(entry), !isSignature(entry) && signatureOf(entry), requestOf(entry),
  ].filter(Boolean));
  return heading;
}

const timeOf = (instant) => instant.replace(/^.*T/, '').replace(/Z$/, '').replace(/(\.\d{3})\d*/, '$1');
