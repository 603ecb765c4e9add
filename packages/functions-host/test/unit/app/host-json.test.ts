import { describe, expect, it } from 'vitest';
import { parseHostJson } from '../../../src/app/host-json.ts';
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
