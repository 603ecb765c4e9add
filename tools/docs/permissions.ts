import {
  type Permission,
  type ProfileName,
  profileNames,
  profiles,
  signInScopes,
} from '../../src/lib/consent/permissions.ts';

const descriptions: Readonly<Record<ProfileName, string>> = {
  gdap: 'What the tenant directory, the built-in jobs and the resources of the broker need. `ptb setup` uses this profile for a new application unless you name another. It leaves out Azure AD Graph, which Microsoft retired on 2025-08-31.',
  reader:
    'For a second application that can only read: the least permissions that the built-in reports need. The permission for Partner Center is used in the partner tenant to consent to the application in customer tenants.',
  legacy:
    'Exactly the permissions of the published secure application model script. Azure AD Graph is retired: applications created since September 2024 cannot use it. Choose this profile only for scripts of the published method that you cannot change yet.',
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
  return [`## Profile \`${name}\``, '', descriptions[name], '', ...resources].join('\n');
}

const introduction = `# Permissions

<!-- Written by \`npm run docs\` from src/lib/consent/permissions.ts. Do not edit by hand. -->

Run \`ptb\` as \`npx ptb\` in a clone that was built with \`npm ci && npm run build\`.

\`ptb setup --profile NAME\` gives one of the broker's applications exactly the permissions of a profile. The
command consents to them in the partner tenant and removes grants beyond them. Delegated permissions limit what the
service account may do through the application; in a customer tenant its GDAP roles limit it further. Application
permissions are what the application may do by itself in the partner tenant. Partner Center cannot consent to them in
customer tenants.

In customer tenants, [\`ptb tenants consent\`](consent.md) consents to the delegated
permissions, without those for Partner Center, which is called with tokens of the partner tenant only.

Without \`--profile\`, an existing application keeps its registered permissions. To change the profile, or to adopt
permissions that a release added to it, name the profile again.

In addition to the profile, ${signInScopes.map((scope) => `\`${scope}\``).join(', ')} are consented for Microsoft Graph. Without
them nobody can sign in and Entra issues no refresh token.
`;

const profileFiles = `## Your own profile

Entra puts every scope that an application was consented to into its tokens, whatever the request names. To limit what
tokens can do ([why](policy.md#scopes)), set up several applications, each with its own refresh token, and name one of
them in each policy rule.

\`\`\`json
{
  "name": "users",
  "resources": [
    { "appId": "00000003-0000-0000-c000-000000000000", "scopes": ["User.Read.All", "Organization.Read.All"] },
    { "appId": "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", "scopes": ["user_impersonation"] }
  ]
}
\`\`\`

\`\`\`sh
ptb setup --application users --profile users.json
ptb consent --application users
ptb tenants consent --application users
\`\`\`

Set up the application \`default\` first: its token lists the customers, and reads the consent of an application that lacks
\`Directory.Read.All\`. The second resource in the example is Partner Center. It accepts a consent only with a token of the
application that is consented, so leave it out only if the application is consented in another way.

\`scopes\` are delegated permissions and \`roles\` are application permissions, each by value or by id. \`ptb setup\`
looks each up at the resource's service principal in the partner tenant, so that it reports a misspelt permission before
it changes anything.

If the roles do not include \`Application.ReadWrite.OwnedBy\` of Microsoft Graph, the application cannot renew its own
secret or certificate. Run \`ptb setup --application users\` in the last 30 days of the credential, or use
\`--credential federated\`, which needs no renewal ([credential.md](credential.md#which-client-credential)).
`;

/** docs/permissions.md: the permissions of each profile. */
export const permissionDocs = (): string =>
  [introduction, ...profileNames.map(profileSection), profileFiles].join('\n');
