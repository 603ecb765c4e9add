import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { maxRequestBodyBytes } from '../../../src/lib/api/call.ts';
import { checkpointContainer } from '../../../src/lib/audit/chain/blob-checkpoint-log.ts';
import { settingsSchema } from '../../../src/lib/config/settings.ts';
import { BrokerError, errorCodes, errorTable } from '../../../src/lib/core/errors.ts';
import { createLogger, errorFields } from '../../../src/lib/core/log.ts';
import { cloudNames } from '../../../src/lib/core/resources.ts';
import { mapContainer } from '../../../src/lib/gateway/map-store.ts';
import { rotationOverdueMs } from '../../../src/lib/tokens/credential/credentials.ts';
import { chosenBackend, durableBackends, hostJsonFor } from '../../../src/cli/project/app-package.ts';
import { projectRoot } from '../../paths.ts';

// The templates repeat these constants of the app, of host.json and of the tools. The files are read as text, so that the
// tests also run without a Bicep compiler.

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const bicep = (name: string): string => read(`infra/${name}.bicep`);

/** The first group of a pattern. @throws Error if the text does not match, or more than once. */
function only(text: string, pattern: RegExp): string {
  const [found, ...more] = text.matchAll(new RegExp(pattern, 'gm'));
  if (found?.[1] === undefined || more.length > 0) throw new Error(`${more.length + (found ? 1 : 0)} of ${pattern}`);
  return found[1];
}

/** The default of a parameter of main.bicep. */
const defaultOf = (parameter: string): string =>
  only(bicep('main'), new RegExp(`^param ${parameter} \\w+ = '?([^'\n]*)`));
/** The values that a parameter of main.bicep may have. */
const allowedFor = (parameter: string): string[] =>
  only(bicep('main'), new RegExp(`@allowed\\(\\[(.*)\\]\\)\n@description\\(.*\\)\nparam ${parameter} `))
    .split(', ')
    .map((value) => value.replaceAll("'", ''));
/** The settings of an environment without any: their defaults. */
const setting = settingsSchema.partial().parse({});

describe('the largest request body of the host', () => {
  const limit = Number(only(bicep('app/function-app'), /FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '(\d+)'/));

  it('is larger than that of each route, so that the app itself refuses and records a longer one', async () => {
    await import('../../../tools/docs/declared-routes.ts');
    const { declaredRoutes } = await import('../../../src/functions/route.ts');
    const accepted = declaredRoutes().map(({ maxBodyBytes = maxRequestBodyBytes }) => maxBodyBytes);
    expect(accepted.length).toBeGreaterThan(20);
    expect(limit).toBeGreaterThan(Math.max(...accepted));
  });
});

