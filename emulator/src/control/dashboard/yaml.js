// Values as YAML, for a configuration file: blocks for what is long, one line for what is short.

const plain = (text) => /^[A-Za-z_./][A-Za-z0-9_./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);

/** A scalar or a flow of scalars on one line */
export function flow(value) {
  if (typeof value === 'string') return plain(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (value && typeof value === 'object') return `{${Object.entries(value).map(([key, member]) => `${plain(key) ? key : JSON.stringify(key)}: ${flow(member)}`).join(', ')}}`;
  return String(value);
}

/** The items of a list, each with its members on lines of their own, indented by so many spaces */
export function items(list, indent) {
  const space = ' '.repeat(indent);
  return list.map((item) => Object.entries(item).map(([key, value], index) => `${space}${index === 0 ? '- ' : '  '}${key}: ${flow(value)}`).join('\n')).join('\n');
}
