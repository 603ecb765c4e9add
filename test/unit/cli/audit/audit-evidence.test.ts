import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { registerAudit } from '../../../../src/cli/commands/audit.ts';
import type { TreeHead } from '../../../../src/lib/audit/proof/layout.ts';
import { AuditWorld, type Exported, partner } from '../../../campaigns/audit/world.ts';
import { calmLog } from '../../../campaigns/audit/worlds.ts';
import { calm, ProofWorld } from '../../../campaigns/proof/proof-world.ts';
import { seededRandom } from '../../../fakes/fake-clock.ts';
import { guid } from '../../../support/audit-entries.ts';
import { fileOf, storyOfADay } from '../../../support/customer-story.ts';
import { runCommand } from '../commands/command-stage.ts';

let folder: string;
let exported: Exported;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-evidence-'));
  exported = await calmLog();
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const newFile = (): string => join(folder, `${(files += 1)}`);

/** Runs `ptb audit export` against a broker that has these records and checkpoints. */
async function exportOf(
  { records, checkpoints, keys }: Exported,
  words: readonly string[] = [],
  to = '2026-11-25T00:00:00.000Z',
) {
  const file = newFile();
  const half = Math.floor(records.length / 2);
  const range = { from: '1970-01-01T00:00:00.000Z', to };
  const result = await runCommand(
    registerAudit,
    ['audit', 'export', '--output', file, ...words],
    [
      { broker: partner, checkpoints: checkpoints.slice(0, 1), keys, continuation: '1' },
      { broker: partner, checkpoints: checkpoints.slice(1), keys },
      { ...range, records: records.slice(0, half), continuation: 'next' },
      { ...range, records: records.slice(half) },
    ],
  );
  vi.useRealTimers();
  return { ...result, file };
}

/** What a broker answers whose export is this. */
const exportedAnswers = (changes: Partial<Exported> = {}): unknown[] => {
  const { checkpoints, keys, records } = { ...exported, ...changes };
  const range = { from: '1970-01-01T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z' };
  return [
    { broker: partner, checkpoints, keys },
    { ...range, records },
  ];
};

/** Verifies a minute after the export. */
async function verify(words: readonly string[], nowMs = exported.exportedMs + 60_000) {
  vi.useFakeTimers({ now: nowMs, toFake: ['Date'] });
  const result = await runCommand(registerAudit, ['audit', 'verify', ...words], [], []);
  vi.useRealTimers();
  return result;
}

/** Exports at the time of the world. */
async function exportedFile(what = exported): Promise<string> {
  vi.useFakeTimers({ now: what.exportedMs, toFake: ['Date'] });
  return (await exportOf(what)).file;
}

describe('ptb audit export', () => {
  it('writes checkpoints, keys and all pages of records to a new file that only its owner may read', async () => {
    const { exit, err, requests, file } = await exportOf(exported, ['--from', '2026-11-24']);
    expect(exit).toBe(0);
    expect(err).toContain(`${exported.records.length} records and ${exported.checkpoints.length} checkpoints`);
    expect(requests.map(({ path }) => path)).toEqual([
      '/audit/checkpoints?from=2026-11-24T00%3A00%3A00.000Z',
      '/audit/checkpoints?from=2026-11-24T00%3A00%3A00.000Z&continuation=1',
      '/audit/records?from=2026-11-24T00%3A00%3A00.000Z',
      '/audit/records?from=1970-01-01T00%3A00%3A00.000Z&to=2026-11-25T00%3A00%3A00.000Z&continuation=next',
    ]);
    const again = await runCommand(registerAudit, ['audit', 'export', '--output', file], []);
    expect(again.exit).toBe(1);
    expect(again.err).toContain('EEXIST');
  });

  it.each([
    ['at once', 0],
    ['after the checkpoints', 1],
    ['after a page of records', 2],
  ])('leaves no file behind if the broker fails %s', async (_when, good) => {
    const answers = [
      { broker: partner, checkpoints: exported.checkpoints, keys: exported.keys },
      { from: '2026-11-24T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z', records: [], continuation: 'next' },
    ];
    const broken = Response.json({ code: 'caller_forbidden', detail: 'No.' }, { status: 403 });
    const place = newFile();
    await mkdir(place);
    const words = ['audit', 'export', '--output', join(place, 'export.jsonl')];
    const { exit, requests } = await runCommand(registerAudit, words, [...answers.slice(0, good), broken]);
    expect([exit, requests.length]).toEqual([1, good + 1]);
    expect(await readdir(place)).toEqual([]);
  });
});

