import { TableClient } from '@azure/data-tables';
import { beforeAll, describe, expect, test } from 'vitest';
import { noticeId, type Outbox } from '../../src/lib/notices/outbox.ts';
import { TableOutbox } from '../../src/lib/notices/table-outbox.ts';
import { MemoryOutbox } from '../fakes/memory-outbox.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';
import { atMs, notice, only, testOutbox, waitingOf } from '../support/outbox-contract.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

let tables = 0;
const table = (name: string, connectionString = azurite.connectionString): TableClient =>
  TableClient.fromConnectionString(connectionString, name, {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });

function inTable(): Outbox {
  tables += 1;
  const name = `Notices${tables}`;
  return new TableOutbox(async () => table(name));
}

describe('the outbox in memory', () => {
  testOutbox(() => new MemoryOutbox());
});
describe('the outbox in a table', () => {
  testOutbox(inTable);
});

describe('TableOutbox', () => {
  test('skips a row that somebody has damaged', async () => {
    const outbox = inTable();
    await outbox.add(notice('a'), ['chat'], atMs);
    const client = table(`Notices${tables}`);
    await client.createEntity({ partitionKey: 'notices', rowKey: 'w-chat-0', attempts: 'many' });
    expect(await waitingOf(outbox, 'chat')).toHaveLength(1);
    const rowKey = `n-${noticeId(notice('a'))}`;
    await client.updateEntity({ partitionKey: 'notices', rowKey, facts: '{' }, 'Merge');
    expect(await outbox.find(noticeId(notice('a')))).toBeUndefined();
    await client.upsertEntity({ partitionKey: 'notices', rowKey: 't-chat', stoppedAt: 'soon' }, 'Replace');
    expect(await outbox.state('chat')).toBeUndefined();
  });

  test('reads a delivery of a version that did not write the kind', async () => {
    const outbox = inTable();
    await outbox.add(notice('a'), ['chat'], atMs);
    const client = table(`Notices${tables}`);
    const rowKey = `w-chat-${atMs}-${noticeId(notice('a'))}`;
    const { kind, ...old } = await client.getEntity<Record<string, string>>('notices', rowKey);
    await client.updateEntity({ ...old, partitionKey: 'notices', rowKey }, 'Replace');
    expect([kind, (await only(outbox)).kind]).toEqual(['run.failed', '']);
  });

  test('does not take a table that was deleted for one that has the notice', async () => {
    const outbox = inTable();
    const failure = { code: 'storage_unavailable' };
    for (const call of [() => outbox.add(notice('b'), ['chat'], atMs), () => outbox.find(noticeId(notice('a')))]) {
      await outbox.add(notice('a'), ['chat'], atMs);
      await table(`Notices${tables}`).deleteTable();
      await expect(call()).rejects.toMatchObject(failure);
    }
  });

  test('reports an account that is away', async () => {
    const away = azurite.connectionString.replace(/:\d+\//g, ':9/');
    const outbox = new TableOutbox(async () => table('Notices', away));
    const failure = { code: 'storage_unavailable' };
    await expect(outbox.add(notice('a'), ['chat'], atMs)).rejects.toMatchObject(failure);
    await expect(waitingOf(outbox, 'chat')).rejects.toMatchObject(failure);
    await expect(outbox.backlog('chat', 0)).rejects.toMatchObject(failure);
    await expect(outbox.purge(atMs)).rejects.toMatchObject(failure);
  });
});
