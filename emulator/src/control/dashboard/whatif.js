// What a draft would have made of the recorded calls: `POST /what-if`.

import { actionName, ask, badge, count, el, icon, plural, tail, withCode } from './base.js';
import { KIND_WORDS, kindOf } from './explain.js';

const kind = (side) => kindOf({ ...side, status: 200 });

/** Asks; throws `RouteError` */
export const ifAttached = (id, document, signal) => ask('/what-if', { method: 'POST', body: { vpc_endpoint_id: id, policy_document: document }, signal });

/** Why a call would be decided differently, in words */
function cause({ before, after }) {
  const by = (side) => side.decided_by && [`statement ${side.decided_by.statement}`, side.decided_by.sid && [', ', el('b', null, side.decided_by.sid)]];
  if (after.decision === 'allowed') return by(after) ? ['Allowed by ', by(after), '.'] : 'No policy stands in the way any more.';
  if (after.decision === 'explicitDeny') return ['Denied by ', by(after) ?? 'a statement', '.'];
  const nearest = after.near_miss;
  return nearest ? [`Nearest is statement ${nearest.statement}`, nearest.sid && [', ', el('b', null, nearest.sid)], ': ', withCode(nearest.reason), '.'] : by(before) ? ['It was allowed by ', by(before), ', which does not allow it any more.'] : 'No statement allows it.';
}

function flip(entry) {
  const [before, after] = [kind(entry.before), kind(entry.after)];
  return el(`li.flip${after === 'ok' ? '' : '.away'}`, null,
    el('div.turn', null, badge(before, KIND_WORDS[before]), el('span', null, '→', el('span.vh', null, ' becomes')), badge(after, KIND_WORDS[after]), el('span.n', null, plural(entry.count, 'call'))),
    el('div', null, el('b', null, actionName(entry.action)), ' ', el('span.m', null, tail(entry.resource))),
    el('p', null, el('span.m', null, tail(entry.principal))),
    el('p', null, cause(entry)),
    el('div.row', null, el('a', { href: `/dashboard?request=${encodeURIComponent(entry.request_id)}` }, entry.count === 1 ? 'Open it' : 'Open the newest of them')));
}

const tile = (kind, mark, number, word) => el(kind ? `p.${kind}` : 'p', null, el('b', null, mark && icon(mark), count(number)), word);

/** The counts, and each group of calls that would be decided differently, losses first */
export function flips(answer) {
  const losses = answer.flips.filter(({ after }) => after.decision !== 'allowed');
  const gains = answer.flips.filter(({ after }) => after.decision === 'allowed');
  return [
    el('div.tally', null, tile('c-de', 'ex', answer.now_denied, 'now denied'), tile('c-ok', 'ok', answer.now_allowed, 'now allowed'), tile('', '', answer.unchanged, 'as before')),
    el('ul', { role: 'list' }, [...losses, ...gains].map(flip)),
    answer.flips.length === 0 && el('p.pad.q', null, 'No recorded call would be decided differently.'),
    answer.evicted > 0 && el('p.pad.q', null, `${plural(answer.evicted, 'older call')} made room in the journal and could not be asked again.`),
  ].filter(Boolean);
}

/** One sentence about the flips, for the question before attaching */
export function inShort(answer) {
  if (!answer) return 'It takes effect with the next request.';
  return `${plural(answer.now_denied, 'recorded call')} would now be denied, ${count(answer.now_allowed)} would now be allowed. It takes effect with the next request.`;
}
