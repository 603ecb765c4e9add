import { expect, it } from 'vitest';
import { tryJob, type TryOptions } from '../../../../src/cli/jobs/try-job.ts';

/** Tries a job of this project, and expects that nothing of it starts. */
async function refusal(job: string, parameters: TryOptions['parameters'] = {}): Promise<Error> {
  const said: string[] = [];
  const progress = { update: () => undefined, note: () => undefined, done: () => undefined };
  const say = (line: string): void => void said.push(line);
  // What would be started ends at once.
  const signal = AbortSignal.abort(new Error('started'));
  const error = await tryJob({ job, parameters, tenants: 1, ptbScript: 'ptb', progress, say, signal }).then(
    () => new Error('tried'),
    (thrown: Error) => thrown,
  );
  expect(said).toEqual([]);
  return error;
}

it.each([
  [{ parameter: ['day=30'] }, 'inactive-accounts has no parameter "day"; did you mean "days"?'],
  [{ parameter: ['days=many'] }, '--parameter days: it must be'],
  [{ parameter: ['days=0'] }, '--parameter days: it must be'],
  [{ parameters: { days: 'many' } }, '"days"'],
])('refuses the parameters %j of a job before anything is built or started', async (flags, message) => {
  const error = await refusal('inactive-accounts', flags);
  expect(error).toMatchObject({ name: 'UsageError', message: expect.stringContaining(message) });
});

it('refuses a job that is not listed before anything is built or started', async () => {
  const error = await refusal('licence-reprot');
  expect(error.name).toBe('UsageError');
  expect(error.message).toContain('lists no job "licence-reprot"; did you mean "licence-report"?');
});
