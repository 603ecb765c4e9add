import * as z from 'zod';
import { type Cloud, cloudNames, clouds, withEndpoints } from '../model/clouds.ts';
import { BrokerError } from '../model/errors.ts';
import { webhookForms } from '../notifications/webhook-bodies.ts';
import { Secret } from '../model/secret.ts';
import { type DomainName, parseDomainName, parseGuid, parseTenantId, type TenantId } from '../model/identifiers.ts';

/**
 * Every app setting, once: name, meaning, default. `local.settings.sample.json` and docs/settings.md follow from it
 * (a test compares). A name is written as the platform wants it in the environment.
 */

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );

/**
 * A list whose entries are read one by one. A wrong one is named by its position: `/api/health` shows the problem to
 * everybody, and what was pasted into the wrong setting may be a secret.
 */
const listOf = <T>(read: (entry: string) => T | undefined, wanted: string) =>
  list.transform((entries, context): T[] =>
    entries.flatMap((entry, index) => {
      const item = read(entry);
      if (item !== undefined) return [item];
      context.addIssue({ code: 'custom', message: `entry ${index + 1} is not ${wanted}` });
      return [];
    }),
  );

const tenantReferences = listOf<TenantId | DomainName>(
  (entry) => parseTenantId(entry) ?? parseDomainName(entry),
  'a tenant id (GUID) or a domain',
);

const wholeNumber = (smallest: number, largest: number, standard: number) =>
  z.coerce.number().int().min(smallest).max(largest).default(standard);

const webAddress = z.url({ protocol: /^https?$/ }).transform((address) => address.replace(/\/+$/, ''));

const endpoints = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON' });
      return z.NEVER;
    }
  })
  .pipe(
    z.strictObject(
      {
        entra: webAddress.optional(),
        graph: webAddress.optional(),
        aadGraph: webAddress.optional(),
        partnerCenter: webAddress.optional(),
        exchange: webAddress.optional(),
        arm: webAddress.optional(),
      },
      // zod would name the keys that it does not know.
      {
        error: ({ code }) =>
          code === 'unrecognized_keys'
            ? 'has a key that is none of entra, graph, aadGraph, partnerCenter, exchange and arm'
            : 'is not a JSON object',
      },
    ),
  );

