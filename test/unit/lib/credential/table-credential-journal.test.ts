import { expect, it } from 'vitest';
import type { TableClient } from '@azure/data-tables';
import { TableCredentialJournal } from '../../../../src/lib/credential/table-credential-journal.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';

// What a real table never does at the moment when a test wants it; the rest is in test/contract/credential-journal.test.ts.

const journalOn = (methods: object): TableCredentialJournal =>
  new TableCredentialJournal(
    async () => ({ createTable: async () => undefined, ...methods }) as unknown as TableClient,
  );
const fail = (thrown: object) => () => Promise.reject(thrown);
const missing = fail({ statusCode: 404 });

it('leaves the news to the instance that was faster', async () => {
  for (const statusCode of [409, 412]) {
    const journal = journalOn({ getEntity: missing, createEntity: fail({ statusCode }) });
    expect(await journal.changeState('a', { status: 'ok' }, 0)).toBe(false);
  }
  const busy = journalOn({ getEntity: missing, createEntity: fail({ statusCode: 503 }) });
  await expect(busy.changeState('a', { status: 'ok' }, 0)).rejects.toMatchObject({
    code: 'storage_unavailable',
    logFields: { status: 503 },
  });
});

it('says that it cannot be read, in the words of the program', async () => {
  await expect(journalOn({ getEntity: fail(new Error('x')) }).read('a')).rejects.toMatchObject({
    code: 'storage_unavailable',
    logFields: { status: undefined },
  });
  const ours = new BrokerError('config_invalid', 'no storage');
  await expect(new TableCredentialJournal(() => Promise.reject(ours)).read('a')).rejects.toBe(ours);
});

it('opens the table again after it could not be made', async () => {
  let made = 0;
  const createTable = async (): Promise<void> => {
    made += 1;
    if (made === 1) throw Object.assign(new Error('busy'), { statusCode: 503 });
  };
  const journal = journalOn({ createTable, upsertEntity: async () => undefined });
  await expect(journal.recordRotation('a', 0)).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(journal.recordRotation('a', 0)).resolves.toBeUndefined();
});

it('reads a row as far as it makes sense', async () => {
  const at = new Date(1_000);
  const read = (entity: object) => journalOn({ getEntity: async () => entity }).read('a');
  expect(await read({ status: 'odd', stateSince: at, failedAt: at, failureCode: 'odd' })).toEqual({});
  expect(await read({ failedAt: at, failureCode: 'throttled', mfaProbedAt: at })).toEqual({
    failure: { atMs: 1_000, code: 'throttled', detail: '' },
    mfaProbe: { atMs: 1_000, compliant: false },
  });
});
