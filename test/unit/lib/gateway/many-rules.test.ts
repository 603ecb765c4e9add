import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytes, contoso, stage, usersRule } from './send/stage.ts';

const rules = (count: number, more: object): readonly object[] =>
  Array.from({ length: count }, (_, index) => ({ ...usersRule, name: `rule ${index}`, ...more }));

const user = '/v1.0/users/0a1b2c3d-0000-4000-8000-000000000001';

describe('a request that 50 rules are asked about', () => {
  const texts: string[] = [];
  const { parse } = JSON;
  beforeEach(() => {
    texts.length = 0;
    vi.spyOn(JSON, 'parse').mockImplementation((text, reviver): unknown => {
      texts.push(text);
      return parse(text, reviver);
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** How often texts with the mark were parsed. */
  const parsed = (mark: string): number => texts.filter((text) => text.startsWith(`{"${mark}`)).length;

  it('has its body read once', async () => {
    // None of them opens it, because each lacks the permission of the property.
    const { send } = stage(rules(50, { scopes: ['User.ReadWrite.All'] }));
    const body = bytes({ mark1: 1, customSecurityAttributes: {} });
    await expect(send(user, { method: 'PATCH', body })).rejects.toThrow(/customSecurityAttributes/);
    expect(parsed('mark1')).toBe(1);
  });

  it('has its body not read if the path alone is refused', async () => {
    const { send } = stage(rules(50, { scopes: ['Group.Read.All'] }));
    await expect(send(user, { method: 'PATCH', body: bytes({ mark2: 1 }) })).rejects.toThrow(/None of the rule's/);
    expect(parsed('mark2')).toBe(0);
  });

  it('has the cmdlet in its body read once', async () => {
    const requests = { cmdlets: { 'Get-Mailbox': ['Identity'] } };
    const { send } = stage(rules(50, { resources: ['exchange'], scopes: undefined, requests }));
    const body = bytes({ CmdletInput: { CmdletName: 'Remove-Mailbox', Parameters: {} } });
    const order = { resource: 'exchange', method: 'POST', body };
    await expect(send(`/adminapi/beta/${contoso}/InvokeCommand`, order)).rejects.toThrow(/does not list the cmdlet/);
    expect(parsed('CmdletInput')).toBe(1);
  });

  it('has the parts of a batch read once', async () => {
    const { send } = stage(rules(50, { scopes: ['User.ReadWrite.All'] }));
    const part = { method: 'PATCH', url: user.slice('/v1.0'.length), headers: { 'content-type': 'application/json' } };
    const requests = ['1', '2'].map((id) => ({ ...part, id, body: { mark3: 1, customSecurityAttributes: {} } }));
    await send('/v1.0/$batch', { method: 'POST', body: bytes({ requests }) });
    expect([parsed('requests'), parsed('mark3')]).toEqual([1, 2]);
  });

  it('lets other work run between the rules', async () => {
    const { send } = stage(rules(50, { scopes: ['Group.Read.All'] }));
    let turns = 0;
    let ended = false;
    const count = (): void => {
      turns += 1;
      if (!ended) setImmediate(count);
    };
    setImmediate(count);
    await expect(send(user)).rejects.toThrow();
    ended = true;
    expect(turns).toBeGreaterThanOrEqual(49);
  });

  it('may have a body of 5,000 different names', async () => {
    const { send } = stage([{ ...usersRule, scopes: ['User.ReadWrite.All'] }]);
    const body = (count: number) => bytes(Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, 1])));
    expect((await send(user, { method: 'PATCH', body: body(5_000) })).status).toBe(200);
    await expect(send(user, { method: 'PATCH', body: body(5_001) })).rejects.toThrow(/more than 5000 different names/);
  });
});
