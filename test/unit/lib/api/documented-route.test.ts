import { expect, it } from 'vitest';
import * as z from 'zod';
import { errorTable } from '../../../../src/lib/core/errors.ts';
import { openApiDocument } from '../../../../src/lib/api/openapi.ts';
import { type DocumentedRoute, jsonContent } from '../../../../src/lib/api/route.ts';

// openapi.test.ts checks the document of all routes. This file checks what the document says about one route.

const correlation = { 'x-correlation-id': { $ref: '#/components/headers/CorrelationId' } };
const part = z.object({ size: z.int(), note: z.string().optional() }).meta({ id: 'Part' });

const route: DocumentedRoute = {
  name: 'parts-change',
  method: 'POST',
  path: '/things/{thing}/{*rest}',
  group: 'Tenants',
  summary: 'Changes parts',
  description: 'Changes the parts of a thing.',
  access: 'Runs.Write',
  pathParameters: { thing: { description: 'Which.', example: 'a' }, rest: { description: 'Where.', example: 'b/c' } },
  query: z.strictObject({
    limit: z.coerce.number().int().min(1).max(9).default(5).meta({ description: 'How many.' }),
  }),
  body: z.strictObject({ part, at: z.iso.datetime().optional() }),
  bodyExample: { part: { size: 3 } },
  answers: [
    {
      status: 200,
      description: 'The parts.',
      contents: [jsonContent(z.strictObject({ parts: z.array(part) }), { parts: [{ size: 3 }] })],
      headers: { Location: 'Where the parts are.' },
    },
    { status: 204, description: 'There are none.', contents: [] },
  ],
  failures: ['tenant_unknown', 'throttled'],
};

type Json = Readonly<Record<string, unknown>>;
interface Operation extends Json {
  readonly responses: Readonly<Record<string, Json>>;
  readonly parameters?: readonly Json[];
}

async function documentOf(...routes: readonly DocumentedRoute[]) {
  const document = await openApiDocument(routes);
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  return { document, paths };
}

async function operationOf(more: Partial<DocumentedRoute> = {}): Promise<Operation> {
  const { paths } = await documentOf({ ...route, ...more });
  const [operation] = Object.values(Object.values(paths)[0] ?? {});
  if (operation === undefined) throw new Error('There is no operation.');
  return operation;
}

it('describes path, query and body', async () => {
  const { paths } = await documentOf(route);
  expect(Object.keys(paths)).toEqual(['/things/{thing}/{rest}']);
  expect(Object.keys(Object.values(paths)[0] ?? {})).toEqual(['post']);
  const operation = await operationOf();
  expect(operation).toMatchObject({
    operationId: 'parts-change',
    tags: ['Tenants'],
    summary: 'Changes parts',
    description: 'Changes the parts of a thing.',
    security: [{ entra: ['Runs.Write'] }],
    'x-codeSamples': [{ lang: 'Shell' }, { lang: 'PowerShell' }, { lang: 'TypeScript' }],
  });
  expect(operation.parameters).toEqual([
    { name: 'thing', in: 'path', required: true, description: 'Which.', schema: { type: 'string' }, example: 'a' },
    { name: 'rest', in: 'path', required: true, description: 'Where.', schema: { type: 'string' }, example: 'b/c' },
    {
      name: 'limit',
      in: 'query',
      required: false,
      description: 'How many.',
      schema: { type: 'integer', default: 5, minimum: 1, maximum: 9 },
    },
  ]);
  expect(operation['requestBody']).toEqual({
    required: true,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          // The pattern of a date-time is noise.
          properties: { part: { $ref: '#/components/schemas/Part' }, at: { type: 'string', format: 'date-time' } },
          required: ['part'],
          additionalProperties: false,
        },
        example: { part: { size: 3 } },
      },
    },
  });
});

it('allows answers to have more properties than requests', async () => {
  const { responses } = await operationOf();
  expect(responses['200']).toEqual({
    description: 'The parts.',
    headers: { ...correlation, Location: { description: 'Where the parts are.', schema: { type: 'string' } } },
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: { parts: { type: 'array', items: { $ref: '#/components/schemas/Part' } } },
          required: ['parts'],
        },
        example: { parts: [{ size: 3 }] },
      },
    },
  });
  expect(responses['204']).toEqual({ description: 'There are none.', headers: correlation });
});

