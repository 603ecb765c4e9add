import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerToken } from '../../../../src/cli/commands/token.ts';
import { systemClock } from '../../../../src/lib/core/clock.ts';
import { runCommand } from './command-stage.ts';

let pauses: number;
beforeEach(() => {
  pauses = 0;
  vi.spyOn(systemClock, 'sleep').mockImplementation(async () => void (pauses += 1));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const pending = (approvalId: string) => Response.json({ approvalId, status: 'pending' }, { status: 202 });
const token = {
  accessToken: 'a.b.c',
  tenantId: 'a tenant',
  resource: 'graph',
  scopes: ['User.Read.All'],
};
const order = { tenant: 'contoso.com', resource: 'graph', grant: 'delegated' };
const run = (words: readonly string[], ...answers: readonly unknown[]) =>
  runCommand(registerToken, ['token', '--tenant', 'contoso.com', '--resource', 'graph', ...words], answers);

describe('ptb token', () => {
  it('says what a request waits for, and how to go on', async () => {
    const { exit, out, err, requests } = await run(['--raw'], pending('one'));
    expect([exit, out, requests.length]).toEqual([1, '', 1]);
    expect(err).toContain('waits for the approval of other people: one');
    expect(err).toContain('--wait');
  });

  it('--wait looks until it is approved, and repeats the order without asking again', async () => {
    const answers = [pending('one'), { status: 'pending' }, { status: 'approved' }, token];
    const { exit, out, requests } = await run(['--raw', '--wait', '--ask-again'], ...answers);
    expect([exit, out]).toEqual([0, 'a.b.c\n']);
    expect(requests).toEqual([
      { method: 'POST', path: '/tokens', body: { ...order, askAgain: true } },
      { method: 'GET', path: '/approvals/one', body: undefined },
      { method: 'GET', path: '/approvals/one', body: undefined },
      { method: 'POST', path: '/tokens', body: order },
    ]);
    expect(pauses).toBe(2);
  });

  it('--wait goes on waiting if the repeated order needs another approval', async () => {
    const approved = { status: 'approved' };
    const { exit, out, err } = await run(
      ['--raw', '--wait'],
      pending('one'),
      approved,
      pending('two'),
      approved,
      token,
    );
    expect([exit, out]).toEqual([0, 'a.b.c\n']);
    expect(err).toContain('other people: two');
  });

  it.each(['denied', 'revoked', 'expired', 'ended'])('--wait stops once it is %s', async (status) => {
    const { exit, out, err } = await run(['--raw', '--wait'], pending('one'), { status });
    expect([exit, out]).toEqual([1, '']);
    expect(err).toContain(`The approval is ${status}. To ask again, repeat the command with --ask-again.`);
  });
});
