import { isFinal, type InstanceRecord, type Message, type NewMessage, type OpenTask } from '../instance.ts';
import { SqliteStore } from '../sqlite-store.ts';
import type { ChangeSet, Mail, StoredState, Work } from '../store.ts';
import {
  type ClaimedWork,
  type HostRow,
  hubKind,
  isRegistered,
  nextFirstSeq,
  now,
  partitionOf,
  StaleHostError,
} from './hub-schema.ts';

/** The hub of several hosts: one SQLite file on this machine. */
export class HubStore extends SqliteStore {
  /** The row of this host in `hosts`. 0: none. */
  hostId = 0;
  readonly partitionCount: number;
  /** Whether this host has written mail or work since it was last asked. */
  posted = false;

  /**
   * @param partitionCount how many partitions a new hub has. An existing hub keeps its number, as on Azure Storage.
   * @throws HostStartError when the file cannot be opened or is not a hub.
   */
  constructor(path: string, partitionCount: number) {
    super(path, hubKind);
    this.transaction(() => {
      if (this.#numbers('SELECT count(*) AS n FROM partitions')[0] !== 0) return;
      for (let id = 0; id < partitionCount; id += 1) this.#run('INSERT INTO partitions VALUES (?, NULL)', id);
    });
    this.partitionCount = this.#numbers('SELECT count(*) AS n FROM partitions')[0] ?? 0;
  }

  /** Registers this process as another host. */
  join(): void {
    this.hostId = Number(this.#run('INSERT INTO hosts (beat) VALUES (0)').lastInsertRowid);
  }

  /** @returns whether this host is still registered. */
  beat(): boolean {
    return this.#run('UPDATE hosts SET beat = beat + 1 WHERE id = ?', this.hostId).changes === 1;
  }

  hosts(): HostRow[] {
    return this.database.prepare('SELECT id, beat FROM hosts ORDER BY id').all() as unknown as HostRow[];
  }

  /** Removes a host and frees what it had, unless it has shown a sign of life since then. @returns whether it is removed. */
  remove({ id, beat }: HostRow): boolean {
    return this.transaction(() => {
      if (this.#run('DELETE FROM hosts WHERE id = ? AND beat = ?', id, beat).changes === 0) return false;
      this.#run('UPDATE partitions SET host = NULL WHERE host = ?', id);
      this.#run('UPDATE work SET host = NULL WHERE host = ?', id);
      return true;
    });
  }

  /** Removes this host and frees what it had. */
  leave(): void {
    const own = this.hosts().find(({ id }) => id === this.hostId);
    if (own) this.remove(own);
  }

  /** The partitions of a host, or with null those that no host has. */
  partitionsOf(host: number | null): number[] {
    return this.#numbers('SELECT id AS n FROM partitions WHERE host IS ? ORDER BY id', host);
  }

  /** @returns whether this host has got it: the partition was free, and the host is still registered. */
  takePartition(id: number): boolean {
    const sql = `UPDATE partitions SET host = ?1 WHERE id = ?2 AND host IS NULL AND ${isRegistered}`;
    return this.#run(sql, this.hostId, id).changes === 1;
  }

  freePartition(id: number): void {
    this.#run('UPDATE partitions SET host = NULL WHERE id = ? AND host = ?', id, this.hostId);
  }

  /** A number that changes with each commit of another host. */
  dataVersion(): number {
    return Number(this.database.prepare('PRAGMA data_version').get()?.['data_version']);
  }

  /** Visible mail of the partitions, oldest first. */
  mail(partitions: readonly number[]): { readonly seq: number; readonly message: NewMessage }[] {
    return this.database
      .prepare(
        `SELECT seq, message FROM mail WHERE part IN (${partitions.join()}) AND visible_ms <= ${now} ORDER BY seq LIMIT 1000`,
      )
      .all()
      .map((row) => ({ seq: Number(row['seq']), message: JSON.parse(String(row['message'])) as NewMessage }));
  }

  /** Milliseconds until the next mail of the partitions becomes visible. */
  nextMailMs(partitions: readonly number[]): number {
    const sql = `SELECT min(visible_ms) - ${now} AS n FROM mail WHERE part IN (${partitions.join()})`;
    const value = this.database.prepare(sql).get()?.['n'];
    return value === null || value === undefined ? Number.POSITIVE_INFINITY : Number(value);
  }

  /** Sends a message in a transaction of its own. */
  send(message: NewMessage): void {
    this.#post({ message, delayMs: 0 });
  }

  /** Takes work that nobody has, oldest first. A host that is not registered any more gets none: nobody would free it. */
  claimWork(count: number): ClaimedWork[] {
    const free = 'SELECT id FROM work WHERE host IS NULL ORDER BY id LIMIT ?';
    if (this.database.prepare(free).all(1).length === 0) return [];
    return this.database
      .prepare(`UPDATE work SET host = ?1 WHERE ${isRegistered} AND id IN (${free}2) RETURNING id, work`)
      .all(this.hostId, count)
      .map((row) => ({ ...(JSON.parse(String(row['work'])) as Work), id: Number(row['id']) }));
  }

  /** Deletes the work and sends its outcome, even if another host has taken it over in the meantime: both are equal. */
  finishWork(id: number, message: NewMessage): void {
    this.transaction(() => {
      this.#run('DELETE FROM work WHERE id = ?', id);
      this.#post({ message, delayMs: 0 });
    });
  }

  find(instanceId: string): InstanceRecord | undefined {
    const row = this.database.prepare('SELECT record FROM instances WHERE id = ?').get(instanceId);
    return row && (JSON.parse(String(row['record'])) as InstanceRecord);
  }

  /** All instances, sorted by id. */
  list(): InstanceRecord[] {
    const rows = this.database.prepare('SELECT record FROM instances ORDER BY id').all();
    return rows.map((row) => JSON.parse(String(row['record'])) as InstanceRecord);
  }

  /** Creates an instance and starts it. @returns the status of an existing one that has not ended. */
  create(record: InstanceRecord): InstanceRecord['status'] | undefined {
    return this.transaction(() => {
      const existing = this.find(record.instanceId);
      if (existing && !isFinal(existing.status)) return existing.status;
      this.#drop(record.instanceId);
      this.#run('INSERT INTO instances VALUES (?, ?)', record.instanceId, JSON.stringify(record));
      this.#post({ message: { kind: 'start', instanceId: record.instanceId }, delayMs: 0 });
      return undefined;
    });
  }

  /** Deletes those of the instances that have ended. @returns their number. */
  purge(instanceIds: readonly string[]): number {
    return this.transaction(() => {
      const ended = instanceIds.filter((id) => isFinal(this.find(id)?.status ?? 'Running'));
      for (const id of ended) this.#drop(id);
      return ended.length;
    });
  }

  /** The value that the first host has stored with this key. */
  keepFirst(key: string, value: string): string {
    this.#run('INSERT OR IGNORE INTO host_values VALUES (?, ?)', key, value);
    return this.readValue(key) ?? value;
  }

  /** The running instances of some partitions. */
  loadPartitions(partitions: ReadonlySet<number>): StoredState {
    const unended = `json_extract(record, '$.status') IN ('Pending', 'Running', 'Suspended', 'ContinuedAsNew')`;
    const instances = this.database
      .prepare(`SELECT record FROM instances WHERE ${unended}`)
      .all()
      .map((row) => JSON.parse(String(row['record'])) as InstanceRecord)
      .filter(({ instanceId }) => partitions.has(partitionOf(instanceId, this.partitionCount)));
    const tasks = this.database.prepare('SELECT task FROM tasks WHERE instance_id = ? ORDER BY id');
    const messages = this.database.prepare(
      `SELECT message FROM messages WHERE json_extract(message, '$.instanceId') = ? ORDER BY seq`,
    );
    return {
      instances,
      tasks: instances.flatMap(({ instanceId }) =>
        tasks.all(instanceId).map((row) => ({ instanceId, task: JSON.parse(String(row['task'])) as OpenTask })),
      ),
      messages: instances.flatMap(({ instanceId }) =>
        messages.all(instanceId).map((row) => JSON.parse(String(row['message'])) as Message),
      ),
      entities: [],
      entityMessages: [],
      firstSeq: this.#numbers(nextFirstSeq)[0] ?? 0,
    };
  }

  /** @throws StaleHostError */
  protected override write(changes: ChangeSet): void {
    const { shared } = changes;
    if (this.#numbers('SELECT count(*) AS n FROM hosts WHERE id = ?', this.hostId)[0] === 0)
      throw new StaleHostError('Other hosts have declared this one dead.');
    for (const id of shared.created) {
      const existing = this.find(id);
      if (existing && !isFinal(existing.status)) throw new StaleHostError(`The instance ${id} exists already.`);
    }
    super.write(changes);
    for (const seq of shared.takenMail) this.#run('DELETE FROM mail WHERE seq = ?', seq);
    for (const mail of shared.mail) this.#post(mail);
    for (const work of shared.work) this.#run('INSERT INTO work (work) VALUES (?)', JSON.stringify(work));
    if (shared.work.length > 0) this.posted = true;
  }

  #post({ message, delayMs }: Mail): void {
    const part = partitionOf(message.instanceId, this.partitionCount);
    const sql = `INSERT INTO mail (part, visible_ms, message) VALUES (?, ${now} + ?, ?)`;
    this.#run(sql, part, Math.ceil(delayMs), JSON.stringify(message));
    this.posted = true;
  }

  #drop(instanceId: string): void {
    for (const [table, column] of [
      ['instances', 'id'],
      ['history', 'instance_id'],
      ['tasks', 'instance_id'],
    ])
      this.#run(`DELETE FROM ${table} WHERE ${column} = ?`, instanceId);
  }

  #run(sql: string, ...values: (number | string | null)[]) {
    return this.#prepare(sql).run(...values);
  }

  #numbers(sql: string, ...values: (number | null)[]): number[] {
    return this.database
      .prepare(sql)
      .all(...values)
      .map((row) => Number(row['n']));
  }

  readonly #prepared = new Map<string, ReturnType<SqliteStore['database']['prepare']>>();

  #prepare(sql: string): ReturnType<SqliteStore['database']['prepare']> {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const statement = this.database.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}
