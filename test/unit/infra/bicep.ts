import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { bicepProgram, hasBicep } from '../../../tools/get-bicep.ts';
import { projectRoot } from '../../paths.ts';
import { type BicepServer, startBicep } from './bicep-server.ts';

export const templateFile = join(projectRoot, 'infra/main.bicep');

/** Why the tests of the templates are skipped. Undefined if they run. */
export const noBicep = (await hasBicep())
  ? undefined
  : 'There is no Bicep compiler at .local/tools. `node tools/get-bicep.ts` installs it';
if (noBicep !== undefined) console.warn(`Skipped: ${noBicep}.`);

let compiler: BicepServer | undefined;
/** One compiler for all test files of a worker, because each start compiles the .NET program again. */
const ask = <T>(method: string, parameters: object): Promise<T> =>
  (compiler ??= startBicep(bicepProgram)).ask<T>(`bicep/${method}`, parameters);

export interface Compilation {
  readonly success: boolean;
  /** What the compiler and its linter report, of every level. */
  readonly diagnostics: readonly { readonly level: string; readonly code: string; readonly message: string }[];
  /** The template as JSON. */
  readonly contents: string;
}

export const compile = (path: string): Promise<Compilation> => ask('compile', { path });

export interface Resource {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly apiVersion: string;
  readonly scope?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly [more: string]: unknown;
}

/** The resources of a deployment with these parameters, which the compiler predicts without Azure. */
export function evaluate(parameters: Readonly<Record<string, unknown>>): Promise<readonly Resource[]> {
  return predict(templateFile, { environmentName: 'try', location: 'westeurope', operatorObjectId: '', ...parameters });
}

/** The alert rules, for an app whose managed identity has this object id. */
export function evaluateAlerts(identityPrincipalId: string): Promise<readonly Resource[]> {
  const resources = { rulePrefix: 'sqr-', actionGroupName: 'ag', workspaceId: '/workspace' };
  const rest = { location: 'westeurope', tags: {}, email: 'operator@example.com' };
  return predict(
    join(projectRoot, 'infra/app/alerts.bicep'),
    { ...resources, ...rest, identityPrincipalId },
    {
      resourceGroup: 'try',
    },
  );
}

const tenantId = '11111111-1111-1111-1111-111111111111';
const subscriptionId = '22222222-2222-2222-2222-222222222222';

async function predict(
  template: string,
  parameters: Readonly<Record<string, unknown>>,
  target: object = {},
): Promise<readonly Resource[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bicep-'));
  try {
    const file = join(folder, 'try.bicepparam');
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
    const lines = given.map(([name, value]) => `param ${name} = ${literal(value)}`);
    await writeFile(file, [`using '${relative(folder, template)}'`, ...lines, ''].join('\n'));
    const metadata = { location: 'westeurope', tenantId, subscriptionId, deploymentName: 'try', ...target };
    const question = { path: file, metadata, externalInputs: [] };
    const { snapshot } = await ask<{ snapshot: string }>('getSnapshot', question).catch(async (error: unknown) => {
      // The compiler says only that it failed.
      const { diagnostics } = await compile(template);
      throw new Error(`${String(error)}\n${JSON.stringify(diagnostics, undefined, 2)}`);
    });
    return (JSON.parse(snapshot) as { predictedResources: readonly Resource[] }).predictedResources;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[\n${value.map(literal).join('\n')}\n]`;
  if (typeof value === 'object' && value !== null) {
    const lines = Object.entries(value).map(([name, each]) => `${name}: ${literal(each)}`);
    return ['{', ...lines, '}'].join('\n');
  }
  return typeof value === 'string' ? `'${value}'` : String(value);
}
