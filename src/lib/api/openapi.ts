import { callerRoles } from '../model/caller.ts';
import { type ErrorCode, errorTable } from '../model/errors.ts';
import { problemSchema } from './answers/problem.ts';
import { createSchemaCollector, type JsonSchema, type SchemaCollector } from './json-schema.ts';
import { commonFailures, type Content, type Route } from './route.ts';
import { samplesOf } from './samples.ts';

/** Version of the API, not of the program: a change that could break a caller raises the first number. */
const apiVersion = '1.0.0';

const introduction = `Short-lived tokens per customer tenant for callers whom a written policy allows them, and jobs over all tenants.

Callers prove themselves with an Entra access token for the broker's own application, with the app role that each operation names. Every answer carries \`x-correlation-id\`; a caller may send one of its own (a GUID). Failures are \`application/problem+json\` with a \`code\` of a closed set.`;

/** The OpenAPI 3.1 document, produced from the schemas that the handlers check and answer with. */
export function openApiDocument(routes: readonly Route[]): JsonSchema {
  const schemas = createSchemaCollector();
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operation(route, schemas);
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
        CorrelationId: { description: 'Finds the request in the log.', schema: { type: 'string', format: 'uuid' } },
      },
      securitySchemes: {
        entra: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `An Entra access token for the broker's application (its App ID URI with \`/.default\` as scope). App roles: ${callerRoles.join(', ')}.`,
        },
      },
    },
  };
}

function operation(route: Route, schemas: SchemaCollector): JsonSchema {
  const { name, group, summary, description, access, body } = route;
  return {
    operationId: name,
    tags: [group],
    summary,
    description,
    security: securityOf(access),
    ...parametersOf(route, schemas),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemas.input(body.schema), example: body.example } },
          },
        }),
    responses: { ...answersOf(route, schemas), ...problemsOf(route, schemas) },
    ...(route.group === 'Pages' ? {} : { 'x-codeSamples': samplesOf(route) }),
  };
}

/** OpenAPI 3.1.0 section 4.8.30: of a bearer scheme, the list may name the roles that it takes. */
function securityOf(access: Route['access']): readonly JsonSchema[] {
  if (access === 'anonymous') return [{}];
  return access === 'optional' ? [{}, { entra: [] }] : [{ entra: [access] }];
}

function parametersOf(route: Route, schemas: SchemaCollector): JsonSchema {
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

function answersOf(route: Route, schemas: SchemaCollector): JsonSchema {
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

/** The codes that the route may answer with, by status: the reader sees which, and a check can tell a stray one. */
function problemsOf(route: Route, schemas: SchemaCollector): JsonSchema {
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

const retryAfter = { 'Retry-After': 'When the same request may work, seconds; where that is known.' };

/** All codes that a route may answer with, in the order of the table. */
export function failuresOf(route: Route): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...commonFailures(route.access), ...route.failures]);
  return (Object.keys(errorTable) as ErrorCode[]).filter((code) => codes.has(code));
}
