import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../../src/durable/journal.ts';
import { newRecord } from '../../../src/durable/new-instance.ts';
import { SqliteStore } from '../../../src/durable/sqlite-store.ts';
import type { ChangeSet } from '../../../src/durable/store.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'host-store-'));
  path = join(folder, 'store.sqlite');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function save(store: SqliteStore, key: string, value: string): void {
  const journal = new Journal(store);
  journal.saveValue(key, value);
  journal.commit();
}

describe('SqliteStore', () => {
  it('keeps what was committed in a file that one host at a time can open', () => {
    const first = new SqliteStore(path);
    save(first, 'a', '1');
    expect(() => new SqliteStore(path)).toThrow(new HostStartError(`The store ${path} is in use by another host.`));
    save(first, 'a', '2');
    first.close();
    const second = new SqliteStore(path);
    expect([second.readValue('a'), second.readValue('b')]).toEqual(['2', undefined]);
    second.close();
  });

  it('refuses a file of another version, and one that is no store', () => {
    const other = new DatabaseSync(path);
    other.exec('PRAGMA user_version = 99');
    other.close();
    expect(() => new SqliteStore(path)).toThrow(
      `The store ${path} was written by another version of the host, or with another choice of --shared.`,
    );
    writeFileSync(path, 'This file is a text, and not at all a database. '.repeat(100));
    expect(() => new SqliteStore(path)).toThrow(HostStartError);
    expect(() => new SqliteStore(path)).toThrow(`The store ${path} cannot be opened: `);
    expect(() => new SqliteStore(join(folder, 'nowhere', 'store'))).toThrow('cannot be opened: ');
  });

  it('writes all changes or none, and goes on after a failure', () => {
    const store = new SqliteStore(':memory:');
    const record = newRecord({ instanceId: 'one', name: 'f', version: undefined, input: 'null' }, 5, () => 'x');
    const changes = new Map([['one', record]]);
    const journal = new Journal({
      load: () => store.load(),
      readHistory: (id) => store.readHistory(id),
      readValue: (key) => store.readValue(key),
      close: () => store.close(),
      // A value that cannot be stored comes after the instance.
      commit: (given: ChangeSet) =>
        store.commit({ ...given, instances: changes, values: new Map([['a', {} as string]]) }),
    });
    journal.saveValue('a', '1');
    expect(() => journal.commit()).toThrow();
    expect(store.load().instances).toEqual([]);
    save(store, 'a', '3');
    expect(store.readValue('a')).toBe('3');
    store.close();
  });
});
