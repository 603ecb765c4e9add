import type { ChangedTagsAnswer } from '../lib/api/answers/tenants.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { findCustomer } from '../lib/access/tenants/named-tenants.ts';
import { readableTenants } from '../lib/access/tenants/visible-tenants.ts';
import { tagsSchema } from '../lib/api/requests.ts';
import { changeTags } from '../lib/tenants/change-tags.ts';
import { route } from './route.ts';
import { exampleTenant } from './tenants.ts';

route(
  {
    name: 'tenants-tag',
    method: 'PUT',
    path: '/tenants/{tenant}/tags',
    access: 'Tenants.Write',
    body: tagsSchema,
    failures: ['tenant_unknown', ...directoryFailures, 'storage_unavailable', 'audit_unavailable', 'busy'],
    document,
  },
  async (services, { caller, path, body, correlationId, log }) => {
    const readable = await readableTenants(services, caller);
    const { tenantId } = await findCustomer(services, { caller, readable }, path.tenant);
    const changed = await changeTags(services, body, { tenantId, caller, correlationId, log });
    return { status: 200, jsonBody: { tenantId, ...changed } satisfies ChangedTagsAnswer };
  },
);

async function document(): Promise<RouteDocument> {
  const { changedTagsSchema } = await import('../lib/api/answers/tenants.ts');
  const example = {
    tenantId: exampleTenant.tenantId,
    tags: ['managed', 'threshold=30'],
    added: ['threshold=30'],
    removed: ['trial'],
  };
  return {
    group: 'Tenants',
    summary: 'Change the tags of a customer tenant',
    description:
      'Replaces all tags (`tags`), or changes some of them (`add`, `remove`). Rules, runs and jobs may name tags, so a tag can grant access: `Tenants.Write` is as powerful as the rules that name tags. A tag is `NAME` or `NAME=VALUE`, at most 64 letters, digits, `-`, `_` and `.`, in lower case. A tenant has at most 50, and each name once. Every instance follows within 10 seconds. Each change is in the audit log before it is in force. A caller that the policy limits to some tenants (`reads`) gets 404 for any other.',
    pathParameters: {
      tenant: { description: 'Id of the tenant, or one of its domains.', example: exampleTenant.tenantId },
    },
    bodyExample: { add: ['threshold=30'], remove: ['trial'] },
    answers: [
      {
        status: 200,
        description: 'The tags now, and what has changed.',
        contents: [jsonContent(changedTagsSchema, example)],
      },
    ],
  };
}
