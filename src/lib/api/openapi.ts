import { callerRoles } from '../core/caller.ts';
import { errorTable } from '../core/errors.ts';
import { problemSchema } from './answers/problem.ts';
import { failuresOf } from './failures.ts';
import { createSchemaCollector, type JsonSchema, type SchemaCollector } from './json-schema.ts';
import type { Access, Content, DocumentedRoute } from './route.ts';
import { samplesOf } from './samples.ts';

/** Version of the API, not of the program. A change that can break a caller raises the first number. */
const apiVersion = '1.0.0';

const introduction = `Issues short-lived access tokens per customer tenant to callers that the access policy allows, and runs jobs across all customer tenants.

A caller authenticates with an Entra access token for the broker's own application. The token must carry the app role that the operation names. The access policy then decides which tokens the caller gets. The code samples read the caller's token from \`CALLER_TOKEN\` and the address of the function app, without \`/api\`, from \`BROKER_URL\`. With the Azure CLI: \`az account get-access-token --resource api://TENANT_ID/partner-token-broker-prod\`, where \`api://TENANT_ID/partner-token-broker-prod\` is the App ID URI of the broker's own application.

Every answer carries \`x-correlation-id\`, which identifies the request in the log. A caller may send its own value, a GUID.

A failure is \`application/problem+json\` (RFC 9457). Switch on its \`code\`, which is one of a closed set, and never on its texts. \`Retry-After\` says when the same request may succeed. Status 429 means that the caller sends too many requests. Status 503 means that Microsoft, Key Vault, storage or the broker's credential is at fault.

Times are ISO 8601 in UTC. Request bodies are JSON of at most 64 KiB, unless an operation allows more. Unknown properties in a request are rejected. Answers may get new properties at any time: ignore those that you do not know.`;

/** Produces the OpenAPI 3.1 document from the declared routes. */
export function openApiDocument(routes: readonly DocumentedRoute[]): JsonSchema {
  const schemas = createSchemaCollector();
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
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
  return {
    tags: [group],
    summary,
    description,
    security: securityOf(access),
    ...parametersOf(route, schemas),
    ...(bodySchema === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemas.input(bodySchema), example: bodyExample } },
          },
        }),
    ...(rawBody === undefined || method === 'GET' || method === 'DELETE'
      ? {}
      : { requestBody: { required: false, content: { 'application/json': {} } } }),
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
  const parameters = [...path, ...properties];
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
      {
        ...(schema === undefined ? {} : { schema: schemas.output(schema) }),
        ...(example === undefined ? {} : { example }),
      },
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
