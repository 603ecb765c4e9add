import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseHostJson, readHostJson } from '../../../src/app/host-json.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';

const parse = (extensions: unknown): ReturnType<typeof parseHostJson> =>
  parseHostJson({ version: '2.0', extensions, logging: { anything: true } });

describe('parseHostJson', () => {
  it('uses the defaults of the platform', () => {
    const { http, durable } = parse(undefined);
    expect(http).toEqual({
      routePrefix: 'api',
      maxConcurrentRequests: Number.POSITIVE_INFINITY,
      maxOutstandingRequests: Number.POSITIVE_INFINITY,
      customHeaders: {},
    });
    expect(durable).toMatchObject({
      versionMatchStrategy: 'CurrentOrOlder',
      overridableExistingInstanceStates: 'NonRunningStates',
      storeInputsInOrchestrationHistory: false,
    });
  });

  it('passes every setting on', () => {
    const durableTask = {
      hubName: 'MyHub1',
      defaultVersion: '1.2',
      versionMatchStrategy: 'Strict',
      versionFailureStrategy: 'Fail',
      maxConcurrentActivityFunctions: 1,
      maxConcurrentOrchestratorFunctions: 2,
      maxConcurrentEntityFunctions: 3,
      maxEntityOperationBatchSize: 4,
      maxOrchestrationActions: 5,
      overridableExistingInstanceStates: 'AnyState',
      storeInputsInOrchestrationHistory: true,
    };
    expect(parse({ durableTask }).durable).toMatchObject(durableTask);
    const http = { maxConcurrentRequests: 1, maxOutstandingRequests: 2, customHeaders: { 'x-a': '1' } };
    expect(parse({ http: { ...http, routePrefix: '//a/b//' } }).http).toEqual({ ...http, routePrefix: 'a/b' });
    const logging = { logLevel: { default: 'Warning', 'Host.Http': 'none' } };
    expect(parseHostJson({ version: '2.0', logging }).logLevels).toEqual({ default: 'warning', 'Host.Http': 'none' });
  });

  it('refuses a category with two wildcards, as the host does', () => {
    const levels = (category: string): unknown => ({ version: '2.0', logging: { logLevel: { [category]: 'None' } } });
    expect(parseHostJson(levels('Function.*.User')).logLevels).toEqual({ 'Function.*.User': 'none' });
    expect(() => parseHostJson(levels('*.x.*'))).toThrow(
      new HostStartError('host.json: logging.logLevel: a category may contain one * at most.'),
    );
  });

  it('has limits of its own for what host.json does not limit', () => {
    const { durable, logLevels } = parseHostJson({ version: '2.0' });
    expect(logLevels).toEqual({});
    const perCore = 10 * availableParallelism();
    expect(durable).toMatchObject({
      hubName: 'TestHubName',
      defaultVersion: undefined,
      versionFailureStrategy: 'Reject',
      maxConcurrentActivityFunctions: perCore,
      maxConcurrentOrchestratorFunctions: perCore,
      maxConcurrentEntityFunctions: perCore,
      maxEntityOperationBatchSize: 5_000,
      maxOrchestrationActions: 100_000,
    });
  });

  it.each(['a1', '1ab', 'a-b', `a${'b'.repeat(45)}`, 'a bc', ''])('refuses the hub name "%s"', (hubName) => {
    expect(() => parse({ durableTask: { hubName } })).toThrow(
      'extensions.durableTask.hubName: must have 3 to 45 letters and digits, and start with a letter',
    );
  });

  it.each(['aB1', `a${'b'.repeat(44)}`])('accepts the hub name "%s"', (hubName) => {
    expect(parse({ durableTask: { hubName } }).durable.hubName).toBe(hubName);
  });

  it('accepts an empty route prefix and reads -1 as no limit', () => {
    expect(
      parse({ http: { routePrefix: '', maxConcurrentRequests: -1, maxOutstandingRequests: 5 } }).http,
    ).toMatchObject({ routePrefix: '', maxConcurrentRequests: Number.POSITIVE_INFINITY, maxOutstandingRequests: 5 });
  });

  it.each([
    [{ durableTask: { maxConcurrentActivityFunctions: 0 } }, 'extensions.durableTask.maxConcurrentActivityFunctions'],
    [{ durableTask: { versionMatchStrategy: 'Newest' } }, 'extensions.durableTask.versionMatchStrategy'],
    [{ http: { routePrefix: 1 } }, 'extensions.http.routePrefix'],
  ])('names the invalid setting: %j', (extensions, name) => {
    expect(() => parse(extensions)).toThrow(HostStartError);
    expect(() => parse(extensions)).toThrow(name);
  });

  it('requires version 2.0', () => {
    expect(() => parseHostJson({ version: '3.0' })).toThrow('host.json: version: must be "2.0".');
    expect(() => parseHostJson([])).toThrow(HostStartError);
  });
});

describe('readHostJson', () => {
  it('says what is missing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'host-json-'));
    const path = join(folder, 'host.json');
    const nowhere = join(folder, 'nowhere');
    expect(() => readHostJson(nowhere)).toThrow(new HostStartError(`There is no folder ${nowhere}.`));
    expect(() => readHostJson(folder)).toThrow(`There is no host.json in ${folder}`);
    writeFileSync(path, '{"version":"2.0","extensions":{"http":{"routePrefix":"x"}}}');
    expect(readHostJson(folder).http.routePrefix).toBe('x');
    expect(() => readHostJson(path)).toThrow(new HostStartError(`${path} is not a folder.`));
    writeFileSync(path, '{"version":2}');
    expect(() => readHostJson(folder)).toThrow(`${path}: version: must be "2.0".`);
    rmSync(folder, { recursive: true });
  });
});
