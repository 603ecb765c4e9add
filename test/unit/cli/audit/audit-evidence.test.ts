import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { registerAudit } from '../../../../src/cli/commands/audit.ts';
import { AuditWorld, type Exported, seeded } from '../../../campaigns/audit/world.ts';
import { runCommand } from '../commands/command-stage.ts';

let folder: string;
let exported: Exported;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-evidence-'));
  const world = new AuditWorld(seeded(3), { writes: 0.05, failedWrites: 0, crashes: 0, failedCheckpoints: 0 });
  world.startInstance();
  await world.run(900);
  exported = world.export();
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const newFile = (): string => join(folder, `${(files += 1)}`);

/** Runs `ptb audit export` against a broker that has these records and checkpoints. */
async function exportOf({ records, checkpoints, keys }: Exported, words: readonly string[] = []) {
  const file = newFile();
  const half = Math.floor(records.length / 2);
  const range = { from: '1970-01-01T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z' };
  const result = await runCommand(
    registerAudit,
    ['audit', 'export', '--output', file, ...words],
    [
      { checkpoints: checkpoints.slice(0, 1), keys, continuation: '1' },
      { checkpoints: checkpoints.slice(1), keys },
      { ...range, records: records.slice(0, half), continuation: 'next' },
      { ...range, records: records.slice(half) },
    ],
  );
  vi.useRealTimers();
  return { ...result, file };
}

const verify = (words: readonly string[]) => runCommand(registerAudit, ['audit', 'verify', ...words], [], []);

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
});

describe('ptb audit verify', () => {
  it('proves an untouched export, and says what that does not prove', async () => {
    const { exit, out } = await verify([await exportedFile()]);
    expect(out).toMatch(/^PROVEN: /);
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
    const stranger = new AuditWorld(seeded(4), { writes: 0, failedWrites: 0, crashes: 0, failedCheckpoints: 0 }).keys;
    const wrong = newFile();
    await writeFile(wrong, JSON.stringify({ keys: stranger }));
    const { exit, out } = await verify([file, '--key', wrong]);
    expect(exit).toBe(1);
    expect(out).toContain('its signature is not valid');
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
