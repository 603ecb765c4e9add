import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { messageOf } from '../runtime/errors.ts';
import { HostStartError } from '../runtime/host-start-error.ts';
import type { EntityRecord, QueuedEntityMessage } from './entity.ts';
import type { EventText } from './history.ts';
import type { InstanceRecord, Message, OpenTask } from './instance.ts';
import type { ChangeSet, Store, StoredState } from './store.ts';

const tables = `
CREATE TABLE IF NOT EXISTS instances (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (instance_id TEXT, seq INTEGER, event TEXT NOT NULL, PRIMARY KEY (instance_id, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (instance_id TEXT, id INTEGER, task TEXT NOT NULL, PRIMARY KEY (instance_id, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (seq INTEGER PRIMARY KEY, message TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entities (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entity_messages (seq INTEGER PRIMARY KEY, message TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS host_values (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`;

const statements = {
  putInstance: 'INSERT OR REPLACE INTO instances VALUES (?, ?)',
  dropInstance: 'DELETE FROM instances WHERE id = ?',
  addEvent: 'INSERT INTO history SELECT ?1, coalesce(max(seq), 0) + 1, ?2 FROM history WHERE instance_id = ?1',
  dropHistory: 'DELETE FROM history WHERE instance_id = ?',
  putTask: 'INSERT OR REPLACE INTO tasks VALUES (?, ?, ?)',
  dropTask: 'DELETE FROM tasks WHERE instance_id = ? AND id = ?',
  dropTasks: 'DELETE FROM tasks WHERE instance_id = ?',
  putMessage: 'INSERT OR REPLACE INTO messages VALUES (?, ?)',
  dropMessage: 'DELETE FROM messages WHERE seq = ?',
  putEntity: 'INSERT OR REPLACE INTO entities VALUES (?, ?)',
  dropEntity: 'DELETE FROM entities WHERE id = ?',
  putEntityMessage: 'INSERT OR REPLACE INTO entity_messages VALUES (?, ?)',
  dropEntityMessage: 'DELETE FROM entity_messages WHERE seq = ?',
  putValue: 'INSERT OR REPLACE INTO host_values VALUES (?, ?)',
} as const;

type Statements = Record<keyof typeof statements, StatementSync>;

/** How a kind of store uses its file. */
export interface StoreKind {
  /** Stored in `PRAGMA user_version`. The host rejects files with another schema version and never converts them. */
  readonly schemaVersion: number;
  readonly tables: string;
  readonly pragmas: string;
}

// The exclusive lock keeps a second host out. With WAL, the file of a killed host opens with its last commit. With
// synchronous NORMAL a commit needs no fsync, so a crash of the machine can lose the most recent commits.
const oneHost: StoreKind = {
  schemaVersion: 1,
  tables: '',
  pragmas: 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;',
};

/** A store in one SQLite file. Only one process at a time can open it, unless its kind says otherwise. */
export class SqliteStore implements Store {
  protected readonly database: DatabaseSync;
  readonly #run: Statements;

  /** @throws HostStartError when the file cannot be opened, is in use, or has another schema version. */
  constructor(path: string, kind: StoreKind = oneHost) {
    this.database = open(path, kind);
    this.#run = Object.fromEntries(
      Object.entries(statements).map(([name, sql]) => [name, this.database.prepare(sql)]),
    ) as Statements;
  }

  load(): StoredState {
    return {
      instances: this.#column<InstanceRecord>('SELECT record AS json FROM instances'),
      tasks: this.database
        .prepare('SELECT instance_id, task FROM tasks ORDER BY instance_id, id')
        .all()
        .map((row) => ({ instanceId: String(row['instance_id']), task: JSON.parse(String(row['task'])) as OpenTask })),
      messages: this.#column<Message>('SELECT message AS json FROM messages ORDER BY seq'),
      entities: this.#column<EntityRecord>('SELECT record AS json FROM entities'),
      entityMessages: this.#column<QueuedEntityMessage>('SELECT message AS json FROM entity_messages ORDER BY seq'),
    };
  }

  readHistory(instanceId: string): EventText[] {
    const rows = this.database.prepare('SELECT event FROM history WHERE instance_id = ? ORDER BY seq').all(instanceId);
    return rows.map((row) => String(row['event']));
  }

  readValue(key: string): string | undefined {
    const row = this.database.prepare('SELECT value FROM host_values WHERE key = ?').get(key);
    return row === undefined ? undefined : String(row['value']);
  }

  commit(changes: ChangeSet): void {
    this.transaction(() => this.write(changes));
  }

  close(): void {
    this.database.close();
  }

  /** Runs the work as one transaction that no other process interrupts. */
  protected transaction<T>(work: () => T): T {
    this.database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.database.exec('COMMIT');
      return result;
    } catch (error) {
      this.database.exec('ROLLBACK');
      throw error;
    }
  }

  protected write(changes: ChangeSet): void {
    const run = this.#run;
    for (const [id, record] of changes.instances) {
      if (record) run.putInstance.run(id, JSON.stringify(record));
      else {
        run.dropInstance.run(id);
        run.dropTasks.run(id);
      }
    }
    for (const [id, { reset, events }] of changes.history) {
      if (reset) run.dropHistory.run(id);
      for (const event of events) run.addEvent.run(id, event);
    }
    for (const [instanceId, tasks] of changes.tasks) {
      for (const [id, task] of tasks) {
        if (task) run.putTask.run(instanceId, id, JSON.stringify(task));
        else run.dropTask.run(instanceId, id);
      }
    }
    writeRows(changes.messages, run.putMessage, run.dropMessage);
    writeRows(changes.entities, run.putEntity, run.dropEntity);
    writeRows(changes.entityMessages, run.putEntityMessage, run.dropEntityMessage);
    for (const [key, value] of changes.values) run.putValue.run(key, value);
  }

  #column<T>(sql: string): T[] {
    return this.database
      .prepare(sql)
      .all()
      .map((row) => JSON.parse(String(row['json'])) as T);
  }
}

function writeRows(
  rows: ReadonlyMap<number | string, object | undefined>,
  put: StatementSync,
  drop: StatementSync,
): void {
  for (const [key, row] of rows) {
    if (row) put.run(key, JSON.stringify(row));
    else drop.run(key);
  }
}

function open(path: string, { schemaVersion, tables: more, pragmas }: StoreKind): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(pragmas);
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
    if (version !== 0 && version !== schemaVersion)
      throw new HostStartError(
        `The store ${path} was written by another version of the host, or with another choice of --shared. Use another file.`,
      );
    database.exec(`BEGIN IMMEDIATE; ${tables} ${more} PRAGMA user_version = ${schemaVersion}; COMMIT;`);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof HostStartError) throw error;
    const message = messageOf(error);
    const reason = message.includes('locked') ? 'is in use by another host' : `cannot be opened: ${message}`;
    throw new HostStartError(`The store ${path} ${reason}.`, { cause: error });
  }
}
