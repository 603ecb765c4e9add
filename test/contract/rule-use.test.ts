import { TableClient } from '@azure/data-tables';
import { beforeAll, expect, it } from 'vitest';
import { parsePolicy } from '../../src/lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../src/lib/access/policy/policy.ts';
import { RuleUse } from '../../src/lib/access/policy/rule-use.ts';
import { dayMs } from '../../src/lib/core/clock.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../fakes/memory-audit-log.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { denied, issued } from '../support/audit-entries.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const options = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };

const rule = { callers: { applications: ['aaaaaaaa-0000-4000-8000-000000000001'] }, tenants: ['*'] };

function policyWith(...names: readonly string[]): AccessPolicy {
  const tokens = names.map((name) => ({ ...rule, name, resources: ['graph'] }));
  const reads = { name: 'reads alone', callers: rule.callers, reads: ['*'] };
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules: [...tokens, reads] }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return parsed.policy;
}

/** A process of the app, and how many requests it has sent to storage. */
function start(table: string, clock: FakeClock, connectionString = azurite.connectionString) {
  const { log, lines } = recordingLogger();
  let opened = 0;
  const use = new RuleUse({
    table: async () => {
      opened += 1;
      return TableClient.fromConnectionString(connectionString, table, options);
    },
    clock,
    log,
  });
  return { use, audit: use.over(new MemoryAuditLog()), lines, opened: () => opened };
}

/** Records a use of the rule, and waits until it is stored. */
async function useRule({ use, audit }: ReturnType<typeof start>, rule: string, policy: AccessPolicy): Promise<void> {
  await audit.record(issued({ rule }));
  await expect.poll(async () => (await use.unused(policy))?.rules).not.toContain(rule);
}

it('names the rules that nobody used for 90 days, also before a restart and in other processes', async () => {
  const clock = new FakeClock(100 * dayMs);
  const [one, other] = [start('RuleUseA', clock), start('RuleUseA', clock)];
  const policy = policyWith('daily', 'quarterly', 'never');
  expect(await one.use.unused(policy)).toBeUndefined();
  await useRule(one, 'quarterly', policy);
  expect(await one.use.unused(policy)).toEqual({ rules: ['daily', 'never'], sinceMs: 100 * dayMs });
  await clock.advance(80 * dayMs);
  await useRule(other, 'daily', policy);
  expect(await one.use.unused(policy)).toEqual({ rules: ['never'], sinceMs: 100 * dayMs });
  await clock.advance(11 * dayMs);
  const restarted = start('RuleUseA', clock);
  expect(await restarted.use.unused(policy)).toEqual({ rules: ['quarterly', 'never'], sinceMs: 101 * dayMs });
});

it('counts no refusal as use', async () => {
  const clock = new FakeClock(100 * dayMs);
  const process = start('RuleUseB', clock);
  const policy = policyWith('waits for an approval', 'other', 'later');
  await process.audit.record(denied({ rule: 'waits for an approval' }));
  await useRule(process, 'other', policy);
  await useRule(process, 'later', policy);
  expect(await process.use.unused(policy)).toEqual({ rules: ['waits for an approval'], sinceMs: 100 * dayMs });
});

it('writes a rule once a day, and tries again after a failure that no caller sees', async () => {
  const clock = new FakeClock(100 * dayMs);
  const away = start('RuleUseC', clock, azurite.connectionString.replaceAll(/:\d+\/devstore/g, ':9/devstore'));
  await away.audit.record(issued({ rule: 'daily' }));
  await expect
    .poll(() => away.lines.map(({ line }) => (JSON.parse(line) as { event: string }).event))
    .toEqual(['policy.use_not_noted']);
  const before = away.opened();
  await away.audit.record(issued({ rule: 'daily' }));
  await expect.poll(() => away.opened()).toBeGreaterThan(before);
  const process = start('RuleUseC', clock);
  const policy = policyWith('daily');
  await useRule(process, 'daily', policy);
  const table = TableClient.fromConnectionString(azurite.connectionString, 'RuleUseC', options);
  for await (const { partitionKey = '', rowKey = '' } of table.listEntities())
    await table.deleteEntity(partitionKey, rowKey);
  await process.audit.record(issued({ rule: 'daily' }));
  expect(await process.use.unused(policy)).toBeUndefined();
  await clock.advance(dayMs);
  await useRule(process, 'daily', policy);
  expect(await process.use.unused(policy)).toEqual({ rules: [], sinceMs: 101 * dayMs });
});
