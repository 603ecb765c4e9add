import { publishedPermissions } from 'graph-permissions/permission-ids';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Cloud } from '../../../src/assemble-cloud.ts';
import { cloudInMemory } from '../cloud-in-memory.ts';
import { loadTypes } from '../../../src/graph/schema/schema.ts';
import type { Caller } from '../../../src/resource/caller.ts';
import type { CloudRequest, Reply } from '../../../src/web/http.ts';
import { requestPermissions } from '../../usual-request-permissions.ts';
import { usualRequests } from '../../../src/recording/usual-requests.ts';

/** It has Microsoft 365 E5, so that nothing is refused for want of a licence. */
const tenantIndex = 4;
let cloud: Cloud;
beforeAll(async () => {
  await loadTypes();
  cloud = await cloudInMemory({ tenants: 6, plain: true });
  const service = (name: string): string => `https://${name}.test`;
  cloud.setAddresses(new Proxy({} as never, { get: (_target, name) => service(String(name)) }));
});

function send(
  address: string,
  permissions: ReadonlySet<string>,
  isAdvanced = false,
): Reply & { readonly unmatched: boolean } {
  const customer = cloud.world.customers[tenantIndex];
  const caller = {
    tenantId: customer?.tenantId,
    customer,
    clientId: 'client',
    objectId: 'object',
    isApplication: true,
    isAdmin: false,
    permissions,
    hasMfa: false,
  } as Caller;
  const url = new URL(address, 'https://graph.test');
  const request: CloudRequest = {
    method: 'GET',
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: isAdvanced ? { consistencylevel: 'eventual' } : {},
    body: '',
    facts: {},
  };
  const reply = cloud.engine.answer(request, caller);
  return { ...reply, unmatched: request.facts.unmatched === true };
}

const every: ReadonlySet<string> = new Set(publishedPermissions().keys());
const valueOf = ({ body = '{}' }: Reply): unknown => (JSON.parse(body) as { readonly value?: unknown }).value;

function addressOf(request: string): string {
  const first = (list: string): string =>
    ((valueOf(send(`/v1.0/${list}`, every)) as readonly { readonly id: string }[])[0] ?? { id: '' }).id;
  return request
    .replace('{user}', first('users'))
    .replace('{group}', first('groups'))
    .replace('{mailbox}', first("users?$filter=assignedPlans/any(p:p/service eq 'exchange')"));
}

/** A list with an object, or an object with a value beside its id and annotations. */
const isFilled = (data: unknown): boolean =>
  Array.isArray(data)
    ? data.length > 0
    : Object.entries(data as Readonly<Record<string, unknown>>).some(
        ([name, value]) => name !== 'id' && !name.includes('@') && value !== null,
      );

describe('the usual requests of reports', () => {
  it('are 44, and each is another one', () => {
    expect(new Set(usualRequests.map(({ request }) => request)).size).toBe(44);
  });

  it.each(usualRequests)('$request returns $answer', ({ request, answer, isAdvanced }) => {
    const reply = send(`/v1.0${addressOf(request)}`, every, isAdvanced);
    expect(reply.unmatched).toBe(false);
    expect(reply.status).toBe(answer === 'file' ? 302 : 200);
    if (answer === 'file') {
      const file = cloud.engine.fetchReport(new URL(reply.headers?.['location'] ?? '').pathname);
      expect(file?.body?.split('\r\n').length).toBeGreaterThan(2);
      return;
    }
    const value = valueOf(reply);
    expect(Array.isArray(value) || answer === 'data').toBe(true);
    if (answer === 'data') expect(isFilled(value ?? (JSON.parse(reply.body ?? '{}') as unknown))).toBe(true);
  });

  it.each(usualRequests)('$request is refused without a permission', ({ request, isAdvanced }) => {
    const address = `/v1.0${addressOf(request)}`;
    expect(() => send(address, new Set(), isAdvanced)).toThrow(
      expect.objectContaining({ status: 403, code: 'Authorization_RequestDenied' }),
    );
  });

  it.each(usualRequests)(
    '$request needs one permission of its row, and those of its properties',
    ({ request, isAdvanced }) => {
      const address = `/v1.0${addressOf(request)}`;
      const { oneOf, properties } = requestPermissions(cloud.world, request, 'application');
      for (const name of oneOf) {
        const held = name.split('+');
        const more = properties.map((each) => each.oneOf[0] ?? '');
        expect(send(address, new Set([...held, ...more]), isAdvanced).status).toBeLessThan(400);
        if (properties.some((each) => !each.oneOf.includes(name)))
          expect(() => send(address, new Set(held), isAdvanced)).toThrow(expect.objectContaining({ status: 403 }));
      }
    },
  );
});
