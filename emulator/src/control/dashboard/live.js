// `GET /events`, read as a stream: unlike an EventSource this sees the comment that counts dropped events, says from where
// it goes on, and can tell that the emulator was started anew.

import { sayRefused } from './base.js';

const QUIET_MILLISECONDS = 40_000; // the emulator says `still here` every 15 seconds
const AGAIN_MILLISECONDS = 1_000;

/** The cursor of no process: everything that the journal has comes first. */
export const FROM_THE_BEGINNING = '00000000-0-0';

/**
 * Listens for as long as the page is looked at.
 *
 * `told.request(entry)`, `told.change(change)`, `told.dropped(count)`, `told.restarted()` before the first event of another
 * process, `told.state('live' | 'lost')`, `told.settled()` when everything that had arrived was told.
 */
export function listen(from, told) {
  let cursor = from;
  let running = null;
  let begun = null; // when the process began, in milliseconds of the machine
  let stopped = false;
  let active = false;

  async function run() {
    if (active) return;
    active = true;
    while (!stopped && !document.hidden) {
      running = new AbortController();
      try {
        await look(running);
      } catch {
        // A connection that ends is nothing but a reason to make another.
      }
      if (stopped || document.hidden) break;
      told.state('lost');
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MILLISECONDS); });
    }
    active = false;
  }

  async function look(controller) {
    const headers = { accept: 'text/event-stream' };
    if (cursor) headers['last-event-id'] = cursor;
    const response = await fetch('/events', { headers, signal: controller.signal, cache: 'no-store' });
    if (!response.ok) throw new Error(`${response.status}`);
    await checkProcess();
    told.state('live');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const watchdog = setTimeout(() => controller.abort(), QUIET_MILLISECONDS);
      const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return;
      text += value;
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) tell(event);
      told.settled?.();
    }
  }

  // A process that was started anew has nothing to tell until something happens; its uptime gives it away.
  async function checkProcess() {
    const health = await (await fetch('/health', { cache: 'no-store' })).json();
    const start = Date.now() - health.uptime_seconds * 1000;
    if (begun !== null && start > begun + 2500) { told.restarted?.(); cursor = FROM_THE_BEGINNING === from ? from : cursor; }
    begun = start;
  }

  function tell(text) {
    let [id, name, data] = [null, 'message', ''];
    for (const line of text.split('\n')) {
      if (line.startsWith('id: ')) id = line.slice(4);
      else if (line.startsWith('event: ')) name = line.slice(7);
      else if (line.startsWith('data: ')) data += line.slice(6);
      else if (line.startsWith(': dropped ')) told.dropped?.(Number(line.slice(10)));
    }
    if (id) {
      const [process] = id.split('-');
      if (cursor && cursor !== FROM_THE_BEGINNING && process !== cursor.split('-')[0]) told.restarted?.();
      cursor = id;
    }
    if (name === 'request') told.request?.(JSON.parse(data));
    else if (name === 'change') {
      const change = JSON.parse(data);
      if (change.kind === 'reload') sayRefused(change.failed ? change.message : null);
      told.change?.(change);
    }
  }

  document.addEventListener('visibilitychange', () => {
    // A browser has six connections to one host; a page that nobody looks at gives its own back.
    if (document.hidden) running?.abort();
    else run();
  });
  addEventListener('pagehide', () => { stopped = true; running?.abort(); });
  addEventListener('pageshow', (event) => { if (event.persisted) { stopped = false; run(); } });
  run();
}
