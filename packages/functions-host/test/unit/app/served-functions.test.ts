import { describe, expect, it } from 'vitest';
import { Registry } from '../../../src/app/registry.ts';
import { refuseEntities, removeUnserved, requireStorageSetting } from '../../../src/app/served-functions.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';

/** The names of the functions that remain under these settings. */
function served(settings: Record<string, string>, names: readonly string[]): string[] {
  const registry = new Registry(() => undefined);
  for (const name of names) {
    const metadata = { name, bindings: { trigger: { type: 'timerTrigger', name: 'trigger', direction: 'in' } } };
    registry.functions.set(name, { metadata, callback: () => undefined });
  }
  removeUnserved(registry, settings, () => undefined);
  return [...registry.functions.keys()];
}

it.each([
  ['AzureWebJobs.off.Disabled', 'true', []],
  ['azurewebjobs.OFF.disabled', '1', []],
  ['AzureWebJobs_off_Disabled', 'True', []],
  ['AZUREWEBJOBS_OFF_DISABLED', '1', []],
  ['AzureWebJobs__off__Disabled', 'true', ['off']],
  ['AzureWebJobs_off_Disabled', 'false', ['off']],
  ['AzureWebJobs.other.Disabled', 'true', ['off']],
])('with %s set to %s serves %j', (setting, value, expected) => {
  expect(served({ [setting]: value }, ['off'])).toEqual(expected);
});

it('disables a function that only one of the two forms disables', () => {
  expect(served({ 'AzureWebJobs.off.Disabled': 'false', AzureWebJobs_off_Disabled: 'true' }, ['off'])).toEqual([]);
});

it.each(['a', 'A-b_9', `a${'b'.repeat(127)}`, 'hosts'])('serves a function named %s', (name) => {
  expect(served({}, [name])).toEqual([name]);
});

it.each(['9a', '_a', 'a.b', 'host', 'HOST', `a${'b'.repeat(128)}`, ''])(
  'does not serve a function named "%s"',
  (name) => {
    expect(served({}, [name, 'other'])).toEqual(['other']);
  },
);

const registryWith = (...types: readonly string[][]): Registry => {
  const registry = new Registry(() => undefined);
  for (const [index, bindings] of types.entries())
    registry.registerFunction(
      { name: `f${index}`, bindings: Object.fromEntries(bindings.map((type) => [type, { type }])) },
      () => undefined,
    );
  return registry;
};

describe('requireStorageSetting', () => {
  const timer = registryWith(['httpTrigger'], ['timerTrigger']);
  const missing = (registry: Registry, settings: Record<string, string>, connection?: string) => (): void =>
    requireStorageSetting(registry, settings, connection);

  it('needs no storage for functions with HTTP triggers alone', () => {
    expect(missing(registryWith(['httpTrigger', 'http'], ['HTTPTRIGGER']), {})).not.toThrow();
    expect(missing(registryWith(), {})).not.toThrow();
  });

  it.each([[['timerTrigger']], [['httpTrigger', 'durableClient']], [['httpTrigger', 'orchestrationClient']]])(
    'needs storage for %j',
    (bindings) => {
      const registry = registryWith(['httpTrigger'], bindings);
      expect(missing(registry, {})).toThrow(HostStartError);
      expect(missing(registry, { AzureWebJobsStorage: '' })).toThrow('The app setting AzureWebJobsStorage is not set.');
      expect(missing(registry, { AzureWebJobsStorage: 'UseDevelopmentStorage=true' })).not.toThrow();
    },
  );

  it.each(['accountName', 'serviceUri', 'blobServiceUri', 'queueServiceUri', 'tableServiceUri'])(
    'accepts a connection with an identity: %s',
    (suffix) => {
      expect(missing(timer, { [`AzureWebJobsStorage__${suffix}`]: 'x' })).not.toThrow();
      expect(missing(timer, { [`Other__${suffix}`]: 'x' })).toThrow(HostStartError);
    },
  );

  it('needs the connection of Durable Functions as well', () => {
    const settings = { AzureWebJobsStorage: 'x' };
    expect(missing(timer, settings, 'Mine')).toThrow('The app setting Mine is not set.');
    expect(missing(timer, { ...settings, Mine: 'y' }, 'Mine')).not.toThrow();
    expect(missing(timer, { Mine: 'y' }, 'Mine')).toThrow('The app setting AzureWebJobsStorage is not set.');
  });
});

it('refuses an app with an entity on a shared store', () => {
  expect(() => refuseEntities(registryWith(['orchestrationTrigger'], ['activityTrigger']))).not.toThrow();
  expect(() => refuseEntities(registryWith(['activityTrigger'], ['EntityTrigger']))).toThrow(
    'The app has the entity "f1"',
  );
});
