import * as z from 'zod';
import { BrokerError } from '../core/errors.ts';
import { type DomainName, parseDomainName, parseGuid, parseTenantId, type TenantId } from '../core/identifiers.ts';
import { defined } from '../core/objects.ts';
import { parseJson } from '../core/outbound.ts';
import { closest } from '../core/text.ts';
import {
  type Cloud,
  type CloudEndpoints,
  cloudNames,
  clouds,
  endpointNames,
  withEndpoints,
} from '../core/resources.ts';
import { Secret } from '../core/secrets.ts';
import { webhookForms } from '../notices/target.ts';

const optionalText = z.string().optional();
const optionalSecret = z
  .string()
  .transform((text) => new Secret(text))
  .optional();

/** The settings of notices. lib/notices checks their values, so that a wrong one disables only notices. */
const notificationSettings = {
  NOTIFICATION_WEBHOOK: optionalSecret.meta({
    description:
      'Address of an incoming webhook (Teams workflow, Slack) that receives [notices](notices.md). Anybody who knows the address can post to it, so use a Key Vault reference.',
  }),
  NOTIFICATION_FORM: z
    .enum(webhookForms)
    .optional()
    .meta({ description: 'Message format of the webhook: teams or slack. If absent, its address decides.' }),
  NOTIFICATION_SIGNED_WEBHOOK: optionalSecret.meta({
    description:
      'Https address of a program that receives notices as signed CloudEvents: [notices.md](notices.md). Needs NOTIFICATION_SIGNING_SECRET.',
  }),
  NOTIFICATION_SIGNING_SECRET: optionalSecret.meta({
    description:
      'Secret that signs these notices: `whsec_` and the base64 of 24 to 64 random bytes. During a rotation two, separated by a space. Use a Key Vault reference.',
  }),
  NOTIFICATION_FILTER: optionalText.meta({
    description:
      'Which notices are sent, such as `severity=warning; webhook kind=run.*,credential.changed tenants=tag:gold`: [notices.md](notices.md#filters). If absent, all.',
  }),
};

/**
 * Every app setting with its meaning and default. `npm run docs` writes `local.settings.sample.json` and
 * docs/settings.md from this file. Constants that no operator needs to change are in tuning.ts.
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
 * A list whose entries are parsed one by one. A problem names the position of the invalid entry, not its text, because
 * `/api/health` is public and the entry may be a secret that was pasted into the wrong setting.
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

const webAddress = z.url({ protocol: /^https?$/ }).transform((address) => address.replace(/(?<!\/)\/+$/, ''));

const replaceable = [...endpointNames, 'dns'];
/** Node's resolver takes no name. */
const dnsAddress = z.url({ protocol: /^dns$/, hostname: /^(?:[\d.]+|\[[\da-f:]+\])$/ });

const endpoints = z
  .string()
  .transform((text, context): unknown => {
    const value = parseJson(text);
    if (value === undefined) context.addIssue({ code: 'custom', message: 'is not JSON' });
    return value;
  })
  .pipe(
    z.strictObject(
      {
        ...(Object.fromEntries(endpointNames.map((name) => [name, webAddress.optional()])) as Record<
          Exclude<keyof CloudEndpoints, 'dns'>,
          z.ZodOptional<typeof webAddress>
        >),
        dns: dnsAddress.optional(),
      },
      // zod's message would quote the unknown keys.
      {
        error: ({ code }) =>
          code === 'unrecognized_keys'
            ? `has an unknown key. The keys are ${replaceable.join(', ').replace(/, (?=\w+$)/, ' and ')}`
            : 'is not a JSON object',
      },
    ),
  );

/** A configured resource: its alias, its identifier and, if it is not the identifier, its application id. */
type AddedResource = [alias: string, identifier: string, applicationId?: string];