it('collects the failures of a status, with the time to wait where a later attempt may succeed', async () => {
  const { responses } = await operationOf({
    failures: ['tenant_unknown', 'run_not_found', 'entra_unavailable'],
    answers: [
      {
        status: 503,
        description: 'Not ready.',
        contents: [{ mediaType: 'text/plain', example: 'not ready' }],
      },
    ],
  });
  expect(responses['404']).toMatchObject({
    description: [
      `\`tenant_unknown\`: ${errorTable.tenant_unknown.title}.`,
      `\`run_not_found\`: ${errorTable.run_not_found.title}.`,
    ].join('\n'),
    headers: correlation,
    content: {
      'application/problem+json': {
        schema: {
          allOf: [
            { $ref: expect.stringMatching(/^#\/components\/schemas\/\w+$/) as string },
            { properties: { code: { enum: ['tenant_unknown', 'run_not_found'] }, status: { const: 404 } } },
          ],
        },
      },
    },
  });
  expect(responses['404']?.['headers']).toEqual(correlation);
  expect(Object.keys(responses['503']?.['headers'] as Json)).toEqual(['x-correlation-id', 'Retry-After']);
  expect(responses['503']).toMatchObject({
    description: expect.stringMatching(/^Not ready\.\n`\w+`: /) as string,
    content: { 'text/plain': { example: 'not ready' }, 'application/problem+json': {} },
  });
});

it.each<[DocumentedRoute['access'], unknown]>([
  ['anonymous', [{}]],
  ['optional', [{}, { entra: [] }]],
  ['Audit.Read', [{ entra: ['Audit.Read'] }]],
  [
    ['Audit.Read', 'Runs.Read'],
    [{ entra: ['Audit.Read'] }, { entra: ['Runs.Read'] }],
  ],
])('a route for %j demands one of %j', async (access, security) => {
  expect((await operationOf({ access }))['security']).toEqual(security);
});

it('leaves out what a route does not have', async () => {
  const { query: _query, body: _body, pathParameters: _parameters, bodyExample: _example, ...bare } = route;
  const { paths, document } = await documentOf(
    { ...bare, name: 'page', path: '/page', group: 'Pages', method: 'GET' },
    { ...bare, name: 'other', path: '/other', method: 'GET' },
    { ...bare, name: 'more', path: '/more', method: 'GET' },
  );
  const page = paths['/page']?.['get'];
  expect(page).not.toHaveProperty('parameters');
  expect(page).not.toHaveProperty('requestBody');
  expect(page).not.toHaveProperty('x-codeSamples');
  expect(page?.responses).not.toHaveProperty('413');
  expect(paths['/other']?.['get']).toHaveProperty('x-codeSamples');
  expect(document['tags']).toEqual([{ name: 'Pages' }, { name: 'Tenants' }]);
});

it('describes each method of a route that forwards bytes, and a body only where there is one', async () => {
  const { body: _body, bodyExample: _example, ...bare } = route;
  const { paths } = await documentOf({ ...bare, method: 'GET', furtherMethods: ['PATCH', 'DELETE'], rawBody: true });
  const operations = Object.values(paths)[0] ?? {};
  expect(Object.entries(operations).map(([method, { operationId }]) => [method, operationId])).toEqual([
    ['get', 'parts-change'],
    ['patch', 'parts-change-patch'],
    ['delete', 'parts-change-delete'],
  ]);
  expect(operations['patch']?.['requestBody']).toEqual({ required: false, content: { 'application/json': {} } });
  expect(operations['get']).not.toHaveProperty('requestBody');
  expect(operations['delete']).not.toHaveProperty('requestBody');
});

it('documents two methods of one path together, and the body that says more than the one that is parsed', async () => {
  const bodySchema = z.strictObject({ part, note: z.string() });
  const { paths } = await documentOf({ ...route, method: 'PUT' }, { ...route, name: 'again', bodySchema });
  const operations = paths['/things/{thing}/{rest}'] ?? {};
  expect(Object.keys(operations)).toEqual(['put', 'post']);
  expect(operations['post']).toMatchObject({
    requestBody: {
      content: { 'application/json': { schema: { properties: { note: { type: 'string' } } } } },
    },
  });
});

it('names the shared schemas in alphabetical order, the scheme and the server', async () => {
  const zebra = z.object({ n: z.number() }).meta({ id: 'Zebra' });
  const { document } = await documentOf({ ...route, body: z.strictObject({ zebra, part }) });
  expect(document).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'Partner Token Broker' },
    servers: [{ url: '/api' }],
    components: {
      schemas: { Part: { type: 'object', required: ['size'] } },
      headers: { CorrelationId: { schema: { type: 'string', format: 'uuid' } } },
      securitySchemes: { entra: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  });
  const { schemas } = document['components'] as Readonly<Record<string, Json>>;
  const ids = Object.keys(schemas ?? {});
  expect(ids).toContain('Zebra');
  expect(ids).toEqual(ids.toSorted());
  expect(schemas?.['Part']).toEqual({
    type: 'object',
    // No bounds of a safe integer.
    properties: { size: { type: 'integer' }, note: { type: 'string' } },
    required: ['size'],
  });
});
