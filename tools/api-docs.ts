import { failuresOf } from '../src/lib/api/openapi.ts';
import { createSchemaCollector, type JsonSchema } from '../src/lib/api/json-schema.ts';
import type { Route } from '../src/lib/api/route.ts';
import { samplesOf } from '../src/lib/api/samples.ts';

const introduction = `# API

Every route, with examples in curl, PowerShell and TypeScript; the tests run them. The running app serves the same as a page at \`/api/docs\`, and as OpenAPI 3.1 at \`/api/openapi.json\` ([openapi.json](openapi.json)). Both files are produced from \`src/lib/api\` by \`node tools/write-openapi.ts\`.

## A caller's token

A caller proves itself with an Entra access token for the broker's own application, and may do what the app roles in it allow: \`Tokens.Request\`, \`Tenants.Read\`, \`Runs.Read\`, \`Runs.Write\`, \`Audit.Read\`. Which tokens it then gets is up to the [access policy](policy.md). The examples take the token from \`CALLER_TOKEN\` and the address of the function app (without \`/api\`) from \`BROKER_URL\`:

\`\`\`sh
export BROKER_URL=https://NAME.azurewebsites.net
export CALLER_TOKEN=$(az account get-access-token --resource api://BROKER --query accessToken --output tsv)
\`\`\`

\`\`\`powershell
$env:BROKER_URL = 'https://NAME.azurewebsites.net'
$env:CALLER_TOKEN = az account get-access-token --resource api://BROKER --query accessToken --output tsv
\`\`\`

\`api://BROKER\` is the App ID URI of the broker's application. A person gets a token where that application authorizes the Azure CLI and the person has an app role in it; for \`POST /api/tokens\` a policy rule must name the Azure CLI as well. [deploy.md](deploy.md) does all three.

A function or service in Azure uses its managed identity and needs no secret: with TypeScript, [clients/typescript](../clients/typescript/README.md) does both steps, the caller's token and the broker's, behind \`TokenCredential\`, so that any Azure or Graph SDK can use it. With PowerShell, see [powershell.md](powershell.md). Against the simulated cloud of \`npm start\`, see the [README](../README.md).

## What all answers have in common

- \`x-correlation-id\` finds the request in the log; a caller may send one of its own, a GUID.
- A failure is \`application/problem+json\` (RFC 9457): \`type title status detail code advice correlationId retryAfterSeconds\`. Switch on \`code\`, one of [a closed set](errors.md), never on text.
- \`Retry-After\` says when the same request may work. 429 means that the caller sends too much; 503 that Microsoft, Key Vault, storage or the credential is at fault.
- Times are ISO 8601 in UTC. Answers may get new properties without notice: ignore those that you do not know.
- Bodies are JSON, 64 KiB at most (512 KiB to start a run), and checked strictly: an unknown property is refused.
`;

/** docs/api.md: every route for people. */
export function apiDocs(routes: readonly Route[]): string {
  const groups = Map.groupBy(routes, ({ group }) => group);
  const parts = [...groups].flatMap(([group, members]) => [`## ${group}`, ...members.map(section)]);
  return `${[introduction.trimEnd(), ...parts].join('\n\n')}\n`;
}

function section(route: Route): string {
  const { method, path, summary, description, access, group } = route;
  return [
    `### ${method} /api${path}`,
    `${summary}. ${description}`,
    accessText(access),
    ...parameters(route),
    ...body(route),
    ...(group === 'Pages'
      ? []
      : samplesOf(route).map(({ lang, source }) => `\`\`\`${fences[lang]}\n${source}\n\`\`\``)),
    ...answers(route),
    `Failures: ${failuresOf(route)
      .map((code) => `[\`${code}\`](errors.md#${code})`)
      .join(', ')}.`,
  ].join('\n\n');
}

const fences = { Shell: 'sh', PowerShell: 'powershell', TypeScript: 'ts' } as const;

function accessText(access: Route['access']): string {
  if (access === 'anonymous') return 'For anybody.';
  return access === 'optional' ? 'For anybody; says more to a caller.' : `App role \`${access}\`.`;
}

function parameters(route: Route): string[] {
  const path = Object.entries(route.pathParameters ?? {}).map(([name, { description }]) => [name, 'path', description]);
  const query = route.query === undefined ? {} : createSchemaCollector().input(route.query);
  const rows = [...path, ...propertiesOf(query).map(([name, schema]) => [name, 'query', describe(schema)])];
  return rows.length === 0 ? [] : [table(['parameter', 'in', 'meaning'], rows)];
}

function body(route: Route): string[] {
  if (route.body === undefined) return [];
  const schema = createSchemaCollector().input(route.body.schema);
  const required = (schema['required'] ?? []) as readonly string[];
  const rows = propertiesOf(schema).map(([name, property]) => [
    name,
    required.includes(name) ? 'yes' : 'no',
    describe(property),
  ]);
  return [table(['property of the body', 'required', 'meaning'], rows)];
}

const propertiesOf = (schema: JsonSchema): readonly (readonly [string, JsonSchema])[] =>
  Object.entries((schema['properties'] ?? {}) as Record<string, JsonSchema>);

function describe(schema: JsonSchema): string {
  const values = schema['enum'] as readonly string[] | undefined;
  return [
    typeof schema['description'] === 'string' ? schema['description'] : '',
    values === undefined ? '' : `One of ${values.map((value) => `\`${value}\``).join(', ')}.`,
    schema['default'] === undefined ? '' : `If absent: \`${JSON.stringify(schema['default'])}\`.`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function answers(route: Route): string[] {
  return route.answers.flatMap(({ status, description, contents }) => {
    const shown = contents.find(({ example }) => example !== undefined);
    if (shown === undefined) return [`${status}: ${description}`];
    const text = typeof shown.example === 'string' ? shown.example : JSON.stringify(shown.example, null, 2);
    return [
      `${status}: ${description}`,
      `\`\`\`${shown.mediaType === 'application/json' ? 'json' : ''}\n${text.trimEnd()}\n\`\`\``,
    ];
  });
}
