import { expect, test } from 'vitest';
import { defineJob, type JobContext } from '../../../../../src/lib/runs/job/job.ts';
import { tryJob, type TryJobOptions } from '../../../../support/try-job.ts';

const domains = [
  { id: 'Mail.Contoso.example', isVerified: true },
  { id: 'attacker.example', isVerified: false },
];

/** Runs a job that reads the domains first, unless `read` is false. */
async function inJob<T>(work: (context: JobContext) => Promise<T>, options: TryJobOptions = {}, read = true) {
  let result: T | undefined;
  const job = defineJob({
    name: 'probe',
    title: 'Probe',
    resources: ['graph'],
    permissions: ['Domain.Read.All'],
    timeoutSeconds: 60,
    run: async (context) => {
      if (read) await Array.fromAsync(context.graph.list('/domains?$select=id,isVerified'));
      result = await work(context);
      return [];
    },
  });
  const { asked } = await tryJob(job, { graph: { '/domains': { value: domains } }, ...options });
  return { asked, result };
}

test.each([
  'mail.contoso.example',
  'selector1._domainkey.MAIL.contoso.example',
  '_dmarc.mail.contoso.example',
  '_dmarc.contoso.example',
])('a job may ask DNS for %s', async (name) => {
  const { asked, result } = await inJob(({ dns }) => dns.txt(name), { dns: () => ['v=spf1 -all and so on'] });
  expect([asked, result]).toEqual([[name.toLowerCase()], ['v=spf1 -all and so on']]);
});

test.each([
  'contoso.example',
  'notmail.contoso.example',
  'data._dmarc.contoso.example',
  'attacker.example',
  'data.attacker.example',
  'elsewhere.example',
  '_dmarc.elsewhere.example',
  `${'a'.repeat(64)}.mail.contoso.example`,
  `${'a.'.repeat(120)}mail.contoso.example`,
  'a b.mail.contoso.example',
  '.mail.contoso.example',
  'mail.contoso.example.',
  '',
])('a job that asks DNS for %j fails, and nothing is sent', async (name) => {
  const asked: string[] = [];
  const dns = (sent: string) => void asked.push(sent);
  const failure = inJob((context) => context.dns.txt(name), { dns });
  await expect(failure).rejects.toMatchObject({ code: 'job_failed', detail: expect.stringContaining('verified') });
  expect(asked).toEqual([]);
});

test('a job that has not read the domains may ask for none', async () => {
  const failure = inJob(({ dns }) => dns.txt('mail.contoso.example'), {}, false);
  await expect(failure).rejects.toMatchObject({ detail: expect.stringContaining('read /domains with id') });
});

test.each([
  ['ENOTFOUND', []],
  ['ENODATA', []],
  ['ETIMEOUT', undefined],
  ['ESERVFAIL', undefined],
  ['EREFUSED', undefined],
  ['ECONNREFUSED', undefined],
])('%s is told as %j', async (code, told) => {
  const dns = () => {
    throw Object.assign(new Error(code), { code });
  };
  const { result } = await inJob((context) => context.dns.txt('mail.contoso.example'), { dns });
  expect(result).toEqual(told);
});

test('a job has eight questions open at a time', async () => {
  let [open, most] = [0, 0];
  const resolveTxt = async () => {
    open += 1;
    most = Math.max(most, open);
    await new Promise((done) => setImmediate(done));
    open -= 1;
    return [];
  };
  const names = Array.from({ length: 30 }, (_, at) => `s${at}._domainkey.mail.contoso.example`);
  await inJob((context) => Promise.all(names.map((name) => context.dns.txt(name))), { resolveTxt });
  expect(most).toBe(8);
});
