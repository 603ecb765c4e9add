import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import type { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import type { ContainerClient } from '@azure/storage-blob';
import type { Settings } from './settings.ts';
import { BrokerError } from '../core/errors.ts';
import { type Clock, dayMs, isoTime, withDeadline } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { httpStatusOf } from '../core/outbound.ts';
import { isDeleted } from '../core/rows/table.ts';

type StorageSettings = Pick<Settings, 'cloud' | Extract<keyof Settings, `AzureWebJobsStorage${string}`>>;

/** Tables and blobs of one account, which is accessed with a connection string (local) or an identity (Azure). */
export interface Storage {
  table(name: string): Promise<TableClient>;
  container(name: string): Promise<ContainerClient>;
  /** The tables and containers that were found deleted in the last day, in sentences. */
  deletions(): readonly string[];
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
  const deletedAtMs = new Map<string, number>();
  const noteDeleted = (name: string): void => {
    if (!isRecent(deletedAtMs.get(name), clock)) log?.log('error', 'storage.deleted', { name });
    deletedAtMs.set(name, clock.nowMs());
  };
  const watch = deletionWatch(noteDeleted);
  const watching = (name: string): PipelinePolicy => ({
    name: 'deletionWatch',
    sendRequest: (request, next) => watch(name, next(request)),
  });
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
        { policy: watching(name), position: 'perRetry' as const },
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
      const { ContainerClient, newPipeline } = await import('@azure/storage-blob');
      const { url, credential } =
        connection === undefined
          ? {
              url: `${endpoint('blob', settings.AzureWebJobsStorage__blobServiceUri)}/${name}`,
              credential: await identity(),
            }
          : new ContainerClient(connection, name);
      const pipeline = newPipeline(credential, {
        retryOptions: { maxTries: 4, retryDelayInMs: 300, maxRetryDelayInMs: 3_000 },
      });
      pipeline.factories.push({
        create: (next) => ({ sendRequest: (request) => watch(name, next.sendRequest(request)) }),
      });
      return new ContainerClient(url, pipeline);
    },
    deletions: () =>
      [...deletedAtMs]
        .filter(([, atMs]) => isRecent(atMs, clock))
        .map(([name, atMs]) => `"${name}" was found deleted at ${isoTime(atMs)}: what it held is gone.`),
  };
}

const isRecent = (atMs: number | undefined, clock: Clock): boolean =>
  atMs !== undefined && Math.abs(clock.nowMs() - atMs) < dayMs;

/** Failures of tables and containers that exist: an item is missing, exists already, or was changed. */
const itemFailures: ReadonlySet<number> = new Set([404, 409, 412]);

/** Tells when a table or container does not exist that has answered before. */
function deletionWatch(deleted: (name: string) => void) {
  const answered = new Set<string>();
  return async <R extends { readonly status: number; readonly bodyAsText?: string | null }>(
    name: string,
    reply: Promise<R>,
  ): Promise<R> => {
    const { status = 0, isMissing } = await reply.then(
      // The answer to a transaction has the status 202, and those of its parts in its body.
      ({ status: ofReply, bodyAsText }) => ({
        status: ofReply,
        isMissing:
          (ofReply === 202 || itemFailures.has(ofReply)) && /"Table(?:NotFound|BeingDeleted)"/.test(bodyAsText ?? ''),
      }),
      (thrown: unknown) => ({ status: httpStatusOf(thrown), isMissing: isDeleted(thrown) }),
    );
    if (isMissing && answered.has(name)) deleted(name);
    if (!isMissing && ((status > 0 && status < 400) || itemFailures.has(status))) answered.add(name);
    return reply;
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
