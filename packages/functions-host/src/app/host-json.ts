import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { HostStartError } from '../runtime/host-start-error.ts';

const count = z.int().min(1);
const schema = z.looseObject({
  version: z.literal('2.0', 'must be "2.0"'),
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
          hubName: z.string().optional(),
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
}

/** @throws HostStartError when the file is missing, is not JSON, or has an invalid value for a supported setting. */
export function readHostJson(appFolder: string): HostJson {
  const path = join(appFolder, 'host.json');
  if (!existsSync(path))
    throw new HostStartError(`There is no host.json in ${appFolder}, so it is not a Functions app.`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new HostStartError(`${path} is not valid JSON.`, { cause: error });
  }
  return parseHostJson(value, path);
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
  const perCore = 10 * availableParallelism();
  return {
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
    },
  };
}

// -1 means no limit in host.json.
const unbounded = (limit: number | undefined): number =>
  limit === undefined || limit < 1 ? Number.POSITIVE_INFINITY : limit;
