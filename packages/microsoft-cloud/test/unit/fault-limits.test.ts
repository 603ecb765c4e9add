import { expect, it } from 'vitest';
import { createFaults } from '../../src/faults/faults.ts';
import { parseFaultRule } from '../../src/faults/rule.ts';
import type { CloudRequest } from '../../src/web/http.ts';

const requestOf = (tenantId: string): CloudRequest =>
  ({ method: 'GET', path: '/v1.0/users', facts: { tenantId } }) as unknown as CloudRequest;

const stage = () => {
  const clock = { nowMs: () => clock.now, now: 1_000_000 };
  return { clock, faults: createFaults(() => 0, clock) };
};

it('affects requests while more than a number is in flight', () => {
  const { faults } = stage();
  faults.add({ service: 'graph', status: 429, concurrent: 2 });
  const requests = ['a', 'b', 'c'].map(requestOf);
  expect(requests.map((request) => faults.match('graph', request)?.status)).toEqual([undefined, undefined, 429]);
  for (const request of requests.slice(0, 2)) faults.ended(request);
  expect(faults.match('graph', requestOf('d'))).toBeUndefined();
  expect(faults.match('graph', requestOf('e'))?.status).toBe(429);
});

it('affects requests of a tenant beyond a number within a time', () => {
  const { faults, clock } = stage();
  faults.add({ service: 'graph', status: 429, beyond: { requests: 2, withinMs: 10_000 } });
  const status = (tenantId: string): number | undefined => faults.match('graph', requestOf(tenantId))?.status;
  expect([status('a'), status('a'), status('a'), status('b')]).toEqual([undefined, undefined, 429, undefined]);
  clock.now += 9_999;
  expect(status('a')).toBe(429);
  clock.now += 10_000;
  expect([status('a'), status('a'), status('a')]).toEqual([undefined, undefined, 429]);
});

it.each([
  { concurrent: 0 },
  { beyond: 5 },
  { beyond: { requests: 5 } },
  { beyond: { requests: 0, withinMs: 1 } },
  { beyond: { requests: 1, withinMs: 1, other: 1 } },
])('refuses %j', (fields) => {
  expect(() => parseFaultRule({ status: 429, ...fields })).toThrow('is not valid');
});
