/** Writes docs/settings.md and local.settings.sample.json from the schema of the settings. A test compares. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { settingsSchema } from '../../src/lib/config/settings.ts';

interface SettingDoc {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly standard: string | undefined;
}

/** Every setting in the order of the schema, with what the schema says of it. */
export function describeSettings(): SettingDoc[] {
  const { properties = {} } = z.toJSONSchema(settingsSchema, { io: 'input' });
  return Object.entries(settingsSchema.shape).map(([name, schema]) => {
    const property = properties[name];
    const standard = typeof property === 'object' ? (property.default as string | number | undefined) : undefined;
    return {
      name,
      description: schema.meta()?.description ?? '',
      // An absent list is an empty one, which the program may still refuse: only a parse can tell.
      required: !schema.safeParse(undefined).success,
      standard: standard === undefined || standard === '' ? undefined : String(standard),
    };
  });
}

/** What a laptop needs so that the app starts beside the local cloud; the rest keeps its default. */
const sampleValues: Readonly<Record<string, string>> = {
  PARTNER_TENANT_ID: '00000000-0000-0000-0000-000000000000',
  KEY_VAULT_URL: 'https://NAME.vault.azure.net',
  BROKER_AUDIENCES: '00000000-0000-0000-0000-000000000000,api://NAME',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

/** What Core Tools wants beside the app's own settings. */
const platformValues: Readonly<Record<string, string>> = { FUNCTIONS_WORKER_RUNTIME: 'node' };

export function settingsSample(): string {
  const own = describeSettings().map(({ name, standard }) => [name, sampleValues[name] ?? standard ?? '']);
  return `${JSON.stringify({ IsEncrypted: false, Values: { ...platformValues, ...Object.fromEntries(own) } }, undefined, 2)}\n`;
}

const introduction = `# Settings

<!-- Written by tools/write-settings-docs.ts from src/lib/config/settings.ts. Do not edit by hand. -->

The app reads these from its environment: app settings in Azure, \`local.settings.json\` on a laptop (copy
\`local.settings.sample.json\`). An empty value counts as absent. None but
\`NOTIFICATION_WEBHOOK\` is a secret (make that one a [Key Vault reference](deploy.md#choices)): the credential is
in Key Vault, and the app reaches vault and storage with its managed identity.

A missing or wrong setting does not stop the app: it starts, \`GET /api/health\` names the setting, and every other route
answers 503 \`config_invalid\` until it is corrected and the app restarted. Only a wrong \`NOTIFICATION_WEBHOOK\` stops
nothing: notices reach nobody, health is \`degraded\` and says why, and the log says it once at each start.
`;

const platformSettings = `
## Settings of the platform

\`infra/\` sets these as well; the Functions host reads them, not the app.

| setting | meaning |
|---|---|
| \`AzureWebJobsStorage__credential\`, \`AzureWebJobsStorage__clientId\` | \`managedidentity\` and the client id of the identity: how the host reaches storage without a key |
| \`AzureWebJobsStorage__queueServiceUri\` | queue endpoint of the storage account, for runs |
| \`APPLICATIONINSIGHTS_CONNECTION_STRING\` | where logs go; it holds no secret, since Application Insights refuses whoever has no identity |
| \`APPLICATIONINSIGHTS_AUTHENTICATION_STRING\` | \`ClientId=…;Authorization=AAD\`: with which identity |
| \`DURABLE_TASK_SCHEDULER_CONNECTION_STRING\`, \`TASKHUB_NAME\` | only with the Durable Task Scheduler, see [deploy.md](deploy.md) |
`;

export function settingsDocument(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const rows = describeSettings().map(({ name, description, required, standard }) => {
    const byDefault = required ? '**required**' : standard === undefined ? '' : `\`${standard}\``;
    return `| \`${name}\` | ${byDefault} | ${cell(description)} |`;
  });
  const storage =
    '\nOne of `AzureWebJobsStorage`, `AzureWebJobsStorage__accountName` and `AzureWebJobsStorage__tableServiceUri` must be set.\n';
  return [introduction, '| setting | default | meaning |', '|---|---|---|', ...rows, storage + platformSettings].join(
    '\n',
  );
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '../..');
  await writeFile(join(root, 'docs/settings.md'), settingsDocument());
  await writeFile(join(root, 'local.settings.sample.json'), settingsSample());
}
