import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CloudOptions } from 'microsoft-cloud';
import { runSetup } from '../../../src/operator/setup/setup.ts';
import { type CommandLine, type Ended, openCommandLine } from './command-line.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

export const graphAppId = '00000003-0000-0000-c000-000000000000';
export const exchangeAppId = '00000002-0000-0ff1-ce00-000000000000';
const managementAppId = 'c5393580-f805-4401-95e8-94b7a6ef2fc2';

interface Resource {
  readonly resource: string;
  readonly outcome: string;
}
interface Document {
  readonly [count: string]: unknown;
  readonly tenants: readonly {
    readonly tenantId: string;
    readonly name: string;
    readonly outcome: string;
    readonly code?: string;
    readonly detail?: string;
    readonly nextStep?: string;
    readonly resources?: readonly Resource[];
  }[];
}

export interface CustomerBench {
  readonly operator: TestOperator;
  readonly line: CommandLine;
  readonly tenantIds: readonly string[];
  /** Runs `ptb tenants consent` and reads its JSON document. */
  consent(...args: readonly string[]): Promise<Ended & { readonly document: Document }>;
  /** The grants of the application `default` in a customer: application id of the resource → scopes. */
  grantsIn(tenantId: string): Readonly<Record<string, readonly string[]>>;
  /** Customers that Partner Center was asked to change, sorted. */
  requested(method: 'DELETE' | 'POST'): readonly string[];
  stop(): Promise<void>;
}

/**
 * Customers of an application that is set up and has a service account, but no consent in any of them, as after
 * `ptb setup` and `ptb consent`. The folder of the command line has two profiles: `more.json` adds a permission of Microsoft
 * Graph to `gdap`, and `management.json` names another resource.
 */
export async function startCustomers(options: CloudOptions): Promise<CustomerBench> {
  const operator = await startOperator({ ...options, settings: { consentPropagationMs: 300, ...options.settings } });
  const { cloud } = operator;
  const { clientId } = await runSetup(await operator.setupDeps(), operator.setupOptions());
  await operator.consent(browser(cloud));
  const line = await openCommandLine(operator);
  const { profiles } = await import('../../../src/lib/consent/permissions.ts');
  const gdap = profiles.gdap.resources.map(({ appId, scopes }) => ({
    appId,
    scopes: scopes.map(({ value }) => value),
  }));
  const more = gdap.map((each) =>
    each.appId === graphAppId ? { ...each, scopes: [...each.scopes, 'Group.Read.All'] } : each,
  );
  const management = [{ appId: managementAppId, scopes: ['ActivityFeed.Read'] }];
  await writeFile(join(line.folder, 'more.json'), JSON.stringify({ name: 'more', resources: more }));
  await writeFile(join(line.folder, 'management.json'), JSON.stringify({ name: 'management', resources: management }));
  return {
    operator,
    line,
    tenantIds: cloud.document.tenants.map(({ tenantId }) => tenantId),
    consent: async (...args) => {
      const ended = await line.ptb(['tenants', 'consent', '--json', ...args]);
      return { ...ended, document: JSON.parse(ended.stdout || '{"tenants":[]}') as Document };
    },
    grantsIn: (tenantId) => {
      const directory = cloud.world.directoryOf(cloud.world.findCustomer(tenantId)!);
      const principal = directory.servicePrincipalOf(clientId);
      const grants = [...directory.permissionGrants.values()].filter((grant) => grant.clientId === principal?.id);
      return Object.fromEntries(
        grants.map(({ resourceId, scope }) => [
          directory.servicePrincipals.get(resourceId)?.appId ?? '',
          scope.split(' ').toSorted(),
        ]),
      );
    },
    requested: (method) =>
      cloud.ledger
        .read()
        .requests.filter((each) => each.method === method && each.path.includes('/applicationconsents'))
        .map(({ path }) => path.split('/')[3] ?? '')
        .toSorted(),
    stop: async () => {
      await line.close();
      await operator.stop();
    },
  };
}
