/** Writes docs/permissions.md from the profiles in src/lib/setup/permissions.ts. A test fails when the two differ. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Permission,
  type ProfileName,
  profileNames,
  profiles,
  signInScopes,
} from '../../src/lib/setup/permissions.ts';

const says: Readonly<Record<ProfileName, string>> = {
  gdap: 'What the directory of tenants, the built-in jobs and the resources of the broker need. `ptb setup` uses it for a new application unless told otherwise. It contains the list of `legacy`, so that scripts of the published method find what they had.',
  legacy: 'The list of the published secure application model script, neither more nor less.',
};

const rows = (kind: string, permissions: readonly Permission[]): string[] =>
  permissions.map(({ id, value, reason }) => `| ${kind} | \`${value}\` | \`${id}\` | ${reason} |`);

function profileSection(name: ProfileName): string {
  const resources = profiles[name].resources.map(({ appId, name: resource, scopes, roles }) =>
    [
      `### ${resource} in \`${name}\``,
      '',
      `Application id \`${appId}\`.`,
      '',
      '| kind | permission | id | why |',
      '|---|---|---|---|',
      ...rows('delegated', scopes),
      ...rows('application', roles),
      '',
    ].join('\n'),
  );
  return [`## Profile \`${name}\``, '', says[name], '', ...resources].join('\n');
}

const introduction = `# Permissions

<!-- Written by tools/write-permission-docs.ts from src/lib/setup/permissions.ts. Do not edit by hand. -->

\`ptb setup --profile NAME\` gives the broker's application exactly the permissions of a profile, consents to them in the
partner tenant, and takes back what was granted beyond them. Delegated permissions are what the service account may do
through the application, and never more than its GDAP roles allow in a customer's tenant; application permissions are
what the application may do by itself in the partner tenant.

Without \`--profile\` an application that is there keeps what is registered with it. So after a release that adds to a
profile, and to change one, name the profile again.

Beside the profile, ${signInScopes.map((scope) => `\`${scope}\``).join(', ')} are consented for Microsoft Graph: without them nobody can sign in and no refresh token is
issued.
`;

const profileFiles = `## A profile of your own

Entra puts every scope that an application was consented to into its tokens, whatever is asked for. Least privilege is
therefore had by several applications, each with its own refresh token, and by policy rules that name one of them.

\`\`\`json
{
  "name": "reader",
  "resources": [
    { "appId": "00000003-0000-0000-c000-000000000000", "scopes": ["User.Read.All", "Organization.Read.All"] }
  ]
}
\`\`\`

\`\`\`sh
ptb setup --application reader --profile reader.json
ptb consent --application reader
ptb tenants consent --application reader
\`\`\`

The application \`default\` must be set up before: customers are listed and consented to with its token.

\`scopes\` are delegated, \`roles\` application permissions, by value or by id. Each is looked up at the resource's service
principal in the partner tenant, so that a misspelt one is found before anything is changed.

Without \`Application.ReadWrite.OwnedBy\` of Microsoft Graph among the roles the application cannot renew its own secret
or certificate: \`ptb setup --application reader\` does, in its last 30 days, or \`--credential federated\` makes it
needless ([credential.md](credential.md#which-client-credential)).
`;

export const permissionDocs = (): string =>
  [introduction, ...profileNames.map(profileSection), profileFiles].join('\n');

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, '../../docs/permissions.md'), permissionDocs());
}
