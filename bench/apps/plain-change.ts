import { defineJob } from '../../src/lib/runs/job/job.ts';

/** Reads of a change that is applied: one before it is sent, and three that agree after it. */
const confirmingReads = 3;
const path = '/policies/authorizationPolicy';
const select = '?$select=defaultUserRolePermissions';

/**
 * What a partner would write without plans: it sends the requests of an apply of `block-user-consent`, one after another, and
 * puts back what that has changed.
 */
export default defineJob({
  name: 'plain-change',
  title: 'The requests of a change',
  permissions: ['Policy.ReadWrite.Authorization'],
  resources: ['graph'],
  timeoutSeconds: 600,
  run: async ({ graph, token }) => {
    await graph.get(`${path}${select}`);
    const secret = await token('graph');
    const { graph: address } = JSON.parse(process.env['CLOUD_ENDPOINTS'] ?? '{}') as { readonly graph?: string };
    const answer = await fetch(`${address}/v1.0${path}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${secret.reveal()}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        defaultUserRolePermissions: {
          permissionGrantPoliciesAssigned: ['ManagePermissionGrantsForSelf.microsoft-user-default-low'],
        },
      }),
    });
    if (!answer.ok) throw new Error(`PATCH answered ${answer.status}`);
    for (let read = 0; read < confirmingReads; read += 1) await graph.get(`${path}${select}`);
    return [{ status: answer.status }];
  },
});
