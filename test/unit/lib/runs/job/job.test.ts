import { describe, expect, test } from 'vitest';
import accessCheck from '../../../../../src/jobs/access-check.ts';
import configurationDriftReport from '../../../../../src/jobs/configuration-drift-report.ts';
import licenceReport from '../../../../../src/jobs/licence-report.ts';
import mfaReport from '../../../../../src/jobs/mfa-report.ts';
import secretExpiryReport from '../../../../../src/jobs/secret-expiry-report.ts';
import {
  createJobRegistry,
  defineJob,
  type JobDefinition,
  parseSchedule,
} from '../../../../../src/lib/runs/job/job.ts';
import { parseRunId, runIdOf, scheduledWindow } from '../../../../../src/lib/runs/store/run.ts';

const definition: JobDefinition = {
  name: 'one',
  title: 'One',
  resources: ['graph'],
  timeoutSeconds: 60,
  run: async () => [],
};

describe('defineJob', () => {
  test('applies defaults', () => {
    expect(defineJob(definition)).toMatchObject({ name: 'one', application: 'default', schedule: undefined });
  });

  test.each<[string, Partial<JobDefinition>, string]>([
    ['an upper case name', { name: 'One' }, 'name'],
    ['a name that would be a path', { name: '../x' }, 'name'],
    ['a long name', { name: `a${'b'.repeat(40)}` }, 'name'],
    ['an empty title', { title: ' ' }, 'title'],
    ['a time limit of zero', { timeoutSeconds: 0 }, 'timeoutSeconds'],
    ['more than an hour', { timeoutSeconds: 3601 }, 'timeoutSeconds'],
    ['half a second', { timeoutSeconds: 0.5 }, 'timeoutSeconds'],
    ['a duplicate resource', { resources: ['graph', 'graph'] }, 'resources'],
    ['a key that is not a column', { columns: [{ name: 'a', title: 'A', type: 'text' }], key: ['b'] }, 'key'],
    ['a key of no columns', { key: [] }, 'key'],
    [
      'a key that is not compared',
      { columns: [{ name: 'a', title: 'A', type: 'text', compare: false }], key: ['a'] },
      'key',
    ],
    ['a schedule of five fields', { schedule: '0 5 * * *' }, 'schedule'],
    ['an empty list of tenants', { tenants: [] }, 'tenants'],
    ['a split of the history by a column that it does not declare', { historyBy: 'kind' }, 'historyBy'],
    [
      'a split of the history by numbers',
      { columns: [{ name: 'n', title: 'N', type: 'number' }], historyBy: 'n' },
      'historyBy must name a column of texts',
    ],
    ['an entry of a wrong form', { tenants: ['tags:gold'] }, 'tenants: "tags:gold" is neither'],
    ['an exception of everybody', { except: ['*'] }, 'except'],
    [
      'a column twice',
      {
        columns: [
          { name: 'a', title: 'A', type: 'text' },
          { name: 'a', title: 'B', type: 'text' },
        ],
      },
      'columns',
    ],
  ])('rejects %s and names the field', (_case, wrong, field) => {
    expect(() => defineJob({ ...definition, ...wrong })).toThrow(new RegExp(`^job ".*": .*${field}`));
  });

  test('rejects two jobs with the same name in a registry', () => {
    const job = defineJob(definition);
    expect(createJobRegistry([job]).find('one')).toBe(job);
    expect(createJobRegistry([job]).find('two')).toBeUndefined();
    expect(() => createJobRegistry([job, defineJob(definition)])).toThrow('two jobs have the name "one"');
    const other = defineJob({ ...definition, name: 'another' });
    expect(() => createJobRegistry([other, job, job])).toThrow('two jobs have the name "one"');
  });

  test('schedules the built-in jobs at different minutes', () => {
    const builtIn = [accessCheck, configurationDriftReport, licenceReport, mfaReport, secretExpiryReport];
    const nowMs = Date.parse('2026-11-24T00:00:00Z');
    const times = createJobRegistry(builtIn)
      .list()
      .map(({ schedule }) => schedule?.nextAfterMs(nowMs));
    expect(new Set(times).size).toBe(builtIn.length);
  });
});

