import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { registerPolicy } from '../../../src/cli/commands/policy.ts';
import { type Exported, partner } from '../../campaigns/audit/world.ts';
import { calmLog } from '../../campaigns/audit/worlds.ts';
import { guid, tenant } from '../../support/audit-entries.ts';
import { runCommand } from './commands/command-stage.ts';

let folder: string;
let exported: Exported;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-replay-'));
  exported = await calmLog();
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const rule = {
  name: 'tokens',
  callers: { applications: [guid(0xa1)] },
  tenants: ['*'],
  resources: ['graph'],
  scopes: ['User.Read.All', 'Directory.Read.All', 'Mail.Read'],
};

async function policyFile(name: string, rules: readonly object[]): Promise<string> {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify({ version: 1, rules }));
  return file;
}

/** Runs a command of `ptb policy` against a broker with this audit log. */
function run(words: readonly string[], from: Exported = exported, nowMs = exported.exportedMs + 60_000) {
  // A demo may run in this folder, whose settings a command would take.
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  vi.useFakeTimers({ toFake: ['Date'], now: nowMs });
  const range = { from: '1970-01-01T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z' };
  return runCommand(registerPolicy, ['policy', ...words, '--since', '2026-11-01'], ({ path }) => {
    if (path.startsWith('/tenants')) return Response.json({ tenants: [], groups: [], warnings: [], asOf: range.to });
    if (path.startsWith('/audit/checkpoints'))
      return Response.json({ broker: from.broker ?? partner, checkpoints: from.checkpoints, keys: from.keys });
    return Response.json({ ...range, records: from.records });
  });
}

const inForce = async (): Promise<string[]> => ['--in-force', await policyFile('in-force', [rule])];

async function replay(proposed: readonly object[], words: readonly string[] = [], from = exported, nowMs?: number) {
  return run(['replay', await policyFile('new', proposed), ...(await inForce()), ...words], from, nowMs);
}

