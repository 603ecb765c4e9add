import { expect, test } from 'vitest';
import { functionDisabled } from '../../../../src/lib/config/environment.ts';

test.each([
  ['AzureWebJobs.schedule-x.Disabled', 'true', true],
  ['AzureWebJobs_schedule-x_Disabled', 'True', true],
  ['AzureWebJobs.schedule-x.Disabled', '1', true],
  ['AzureWebJobs__schedule-x__Disabled', 'true', false],
  ['AzureWebJobs.schedule-x.Disabled', 'false', false],
  ['AzureWebJobs.schedule-y.Disabled', 'true', false],
])('functionDisabled with %s=%s returns %s for schedule-x', (name, value, disabled) => {
  expect(functionDisabled({ [name]: value }, 'schedule-x')).toBe(disabled);
});
