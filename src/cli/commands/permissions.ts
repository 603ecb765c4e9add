import { type Command, Option } from 'commander';
import type { StoredMap } from '../../lib/judge/stored-map.ts';
import type { Requirement } from '../../lib/judge/judge.ts';
import { graphPath, publicGraphHost } from '../../lib/core/resources.ts';
import { type Grant, grants } from '../../lib/core/secrets.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import { print } from '../sign-in/output.ts';

interface Flags {
  readonly json?: true;
}

/** `ptb permissions`: the map from permissions to requests, by which the gateway judges. */
export function registerPermissions(program: Command): void {
  const permissions = program
    .command('permissions')
    .description('Show and load the map from Microsoft Graph permissions to requests, by which the gateway judges.');
  permissions
    .command('show', { isDefault: true })
    .description('Show which map is in force; with a method and a path, which permissions open the request.')
    .argument('[method]', 'GET, POST, PATCH, PUT or DELETE')
    .argument('[path]', 'path with query, for example /users?$expand=manager')
    .addOption(new Option('--grant <grant>', 'kind of permissions').choices(grants).default('delegated'))
    .option('--json', 'one JSON document')
    .action(show);
  permissions
    .command('update')
    .description("Load Microsoft's published permission file, check it and put it in force.")
    .option('--file <file>', 'read this file in place of GRAPH_PERMISSIONS_URL')
    .option('--json', 'one JSON document')
    .action(update);
  permissions
    .command('rollback')
    .description('Put the map back in force that the last update replaced.')
    .option('--json', 'one JSON document')
    .action(rollBack);
}

async function show(
  method: string | undefined,
  path: string | undefined,
  { grant, json }: Flags & { grant: Grant },
): Promise<void> {
  const { findMap } = await import('../permissions/map-location.ts');
  const { storedMap } = await import('../permissions/update-map.ts');
  const { partnerMap } = await import('graph-permissions/partner-table');
  const { blobs } = await findMap(process.env);
  const stored = blobs && (await storedMap(blobs));
  const map = stored?.map ?? partnerMap();
  if (method === undefined) {
    const document = { source: 'built-in', ...stored?.origin, permissions: map.permissions.length };
    return print(json, document, describe(stored, map.permissions.length));
  }
  if (path === undefined) throw new UsageError('Give a path after the method, such as /users.');
  const { requiredPermissions } = await import('../../lib/judge/judge.ts');
  const url = graphPath(path);
  const request = { method: method.toUpperCase(), url, body: undefined };
  const required = requiredPermissions(map, request, { scheme: grant, host: publicGraphHost });
  print(json, { method: request.method, url, grant, ...required }, [
    ...requirementLines(`${request.method} ${url}`, required),
    ...(hasBody(request.method) ? [bodyNote] : []),
  ]);
  if (!required.opened) throw new CommandOutcome(exitCodes.failure);
}

const hasBody = (method: string): boolean => ['POST', 'PATCH', 'PUT'].includes(method);
const bodyNote =
  'The body may need more, such as the type of an object that it creates: `ptb policy test --request --body` judges both.';

const describe = (stored: StoredMap | undefined, count: number): readonly string[] =>
  stored === undefined
    ? [
        `In force: the table of the project, with ${count} permissions for the requests that partners send most.`,
        "`ptb permissions update` loads Microsoft's published file.",
      ]
    : [
        `In force: ${stored.origin.source}`,
        `  read         ${stored.origin.retrievedAt}`,
        `  SHA-256      ${stored.origin.sha256}`,
        `  permissions  ${count}`,
      ];

function requirementLines(request: string, required: Requirement): readonly string[] {
  if (!required.opened) return [`Nothing opens ${request}: ${required.reason}`];
  return required.anyOf.length > 0
    ? [`Each of these opens ${request}:`, ...required.anyOf.map((name) => `  ${name}`)]
    : [`${request} needs several permissions together, for example:`, ...required.together.map((name) => `  ${name}`)];
}

async function update({ file, json }: Flags & { file?: string }): Promise<void> {
  const { requireMap } = await import('../permissions/map-location.ts');
  const { updateMap } = await import('../permissions/update-map.ts');
  const { blobs, publishedUrl } = await requireMap(process.env);
  const deps = { blobs, fetch: globalThis.fetch, nowMs: () => Date.now() };
  const { origin, permissions, added, removed, skippedPaths, unchanged } = await updateMap(
    deps,
    file === undefined ? { url: publishedUrl } : { file },
  );
  print(json, { ...origin, permissions, added, removed, skippedPaths, unchanged }, [
    unchanged ? 'This file is in force already.' : `In force within a minute: ${origin.source}`,
    `  read         ${origin.retrievedAt}`,
    `  SHA-256      ${origin.sha256}`,
    `  permissions  ${permissions} (${added.length} new, ${removed.length} gone)`,
    `  left out     ${skippedPaths.length} paths that the gateway refuses`,
    ...(removed.length > 0 ? [`Gone: ${removed.join(', ')}`] : []),
    ...(unchanged ? [] : ['`ptb permissions rollback` undoes this.']),
  ]);
}

async function rollBack({ json }: Flags): Promise<void> {
  const { requireMap } = await import('../permissions/map-location.ts');
  const { readStoredMap } = await import('../../lib/judge/stored-map.ts');
  const { blobs } = await requireMap(process.env);
  const rolledBack = await blobs.rollBack();
  if (rolledBack === undefined) {
    print(json, { source: 'built-in', unchanged: true }, ['There is nothing to roll back: no file was ever loaded.']);
    return;
  }
  const stored = rolledBack === 'built-in' ? undefined : readStoredMap(rolledBack.text);
  const { partnerMap } = await import('graph-permissions/partner-table');
  const { permissions } = stored?.map ?? partnerMap();
  const document = { source: 'built-in', ...stored?.origin, permissions: permissions.length };
  print(json, document, [...describe(stored, permissions.length), 'Rolling back again undoes this.']);
}
