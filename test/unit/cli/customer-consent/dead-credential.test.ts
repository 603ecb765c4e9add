import { describe, expect, it } from 'vitest';
import { checkConsents } from '../../../../src/cli/customer-consent/check.ts';
import { giveConsents, resumptionOf } from '../../../../src/cli/customer-consent/give.ts';
import type { Consents } from '../../../../src/cli/customer-consent/open.ts';
import { removeConsents } from '../../../../src/cli/customer-consent/remove.ts';
import { BrokerError, type ErrorCode, errorCodes, errorTable } from '../../../../src/lib/core/errors.ts';
import { ConsentBench, tenants, wanted } from '../../lib/consent/customer-consent-bench.ts';

/** Three reachable customers. Reading the consent of the second one fails with `thrown`. */
function open(thrown: BrokerError) {
  const bench = new ConsentBench();
  const customers = tenants(3).map((tenantId, at) => ({ tenantId, name: `Customer ${at}`, reachable: true }));
  const read = async (tenantId: (typeof customers)[number]['tenantId']) => {
    if (tenantId === customers[1]?.tenantId) throw thrown;
    return bench.read(tenantId);
  };
  const consents = {
    toolbox: { signal: new AbortController().signal, clock: bench.clock },
    local: { directory: { list: async () => customers } },
    run: bench.run,
    wanted,
    read,
  } as unknown as Consents;
  return { bench, consents };
}

const flags = { application: 'default', customers: undefined };
const confirm = async (): Promise<void> => {
  throw new Error('asked for confirmation');
};
const commands = [
  ['--dry-run', (consents: Consents) => giveConsents(consents, { ...flags, dryRun: true }, confirm)],
  ['without an option', (consents: Consents) => giveConsents(consents, flags, confirm)],
  ['--check', (consents: Consents) => checkConsents(consents, flags)],
  ['--remove', (consents: Consents) => removeConsents(consents, flags, confirm)],
] as const;

const codesOf = (scope: string): ErrorCode[] => errorCodes.filter((code) => errorTable[code].scope === scope);

describe.each(commands)('ptb tenants consent %s', (_option, command) => {
  it.each(codesOf('credential'))('fails with %s and changes nothing', async (code) => {
    const thrown = new BrokerError(code, 'The credential is dead.');
    const { bench, consents } = open(thrown);
    await expect(command(consents)).rejects.toBe(thrown);
    expect(bench.seen).toEqual([]);
  });
});

describe('ptb tenants consent', () => {
  it.each(codesOf('tenant'))('reports %s as a failure of the customer that has it', async (code) => {
    const { consents } = open(new BrokerError(code, 'Only this customer.'));
    const outcomes = (await checkConsents(consents, flags)).map(({ outcome, name }) => [name, outcome]);
    expect(outcomes).toEqual([
      ['Customer 0', 'different'],
      ['Customer 1', 'failed'],
      ['Customer 2', 'different'],
    ]);
    const { planned, results } = await giveConsents(consents, { ...flags, dryRun: true }, confirm);
    expect(planned).toHaveLength(2);
    expect(results).toMatchObject([{ tenantId: tenants(3)[1], outcome: 'failed' }]);
  });

  it.each(codesOf('credential'))('keeps an interrupted withdrawal in its journal when it meets %s', async (code) => {
    const thrown = new BrokerError(code, 'The credential is dead.');
    const { bench, consents } = open(thrown);
    const [, tenantId = '' as never] = tenants(3);
    const entry = { tenantId, name: 'Customer 1', startedAtMs: 0, before: wanted, after: wanted };
    bench.journal.set(tenantId, entry);
    await expect(resumptionOf(consents, entry)).rejects.toBe(thrown);
    expect([...bench.journal.keys()]).toEqual([tenantId]);
  });
});
