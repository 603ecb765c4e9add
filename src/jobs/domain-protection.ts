import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import type { DnsClient } from '../lib/runs/job/dns.ts';
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

/** Unknown is null. */
type Text = string | null;

/**
 * What the record asks of receivers for mail that no other mechanism matches ("all", RFC 7208, section 5.1). Several records are
 * an error of the domain (section 4.5). Null: DNS did not say.
 */
function spfOf(records: readonly string[] | undefined): Text {
  if (records === undefined) return null;
  const [record, ...others] = records.filter((each) => /^v=spf1(?: |$)/i.test(each));
  if (record === undefined) return 'absent';
  if (others.length > 0) return 'several records';
  const terms = record.toLowerCase().split(/ +/);
  const all = terms.find((term) => /^[-~?+]?all$/.test(term));
  if (all !== undefined) return all === 'all' ? '+all' : all;
  return terms.some((term) => term.startsWith('redirect=')) ? 'redirect' : 'no all';
}

/** The tags of the only DMARC record (RFC 7489, sections 6.3 and 6.6.3). Several are as good as none. */
function dmarcTags(records: readonly string[]): ReadonlyMap<string, string> | undefined {
  const found = records.filter((each) => /^v *= *DMARC1 *(?:;|$)/.test(each));
  if (found.length !== 1) return undefined;
  return new Map(
    found.flatMap((record) =>
      record.split(';').map((tag) => {
        const [name = '', value = ''] = tag.split('=', 2);
        return [name.trim().toLowerCase(), value.trim().toLowerCase()] as const;
      }),
    ),
  );
}

const policies = ['none', 'quarantine', 'reject'];

interface Dmarc {
  /** Null: DNS did not say. */
  readonly dmarc: Text;
  /** The percentage of mail that the policy is for. */
  readonly pct: number | null;
  /** The parent domain whose record counts. */
  readonly from: Text;
}

/**
 * The policy of the record of a domain, or else of the parent that is nearest to the root and has one: which parent the
 * organization has is in a list that is not used here, so that of a public suffix (`psd=y`) is passed over.
 */
async function dmarcOf(dns: DnsClient, domain: string): Promise<Dmarc> {
  const unknown = { dmarc: null, pct: null, from: null };
  const labels = domain.split('.');
  // Microsoft has the parent of these.
  const names = domain.endsWith('.onmicrosoft.com')
    ? [domain]
    : labels.slice(1).map((_, at) => labels.slice(at).join('.'));
  const [own = domain, ...parents] = names;
  const order = [own, ...parents.toReversed()];
  for (const name of order) {
    const records = await dns.txt(`_dmarc.${name}`);
    if (records === undefined) return unknown;
    const tags = dmarcTags(records);
    if (tags === undefined || (name !== domain && tags.get('psd') === 'y')) continue;
    const asked = (name === domain ? undefined : tags.get('sp')) ?? tags.get('p') ?? '';
    const pct = Number(tags.get('pct') ?? 100);
    return {
      // Without a valid policy, a record with an address for reports asks for them alone (section 6.6.3).
      dmarc: policies.includes(asked) ? asked : tags.has('rua') ? 'none' : 'not valid',
      pct: Number.isInteger(pct) ? pct : null,
      from: name === domain ? null : name,
    };
  }
  return { ...unknown, dmarc: 'absent' };
}

/**
 * Reports which domains protect their mail against forgery. What SPF and DMARC are is in DNS alone: Graph lists what the records
 * should be ("domain: serviceConfigurationRecords").
 */
export default defineJob({
  name: 'domain-protection',
  title: 'Protection of domains',
  description:
    'Which verified domains protect their mail against forgery: SPF and DMARC as DNS has them, and whether Exchange Online signs with DKIM.',
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
    { name: 'spf', title: 'SPF', type: 'text' },
    { name: 'dmarc', title: 'DMARC', type: 'text' },
    { name: 'pct', title: 'DMARC for (%)', type: 'number', history: false },
    { name: 'from', title: 'DMARC of', type: 'text' },
    { name: 'dkim', title: 'DKIM', type: 'text' },
    { name: 'status', title: 'Status of DKIM', type: 'text' },
    { name: 'dkimRead', title: 'DKIM read', type: 'text' },
    { name: 'dnsRead', title: 'DNS read', type: 'text' },
  ],
  key: ['domain'],
  historyBy: 'dmarc',
  async run({ graph, exchange, dns }) {
    const { items, read } = await readPart(listObjects(exchange, 'Get-DkimSigningConfig', signing));
    const signers = new Map(items.map((each) => [each.Domain.toLowerCase(), each]));
    const listed = await Array.fromAsync(graph.list(domains, { shape: domainShape }));
    const verified = listed.filter(({ isVerified }) => isVerified === true);
    return Promise.all(
      verified.map(async ({ id, ...domain }): Promise<Row> => {
        const signer = signers.get(id.toLowerCase());
        // Exchange lists no configuration for a domain until somebody creates its keys ("New-DkimSigningConfig").
        const enabled = signer === undefined ? (read !== 'yes' ? null : false) : signer.Enabled;
        const [spf, dmarc] = await Promise.all([dns.txt(id).then(spfOf), dmarcOf(dns, id.toLowerCase())]);
        return {
          domain: id,
          default: domain.isDefault ?? null,
          initial: domain.isInitial ?? null,
          mail: domain.supportedServices == null ? null : domain.supportedServices.includes('Email') ? 'yes' : 'no',
          spf,
          ...dmarc,
          dkim: enabled == null ? null : enabled ? 'on' : 'off',
          status: signer?.Status ?? null,
          dkimRead: read,
          dnsRead: spf === null || dmarc.dmarc === null ? 'no answer' : 'yes',
        };
      }),
    );
  },
});
