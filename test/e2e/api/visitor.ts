import { expect } from 'vitest';
import type { JsonSchema } from '../../../src/lib/api/openapi.ts';
import type { RouteContract } from '../../../src/lib/api/route.ts';
import { createAnswerChecks } from '../../support/answer-checks.ts';
import { routes } from '../../../tools/docs/declared-routes.ts';

/** Successes that need a rule with an approval. `approvals.test.ts` receives them, `contract.test.ts` those that nobody else does. */
export const successesOfApprovals: readonly string[] = [
  'tokens 202',
  'gateway 202',
  'approvals 200',
  'approvals-show 200',
  'approvals-decide 200',
];

/** Successes that need a plan. `life-of-a-plan.test.ts` receives them. */
export const successesOfPlans: readonly string[] = [
  'plans-make 202',
  'plans 200',
  'plans-show 200',
  'plans-apply 202',
  'plans-go-on 202',
  'plans-end 202',
  'plans-undo 202',
];

interface Visit {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** A value to send as JSON, or text or bytes to send unchanged. */
  readonly body?: unknown;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Visited {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed if it is JSON, otherwise empty. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The code of a problem. */
  readonly code: string | undefined;
}

/** Calls a running app and compares every answer with the OpenAPI document that the app serves. */
export interface Visitor {
  visit(name: string, visit?: Visit): Promise<Visited>;
  /** `name status` → number of such answers so far. */
  readonly seen: ReadonlyMap<string, number>;
}

export async function createVisitor(url: string): Promise<Visitor> {
  const document = (await (await fetch(`${url}/api/openapi.json`)).json()) as JsonSchema;
  const checks = createAnswerChecks(document);
  const seen = new Map<string, number>();
  return {
    seen,
    visit: async (name, visit = {}) => {
      const route = routes.find((known) => known.name === name);
      if (route === undefined) throw new Error(`there is no route ${name}`);
      const response = await fetch(addressOf(url, route, visit), requestOf(route, visit));
      const text = await response.text();
      const mediaType = response.headers.get('content-type')?.split(';')[0];
      const body = mediaType?.endsWith('json') ? (JSON.parse(text) as Visited['body']) : {};
      const { status, headers } = response;
      const problems = checks.problems(route, { status, mediaType: text === '' ? undefined : mediaType, body });
      expect({ name, status, start: text.slice(0, 300), problems }).toMatchObject({ problems: [] });
      expect(headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      seen.set(`${name} ${status}`, (seen.get(`${name} ${status}`) ?? 0) + 1);
      return { status, headers, text, body, code: typeof body['code'] === 'string' ? body['code'] : undefined };
    },
  };
}

function addressOf(url: string, route: RouteContract, { path = {}, query = {} }: Visit): URL {
  const filled = route.path.replaceAll(/\{(\*?)(\w+)\}/g, (_, all: string, name: string) => {
    const value = path[name] ?? 'none';
    return all === '' ? encodeURIComponent(value) : value;
  });
  const address = new URL(`${url}/api${filled}`);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  return address;
}

function requestOf(route: RouteContract, { body, token, headers = {} }: Visit): RequestInit {
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  return {
    method: route.method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
  };
}
