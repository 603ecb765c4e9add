import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerApprovals } from '../../../../src/cli/commands/approvals.ts';
import { onTerminal, runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const id = '20261124t050000-7f3a9c21';
const party = (name: string) => ({
  objectId: name,
  applicationId: 'an application',
  kind: 'user',
  name,
});
const approval = {
  id,
  kind: 'request',
  title: 'PATCH /v1.0/users/0a1b at graph in Contoso',
  status: 'pending',
  rule: 'changes need an approval',
  tenantId: 'a tenant',
  facts: [{ name: 'Tenant', value: 'Contoso' }],
  details: [{ name: 'Body', value: '{\n  "accountEnabled": false\n}' }],
  asker: party('ada@partner.example'),
  reason: 'The account sends spam.',
  askedAt: '2026-11-24T05:00:00Z',
  expiresAt: '2026-11-24T06:00:00Z',
  approvalsNeeded: 2,
  approvalsGiven: 1,
  decisions: [
    {
      at: '2026-11-24T05:10:00Z',
      decider: party('ben@partner.example'),
      decision: 'approve',
      reason: 'Agreed by phone.',
    },
  ],
  possibleDecisions: ['approve', 'deny', 'revoke'],
};
const run = (words: readonly string[], ...answers: readonly unknown[]) =>
  runCommand(registerApprovals, ['approvals', ...words], answers);

describe('ptb approvals list', () => {
  it('asks each page for what is left of --limit', async () => {
    const some = (count: number, from = 0) =>
      Array.from({ length: count }, (_, at) => ({ ...approval, id: `${from + at}` }));
    const words = ['--limit', '5', '--json'];
    const pages = [
      { approvals: some(3), continuation: 'more' },
      { approvals: [], continuation: 'still more' },
      { approvals: some(2, 3), continuation: 'last' },
    ];
    const { out, requests } = await run(words, ...pages);
    expect(requests.map(({ path }) => new URLSearchParams(path.split('?')[1]).get('limit'))).toEqual(['5', '2', '2']);
    expect((JSON.parse(out) as { approvals: unknown[] }).approvals).toHaveLength(5);
  });

  it('sends its filter, reads page after page, and says that there may be more', async () => {
    const first = { approvals: [], continuation: 'more' };
    const second = { approvals: [approval], continuation: 'still more' };
    const words = ['--status', 'pending', '--mine', '--limit', '1'];
    const { exit, out, err, requests } = await run(words, first, second);
    expect(requests.map(({ path }) => path)).toEqual([
      '/approvals?status=pending&mine=true&limit=1',
      '/approvals?status=pending&mine=true&limit=1&continuation=more',
    ]);
    const cells = out.split('\n').map((line) => line.split(/ {2,}/));
    expect(cells[0]).toEqual(['id', 'status', 'given', 'asked', 'by', 'for']);
    expect(cells[2]).toMatchObject([id, 'pending', '1/2', /05:00/, 'ada@partner.example', approval.title]);
    expect([exit, err]).toEqual([0, 'There may be more approvals. Raise --limit or choose a --status.\n']);
  });

  it('leaves room for what is asked on a terminal of 80 columns', async () => {
    const { out } = await onTerminal(80, () => run([], { approvals: [approval] }));
    const lines = stripVTControlCharacters(out).split('\n');
    expect(lines[0]?.split(/ {2,}/)).toEqual(['id', 'status', 'asked', 'by', 'for']);
    expect(lines[2]).toContain(id);
    expect(lines).toHaveLength(5);
  });

  it('prints one JSON document', async () => {
    const { out } = await run(['list', '--json'], { approvals: [approval] });
    expect(JSON.parse(out)).toEqual({ approvals: [approval] });
  });

  it.each([[['--status', 'open']], [['--limit', '0']]])('refuses %j without asking the broker', async (words) => {
    const { exit, requests } = await run(words, {});
    expect([exit, requests]).toEqual([2, []]);
  });
});

describe('ptb approvals show', () => {
  it('shows everything that is decided on, and what the person may decide', async () => {
    const { exit, out, requests } = await run(['show', id], approval);
    expect([exit, requests.map(({ path }) => path)]).toEqual([0, [`/approvals/${id}`]]);
    for (const text of ['1 of 2', 'The account sends spam.', 'Contoso', '"accountEnabled": false', 'Agreed by phone.'])
      expect(out).toContain(text);
    expect(out).toContain('You may approve, deny, revoke.');
  });

  it('asks for one approval, whatever the id holds', async () => {
    const { requests } = await run(['show', '../tokens?x='], approval);
    expect(requests[0]?.path).toBe('/approvals/..%2Ftokens%3Fx%3D');
  });

  it('ends with the reason of the broker for an unknown approval', async () => {
    const detail = 'There is no such approval, or it is for a tenant that you may not read.';
    const refusal = Response.json({ code: 'approval_not_found', detail }, { status: 404 });
    const { exit, err } = await run(['show', id], refusal);
    expect([exit, err]).toMatchObject([1, expect.stringContaining(detail)]);
  });
});

describe('a decision', () => {
  it.each(['approve', 'deny', 'revoke'] as const)('ptb approvals %s sends it with its reason', async (decision) => {
    const answer = { ...approval, status: 'changed', possibleDecisions: [] };
    const { exit, out, requests } = await run([decision, id, '--reason', ' Agreed with the customer. '], answer);
    expect(requests).toEqual([
      {
        method: 'POST',
        path: `/approvals/${id}/decision`,
        body: { decision, reason: 'Agreed with the customer.' },
      },
    ]);
    expect([exit, out.split('\n')[0]]).toEqual([0, expect.stringContaining('changed')]);
    expect(out).not.toContain('You may');
  });

  it.each([[[]], [['--reason', 'short']], [['--reason', 'x'.repeat(501)]]])(
    'is refused with %j without asking the broker',
    async (words) => {
      const { exit, requests } = await run(['approve', id, ...words], approval);
      expect([exit, requests]).toEqual([2, []]);
    },
  );

  it.each([
    ['caller_forbidden', 403],
    ['approval_conflict', 409],
  ])('ends with exit code 1 and the reason if the broker answers %s', async (code, status) => {
    const refusal = Response.json({ code, detail: 'You asked for it yourself.' }, { status });
    const { exit, err } = await run(['approve', id, '--reason', 'Agreed with the customer.'], refusal);
    expect([exit, err]).toMatchObject([1, expect.stringContaining('You asked for it yourself.')]);
  });
});
