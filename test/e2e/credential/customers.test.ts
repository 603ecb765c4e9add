import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type CommandLine, faultMet, openCommandLine } from './command-line.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

// `ptb tenants consent` with customers that all have the consent already.

let operator: TestOperator;
let line: CommandLine;
let tenantIds: readonly string[];
beforeAll(async () => {
  operator = await startOperator({ tenants: 20 });
  await operator.setUp();
  await operator.consent(browser(operator.cloud));
  line = await openCommandLine(operator);
  tenantIds = operator.cloud.document.tenants.map(({ tenantId }) => tenantId);
});
afterEach(() => {
  operator.cloud.faults.clear();
  operator.cloud.ledger.reset();
});
afterAll(async () => {
  await line.close();
  await operator.stop();
});

const consent = ['tenants', 'consent', '--json'] as const;
/** Whether Partner Center knows the customer. It does not know one that is only in the list of contracts. */
const isKnown = (tenantId: string): boolean => {
  const { customer, relationship } = operator.cloud.world.findCustomer(tenantId)?.sources ?? {};
  return customer === true || relationship === true;
};
/** Customers whose consent was withdrawn or given, sorted. */
const requested = (method: 'DELETE' | 'POST'): readonly string[] =>
  operator.cloud.ledger
    .read()
    .requests.filter((each) => each.method === method && each.path.includes('/applicationconsents'))
    .map(({ path }) => path.split('/')[3] ?? '')
    .toSorted();

it('exits with 3 and lists tenants whose consent could not be determined as failed', async () => {
  const [lacking = '', throttled = '', hanging = ''] = tenantIds;
  operator.cloud.faults.add({ service: 'entra', tenantId: lacking, aadsts: 65001 });
  operator.cloud.faults.add({ service: 'entra', tenantId: throttled, aadsts: 90055 });
  operator.cloud.faults.add({ service: 'entra', tenantId: hanging, kind: 'html' });
  const dry = await line.ptb([...consent, '--dry-run']);
  expect([dry.exitCode, JSON.parse(dry.stdout)]).toMatchObject([
    3,
    {
      consented: 0,
      failed: 2,
      tenants: expect.arrayContaining([
        { tenantId: lacking, name: expect.stringMatching(/./) as string },
        expect.objectContaining({ tenantId: throttled, outcome: 'failed', code: 'throttled' }),
        expect.objectContaining({ tenantId: hanging, outcome: 'failed', code: 'entra_unavailable' }),
      ]) as unknown,
    },
  ]);
  expect(requested('POST')).toEqual([]);
  const real = await line.ptb(['tenants', 'consent']);
  expect(real.exitCode).toBe(3);
  expect(real.stdout).toMatch(/^\d tenants consented, .* 2 failed\./);
  expect(requested('POST')).toEqual([lacking]);
});

it('renews the consent in all tenants, not only in those that lack it', async () => {
  const dry = await line.ptb([...consent, '--renew', '--dry-run']);
  expect((JSON.parse(dry.stdout) as { tenants: unknown[] }).tenants).toHaveLength(20);
  expect(requested('DELETE')).toEqual([]);
  const { stdout } = await line.ptb([...consent, '--renew']);
  const unknown = tenantIds.filter((tenantId) => !isKnown(tenantId)).length;
  expect(JSON.parse(stdout)).toMatchObject({ consented: 20 - unknown, already: 0, failed: unknown });
  expect(requested('DELETE')).toEqual(tenantIds.toSorted());
  expect(requested('POST')).toEqual(tenantIds.toSorted());
});

it('leaves no customer without consent after Ctrl+C, and prints the results', async () => {
  operator.cloud.faults.add({ service: 'partnerCenter', method: 'DELETE', kind: 'delay', delayMs: 500 });
  const { child, ended } = line.start([...consent, '--renew']);
  await Promise.race([faultMet(operator.cloud), ended]);
  child.kill('SIGINT');
  const { exitCode, stdout, stderr } = await ended;
  const withdrawn = requested('DELETE');
  expect(withdrawn.length).toBeGreaterThan(0);
  expect(withdrawn.length).toBeLessThan(20);
  expect(requested('POST')).toEqual(withdrawn);
  expect([exitCode, JSON.parse(stdout)]).toMatchObject([130, { consented: withdrawn.filter(isKnown).length }]);
  expect(stderr).toContain('Finishing the tenants that were started');
});
