import { setImmediate } from 'node:timers/promises';
import * as z from 'zod';
import { callerRoles } from '../core/caller.ts';
import { errorTable } from '../core/errors.ts';
import { defined } from '../core/objects.ts';
import { problemSchema } from './answers/shared.ts';
import { type Access, type Content, type DocumentedRoute, failuresOf } from './route.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Converts zod schemas to JSON Schema 2020-12, the dialect of OpenAPI 3.1, and collects those with an id. */
interface SchemaCollector {
  /** The schema of a request: before defaults and transformations. */
  input(schema: z.ZodType): JsonSchema;
  /** The schema of an answer. It allows unknown properties, so that a new property does not break clients. */
  output(schema: z.ZodType): JsonSchema;
  /** The collected schemas by id, in alphabetical order. */
  components(): Readonly<Record<string, JsonSchema>>;
}

function createSchemaCollector(): SchemaCollector {
  const collected = new Map<string, JsonSchema>();
  const convert = (schema: z.ZodType, io: 'input' | 'output'): JsonSchema => {
    // Wrapped in an object, so that an outermost schema with an id becomes a reference too.
    const { properties, $defs = {} } = z.toJSONSchema(z.object({ root: schema }), {
      io,
      override: ({ jsonSchema }) => tidy(jsonSchema, io),
    });
    for (const [id, definition] of Object.entries($defs)) {
      const { id: _id, ...rest } = definition;
      collected.set(id, moveReferences(rest));
    }
    return moveReferences(properties?.['root']);
  };
  return {
    input: (schema) => convert(schema, 'input'),
    output: (schema) => convert(schema, 'output'),
    components: () => Object.fromEntries([...collected].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Removes noise: the bounds of a safe integer and the patterns of known formats. */
function tidy(schema: z.core.JSONSchema.BaseSchema, io: 'input' | 'output'): void {
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.format !== undefined) delete schema.pattern;
  delete schema.propertyNames;
}

const moveReferences = (schema: unknown): JsonSchema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;

/** A request in one language. The documentation shows it and a test runs it. */
interface CodeSample {
  readonly lang: 'Shell' | 'PowerShell' | 'TypeScript';
  readonly label: string;
  readonly source: string;
}

/**
 * The request of a route in curl, PowerShell and TypeScript. The samples read `BROKER_URL` (without `/api`) and
 * `CALLER_TOKEN` from the environment, so that no token ends up in a shell's history.
 */
export function samplesOf(route: DocumentedRoute): readonly CodeSample[] {
  return [
    { lang: 'Shell', label: 'curl', source: curl(route) },
    { lang: 'PowerShell', label: 'PowerShell', source: powerShell(route) },
    { lang: 'TypeScript', label: 'TypeScript', source: typeScript(route) },
  ];
}

/** Path and query with the example values: `/api/jobs/access-check/runs`. */
export function addressOf(route: DocumentedRoute): string {
  const { pathParameters = {}, queryExample = {} } = route;
  const path = route.path.replaceAll(/\{(\*?)(\w+)\}/g, (_, catchAll: string, name: string) => {
    const example = pathParameters[name]?.example ?? '';
    return catchAll === '' ? encodeURIComponent(example) : example;
  });
  const query = new URLSearchParams(queryExample).toString();
  return `/api${path}${query === '' ? '' : `?${query}`}`;
}

const answersWithJson = ({ answers, queryExample }: DocumentedRoute): boolean =>
  answers[0]?.contents[0]?.mediaType === 'application/json' && queryExample?.['format'] === undefined;

function curl(route: DocumentedRoute): string {
  return [
    `curl -sS --fail-with-body ${curlMethod(route)}"$BROKER_URL${addressOf(route)}"`,
    `  -H "authorization: Bearer $CALLER_TOKEN"`,
    ...(route.bodyExample === undefined
      ? []
      : [`  -H 'content-type: application/json'`, `  -d '${JSON.stringify(route.bodyExample)}'`]),
  ].join(' \\\n');
}

/** With a body, curl sends POST by itself. */
const curlMethod = ({ method, bodyExample }: DocumentedRoute): string =>
  method === 'GET' || (method === 'POST' && bodyExample !== undefined) ? '' : `-X ${method} `;

function powerShell(route: DocumentedRoute): string {
  const { method, bodyExample: body } = route;
  const words = ['Invoke-RestMethod', `"$env:BROKER_URL${addressOf(route)}"`];
  if (method !== 'GET') words.push(`-Method ${method.charAt(0)}${method.slice(1).toLowerCase()}`);
  words.push('-Headers $headers');
  if (body !== undefined) words.push("-ContentType 'application/json' -Body $body");
  return [
    '$headers = @{ Authorization = "Bearer $env:CALLER_TOKEN" }',
    ...(body === undefined ? [] : [`$body = ${powerShellValue(body)} | ConvertTo-Json`]),
    words.join(' '),
  ].join('\n');
}

function powerShellValue(value: unknown): string {
  if (Array.isArray(value)) return `@(${value.map(powerShellValue).join(', ')})`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, item]) => `${name} = ${powerShellValue(item)}`);
    return `@{ ${entries.join('; ')} }`;
  }
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  // `$true`, `$false`, `$null`: PowerShell would run the bare words as commands.
  return typeof value === 'number' ? String(value) : `$${String(value)}`;
}

