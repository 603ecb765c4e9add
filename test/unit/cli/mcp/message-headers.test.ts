import { expect, it } from 'vitest';
import { clientOf, messageHeaders } from '../../../../src/cli/mcp/message-headers.ts';

const common = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const meta = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } };

it('copies what the revision 2026-07-28 wants in headers', () => {
  expect(messageHeaders({ method: 'tools/call', params: { name: 'list_jobs', ...meta } }, {})).toEqual({
    ...common,
    'user-agent': 'ptb-mcp',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'list_jobs',
  });
  const listed = messageHeaders({ method: 'tools/list', params: { name: 'x', ...meta } }, { revision: '2025-11-25' });
  expect([listed['mcp-name'], listed['mcp-protocol-version']]).toEqual([undefined, '2026-07-28']);
});

it.each([
  ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
  [' padded ', '=?base64?IHBhZGRlZCA=?='],
  ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
  ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ['us-west1', 'us-west1'],
])('encodes the name %j as the specification does', (name, expected) => {
  expect(messageHeaders({ method: 'tools/call', params: { name, ...meta } }, {})['mcp-name']).toBe(expected);
});

it('names the revision and the client that introduced itself before', () => {
  expect(messageHeaders({ method: 'ping' }, { revision: '2025-11-25', client: 'vscode 1.99' })).toEqual({
    ...common,
    'user-agent': 'ptb-mcp (vscode 1.99)',
    'mcp-protocol-version': '2025-11-25',
  });
});

it.each([
  [{ clientInfo: { name: 'a\r\nb (c)', version: '1\u{e0041}' } }, 'a??b  c  1??'],
  [{ clientInfo: { name: 'x'.repeat(300) } }, 'x'.repeat(100)],
  [{ clientInfo: { version: '1' } }, undefined],
  [undefined, undefined],
])('reads the client from %j', (params, expected) => {
  expect(clientOf({ method: 'initialize', params })).toBe(expected);
});
