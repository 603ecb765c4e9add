import { describe, expect, it } from 'vitest';
import { toRow } from '../../../../src/lib/audit/audit-row.ts';
import type { AuditTable } from '../../../../src/lib/audit/audit-table.ts';
import type { Transport } from '../../../../src/lib/audit/insert-rows.ts';
import { writeRows } from '../../../../src/lib/audit/write-rows.ts';
import { guid, issued } from '../../../support/audit-entries.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const done = { status: 202, bodyAsText: '--c\r\n\r\nHTTP/1.1 204 No Content\r\n' };
const refusal = (status: number, code: string) => ({ status, bodyAsText: `{"code":"${code}"}` });

/** Storage that answers in turn: a reply, or an error where none comes. */
function storage(...replies: readonly ({ status: number; bodyAsText: string } | Error)[]) {
  const clock = new FakeClock();
  let sent = 0;
  let made = 0;
  const table = {
    url: 'https://store.table.example',
    tableName: 'Audit',
    pipeline: {
      sendRequest: async () => {
        const reply = replies[Math.min(sent, replies.length - 1)];
        sent += 1;
        if (reply === undefined || reply instanceof Error) throw reply;
        return reply;
      },
    },
    createTable: async () => void (made += 1),
  } as unknown as AuditTable;
  const transport = { client: {}, createRequest: () => ({}) } as unknown as Transport;
  const write = async (signal = new AbortController().signal): Promise<unknown> => {
    const rows = [toRow(issued(), guid(1))];
    const written = writeRows({ table, transport, clock, newId: () => guid(2) }, rows, signal).then(
      () => 'done',
      (thrown: unknown) => (thrown as { code?: string }).code ?? thrown,
    );
    await clock.advance(10_000);
    return written;
  };
  return { write, sent: () => sent, made: () => made };
}

describe('writing rows', () => {
  it.each([408, 429, 500, 503])('is tried again after %i', async (status) => {
    const { write, sent } = storage(refusal(status, 'Busy'), done);
    expect([await write(), sent()]).toEqual(['done', 2]);
  });

  it.each([400, 403, 404, 413])('is not tried again after %i', async (status) => {
    const { write, sent } = storage(refusal(status, 'No'), done);
    expect([await write(), sent()]).toEqual(['No', 1]);
  });

  it('is tried again where no reply came, four times in all', async () => {
    const { write, sent } = storage(new Error('broken wire'));
    expect(await write()).toMatchObject({ message: 'broken wire' });
    expect(sent()).toBe(4);
  });

  it('makes the table where it is missing', async () => {
    const { write, sent, made } = storage(refusal(404, 'TableNotFound'), done);
    expect([await write(), sent(), made()]).toEqual(['done', 2, 1]);
  });

  it('is done where the rows are there already', async () => {
    const { write, sent } = storage(refusal(409, 'EntityAlreadyExists'));
    expect([await write(), sent()]).toEqual(['done', 1]);
  });

  it('is given up when nobody waits any more', async () => {
    const { write, sent } = storage(refusal(503, 'Busy'));
    expect(await write(AbortSignal.abort(new Error('gone')))).toMatchObject({ message: 'gone' });
    expect(sent()).toBeLessThanOrEqual(1);
  });
});
