import { describe, expect, it } from 'vitest';
import type { CheckpointLog } from '../../../../../src/lib/audit/chain/checkpoint-log.ts';
import { AuditEvidence } from '../../../../../src/lib/audit/evidence.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';

const minute = 60_000;
const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const endsOf = (heads: readonly string[]): string[] =>
  heads.map((jws) => String(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()).to).slice(11, 16));

/** A log with a checkpoint every five minutes from 22:40 on, in parts of some. */
function evidenceOf(parts: readonly number[]) {
  const all = Array.from({ length: parts.reduce((sum, each) => sum + each, 0) }, (_, at) => {
    const to = new Date(Date.UTC(2026, 10, 30, 22, 40) + at * 5 * minute).toISOString();
    return `${text({})}.${text({ tenants: `${text({})}.${text({ number: at + 1, to })}.AAAA` })}.AAAA`;
  });
  let reads = 0;
  let nowMs = Date.UTC(2026, 11, 1, 12);
  const page: CheckpointLog['page'] = async (_fromMs, _isOwn, continuation = '0') => {
    reads += 1;
    const part = Number(continuation);
    const start = parts.slice(0, part).reduce((sum, each) => sum + each, 0);
    const checkpoints = all.slice(start, start + (parts[part] ?? 0));
    return part + 1 < parts.length ? { checkpoints, continuation: String(part + 1) } : { checkpoints };
  };
  const evidence = new AuditEvidence({
    broker: 'x',
    table: async () => ({}) as never,
    checkpoints: { page } as CheckpointLog,
    signer: {} as never,
    clock: { nowMs: () => nowMs } as never,
    log: silentLogger,
    isOff: false,
  });
  return {
    evidence,
    reads: () => reads,
    later: (minutes: number) => {
      nowMs += minutes * minute;
    },
  };
}

describe('published heads', () => {
  it('are those of the hours around a time, although a part of the log ends between', async () => {
    const { evidence } = evidenceOf([6, 40, 10]);
    const { heads, continuation } = await evidence.heads(Date.UTC(2026, 11, 1));
    const ends = endsOf(heads);
    expect(ends).toContain('23:00');
    expect(ends).toContain('23:55');
    expect(ends).toContain('01:00');
    expect(continuation).toBe('2');
  });

  it('are read once if nothing that is written later can change them', async () => {
    const { evidence, reads, later } = evidenceOf([6, 40, 10]);
    const page = await evidence.heads(Date.UTC(2026, 11, 1));
    later(90);
    expect(await evidence.heads(Date.UTC(2026, 11, 1))).toBe(page);
    expect(reads()).toBe(2);
    // The end of the log goes on.
    const last = await evidence.heads(Date.UTC(2026, 11, 1), '2');
    later(2);
    expect(await evidence.heads(Date.UTC(2026, 11, 1), '2')).not.toBe(last);
  });

  it('of a log with long parts cost as many reads as there are parts', async () => {
    const { evidence } = evidenceOf(Array.from({ length: 30 }, () => 1));
    const asked = await Promise.allSettled(
      Array.from({ length: 20 }, (_, hour) => evidence.heads(Date.UTC(2026, 11, 20 + hour))),
    );
    expect(asked.filter(({ status }) => status === 'rejected').length).toBe(0);
    await expect(evidence.heads(Date.UTC(2026, 11, 1))).rejects.toMatchObject({ code: 'busy' });
  });

  it('of a stranger who asks for many hours keep nobody else from theirs, until the storage has enough', async () => {
    const { evidence, reads, later } = evidenceOf([6, 40, 10]);
    const ask = (who: string, hour: number, isCaller = false) =>
      evidence.heads(Date.UTC(2026, 11, 1, hour), '2', who, isCaller);
    const hours = Array.from({ length: 40 }, (_, hour) => hour);
    const asked = await Promise.allSettled(hours.map((hour) => ask('stranger', hour)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(30);
    await expect(ask('customer', 100)).resolves.toBeDefined();
    // What is kept costs nothing.
    await expect(ask('stranger', 0)).resolves.toBeDefined();
    for (let each = 0; each < 20; each += 1)
      await Promise.allSettled(hours.map((hour) => ask(`stranger ${each}`, 200 + 40 * each + hour)));
    expect(reads()).toBe(240);
    await expect(ask('another customer', 2_000)).rejects.toMatchObject({ code: 'busy' });
    // Callers have the rest.
    for (const who of ['one', 'two', 'three'])
      await Promise.allSettled(hours.map((hour) => ask(`caller ${who}`, 3_000 + hour * who.length, true)));
    expect(reads()).toBe(300);
    later(1);
    await expect(ask('another customer', 2_000)).resolves.toBeDefined();
  });
});