const addedResources = listOf((entry): [alias: string, identifier: string] | undefined => {
  // A GUID names an API as well as an address does: some have no address (Teams administration).
  const match = /^([a-z][a-z0-9-]{0,31})=(https:\/\/[^\s?#]+?|api:\/\/[^\s?#]+?|[0-9a-f-]{36})\/?$/i.exec(entry);
  return match?.[1] && match[2] ? [match[1].toLowerCase(), match[2]] : undefined;
}, 'alias=https://…, alias=api://… or alias=GUID');

/** A GUID, under its own name. */
const guidNamed = <T extends string>(read: (text: string) => T | undefined, what: string) =>
  z.string().transform((text, context): T => {
    const id = read(text);
    if (id !== undefined) return id;
    context.addIssue({ code: 'custom', message: `is not a ${what} (GUID)` });
    return z.NEVER;
  });

export const settingsSchema = z.object({
  PARTNER_TENANT_ID: guidNamed(parseTenantId, 'tenant id').meta({
    description: 'Tenant id (GUID) of the partner tenant.',
  }),
  KEY_VAULT_URL: webAddress.meta({
    description: 'Address of the Key Vault that holds the credentials, https://NAME.vault.azure.net.',
  }),
  BROKER_AUDIENCES: list.pipe(z.array(z.string()).min(1, 'names no audience')).meta({
    description:
      "The broker's own application, as callers' tokens name it: client id (GUID) and App ID URI, comma separated.",
  }),
  MICROSOFT_CLOUD: z
    .enum(cloudNames)
    .default('public')
    .meta({ description: 'Which Microsoft cloud: public, usgovernment or china.' }),
  CLOUD_ENDPOINTS: endpoints.optional().meta({
    description:
      'JSON that replaces addresses of the cloud: entra, graph, aadGraph, partnerCenter, exchange, arm. For the local cloud and for private endpoints.',
  }),
  MANAGED_IDENTITY_CLIENT_ID: guidNamed(parseGuid, 'client id').optional().meta({
    description:
      'Client id of the user-assigned managed identity that reads Key Vault and storage; absent: the system-assigned one.',
  }),
  RESOURCES: addedResources.meta({
    description:
      'Further resources as alias=identifier, comma separated, e.g. defender=https://api.securitycenter.microsoft.com.',
  }),
  ACCESS_POLICY: z.string().min(1).default('access-policy.json').meta({
    description:
      'Where the access policy is: a file beside host.json, or the https address of a blob that the managed identity may read.',
  }),
  TENANTS_INCLUDE: tenantReferences.meta({
    description:
      'Only these customer tenants (GUIDs or domains, comma separated; Entra is asked whose a domain is); empty: all delegated tenants.',
  }),
  TENANTS_EXCLUDE: tenantReferences.meta({
    description:
      "Tenants that get no token and no job (GUIDs or domains, comma separated; Entra is asked whose a domain is, and while it does not say there are no tokens), the partner's own among them; wins over TENANTS_INCLUDE.",
  }),
  FUNCTION_KEYS: z.enum(['off', 'required']).default('off').meta({
    description:
      'Whether callers must send a function key beside their token (required): a further gate, which proves nothing about who asks. Pages, OpenAPI document and health stay without.',
  }),
  TENANTS_WITHOUT_GDAP: z.enum(['allow', 'deny']).default('allow').meta({
    description: 'Whether a customer with a reseller contract but no GDAP relationship at all is tried (legacy DAP).',
  }),
  ENTRA_CONCURRENCY: wholeNumber(1, 500, 32).meta({
    description: 'Most token requests to Entra at one time, per instance.',
  }),
  RESOURCE_CONCURRENCY: wholeNumber(1, 500, 64).meta({
    description: 'Most requests of jobs to Graph and the like at one time, per instance.',
  }),
  CALLER_REQUESTS_PER_MINUTE: wholeNumber(1, 1_000_000, 6_000).meta({
    description: 'Requests that one caller may send per minute, per instance.',
  }),
  TOKEN_CACHE_SIZE: wholeNumber(100, 1_000_000, 50_000).meta({
    description: 'Most access tokens kept in memory; one takes about 3 KB.',
  }),
  CREDENTIAL_REREAD_SECONDS: wholeNumber(30, 86_400, 600).meta({
    description: 'After how many seconds a credential in memory is read from Key Vault again.',
  }),
  CLIENT_SECRET_RENEWAL: z.enum(['on', 'off']).default('on').meta({
    description:
      'Whether the daily timer renews a client secret or certificate of its own making that ends within 30 days, where the application may change itself.',
  }),
  AUDIT_RETENTION_DAYS: wholeNumber(1, 3650, 365).meta({ description: 'How long audit records are kept, days.' }),
  RUN_BATCH_SIZE: wholeNumber(1, 500, 100).meta({ description: 'Tenants per sub-orchestration of a run.' }),
  RUN_ROUNDS: wholeNumber(1, 10, 3).meta({
    description: 'How often a run comes to a tenant that fails for a while, the first time included.',
  }),
  RUN_RETRY_SECONDS: wholeNumber(1, 900, 60).meta({
    description: 'Wait before the second round of a run, seconds; doubles with each further one.',
  }),
  // Checked where it is used: without it nobody hears of failures, but tokens go on.
  NOTIFICATION_WEBHOOK: z
    .string()
    .transform((address) => new Secret(address))
    .optional()
    .meta({
      description:
        'Address of an incoming webhook (Teams workflow, Slack) that hears of failed runs and of the credential. Whoever knows it can post: use a Key Vault reference.',
    }),
  NOTIFICATION_FORM: z
    .enum(webhookForms)
    .optional()
    .meta({ description: 'What the webhook takes: teams or slack; absent: told from its address.' }),
  RUN_RETENTION_DAYS: wholeNumber(1, 3650, 90).meta({ description: 'How long runs and their results are kept, days.' }),
  AzureWebJobsStorage: z
    .string()
    .optional()
    .meta({ description: 'Storage connection string, for local use; in Azure the identity-based settings below.' }),
  AzureWebJobsStorage__accountName: z
    .string()
    .optional()
    .meta({ description: 'Storage account name, reached with the managed identity.' }),
  AzureWebJobsStorage__blobServiceUri: z
    .string()
    .optional()
    .meta({ description: 'Blob endpoint of the storage account, where it is not the standard one.' }),
  AzureWebJobsStorage__tableServiceUri: z
    .string()
    .optional()
    .meta({ description: 'Table endpoint of the storage account, where it is not the standard one.' }),
});

type RawSettings = z.output<typeof settingsSchema>;

/** The checked settings, as the rest of the program sees them. */
export interface Settings extends Omit<RawSettings, 'MICROSOFT_CLOUD' | 'CLOUD_ENDPOINTS'> {
  readonly cloud: Cloud;
}

/**
 * Checks the environment.
 * @throws BrokerError config_invalid that names every setting that is missing or wrong, never a value of one.
 */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  // An empty app setting means absent: the portal cannot tell the two apart.
  const present = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = settingsSchema.safeParse(present);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${explain(issue, present)}`);
  const value =
    present['AzureWebJobsStorage'] ??
    present['AzureWebJobsStorage__accountName'] ??
    present['AzureWebJobsStorage__tableServiceUri'];
  if (value === undefined)
    problems.push('AzureWebJobsStorage: is missing (or AzureWebJobsStorage__accountName for the managed identity)');
  if (!parsed.success || problems.length > 0) {
    throw new BrokerError('config_invalid', `${problems.join('; ')}.`);
  }
  const { MICROSOFT_CLOUD, CLOUD_ENDPOINTS, ...rest } = parsed.data;
  return { ...rest, cloud: withEndpoints(clouds[MICROSOFT_CLOUD], definedOnly(CLOUD_ENDPOINTS ?? {})) };
}

// zod says of an absent setting that it "expected string, received undefined"; an operator wants a plain word.
function explain(issue: z.core.$ZodIssue, present: Readonly<Record<string, unknown>>): string {
  const name = String(issue.path[0]);
  return name in present ? issue.message : issue.code === 'invalid_type' ? 'is missing' : issue.message;
}

function definedOnly<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