const addedResources = listOf((entry): AddedResource | undefined => {
  // Some APIs have only a GUID and no URL (Teams administration).
  const match =
    /^([a-z][a-z0-9-]{0,31})=(https:\/\/[^\s?#]+?|api:\/\/[^\s?#]+?|[0-9a-f-]{36})\/?(?:#([0-9a-f-]{36}))?$/i.exec(
      entry,
    );
  if (!match?.[1] || !match[2]) return undefined;
  const alias = match[1].toLowerCase();
  return match[3] ? [alias, match[2], match[3].toLowerCase()] : [alias, match[2]];
}, 'alias=https://…, alias=api://… or alias=GUID');

/** A GUID with a branded type. */
const guidNamed = <T extends string>(read: (text: string) => T | undefined, name: string) =>
  z.string().transform((text, context): T => {
    const id = read(text);
    if (id !== undefined) return id;
    context.addIssue({ code: 'custom', message: `is not a ${name} (GUID)` });
    return z.NEVER;
  });

export const settingsSchema = z.object({
  PARTNER_TENANT_ID: guidNamed(parseTenantId, 'tenant id').meta({
    description: 'Tenant id (GUID) of the partner tenant.',
  }),
  PARTNER_NAME: z.string().max(100, 'has more than 100 characters').optional().meta({
    description:
      'Name of the partner, for the dashboard and reports for customers. If absent, the dashboard shows the domain of the person who signed in.',
  }),
  KEY_VAULT_URL: webAddress.meta({
    description: 'Address of the Key Vault that holds the credentials, https://NAME.vault.azure.net.',
  }),
  BROKER_AUDIENCES: list.pipe(z.array(z.string()).min(1, 'names no audience')).meta({
    description:
      "Audiences that callers' tokens may have: client id (GUID) and App ID URI of the broker's own application, comma separated.",
  }),
  SIGN_IN_CLIENT_ID: guidNamed(parseGuid, 'client id').optional().meta({
    description:
      'Client id of the application through which people sign in to the dashboard and with `ptb login`. `ptb setup api` creates it. If absent, a token has to be pasted into the dashboard.',
  }),
  MICROSOFT_CLOUD: z
    .enum(cloudNames)
    .default('public')
    .meta({ description: 'The Microsoft cloud: public, usgovernment or china.' }),
  CLOUD_ENDPOINTS: endpoints.optional().meta({
    description: `JSON object that replaces addresses of the cloud: ${replaceable.join(', ')}. Use it for local development and for private endpoints. dns is the server that jobs ask, as dns://IP_ADDRESS:PORT.`,
  }),
  MANAGED_IDENTITY_CLIENT_ID: guidNamed(parseGuid, 'client id').optional().meta({
    description:
      'Client id of the user-assigned managed identity that reads Key Vault and storage. If absent, the system-assigned identity is used.',
  }),
  RESOURCES: addedResources.meta({
    description:
      'Further resources as alias=identifier, comma separated, e.g. sharepoint-contoso=https://contoso-admin.sharepoint.com. If the tokens of a resource carry its application id and the identifier does not, append it: alias=identifier#GUID.',
  }),
  ACCESS_POLICY: z.string().min(1).default('access-policy.json').meta({
    description:
      'Location of the access policy: a file beside host.json, or the https address of a blob that the managed identity may read.',
  }),
  TENANTS_INCLUDE: tenantReferences.meta({
    description:
      'Only these customer tenants are served (GUIDs or domains, comma separated). Entra resolves domains. If empty, all delegated tenants are served.',
  }),
  TENANTS_EXCLUDE: tenantReferences.meta({
    description:
      "Tenants that get no token and no job (GUIDs or domains, comma separated). May include the partner's own tenant. Entra resolves domains. Until it has resolved them, no tenant gets a token. A tenant that a domain has belonged to stays excluded if it loses the domain; a domain that no tenant has had excludes nobody. Ids are safer. Overrides TENANTS_INCLUDE.",
  }),
  FUNCTION_KEYS: z.enum(['off', 'required']).default('off').meta({
    description:
      'Set to required if callers must also send a function key. A key does not prove who the caller is. Pages, the OpenAPI document and health need no key.',
  }),
  TENANTS_WITHOUT_GDAP: z.enum(['allow', 'deny']).default('allow').meta({
    description:
      'Either `allow` or `deny`: whether a customer with a reseller contract but no GDAP relationship counts as reachable (legacy DAP).',
  }),
  ENTRA_CONCURRENCY: wholeNumber(1, 500, 32).meta({
    description:
      'Maximum number of token requests to Entra in flight, of all instances together. With fewer than instances, each may have one.',
  }),
  CALLER_REQUESTS_PER_MINUTE: wholeNumber(1, 1_000_000, 6_000).meta({
    description:
      'Maximum number of requests that one application may send per minute, per instance. A person who is signed in to it may send half.',
  }),
  CLIENT_SECRET_RENEWAL: z.enum(['on', 'off']).default('on').meta({
    description:
      'Either `on` or `off`: whether the daily timer renews a client secret or certificate that expires within 30 days. It renews only credentials that ptb created, and only if the application may change itself.',
  }),
  AUTO_CONSENT: z.enum(['on', 'off']).default('off').meta({
    description:
      'Either `on` or `off`: whether the broker consents to its application `default` in tenants that it can reach for the first time.',
  }),
  AUDIT_RETENTION_DAYS: wholeNumber(1, 3650, 365).meta({
    description: 'Days that audit records and events of tenants are kept.',
  }),
  ...notificationSettings,
  RUN_RETENTION_DAYS: wholeNumber(1, 3650, 90).meta({ description: 'Days that runs and their results are kept.' }),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalText.meta({
    description:
      'Address of an OpenTelemetry collector that takes [traces](metrics.md#traces) over HTTP. If absent or no http(s) address, nothing is traced.',
  }),
  AzureWebJobsStorage: optionalText.meta({
    description: 'Storage connection string, for local use. In Azure, use the identity-based settings below.',
  }),
  AzureWebJobsStorage__accountName: optionalText.meta({
    description: 'Name of the storage account, which the app accesses with its managed identity.',
  }),
  AzureWebJobsStorage__blobServiceUri: optionalText.meta({
    description: 'Blob endpoint of the storage account, if it is not the standard one.',
  }),
  AzureWebJobsStorage__tableServiceUri: optionalText.meta({
    description: 'Table endpoint of the storage account, if it is not the standard one.',
  }),
});

type RawSettings = z.output<typeof settingsSchema>;

/** The validated settings. */
export interface Settings extends Omit<RawSettings, 'MICROSOFT_CLOUD' | 'CLOUD_ENDPOINTS'> {
  readonly cloud: Cloud;
}

/**
 * Validates the environment. Variables that are not settings are ignored.
 * @throws BrokerError `config_invalid`, which names every missing or invalid setting and never quotes a value.
 */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const present = presentIn(environment);
  const parsed = settingsSchema.safeParse(present);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${explain(issue, present)}`);
  const storage = ['AzureWebJobsStorage', 'AzureWebJobsStorage__accountName', 'AzureWebJobsStorage__tableServiceUri'];
  if (storage.every((name) => present[name] === undefined))
    problems.push('AzureWebJobsStorage: is missing (or AzureWebJobsStorage__accountName for the managed identity)');
  if (!parsed.success || problems.length > 0) {
    throw settingsFailure(problems, environment);
  }
  const { MICROSOFT_CLOUD, CLOUD_ENDPOINTS, ...rest } = parsed.data;
  return { ...rest, cloud: withEndpoints(clouds[MICROSOFT_CLOUD], defined(CLOUD_ENDPOINTS ?? {})) };
}

// zod describes an absent setting as "expected string, received undefined".
function explain(issue: z.core.$ZodIssue, present: Readonly<Record<string, unknown>>): string {
  const name = String(issue.path[0]);
  return name in present ? issue.message : issue.code === 'invalid_type' ? 'is missing' : issue.message;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** A `config_invalid` with these problems, and with the misspelt settings, which are often why others are missing. */
export const settingsFailure = (problems: readonly string[], environment: Variables): BrokerError =>
  new BrokerError('config_invalid', [`${problems.join('; ')}.`, ...unknownSettings(environment)].join(' '));

/** Settings of earlier versions. */
const retired: ReadonlySet<string> = new Set([
  'CREDENTIAL_REREAD_SECONDS',
  'RESOURCE_CONCURRENCY',
  'RUN_BATCH_SIZE',
  'RUN_RETRY_SECONDS',
  'RUN_ROUNDS',
  'TOKEN_CACHE_SIZE',
]);

/**
 * Says which variables look like settings and are none, in sentences. A misspelt TENANTS_EXCLUDE excludes nobody. Variables
 * of the platform and of other programs are not mentioned.
 */
export const unknownSettings = (environment: Variables): string[] =>
  Object.keys(presentIn(environment)).flatMap((name) => {
    if (name in settingsSchema.shape) return [];
    if (retired.has(name)) return [`${name} has no effect in this version. Remove it.`];
    const meant = closest(name, Object.keys(settingsSchema.shape), 2);
    return meant === undefined ? [] : [`${name} is not a setting. Rename it to ${meant}, or remove it.`];
  });

/** The settings that have a value. An empty one counts as absent: the portal does not distinguish the two. */
export const presentIn = (environment: Variables): Variables =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
