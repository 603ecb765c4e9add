import type { StoreKind } from '../sqlite-store.ts';
import type { Work } from '../store.ts';

export const hubKind: StoreKind = {
  schemaVersion: 2,
  // `host` is null while nobody has the row. A host without a row in `hosts` writes nothing.
  tables: `
CREATE TABLE IF NOT EXISTS hosts (id INTEGER PRIMARY KEY AUTOINCREMENT, beat INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS partitions (id INTEGER PRIMARY KEY, host INTEGER);
CREATE TABLE IF NOT EXISTS mail (seq INTEGER PRIMARY KEY AUTOINCREMENT, part INTEGER, visible_ms INTEGER, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mail_visible ON mail (part, visible_ms);
CREATE TABLE IF NOT EXISTS work (id INTEGER PRIMARY KEY AUTOINCREMENT, host INTEGER, work TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS work_host ON work (host, id);
CREATE INDEX IF NOT EXISTS message_instance ON messages (json_extract(message, '$.instanceId'));`,
  // Commits of other hosts take milliseconds.
  pragmas: 'PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;',
};

/** SQL: the time of the hub, milliseconds since 1970. It is SQLite's, which no clock of a host can shift. */
export const now = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** SQL: whether the host whose id is the first parameter is registered. */
export const isRegistered = 'EXISTS (SELECT 1 FROM hosts WHERE id = ?1)';

/** Messages that an engine can number before it would use numbers of the next one. */
const seqsPerEngine = 2 ** 32;

const lastStored = `(SELECT coalesce(max(seq), 0) / ${seqsPerEngine} FROM messages)`;

/**
 * SQL: the number of the first message of a new engine. It is above those of all engines that have loaded before, so that
 * the messages of an instance keep their order of arrival when its partition moves.
 */
export const nextFirstSeq = `INSERT INTO host_values VALUES ('engines', 1 + ${lastStored})
  ON CONFLICT (key) DO UPDATE SET value = 1 + max(CAST(value AS INTEGER), ${lastStored})
  RETURNING CAST(value AS INTEGER) * ${seqsPerEngine} AS n`;

/** Other hosts have declared this one dead, or an instance that it created exists already. Nothing was written. */
export class StaleHostError extends Error {
  override readonly name = 'StaleHostError';
}

export interface HostRow {
  readonly id: number;
  readonly beat: number;
}

export interface ClaimedWork extends Work {
  readonly id: number;
}

/** The partition of an instance, from a hash of its id (FNV-1a, as on Azure Storage). */
export function partitionOf(instanceId: string, count: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(instanceId)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % count;
}