function typeScript(route: DocumentedRoute): string {
  const { method, bodyExample: body } = route;
  const headers = [
    'authorization: `Bearer ${env.CALLER_TOKEN}`',
    ...(body === undefined ? [] : ["'content-type': 'application/json'"]),
  ];
  return [
    "import { env } from 'node:process';",
    '',
    `const response = await fetch(\`\${env.BROKER_URL}${addressOf(route)}\`, {`,
    ...(method === 'GET' ? [] : [`  method: '${method}',`]),
    `  headers: { ${headers.join(', ')} },`,
    ...(body === undefined ? [] : [`  body: JSON.stringify(${typeScriptValue(body)}),`]),
    '});',
    'if (!response.ok) throw new Error(await response.text());',
    `console.log(await response.${answersWithJson(route) ? 'json' : 'text'}());`,
  ].join('\n');
}

function typeScriptValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(typeScriptValue).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, item]) => `${name}: ${typeScriptValue(item)}`);
    return `{ ${entries.join(', ')} }`;
  }
  return typeof value === 'string'
    ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
    : JSON.stringify(value);
}

/** Version of the API, not of the program. A change that can break a caller raises the first number. */
const apiVersion = '1.0.0';

const introduction = `Issues short-lived access tokens per customer tenant to callers that the access policy allows, and runs jobs across all customer tenants.

A caller authenticates with an Entra access token for the broker's own application. The token must carry the app role that the operation names. The access policy then decides which tokens the caller gets. The code samples read the caller's token from \`CALLER_TOKEN\` and the address of the function app, without \`/api\`, from \`BROKER_URL\`. With the Azure CLI: \`az account get-access-token --resource api://TENANT_ID/partner-token-broker-prod\`, where \`api://TENANT_ID/partner-token-broker-prod\` is the App ID URI of the broker's own application.

Every answer carries \`x-correlation-id\`, which identifies the request in the log. A caller may send its own value, a GUID.

A failure is \`application/problem+json\` (RFC 9457). Switch on its \`code\`, which is one of a closed set, and never on its texts. \`Retry-After\` says when the same request may succeed. Status 429 means that the caller sends too many requests. Status 503 means that Microsoft, Key Vault, storage or the broker's credential is at fault.

Times are ISO 8601 in UTC. Request bodies are JSON of at most 64 KiB, unless an operation allows more. Unknown properties in a request are rejected. Answers may get new properties at any time: ignore those that you do not know.`;

/** Produces the OpenAPI 3.1 document from the declared routes. Others have their turn between two of them. */
export async function openApiDocument(routes: readonly DocumentedRoute[]): Promise<JsonSchema> {
  const schemas = createSchemaCollector();
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    await setImmediate();
    const path = (paths[documentedPath(route)] ??= {});
    const { name, method, furtherMethods = [], group } = route;
    path[method.toLowerCase()] = {
      operationId: name,
      ...operation(route, schemas),
      ...(group === 'Pages' ? {} : { 'x-codeSamples': samplesOf(route) }),
    };
    for (const further of furtherMethods) {
      const operationId = `${name}-${further.toLowerCase()}`;
      path[further.toLowerCase()] = { operationId, ...operation({ ...route, method: further }, schemas) };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Partner Token Broker',
      version: apiVersion,
      description: introduction,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api', description: 'The function app that serves this document.' }],
    tags: [...new Set(routes.map(({ group }) => group))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components(),
      headers: {
        CorrelationId: {
          description: 'Identifies the request in the log.',
          schema: { type: 'string', format: 'uuid' },
        },
      },
      securitySchemes: {
        entra: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `An Entra access token for the broker's own application (its App ID URI with \`/.default\` as scope). App roles: ${callerRoles.join(', ')}.`,
        },
      },
    },
  };
}

