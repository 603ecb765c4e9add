import { describe, expect, it } from 'vitest';
import { requestLimitOf } from '../../../../../src/lib/access/policy/policy.ts';
import { checkInvokeCommand, judgeCmdlet, runsCmdlet } from '../../../../../src/lib/gateway/send/judge-non-graph.ts';
import { readCmdlet } from '../../../../../src/lib/judge/reading/cmdlet.ts';

const unreadable = expect.objectContaining({ kind: 'unreadable' }) as Error;

describe('the address of InvokeCommand', () => {
  const check = (path: string, { method = 'POST', query = '', type = 'application/json' } = {}) =>
    checkInvokeCommand(method, path.split('/'), query, type).join('/');

  it('is sent in one spelling', () => {
    expect(check('adminapi/beta/tenant/invokeCOMMAND')).toBe('adminapi/beta/tenant/InvokeCommand');
    expect(check('adminapi/beta/t/InvokeCommand', { query: '$select=a&$TOP=1&$skip=2&$count=true' })).toMatch(/t\//);
  });

  it.each<[string, object]>([
    ['api/beta/t/InvokeCommand', {}],
    ['adminapi/beta/t/InvokeCommand/x', {}],
    ['adminapi/beta/t/Mailbox', {}],
    ['adminapi/beta/t', {}],
    ['adminapi/beta/t/InvokeCommand', { method: 'GET' }],
    ['adminapi/beta/t/InvokeCommand', { query: 'CmdletName=Remove-Mailbox' }],
    ['adminapi/beta/t/InvokeCommand', { query: '$filter=x' }],
    ['adminapi/beta/t/InvokeCommand', { type: 'text/xml' }],
  ])('is not %s with %j', (path, more) => {
    expect(() => check(path, more)).toThrow(unreadable);
  });

  it('is recognized however it is written', () => {
    expect(runsCmdlet(['adminapi', 'x.InvokeCommand()'])).toBe(true);
    expect(runsCmdlet(['adminapi', 'beta', 't', 'Mailbox'])).toBe(false);
    expect(runsCmdlet(['adminapi', 'v2.0', 't', 'Mailbox'])).toBe(true);
  });
});

describe('the cmdlet in a body', () => {
  const body = (input: unknown, more: object = {}) => JSON.stringify({ CmdletInput: input, ...more });

  it('has a name and parameters', () => {
    expect(readCmdlet(body({ CmdletName: 'Get-Mailbox', Parameters: { Identity: 'a', ResultSize: 5 } }))).toEqual({
      name: 'Get-Mailbox',
      parameters: ['Identity', 'ResultSize'],
    });
    expect(readCmdlet(body({ CmdletName: 'Get-Mailbox' }))).toEqual({ name: 'Get-Mailbox', parameters: [] });
  });

  it.each<[string, string]>([
    ['another member', body({ CmdletName: 'Get-Mailbox' }, { CmdletName: 'Remove-Mailbox' })],
    ['another member of the input', body({ CmdletName: 'Get-Mailbox', Script: 'x' })],
    ['no input', '{}'],
    ['null', body(null)],
    ['a list', body([{ CmdletName: 'Get-Mailbox' }])],
    ['a text', body('Get-Mailbox')],
    ['no name', body({ Parameters: {} })],
    ['a list of names', body({ CmdletName: ['Get-Mailbox'] })],
    ['two cmdlets', body({ CmdletName: 'Get-Mailbox;Remove-Mailbox' })],
    ['a name without a verb', body({ CmdletName: 'Mailbox' })],
    ['parameters that are null', body({ CmdletName: 'Get-Mailbox', Parameters: null })],
    ['a list of parameters', body({ CmdletName: 'Get-Mailbox', Parameters: ['Identity'] })],
    ['an odd parameter', body({ CmdletName: 'Get-Mailbox', Parameters: { 'Identity; x': 1 } })],
    ['an odd parameter among others', body({ CmdletName: 'Get-Mailbox', Parameters: { Identity: 1, '-Force': 1 } })],
  ])('is not read from %s', (_, text) => {
    expect(() => readCmdlet(text)).toThrow(unreadable);
  });

  it('is one that the rule lists, with parameters that it lists', () => {
    const limit = requestLimitOf({ cmdlets: { 'Get-Mailbox': ['Identity'] } });
    expect(judgeCmdlet(limit, { name: 'get-mailbox', parameters: ['identity'] })).toBe('get-mailbox');
    for (const call of [
      { name: 'Get-Mailbox', parameters: ['Identity', 'Filter'] },
      { name: 'Remove-Mailbox', parameters: [] },
    ])
      expect(() => judgeCmdlet(limit, call)).toThrow(expect.objectContaining({ kind: 'not-permitted' }) as Error);
  });
});
