// A call of the journal as a command, a line or a test case that can be pasted elsewhere.

import { actionName, ask, askText, copyButton, el, tail } from './base.js';
import { items } from './yaml.js';

const scalar = (text) => (/^[A-Za-z0-9_./*][A-Za-z0-9_./:*@+=,-]*$/.test(text) && !/:$|^(true|false|null|yes|no|on|off|~|\*.*|[0-9.]+)$/i.test(text) ? text : JSON.stringify(text));

/** The message that the client got, which for a refused signature is not the journal's; empty: none */
export const clientMessage = (entry) => entry.client_message ?? entry.message;

/** How far a case of `policy test` is indented, so that it can be pasted under `tests:` as `init` writes it */
const TEST_INDENT = 2;

const asked = new WeakMap();
/** What `GET /requests/ID/edits` says of an entry, asked for once */
export function askEdits(entry) {
  if (!asked.has(entry)) asked.set(entry, ask(`/requests/${encodeURIComponent(entry.request_id)}/edits`));
  return asked.get(entry);
}

/** The members of a test in the order in which people write them */
function inOrder({ name, operation, resource, expect, ...rest }) {
  return { name, operation, ...(resource !== undefined && { resource }), ...rest, expect };
}

/** A case of `policy test` that expects what was decided of an entry of the journal */
export async function testOf(entry) {
  const { test } = await askEdits(entry).catch(() => ({ test: null }));
  return test ? items([inOrder(test)], TEST_INDENT) : testCase(entry);
}

/** The same of a call that nobody made, or that is another service's */
export function testCase(entry) {
  const expect = entry.decision ?? 'denied';
  const verb = expect === 'allowed' ? 'may' : 'may not';
  const resource = entry.resource && entry.resource !== '*' ? tail(entry.resource) : null;
  const lines = [`- name: ${scalar(`${tail(entry.principal)} ${verb} ${actionName(entry.action)}${resource ? ` ${resource}` : ''}`)}`, `  action: ${scalar(entry.action ?? '')}`];
  if (entry.resource) lines.push(`  resource: ${scalar(entry.resource)}`);
  if (entry.principal) lines.push(`  principal: ${scalar(entry.principal)}`);
  const region = entry.context?.['aws:RequestedRegion'];
  if (region) lines.push(`  region: ${scalar(region)}`);
  if (entry.entry_point) lines.push(`  vpc_endpoint_id: ${entry.entry_point.vpc_endpoint_id ?? 'null'}`);
  lines.push(`  expect: ${expect}`);
  return lines.map((line) => ' '.repeat(TEST_INDENT) + line).join('\n');
}

/** What a line of `policy simulate` calls the policies of a type */
const SIMULATED = { identity: 'identity', 'permissions-boundary': 'boundary', session: 'session', 'service-control': 'scp', 'resource-control': 'rcp' };

/** A line of `policy simulate`: the call with every document that was asked */
async function simulateLine(entry) {
  const policies = {};
  const seen = new Set();
  for (const { policy_type: type, policy, document_sha256: sha256 } of entry.statements ?? []) {
    if (seen.has(`${type} ${policy}`) || !sha256) continue;
    seen.add(`${type} ${policy}`);
    const document = JSON.parse(await askText(`/policies/${sha256}`));
    if (type === 'vpc-endpoint') policies.vpcEndpoint = document;
    else if (type === 'role-trust') policies.roleTrust = document;
    else (policies[SIMULATED[type]] ??= []).push(type.endsWith('-control') ? [document] : document);
  }
  return JSON.stringify({ id: entry.request_id, policies, request: { principal: entry.principal, action: entry.action, resource: entry.resource, context: entry.context } });
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Where the call goes: `Host` is the sender's own choice, and keys are sent only to the emulator and to names that it plays */
async function authority(entry) {
  // Only the address is wanted, so any folder will do for the certificates.
  const environment = await ask('/env?client=curl&format=json&certs_directory=/');
  const own = new URL(environment.AWS_ENDPOINT_URL_LOOKOUTVISION);
  const host = entry.host ?? '';
  const isPlayed = entry.entry_point && /^[a-z0-9.-]+\.(amazonaws\.com|api\.aws)(:\d+)?$/i.test(host);
  // Several endpoints are told apart by the address that is called.
  const [, port] = /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d+))?$/i.exec(host) ?? [];
  return isPlayed || (port && port === own.port) ? host : own.host;
}

/** Whether the call can be sent again: what broke off before its request, or was no HTTP, has nothing to send */
const canBeSent = ({ method, target }) => method !== '-' && /^\/[\x21-\x7e]*$/.test(target);

/** The call by hand; key and CA are in the variables of Set-up. All that the sender chose is quoted. */
async function curl(entry) {
  const region = entry.context?.['aws:RequestedRegion'] ?? /^arn:[^:]*:[^:]*:([^:]+):/.exec(entry.resource ?? '')?.[1] ?? 'us-east-1';
  const parts = ['curl', '--aws-sigv4', quoted(`aws:amz:${region}:${entry.service}`), '--user', '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"', '--request', quoted(entry.method)];
  if (entry.body?.content_type) parts.push('--header', quoted(`content-type: ${entry.body.content_type}`));
  if (entry.body?.bytes) parts.push('--data-binary', '@body');
  // Brackets and braces would be patterns of curl's own.
  parts.push('--globoff', quoted(`https://${await authority(entry)}${entry.target}`));
  return parts.join(' ');
}

/** The buttons that copy a call in each of these ways */
export function copies(entry) {
  return el('div.row.pad', null, el('span.q', null, 'Copy as'),
    clientMessage(entry) && copyButton('message', clientMessage(entry)),
    canBeSent(entry) && copyButton('curl', () => curl(entry).catch((error) => `# ${error.message}`)),
    entry.decision && copyButton('simulate line', () => simulateLine(entry).catch((error) => `# ${error.message}`)),
    entry.action && copyButton('test case', () => testOf(entry)));
}
