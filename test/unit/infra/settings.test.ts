import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSettings, settingsSchema } from '../../../src/lib/config/settings.ts';
import { describeSettings, settingsDocument, settingsSample } from '../../../tools/docs/settings.ts';
import { projectRoot } from '../../paths.ts';

const kept = (name: string): Promise<string> => readFile(join(projectRoot, name), 'utf8');

describe('what is written about the settings', () => {
  it('is what the schema says: run `node tools/write-settings-docs.ts` after a change', async () => {
    expect(await kept('docs/settings.md')).toBe(settingsDocument());
    expect(await kept('local.settings.sample.json')).toBe(settingsSample());
  });

  it('describes every setting in a sentence', () => {
    expect(describeSettings().filter(({ description }) => !/^[A-Z].*\.$/.test(description))).toEqual([]);
  });

  it('has every setting once in the sample, and values that the app starts with', async () => {
    const text = await kept('local.settings.sample.json');
    const { Values } = JSON.parse(text) as { Values: Record<string, string> };
    for (const name of Object.keys(settingsSchema.shape)) expect(text.split(`"${name}":`)).toHaveLength(2);
    expect(parseSettings(Values).PARTNER_TENANT_ID).toBe('00000000-0000-0000-0000-000000000000');
  });

  it('marks as required what the app refuses to do without, and gives the defaults it uses', () => {
    const required = describeSettings().filter((setting) => setting.required);
    expect(required.length).toBeGreaterThan(0);
    const named = new RegExp(required.map(({ name }) => `${name}: `).join('.*'));
    expect(() => parseSettings({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' })).toThrow(named);
    expect(describeSettings().find(({ name }) => name === 'ENTRA_CONCURRENCY')?.standard).toBe('32');
  });
});
