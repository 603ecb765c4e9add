import type { JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { verificationLines } from '../../../../src/cli/audit/verification-lines.ts';
import { plainLine } from '../../../../src/cli/line.ts';
import { type Finding, newTally } from '../../../../src/operator/audit/read-checkpoints.ts';
import type { Verification } from '../../../../src/operator/audit/verify-export.ts';

const key: JWK = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'key-1' };
const period = { from: '2026-11-24T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z' };
const checkpoint = (number: number) => ({ number, at: `2026-11-24T0${number}:00:00.000Z`, keyId: 'key-1' });

/** Three records, all proven by two checkpoints. */
const verification = ({ counts, ...more }: Partial<Verification> = {}): Verification => ({
  findings: [],
  period,
  records: 3,
  counts: { ...newTally(), proven: 3, ...counts },
  unchained: { records: 0 },
  lost: 0,
  crashed: 0,
  purged: 0,
  beyond: 0,
  chains: 1,
  withoutOutcome: 0,
  checkpoints: [checkpoint(1), checkpoint(2)],
  ...more,
});
const lines = (more: Partial<Verification> = {}, keys: readonly JWK[] = [key], areTrusted = false): string[] =>
  verificationLines(verification(more), keys, areTrusted).map(plainLine);
const counts = (more: Partial<Verification['counts']>) => ({ counts: { ...newTally(), proven: 3, ...more } });
const finding = (more: Partial<Finding>): Finding => ({ kind: 'changed', detail: 'It differs.', ...more });

describe('the verdict on an export', () => {
  it.each<[string, Partial<Verification>, string]>([
    ['proves all', {}, `PROVEN: 3 records from ${period.from} to ${period.to} are as written, and none is missing`],
    [
      'proves one record',
      counts({ proven: 1 }),
      `PROVEN: 1 record from ${period.from} to ${period.to} is as written, and none is missing`,
    ],
    [
      'names what is newer, and what failed',
      { ...counts({ newer: 2 }), crashed: 1, lost: 2 },
      `PROVEN: 3 records from ${period.from} to ${period.to} are as written, and none is missing, with 2 records newer than that, and 3 places of crashes and failed writes`,
    ],
    [
      'says that something was changed',
      { findings: [finding({})] },
      'TAMPERED: the audit log is not as it was written.',
    ],
    [
      'says that nothing is signed',
      { ...counts({ proven: 0 }), checkpoints: [] },
      'NOT PROVEN: nothing speaks for tampering, but there is no checkpoint, so nothing is signed.',
    ],
    [
      'says that no record is signed',
      counts({ proven: 0 }),
      `NOT PROVEN: nothing speaks for tampering, but there is no signed record from ${period.from} to ${period.to}.`,
    ],
  ])('%s', (_what, more, expected) => {
    expect(lines(more)[0]).toBe(expected);
  });
});

describe('the findings of an export', () => {
  it('are lines with their place', () => {
    const record = { partitionKey: 'p', rowKey: 'r' };
    const findings = [
      finding({ chain: 'c', first: 4, last: 4, record }),
      finding({ chain: 'c', first: 4, last: 6 }),
      finding({ checkpoint: 2, between: ['a', 'b'] }),
    ];
    expect(lines({ findings }).slice(1, 4)).toEqual([
      'changed chain c record 4 (p r): It differs.',
      'changed chain c records 4 to 6: It differs.',
      'changed checkpoint 2 between a and b: It differs.',
    ]);
  });

  it.each([
    [50, undefined],
    [51, '… and 1 more; --json has all.'],
  ])('are shown up to fifty: %i', (count, more) => {
    const shown = lines({ findings: Array.from({ length: count }, () => finding({})) });
    expect(shown.filter((line) => line.startsWith('changed'))).toHaveLength(50);
    expect(shown.find((line) => line.includes('more; --json'))).toBe(more);
  });
});

describe('the counts of an export', () => {
  it('name chains, checkpoints and the period', () => {
    expect(lines().slice(1, 4)).toEqual([
      '',
      `3 records in 1 chain (one for each start of an instance); 3 are proven by a signature. They are from ${period.from} to ${period.to}.`,
      '2 checkpoints, 1 to 2, from 2026-11-24T01:00:00.000Z to 2026-11-24T02:00:00.000Z.',
    ]);
    expect(lines({ checkpoints: [] })[3]).toMatch(/^No checkpoints: /);
  });

  it.each<[Partial<Verification>, RegExp]>([
    [counts({ newer: 2 }), /^2 records are newer: /],
    [counts({ earlier: 3 }), /^3 records are older than the first checkpoint: /],
    [counts({ unsigned: 4 }), /^4 records of the period are not signed\.$/],
    [counts({ outside: 5 }), /^5 records lie outside the period/],
    [counts({ tampered: 6 }), /^6 records are not as they were written, or were added\.$/],
    [{ unchained: { records: 7, first: 'a', last: 'b' } }, /^7 records have no chain, from a to b: /],
    [{ lost: 8 }, /^8 records were not written because storage failed\./],
    [{ crashed: 9 }, /^9 records were not written because their instance ended\./],
    [{ purged: 2, purgedBefore: 'then' }, /^2 missing records were old enough to be purged before then\.$/],
    [{ purged: 2 }, /^2 missing records were old enough to be purged\.$/],
    [{ beyond: 3 }, /^3 missing records lie at or beyond/],
    [{ withoutOutcome: 4 }, /^4 requests through the gateway have no outcome/],
  ])('have a line for %j, and for nothing else', (more, expected) => {
    const usual = lines();
    // The verdict is above.
    const [added, ...others] = lines(more).filter((line, at) => at > 0 && !usual.includes(line));
    expect([added, others]).toEqual([expect.stringMatching(expected), []]);
  });
});

describe('the keys of an export', () => {
  it('are named, with who gave them', () => {
    const [ofExport, given] = [lines(), lines({}, [key], true)];
    const named = expect.stringMatching(/^ {2}key-1 {2}thumbprint \S{43}$/) as string;
    expect(ofExport).toEqual(
      expect.arrayContaining([
        'Signatures were checked with the keys in the export. Compare them with Key Vault, or give them with --key:',
        named,
      ]),
    );
    expect(given).toEqual(expect.arrayContaining(['Signatures were checked with the keys that you gave:', named]));
  });

  it('are not mentioned if there are none', () => {
    expect(lines({}, []).join('\n')).not.toContain('Signatures');
  });
});
