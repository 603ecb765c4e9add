import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSettings, settingsSchema } from '../../../src/lib/config/settings.ts';
import { describeSettings } from '../../../tools/docs/settings.ts';
import { projectRoot } from '../../paths.ts';

describe('the settings', () => {
  it('each have a description in whole sentences', () => {
    expect(describeSettings().filter(({ description }) => !/^[A-Z].*\.$/.test(description))).toEqual([]);
  });

  it('appear once each in the sample, with values that the app accepts', async () => {
    const text = await readFile(join(projectRoot, 'local.settings.sample.json'), 'utf8');
    const { Values } = JSON.parse(text) as { Values: Record<string, string> };
    for (const name of Object.keys(settingsSchema.shape)) expect(text.split(`"${name}":`)).toHaveLength(2);
    expect(parseSettings(Values).PARTNER_TENANT_ID).toBe('00000000-0000-0000-0000-000000000000');
  });

  it('are documented as required, or with their default', () => {
    const required = describeSettings().filter((setting) => setting.required);
    expect(required.length).toBeGreaterThan(0);
    const named = new RegExp(required.map(({ name }) => `${name}: `).join('.*'));
    expect(() => parseSettings({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' })).toThrow(named);
    expect(describeSettings().find(({ name }) => name === 'ENTRA_CONCURRENCY')?.defaultValue).toBe('32');
  });
});
