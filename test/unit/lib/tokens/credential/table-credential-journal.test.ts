import { expect, it } from 'vitest';
import type { TableClient } from '@azure/data-tables';
import { TableCredentialJournal } from '../../../../../src/lib/tokens/credential/credential-journal.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';

// Failures that a real table does not produce on demand. test/contract/credential-journal.test.ts covers the rest.

const journalOn = (methods: object): TableCredentialJournal =>
  new TableCredentialJournal(
    async () => ({ createTable: async () => undefined, ...methods }) as unknown as TableClient,
  );
const fail = (thrown: object) => () => Promise.reject(thrown);
const missing = fail({ statusCode: 404 });

it('returns false when another instance has changed the state first, and throws other failures', async () => {
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

it('converts a read failure to storage_unavailable, and passes a BrokerError unchanged', async () => {
  await expect(journalOn({ getEntity: fail(new Error('x')) }).read('a')).rejects.toMatchObject({
    code: 'storage_unavailable',
    logFields: { status: undefined },
  });
  const brokerError = new BrokerError('config_invalid', 'no storage');
  await expect(new TableCredentialJournal(() => Promise.reject(brokerError)).read('a')).rejects.toBe(brokerError);
});

it('retries to create the table after a failure', async () => {
  let attempts = 0;
  const createTable = async (): Promise<void> => {
    attempts += 1;
    if (attempts === 1) throw Object.assign(new Error('busy'), { statusCode: 503 });
  };
  const journal = journalOn({ createTable, upsertEntity: async () => undefined });
  await expect(journal.record('a', { rotatedAtMs: 0 })).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(journal.record('a', { rotatedAtMs: 0 })).resolves.toBeUndefined();
});

it('ignores invalid columns of a row', async () => {
  const at = new Date(1_000);
  const read = (entity: object) => journalOn({ getEntity: async () => entity }).read('a');
  expect(await read({ status: 'odd', stateSince: at, failedAt: at, failureCode: 'odd' })).toEqual({});
  expect(await read({ failedAt: at, failureCode: 'throttled', mfaProbedAt: at })).toEqual({
    failure: { atMs: 1_000, code: 'throttled', detail: '' },
    mfaProbe: { atMs: 1_000, compliant: false },
  });
});
