import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { adviceFor, errorTable } from '../../../../src/lib/core/errors.ts';
import { failuresOf } from '../../../../src/lib/api/route.ts';
import { documentedPath, openApiDocument } from '../../../../src/lib/api/openapi.ts';
import { parameterNames } from '../../../../src/lib/api/call.ts';
import { createAnswerChecks } from '../../../support/answer-checks.ts';
import { routes } from '../../../../tools/docs/declared-routes.ts';

const document = await openApiDocument(routes);
const text = JSON.stringify(document);

describe('openApiDocument', () => {
  it('produces valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    expect(await validator.validate(JSON.parse(text) as Record<string, unknown>)).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('contains the target of every reference', () => {
    const components = document['components'] as Record<string, Record<string, unknown>>;
    const missing = [...text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)].filter(
      ([, kind, name]) => components[kind ?? '']?.[name ?? ''] === undefined,
    );
    expect(missing.map(([reference]) => reference)).toEqual([]);
    expect(text).not.toContain('$defs');
  });

  it('gives each operation its own id and address', () => {
    expect(new Set(routes.map(({ name }) => name)).size).toBe(routes.length);
    expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length);
  });

  it('describes every path parameter', () => {
    expect(routes.flatMap(({ path }) => parameterNames(path)).length).toBeGreaterThan(3);
    for (const { path, pathParameters = {} } of routes) {
      expect(parameterNames(path)).toEqual(Object.keys(pathParameters));
    }
  });
});

describe('the examples of the document', () => {
  const checks = createAnswerChecks(document);
  const requests = routes.flatMap(({ name, body, bodyExample, query, queryExample = {} }) => [
    ...(body === undefined ? [] : [{ part: `the body of ${name}`, schema: body, example: bodyExample }]),
    ...(query === undefined ? [] : [{ part: `the query of ${name}`, schema: query, example: queryExample }]),
  ]);
  const answers = routes.flatMap((route) =>
    route.answers.flatMap(({ status, contents }) =>
      contents
        .filter(({ schema, example }) => schema !== undefined && example !== undefined)
        .map(({ mediaType, example }) => ({
          part: `answer ${status} of ${route.name}`,
          route,
          answer: { status, mediaType, body: example },
        })),
    ),
  );

  it.each(requests)('match the schema of $part', ({ schema, example }) => {
    expect(schema.safeParse(example).error?.issues ?? []).toEqual([]);
  });

  it.each(answers)('match the schema of $part exactly', ({ route, answer }) => {
    expect(checks.problems(route, answer)).toEqual([]);
  });
});

describe('the failures of a route', () => {
  it('are documented under the status of their code', () => {
    const paths = document['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>;
    expect(routes.flatMap(failuresOf).length).toBeGreaterThan(20);
    for (const route of routes) {
      const responses = paths[documentedPath(route)]?.[route.method.toLowerCase()]?.responses ?? {};
      for (const code of failuresOf(route)) {
        expect(JSON.stringify(responses[String(errorTable[code].status)])).toContain(`"${code}"`);
      }
    }
  });

  it('form a closed set', () => {
    // By name: the order depends on which modules were loaded first.
    const tokens = routes.find(({ name }) => name === 'tokens');
    if (tokens === undefined) throw new Error('there is no route for tokens');
    const problem = (code: 'run_not_found' | 'tenant_unknown') => ({
      type: 'https://example.com/errors',
      title: errorTable[code].title,
      status: 404,
      detail: 'Nothing.',
      code,
      advice: adviceFor(code, 'caller'),
      correlationId: '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33',
    });
    const checks = createAnswerChecks(document);
    const problems = (body: unknown) =>
      checks.problems(tokens, { status: 404, mediaType: 'application/problem+json', body });
    expect(problems(problem('tenant_unknown'))).toEqual([]);
    expect(problems(problem('run_not_found'))).not.toEqual([]);
    expect(problems({ ...problem('tenant_unknown'), stack: 'at line 1' })).not.toEqual([]);
  });
});