describe('names in storage and Key Vault', () => {
  it('are those that the app uses', () => {
    expect(only(bicep('main'), /^var policyContainerName = '(.*)'$/)).toBe(mapContainer);
    expect(only(bicep('app/storage'), /policyContainer\.name\}\/(.*)'$/)).toBe(setting.ACCESS_POLICY);
    expect(only(bicep('app/storage'), /checkpointContainer [^{]*\{\s+parent: blobs\s+name: '(.*)'/)).toBe(
      checkpointContainer,
    );
    const key = only(read('src/lib/config/key-vault.ts'), /checkpointKeyName = '(.*)'/);
    expect(only(bicep('app/key-vault'), /checkpointKey [^{]*\{\s+parent: vault\s+name: '(.*)'/)).toBe(key);
    expect(only(bicep('app/roles'), /resource checkpointKey 'keys' existing = \{\s+name: '(.*)'/)).toBe(key);
    const index = only(read('src/lib/config/key-vault.ts'), /indexKeyName = '(.*)'/);
    expect(only(bicep('app/key-vault'), /indexKey [^{]*\{\s+parent: vault\s+name: '(.*)'/)).toBe(index);
    expect(only(bicep('app/roles'), /resource indexKey 'keys' existing = \{\s+name: '(.*)'/)).toBe(index);
    expect(only(bicep('app/key-vault'), /curveName: '(.*)'/)).toBe(
      only(read('src/lib/config/key-vault.ts'), /key\?\.crv !== '(.*?)'/),
    );
  });
});

describe('the backend of runs', () => {
  const hostJson = JSON.parse(read('host.json')) as Parameters<typeof hostJsonFor>[1];

  it('can be one of those that the package can have', () => {
    expect(allowedFor('durableBackend')).toEqual(durableBackends);
    expect(defaultOf('durableBackend')).toBe(chosenBackend(undefined, undefined));
  });

  it('has the task hub of host.json, and gets the settings that the packaged host.json names', () => {
    const { hubName } = hostJson.extensions.durableTask;
    expect(only(bicep('app/durable-task-scheduler'), /taskHub [^{]*\{\s+parent: scheduler\s+name: '(.*)'/)).toBe(
      hubName,
    );
    const { hubName: setByName, storageProvider } = hostJsonFor('durableTaskScheduler', hostJson).extensions
      .durableTask;
    const { connectionStringName } = storageProvider as { connectionStringName?: string };
    for (const name of [setByName.replaceAll('%', ''), connectionStringName])
      expect(bicep('main')).toMatch(new RegExp(`^ +${name}: .*scheduler`, 'm'));
  });
});

describe('the parameters of main.bicep', () => {
  it('allow the clouds that the app knows', () => {
    expect(allowedFor('microsoftCloud')).toEqual(cloudNames);
  });

  it('protect a checkpoint by default at least as long as the app keeps records', () => {
    expect(Number(defaultOf('checkpointRetentionDays'))).toBeGreaterThanOrEqual(setting.AUDIT_RETENTION_DAYS ?? 0);
  });

  it('let an instance serve cached tokens beside all redemptions that may be in flight', () => {
    expect(Number(defaultOf('httpConcurrencyPerInstance'))).toBeGreaterThan(setting.ENTRA_CONCURRENCY ?? 0);
  });

  it('allow the versions of Node.js for which the app is built, as the hook does', () => {
    const oldest = only(read('src/cli/project/bundle-options.ts'), /target: 'node(\d+)'/);
    const hook = read('tools/preprovision.ts');
    expect(allowedFor('nodeVersion')[0]).toBe(oldest);
    expect(only(read('package.json'), /"node": ">=(\d+)/)).toBe(oldest);
    expect(`'${allowedFor('nodeVersion').join("', '")}'`).toBe(only(hook, /\[(.*)\]\.includes\(each\)/));
    expect(defaultOf('nodeVersion')).toBe(only(hook, /'NODE_VERSION'\] \?\? '(\d+)'/));
  });

  it('have the same default if azd passes none', () => {
    const passed = [...read('infra/main.parameters.json').matchAll(/"(\w+)": \{ "value": "\$\{\w+=(\w+)\}" \}/g)];
    expect(passed.length).toBeGreaterThan(4);
    expect(passed.map(([, name = '', value]) => [name, value])).toEqual(
      passed.map(([, name = '']) => [name, defaultOf(name)]),
    );
  });
});

it('azd finds the app by the name of the service', () => {
  const { services } = parse(read('azure.yaml')) as { services: object };
  expect([only(bicep('app/function-app'), /'azd-service-name': '(.*?)'/)]).toEqual(Object.keys(services));
});

describe('the alert rules', () => {
  const alerts = bicep('app/alerts');
  /** The texts in quotes behind `column ==` and `column in`. */
  const comparedWith = (column: string): string[] =>
    [...alerts.matchAll(new RegExp(`\\b${column} (?:== |in \\()((?:"\\w+"(?:, )?)+)`, 'g'))].flatMap(([, list = '']) =>
      [...list.matchAll(/\w+/g)].map(([text]) => text),
    );

  it('find the lines of the app, and name fields, codes and scopes that these have', () => {
    const lines: string[] = [];
    createLogger((_level, line) => lines.push(line)).log(
      'warn',
      'x',
      errorFields(new BrokerError('internal', 'detail')),
    );
    const [line = ''] = lines;
    expect(line.startsWith(only(alerts, /Message startswith '(.*)'$/))).toBe(true);
    const fields = [...alerts.matchAll(/tostring\(fields\.(\w+)\)/g)].map(([, name]) => name);
    expect(fields).toEqual(['event', 'level', 'code', 'scope']);
    expect(Object.keys(JSON.parse(line) as object)).toEqual(expect.arrayContaining(fields));
    expect(comparedWith('code').length).toBeGreaterThan(5);
    expect(comparedWith('code').filter((code) => !(errorCodes as readonly string[]).includes(code))).toEqual([]);
    const scopes: readonly string[] = Object.values(errorTable).map(({ scope }) => scope);
    expect(comparedWith('errorScope').length).toBeGreaterThan(0);
    expect(comparedWith('errorScope').filter((scope) => !scopes.includes(scope))).toEqual([]);
  });

  it('miss the care of the credential only after a request could have started it in place of the timer', () => {
    const days = Number(only(alerts, /'credential-care-silent'[^]*?window: 'P(\d+)D'/));
    expect(days * 86_400_000).toBeGreaterThan(rotationOverdueMs);
  });
});
