import type { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { type Transport, writeRows } from '../../../../../src/lib/audit/log/insert-rows.ts';
import { guid, issued } from '../../../../support/audit-entries.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

const done = { status: 202, bodyAsText: '--c\r\n\r\nHTTP/1.1 204 No Content\r\n' };
const refusal = (status: number, code: string) => ({ status, bodyAsText: `{"code":"${code}"}` });

/** Storage with one reply or error per request. The last one repeats. */
function storage(...replies: readonly ({ status: number; bodyAsText: string } | Error)[]) {
  const clock = new FakeClock();
  let sent = 0;
  let created = 0;
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
    createTable: async () => void (created += 1),
  } as unknown as TableClient;
  const transport = { client: {}, createRequest: () => ({}) } as unknown as Transport;
  const write = async (signal = new AbortController().signal): Promise<unknown> => {
    const rows = [JSON.stringify(toRow(issued(), guid(1)))];
    const written = writeRows({ table, transport, clock, newId: () => guid(2) }, rows, signal).then(
      () => 'done',
      (thrown: unknown) => (thrown as { code?: string }).code ?? thrown,
    );
    await clock.advance(10_000);
    return written;
  };
  return { write, sent: () => sent, created: () => created };
}

describe('writeRows', () => {
  it.each([408, 429, 500, 503])('retries after status %i', async (status) => {
    const { write, sent } = storage(refusal(status, 'Busy'), done);
    expect([await write(), sent()]).toEqual(['done', 2]);
  });

  it.each([400, 403, 404, 413])('does not retry after status %i', async (status) => {
    const { write, sent } = storage(refusal(status, 'No'), done);
    expect([await write(), sent()]).toEqual(['No', 1]);
  });

  it('makes four attempts when no reply arrives', async () => {
    const { write, sent } = storage(new Error('broken wire'));
    expect(await write()).toMatchObject({ message: 'broken wire' });
    expect(sent()).toBe(4);
  });

  it('creates the table if it is missing', async () => {
    const { write, sent, created } = storage(refusal(404, 'TableNotFound'), done);
    expect([await write(), sent(), created()]).toEqual(['done', 2, 1]);
  });

  it('succeeds if the rows already exist', async () => {
    const { write, sent } = storage(refusal(409, 'EntityAlreadyExists'));
    expect([await write(), sent()]).toEqual(['done', 1]);
  });

  it('rejects with the reason of the signal', async () => {
    const { write, sent } = storage(refusal(503, 'Busy'));
    expect(await write(AbortSignal.abort(new Error('gone')))).toMatchObject({ message: 'gone' });
    expect(sent()).toBeLessThanOrEqual(1);
  });
});
