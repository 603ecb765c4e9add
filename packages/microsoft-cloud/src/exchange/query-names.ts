import type { CloudRequest } from '../web/http.ts';
import { badQuery } from './exchange-error.ts';

/** Query options that a cmdlet in the body understands. */
const ofCmdlets = ['$count', '$select', '$skiptoken'];

/** A list by address has these as well. */
const ofLists = [...ofCmdlets, '$filter', '$top', 'propertyset'];

/** Source: "Property sets in Exchange Online PowerShell module cmdlets". Every set returns all properties here. */
const propertySets = new Set([
  'all',
  'minimum',
  'addresslist',
  'archive',
  'audit',
  'custom',
  'delivery',
  'hold',
  'mailboxmove',
  'moderation',
  'move',
  'policy',
  'publicfolder',
  'quota',
  'resource',
  'retention',
  'scl',
  'softdelete',
  'statisticsseed',
  'activesync',
  'ecp',
  'ews',
  'imap',
  'mapi',
  'pop',
  'protocolsettings',
]);

/** Refuses what would be without effect. @throws ExchangeError 400 for an unknown option or property set. */
export function checkQuery({ method, query }: CloudRequest): void {
  const known = method === 'GET' ? ofLists : ofCmdlets;
  for (const [name, value] of query) {
    if (!known.includes(name.toLowerCase())) throw badQuery(`The query parameter '${name}' is not supported.`);
    if (name.toLowerCase() !== 'propertyset') continue;
    const unknown = value.split(',').find((set) => !propertySets.has(set.trim().toLowerCase()));
    if (unknown !== undefined) throw badQuery(`The property set '${unknown}' is not known.`);
  }
}
