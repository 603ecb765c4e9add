import * as z from 'zod';
import { update, without } from '../lib/changes/change.ts';
import { defineChange } from '../lib/changes/define-change.ts';
import { BrokerError } from '../lib/core/errors.ts';

const authorizationPolicy = z.object({
  defaultUserRolePermissions: z.object({ permissionGrantPoliciesAssigned: z.array(z.string()) }),
});

/** Consent of users for themselves. Those for teams and chats that a user owns begin otherwise ("Configure how users consent to applications"). */
const isForSelf = (policy: string): boolean => policy.startsWith('ManagePermissionGrantsForSelf.');

export default defineChange({
  name: 'block-user-consent',
  title: 'Users cannot consent to applications',
  description:
    'Takes the policies away by which users consent to applications for themselves. Owners of teams and chats still consent for those.',
  topic: 'identity',
  permissions: ['Policy.ReadWrite.Authorization'],
  directoryRoles: ['Privileged Role Administrator'],
  async plan({ graph }) {
    const found = authorizationPolicy.safeParse(await graph.get('/policies/authorizationPolicy'));
    if (!found.success) throw new BrokerError('job_failed', 'Microsoft Graph does not show how users may consent.');
    const { permissionGrantPoliciesAssigned: assigned } = found.data.defaultUserRolePermissions;
    return [
      update('/policies/authorizationPolicy', {
        defaultUserRolePermissions: { permissionGrantPoliciesAssigned: without(assigned, isForSelf) },
      }),
    ];
  },
});
