// A call of the journal as a command, a line or a test case that can be pasted elsewhere.

import { actionName, askText, copyButton, el, tail } from './base.js';

const scalar = (text) => (/^[A-Za-z0-9_./*][A-Za-z0-9_./:*@+=,-]*$/.test(text) && !/:$|^(true|false|null|yes|no|on|off|~|\*.*|[0-9.]+)$/i.test(text) ? text : JSON.stringify(text));

/** A case of `policy test` that expects what was decided */
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
  return lines.join('\n');
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

/** The call by hand; key and CA are in the variables of Set-up */
function curl(entry) {
  const region = entry.context?.['aws:RequestedRegion'] ?? /^arn:[^:]*:[^:]*:([^:]+):/.exec(entry.resource ?? '')?.[1] ?? 'us-east-1';
  const parts = ['curl', '--aws-sigv4', quoted(`aws:amz:${region}:${entry.service}`), '--user', '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"', '--request', entry.method];
  if (entry.body?.content_type) parts.push('--header', quoted(`content-type: ${entry.body.content_type}`));
  if (entry.body?.bytes) parts.push('--data-binary', '@body');
  parts.push(quoted(`https://${entry.host ?? 'localhost'}${entry.target}`));
  return parts.join(' ');
}

/** The buttons that copy a call in each of these ways */
export function copies(entry) {
  return el('div.row.pad', null, el('span.q', null, 'Copy as'),
    entry.message && copyButton('message', entry.message),
    // What broke off before its request has none to send again.
    entry.method !== '-' && copyButton('curl', () => curl(entry)),
    entry.decision && copyButton('simulate line', () => simulateLine(entry).catch((error) => `# ${error.message}`)),
    entry.action && copyButton('test case', () => testCase(entry)));
}
