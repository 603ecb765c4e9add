import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { bicepProgram, hasBicep } from '../../../tools/get-bicep.ts';
import { projectRoot } from '../../paths.ts';

export const templateFile = join(projectRoot, 'infra/main.bicep');

const run = promisify(execFile);

/** Whether the compiler is installed. */
export const bicepIsInstalled = await hasBicep();

/** Why the tests of the templates are skipped. Undefined if they run. */
export const noBicep = bicepIsInstalled
  ? undefined
  : 'There is no Bicep compiler at .local/tools. `node tools/get-bicep.ts` installs it';
if (noBicep !== undefined) console.warn(`Skipped: ${noBicep}.`);

/** Runs the compiler. @returns Its output; `failed` is true if it exits with an error. */
export async function bicep(...args: string[]): Promise<{ stdout: string; stderr: string; failed: boolean }> {
  try {
    return { ...(await run(bicepProgram, args, { maxBuffer: 64 * 1024 * 1024 })), failed: false };
  } catch (error) {
    const { stdout = '', stderr = String(error) } = error as { stdout?: string; stderr?: string };
    return { stdout, stderr, failed: true };
  }
}

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
  return predict(join(projectRoot, 'infra/app/alerts.bicep'), { ...resources, ...rest, identityPrincipalId }, [
    '--resource-group',
    'try',
  ]);
}

async function predict(
  template: string,
  parameters: Readonly<Record<string, unknown>>,
  options: readonly string[] = [],
): Promise<readonly Resource[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bicep-'));
  try {
    const file = join(folder, 'try.bicepparam');
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
    const lines = given.map(([name, value]) => `param ${name} = ${literal(value)}`);
    await writeFile(file, [`using '${relative(folder, template)}'`, ...lines, ''].join('\n'));
    const place = '--location westeurope --tenant-id 11111111-1111-1111-1111-111111111111';
    const target = '--subscription-id 22222222-2222-2222-2222-222222222222 --deployment-name try';
    const all = ['--mode', 'overwrite', ...place.split(' '), ...target.split(' '), ...options];
    const outcome = await bicep('snapshot', file, ...all);
    if (outcome.failed) throw new Error(outcome.stderr);
    const snapshot = JSON.parse(await readFile(join(folder, 'try.snapshot.json'), 'utf8')) as {
      predictedResources: Resource[];
    };
    return snapshot.predictedResources;
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
