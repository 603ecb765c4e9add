import type { TableClient } from '@azure/data-tables';
import { expect, it } from 'vitest';
import { approvalRow } from '../../../../src/lib/approvals/approval-entity.ts';
import { TableApprovalLog } from '../../../../src/lib/approvals/table-approval-log.ts';
import type { CallerRole } from '../../../../src/lib/core/caller.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { approval, askedAtMs, decision, person } from '../../../support/approval-records.ts';

type Row = Readonly<Record<string, unknown>>;

/** As much of a table as these tests need: it ignores filters other than the range of the row keys. */
function table(rows = new Map<string, Row>()) {
  let version = 0;
  const put = (row: Row): void => void rows.set(String(row['rowKey']), { ...row, etag: `version ${(version += 1)}` });
  const api = {
    createTable: async () => {},
    getEntity: async (_: string, key: string) => {
      const row = rows.get(key);
      if (row === undefined) throw Object.assign(new Error('missing'), { statusCode: 404 });
      return row;
    },
    submitTransaction: async (actions: readonly (readonly [string, Row])[]) => {
      for (const [, row] of actions) put(row);
    },
    listEntities: () => {
      const records = [...rows.values()].filter((row) => String(row['rowKey']).startsWith('r-'));
      return {
        [Symbol.asyncIterator]: async function* () {
          yield* records;
        },
        byPage: async function* () {
          yield records;
        },
      };
    },
  };
  return { rows, put, log: new TableApprovalLog(async () => api as unknown as TableClient, silentLogger) };
}

const other = approval({ id: '20261124t050001-00000001' });

async function listed(rows: readonly object[]): Promise<readonly (readonly string[])[]> {
  const { put, log } = table();
  for (const row of rows) put(row as Row);
  const { approvals } = await log.list({ limit: 50 });
  const open: string[] = [];
  for await (const each of log.unsettled(askedAtMs)) open.push(each.approval.id);
  return [approvals.map((each) => each.approval.id), open];
}

it('a row that cannot be read does not hide the others', async () => {
  const broken = { ...approvalRow(other), document: '{}' };
  const ofNoTenant = { ...approvalRow(other), tenantId: 'nobody' };
  for (const row of [broken, ofNoTenant])
    expect(await listed([row, approvalRow(approval())])).toEqual([[approval().id], [approval().id]]);
});

it('a role of a decider that this version does not know counts for nothing', async () => {
  const roles = ['Approvals.Decide', 'Later.Role'] as CallerRole[];
  const { put, log } = table();
  put(approvalRow(approval({ decisions: [decision(person(2), { roles })] })));
  const found = await log.find(approval().id);
  expect(found?.approval.decisions[0]?.roles).toEqual(['Approvals.Decide']);
});

it('a row that names a purged record does not stop a new one', async () => {
  const { rows, log } = table();
  expect(await log.create(approval(), undefined, 20, 100)).toBe('created');
  for (const key of rows.keys()) if (key.startsWith('r-')) rows.delete(key);
  expect(await log.create(other, undefined, 20, 100)).toBe('created');
  expect((await log.current(other.subject.digest))?.approval.id).toBe(other.id);
  expect(await log.create(approval(), undefined, 20, 100)).toBe('outrun');
});
