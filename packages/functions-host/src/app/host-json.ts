import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { hostLogLevels } from '../runtime/host-log.ts';
import { HostStartError } from '../runtime/host-start-error.ts';
import type { LogLevels } from '../runtime/log-filter.ts';
import { readJsonFile } from './json-file.ts';
import { storageProviderSchema } from './storage-provider.ts';

const count = z.int().min(1);
const threshold = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.enum([...hostLogLevels, 'none']));

const logLevels = z
  .record(z.string(), threshold)
  .refine(
    (levels) => Object.keys(levels).every((key) => key.split('*').length <= 2),
    'a category may contain one * at most',
  );

// The rule of AzureStorageOptions.ValidateHubName of the Durable Task extension.
const hubName = z
  .string()
  .regex(/^[a-z][a-z0-9]{2,44}$/i, 'must have 3 to 45 letters and digits, and start with a letter');

const schema = z.looseObject({
  version: z.literal('2.0', 'must be "2.0"'),
  logging: z.looseObject({ logLevel: logLevels.optional() }).optional(),
  extensions: z
    .looseObject({
      http: z
        .looseObject({
          routePrefix: z.string().optional(),
          maxConcurrentRequests: z.int().optional(),
          maxOutstandingRequests: z.int().optional(),
          customHeaders: z.record(z.string(), z.string()).optional(),
        })
        .optional(),
      durableTask: z
        .looseObject({
          hubName: hubName.optional(),
          defaultVersion: z.string().optional(),
          versionMatchStrategy: z.enum(['None', 'Strict', 'CurrentOrOlder']).optional(),
          versionFailureStrategy: z.enum(['Reject', 'Fail']).optional(),
          maxConcurrentActivityFunctions: count.optional(),
          maxConcurrentOrchestratorFunctions: count.optional(),
          maxConcurrentEntityFunctions: count.optional(),
          maxEntityOperationBatchSize: count.optional(),
          maxOrchestrationActions: count.optional(),
          overridableExistingInstanceStates: z.enum(['NonRunningStates', 'AnyState']).optional(),
          storeInputsInOrchestrationHistory: z.boolean().optional(),
          storageProvider: storageProviderSchema.optional(),
        })
        .optional(),
    })
    .optional(),
});

/**
 * The settings of host.json that the host supports. The defaults are those of the Durable Task extension 3 and of the
 * HTTP extension.
 */
export interface HostJson {
  readonly http: {
    /** Without leading and trailing slashes. Can be empty. */
    readonly routePrefix: string;
    /** Requests that run at the same time. Further requests wait. */
    readonly maxConcurrentRequests: number;
    /** Requests that run or wait at the same time. Further requests get 429. */
    readonly maxOutstandingRequests: number;
    readonly customHeaders: Readonly<Record<string, string>>;
  };
  /** `logging.logLevel`. */
  readonly logLevels: LogLevels;
  readonly durable: DurableSettings;
}

export interface DurableSettings {
  readonly hubName: string;
  readonly defaultVersion: string | undefined;
  readonly versionMatchStrategy: 'None' | 'Strict' | 'CurrentOrOlder';
  readonly versionFailureStrategy: 'Reject' | 'Fail';
  readonly maxConcurrentActivityFunctions: number;
  readonly maxConcurrentOrchestratorFunctions: number;
  readonly maxConcurrentEntityFunctions: number;
  readonly maxEntityOperationBatchSize: number;
  readonly maxOrchestrationActions: number;
  readonly overridableExistingInstanceStates: 'NonRunningStates' | 'AnyState';
  readonly storeInputsInOrchestrationHistory: boolean;
  /** The app setting of the storage connection, if it is not AzureWebJobsStorage. */
  readonly connectionName: string | undefined;
  /** Into how many parts the orchestrations are divided that several hosts share. */
  readonly partitionCount: number;
  /** How long messages to orchestrations and entities stay hidden after the host that took them was killed. */
  readonly controlQueueVisibilityTimeoutMs: number;
  /** The same for activities. */
  readonly workItemQueueVisibilityTimeoutMs: number;
}

/** The default of both visibility timeouts: 5 minutes. */
const defaultVisibilityTimeoutMs = 300_000;

/** @throws HostStartError when the file is missing, is not JSON, or has an invalid value for a supported setting. */
export function readHostJson(appFolder: string): HostJson {
  if (!existsSync(appFolder)) throw new HostStartError(`There is no folder ${appFolder}.`);
  if (!statSync(appFolder).isDirectory()) throw new HostStartError(`${appFolder} is not a folder.`);
  const path = join(appFolder, 'host.json');
  if (!existsSync(path))
    throw new HostStartError(`There is no host.json in ${appFolder}, so it is not a Functions app.`);
  return parseHostJson(readJsonFile(path), path);
}

/**
 * Reads the supported settings from a parsed host.json and adds the defaults.
 * @param path for error messages.
 * @throws HostStartError when a value is not valid.
 */
export function parseHostJson(value: unknown, path = 'host.json'): HostJson {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new HostStartError(
      `${path}: ${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'is not valid'}.`,
    );
  }
  const http = parsed.data.extensions?.http;
  const durable = parsed.data.extensions?.durableTask;
  const provider = durable?.storageProvider;
  const perCore = 10 * availableParallelism();
  return {
    logLevels: parsed.data.logging?.logLevel ?? {},
    http: {
      routePrefix: (http?.routePrefix ?? 'api').replace(/^\/+|\/+$/g, ''),
      maxConcurrentRequests: unbounded(http?.maxConcurrentRequests),
      maxOutstandingRequests: unbounded(http?.maxOutstandingRequests),
      customHeaders: http?.customHeaders ?? {},
    },
    durable: {
      hubName: durable?.hubName ?? 'TestHubName',
      defaultVersion: durable?.defaultVersion,
      versionMatchStrategy: durable?.versionMatchStrategy ?? 'CurrentOrOlder',
      versionFailureStrategy: durable?.versionFailureStrategy ?? 'Reject',
      maxConcurrentActivityFunctions: durable?.maxConcurrentActivityFunctions ?? perCore,
      maxConcurrentOrchestratorFunctions: durable?.maxConcurrentOrchestratorFunctions ?? perCore,
      maxConcurrentEntityFunctions: durable?.maxConcurrentEntityFunctions ?? perCore,
      maxEntityOperationBatchSize: durable?.maxEntityOperationBatchSize ?? 5000,
      maxOrchestrationActions: durable?.maxOrchestrationActions ?? 100_000,
      overridableExistingInstanceStates: durable?.overridableExistingInstanceStates ?? 'NonRunningStates',
      storeInputsInOrchestrationHistory: durable?.storeInputsInOrchestrationHistory ?? false,
      connectionName: provider?.connectionName ?? provider?.connectionStringName,
      partitionCount: provider?.partitionCount ?? 4,
      controlQueueVisibilityTimeoutMs: provider?.controlQueueVisibilityTimeout ?? defaultVisibilityTimeoutMs,
      workItemQueueVisibilityTimeoutMs: provider?.workItemQueueVisibilityTimeout ?? defaultVisibilityTimeoutMs,
    },
  };
}

// -1 means no limit in host.json.
const unbounded = (limit: number | undefined): number =>
  limit === undefined || limit < 1 ? Number.POSITIVE_INFINITY : limit;
