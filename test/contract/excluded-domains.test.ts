import { TableClient } from '@azure/data-tables';
import { beforeAll, describe, expect, test } from 'vitest';
import { type DomainName, parseTenantId } from '../../src/lib/core/identifiers.ts';
import {
  type ExcludedDomains,
  excludedDomainsTable,
  TableExcludedDomains,
} from '../../src/lib/tenants/excluded-domains.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryExcludedDomains } from '../fakes/memory-excluded-domains.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const open = async (): Promise<TableClient> =>
  TableClient.fromConnectionString(azurite.connectionString, excludedDomainsTable, { allowInsecureConnection: true });
const one = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const two = parseTenantId('00000000-0000-4000-8000-000000000002')!;
const domain = (text: string) => text as DomainName;

describe.each<readonly [string, () => ExcludedDomains]>([
  ['in memory', () => new MemoryExcludedDomains()],
  ['in a table', () => new TableExcludedDomains(open, { clock: new FakeClock() })],
])('the excluded domains %s', (_, make) => {
  test('keep every tenant that a domain has belonged to', async () => {
    const domains = make();
    expect(await domains.tenantsOf(domain('a.example'))).toEqual(new Set());
    await domains.add(domain('a.example'), one);
    await domains.add(domain('a.example'), two);
    await domains.add(domain('a.example'), two);
    await domains.add(domain('xn--mller-kva.example'), one);
    expect(await domains.tenantsOf(domain('a.example'))).toEqual(new Set([one, two]));
    expect(await domains.tenantsOf(domain('xn--mller-kva.example'))).toEqual(new Set([one]));
    expect(await domains.tenantsOf(domain('b.example'))).toEqual(new Set());
  });
});

describe('TableExcludedDomains', () => {
  test('knows in a new process what another one has remembered', async () => {
    await new TableExcludedDomains(open, { clock: new FakeClock() }).add(domain('kept.example'), one);
    const fresh = new TableExcludedDomains(open, { clock: new FakeClock() });
    expect(await fresh.tenantsOf(domain('kept.example'))).toEqual(new Set([one]));
  });

  test('sees the additions of other instances within ten minutes, and keeps its copy while storage fails', async () => {
    const clock = new FakeClock();
    let broken = false;
    const reader = new TableExcludedDomains(
      async () => {
        const table = await open();
        const listEntities = table.listEntities.bind(table);
        table.listEntities = (options) => {
          if (broken) throw new Error('the table is away');
          return listEntities(options);
        };
        return table;
      },
      { clock },
    );
    expect(await reader.tenantsOf(domain('later.example'))).toEqual(new Set());
    await new TableExcludedDomains(open, { clock }).add(domain('later.example'), two);
    await clock.advance(10 * 60_000);
    expect(await reader.tenantsOf(domain('later.example'))).toEqual(new Set([two]));
    broken = true;
    await clock.advance(10 * 60_000);
    expect(await reader.tenantsOf(domain('later.example'))).toEqual(new Set([two]));
  });

  test('throws storage_unavailable when the table cannot be read or written', async () => {
    const away = new TableExcludedDomains(() => Promise.reject(new Error('the account is away')), {
      clock: new FakeClock(),
    });
    await expect(away.tenantsOf(domain('a.example'))).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(away.add(domain('a.example'), one)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
