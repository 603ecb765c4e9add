import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostLog } from '../runtime/host-log.ts';
import type { Registry } from './registry.ts';
import type { FunctionMetadata } from './rpc.ts';

const supportedTriggers = new Set([
  'httptrigger',
  'timertrigger',
  'orchestrationtrigger',
  'activitytrigger',
  'entitytrigger',
]);
const supportedBindings = new Set(['http', 'durableclient', 'orchestrationclient']);

/** Logs a warning for everything that the app uses and the host does not have. */
export function warnOfUnsupported(registry: Registry, appFolder: string, log: HostLog): void {
  for (const { metadata } of registry.functions.values()) warnOfBindings(metadata, log);
  const [oldFunction] = globSync('*/function.json', { cwd: appFolder }).toSorted();
  if (oldFunction !== undefined) {
    const advice = 'Register the function in code (v4 model: app.http, app.timer and others).';
    log('warning', 'system', `The host ignores ${oldFunction}: function.json belongs to the v3 model. ${advice}`);
  }
  const version = installedVersion(appFolder, 'durable-functions');
  if (version !== undefined && breaksOnThisNode(version)) log('warning', 'system', oldLibrary(version));
}

function warnOfBindings({ name: functionName, bindings }: FunctionMetadata, log: HostLog): void {
  for (const [name, { type, direction }] of Object.entries(bindings)) {
    const kind = type.toLowerCase();
    if (supportedTriggers.has(kind) || supportedBindings.has(kind)) continue;
    const effect = kind.endsWith('trigger')
      ? `Run the function with POST /admin/functions/${functionName}.`
      : direction === 'out'
        ? `The output "${name}" has no effect.`
        : `The input "${name}" is undefined.`;
    log('warning', 'system', `The host does not support ${type}. ${effect}`, functionName);
  }
}

function installedVersion(appFolder: string, library: string): string | undefined {
  const path = join(appFolder, 'node_modules', library, 'package.json');
  if (!existsSync(path)) return undefined;
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { version?: string }).version;
  } catch {
    return undefined;
  }
}

/** Node.js 23 removed `util.isDate`, which durable-functions 3.2 and earlier call in every orchestration. */
const nodeMajor = Number(process.versions.node.split('.')[0]);
function breaksOnThisNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return nodeMajor >= 23 && (major < 3 || (major === 3 && minor <= 2));
}

const oldLibrary = (version: string): string =>
  `durable-functions ${version} does not work with Node.js ${process.versions.node}, which has no util.isDate. Update durable-functions to 3.3 or later.`;

/** Advice to add to the error of a function, or an empty text. A bundled library has no version that could be read. */
export const adviceFor = (message: string): string =>
  /isDate is not a function/.test(message)
    ? ' Node.js 23 and later have no util.isDate. Update durable-functions to 3.3 or later.'
    : '';
