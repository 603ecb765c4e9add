import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';

// A collector of OpenTelemetry on the loopback interface, which takes traces as JSON (OTLP/HTTP).

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number };
}

interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

const bodies: string[] = [];
const collector = createServer((request, response) => {
  void text(request).then((body) => {
    if (request.method === 'POST' && request.url === '/v1/traces') bodies.push(body);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});

const exported = (): Exported['resourceSpans'] =>
  bodies.flatMap((body) => (JSON.parse(body) as Exported).resourceSpans);
const spans = (): readonly Span[] =>
  exported().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans: each }) => each));
const valuesOf = (attributes: readonly Attribute[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** The names of a span and of those around it, from the outermost. */
function pathOf(span: Span): string {
  const parent = spans().find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? span.name : `${pathOf(parent)} > ${span.name}`;
}

const pathsIn = (traceId: string): readonly string[] =>
  spans()
    .filter((span) => span.traceId === traceId)
    .map(pathOf);

const at = (path: string, traceId?: string): Span | undefined =>
  spans().find((span) => (traceId === undefined || span.traceId === traceId) && pathOf(span) === path);

let demo: WatchedDemo;

beforeAll(async () => {
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address() as AddressInfo;
  demo = await startQuietDemo(25, {
    hostSettings: async () => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    }),
  });
});
afterAll(async () => {
  try {
    demo?.note('exported spans', bodies.join('\n'));
    // Finds the secrets of the vault and everything that looks like a token.
    await demo?.stop();
  } finally {
    collector.close();
    collector.closeAllConnections();
  }
});

async function ask(traceId: string, path: string, body?: object): Promise<number> {
  const { status } = await fetch(`${demo.url}/api${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${await demo.callerToken()}`,
      traceparent: `00-${traceId}-00f067aa0ba902b7-00`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return status;
}

it('exports the trace of a token, which continues that of the caller', async () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const { tenantId } = tenantOf(demo, 'ok');
  expect(await ask(traceId, '/tokens', { tenant: tenantId, resource: 'graph' })).toBe(200);
  await expect.poll(() => pathsIn(traceId)).toContain('tokens');
  expect(pathsIn(traceId)).toEqual(
    expect.arrayContaining(['tokens > token.get', 'tokens > token.get > POST', 'tokens > audit.write']),
  );
  expect(valuesOf(at('tokens', traceId)?.attributes ?? [])).toEqual({ 'http.response.status_code': 200 });
  expect(valuesOf(at('tokens > token.get', traceId)?.attributes ?? [])).toEqual({
    'ptb.resource': 'graph',
    'ptb.grant': 'delegated',
    'ptb.from_cache': false,
  });
});

it('exports the trace of a request through the gateway, and names a failure by its code', async () => {
  const { tenantId } = tenantOf(demo, 'ok');
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  expect(await ask(traceId, `/gateway/${tenantId}/graph/v1.0/users?$top=1`)).toBe(200);
  await expect.poll(() => pathsIn(traceId)).toContain('gateway');
  expect(pathsIn(traceId)).toEqual(
    expect.arrayContaining(['gateway > token.get', 'gateway > audit.write', 'gateway > GET']),
  );
  expect(at('gateway > GET', traceId)?.kind).toBe(3);
  expect(valuesOf(at('gateway > GET', traceId)?.attributes ?? [])).toEqual({
    'http.request.method': 'GET',
    'server.address': 'localhost',
    'http.response.status_code': 200,
  });

  const broken = tenantOf(demo, 'no_consent');
  const failed = '1af7651916cd43dd8448eb211c80319d';
  expect(await ask(failed, '/tokens', { tenant: broken.tenantId, resource: 'graph' })).toBeGreaterThanOrEqual(400);
  await expect.poll(() => pathsIn(failed)).toContain('tokens');
  const token = at('tokens > token.get', failed);
  expect(token?.status.code).toBe(2);
  expect(valuesOf(token?.attributes ?? [])['error.type']).toBe('consent_required');
});

it('exports a span for each tenant that a run visits', async () => {
  const visited = [tenantOf(demo, 'ok'), tenantOf(demo, 'no_consent')].map(({ tenantId }) => tenantId);
  const runId = await demo.api.startRun('licence-report', { tenants: visited });
  await expect.poll(async () => (await demo.api.run(runId)).status).toBe('completed');
  const visits = () => spans().filter(({ name }) => name === 'tenant.visit');
  await expect.poll(() => visits().length).toBeGreaterThanOrEqual(visited.length);
  expect(new Set(visits().map(pathOf))).toEqual(new Set(['visit-tenants > tenant.visit']));
  const facts = visits().map(({ attributes }) => valuesOf(attributes));
  expect(facts).toContainEqual({ 'ptb.job': 'licence-report', 'ptb.round': 1, 'ptb.outcome': 'succeeded' });
  const failed = visits().filter(({ status }) => status.code === 2);
  expect(failed.map(({ attributes }) => valuesOf(attributes))).toEqual([
    { 'ptb.job': 'licence-report', 'ptb.round': 1, 'ptb.outcome': 'failed', 'error.type': 'consent_required' },
  ]);
  const inside = spans().filter((span) => visits().some(({ spanId }) => spanId === span.parentSpanId));
  expect(new Set(inside.map(({ name }) => name))).toEqual(new Set(['token.get', 'audit.write', 'GET']));
});

it('names the service, and no tenant, person, caller or path', () => {
  expect(exported().length).toBeGreaterThan(0);
  for (const { resource } of exported())
    expect(valuesOf(resource.attributes)).toEqual({
      'service.name': 'partner-token-broker',
      'deployment.environment': 'test',
    });
  const { cloud } = demo;
  const names = [
    ...cloud.tenants.flatMap(({ tenantId, domain, name }) => [tenantId, domain, domain.split('.')[0] ?? '', name]),
    cloud.partnerTenantId,
    ...cloud.accounts.flatMap(({ username, name }) => [username, name]),
    ...cloud.brokerApplication.callers.flatMap(({ clientId, name }) => [clientId, name]),
    cloud.brokerApplication.signInClientId,
    '/v1.0',
  ];
  const found = spans().flatMap(({ name, attributes, status, ...rest }) => {
    const said = JSON.stringify([name, attributes, status, rest]).toLowerCase();
    return names.filter((each) => said.includes(each.toLowerCase()));
  });
  expect(found).toEqual([]);
});
