import type { Row } from '../graph/declaration.ts';
import type { TenantFacts } from '../population/graph/facts.ts';
import type { Profile } from '../population/graph/user-profiles.ts';
import { type CloudRequest, headerOf, json, type Reply } from '../web/http.ts';
import type { TenantChanges } from './changes.ts';
import type { Cmdlet, CmdletContext, ReadCmdlet } from './cmdlet.ts';
import { unknownParameters, wrongValue } from './exchange-error.ts';
import { textOf } from './format.ts';
import { pageOf } from './pages.ts';
import { type Parameters, readParameters } from './parameters.ts';
import { isMember } from './enumerations.ts';
import { checkQuery } from './query-names.ts';
import { checkSelect, filterRows, findRow, resolveAmbiguous, selectProperties, sortRows } from './select-rows.ts';

/** Parameters that every cmdlet has. They do not change the reply. */
const commonParameters = [
  'Confirm',
  'Debug',
  'ErrorAction',
  'Force',
  'ProgressAction',
  'Verbose',
  'WarningAction',
  'WhatIf',
] as const;

/** Objects that a cmdlet returns at most, unless `ResultSize` says more. */
const defaultResultSize = 1000;

/** A cmdlet to run, and where its reply is told to continue. */
export interface Invocation {
  readonly cmdlet: Cmdlet;
  readonly input: Readonly<Record<string, unknown>>;
  readonly facts: TenantFacts;
  readonly changes: TenantChanges;
  readonly request: CloudRequest;
  /** Address of the request without the query. */
  readonly address: string;
  readonly context: string;
  readonly nowMs: number;
  /** Largest page. Default: what `Prefer` says. */
  readonly pageSize?: number;
  /** Adds the account of a new mailbox to the directory. */
  readonly addUser: (profile: Profile) => void;
}

/** Runs a cmdlet. @throws ExchangeError for wrong parameters and for objects that do not exist. */
export function invoke(invocation: Invocation): Reply {
  const { cmdlet, input, facts, changes, request } = invocation;
  checkQuery(request);
  const parameters = readParameters(input);
  checkNames(cmdlet, parameters);
  const warnings: string[] = [];
  const context: CmdletContext = {
    facts,
    changes,
    parameters,
    warn: (text) => void warnings.push(text),
    addUser: invocation.addUser,
    createdMs: invocation.nowMs,
  };
  // Nothing is changed in a trial run.
  const isTrial = cmdlet.kind === 'write' && parameters.flag('WhatIf') === true;
  const rows = cmdlet.kind === 'read' ? read(cmdlet, context) : isTrial ? [] : cmdlet.run(context);
  const { page, nextLink } = pageOf(rows, {
    token: request.query.get('$skiptoken') ?? request.query.get('$skipToken'),
    cmdlet: cmdlet.name,
    size: invocation.pageSize ?? pageSize(headerOf(request, 'prefer')),
    address: invocation.address,
    query: request.query,
    nowMs: invocation.nowMs,
  });
  const select = request.query.get('$select');
  checkSelect(rows, select);
  return json(200, {
    '@odata.context': invocation.context,
    'adminapi.warnings@odata.type': '#Collection(String)',
    '@adminapi.warnings': warnings,
    ...(request.query.get('$count') === 'true' ? { '@odata.count': rows.length } : {}),
    ...(nextLink === undefined ? {} : { '@odata.nextLink': nextLink }),
    value: page.map((row) => selectProperties(row, select)),
  });
}

function checkNames({ kind, parameters: own, ...cmdlet }: Cmdlet, { names }: Parameters): void {
  const isLimited = kind === 'read' && 'isLimited' in cmdlet;
  const known = new Set(
    [...own, ...commonParameters, ...(isLimited ? ['ResultSize'] : [])].map((name) => name.toLowerCase()),
  );
  const unknown = names.filter((name) => !known.has(name.toLowerCase()) && !name.startsWith('@'));
  if (unknown.length > 0) throw unknownParameters(unknown);
}

function read(cmdlet: ReadCmdlet, context: CmdletContext): readonly Row[] {
  const { parameters } = context;
  const all = cmdlet.rows(context);
  const identity = cmdlet.keys === undefined ? undefined : parameters.text('Identity');
  if (identity !== undefined && cmdlet.keys !== undefined) return [findRow(all, identity, cmdlet.keys)];
  const filter = parameters.text('Filter');
  const anr = parameters.text('Anr');
  let rows = filter === undefined ? all : filterRows(all, filter);
  if (anr !== undefined) rows = resolveAmbiguous(rows, anr);
  for (const name of [...(cmdlet.selectors ?? []), ...(cmdlet.name === 'Get-TransportRule' ? ['State'] : [])]) {
    const wanted = parameters.texts(name).flatMap((text) => text.toLowerCase().split(/\s*,\s*/));
    const unknown = wanted.find((text) => !isMember(name, text));
    if (unknown !== undefined) throw wrongValue(name, unknown, `Microsoft.Exchange.Data.Directory.Recipient.${name}`);
    if (wanted.length > 0) rows = rows.filter((row) => wanted.includes(textOf(row[name]).toLowerCase()));
  }
  return limited(cmdlet, context, sortRows(rows, parameters.text('SortBy')));
}

function limited(cmdlet: ReadCmdlet, context: CmdletContext, rows: readonly Row[]): readonly Row[] {
  if (cmdlet.isLimited !== true) return rows;
  const asked = context.parameters.text('ResultSize');
  if (asked?.toLowerCase() === 'unlimited') return rows;
  const size = asked === undefined ? defaultResultSize : Number(asked);
  if (!Number.isInteger(size) || size < 0)
    throw wrongValue('ResultSize', asked, 'Microsoft.Exchange.Data.Unlimited`1[System.UInt32]');
  if (rows.length > size) context.warn(`There are more than ${size} results. "ResultSize Unlimited" returns all.`);
  return rows.slice(0, size);
}

/** Rows of a page: what `Prefer: odata.maxpagesize` says, at most 1,000. */
function pageSize(prefer: string | undefined): number {
  const asked = Number(/odata\.maxpagesize\s*=\s*(\d+)/i.exec(prefer ?? '')?.[1] ?? '1000');
  return Math.min(1000, Math.max(1, asked));
}
