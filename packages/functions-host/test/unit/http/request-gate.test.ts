import { describe, expect, it } from 'vitest';
import { RequestGate } from '../../../src/http/request-gate.ts';

describe('RequestGate', () => {
  it('admits a limited number of requests, queues further ones in order of arrival, and rejects the rest', async () => {
    const gate = new RequestGate(2, 4);
    const order: number[] = [];
    const visits = [0, 1, 2, 3, 4].map(async (visit) => {
      const release = await gate.enter();
      if (release) order.push(visit);
      return release;
    });
    expect(await visits[4]).toBeUndefined();
    expect(order).toEqual([0, 1]);
    (await visits[1])?.();
    await visits[2];
    expect(order).toEqual([0, 1, 2]);
    (await visits[0])?.();
    await visits[3];
    (await visits[2])?.();
    (await visits[3])?.();
    expect(await gate.enter()).toBeTypeOf('function');
  });

  it('admits no more at once after a slot has passed from one request to the next', async () => {
    const gate = new RequestGate(1, 10);
    const first = await gate.enter();
    const second = gate.enter();
    first?.();
    const release = await second;
    let isThirdRunning = false;
    const third = gate.enter().then(() => {
      isThirdRunning = true;
    });
    await Promise.resolve();
    await Promise.resolve();
    expect(isThirdRunning).toBe(false);
    release?.();
    await third;
    expect(isThirdRunning).toBe(true);
  });
});
