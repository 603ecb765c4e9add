import * as z from 'zod';
import { parseTimeSpan } from '../runtime/time-span.ts';

const minuteMs = 60_000;

const timeSpan = z.string().transform((text, context) => {
  const ms = parseTimeSpan(text);
  if (ms === undefined) context.addIssue({ code: 'custom', message: 'must be a time such as "00:05:00"' });
  return ms ?? 0;
});

const visibilityTimeout = (name: string) =>
  timeSpan.refine((ms) => ms >= minuteMs && ms <= 60 * minuteMs, `${name} must be between 1 and 60 minutes`).optional();

// The rules of AzureStorageOptions.Validate of the Durable Task extension.
const azureStorage = z.looseObject({
  connectionName: z.string().optional(),
  connectionStringName: z.string().optional(),
  partitionCount: z
    .int()
    .refine((count) => count >= 1 && count <= 16, 'partitionCount must be an integer value between 1 and 16')
    .optional(),
  controlQueueBatchSize: z
    .int()
    .refine((size) => size > 0, 'controlQueueBatchSize must be a positive integer')
    .optional(),
  controlQueueBufferThreshold: z
    .int()
    .refine((size) => size >= 1 && size <= 1000, 'controlQueueBufferThreshold must be between 1 and 1000')
    .optional(),
  controlQueueVisibilityTimeout: visibilityTimeout('controlQueueVisibilityTimeout'),
  workItemQueueVisibilityTimeout: visibilityTimeout('workItemQueueVisibilityTimeout'),
  maxQueuePollingInterval: timeSpan.refine((ms) => ms > 0, 'maxQueuePollingInterval must be positive').optional(),
});

const otherTypes = ['mssql', 'netherite', 'azuremanaged'];
const isAzureStorage = (value: object): boolean => {
  const type = 'type' in value ? value.type : undefined;
  return type === undefined || (typeof type === 'string' && type.toLowerCase() === 'azurestorage');
};

/** `storageProvider` of host.json. Only the values of Azure Storage are checked: the host keeps its own store. */
export const storageProviderSchema = z.looseObject({ type: z.string().optional() }).transform((value, context) => {
  if (!isAzureStorage(value)) {
    if (!otherTypes.includes(String(value.type).toLowerCase())) {
      const message = `"${value.type}" is not a storage provider; use AzureStorage, azureManaged, mssql or netherite`;
      context.addIssue({ code: 'custom', message });
    }
    return undefined;
  }
  const parsed = azureStorage.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path: [...path], message });
  return undefined;
});
