import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

const text = z.string().nullish();
const issueShape = z.object({
  id: z.string(),
  title: text,
  service: text,
  classification: text,
  status: text,
  startDateTime: text,
  lastModifiedDateTime: text,
});

/** Without `$select`, the posts of all issues weigh megabytes. */
const open =
  '/admin/serviceAnnouncement/issues?$filter=isResolved eq false&$select=id,title,service,classification,status,startDateTime,lastModifiedDateTime';

/**
 * Reports what is broken at Microsoft. Customers of a region see the same, so that the job visits only those that operators
 * tagged for it: one of each region is enough.
 */
export default defineJob({
  name: 'service-health',
  title: 'Service health',
  description:
    'Open issues of Microsoft 365. All customers of a region have the same, so give one of them the tag service-health: no other is visited.',
  topic: 'service',
  resources: ['graph'],
  permissions: ['ServiceHealth.Read.All'],
  tenants: ['tag:service-health'],
  directoryRoles: ['Global Reader'],
  timeoutSeconds: 120,
  columns: [
    { name: 'issue', title: 'Issue', type: 'text' },
    { name: 'service', title: 'Service', type: 'text' },
    { name: 'title', title: 'Title', type: 'text' },
    { name: 'classification', title: 'Classification', type: 'text' },
    { name: 'status', title: 'Status', type: 'text' },
    { name: 'started', title: 'Started', type: 'date' },
    { name: 'changed', title: 'Changed', type: 'date', compare: false },
  ],
  key: ['issue'],
  historyBy: 'service',
  async run({ graph }) {
    const rows: Row[] = [];
    for await (const issue of graph.list(open, { shape: issueShape }))
      rows.push({
        issue: issue.id,
        service: issue.service ?? null,
        title: issue.title ?? null,
        classification: issue.classification ?? null,
        status: issue.status ?? null,
        started: issue.startDateTime ?? null,
        changed: issue.lastModifiedDateTime ?? null,
      });
    return rows;
  },
});