function operation(route: DocumentedRoute, schemas: SchemaCollector): JsonSchema {
  const { method, group, summary, description, access, body, bodySchema = body, bodyExample, rawBody } = route;
  const hasRawBody = rawBody !== undefined && method !== 'GET' && method !== 'DELETE';
  const json = bodySchema && { schema: schemas.input(bodySchema), example: bodyExample };
  const requestBody = json
    ? { required: true, content: { 'application/json': json } }
    : hasRawBody && { required: false, content: { 'application/json': {} } };
  return {
    tags: [group],
    summary,
    description,
    security: securityOf(access),
    ...parametersOf(route, schemas),
    ...(requestBody && { requestBody }),
    responses: { ...answersOf(route, schemas), ...problemsOf(route, schemas) },
  };
}

/** OpenAPI has no notation for a parameter that contains slashes. */
export const documentedPath = ({ path }: Pick<DocumentedRoute, 'path'>): string => path.replace('{*', '{');

/** For a bearer scheme, the list may name the required roles. One of the schemes suffices (OpenAPI 3.1.0 section 4.8.30). */
function securityOf(access: Access): readonly JsonSchema[] {
  if (access === 'anonymous') return [{}];
  return access === 'optional' ? [{}, { entra: [] }] : [access].flat().map((role) => ({ entra: [role] }));
}

function parametersOf(route: DocumentedRoute, schemas: SchemaCollector): JsonSchema {
  const path = Object.entries(route.pathParameters ?? {}).map(([name, { description, example }]) => ({
    name,
    in: 'path',
    required: true,
    description,
    schema: { type: 'string' },
    example,
  }));
  const query = route.query === undefined ? {} : schemas.input(route.query);
  const properties = Object.entries((query['properties'] ?? {}) as Record<string, JsonSchema>).map(([name, schema]) => {
    const { description, ...rest } = schema;
    return { name, in: 'query', required: false, description, schema: rest };
  });
  const headers = Object.entries(route.requestHeaders ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
  const parameters = [...path, ...properties, ...headers];
  return parameters.length === 0 ? {} : { parameters };
}

function answersOf(route: DocumentedRoute, schemas: SchemaCollector): JsonSchema {
  return Object.fromEntries(
    route.answers.map(({ status, description, contents, headers = {} }) => [
      String(status),
      {
        description,
        headers: headersOf(headers),
        ...(contents.length === 0 ? {} : { content: contentOf(contents, schemas) }),
      },
    ]),
  );
}

const contentOf = (contents: readonly Content[], schemas: SchemaCollector): JsonSchema =>
  Object.fromEntries(
    contents.map(({ mediaType, schema, example }) => [
      mediaType,
      defined({ schema: schema && schemas.output(schema), example }),
    ]),
  );

const headersOf = (headers: Readonly<Record<string, string>>): JsonSchema => ({
  'x-correlation-id': { $ref: '#/components/headers/CorrelationId' },
  ...Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  ),
});

/** The route's failure codes by status, as a closed set, so that a contract test detects an undocumented code. */
function problemsOf(route: DocumentedRoute, schemas: SchemaCollector): JsonSchema {
  const byStatus = Map.groupBy(failuresOf(route), (code) => errorTable[code].status);
  const problem = schemas.output(problemSchema);
  const own = new Map(route.answers.map((answer) => [answer.status, answer]));
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: [
          ...(own.has(status) ? [own.get(status)?.description] : []),
          ...codes.map((code) => `\`${code}\`: ${errorTable[code].title}.`),
        ].join('\n'),
        headers: headersOf(codes.some((code) => errorTable[code].retry === 'later') ? retryAfter : {}),
        content: {
          ...contentOf(own.get(status)?.contents ?? [], schemas),
          'application/problem+json': {
            schema: { allOf: [problem, { properties: { code: { enum: codes }, status: { const: status } } }] },
          },
        },
      },
    ]),
  );
}

const retryAfter = { 'Retry-After': 'Seconds until the same request may succeed, if known.' };
