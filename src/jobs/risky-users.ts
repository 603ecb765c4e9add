import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

const text = z.string().nullish();
const riskyUser = z.object({
  id: z.string(),
  userPrincipalName: text,
  userDisplayName: text,
  riskLevel: text,
  riskState: text,
  riskDetail: text,
  riskLastUpdatedDateTime: text,
});

/** Reports users at risk. Graph refuses the list without Entra ID P2: skipped. Some licences hide the level (`hidden`). */
export default defineJob({
  name: 'risky-users',
  title: 'Users at risk',
  description:
    'Which users Entra ID Protection takes for compromised. Requires Entra ID P2; other tenants are skipped.',
  topic: 'security',
  resources: ['graph'],
  permissions: ['IdentityRiskyUser.Read.All'],
  directoryRoles: ['Security Reader', 'Global Reader', 'Security Administrator'],
  timeoutSeconds: 300,
  columns: [
    { name: 'user', title: 'User', type: 'text' },
    { name: 'name', title: 'Name', type: 'text' },
    { name: 'level', title: 'Level', type: 'text' },
    { name: 'state', title: 'State', type: 'text' },
    { name: 'detail', title: 'Detail', type: 'text' },
    { name: 'updated', title: 'Updated', type: 'date' },
    { name: 'id', title: 'User id', type: 'text' },
  ],
  key: ['id'],
  historyBy: 'level',
  async run({ graph }) {
    const rows: Row[] = [];
    for await (const user of graph.list(
      "/identityProtection/riskyUsers?$filter=riskState eq 'atRisk' or riskState eq 'confirmedCompromised'&$top=500",
      { shape: riskyUser },
    ))
      rows.push({
        user: user.userPrincipalName ?? null,
        name: user.userDisplayName ?? null,
        level: user.riskLevel ?? null,
        state: user.riskState ?? null,
        detail: user.riskDetail ?? null,
        updated: user.riskLastUpdatedDateTime ?? null,
        id: user.id,
      });
    return rows;
  },
});
