// The editor of a policy: a plain text area over its painted copy, with what lint says at its place while one types.

import { $, ask, badge, el, plural, say, withCode } from './base.js';
import { placesOf } from './policy_text.js';

const LINT_MILLISECONDS = 300;

/** Which lines of `text` are new against `before`, and what of them: line → [from, to] in the line */
function changesOf(before, text) {
  const [old, lines] = [before.split('\n'), text.split('\n')];
  const changed = new Map();
  if (old.length * lines.length > 400_000) return changed;
  // The longest common subsequence of lines, from the end.
  const width = lines.length + 1;
  const table = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = lines.length - 1; j >= 0; j -= 1) {
      table[i * width + j] = old[i] === lines[j] ? table[(i + 1) * width + j + 1] + 1 : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  let [i, j] = [0, 0];
  while (j < lines.length) {
    if (i < old.length && old[i] === lines[j]) { i += 1; j += 1; continue; }
    if (i < old.length && table[(i + 1) * width + j] >= table[i * width + j + 1]) {
      // An old line that is gone; the new one in its place, if there is one, is compared with it.
      const next = lines[j];
      if (table[(i + 1) * width + j + 1] === table[i * width + j] && next.trim() !== '') { changed.set(j + 1, middle(old[i], next)); j += 1; }
      i += 1;
      continue;
    }
    changed.set(j + 1, [/^\s*/.exec(lines[j])[0].length, lines[j].length]);
    j += 1;
  }
  return changed;
}

/** Where a line differs from another one: [from, to] */
function middle(before, line) {
  let from = 0;
  while (from < before.length && from < line.length && before[from] === line[from]) from += 1;
  let end = 0;
  while (end < before.length - from && end < line.length - from && before.at(-1 - end) === line.at(-1 - end)) end += 1;
  return [from, line.length - end];
}

/** A line in pieces: what is new, what lint means, and what is both */
function pieces(line, added, findings) {
  const marks = [...(added ? [['add', ...added]] : []), ...findings].filter(([, from, to]) => to > from);
  const cuts = [...new Set([0, line.length, ...marks.flatMap(([, from, to]) => [from, Math.min(to, line.length)])])].sort((one, other) => one - other);
  return cuts.slice(1).map((to, index) => {
    const from = cuts[index];
    const kinds = marks.filter((mark) => mark[1] <= from && to <= mark[2]).map(([kind]) => kind);
    const text = line.slice(from, to);
    return kinds.length ? el(['span', ...kinds].join('.'), null, text) : text;
  });
}

/**
 * Lets a text be edited. `settled({text, isValid, findings})` is told when lint has answered for what is there;
 * `changed(text)` at each key.
 */
export function editor({ lintPath, changed, settled }) {
  const area = $('#draft');
  const state = $('#lint-state');
  const list = $('#lint-list');
  let before = '';
  let findings = null;
  let timer;
  let asked = 0;

  function paint() {
    const text = area.value;
    const lines = text.split('\n');
    const added = changesOf(before, text);
    const marks = new Map();
    if (findings) {
      let places = null;
      try { places = placesOf(text); } catch { /* What is no JSON has no places. */ }
      for (const { line, column, path, severity } of findings) {
        const place = places?.get(path);
        const length = lines[line - 1]?.length ?? 0;
        const from = Math.min(column - 1, Math.max(0, length - 1));
        const to = place && place.line === place.lastLine && path ? from + (place.to - place.from) : Math.min(length, from + 1);
        marks.set(line, [...(marks.get(line) ?? []), [severity === 'error' ? 'bad' : 'warn', from, to]]);
      }
    }
    $('#paint').replaceChildren(...lines.map((line, index) => el('div', null, ...pieces(line, added.get(index + 1), marks.get(index + 1) ?? []), line === '' && '\u200b')));
    $('#gutter').replaceChildren(...lines.map((_, index) => el('div', null, marks.has(index + 1) ? el(marks.get(index + 1).some(([kind]) => kind === 'bad') ? 'span.w.bad' : 'span.w', null, String(index + 1)) : String(index + 1))));
    align();
    $('#changes').textContent = text === before ? 'the same as the attached text' : `${plural(added.size || 1, 'changed line')}`;
  }

  /** Long lines wrap, so each number is as high as its line, and the area as high as all of them */
  function align() {
    const heights = [...$('#paint').children].map((line) => line.getBoundingClientRect().height);
    [...$('#gutter').children].forEach((number, index) => { number.style.height = `${heights[index]}px`; });
    area.style.height = `${$('#paint').offsetHeight}px`;
  }
  new ResizeObserver(align).observe($('#paint'));

  function show() {
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    const warnings = findings.length - errors;
    state.replaceChildren(...(errors ? [badge('im', plural(errors, 'error'))] : []), ...(warnings ? [badge('er', plural(warnings, 'warning'))] : []), ...(findings.length ? [] : [badge('ok', 'lint has nothing to say')]));
    list.classList.remove('stale');
    list.replaceChildren(...findings.map(({ code, severity, message, line, column }) => el('li', null, badge(severity === 'error' ? 'im' : 'er', severity),
      el('p', null, withCode(message), ' ', el('span.q.m', null, code)),
      el('button.bare', { type: 'button', 'aria-label': `Go to line ${line}, column ${column}`, onclick: () => jump(line, column) }, `${line}:${column}`))));
  }

  function jump(line, column) {
    const lines = area.value.split('\n');
    const from = lines.slice(0, line - 1).reduce((sum, other) => sum + other.length + 1, 0) + column - 1;
    area.focus();
    area.setSelectionRange(from, from + Math.max(1, (lines[line - 1]?.length ?? 1) - column + 1));
  }

  async function lint() {
    asked += 1;
    const mine = asked;
    const text = area.value;
    const late = setTimeout(() => { if (mine === asked) state.replaceChildren(el('span.q', null, 'checking')); }, 300);
    try {
      const answer = await ask(lintPath(), { method: 'POST', body: text });
      if (mine !== asked) return;
      findings = answer;
      show();
      paint();
      settled({ text, findings, isValid: !findings.some(({ severity }) => severity === 'error') });
    } catch (error) {
      if (mine !== asked) return;
      state.replaceChildren(el('span.c-er', null, `not checked: ${error.message}`));
      settled({ text, findings: [], isValid: false });
    } finally {
      clearTimeout(late);
    }
  }

  $('#format').addEventListener('click', () => {
    let formatted;
    try { formatted = JSON.stringify(JSON.parse(area.value), null, 2); } catch { say('What is not JSON cannot be formatted'); return; }
    area.value = formatted;
    area.dispatchEvent(new Event('input'));
    area.focus();
  });
  area.addEventListener('input', () => {
    // What lint said is about another text from here on.
    findings = null;
    asked += 1;
    state.replaceChildren();
    list.classList.add('stale');
    paint();
    changed(area.value);
    clearTimeout(timer);
    timer = setTimeout(lint, LINT_MILLISECONDS);
  });

  return {
    get text() { return area.value; },
    /** Begins with a text, against the one that is attached */
    begin(text, attached) {
      before = attached;
      area.value = text;
      findings = null;
      list.replaceChildren();
      state.replaceChildren();
      paint();
      clearTimeout(timer);
      lint();
    },
    /** Another text is attached */
    against(attached) { before = attached; paint(); },
    focus() { area.focus(); area.setSelectionRange(0, 0); },
  };
}

