import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import type { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import type { ContainerClient } from '@azure/storage-blob';
import type { Settings } from './settings.ts';
import { BrokerError } from '../core/errors.ts';
import { type Clock, dayMs, isoTime, withDeadline } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';

type StorageSettings = Pick<Settings, 'cloud' | Extract<keyof Settings, `AzureWebJobsStorage${string}`>>;

/** Tables and blobs of one account, which is accessed with a connection string (local) or an identity (Azure). */
export interface Storage {
  table(name: string): Promise<TableClient>;
  container(name: string): Promise<ContainerClient>;
  /** Notes that somebody has deleted a table or container. Clients of tables note it themselves. */
  lost(name: string): void;
  /** The tables and containers that somebody deleted in the last day, in sentences. */
  losses(): readonly string[];
}

/** Longest wait for a reply of a table with all retries, in milliseconds. The SDK has no limit. */
const tableReplyMs = 30_000;

/** The SDK retries. The audit log adds its own, shorter deadline. */
const retryOptions = { maxRetries: 3, retryDelayInMs: 300, maxRetryDelayInMs: 3_000 };

/**
 * Storage clients for the settings.
 * @throws BrokerError config_invalid, on use, if the settings have neither an account name nor the endpoint.
 */
export function createStorage(
  settings: StorageSettings,
  identity: () => Promise<TokenCredential>,
  clock: Clock,
  log?: Logger,
): Storage {
  const lostAtMs = new Map<string, number>();
  const lost = (name: string): void => {
    if (!isRecent(lostAtMs.get(name), clock)) log?.log('error', 'storage.deleted', { name });
    lostAtMs.set(name, clock.nowMs());
  };
  const connection = settings.AzureWebJobsStorage;
  const account = settings.AzureWebJobsStorage__accountName;
  const endpoint = (kind: 'blob' | 'table', explicit: string | undefined): string => {
    const url =
      explicit ?? (account === undefined ? undefined : `https://${account}.${kind}.${settings.cloud.storageSuffix}`);
    if (url !== undefined) return url.replace(/(?<!\/)\/+$/, '');
    throw new BrokerError('config_invalid', `AzureWebJobsStorage__${kind}ServiceUri: is missing.`);
  };
  return {
    table: async (name) => {
      const { TableClient } = await import('@azure/data-tables');
      const additionalPolicies = [
        { policy: replyDeadline(clock), position: 'perCall' as const },
        { policy: lossWatch(() => lost(name)), position: 'perRetry' as const },
      ];
      const options = { retryOptions, additionalPolicies };
      if (connection !== undefined)
        return TableClient.fromConnectionString(connection, name, {
          ...options,
          allowInsecureConnection: isLocal(connection),
        });
      const url = endpoint('table', settings.AzureWebJobsStorage__tableServiceUri);
      return new TableClient(url, name, await identity(), options);
    },
    container: async (name) => {
      const { ContainerClient } = await import('@azure/storage-blob');
      const options = { retryOptions: { maxTries: 4, retryDelayInMs: 300, maxRetryDelayInMs: 3_000 } };
      if (connection !== undefined) return new ContainerClient(connection, name, options);
      return new ContainerClient(
        `${endpoint('blob', settings.AzureWebJobsStorage__blobServiceUri)}/${name}`,
        await identity(),
        options,
      );
    },
    lost,
    losses: () =>
      [...lostAtMs]
        .filter(([, atMs]) => isRecent(atMs, clock))
        .map(([name, atMs]) => `"${name}" was found deleted at ${isoTime(atMs)}: what it held is gone.`),
  };
}

const isRecent = (atMs: number | undefined, clock: Clock): boolean =>
  atMs !== undefined && Math.abs(clock.nowMs() - atMs) < dayMs;

const mayTellMissing: ReadonlySet<number> = new Set([202, 404, 409]);

/** Tells when a table does not exist that has answered before. */
function lossWatch(lost: () => void): PipelinePolicy {
  let hasAnswered = false;
  return {
    name: 'lossWatch',
    sendRequest: async (request, next) => {
      const response = await next(request);
      // The answer to a transaction has the status 202, and those of its parts in its body.
      const isMissing =
        mayTellMissing.has(response.status) && /"Table(?:NotFound|BeingDeleted)"/.test(response.bodyAsText ?? '');
      if (isMissing && hasAnswered) lost();
      hasAnswered ||= response.status < 400 && !isMissing;
      return response;
    },
  };
}

// Plain HTTP is only for the emulator on this machine.
const isLocal = (connection: string): boolean =>
  /UseDevelopmentStorage=true|http:\/\/(127\.0\.0\.1|localhost)[:/]/i.test(connection);

/** Ends a request whose reply is not complete in time. */
const replyDeadline = (clock: Clock): PipelinePolicy => ({
  name: 'replyDeadline',
  sendRequest: (request, next) => {
    const { abortSignal } = request;
    return withDeadline(
      clock,
      tableReplyMs,
      (signal) => {
        request.abortSignal = signal;
        return next(request);
      },
      abortSignal instanceof AbortSignal ? abortSignal : undefined,
    );
  },
});
