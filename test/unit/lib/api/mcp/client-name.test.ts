import { expect, it } from 'vitest';
import { clientNameOf } from '../../../../../src/lib/api/mcp/serve-mcp.ts';

const withMeta = (info: unknown) => ({
  method: 'tools/call',
  params: { _meta: { 'io.modelcontextprotocol/clientInfo': info } },
});

it.each([
  ['of the message', withMeta({ name: 'claude-code', version: '2.1' }), 'node', 'claude-code 2.1'],
  ['without a version', withMeta({ name: 'x' }), 'node', 'x'],
  [
    'of initialize',
    { method: 'initialize', params: { clientInfo: { name: 'vscode', version: '1' } } },
    null,
    'vscode 1',
  ],
  ['of the header', { method: 'tools/call', params: {} }, 'ptb-mcp (vscode 1.99)', 'ptb-mcp (vscode 1.99)'],
  ['of the header, if the message has a wrong one', withMeta({ name: 7 }), 'node', 'node'],
  ['of the header, if the message is none', 'x', 'node', 'node'],
  ['missing', { method: 'ping' }, null, undefined],
  ['empty', { method: 'ping' }, '', undefined],
])('the name %s', (_case, message, userAgent, expected) => {
  expect(clientNameOf(message, userAgent)).toBe(expected);
});

it('is one line of at most 128 characters, without anything that looks like a token', () => {
  const name = clientNameOf(withMeta({ name: `a\nb\u202e Bearer ${'s'.repeat(40)} ${'z'.repeat(300)}` }), null) ?? '';
  expect(name).toHaveLength(128);
  expect(name).toMatch(/^a\\nb\\u202e Bearer \[secret\] z+$/);
});
