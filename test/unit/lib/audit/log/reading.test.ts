import type { TableClient } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditQuery } from '../../../../../src/lib/audit/audit-log.ts';
import { toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { createTableAuditLog } from '../../../../../src/lib/audit/log/table-audit-log.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { auditStartMs, guid, issued, tenant } from '../../../../support/audit-entries.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

// Refusals by storage and foreign rows. test/contract/audit-log.test.ts reads from Azurite.

const query = { fromMs: auditStartMs, toMs: auditStartMs + 1000, limit: 10 };
let logged: ReturnType<typeof recordingLogger>;
let opened: number;
beforeEach(() => {
  logged = recordingLogger();
  opened = 0;
});

type Page = { readonly rows: readonly object[]; readonly continuationToken?: string };

/** An audit log over a table with the given pages or failure. */
function logOver(
  pages: () => readonly Page[],
  open: () => Promise<void> = async () => undefined,
  createTable = async (): Promise<void> => undefined,
) {
  const filters: string[] = [];
  const listEntities = ({ queryOptions }: { queryOptions: { filter: string } }) => {
    filters.push(queryOptions.filter);
    return {
      byPage: async function* () {
        for (const { rows, continuationToken } of pages()) {
          yield Object.assign([...rows], { continuationToken });
        }
      },
    };
  };
  const table = async (): Promise<TableClient> => {
    opened += 1;
    await open();
    return { createTable, listEntities } as unknown as TableClient;
  };
  const log = createTableAuditLog({ table, clock: new FakeClock(), log: logged.log, newId: () => guid(7) });
  return { log, filters };
}
const failing = (error: unknown) => (): never => {
  throw error;
};

describe('createTableAuditLog without a table', () => {
  it('returns no entries and purges none', async () => {
    let isCreated = false;
    const { log } = logOver(
      () => (isCreated ? [] : failing({ statusCode: 404, details: { errorCode: 'TableNotFound' } })()),
      undefined,
      async () => {
        isCreated = true;
      },
    );
    expect(await log.query(query)).toEqual({ entries: [] });
    expect(await log.purge(auditStartMs)).toBe(0);
  });
});

describe('createTableAuditLog when storage refuses', () => {
  const refused = failing({ statusCode: 403, details: { errorCode: 'AuthorizationFailure' } });

  it('throws storage_unavailable with the code and status of storage for the log', async () => {
    const { log } = logOver(refused);
    const failure = { code: 'storage_unavailable', logFields: { storageCode: 'AuthorizationFailure', status: 403 } };
    await expect(log.query(query)).rejects.toMatchObject(failure);
    await expect(log.purge(auditStartMs)).rejects.toMatchObject(failure);
  });

  it('opens the table again after a failure to open it', async () => {
    let isUnavailable = true;
    const { log } = logOver(
      () => [],
      async () => {
        if (isUnavailable) throw new Error('no identity yet');
      },
    );
    await expect(log.query(query)).rejects.toMatchObject({ code: 'storage_unavailable' });
    isUnavailable = false;
    expect(await log.query(query)).toEqual({ entries: [] });
    expect(await log.query(query)).toEqual({ entries: [] });
    expect(opened).toBe(2);
  });
});

describe('a page of the audit log', () => {
  it('skips a foreign row and names it in the log', async () => {
    const foreign = { partitionKey: '0000001', rowKey: 'theirs', at: 'never' };
    const { log } = logOver(() => [{ rows: [toRow(issued({ tokenId: guid(1) }), guid(2)), foreign] }]);
    expect((await log.query(query)).entries.map(({ tokenId }) => tokenId)).toEqual([guid(1)]);
    expect(logged.events()).toEqual(['audit.row_unreadable']);
    expect(logged.lines[0]?.line).toContain('theirs');
  });

  it('is empty if storage returns no page', async () => {
    expect(await logOver(() => []).log.query(query)).toEqual({ entries: [] });
  });

  it('accepts only GUIDs as filters for caller and tenant', async () => {
    const { log, filters } = logOver(() => []);
    await log.query({ ...query, caller: guid(0xa).toUpperCase(), tenantId: tenant(0xb) });
    expect(filters[0]).toContain(`callerApplication eq '${guid(0xa)}' and tenantId eq '${guid(0xb)}'`);
    const invalid: readonly Partial<AuditQuery>[] = [{ caller: "x' or true" }, { tenantId: 'contoso.com' as TenantId }];
    for (const filter of invalid) {
      await expect(log.query({ ...query, ...filter })).rejects.toMatchObject({ code: 'request_invalid' });
    }
    expect(filters).toHaveLength(1);
  });
});
