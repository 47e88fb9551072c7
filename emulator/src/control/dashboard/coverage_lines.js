// A document with what was counted at its lines.

import { count, el, hidden, icon } from './base.js';
import { indentUnit, indented, lineOf, painted, placesOf, readable } from './policy_text.js';

const MARKS = { full: ['c-ok', 'ok', 'covered'], half: ['c-er', 'half', 'one outcome only'], none: ['c-de', 'x', 'never'] };

function mark(kind) {
  const [colour, name, word] = MARKS[kind];
  return el(`span.${colour}`, null, icon(name), hidden(word));
}

/** What is counted at each line: line → {kinds, texts} */
function countsOf(statements, places) {
  const lines = new Map();
  const put = (path, kind, text) => {
    const place = places.get(path);
    if (!place) return;
    const line = lines.get(place.line) ?? { kinds: [], texts: [] };
    line.kinds.push(kind);
    line.texts.push(text);
    lines.set(place.line, line);
  };
  for (const statement of statements) {
    put(statement.path, statement.matched ? 'full' : 'none', statement.decided ? `decided ${count(statement.decided)}` : statement.matched ? `matched ${count(statement.matched)}` : 'never matched');
    const conditions = new Set(statement.conditions.map(({ path }) => path));
    for (const condition of statement.conditions) {
      const [wasTrue, wasFalse] = [condition.true, condition.false];
      put(condition.path, wasTrue && wasFalse ? 'full' : wasTrue || wasFalse ? 'half' : 'none', `true ${count(wasTrue)}, false ${count(wasFalse)}`);
    }
    // A single value stands where its key does, and the condition says more.
    for (const element of statement.elements) if (!conditions.has(element.path)) put(element.path, element.matched ? 'full' : 'none', element.matched ? count(element.matched) : '0, never');
  }
  return lines;
}

const worst = (kinds) => (kinds.every((kind) => kind === 'full') ? 'full' : kinds.every((kind) => kind === 'none') ? 'none' : 'half');

/** Short where several things stand on one line */
function said({ kinds, texts }) {
  if (texts.length <= 2) return texts.join('; ');
  const covered = kinds.filter((kind) => kind === 'full').length;
  return `${covered} of ${kinds.length}`;
}

/** The lines of a document, with counts where there are any */
export function coverageLines(written, statements) {
  const text = readable(written);
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  let places = new Map();
  try { places = placesOf(text); } catch { /* Attached texts are JSON; a read-only one of another kind has no places. */ }
  const counts = statements ? countsOf(statements, places) : new Map();
  const unit = indentUnit(lines);
  return lines.map((line, index) => {
    const counted = counts.get(index + 1);
    const kind = counted && worst(counted.kinds);
    const { depth, text: rest } = indented(line, unit);
    const row = lineOf({ number: index + 1, kind, mark: kind && mark(kind), text: el(`code.d${depth}`, null, painted(rest)), got: counted && said(counted) });
    row.id = `line-${index + 1}`;
    return row;
  });
}
