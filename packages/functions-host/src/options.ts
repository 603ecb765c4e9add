import type { FunctionSummary } from './app/function-summary.ts';
import type { CorsSettings } from './app/settings.ts';
import type { Clock } from './runtime/clock.ts';
import type { HostLog } from './runtime/host-log.ts';
import type { LogThreshold } from './runtime/log-filter.ts';

export interface HostOptions {
  /**
   * The folder with `host.json` and a `package.json` that has a `main`. It becomes the working directory of the process,
   * except in a worker thread.
   */
  readonly appFolder: string;
  /** TCP port on 127.0.0.1. With 0 the system picks a free one. */
  readonly port: number;
  /** SQLite file for orchestrations, entities, timer schedules and keys. When absent, all of them are kept in memory. */
  readonly storePath?: string | undefined;
  /**
   * Whether further hosts, each in a process of its own, use the file of `storePath` at the same time. They share the
   * orchestrations and activities of an app without entities.
   */
  readonly shared?: boolean | undefined;
  /** App settings. The host copies them into `process.env` before it loads the app. */
  readonly settings: Readonly<Record<string, string>>;
  /**
   * Whether HTTP functions enforce their `authLevel`. Core Tools do not. The admin API and the webhook always require
   * their keys.
   */
  readonly requireKeys: boolean;
  /** Receives the entries that `logging.logLevel` of host.json admits. */
  readonly log: HostLog;
  /** Replaces `logging.logLevel` of host.json. */
  readonly logLevel?: LogThreshold | undefined;
  /** Whether the log receives what the app writes to standard output and standard error. Defaults to false. */
  readonly captureOutput?: boolean | undefined;
  /** Defaults to no CORS headers. */
  readonly cors?: CorsSettings | undefined;
  /**
   * How long the work of a killed host stays hidden, in milliseconds; on a shared hub, at least a second. Defaults to the visibility timeouts of host.json,
   * which cannot be shorter than a minute.
   */
  readonly visibilityTimeoutMs?: number | undefined;
  /** Defaults to the system clock. */
  readonly clock?: Clock | undefined;
  /**
   * Largest request body in bytes. Defaults to the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT, and to 100 MiB, the
   * limit in Azure, if that is not set either.
   */
  readonly maxRequestBodyBytes?: number | undefined;
}

export interface RunningHost {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly functions: readonly FunctionSummary[];
  /** Accepted everywhere, including the admin API. */
  readonly masterKey: string;
  /** Accepted by HTTP functions with authLevel `function`. */
  readonly functionKey: string;
  /** Accepted at `/runtime/webhooks/durabletask`. */
  readonly systemKey: string;
  /** Waits up to ten seconds for running invocations, commits the store and closes everything. Can be called twice. */
  stop(): Promise<void>;
}
