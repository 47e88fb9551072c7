// The text of a policy, with the place of everything in it: which line has which JSON pointer.

import { el } from './base.js';

/**
 * Where the values of a JSON text stand: `places.get('/Statement/0/Action/1')` is `{from, to, line, lastLine, key}`, with
 * offsets into the text, lines from one, and `key` the offset of a member's name. Throws a SyntaxError on what is no JSON.
 */
export function placesOf(text) {
  const places = new Map();
  let at = 0;
  let line = 1;
  const fail = () => { throw new SyntaxError(`no JSON at line ${line}`); };
  const space = () => { for (; at < text.length && ' \t\r\n'.includes(text[at]); at += 1) if (text[at] === '\n') line += 1; };
  const expect = (character) => { if (text[at] !== character) fail(); at += 1; };
  const scalar = /-?\d[\d.eE+-]*|true|false|null/y;
  const string = /"(?:[^"\\\n]|\\.)*"/y;
  const take = (pattern) => { pattern.lastIndex = at; const found = pattern.exec(text)?.[0]; if (found === undefined) fail(); at += found.length; return found; };

  function value(pointer, key) {
    space();
    const from = at;
    const first = line;
    if (text[at] === '{') members(pointer);
    else if (text[at] === '[') items(pointer);
    else take(text[at] === '"' ? string : scalar);
    places.set(pointer, { from, to: at, line: first, lastLine: line, key });
    space();
  }
  function members(pointer) {
    expect('{');
    space();
    if (text[at] === '}') { at += 1; return; }
    for (;;) {
      space();
      const key = at;
      const name = JSON.parse(take(string));
      space();
      expect(':');
      value(`${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, key);
      if (text[at] === '}') { at += 1; return; }
      expect(',');
    }
  }
  function items(pointer) {
    expect('[');
    space();
    if (text[at] === ']') { at += 1; return; }
    for (let index = 0; ; index += 1) {
      value(`${pointer}/${index}`, null);
      if (text[at] === ']') { at += 1; return; }
      expect(',');
    }
  }
  value('', null);
  if (at !== text.length) fail();
  return places;
}

/** The same document with a clause on each line, where it is written on too few lines to point at any of them */
export function readable(text) {
  let parsed;
  try { parsed = JSON.parse(text); } catch { return text; }
  const statements = [parsed.Statement].flat().filter(Boolean).length;
  return text.trimEnd().split('\n').length > 2 * statements + 2 ? text : JSON.stringify(parsed, null, 2);
}

/** The pieces of a line of JSON: names of members are marked */
export function painted(line) {
  const pieces = [];
  const name = /"(?:[^"\\]|\\.)*"(?=\s*:)/g;
  let end = 0;
  for (let found = name.exec(line); found; found = name.exec(line)) {
    pieces.push(line.slice(end, found.index), el('span.k', null, found[0]));
    end = found.index + found[0].length;
  }
  pieces.push(line.slice(end));
  return pieces;
}

/** A line of JSON with a part of it marked */
export function paintedWith(line, from, to) {
  return [...painted(line.slice(0, from)), el('mark', null, line.slice(from, to)), ...painted(line.slice(to))];
}

/** How deep a line stands, from the spaces before it, and the rest of it */
export function indented(line, unit) {
  const spaces = /^[ \t]*/.exec(line)[0];
  const width = [...spaces].reduce((sum, character) => sum + (character === '\t' ? unit : 1), 0);
  return { depth: Math.min(6, Math.round(width / unit)), text: line.slice(spaces.length), cut: spaces.length };
}

/** How many spaces one step is */
export function indentUnit(lines) {
  const widths = lines.map((line) => /^ */.exec(line)[0].length).filter((width) => width > 0);
  return widths.length ? Math.max(1, Math.min(8, Math.min(...widths))) : 2;
}

/** A line of a document: number, mark, text, and what there is to say of it on the right */
export function lineOf({ number, mark, text, got, kind }) {
  return el(`li${kind ? `.${kind}` : ''}`, null, el('span.no', null, String(number)), el('span.mk', null, mark), text, got && el('span.got', null, got));
}

/** The statements of a document as a list, also where it is one object alone */
export const statementPointer = (document, index) => (Array.isArray(document.Statement) ? `/Statement/${index}` : '/Statement');

/** Where two texts begin to differ, back to the last `:` or `/` before it; -1 where they are equal */
export function difference(one, other) {
  if (one === other) return -1;
  let at = 0;
  while (at < one.length && at < other.length && one[at] === other[at]) at += 1;
  return Math.max(one.lastIndexOf('/', at - 1), one.lastIndexOf(':', at - 1)) + 1;
}
