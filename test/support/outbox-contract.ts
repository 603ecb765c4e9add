import { expect, test } from 'vitest';
import { parseTenantId } from '../../src/lib/core/identifiers.ts';
import type { Notice } from '../../src/lib/notices/notice.ts';
import { type Delivery, noticeId, type Outbox } from '../../src/lib/notices/outbox.ts';
import type { TargetName } from '../../src/lib/notices/target.ts';

export const atMs = Date.UTC(2026, 10, 24);
export const notice = (key: string, more: Partial<Notice> = {}): Notice => ({
  kind: 'run.failed',
  key,
  severity: 'critical',
  atMs,
  title: 'It failed.',
  text: 'Look at it.',
  facts: [{ name: 'Run', value: key }],
  ...more,
});

export async function waitingOf(outbox: Outbox, target: TargetName): Promise<Delivery[]> {
  const found: Delivery[] = [];
  for await (const delivery of outbox.waiting(target)) found.push(delivery);
  return found;
}

export const only = async (outbox: Outbox, target: TargetName = 'chat'): Promise<Delivery> => {
  const [delivery] = await waitingOf(outbox, target);
  if (delivery === undefined) throw new Error('nothing waits');
  return delivery;
};

/** The tests that every outbox passes. @param make returns an empty one. */
export function testOutbox(make: () => Outbox): void {
  test('keeps a notice with all it has, and a delivery for each target', async () => {
    const outbox = make();
    const tenantId = parseTenantId('00000000-0000-4000-8000-000000000001')!;
    const full = notice('a', { tenantId, tenantName: 'Contoso', link: 'https://d' });
    expect(await outbox.add(full, ['chat', 'webhook'], atMs)).toBe(true);
    expect(await outbox.find(noticeId(full))).toEqual(full);
    expect(await outbox.find('0'.repeat(32))).toBeUndefined();
    const kind = 'run.failed';
    const wanted = { noticeId: noticeId(full), kind, addedAtMs: atMs, attempts: 0, nextAtMs: atMs, claimedUntilMs: 0 };
    expect(await waitingOf(outbox, 'chat')).toMatchObject([{ ...wanted, target: 'chat' }]);
    expect(await waitingOf(outbox, 'webhook')).toMatchObject([{ ...wanted, target: 'webhook' }]);
  });

  test('does not change when a notice is added again, also after it was delivered', async () => {
    const outbox = make();
    await outbox.add(notice('a'), ['chat'], atMs);
    expect(await outbox.add(notice('a', { title: 'Other.' }), ['chat', 'webhook'], atMs + 1)).toBe(false);
    expect(await waitingOf(outbox, 'webhook')).toEqual([]);
    await outbox.remove(await only(outbox));
    expect(await outbox.add(notice('a'), ['chat'], atMs + 2)).toBe(false);
    expect(await waitingOf(outbox, 'chat')).toEqual([]);
    expect((await outbox.find(noticeId(notice('a'))))?.title).toBe('It failed.');
  });

  test('adds one of ten equal notices that come at once', async () => {
    const outbox = make();
    const added = await Promise.all(Array.from({ length: 10 }, () => outbox.add(notice('a'), ['chat'], atMs)));
    expect(added.filter(Boolean)).toHaveLength(1);
    expect(await waitingOf(outbox, 'chat')).toHaveLength(1);
  });

  test('lists deliveries in the order of time', async () => {
    const outbox = make();
    for (const [key, ms] of [
      ['c', 3],
      ['a', 1],
      ['b', 2],
    ] as const)
      await outbox.add(notice(key), ['chat'], atMs + ms);
    const ids = (await waitingOf(outbox, 'chat')).map((delivery) => delivery.noticeId);
    expect(ids).toEqual(['a', 'b', 'c'].map((key) => noticeId(notice(key))));
  });

  test('gives one of ten claims, and none to a version that was read before', async () => {
    const outbox = make();
    await outbox.add(notice('a'), ['chat'], atMs);
    const read = await only(outbox);
    const claims = await Promise.all(
      Array.from({ length: 10 }, () => outbox.change({ ...read, attempts: 1, claimedUntilMs: atMs + 1000 })),
    );
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    const claimed = claims.find((claim) => claim !== undefined)!;
    expect(await only(outbox)).toEqual(claimed);
    const failed = await outbox.change({ ...claimed, claimedUntilMs: 0, nextAtMs: atMs + 60_000, reason: 'is off' });
    expect(await only(outbox)).toEqual(failed);
    expect(await outbox.change(read)).toBeUndefined();
    await outbox.remove(claimed);
    expect(await outbox.change(failed!)).toBeUndefined();
    await outbox.remove(claimed);
  });

  test('moves what is given up, once', async () => {
    const outbox = make();
    await outbox.add(notice('a'), ['chat'], atMs);
    const read = await only(outbox);
    // Whoever gives up has claimed the delivery, so its version does not count.
    await outbox.change({ ...read, claimedUntilMs: atMs + 60_000 });
    const moved = await Promise.all([outbox.giveUp(read, atMs + 10), outbox.giveUp(read, atMs + 11)]);
    expect(moved.filter(Boolean)).toHaveLength(1);
    expect(await waitingOf(outbox, 'chat')).toEqual([]);
    expect((await outbox.backlog('chat', atMs)).givenUp).toBe(1);
    expect((await outbox.backlog('chat', atMs + 12)).givenUp).toBe(0);
    expect((await outbox.backlog('webhook', atMs)).givenUp).toBe(0);
  });

  test('keeps the state of each target, and names the delivery that waits longest', async () => {
    const outbox = make();
    expect(await outbox.backlog('chat', atMs)).toEqual({ state: undefined, oldest: undefined, givenUp: 0 });
    await outbox.setState('chat', { addressDigest: 'x', stoppedAtMs: atMs, pausedUntilMs: atMs + 1 });
    expect(await outbox.state('chat')).toEqual({ addressDigest: 'x', stoppedAtMs: atMs, pausedUntilMs: atMs + 1 });
    await outbox.setState('chat', { addressDigest: 'y' });
    await outbox.add(notice('b'), ['chat'], atMs + 1);
    await outbox.add(notice('a'), ['chat'], atMs);
    expect(await outbox.backlog('chat', atMs)).toMatchObject({
      state: { addressDigest: 'y' },
      oldest: { noticeId: noticeId(notice('a')) },
    });
    expect(await outbox.state('webhook')).toBeUndefined();
  });

  test('purges old notices, what was given up, and what waits for a target that is no more', async () => {
    const outbox = make();
    await outbox.add(notice('old'), ['chat', 'webhook'], atMs - 1);
    await outbox.giveUp(await only(outbox), atMs - 1);
    await outbox.add(notice('new'), ['chat'], atMs);
    await outbox.purge(atMs);
    expect(await outbox.find(noticeId(notice('old')))).toBeUndefined();
    expect(await outbox.find(noticeId(notice('new')))).toBeDefined();
    expect((await outbox.backlog('chat', 0)).givenUp).toBe(0);
    expect(await waitingOf(outbox, 'webhook')).toEqual([]);
    expect(await waitingOf(outbox, 'chat')).toMatchObject([{ noticeId: noticeId(notice('new')) }]);
  });
}
