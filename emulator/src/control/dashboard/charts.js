// Small charts, drawn by hand: requests and refusals over time, durations, bars.

import { duration, el, plural, svg, wallTime } from './base.js';

const WIDTH = 480;

function axis(begin, end) {
  return el('div.axis', { 'aria-hidden': 'true' }, [begin, (begin + end) / 2, end].map((at) => el('span', null, wallTime(at).slice(0, 5))));
}

const canvas = (label, ...marks) => svg('svg', { viewBox: `0 0 ${WIDTH} 100`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, ...marks);

/** What is drawn of a step below the line */
const below = (step) => [['de', step.denied], ['er', step.refused + step.broken_off], ['fa', step.faulted]];

/** Allowed above the line, refused below it, and durations: what `GET /statistics` answers, in `columns` columns */
export function overTime(place, { steps, step_seconds: length, total }, columns) {
  const wide = WIDTH / columns;
  // An emulator that has just started has few steps; they stand on the right, where the present is.
  const left = (index) => (columns - steps.length + index) * wide;
  const most = Math.max(1, ...steps.map((step) => Math.max(step.answered, step.requests - step.answered)));
  const paths = { ok: '', de: '', er: '', fa: '' };
  const high = (number, whole) => Math.max(3, (number / most) * whole);
  steps.forEach((step, index) => {
    const bar = (y, height) => `M${left(index).toFixed(1)} ${y.toFixed(1)}h${(wide * 0.75).toFixed(1)}v${height.toFixed(1)}h-${(wide * 0.75).toFixed(1)}z`;
    if (step.answered) paths.ok += bar(58 - high(step.answered, 52), high(step.answered, 52));
    let at = 60;
    for (const [name, number] of below(step)) {
      if (!number) continue;
      paths[name] += bar(at, high(number, 38));
      at += high(number, 38);
    }
  });
  const end = Date.parse(steps.at(-1).from) + length * 1000;
  const begin = end - columns * length * 1000;
  const minutes = Math.round((end - begin) / 60_000);
  const label = `Requests over ${minutes} minutes: ${total.answered} allowed, ${total.denied} denied, ${plural(total.refused + total.broken_off, 'error')}, ${plural(total.faulted, 'fault')}; at most ${most} of a kind in ${length} seconds`;
  const requests = el('figure.chart', null, el('figcaption', null, el('b', null, 'Requests'), el('span', null, total.requests ? `allowed above, refused${total.faulted ? ', faults' : ''} below` : `none in ${minutes} minutes`)),
    canvas(label, ...Object.entries(paths).filter(([, path]) => path).map(([name, path]) => svg('path', { class: `f-${name}`, d: path })), svg('path', { class: 'l-base', d: `M0 59h${WIDTH}` })), axis(begin, end));

  const durations = total.duration_micros;
  const highest = Math.max(1, ...steps.map((step) => step.duration_micros?.p99 ?? 0));
  // Where nothing was asked there is no line.
  const line = (part) => {
    let path = '';
    let isDown = false;
    steps.forEach((step, index) => {
      if (!step.duration_micros) { isDown = false; return; }
      const x = left(index) + wide / 2;
      const y = (96 - (step.duration_micros[part] / highest) * 88).toFixed(1);
      path += isDown ? `L${x.toFixed(1)} ${y}` : `M${(x - wide * 0.4).toFixed(1)} ${y}L${x.toFixed(1)} ${y}`;
      isDown = true;
    });
    return path || 'M0 0';
  };
  const caption = durations ? [el('span', null, `median ${duration(durations.p50)}`), el('span', null, `dashed: 99th of 100, ${duration(durations.p99)}`)] : [el('span', null, 'none yet')];
  const times = el('figure.chart', null, el('figcaption', null, el('b', null, 'Duration'), caption),
    canvas(durations ? `Durations over ${minutes} minutes: median ${duration(durations.p50)}, 99th of 100 ${duration(durations.p99)}` : 'No duration yet',
      svg('path', { class: 'l-b', d: line('p99') }), svg('path', { class: 'l-a', d: line('p50') }), svg('path', { class: 'l-base', d: `M0 99h${WIDTH}` })), axis(begin, end));
  place.replaceChildren(requests, times);
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
  const share = of > 0 ? value / of : 0;
  return svg('svg', { class: 'mini', viewBox: '0 0 72 10', 'aria-hidden': 'true' }, svg('rect', { class: 'track', width: 72, height: 10 }), svg('rect', { class: 'fill', width: (72 * share).toFixed(1), height: 10 }));
}