describe('ptb policy replay', () => {
  it('ends with 0 if the new policy refuses nothing, and says what this rests on', async () => {
    const { exit, out } = await replay([rule]);
    expect(exit).toBe(0);
    expect(out).toContain('The new policy refuses nothing that the policy in force allows.');
    // The log is younger than the period, so nothing signed says what was before.
    expect(out).toMatch(/Audit log: NOT PROVEN, \d+ of 145 records signed, from 2026-11-24T\S+ to 2026-11-24T/);
    expect(out).toMatch(/New: .*new\.json, SHA-256 [0-9a-f]{64}/);
  });

  it('says of how many records it knows, if it does not know of all', async () => {
    const callers = { ...rule.callers, roles: ['Runs.Read'] };
    const { exit, out } = await replay([{ ...rule, callers }]);
    expect(exit).toBe(0);
    expect(out).toMatch(
      /^Of 56 records judged, the new policy refuses none that the policy in force allows; 89 could not be judged\.$/m,
    );
    vi.restoreAllMocks();
    const empty = await replay([rule], [], { ...exported, records: [] });
    expect(empty.out).toContain('Of 0 records judged, the new policy refuses none');
    vi.restoreAllMocks();
    const records = exported.records.map((record, index) => (index === 0 ? { ...record, outcome: 'melted' } : record));
    expect((await replay([rule], [], { ...exported, records })).out).toContain('allows; 1 could not be judged.');
  });

  it('ends with 3 and names who would be refused what, and why', async () => {
    const { exit, out } = await replay([{ ...rule, scopes: ['User.Read.All'] }]);
    expect(exit).toBe(3);
    expect(out).toContain(`application ${guid(0xa1)}; rule: tokens → none`);
    expect(out).toContain('allows the scopes User.Read.All, Directory.Read.All together in this tenant.');
  });

  it('has everything in one JSON document', async () => {
    const { exit, out } = await replay([], ['--json']);
    expect(exit).toBe(3);
    const report = JSON.parse(out) as { records: number; changes: { refused: number } };
    expect(report).toMatchObject({
      policies: { inForce: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string } },
      audit: { verdict: 'unproven', records: exported.records.length },
      records: exported.records.length,
      judged: exported.records.length,
      judgedInPart: exported.records.length,
      groups: [{ change: 'refused', ruleInForce: 'tokens' }],
    });
    expect(report.changes.refused).toBeGreaterThan(50);
  });

  it.each([
    ['replay', async () => [await policyFile('new', [rule])]],
    ['suggest', async () => []],
    ['unused', async () => []],
  ])('reads an export, and asks which keys must have signed it: %s', async (name, more) => {
    const [file, keys] = [join(folder, 'export.jsonl'), join(folder, 'keys.json')];
    const lines = [
      { type: 'audit-export', v: 1, broker: partner },
      ...exported.keys.map((jwk) => ({ type: 'key', jwk })),
      ...exported.checkpoints.map((jws) => ({ type: 'checkpoint', jws })),
      ...exported.records.map((record) => ({ type: 'record', record })),
      {
        type: 'end',
        records: exported.records.length,
        to: '2026-11-25T00:00:00.000Z',
        exportedAt: new Date(exported.exportedMs).toISOString(),
      },
    ];
    await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const foreign = (exported.keys as { x: string; y: string }[]).map((key) => ({ ...key, x: key.y, y: key.x }));
    await writeFile(keys, JSON.stringify({ keys: foreign }));
    const words = [name, ...(await more()), ...(await inForce()), '--audit', file];
    const own = await run(words);
    expect([own.exit, own.requests.map(({ path }) => path.split('?')[0])]).toEqual([
      0,
      ['/audit/checkpoints', '/tenants'],
    ]);
    expect(`${own.out}${own.err}`).toContain('Audit log: NOT PROVEN');
    vi.restoreAllMocks();
    const other = await run([...words, '--key', keys]);
    expect(`${other.out}${other.err}`).toMatch(/Audit log: (?:TAMPERED|NOT PROVEN, 0 of)/);
  });

  it('says that a log from which a record is missing is not proven', async () => {
    const records = exported.records.filter((_, index) => index !== 80);
    const { out } = await replay([rule], ['--json'], { ...exported, records });
    expect(JSON.parse(out)).toMatchObject({ audit: { verdict: 'tampered' } });
  });

  it('judges every record although the clock of this machine was set back', async () => {
    const { exit, out } = await replay([rule], ['--json'], exported, exported.exportedMs - 86_400_000);
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ records: exported.records.length, judged: exported.records.length });
  });

  it('does not take "*" for the tenant of the partner, if the export names it', async () => {
    const opens = async (broker: string) => {
      const { out } = await run(['unused', ...(await inForce()), '--json'], { ...exported, checkpoints: [], broker });
      vi.restoreAllMocks();
      const { rules, notes } = JSON.parse(out) as { rules: { records: number }[]; notes: string[] };
      return [
        rules.some(({ records }) => records > 0),
        notes.some((note) => note.includes('which tenant is the partner')),
      ];
    };
    expect(await opens(tenant(1))).toEqual([false, false]);
    expect(await opens(partner)).toEqual([true, false]);
    // An older broker does not say whose it is.
    expect(await opens('https://broker.example')).toEqual([true, true]);
  });

  it('says since when there are records, if the period begins before the log', async () => {
    const { out } = await replay([rule], ['--json']);
    expect(JSON.parse(out)).toMatchObject({
      period: { from: '2026-11-01', firstRecordAt: expect.stringMatching(/^2026-11-24T09:30/) as string },
    });
  });

  it('counts rows that it cannot read, and judges the others', async () => {
    const records = exported.records.map((record, index) => (index < 3 ? { ...record, outcome: 'melted' } : record));
    const { out } = await replay([rule], ['--json'], { ...exported, records });
    const judged = exported.records.length - 3;
    expect(JSON.parse(out)).toMatchObject({ judged, skipped: { unreadable: 3 }, audit: { verdict: 'tampered' } });
  });

  it.each([
    ['', () => []],
    [' with an export of somebody else', () => ['--audit', join(folder, 'export.jsonl')]],
  ])('ends with what the broker says to a caller that may read some tenants only%s', async (_, more) => {
    const inForceFile = await policyFile('in-force', [rule]);
    const words = ['policy', 'replay', inForceFile, '--in-force', inForceFile, ...more()];
    const detail = 'The policy limits this caller to some tenants, and an export has the records of all.';
    const { exit, err } = await runCommand(registerPolicy, words, ({ path }) =>
      path.startsWith('/tenants')
        ? Response.json({ tenants: [], groups: [], warnings: [], asOf: '2026-11-25T00:00:00.000Z' })
        : Response.json(
            { code: 'caller_forbidden', title: 'Forbidden', status: 403, detail, advice: '' },
            { status: 403 },
          ),
    );
    expect([exit, err]).toEqual([1, expect.stringContaining(detail)]);
  });

  it('refuses a policy with errors, and names them', async () => {
    const { exit, err, requests } = await replay([{ ...rule, resources: undefined }]);
    expect([exit, requests]).toEqual([2, []]);
    expect(err).toContain('rules[0].resources: is missing.');
  });
});

