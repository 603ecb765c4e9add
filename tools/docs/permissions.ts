import {
  type Permission,
  type ProfileName,
  profileNames,
  profiles,
  signInScopes,
} from '../../src/lib/consent/permissions.ts';

const descriptions: Readonly<Record<ProfileName, string>> = {
  gdap: 'What the tenant directory, the built-in jobs and the resources of the broker need: the default for a new application. It leaves out Azure AD Graph, which Microsoft retired on 2025-08-31.',
  reader: 'For a second application that can only read: the least permissions that the built-in reports need.',
  changes:
    'Those of `gdap`, and what the built-in [change jobs](changes.md) write: for an application whose plans are applied. The audit log names each write.',
  legacy:
    'Exactly the permissions of the published secure application model script, for scripts that you cannot change yet. Applications created since September 2024 cannot use Azure AD Graph.',
};

const lines = (kind: string, permissions: readonly Permission[]): string[] =>
  permissions.map(({ id, value, reason }) => `- \`${value}\` (${kind}, \`${id}\`): ${reason}`);

function profileSection(name: ProfileName): string {
  const resources = profiles[name].resources.map(({ appId, name: resource, scopes, roles }) =>
    [
      `### ${resource} in \`${name}\``,
      '',
      `Application id \`${appId}\`.`,
      '',
      ...lines('delegated', scopes),
      ...lines('application', roles),
      '',
    ].join('\n'),
  );
  return [`## Profile \`${name}\``, '', descriptions[name], '', ...resources].join('\n');
}

const introduction = `# Permissions

<!-- Written by \`npm run docs\` from src/lib/consent/permissions.ts. Do not edit by hand. -->

\`ptb setup --permissions NAME\` gives one of the broker's applications exactly the permissions of a profile, consents to them in
the partner tenant and removes grants beyond them. Without \`--permissions\`, an existing application keeps its permissions: name
the profile again to change it, or to adopt permissions that a release added.

Delegated permissions limit what the service account may do through the application; in a customer tenant its GDAP roles limit
it further, and [\`ptb tenants consent\`](consent.md) consents to them, except those for Partner Center. Application
permissions are what the application may do by itself in the partner tenant; Partner Center cannot consent to them in
customer tenants.

In addition, ${signInScopes.map((scope) => `\`${scope}\``).join(', ')} are consented for Microsoft Graph: without them nobody can sign in and
Entra issues no refresh token.
`;

const profileFiles = `## Your own profile

A token carries every scope that its application was consented to. To limit tokens ([why](policy.md#scopes)), set up several
applications, each with its own refresh token, and name one of them in each policy rule.

\`\`\`json
{
  "name": "users",
  "resources": [
    { "appId": "00000003-0000-0000-c000-000000000000", "scopes": ["User.Read.All", "Group.Read.All"] },
    { "appId": "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", "scopes": ["user_impersonation"] }
  ]
}
\`\`\`

\`\`\`sh
ptb setup --application users --permissions users.json
ptb consent --application users
ptb tenants consent --application users
\`\`\`

The other applications of the [sample policy](../access-policy.sample.json) differ in the scopes of Microsoft Graph:

- \`licences\`: \`Organization.Read.All\`
- \`changes\`: \`User.ReadWrite.All\`, and to look up administrators \`Directory.Read.All\`, \`RoleManagement.Read.Directory\`

Notes:

- Set up \`default\` first: its token lists the customers, and reads the consent of an application that lacks
  \`Directory.Read.All\`.
- The second resource is Partner Center. It accepts a consent only with a token of the application that is consented.
- \`scopes\` are delegated permissions and \`roles\` application permissions, by value or id. \`ptb setup\` names each wrong
  one, with the nearest right one, before it changes anything.
- The manifest of another application, or its \`requiredResourceAccess\` alone, serves as well, such as what CIPP and MspGdap
  publish. \`ptb tenants consent --check\` then names what a customer has not consented to, and what is too much.
- Without \`Application.ReadWrite.OwnedBy\` of Microsoft Graph, the application cannot renew its own secret or certificate. Run
  \`ptb setup --application users\` in its last 30 days, or use
  [\`--credential federated\`](credential.md#which-client-credential).
`;

/** docs/permissions.md: the permissions of each profile. */
export const permissionDocs = (): string =>
  [introduction, ...profileNames.map(profileSection), profileFiles].join('\n');
