import * as z from 'zod';
import { settingsSchema } from '../../src/lib/config/settings.ts';

interface SettingDoc {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly defaultValue: string | undefined;
}

/** Every setting, in the order of the schema. */
export function describeSettings(): SettingDoc[] {
  const { properties = {} } = z.toJSONSchema(settingsSchema, { io: 'input' });
  return Object.entries(settingsSchema.shape).map(([name, schema]) => {
    const property = properties[name];
    const defaultValue = typeof property === 'object' ? (property.default as string | number | undefined) : undefined;
    return {
      name,
      description: schema.meta()?.description ?? '',
      // Only a parse can tell: an absent list counts as an empty one, which the schema may reject.
      required: !schema.safeParse(undefined).success,
      defaultValue: defaultValue === undefined || defaultValue === '' ? undefined : String(defaultValue),
    };
  });
}

/** Values that differ from the defaults, so that the app starts on a laptop. */
const sampleValues: Readonly<Record<string, string>> = {
  PARTNER_TENANT_ID: '00000000-0000-0000-0000-000000000000',
  KEY_VAULT_URL: 'https://NAME.vault.azure.net',
  BROKER_AUDIENCES:
    '00000000-0000-0000-0000-000000000000,api://00000000-0000-0000-0000-000000000000/partner-token-broker-prod',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

/** Settings that Core Tools needs in addition. */
const platformValues: Readonly<Record<string, string>> = { FUNCTIONS_WORKER_RUNTIME: 'node' };

/** local.settings.sample.json */
export function settingsSample(): string {
  const own = describeSettings().map(({ name, defaultValue }) => [name, sampleValues[name] ?? defaultValue ?? '']);
  return `${JSON.stringify({ IsEncrypted: false, Values: { ...platformValues, ...Object.fromEntries(own) } }, undefined, 2)}\n`;
}

const introduction = `# Settings

<!-- Written by \`npm run docs\` from src/lib/config/settings.ts. Do not edit by hand. -->

App settings in Azure, \`local.settings.json\` on a laptop (copy \`local.settings.sample.json\`). An empty value counts as
absent. Only \`NOTIFICATION_WEBHOOK\` and \`NOTIFICATION_SIGNING_SECRET\` are secrets, and \`NOTIFICATION_SIGNED_WEBHOOK\` may be
one: make them [Key Vault references](deploy.md#choices).

The app starts even if a setting is missing or wrong. \`GET /api/health\` then names the setting, and every route for
callers answers 503 \`config_invalid\` until you correct it and restart the app. A wrong \`NOTIFICATION_…\` setting stops only
[notices](notices.md): health is \`degraded\` and gives the reason, as for a misspelt or retired setting.
`;

const platformSettings = `
## Platform settings

The Functions host reads these settings, not the app. \`infra/\` sets them.

- \`AzureWebJobsStorage__credential\`, \`AzureWebJobsStorage__clientId\`: \`managedidentity\` and the client id of the identity.
- \`AzureWebJobsStorage__queueServiceUri\`: queue endpoint of the storage account, for runs.
- \`APPLICATIONINSIGHTS_CONNECTION_STRING\`: where logs go. Not a secret: only an identity may send.
- \`APPLICATIONINSIGHTS_AUTHENTICATION_STRING\`: \`ClientId=…;Authorization=AAD\`, the identity that sends.
- \`FUNCTIONS_REQUEST_BODY_SIZE_LIMIT\`: bytes. Larger bodies reach neither app nor audit log.
- \`AzureWebJobsDisableHomepage\`: \`true\`, or the host shows its own page at \`/\`.
- \`DURABLE_TASK_SCHEDULER_CONNECTION_STRING\`, \`TASKHUB_NAME\`: only with the Durable Task Scheduler.
`;

/** docs/settings.md */
export function settingsDocs(): string {
  const lines = describeSettings().map(({ name, description, required, defaultValue }) => {
    const byDefault = required ? ' (**required**)' : defaultValue === undefined ? '' : ` (\`${defaultValue}\`)`;
    return `- \`${name}\`${byDefault}: ${description}`;
  });
  const storage =
    '\nSet one of `AzureWebJobsStorage`, `AzureWebJobsStorage__accountName` and `AzureWebJobsStorage__tableServiceUri`.\n';
  return [introduction, 'Defaults stand in parentheses.\n', ...lines, storage + platformSettings].join('\n');
}
