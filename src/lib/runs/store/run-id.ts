import { BrokerError } from '../../core/errors.ts';

/** Identifies one run: `job@window`. It is also the orchestration's instance id, so a window has at most one run. */
export type RunId = string;

/**
 * Durable storage providers accept ids of up to 100 ASCII characters. This leaves room for the suffix of batches, whose
 * ids are `{runId}:r1:b0`. No window ends like that, so that no run has the id of another run's batch.
 */
export const windowPattern = /^(?!.*:[rR]\d+:[bB]\d+$)[A-Za-z0-9][A-Za-z0-9:._-]{0,45}$/;
/** The rule of {@link windowPattern}, as the end of a sentence about a window. */
export const windowRule =
  '1 to 46 letters, digits and ":._-", starts with a letter or digit, and does not end like ":r1:b0"';
/** Also accepts windows that older builds accepted. */
const runIdPattern = /^([a-z][a-z0-9-]{0,39})@([A-Za-z0-9][A-Za-z0-9:._-]{0,45})$/;

/** The window of a scheduled run is its UTC minute: `2026-11-24T05:00Z`. */
export const scheduledWindow = (scheduledAtMs: number): string =>
  `${new Date(scheduledAtMs).toISOString().slice(0, 16)}Z`;

/** Whether a window has the form reserved for timers. */
export const isScheduledWindow = (window: string): boolean => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z$/i.test(window);

/** The window of a run that a caller requested. Unique for a unique id. */
export const manualWindow = (uniqueId: string): string => `manual-${uniqueId}`;

/** @throws BrokerError request_invalid for a window that cannot be part of a run id. */
export function runIdOf(job: string, window: string): RunId {
  if (windowPattern.test(window)) return `${job}@${window}`;
  throw new BrokerError('request_invalid', `A window is ${windowRule}.`);
}

/** Splits a run id into its parts; undefined if `value` is not a run id. */
export function parseRunId(value: string): { readonly job: string; readonly window: string } | undefined {
  const [, job, window] = runIdPattern.exec(value) ?? [];
  return job === undefined || window === undefined ? undefined : { job, window };
}