describe('ptb audit verify', () => {
  it('proves an untouched export, and says what that does not prove', async () => {
    const { exit, out } = await verify([await exportedFile()]);
    expect(out).toMatch(
      /^PROVEN: \d+ records from 2026-11-24T09:24:00.000Z to 2026-11-24T09:42:00.000Z are as written, and none is missing, with \d+ records newer than that\n/,
    );
    expect(out).toContain('thumbprint');
    expect(out).toContain('Not proven: that records were true');
    expect(exit).toBe(0);
  });

  it('names what was changed, and ends with 1', async () => {
    const records = exported.records.map((record) => ({ ...record }));
    const target = records[Math.floor(records.length / 2)];
    if (target === undefined) throw new Error('no records');
    target['rule'] = 'another';
    const { exit, out } = await verify([await exportedFile({ ...exported, records })]);
    expect(out).toMatch(/^TAMPERED: /);
    expect(out).toContain(`(${target.PartitionKey} ${target.RowKey}): Its content is not what was written.`);
    expect(exit).toBe(1);
  });

  it('ends with 3 without checkpoints', async () => {
    const { exit, out } = await verify([await exportedFile({ ...exported, checkpoints: [] })]);
    expect(out).toMatch(/^NOT PROVEN: [^]*No checkpoints/);
    expect(exit).toBe(3);
  });

  it.each([
    ['is proven', exportedAnswers, 0],
    ['is not proven', () => exportedAnswers({ checkpoints: [] }), 3],
    ['was tampered with', () => exportedAnswers({ records: exported.records.slice(50) }), 1],
    ['fails', () => [Response.json({ code: 'caller_forbidden', detail: 'No.' }, { status: 403 })], 1],
  ])('leaves nothing of its own export behind if it %s', async (_how, answers, expected) => {
    const place = newFile();
    await mkdir(place);
    vi.stubEnv('TMPDIR', place);
    vi.useFakeTimers({ now: exported.exportedMs + 60_000, toFake: ['Date'] });
    const { exit, requests } = await runCommand(registerAudit, ['audit', 'verify'], answers());
    vi.useRealTimers();
    vi.unstubAllEnvs();
    expect([exit, requests.length > 0]).toEqual([expected, true]);
    expect(await readdir(place)).toEqual([]);
  });

  it('accepts only the keys that the auditor gives', async () => {
    const file = await exportedFile();
    const [own] = exported.keys;
    const base64 = (text = ''): string => Buffer.from(text, 'base64url').toString('base64');
    const right = newFile();
    // As `az keyvault key show` prints it.
    await writeFile(
      right,
      JSON.stringify({ key: { ...own, x: base64(own?.x), y: base64(own?.y), key_ops: ['sign'] } }),
    );
    expect(await verify([file, '--key', right])).toMatchObject({ exit: 0 });
    const stranger = new AuditWorld(seededRandom(4), { writes: 0, failedWrites: 0, crashes: 0, failedCheckpoints: 0 })
      .keys;
    const wrong = newFile();
    await writeFile(wrong, JSON.stringify({ keys: stranger }));
    const { exit, out } = await verify([file, '--key', wrong]);
    // The key has the id of the right one.
    expect(exit).toBe(1);
    expect(out).toContain('its signature is not valid');
    const foreign = newFile();
    await writeFile(foreign, JSON.stringify({ keys: stranger.map((key) => ({ ...key, kid: 'another' })) }));
    const unknown = await verify([file, '--key', foreign]);
    expect(unknown.exit).toBe(3);
    expect(unknown.out).toContain(`The key ${own?.kid} is needed`);
    const none = newFile();
    await writeFile(none, '{}');
    expect(await verify([file, '--key', none])).toMatchObject({ exit: 2 });
  });

  it('judges only the period that it is asked for', async () => {
    const file = await exportedFile({ ...exported, records: exported.records.slice(50) });
    expect((await verify([file])).exit).toBe(1);
    const at = (ms: number): string => new Date(exported.exportedMs - ms).toISOString();
    const { exit } = await verify([file, '--from', at(900_000), '--to', at(700_000)]);
    expect(exit).not.toBe(1);
    expect((await verify([file, '--from', 'yesterday'])).exit).toBe(2);
  });

  it('refuses an export that is from the future', async () => {
    const file = await exportedFile();
    expect((await verify([file], exported.exportedMs - 3 * 60_000)).exit).toBe(2);
    expect((await verify([file], exported.exportedMs - 60_000)).exit).toBe(0);
  });

  it.each([
    ['from', '2099-01-01T00:00:00.000Z'],
    ['to', '2020-01-01T00:00:00.000Z'],
  ])('proves nothing if the export has no records and says that it is %s %s', async (limit, time) => {
    const file = await exportedFile({ ...exported, records: [] });
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"v":1', `"v":1,"${limit}":"${time}"`));
    const { exit, out } = await verify([file]);
    expect(out).toMatch(/^NOT PROVEN: [^]*no checkpoint covers any of the period/);
    expect(exit).toBe(3);
  });

  it('refuses a file with two headers', async () => {
    const file = await exportedFile();
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text.slice(0, text.indexOf('\n') + 1)}${text}`);
    expect((await verify([file])).exit).toBe(2);
  });

  it('does not take the tail for truncated if the clock of the broker that answered is behind', async () => {
    const { checkpoints, exportedMs, keys } = exported;
    const toMs = exportedMs - 4 * 60_000;
    const records = exported.records.filter(({ RowKey }) => 9_999_999_999_999 - Number(RowKey.slice(0, 13)) < toMs);
    vi.useFakeTimers({ now: exportedMs, toFake: ['Date'] });
    const { file } = await exportOf({ records, checkpoints, keys, exportedMs }, [], new Date(toMs).toISOString());
    expect((await verify([file])).exit).toBe(0);
  });

  it('prints one document with --json', async () => {
    const { out } = await verify([await exportedFile(), '--json']);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'proven', keysFrom: 'export', findings: [], chains: 1 });
  });

  it.each([
    ['is cut off', (text: string) => text.slice(0, -200)],
    ['lacks a record', (text: string) => text.split('\n').slice(0, 20).concat(text.split('\n').slice(21)).join('\n')],
    ['is something else', () => '{"entries":[]}\n'],
    ['is empty', () => ''],
  ])('ends with 2 for a file that %s', async (_what, change) => {
    const file = await exportedFile();
    await writeFile(file, change(await readFile(file, 'utf8')));
    expect((await verify([file])).exit).toBe(2);
  });
});

describe('ptb audit extract', () => {
  /** Extracts from a broker, at its time. */
  async function extracted(): Promise<{ readonly file: string; readonly err: string; readonly world: ProofWorld }> {
    const world = new ProofWorld(8, 4, calm);
    world.audit.startInstance();
    await world.run(1_500);
    const [, tenant = world.tenants[0]] = world.tenants;
    const lines = await world.extract(tenant as never, Date.UTC(2026, 10, 24), world.audit.nowMs);
    const [front, rest] = [lines.slice(0, 5), lines.slice(5)];
    const file = newFile();
    const { exit, err, requests } = await runCommand(
      registerAudit,
      ['audit', 'extract', '--tenant', String(tenant), '--since', '2026-11-24', '--until', '2026-11-25', '--out', file],
      [{ lines: front, continuation: 'next' }, { lines: rest }],
    );
    vi.useRealTimers();
    expect(exit).toBe(0);
    expect(requests.map(({ path }) => path)).toEqual([
      `/audit/extract?tenant=${tenant}&since=2026-11-24T00%3A00%3A00.000Z&until=2026-11-25T00%3A00%3A00.000Z`,
      `/audit/extract?tenant=${tenant}&since=2026-11-24T00%3A00%3A00.000Z&until=2026-11-25T00%3A00%3A00.000Z&continuation=next`,
    ]);
    return { file, err, world };
  }

  it('writes the lines of all pages, which ptb audit verify proves with the key of the vault', async () => {
    const { file, err, world } = await extracted();
    expect(err).toMatch(/\d+ records with their proof, and \d+ that no checkpoint covers yet, are in/);
    const key = newFile();
    await writeFile(key, JSON.stringify(world.keys[0]));
    const { exit, out } = await verify([file, '--key', key], world.audit.nowMs + 60_000);
    expect(out).toMatch(
      /^PROVEN: \d+ records of tenant \S+ \(“Contoso” in the file\) from \S+ to \S+: all that the signed checkpoints hold, and no other.\n/,
    );
    expect(out).toContain('Compare this tenant id with that of your tenant');
    expect(exit).toBe(0);
    const id = /of tenant (\S+)/.exec(out)?.[1] ?? '';
    const own = await verify([file, '--tenant', id], world.audit.nowMs + 60_000);
    expect([own.exit, own.out.includes('Compare this tenant id')]).toEqual([0, false]);
    const other = await verify([file, '--tenant', guid(77)], world.audit.nowMs + 60_000);
    expect([other.exit, other.out]).toEqual([1, expect.stringContaining(`and not about ${guid(77)}.`)]);
    const wrong = await verify([file, '--tenant', 'contoso'], world.audit.nowMs + 60_000);
    expect([wrong.exit, wrong.err]).toEqual([2, expect.stringContaining('--tenant: is not the id of a tenant')]);
  });

  it('compares its checkpoints with published heads', async () => {
    const { file, world } = await extracted();
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.startsWith('{"type":"account"'));
    const heads = lines.map((line) => (JSON.parse(line) as { jws: string }).jws);
    const [same, other, none] = [newFile(), newFile(), newFile()];
    await writeFile(same, JSON.stringify({ heads, continuation: 'x' }));
    await writeFile(other, JSON.stringify({ heads: heads.map((jws) => `${jws}A`) }));
    await writeFile(none, '<html>');
    const compared = await verify([file, '--heads', other, same], world.audit.nowMs + 60_000);
    expect([compared.exit, compared.out]).toEqual([0, expect.stringContaining('are among the published ones.\n')]);
    const { number, to } = JSON.parse(Buffer.from(heads[0]?.split('.')[1] ?? '', 'base64url').toString()) as TreeHead;
    const short = await verify([file, '--heads', other], world.audit.nowMs + 60_000);
    expect([short.exit, short.out]).toEqual([
      3,
      expect.stringMatching(
        `^NOT COMPARED: checkpoint ${number} with the published heads that you gave. It is among those of its hour: GET /api/audit/heads.from=${to}\n[^]*PROVEN: `,
      ),
    ]);
    const { out } = await verify([file, '--heads', other, '--json'], world.audit.nowMs + 60_000);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'unproven', missingHeads: [{ number, to }] });
    const wrong = await verify([file, '--heads', none], world.audit.nowMs + 60_000);
    expect([wrong.exit, wrong.err]).toEqual([2, expect.stringContaining('has no heads.')]);
    const ofExport = await verify([await exportedFile(), '--heads', same]);
    expect([ofExport.exit, ofExport.err]).toEqual([
      2,
      expect.stringContaining('--heads, --tenant, --sign-ins, --empty-log: are for extracts'),
    ]);
  });

  it('writes one file for each tenant of a group, goes on after a failure, and leaves what is there', async () => {
    const place = join(newFile(), 'november');
    const [one, other, failing] = [guid(1), guid(2), guid(3)];
    const tenants = [one, other, failing].map((tenantId) => ({ tenantId }));
    const words = ['audit', 'extract', '--tenant', 'group:gold', '--since', '2026-11-01', '--until', '2026-12-01'];
    const withheld = ['--withhold-before', '2026-11-10', '--withhold', 'ann@contoso.com', guid(9)];
    const run = () =>
      runCommand(registerAudit, [...words, ...withheld, '--out', place], ({ path }) => {
        if (path.startsWith('/tenants')) return Response.json({ tenants });
        if (path.includes(failing))
          return Response.json({ code: 'storage_unavailable', detail: 'No.' }, { status: 503 });
        return Response.json({ lines: [{ type: 'end', records: 0, withheld: 0, unsigned: 0 }] });
      });
    const first = await run();
    expect(first.requests.map(({ path }) => path).toSorted()).toEqual([
      ...[one, other, failing].map(
        (id) =>
          `/audit/extract?tenant=${id}&since=2026-11-01T00%3A00%3A00.000Z&until=2026-12-01T00%3A00%3A00.000Z&withholdBefore=2026-11-10T00%3A00%3A00.000Z&withhold=ann%40contoso.com%2C${guid(9)}`,
      ),
      '/tenants?tenants=group%3Agold',
    ]);
    expect([first.exit, first.err]).toEqual([
      3,
      expect.stringMatching(`${failing}: .*No[^]*2 extracts were written to .*, 0 were there already, 1 failed.`),
    ]);
    expect((await readdir(place)).toSorted()).toEqual([`${one}.jsonl`, `${other}.jsonl`]);
    expect((await run()).err).toContain('0 extracts were written to');
    // A run that was stopped has left a part of one.
    await rm(join(place, `${one}.jsonl`));
    await writeFile(join(place, `${one}.jsonl.part`), '{"type":"tenant-extract"');
    expect((await run()).err).toContain('1 extracts were written to');
    expect((await readdir(place)).toSorted()).toEqual([`${one}.jsonl`, `${other}.jsonl`]);
    expect(await readFile(join(place, `${one}.jsonl`), 'utf8')).toBe(
      '{"type":"end","records":0,"withheld":0,"unsigned":0}\n',
    );
  });

  it('shows each change of a plan with the values before and after, and says why others have none', async () => {
    const story = await storyOfADay();
    const file = newFile();
    await writeFile(file, fileOf(await story.extract()));
    const nowMs = story.world.audit.nowMs + 60_000;
    const { exit, out } = await verify([file], nowMs);
    expect(exit).toBe(0);
    const [, shown = ''] = out.split('Changes, with the values that their records prove:\n');
    expect(shown.split('\n')).toEqual([
      `~ /policies/authorizationPolicy  2026-11-24T15:00:00.000Z by Alice Adams (${guid(0xb1)}), done (204)`,
      '    defaultUserRolePermissions.permissionGrantPoliciesAssigned:',
      '      - ManagePermissionGrantsForSelf.microsoft-user-default-legacy',
      expect.stringContaining('(Office)  2026-11-24T15:00:01.000Z'),
      expect.stringMatching(/^ {4}displayName: <img src=x .*\\u202egnp\.exe -> Office$/),
      '    isTrusted: true -> false',
      expect.stringContaining('~ DELETE /v1.0/groups/1  2026-11-24T15:00:02.000Z by Alice Adams'),
      '    the file says, and nobody signs, that the plan was purged or deleted since',
      '',
    ]);
    const { changes } = JSON.parse((await verify([file, '--json'], nowMs)).out) as { readonly changes: unknown };
    expect(changes).toMatchObject([
      { target: '/policies/authorizationPolicy', values: 'proven' },
      { before: expect.stringContaining('"isTrusted":true'), after: '{"displayName":"Office","isTrusted":false}' },
      { path: '/v1.0/groups/1', values: 'gone' },
    ]);
    await writeFile(file, fileOf(await story.extract()).replace('user-default-legacy', 'user-default-low'));
    const changed = await verify([file], nowMs);
    expect([changed.exit, changed.out]).toEqual([1, expect.stringContaining('are not those of the change')]);
    expect(changed.out).not.toContain('user-default-low');
  });

  it('says what is wrong with an extract that lacks a record', async () => {
    const { file, world } = await extracted();
    const lines = (await readFile(file, 'utf8')).split('\n');
    const at = lines.findIndex((line) => line.startsWith('{"type":"record"'));
    await writeFile(file, lines.toSpliced(at, 1).join('\n'));
    const { exit, out } = await verify([file], world.audit.nowMs + 60_000);
    expect(out).toMatch(/^NOT PROVEN: Line \d+: it counts other records than the file has.\n/);
    expect(exit).toBe(1);
  });
});

it('refuses an export that names another broker than its checkpoints', async () => {
  const file = await exportedFile();
  const text = await readFile(file, 'utf8');
  expect(text).toContain(`"broker":"${partner}"`);
  const older = newFile();
  await writeFile(older, text.replace(`"broker":"${partner}"`, '"broker":"https://broker.example"'));
  const unproven = await verify([older]);
  expect(unproven.out).toContain('Export again with this version.');
  expect(unproven.exit).toBe(3);
  await writeFile(file, text.replace(`"broker":"${partner}"`, `"broker":"${guid(0xb1)}"`));
  const { exit, out } = await verify([file]);
  expect(out).toContain(`It was signed for the broker of the partner ${partner}, and the export names another one.`);
  expect(exit).toBe(1);
});

describe('an export that two readers could understand differently', () => {
  it.each([
    ['a member twice', (line: string) => line.replace('{"type":"record",', '{"type":"record","type":"record",')],
    [
      'two members record',
      (line: string) => line.replace('"record":{', '"record":{"PartitionKey":"1","RowKey":"2"},"record":{'),
    ],
    ['a column twice', (line: string) => line.replace('"record":{', '"record":{"rule":"none",')],
    ['an unknown member', (line: string) => line.replace(/\}$/, ',"note":1}')],
    ['__proto__', (line: string) => line.replace('"record":{', '"record":{"__proto__":{"rule":"none"},')],
  ])('is refused: %s', async (_name, change) => {
    const file = await exportedFile();
    const lines = (await readFile(file, 'utf8')).split('\n');
    const at = lines.findIndex((line) => line.startsWith('{"type":"record"'));
    await writeFile(file, lines.with(at, change(lines[at] ?? '')).join('\n'));
    const { exit, err } = await verify([file]);
    expect(err).toContain(`line ${at + 1} is not a line of an export.`);
    expect(exit).toBe(2);
  });

  it('is not one in which a text is __proto__', async () => {
    const records = exported.records.map((record, at) => (at === 0 ? { ...record, client: '__proto__' } : record));
    const { err } = await verify([await exportedFile({ ...exported, records })]);
    expect(err).not.toContain('is not a line of an export');
  });

  it('is not one whose text has line separators of Unicode', async () => {
    const records = exported.records.map((record, at) => (at === 0 ? { ...record, note: 'a\u2028b' } : record));
    const { err } = await verify([await exportedFile({ ...exported, records })]);
    expect(err).not.toContain('is not a line of an export');
  });
});
