import type { Clock } from './runtime/clock.ts';

/** Levels and categories of the Functions host, as an app's log calls carry them. */
export type HostLogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical';
export type HostLogCategory = 'user' | 'system';
export type HostLog = (level: HostLogLevel, category: HostLogCategory, message: string, functionName?: string) => void;

export interface HostOptions {
  /** Holds `host.json`, and `package.json` with a `main`. */
  readonly appFolder: string;
  /** 0: the system picks a free one. The host listens on 127.0.0.1 only. */
  readonly port: number;
  /** A SQLite file for instances, histories and pending work; without it everything is kept in memory. */
  readonly storePath?: string | undefined;
  /** App settings; put into `process.env` before the app is loaded. */
  readonly settings: Readonly<Record<string, string>>;
  /** False, as Core Tools do locally: the authLevel of HTTP triggers is not enforced. Admin and webhook keys always are. */
  readonly requireKeys: boolean;
  readonly log: HostLog;
  readonly clock?: Clock | undefined;
  /**
   * Largest request body in bytes. When absent, the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT; when that is absent
   * too, 100 MiB as in Azure.
   */
  readonly maxRequestBodyBytes?: number | undefined;
}

/** One function of the app, as a listing shows it. */
export interface FunctionSummary {
  readonly name: string;
  /** The binding type: `httpTrigger`, `timerTrigger`, `orchestrationTrigger`, … */
  readonly trigger: string;
  /** With the prefix and a leading slash: `/api/tokens`. HTTP triggers only. */
  readonly route?: string;
  readonly methods?: readonly string[];
  readonly authLevel?: string;
  /** NCRONTAB, after app settings were put in. Timer triggers only. */
  readonly schedule?: string;
}

export interface RunningHost {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly functions: readonly FunctionSummary[];
  /** Opens everything, the admin interface included. */
  readonly masterKey: string;
  /** Opens functions of authLevel `function`. */
  readonly functionKey: string;
  /** Opens `/runtime/webhooks/durabletask`. */
  readonly systemKey: string;
  /** Lets running invocations end (for at most ten seconds), writes the store and closes. May be called twice. */
  stop(): Promise<void>;
}

/** Why the host did not start: one sentence for the person who started it. */
export class HostStartError extends Error {
  override readonly name = 'HostStartError';
}
