import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { listObjects, mailboxNames, ofEachMailbox, readPart } from './parts.ts';

const text = z.string().nullish();
const bytes = z.number().nullish();
const mailboxShape = mailboxNames.extend({ ArchiveGuid: text });
const statistics = z.object({ TotalItemSize: text });
const usageDetail = z.object({
  userPrincipalName: text,
  reportRefreshDate: text,
  storageUsedInBytes: bytes,
  prohibitSendReceiveQuotaInBytes: bytes,
});
const account = z.object({
  id: z.string(),
  accountEnabled: z.boolean().nullish(),
  assignedLicenses: z.array(z.unknown()).nullish(),
  onPremisesSyncEnabled: z.boolean().nullish(),
});

const usage = "/beta/reports/getMailboxUsageDetail(period='D7')?$format=application/json";
const accounts = '/users?$select=id,accountEnabled,assignedLicenses,onPremisesSyncEnabled&$top=999';
const noArchive = '00000000-0000-0000-0000-000000000000';

/** With concealed names, the report has 32 hexadecimal digits in place of each ("Microsoft 365 reports show anonymous names"). */
const isConcealed = (name: string | null | undefined): boolean => /^[0-9a-f]{32}$/i.test(name ?? '');

const megabytes = (size: number | null | undefined): number | null =>
  size == null ? null : Math.round(size / 1_048_576);

/** Exchange writes sizes as `1.5 GB (1,610,612,736 bytes)`. */
function bytesIn(size: string | null | undefined): number | null {
  const [, digits] = /\(([\d,]+) bytes\)/.exec(size ?? '') ?? [];
  return digits === undefined ? null : Number(digits.replaceAll(',', ''));
}

/** Mailboxes as which nobody should sign in. */
const nobodys = /^(?:Shared|Room|Equipment)Mailbox$/;

/** Reports how full mailboxes are, and which accounts of shared mailboxes can sign in. The sizes are about two days old. */
export default defineJob({
  name: 'mailbox-sizes',
  title: 'Mailboxes',
  description:
    'Size and archive of each mailbox, which are nearly full (90 %), and which shared mailboxes, rooms and equipment allow sign-in. Sizes need Reports Reader; where names are concealed, only their sum is known. A tenant without Exchange Online is skipped.',
  topic: 'exchange',
  resources: ['exchange', 'graph'],
  permissions: ['Exchange.Manage', 'Reports.Read.All', 'User.Read.All'],
  directoryRoles: ['Global Reader', 'Exchange Administrator'],
  timeoutSeconds: 3_600,
  parameters: z.object({
    archiveSizes: z.boolean().default(false).meta({ description: 'Read the size of each archive, ten in a request.' }),
  }),
  columns: [
    { name: 'mailbox', title: 'Mailbox', type: 'text' },
    { name: 'type', title: 'Type', type: 'text' },
    { name: 'usedMb', title: 'Used (MB)', type: 'number', compare: false },
    { name: 'quotaMb', title: 'Quota (MB)', type: 'number', compare: false },
    { name: 'percent', title: 'Used (%)', type: 'number', compare: false, history: false },
    { name: 'finding', title: 'Finding', type: 'text' },
    { name: 'archive', title: 'Archive', type: 'text' },
    { name: 'archiveMb', title: 'Archive (MB)', type: 'number', compare: false },
    { name: 'enabled', title: 'Account enabled', type: 'boolean' },
    { name: 'licensed', title: 'Licensed', type: 'boolean' },
    { name: 'synced', title: 'Synchronized', type: 'boolean' },
    { name: 'asOf', title: 'Size as of', type: 'date', compare: false },
    { name: 'sizesRead', title: 'Sizes read', type: 'text' },
    { name: 'id', title: 'Id', type: 'text' },
  ],
  key: ['id'],
  historyBy: 'finding',
  async run({ exchange, graph, parameters }) {
    const mailboxes = await Array.fromAsync(
      listObjects(exchange, 'Get-Mailbox', mailboxShape, { ResultSize: 'Unlimited' }),
    );
    const { items: usages, read } = await readPart(graph.list(usage, { shape: usageDetail }));
    const concealed = usages.filter(({ userPrincipalName }) => isConcealed(userPrincipalName));
    const sizesRead = concealed.length > 0 ? 'concealed' : read;
    const usageOf = new Map(usages.map((each) => [each.userPrincipalName?.toLowerCase(), each]));
    const accountOf = new Map<string, z.output<typeof account>>();
    for await (const each of graph.list(accounts, { shape: account })) accountOf.set(each.id, each);

    const withArchive = mailboxes.filter(({ ArchiveGuid: guid }) => guid != null && guid !== noArchive);
    const archives = await ofEachMailbox(exchange, parameters.archiveSizes ? withArchive : [], {
      cmdlet: 'Get-MailboxStatistics',
      by: 'Identity',
      parameters: { Archive: true },
      shape: statistics,
    });
    const archiveBytes = new Map(
      archives.map(({ mailbox, objects }) => [mailbox.ExternalDirectoryObjectId, bytesIn(objects[0]?.TotalItemSize)]),
    );

    const rows = mailboxes.map((mailbox): Row => {
      const { ExternalDirectoryObjectId: id, UserPrincipalName: name, ArchiveGuid: guid } = mailbox;
      const {
        storageUsedInBytes: used,
        prohibitSendReceiveQuotaInBytes: quota,
        reportRefreshDate,
      } = usageOf.get(name?.toLowerCase()) ?? {};
      const { accountEnabled, assignedLicenses, onPremisesSyncEnabled } = accountOf.get(id) ?? {};
      const share = used == null || !quota ? null : used / quota;
      const findings = [
        ...(share !== null && share >= 0.9 ? ['nearly full'] : []),
        ...(accountEnabled === true && nobodys.test(mailbox.RecipientTypeDetails ?? '') ? ['sign-in allowed'] : []),
      ];
      return {
        mailbox: name ?? null,
        type: mailbox.RecipientTypeDetails ?? null,
        usedMb: megabytes(used),
        quotaMb: megabytes(quota),
        percent: share === null ? null : Math.floor(share * 100),
        finding: findings.length === 0 ? null : findings.join(', '),
        archive: guid == null ? null : guid === noArchive ? 'none' : 'active',
        archiveMb: megabytes(archiveBytes.get(id)),
        enabled: accountEnabled ?? null,
        licensed: assignedLicenses == null ? null : assignedLicenses.length > 0,
        // Null: never synchronized.
        synced: onPremisesSyncEnabled === undefined ? null : onPremisesSyncEnabled === true,
        asOf: reportRefreshDate ?? null,
        sizesRead,
        id,
      };
    });
    if (concealed.length === 0) return rows;
    const sum = concealed.reduce((total, { storageUsedInBytes: used }) => total + (used ?? 0), 0);
    const asOf = concealed[0]?.reportRefreshDate ?? null;
    return [...rows, { mailbox: null, type: 'total', usedMb: megabytes(sum), asOf, sizesRead, id: 'total' }];
  },
});