describe('ptb policy suggest', () => {
  it('writes a policy that refuses nothing of what was used, and never over a file', async () => {
    const output = join(folder, 'suggested.json');
    const first = await run(['suggest', ...(await inForce()), '--output', output]);
    expect([first.exit, first.out]).toEqual([0, '']);
    expect(first.err).toContain('1 rule became 2 rules.');
    const difference = ['    scopes:', '      - Mail.Read', '    + callers.kinds: ["application"]'].join('\n');
    expect(first.err).toMatch(/^~ tokens -> tokens \(1\)\n {4}tenants:\n {6}- \*$/m);
    expect(first.err).toContain(difference);
    vi.restoreAllMocks();
    const { exit, out } = await run(['replay', output, ...(await inForce()), '--json']);
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ changes: { refused: 0, allowed: 0 } });
    vi.restoreAllMocks();
    expect((await run(['suggest', ...(await inForce()), '--output', output])).exit).toBe(1);
  });

  describe('for one application', () => {
    const [one, other] = [guid(0xa1), guid(0xa7)];
    const suggest = async (rules: readonly object[], caller: string) => {
      const { out, err } = await run(['suggest', '--in-force', await policyFile('shared', rules), '--caller', caller]);
      vi.restoreAllMocks();
      return { rules: (JSON.parse(out) as { rules: object[] }).rules, err };
    };
    const narrowed = [
      { name: 'tokens (1)', callers: { applications: [one], kinds: ['application'] } },
      { name: 'tokens (2)', callers: { applications: [one], kinds: ['agent'] } },
    ];

    it('narrows its rules, and keeps those of others', async () => {
      const foreign = { ...rule, name: 'foreign', callers: { applications: [other] } };
      const { rules, err } = await suggest([foreign, rule], one);
      expect(rules).toMatchObject([foreign, ...narrowed]);
      expect(rules).toHaveLength(3);
      expect(err).toContain('2 rules became 3 rules.');
    });

    it('keeps for others a rule that it shares with them', async () => {
      const shared = { ...rule, callers: { applications: [one.toUpperCase(), other] } };
      const rest = { ...rule, callers: { applications: [other] } };
      expect((await suggest([shared], one)).rules).toMatchObject([...narrowed, rest]);
      const { rules, err } = await suggest([shared], other);
      expect(rules).toEqual([{ ...rule, callers: { applications: [one.toUpperCase()] } }]);
      expect(err).not.toContain('Nobody used');
    });

    it('keeps a rule for every application, and says that it opens as much as before', async () => {
      const open = { ...rule, callers: { applications: ['*'] } };
      const { rules, err } = await suggest([open], one);
      expect(rules.at(-1)).toEqual(open);
      expect(rules).toMatchObject([{ name: 'tokens (1)' }, {}]);
      expect(err).toContain('"tokens" is for every application, and so still for this one.');
    });

    it('keeps what limits its reading', async () => {
      const reading = { ...rule, reads: [], callers: { applications: [one, other] } };
      expect((await suggest([reading], other)).rules).toMatchObject([
        { name: 'tokens (reads)', callers: { applications: [one, other] }, reads: [] },
        { name: 'tokens', callers: { applications: [one] }, reads: [] },
      ]);
    });

    it('leaves out what it alone might use and does not', async () => {
      const own = { ...rule, callers: { applications: [other] } };
      const { rules, err } = await suggest([own], other);
      expect(rules).toEqual([]);
      expect(err).toContain('Nobody used "tokens" in the period; it is left out.');
    });
  });
});

describe('ptb policy unused', () => {
  it('names what nobody used, with the last use of the rule', async () => {
    const wide = { ...rule, scopes: [...rule.scopes, 'Group.Read.All'] };
    const { exit, out } = await run([
      'unused',
      '--in-force',
      await policyFile('wide', [wide, { ...rule, name: 'spare' }]),
    ]);
    expect(exit).toBe(0);
    expect(out).toMatch(/tokens: \d+ records, last 2026-11-24T/);
    expect(out).toContain('unused scopes: Mail.Read, Group.Read.All');
    expect(out).toMatch(/^not used since 2026-11-24T09:30\S+: spare$/m);
  });
});
