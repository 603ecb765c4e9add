import { asObject, type JsonObject, objectsIn } from '../../../lib/core/objects.ts';
import { type Finding, findingsFrom } from '../finding.ts';
import { isReached, type Probe } from '../probe.ts';
import { type AzureClient, AzureUnavailable } from './azure-client.ts';
import type { AzureTarget } from './azure-target.ts';
import { expectedFunctions } from './functions.ts';

export interface PlatformDeps {
  readonly azure: AzureClient;
  readonly target: AzureTarget;
  readonly probe: Probe;
  /** Names of the jobs with a schedule, if the caller may list them. */
  readonly scheduledJobs: readonly string[];
}

const { passed, skipped, failed } = findingsFrom('azure');

const webVersion = 'api-version=2025-03-01';
/** The version that `az functionapp list-flexconsumption-runtimes` uses. */
const stacksVersion = 'api-version=2020-10-01';

export const groupPath = ({ subscriptionId, resourceGroup }: AzureTarget): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${encodeURIComponent(resourceGroup)}/providers`;

const sitePath = (target: AzureTarget): string =>
  `${groupPath(target)}/Microsoft.Web/sites/${encodeURIComponent(target.functionApp)}`;

/** The function app, as Azure Resource Manager describes it. */
export const readSite = (azure: AzureClient, target: AzureTarget): Promise<JsonObject> =>
  azure.get(`${sitePath(target)}?${webVersion}`);

/** The app runs a version of Node.js that its region offers. Azure accepts others too, and the app then never starts. */
async function runtime({ azure }: PlatformDeps, site: JsonObject): Promise<Finding> {
  const properties = asObject(site['properties']);
  const { name, version } = asObject(asObject(properties['functionAppConfig'])['runtime']);
  const label = `${String(name)} ${String(version)}`;
  const { state } = properties;
  if (state !== 'Running') {
    return failed('runtime', `the function app is ${String(state)}`, 'Start it: `az functionapp start`.');
  }
  if (name !== 'node') return failed('runtime', `the app runs on ${label}`, 'Set nodeVersion and run `azd provision`.');
  const location = String(site['location']).replaceAll(' ', '').toLowerCase();
  const offered = await flexVersions(azure, location);
  if (offered.length === 0) return skipped('runtime', `${label}; the list of ${location} names no version`);
  return offered.includes(String(version))
    ? passed('runtime', `${label}, which ${location} offers`)
    : failed(
        'runtime',
        `${label}, but ${location} offers ${offered.join(', ')}`,
        'Choose one with `azd env set NODE_VERSION` and run `azd provision`.',
      );
}

/** The versions of Node.js that Flex Consumption offers in a region. */
async function flexVersions(azure: AzureClient, location: string): Promise<readonly string[]> {
  const stacks = await azure.list(
    `/providers/Microsoft.Web/locations/${encodeURIComponent(location)}/functionAppStacks?${stacksVersion}&removeHiddenStacks=true&removeDeprecatedStacks=true&stack=node`,
  );
  const versions = stacks
    .flatMap((stack) => objectsIn(asObject(stack['properties'])['majorVersions']))
    .flatMap((major) => objectsIn(major['minorVersions']))
    .map((minor) => asObject(asObject(minor['stackSettings'])['linuxRuntimeSettings']))
    // Clients of Microsoft read the list under both names.
    .flatMap((settings) => [
      ...objectsIn(settings['Sku']),
      ...objectsIn(settings['skus']),
      ...objectsIn(settings['sku']),
    ])
    .filter(({ skuCode }) => skuCode === 'FC1')
    .map((sku) => asObject(asObject(sku['functionAppConfigProperties'])['runtime']))
    .flatMap(({ name, version }) => (name === 'node' && typeof version === 'string' ? [version] : []));
  return [...new Set(versions)].toSorted();
}

/** The platform has found every function, and none is disabled. */
async function functions({ azure, target, scheduledJobs }: PlatformDeps): Promise<Finding> {
  const listed = await azure.list(`${sitePath(target)}/functions?${webVersion}`);
  const names = listed.map(({ name }) => String(name).split('/').at(-1) ?? '');
  const schedules = scheduledJobs.map((job) => `schedule-${job}`);
  const missing = [...expectedFunctions, ...schedules].filter((name) => !names.includes(name));
  if (missing.length > 0) {
    return failed(
      'functions',
      `${names.length} functions are listed; missing: ${missing.join(', ')}`,
      'Deploy again (`azd deploy`). If none is listed, the app did not start: check the settings with GET /api/health.',
    );
  }
  const disabled = listed.flatMap(({ name, properties }) =>
    asObject(properties)['isDisabled'] === true ? [String(name).split('/').at(-1)] : [],
  );
  return disabled.length === 0
    ? passed('functions', `${names.length} functions are listed, none is disabled`)
    : failed(
        'functions',
        `disabled: ${disabled.join(', ')}`,
        'If that is not on purpose, remove the settings AzureWebJobs.NAME.Disabled.',
      );
}

/** Whether the master key opens /admin is what the deployment asked for. Without a key, /admin is closed either way. */
async function adminIsolation({ target, probe }: PlatformDeps, site: JsonObject): Promise<Finding> {
  const check = 'admin-isolation';
  const seen = await describeAdmin(probe);
  const isolated = asObject(site['properties'])['functionsRuntimeAdminIsolationEnabled'];
  if (typeof isolated !== 'boolean') return skipped(check, `Azure does not name the property; ${seen.text}`);
  const state = `the property is ${isolated ? 'on' : 'off'}; ${seen.text}`;
  if (!seen.closed) return failed(check, state, 'Run `azd provision` with ADMIN_ISOLATION=true.');
  if (target.adminIsolation === undefined || target.adminIsolation === isolated) return passed(check, state);
  return failed(
    check,
    `${state}; ADMIN_ISOLATION is ${String(target.adminIsolation)}`,
    'Run `azd provision` to apply ADMIN_ISOLATION, or correct it with `azd env set`.',
  );
}

/** What an anonymous request to /admin sees. */
export async function describeAdmin(probe: Probe): Promise<{ readonly text: string; readonly closed: boolean }> {
  if (!isReached(probe)) return { text: 'the app does not answer', closed: true };
  const { status } = await probe.ask('GET', '/admin/host/status');
  return { text: `/admin answers ${status} without a key`, closed: [0, 401, 403, 404].includes(status) };
}

/** Nobody can publish with a user name and a password. */
async function basicCredentials({ azure, target }: PlatformDeps): Promise<Finding> {
  const check = 'basic-credentials';
  const listed = await azure.list(`${sitePath(target)}/basicPublishingCredentialsPolicies?${webVersion}`);
  const allow = new Map(
    listed.map((policy) => [String(policy['name']).split('/').at(-1), asObject(policy['properties'])['allow']]),
  );
  const open = ['ftp', 'scm'].filter((name) => allow.get(name) !== false);
  return open.length === 0
    ? passed(check, 'refused for ftp and scm')
    : failed(
        check,
        `not refused for ${open.join(' and ')}`,
        'Run `azd provision`, or set allow to false in the basicPublishingCredentialsPolicies of the app.',
      );
}

const checks: readonly [string, (deps: PlatformDeps, site: JsonObject) => Promise<Finding>][] = [
  ['runtime', runtime],
  ['functions', functions],
  ['admin-isolation', adminIsolation],
  ['basic-credentials', basicCredentials],
];

export const platformCheckNames = checks.map(([name]) => name);

/** Runs each check. One that Azure gives no answer for is skipped with the reason. */
export async function checkPlatform(deps: PlatformDeps, site: JsonObject): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [name, check] of checks) {
    try {
      findings.push(await check(deps, site));
    } catch (thrown) {
      if (!(thrown instanceof AzureUnavailable)) throw thrown;
      findings.push(skipped(name, thrown.message));
    }
  }
  return findings;
}
