import { partnerMap } from 'graph-permissions/partner-table';
import { requestPermissions } from '../../packages/microsoft-cloud/test/usual-request-permissions.ts';
import { type UsualRequest, usualRequests } from '../../packages/microsoft-cloud/src/recording/usual-requests.ts';

const answers: Readonly<Record<UsualRequest['answer'], string>> = {
  data: 'data',
  list: 'data, or empty where the tenant has none',
  file: 'redirect to a CSV file',
};

const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(' ');

/** The permissions that only read, or all if there is none. */
function reading(names: readonly string[]): readonly string[] {
  const found = names.filter((name) => name.includes('.Read') && !name.includes('.ReadWrite'));
  return found.length === 0 ? names : found;
}

function permissionsOf(request: string): string {
  const graphPermissions = { map: partnerMap, table: () => ({ scopes: {}, roles: {} }) };
  const { oneOf, properties } = requestPermissions({ graphPermissions }, request, 'delegated');
  const more = properties.map((each) => `, and for \`${each.property}\` ${code(reading(each.oneOf))}`);
  return `${code(reading(oneOf))}${more.join('')}`;
}

const rowOf = ({ what, request, answer, isAdvanced }: UsualRequest): string =>
  `| ${what} | \`GET ${request.replaceAll('|', '\\|')}\`${isAdvanced === true ? ' with `ConsistencyLevel: eventual`' : ''} | ${permissionsOf(request)} | ${answers[answer]} |`;

/** `packages/microsoft-cloud/requests.md`: how the simulated Graph answers the usual requests of reports. */
export const graphRequests = (): string => `# Usual requests of reports

What reports of partners usually ask Microsoft Graph, and how the simulated cloud answers. Each row is a test
(\`test/unit/graph/usual-requests.test.ts\`): the request is answered with every permission in a tenant that has
Microsoft 365 E5, and refused without a permission. One of the permissions is enough, except where a property needs one
more; \`A+B\` stands for both. The least privileged one is the first, where Microsoft names it. Permissions that also write
are left out. Written by \`npm run docs\`.

| what | request | delegated permission, one of | answer |
|---|---|---|---|
${usualRequests.map(rowOf).join('\n')}
`;
