import { exampleOtherTenantId, exampleTime } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { parseTenantId } from '../lib/core/identifiers.ts';
import type { TenantEvent } from '../lib/tenant-events/tenant-event.ts';
import { viewEvent } from './event-view.ts';

const exampleEvent: TenantEvent = {
  id: '3d0c4b1f5f6a4f0f8a7f4d6d0d1b2c3e',
  sequence: 128,
  atMs: Date.parse(exampleTime),
  tenantId: parseTenantId(exampleOtherTenantId)!,
  tenantName: 'Contoso',
  kind: 'lost',
  reason: 'gdap_terminated',
};

const order =
  'The newest first. Follow `continuation` until it is absent: a page may be empty although older events exist. To wait for later events, send the highest `sequence` that you have seen as `after`.';

export async function documentEvents(): Promise<RouteDocument> {
  const { eventsAnswerSchema } = await import('../lib/api/answers/tenants.ts');
  const example = { events: [viewEvent(exampleEvent)], continuation: '128', lookedAt: exampleTime };
  return {
    group: 'Tenants',
    summary: 'List what happened to customer tenants',
    description: `Access gained and lost, relationships that end or were extended, consent, roles, exclusion and tags. ${order} A caller that the policy limits to some tenants (\`reads\`) gets only their events.`,
    queryExample: { kind: 'lost', tenants: 'tag:managed' },
    answers: [{ status: 200, description: 'One page.', contents: [jsonContent(eventsAnswerSchema, example)] }],
  };
}

export async function documentTenantEvents(): Promise<RouteDocument> {
  const { eventsAnswerSchema } = await import('../lib/api/answers/tenants.ts');
  const example = { events: [viewEvent(exampleEvent)], lookedAt: exampleTime };
  return {
    group: 'Tenants',
    summary: 'List what happened to a customer tenant',
    description: `As \`GET /api/events\`, for one tenant, also for one that no list of Microsoft contains any longer. ${order}`,
    pathParameters: {
      tenant: { description: 'Id of the tenant, or one of its domains.', example: exampleOtherTenantId },
    },
    answers: [{ status: 200, description: 'One page.', contents: [jsonContent(eventsAnswerSchema, example)] }],
  };
}
