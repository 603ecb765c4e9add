import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { listObjects, readPart } from './parts.ts';

const text = z.string().nullish();
const domainShape = z.object({
  id: z.string(),
  isVerified: z.boolean().nullish(),
  isInitial: z.boolean().nullish(),
  isDefault: z.boolean().nullish(),
  supportedServices: z.array(z.string()).nullish(),
});
const signing = z.object({ Domain: z.string(), Enabled: z.boolean().nullish(), Status: text });

const domains = '/domains?$select=id,isVerified,isInitial,isDefault,supportedServices';

/**
 * Reports which domains sign their mail. SPF and DMARC are records of DNS, which a job cannot read: Graph lists what the
 * records should be, never what they are ("domain: serviceConfigurationRecords").
 */
export default defineJob({
  name: 'domain-protection',
  title: 'Protection of domains',
  description:
    'Which verified domains sign their mail with DKIM. SPF and DMARC are not read, because they are in DNS. Without Exchange Online, the domains alone.',
  topic: 'security',
  resources: ['graph', 'exchange'],
  permissions: ['Domain.Read.All', 'Exchange.Manage'],
  directoryRoles: ['Global Reader', 'Exchange Administrator'],
  timeoutSeconds: 300,
  columns: [
    { name: 'domain', title: 'Domain', type: 'text' },
    { name: 'default', title: 'Default', type: 'boolean' },
    { name: 'initial', title: 'Initial', type: 'boolean' },
    { name: 'mail', title: 'For mail', type: 'text' },
    { name: 'dkim', title: 'DKIM', type: 'text' },
    { name: 'status', title: 'Status of DKIM', type: 'text' },
    { name: 'dkimRead', title: 'DKIM read', type: 'text' },
  ],
  key: ['domain'],
  historyBy: 'dkim',
  async run({ graph, exchange }) {
    const { items, read } = await readPart(listObjects(exchange, 'Get-DkimSigningConfig', signing));
    const signers = new Map(items.map((each) => [each.Domain.toLowerCase(), each]));
    const rows: Row[] = [];
    for await (const { id, ...domain } of graph.list(domains, { shape: domainShape })) {
      if (domain.isVerified === false) continue;
      const signer = signers.get(id.toLowerCase());
      // Exchange lists no configuration for a domain until somebody creates its keys ("New-DkimSigningConfig").
      const enabled = signer === undefined ? (read !== 'yes' ? null : false) : signer.Enabled;
      rows.push({
        domain: id,
        default: domain.isDefault ?? null,
        initial: domain.isInitial ?? null,
        mail: domain.supportedServices == null ? null : domain.supportedServices.includes('Email') ? 'yes' : 'no',
        dkim: enabled == null ? null : enabled ? 'on' : 'off',
        status: signer?.Status ?? null,
        dkimRead: read,
      });
    }
    return rows;
  },
});
