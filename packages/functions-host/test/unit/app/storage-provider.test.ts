import { describe, expect, it } from 'vitest';
import { type DurableSettings, parseHostJson } from '../../../src/app/host-json.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';

const parse = (storageProvider: unknown): DurableSettings =>
  parseHostJson({ version: '2.0', extensions: { durableTask: { storageProvider } } }).durable;

const defaults = {
  connectionName: undefined,
  partitionCount: 4,
  controlQueueVisibilityTimeoutMs: 300_000,
  workItemQueueVisibilityTimeoutMs: 300_000,
};

describe('storageProvider of host.json', () => {
  it('has the defaults of Azure Storage', () => {
    expect(parse(undefined)).toMatchObject(defaults);
    expect(parse({ type: 'AzureStorage' })).toMatchObject(defaults);
  });

  it('sets connection, partitions and visibility timeouts', () => {
    const settings = {
      type: 'azurestorage',
      connectionName: 'Mine',
      partitionCount: 16,
      controlQueueVisibilityTimeout: '00:01:00',
      workItemQueueVisibilityTimeout: '01:00:00',
    };
    expect(parse(settings)).toMatchObject({
      connectionName: 'Mine',
      partitionCount: 16,
      controlQueueVisibilityTimeoutMs: 60_000,
      workItemQueueVisibilityTimeoutMs: 3_600_000,
    });
    expect(parse({ connectionStringName: 'Old' }).connectionName).toBe('Old');
    expect(parse({ partitionCount: 1 }).partitionCount).toBe(1);
  });

  it.each(['mssql', 'Netherite', 'azureManaged'])('ignores the settings of %s', (type) => {
    expect(parse({ type, partitionCount: 99, connectionName: 'Mine' })).toMatchObject(defaults);
  });

  it.each([
    [{ type: 'redis' }, 'storageProvider: "redis" is not a storage provider'],
    [{ type: 5 }, 'storageProvider.type'],
    [{ partitionCount: 0 }, 'storageProvider.partitionCount: partitionCount must be an integer value between 1 and 16'],
    [{ partitionCount: 17 }, 'storageProvider.partitionCount: partitionCount must be'],
    [{ partitionCount: 1.5 }, 'storageProvider.partitionCount'],
    [{ controlQueueBatchSize: 0 }, 'storageProvider.controlQueueBatchSize: controlQueueBatchSize must be'],
    [
      { controlQueueBufferThreshold: 0 },
      'storageProvider.controlQueueBufferThreshold: controlQueueBufferThreshold must',
    ],
    [
      { controlQueueBufferThreshold: 1_001 },
      'storageProvider.controlQueueBufferThreshold: controlQueueBufferThreshold',
    ],
    [{ controlQueueVisibilityTimeout: '00:00:59' }, 'controlQueueVisibilityTimeout must be between 1 and 60 minutes'],
    [{ workItemQueueVisibilityTimeout: '01:00:01' }, 'workItemQueueVisibilityTimeout must be between 1 and 60 minutes'],
    [{ workItemQueueVisibilityTimeout: 'soon' }, 'workItemQueueVisibilityTimeout: must be a time such as "00:05:00"'],
    [{ maxQueuePollingInterval: '00:00:00' }, 'maxQueuePollingInterval must be positive'],
  ])('names what is wrong with %j', (settings, reason) => {
    expect(() => parse(settings)).toThrow(HostStartError);
    expect(() => parse(settings)).toThrow(reason);
  });

  it('accepts the limits', () => {
    const limits = [
      { controlQueueBatchSize: 1 },
      { controlQueueBufferThreshold: 1 },
      { controlQueueBufferThreshold: 1_000 },
      { maxQueuePollingInterval: '00:00:00.1' },
    ];
    for (const settings of limits) expect(parse(settings)).toMatchObject(defaults);
  });
});
