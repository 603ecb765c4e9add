import { expect, it } from 'vitest';
import { Registry } from '../../../src/app/registry.ts';
import { removeUnserved } from '../../../src/app/served-functions.ts';

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
