import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSchedule, resolveSettings } from '../../../src/timers/ncrontab.ts';

const at = (iso: string): number => Date.parse(iso);
const next = (text: string, after: string, zone = 'UTC'): string | undefined => {
  const ms = parseSchedule(text, zone).nextMs(at(after));
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

interface RandomField {
  readonly text: string;
  readonly matches: (value: number) => boolean;
}

/** A random field with one or two entries: `*`, a value, or a range with a step. */
function field(min: number, max: number): fc.Arbitrary<RandomField> {
  const value = fc.integer({ min, max });
  const any = fc.constant({ text: '*', matches: () => true });
  const single = value.map((wanted) => ({ text: String(wanted), matches: (given: number) => given === wanted }));
  const range = fc.tuple(value, value, fc.integer({ min: 1, max: 9 })).map(([a, b, step]) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    const matches = (given: number): boolean => given >= low && given <= high && (given - low) % step === 0;
    return { text: `${a}-${b}/${step}`, matches };
  });
  const entry = fc.oneof(
    { weight: 3, arbitrary: any },
    { weight: 1, arbitrary: single },
    { weight: 1, arbitrary: range },
  );
  return fc.array(entry, { minLength: 1, maxLength: 2 }).map((entries) => ({
    text: entries.map(({ text }) => text).join(','),
    matches: (given: number) => entries.some((each) => each.matches(given)),
  }));
}

/** The first matching second after `second` and up to `limit`, in milliseconds. */
function searchMs(fields: readonly RandomField[], second: number, limit: number): number | undefined {
  for (let candidate = second + 1; candidate <= limit; candidate += 1) {
    const date = new Date(candidate * 1000);
    const values = [
      date.getUTCSeconds(),
      date.getUTCMinutes(),
      date.getUTCHours(),
      date.getUTCDate(),
      date.getUTCMonth() + 1,
      date.getUTCDay(),
    ];
    if (fields.every((each, index) => each.matches(values[index] as number))) return candidate * 1000;
  }
  return undefined;
}

describe('parseSchedule', () => {
  it.each([
    ['0 */5 * * * *', '2026-01-01T00:02:00Z', '2026-01-01T00:05:00.000Z'],
    ['*/5 * * * *', '2026-01-01T00:02:00Z', '2026-01-01T00:05:00.000Z'],
    ['30 0 9-17/4 * * MON-fri', '2026-01-02T17:00:30Z', '2026-01-05T09:00:30.000Z'],
    ['0 0 0 1 jan,July *', '2026-01-02T00:00:00Z', '2026-07-01T00:00:00.000Z'],
    ['0 5/20 0 * * *', '2026-01-01T00:06:00Z', '2026-01-01T00:25:00.000Z'],
    ['0 0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 0 31 2 *', '2026-01-01T00:00:00Z', undefined],
  ])('finds the occurrence of %s after %s: %s', (text, after, expected) => {
    expect(next(text, after)).toBe(expected);
  });

  it('matches both the day and the day of the week: Friday the thirteenth', () => {
    expect(next('0 0 0 13 * 5', '2026-03-14T00:00:00Z')).toBe('2026-11-13T00:00:00.000Z');
  });

  it('computes occurrences in the given time zone', () => {
    expect(next('0 0 6 * * *', '2026-07-01T00:00:00Z', 'Europe/Berlin')).toBe('2026-07-01T04:00:00.000Z');
    expect(next('0 0 6 * * *', '2026-01-01T00:00:00Z', 'Europe/Berlin')).toBe('2026-01-01T05:00:00.000Z');
    expect(() => parseSchedule('0 0 6 * * *', 'W. Europe Standard Time')).toThrow('is not a time zone');
  });

  it.each([
    '',
    '* * * *',
    '* * * * * * *',
    '60 * * * * *',
    '* * 24 * * *',
    '* * * 0 * *',
    '* * * * 13 *',
    '* * * * * 7',
    '0 0 0 L * *',
    '0 0 0 ? * *',
    '0 0 0 * * 5#2',
    '0 0 0 15W * *',
    '@daily',
    '*/0 * * * * *',
    '1-2-3 * * * * *',
    '1,,2 * * * * *',
    '0 0 0 * * xyz',
    'a * * * * *',
    '1/2/3 * * * * *',
  ])('rejects "%s"', (text) => {
    expect(() => parseSchedule(text, 'UTC')).toThrow(/is not an NCRONTAB expression|is not a valid/);
  });

  it('agrees with a search of every second', () => {
    const fields = fc.tuple(field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6));
    const start = fc.integer({ min: at('2024-01-01T00:00:00Z') / 1000, max: at('2028-01-01T00:00:00Z') / 1000 });
    fc.assert(
      fc.property(fields, start, (parts, second) => {
        const found = parseSchedule(parts.map(({ text }) => text).join(' '), 'UTC').nextMs(second * 1000);
        const limit = second + 3 * 86_400;
        const withinLimit = found !== undefined && found <= limit * 1000;
        expect(withinLimit ? found : undefined).toBe(searchMs(parts, second, limit));
      }),
      { seed: 20_261_124, numRuns: 60 },
    );
  });
});

describe('resolveSettings', () => {
  it('replaces %NAME% with the app setting', () => {
    expect(resolveSettings('0 %MINUTE% * * * *', { MINUTE: '7' })).toBe('0 7 * * * *');
    expect(() => resolveSettings('%MISSING%', {})).toThrow('the app setting MISSING is not set');
  });
});
