import { afterEach, expect, it, vi } from 'vitest';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
  vi.resetModules();
});

it.each([
  ['Europe/Vienna', '15 May 2027'],
  ['America/New_York', '14 May 2027'],
])('is the day of a reader in %s, on pages and in reports', async (name, day) => {
  process.env['TZ'] = name;
  vi.resetModules();
  const { dayText, zoneText } = await import('../../../../src/lib/core/day-text.ts');
  const { localDate } = await import('../../../../dashboard/app/format.ts');
  const { accessText } = await import('../../../../src/lib/api/report/report-words.ts');
  const end = '2027-05-14T22:57:00.000Z';
  expect([dayText(end), zoneText(), localDate(end)]).toEqual([day, name, day]);
  const report = { access: 'Active.', relationshipEndsAt: end, createdAt: '2026-12-01T00:00:00.000Z' };
  expect(accessText(report as never)).toBe(`Active. It ends on ${day}.`);
  // A day has no zone, and a text that is no time stays.
  expect([dayText('2027-05-14'), dayText('soon')]).toEqual(['14 May 2027', 'soon']);
});
