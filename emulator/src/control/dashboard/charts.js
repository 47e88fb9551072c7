// Small charts, drawn by hand: requests and refusals over time, durations, bars.

import { duration, el, plural, svg, wallTime } from './base.js';

const BINS = 40;
const WIDTH = 480;

const median = (sorted, part) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] : null);

/** Puts `{at, kind, micros}` into `BINS` bins that end at `now`, all in milliseconds */
function binned(entries, now, span) {
  const bins = Array.from({ length: BINS }, () => ({ ok: 0, im: 0, ex: 0, er: 0, fa: 0, micros: [] }));
  for (const { at, kind, micros } of entries) {
    const index = BINS - 1 - Math.floor((now - at) / (span / BINS));
    if (index < 0) continue;
    const bin = bins[Math.min(BINS - 1, index)];
    bin[kind] += 1;
    bin.micros.push(micros);
  }
  for (const bin of bins) bin.micros.sort((one, other) => one - other);
  return bins;
}

function axis(now, span) {
  return el('div.axis', { 'aria-hidden': 'true' }, [now - span, now - span / 2, now].map((at) => el('span', null, wallTime(at).slice(0, 5))));
}

const canvas = (label, ...marks) => svg('svg', { viewBox: `0 0 ${WIDTH} 100`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, ...marks);

/** Allowed above the line, refused below it; and how long they took */
export function overTime(place, entries, now, span) {
  const bins = binned(entries, now, span);
  const refused = (bin) => bin.im + bin.ex + bin.er + bin.fa;
  const most = Math.max(1, ...bins.map((bin) => Math.max(bin.ok, refused(bin))));
  const sum = (kind) => bins.reduce((total, bin) => total + bin[kind], 0);
  const paths = { ok: '', de: '', er: '', fa: '' };
  bins.forEach((bin, index) => {
    const x = index * (WIDTH / BINS);
    const bar = (y, height) => `M${x} ${y.toFixed(1)}h9v${height.toFixed(1)}h-9z`;
    const high = (number) => (number === 0 ? 0 : Math.max(3, (number / most) * 52));
    if (bin.ok) paths.ok += bar(58 - high(bin.ok), high(bin.ok));
    let below = 60;
    for (const [name, number] of [['de', bin.im + bin.ex], ['er', bin.er], ['fa', bin.fa]]) {
      if (!number) continue;
      const height = Math.max(3, (number / most) * 38);
      paths[name] += bar(below, height);
      below += height;
    }
  });
  const minutes = Math.round(span / 60000);
  const total = sum('ok') + sum('im') + sum('ex') + sum('er') + sum('fa');
  const label = `Requests over ${minutes} minutes: ${sum('ok')} allowed, ${sum('im') + sum('ex')} denied, ${plural(sum('er'), 'error')}, ${plural(sum('fa'), 'fault')}; at most ${most} of a kind in half a minute`;
  const requests = el('figure.chart', null, el('figcaption', null, el('b', null, 'Requests'), el('span', null, total ? 'allowed above, refused below' : `none in ${minutes} minutes`)),
    canvas(label, ...Object.entries(paths).filter(([, path]) => path).map(([name, path]) => svg('path', { class: `f-${name}`, d: path })), svg('path', { class: 'l-base', d: `M0 59h${WIDTH}` })), axis(now, span));

  const all = entries.filter(({ at }) => now - at < span).map(({ micros }) => micros).sort((one, other) => one - other);
  const [middle, slow] = [median(all, 0.5), median(all, 0.99)];
  const caption = middle === null ? [el('span', null, 'none yet')] : [el('span', null, `median ${duration(middle)}`), el('span', null, `dashed: 99th of 100, ${duration(slow)}`)];
  const highest = Math.max(1, ...bins.map((bin) => median(bin.micros, 0.99) ?? 0));
  // Where nothing was asked there is no line.
  const lines = (part) => {
    let path = '';
    let pen = 'M';
    bins.forEach((bin, index) => {
      const value = median(bin.micros, part);
      if (value === null) { pen = 'M'; return; }
      const x = index * (WIDTH / BINS) + 6;
      const y = (96 - (value / highest) * 88).toFixed(1);
      path += pen === 'M' ? `M${x - 5} ${y}L${x} ${y}` : `L${x} ${y}`;
      pen = 'L';
    });
    return path;
  };
  const durations = el('figure.chart', null, el('figcaption', null, el('b', null, 'Duration'), caption),
    canvas(middle === null ? 'No duration yet' : `Durations over ${minutes} minutes: median ${duration(middle)}, 99th of 100 ${duration(slow)}`,
      svg('path', { class: 'l-b', d: lines(0.99) || 'M0 0' }), svg('path', { class: 'l-a', d: lines(0.5) || 'M0 0' }), svg('path', { class: 'l-base', d: `M0 99h${WIDTH}` })), axis(now, span));
  place.replaceChildren(requests, durations);
}

/** A bar with what it means beside it: `{name, value, of, text, kind, gate}`, `gate` a share of the whole */
export function bar({ name, value, of, text, kind = 'fill', gate }) {
  const share = of > 0 ? Math.min(1, value / of) : 0;
  return el('li.bar', null, el('span', null, name),
    svg('svg', { viewBox: '0 0 200 12', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${name}: ${text}` }, svg('rect', { class: 'track', width: 200, height: 12 }), svg('rect', { class: kind, width: (200 * share).toFixed(1), height: 12 }), ...(gate === undefined ? [] : [svg('path', { class: 'gate', d: `M${200 * gate} 0v12` })])),
    el('span.r', null, text));
}

/** A bar without words, for a cell of a table */
export function mini(value, of) {
  const share = of > 0 ? value / of : 1;
  return svg('svg', { class: 'mini', viewBox: '0 0 72 10', 'aria-hidden': 'true' }, svg('rect', { class: 'track', width: 72, height: 10 }), svg('rect', { class: 'fill', width: (72 * share).toFixed(1), height: 10 }));
}
