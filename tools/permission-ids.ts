/**
 * Writes the table of `packages/graph-permissions/src/permission-ids.ts` from two files of
 * microsoftgraph/microsoft-graph-devx-content, `permissions/new`: `node tools/permission-ids.ts permissions.json
 * provisioningInfo.json`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Scheme = 'DelegatedWork' | 'Application';

interface Permissions {
  readonly permissions: Readonly<
    Record<
      string,
      {
        readonly authorizationType: 'oAuth2' | 'RSC';
        readonly schemes: Readonly<Partial<Record<Scheme, { readonly requiresAdminConsent: boolean }>>>;
      }
    >
  >;
}

interface Deployment {
  readonly id?: string;
  readonly scheme: string;
  /** Clouds, separated by `;`. Empty for some permissions that the public cloud has. */
  readonly environment?: string;
  readonly isHidden?: boolean;
  readonly isEnabled?: boolean;
}

interface Provisioning {
  readonly permissionDeployments: Readonly<Record<string, readonly Deployment[]>>;
}

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The constraint of permissions that are given for one team, chat or user ("Resource-specific consent"). */
const resourceSpecific = /\.(?:Group|Chat|User)$/;

/** The lines of the table, sorted by name. */
export function permissionLines({ permissions }: Permissions, { permissionDeployments }: Provisioning): string[] {
  const names = new Set([...Object.keys(permissions), ...Object.keys(permissionDeployments)]);
  return [...names].toSorted().flatMap((name) => {
    const entry = permissions[name];
    const idOf = (scheme: Scheme): string | undefined => {
      const isListed = entry?.authorizationType === 'oAuth2' && entry.schemes[scheme] !== undefined;
      const candidates = (permissionDeployments[name] ?? []).filter(
        (each) => each.scheme === scheme && guid.test(each.id ?? '') && (isListed || isVisible(name, each)),
      );
      // A permission may be deployed to other clouds under another id.
      return (candidates.find(isPublic) ?? (isListed ? candidates[0] : undefined))?.id;
    };
    if (entry?.authorizationType === 'RSC') return [];
    const [scope, role] = [idOf('DelegatedWork'), idOf('Application')];
    if (scope === undefined && role === undefined) return [];
    const mark = entry?.schemes.DelegatedWork?.requiresAdminConsent === false ? '*' : '';
    return [`${name} ${scope === undefined ? '-' : scope + mark} ${role ?? '-'}`];
  });
}

const isPublic = ({ environment = '' }: Deployment): boolean => environment.toLowerCase().split(';').includes('public');

/** Shown to administrators who look for a permission. */
const isVisible = (name: string, deployment: Deployment): boolean =>
  !resourceSpecific.test(name) &&
  isPublic(deployment) &&
  deployment.isHidden === false &&
  deployment.isEnabled === true;

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

if (import.meta.main) {
  const [permissions = '', provisioning = ''] = process.argv.slice(2);
  const lines = permissionLines(readJson(permissions) as Permissions, readJson(provisioning) as Provisioning);
  const file = join(import.meta.dirname, '../packages/graph-permissions/src/permission-ids.ts');
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace(/(const table = `\n)[^`]*/, (_whole, start: string) => `${start}${lines.join('\n')}\n`),
  );
  console.log(`${lines.length} permissions`);
}
