import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { flagOf } from './parts.ts';

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();
const group = z.object({
  id: z.string(),
  displayName: text,
  groupTypes: texts,
  visibility: text,
  resourceProvisioningOptions: texts,
  mailEnabled: z.boolean().nullish(),
  onPremisesSyncEnabled: z.boolean().nullish(),
  isAssignableToRole: z.boolean().nullish(),
  owners: z.array(z.object({ id: z.string() })).nullish(),
});
const user = z.object({ id: z.string() });

const { owners: _expanded, ...selected } = group.shape;
/** `$expand` returns no more owners (docs-contrib issue 2851). */
const expanded = 20;
const groups = `/groups?$select=${Object.keys(selected).join(',')}&$expand=owners($select=id)&$top=999`;

/** Reports groups without an owner who could act, and public teams and groups. */
export default defineJob({
  name: 'groups-and-teams',
  title: 'Groups and teams',
  description:
    'Which groups and teams have no owner, or only disabled ones, and which are public. Synchronized and Exchange groups have owners elsewhere and are left out.',
  topic: 'identity',
  resources: ['graph'],
  permissions: ['GroupMember.Read.All', 'User.Read.All'],
  directoryRoles: ['Directory Readers', 'Global Reader', 'Groups Administrator', 'User Administrator'],
  timeoutSeconds: 600,
  columns: [
    { name: 'group', title: 'Group', type: 'text' },
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'finding', title: 'Finding', type: 'text' },
    { name: 'owners', title: 'Owners', type: 'number' },
    { name: 'public', title: 'Public', type: 'boolean' },
    { name: 'roleAssignable', title: 'Can hold roles', type: 'boolean' },
    { name: 'id', title: 'Group id', type: 'text' },
  ],
  key: ['id', 'finding'],
  historyBy: 'finding',
  async run({ graph }) {
    const disabled = new Set<string>();
    for await (const { id } of graph.list('/users?$filter=accountEnabled eq false&$select=id&$top=999', {
      shape: user,
    }))
      disabled.add(id);
    const rows: Row[] = [];
    for await (const each of graph.list(groups, { shape: group })) {
      const isUnified = each.groupTypes?.includes('Unified') === true;
      const isElsewhere = each.onPremisesSyncEnabled === true || (each.mailEnabled === true && !isUnified);
      if (isElsewhere) continue;
      const isTeam = each.resourceProvisioningOptions?.includes('Team') === true;
      const isPublic = each.visibility == null ? null : each.visibility === 'Public';
      const isActing = ({ id }: z.output<typeof user>): boolean => !disabled.has(id);
      const isShown = isUnified && isPublic === true;
      const owners =
        each.owners?.length === expanded && (isShown || !each.owners.some(isActing))
          ? await Array.fromAsync(graph.list(`/groups/${each.id}/owners?$select=id&$top=999`, { shape: user }))
          : each.owners;
      const findings = [
        ...(owners?.some(isActing) === false ? [owners.length === 0 ? 'no owner' : 'disabled owners only'] : []),
        ...(isShown ? [isTeam ? 'public team' : 'public group'] : []),
      ];
      for (const finding of findings)
        rows.push({
          group: each.displayName ?? null,
          kind: isTeam ? 'team' : isUnified ? 'Microsoft 365 group' : 'security group',
          finding,
          owners: owners?.length ?? null,
          public: isPublic,
          roleAssignable: flagOf(each.isAssignableToRole),
          id: each.id,
        });
    }
    return rows;
  },
});
