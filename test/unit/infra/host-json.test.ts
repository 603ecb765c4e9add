import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHostOptions } from '../../../tools/get-host-options.ts';
import { durableBackends, hostJsonFor } from '../../../src/cli/project/app-package.ts';
import { projectRoot } from '../../paths.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { unbound } from './bind-options.ts';

const options = await readHostOptions();
const noOptions =
  options === undefined
    ? 'There is no .local/tools/host-options.json. `node tools/get-host-options.ts` writes it; it needs .NET 10'
    : undefined;

const hostJson = JSON.parse(await readFile(join(projectRoot, 'host.json'), 'utf8')) as Parameters<
  typeof hostJsonFor
>[1];

it('makes messages of a killed host visible after a minute, the shortest time that the extension accepts', () => {
  expect(hostJson.extensions.durableTask.storageProvider).toMatchObject({
    controlQueueVisibilityTimeout: '00:01:00',
    workItemQueueVisibilityTimeout: '00:01:00',
  });
});

describe('host.json', skippedBecause(noOptions), () => {
  const problems = (value: unknown): string[] => unbound(value, options ?? {});

  it.each(durableBackends)('binds to the option classes of the host with the backend %s', (backend) => {
    expect(problems(hostJsonFor(backend, hostJson))).toEqual([]);
  });

  it.each([
    ['maxConcurrentActivities', 20, 'extensions.durableTask.maxConcurrentActivities: is unknown'],
    ['maxConcurrentActivityFunctions', '20', 'extensions.durableTask.maxConcurrentActivityFunctions: "20" is no Int32'],
    ['versionMatchStrategy', 'Newer', /versionMatchStrategy: "Newer" is none of None, Strict, CurrentOrOlder$/],
    ['tracing', { traceInputs: false }, 'extensions.durableTask.tracing.traceInputs: is unknown'],
    ['storageProvider', { type: 'AzureStorage', partitions: 4 }, /storageProvider\.partitions: is unknown$/],
    ['storageProvider', { type: 'AzureStorage', maxQueuePollingInterval: '10' }, /"10" is no TimeSpan$/],
    ['storageProvider', { type: 'Azure' }, /storageProvider\.type: "Azure" is no backend$/],
  ])('would be refused with %s %j', (name, value, problem) => {
    const { extensions } = hostJson;
    const changed = {
      ...hostJson,
      extensions: { ...extensions, durableTask: { ...extensions.durableTask, [name]: value } },
    };
    expect(problems(changed)).toEqual([typeof problem === 'string' ? problem : expect.stringMatching(problem)]);
  });

  it('would be refused with an unknown section, level or sampling setting', () => {
    const logging = { logLevel: { default: 'Warn' }, applicationInsights: { samplingSettings: { excluded: 'Trace' } } };
    expect(problems({ ...hostJson, logging, durableTask: {} })).toEqual([
      expect.stringMatching(/^logging\.logLevel\.default: "Warn" is none of Trace, /),
      'logging.applicationInsights.samplingSettings.excluded: is unknown',
      'durableTask: is unknown',
    ]);
  });
});
