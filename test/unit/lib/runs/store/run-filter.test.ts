import { describe, expect, it } from 'vitest';
import type { Run } from '../../../../../src/lib/runs/store/run.ts';
import { filterOf, NewestRuns } from '../../../../../src/lib/runs/store/table-run-log.ts';

describe('NewestRuns', () => {
  it('keeps the newest of many, whatever their order', () => {
    for (const limit of [1, 3, 7, Number.MAX_SAFE_INTEGER]) {
      const newest = new NewestRuns(limit);
      const times = Array.from({ length: 50 }, (_, at) => (at * 31) % 50);
      for (const createdAtMs of times) newest.add({ createdAtMs } as Run);
      expect(newest.list().map(({ createdAtMs }) => createdAtMs)).toEqual(
        times.toSorted((a, b) => b - a).slice(0, limit),
      );
    }
  });
});

describe('filterOf', () => {
  it.each([
    [{}, undefined],
    [{ job: "o'hara" }, "PartitionKey eq 'o''hara'"],
    [
      { active: true, createdBeforeMs: 0 },
      "(status eq 'pending' or status eq 'running') and createdAt lt '1970-01-01T00:00:00.000Z'",
    ],
    [{ active: false, starter: { applicationId: 'a', objectId: "b'" } }, "startedBy eq 'a' and starterObject eq 'b'''"],
  ])('%j', (filter, expected) => {
    expect(filterOf(filter)).toBe(expected);
  });
});