describe('parseSchedule', () => {
  const at = (text: string): number => Date.parse(text);
  const next = (expression: string, from: string): string =>
    new Date(parseSchedule(expression).nextAfterMs(at(from))!).toISOString();

  test.each([
    ['0 0 5 * * *', '2026-11-24T05:00:00Z', '2026-11-25T05:00:00.000Z'],
    ['0 */15 * * * *', '2026-11-24T05:01:00Z', '2026-11-24T05:15:00.000Z'],
    ['0 0 8-18/2 * * MON-FRI', '2026-11-27T18:30:00Z', '2026-11-30T08:00:00.000Z'],
    ['30 0 0 1 jan,JUL *', '2026-11-24T00:00:00Z', '2027-01-01T00:00:30.000Z'],
    // In NCRONTAB both day fields must match: Friday the 13th.
    ['0 0 0 13 * 5', '2026-11-24T00:00:00Z', '2027-08-13T00:00:00.000Z'],
    ['0 0 0 29 2 *', '2026-11-24T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('next time of %s after %s is %s', (expression, from, expected) => {
    expect(next(expression, from)).toBe(expected);
  });

  test.each([
    '',
    '* * * * *',
    '60 * * * * *',
    '0 0 24 * * *',
    '0 0 5 0 * *',
    '0 0 5 L * *',
    '0 0 5 15W * *',
    '0 0 5 * * 7',
    '0 0 5 * * MON#2',
    '0 0 5 ? * *',
    '0 0 5-3 * * *',
    '0 */0 * * * *',
    '0 5/15 * * * *',
    '0 0 5 31 2 *',
    '0 0 5 * 13 *',
    '0 0 5 * mo *',
    '@daily',
    '00:05:00',
    '0 0 5 1, * *',
  ])('rejects %j', (expression) => {
    expect(() => parseSchedule(expression)).toThrow(TypeError);
  });

  test.each([
    ['2026-11-24T05:00:00.000Z', '2026-11-24T05:00:00.000Z'],
    ['2026-11-24T04:59:59.999Z', '2026-11-23T05:00:00.000Z'],
    ['2026-11-24T05:00:00.001Z', '2026-11-24T05:00:00.000Z'],
    ['2026-11-25T04:00:00.000Z', '2026-11-24T05:00:00.000Z'],
  ])('latest time of "0 0 5 * * *" at %s is %s', (now, expected) => {
    expect(new Date(parseSchedule('0 0 5 * * *').latestAtMs(at(now))!).toISOString()).toBe(expected);
  });
});

describe('a run id', () => {
  test('consists of job and scheduled minute, and can be parsed', () => {
    const runId = runIdOf('licence-report', scheduledWindow(Date.parse('2026-11-24T05:00:42.123Z')));
    expect(runId).toBe('licence-report@2026-11-24T05:00Z');
    expect(parseRunId(runId)).toEqual({ job: 'licence-report', window: '2026-11-24T05:00Z' });
  });

  test.each(['', 'a/b', 'a b', '#1', '.hidden', 'ä', 'x'.repeat(47), "it's", 'a?b', 'a\\b', 'a@b'])(
    'cannot be made of the window %j',
    (window) => {
      expect(() => runIdOf('job', window)).toThrow(expect.objectContaining({ code: 'request_invalid' }));
      expect(parseRunId(`job@${window}`)).toBeUndefined();
    },
  );

  test('leaves room for the suffix of batches within the platform limit of 100 characters', () => {
    expect(`${runIdOf('j'.repeat(40), 'w'.repeat(46))}:r10:b50`.length).toBeLessThanOrEqual(100);
  });
});
