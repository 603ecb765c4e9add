import { KeptValues } from '../../src/lib/audit/proof/kept-values.ts';
import { RequestPairs } from '../../src/lib/audit/proof/request-pairs.ts';
import type { ChangeValues } from '../../src/lib/audit/proof/verify-extract.ts';
import { nilUuid } from '../../src/lib/core/identifiers.ts';
import { visibleText } from '../../src/lib/core/text.ts';
import { actionOf, dataOf, isChange, kindOf, type Request } from './words.ts';

/*
 * What the records of an extract say, as a customer reads it. Pure: it knows no page. Each text of a record is made visible
 * here, so that no name can hide or turn around what stands beside it.
 */

/** Who did something. Nobody signs names, so a page shows the ids beside them. */
export interface Party {
  /** Of the person, or of the application if there is none. */
  readonly id: string;
  /** The id until the names are known. */
  readonly name: string;
  readonly kind: 'person' | 'application' | 'job';
  /** The application that a person used. */
  readonly through?: { readonly id: string; readonly name: string };
}

/** One thing that happened. A request is one, although it has a record before and one after it. */
export interface Happening extends Request {
  readonly at: string;
  readonly atMs: number;
  readonly kind: 'token' | 'request' | 'approval' | 'tags' | 'tool';
  /** The last that is known. */
  outcome: string;
  status?: number | undefined;
  code?: string | undefined;
  readonly who: Party;
  readonly rule?: string | undefined;
  readonly reason?: string | undefined;
  readonly approvalId?: string | undefined;
  readonly isEmergency: boolean;
  readonly scopes: readonly string[];
  readonly tokenId?: string | undefined;
  readonly uti?: string | undefined;
  readonly fromCache: boolean;
  readonly tool?: string | undefined;
  readonly plan?: string | undefined;
  /** Names the values before and after. Absent in records of earlier versions. */
  readonly changeSha256?: string | undefined;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A request for an approval and what became of it. */
export interface Approval {
  readonly id: string;
  readonly steps: Happening[];
}

/** What one person, application or job did. */
export interface Activity {
  readonly party: Party;
  tokens: number;
  reads: number;
  changes: number;
  refused: number;
  /** Of approvals. Asking for one and using it are none. */
  decisions: number;
  firstMs: number;
  lastMs: number;
}

type Row = Readonly<Record<string, unknown>>;

/** More happenings than these are counted and not listed. A page that holds more gets slow. */
const mostListed = 250_000;

/** Collects records of one extract: those that the proof is about, or the others. Those of both are never mixed. */
export class Account {
  readonly happenings: Happening[] = [];
  readonly approvals = new Map<string, Approval>();
  /** Happenings that are not in the list. */
  left = 0;
  readonly #requests = new RequestPairs<Happening>();
  readonly #texts = new Map<string, string>();
  readonly #parties = new Map<string, Party>();
  /** Names those parties that have ids. */
  readonly #toName: (() => void)[] = [];
  #names: ReadonlyMap<string, string> = new Map();
  readonly #values = new KeptValues();

  add(row: Row): void {
    const text = (name: string): string | undefined => this.#text(row[name]);
    const tokenId = text('tokenId');
    const outcome = text('outcome') ?? '';
    const kind = (text('kind') ?? 'token') as Happening['kind'];
    const status = typeof row['status'] === 'number' ? row['status'] : undefined;
    const sent = this.#requests.endedBy(row);
    if (sent !== undefined) {
      Object.assign(sent, { outcome, status, code: text('code') });
      return;
    }
    if (this.happenings.length >= mostListed) {
      this.left += 1;
      return;
    }
    const at = typeof row['at'] === 'string' && Number.isFinite(Date.parse(row['at'])) ? row['at'] : '';
    const list = (name: string): readonly string[] => (text(name) ?? '').split(' ').filter((each) => each !== '');
    const happening: Happening = {
      at,
      atMs: Date.parse(at) || 0,
      kind,
      outcome,
      status,
      code: text('code'),
      who: this.#party(row),
      rule: text('rule'),
      reason: text('reason'),
      approvalId: text('approvalId'),
      isEmergency: row['breakGlass'] === true,
      scopes: list('scopes'),
      tokenId,
      uti: text('uti'),
      fromCache: row['fromCache'] === true,
      tool: text('tool'),
      plan: text('plan'),
      changeSha256: text('changeSha256'),
      added: list('tagsAdded'),
      removed: list('tagsRemoved'),
      resource: text('resource'),
      method: text('method'),
      path: text('path') ?? text('route'),
      template: text('template'),
      cmdlet: text('cmdlet'),
      bodyNames: text('bodyNames'),
    };
    this.happenings.push(happening);
    this.#requests.begin(row, happening);
    if (kind === 'approval' && happening.approvalId !== undefined) {
      const known = this.approvals.get(happening.approvalId);
      if (known === undefined)
        this.approvals.set(happening.approvalId, { id: happening.approvalId, steps: [happening] });
      else known.steps.push(happening);
    }
  }

  /**
   * To be called once all records are there. Late records stand behind later ones in an extract.
   * @param names of people and applications, by their ids. Nobody signs them.
   */
  end(names: Readonly<Record<string, string>>): void {
    this.#names = new Map(Object.entries(names).map(([id, name]) => [id.toLowerCase(), visibleText(name)]));
    for (const name of this.#toName) name();
    this.happenings.sort((one, other) => one.atMs - other.atMs);
  }

  addValues(sha256: string, values: ChangeValues): void {
    this.#values.add(sha256, values);
  }

  /** What the file has of a change of a plan, as proven as its record. Undefined: the record does not name it. */
  valuesOf({ changeSha256 }: Happening): ReturnType<KeptValues['of']> {
    return this.#values.of(changeSha256);
  }

  /** The same text many times takes the memory of one. */
  #text(value: unknown): string | undefined {
    if (typeof value !== 'string' || value === '') return undefined;
    const known = this.#texts.get(value);
    if (known !== undefined) return known;
    const visible = visibleText(value);
    // Most texts that repeat are short, and most that are long do not.
    if (value.length < 200 && this.#texts.size < 100_000) this.#texts.set(value, visible);
    return visible;
  }

  #party(row: Row): Party {
    const text = (name: string): string => this.#text(row[name]) ?? '';
    const [application, object, kind, actsFor, rule] = [
      text('callerApplication'),
      text('callerObject'),
      text('callerKind'),
      text('callerActsFor'),
      text('rule'),
    ];
    const isBroker = application === nilUuid || application === '';
    const key = isBroker ? `rule ${rule}` : `${kind} ${application} ${object} ${actsFor}`;
    const known = this.#parties.get(key);
    if (known !== undefined) return known;
    const name = (): Party => partyOf({ application, object, kind, actsFor }, (id) => this.nameOf(id));
    const party = isBroker ? brokerParty(rule) : name();
    if (!isBroker) this.#toName.push(() => Object.assign(party, name()));
    this.#parties.set(key, party);
    return party;
  }

  /** The name that the file gives an id, or the id. */
  nameOf(id: string): string {
    return this.#names.get(id.toLowerCase()) ?? id;
  }

  /** An id in the middle of a sentence: behind its name, if it has one. */
  readonly named = (id: string): string => {
    const name = this.nameOf(id);
    return name === id ? id : `${name} (${id})`;
  };
}

const brokerParty = (rule: string): Party =>
  rule.startsWith('job:')
    ? { id: rule, name: `scheduled job ${rule.slice(4)}`, kind: 'job' }
    : { id: nilUuid, name: 'the partner’s service itself', kind: 'job' };

interface Caller {
  readonly application: string;
  readonly object: string;
  readonly kind: string;
  readonly actsFor: string;
}

function partyOf({ application, object, kind, actsFor }: Caller, nameOf: (id: string) => string): Party {
  const name = nameOf(application);
  if (kind === 'user') return { id: object, name: nameOf(object), kind: 'person', through: { id: application, name } };
  if (actsFor !== '')
    return {
      id: actsFor,
      name: nameOf(actsFor),
      kind: 'person',
      through: { id: application, name: `the agent ${name}` },
    };
  const id = nameOf(object) === object ? application : object;
  return { id, name: kind === 'agent' ? `agent ${nameOf(id)}` : nameOf(id), kind: 'application' };
}

const isRequest = ({ kind }: Happening): boolean => kind === 'request';
/** Whether a request left the partner. */
export const hasLeft = (one: Happening): boolean => isRequest(one) && one.outcome !== 'denied';
export const isRefused = ({ kind, outcome }: Happening): boolean => outcome === 'denied' && kind !== 'approval';
/** A change whose answer is an error of the server may be done. */
const isUnclear = (one: Happening): boolean => (one.status ?? 0) >= 500 && isChange(one);
/** Whether a request left the partner, and Microsoft did not do it. */
const isInVain = (one: Happening): boolean => hasLeft(one) && (one.status ?? 0) >= 400 && !isUnclear(one);
const aimsToChange = (one: Happening): boolean => (hasLeft(one) && isChange(one)) || one.kind === 'tags';
const hasFailed = (one: Happening): boolean => isInVain(one) || (one.kind === 'tags' && one.outcome === 'failed');
/** Whether it changed something, or may have: of some requests no answer is known. */
export const isChanging = (one: Happening): boolean => aimsToChange(one) && !hasFailed(one);
/** Whether it was to change something, and nothing was changed. */
export const isTried = (one: Happening): boolean => aimsToChange(one) && hasFailed(one);
const decisions: ReadonlySet<string> = new Set(['approved', 'denied', 'revoked']);

/** An agent is another party than the application that it is, and two parties may have one name. */
export const keyOf = ({ id, name }: Party): string => `${id} ${name}`;

/** What each party did, the busiest first. */
export function activities(happenings: readonly Happening[], partyOf: (one: Happening) => Party): readonly Activity[] {
  const found = new Map<string, Activity>();
  for (const one of happenings) {
    const party = partyOf(one);
    const known: Activity = found.get(keyOf(party)) ?? {
      party,
      tokens: 0,
      reads: 0,
      changes: 0,
      refused: 0,
      decisions: 0,
      firstMs: one.atMs,
      lastMs: one.atMs,
    };
    found.set(keyOf(party), known);
    if (isRefused(one) || isInVain(one)) known.refused += 1;
    else if (isChanging(one)) known.changes += 1;
    else if (hasLeft(one)) known.reads += 1;
    else if (one.kind === 'token') known.tokens += 1;
    else if (one.kind === 'approval' && decisions.has(one.outcome)) known.decisions += 1;
    known.lastMs = one.atMs;
  }
  const total = ({ tokens, reads, changes, refused, decisions: decided }: Activity): number =>
    tokens + reads + changes + refused + decided;
  return [...found.values()].toSorted((one, other) => total(other) - total(one));
}

/** The application or job through which something happened. */
export const applicationOf = ({ who }: Pick<Happening, 'who'>): Party =>
  who.through === undefined ? who : { ...who.through, kind: 'application' };

/** A kind of data, how often requests read it, and how many tokens would have allowed it. */
export interface DataRead {
  readonly data: string;
  requests: number;
  tokens: number;
  readonly parties: Map<string, Party>;
}

/** What kinds of data were read, the most frequent first. */
export function dataRead(happenings: readonly Happening[]): readonly DataRead[] {
  const found = new Map<string, DataRead>();
  const of = (data: string): DataRead => {
    const known = found.get(data) ?? { data, requests: 0, tokens: 0, parties: new Map<string, Party>() };
    found.set(data, known);
    return known;
  };
  for (const one of happenings) {
    if (hasLeft(one) && !isChange(one) && !isInVain(one)) {
      const read = of(dataOf(one));
      read.requests += 1;
      read.parties.set(keyOf(one.who), one.who);
    } else if (one.kind === 'token' && one.outcome === 'issued') {
      const data = new Set(one.scopes.map((scope) => kindOf(scope) ?? `Permission ${scope}`));
      if (data.size === 0) data.add(`Data of ${one.resource ?? 'a resource that is not named'}`);
      for (const each of data) {
        const read = of(each);
        read.tokens += 1;
        read.parties.set(keyOf(one.who), one.who);
      }
    }
  }
  return [...found.values()].toSorted(
    (one, other) => other.requests - one.requests || other.tokens - one.tokens || (one.data < other.data ? -1 : 1),
  );
}

/** When a customer expects its partner: hours of the day, Monday to Friday. */
export interface BusinessHours {
  /** 0 to 23. */
  readonly from: number;
  /** 1 to 24, exclusive. */
  readonly to: number;
  readonly zone: 'local' | 'utc';
}

export function isOutside(atMs: number, { from, to, zone }: BusinessHours): boolean {
  const date = new Date(atMs);
  const [day, hour] = zone === 'utc' ? [date.getUTCDay(), date.getUTCHours()] : [date.getDay(), date.getHours()];
  return day === 0 || day === 6 || hour < from || hour >= to;
}

/** What happened, in words. */
export function summaryOf(one: Happening, nameOf: (id: string) => string): string {
  const { kind, outcome, resource, scopes } = one;
  if (kind === 'tags') return 'Changed the partner’s tags of your tenant';
  if (kind === 'tool') return `An agent called the tool ${one.tool ?? ''}`;
  if (kind === 'approval') return `${stepWords[outcome] ?? outcome}: ${lowerFirst(subjectOf(one, nameOf))}`;
  if (kind === 'request') {
    const subject = subjectOf(one, nameOf);
    if (outcome === 'denied') return `Tried, and was refused: ${lowerFirst(subject)}`;
    return isInVain(one) ? `Tried, and Microsoft refused: ${lowerFirst(subject)}` : subject;
  }
  const opened = scopes.length === 0 ? '' : `: ${scopes.slice(0, 4).join(', ')}${scopes.length > 4 ? ' …' : ''}`;
  return outcome === 'denied'
    ? `Asked for access to ${resourceName(resource)} and was refused${opened}`
    : `Got access to ${resourceName(resource)} for about an hour${opened}`;
}

/** The request of a happening, or of what an approval is for. */
export const subjectOf = (one: Happening, nameOf: (id: string) => string): string =>
  one.method === undefined && one.cmdlet === undefined
    ? `Access to ${one.resource === undefined ? 'your tenant' : resourceName(one.resource)}`
    : actionOf(one, nameOf);
const lowerFirst = (text: string): string => `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;

const resourceNames: Readonly<Record<string, string>> = {
  graph: 'Microsoft Graph',
  exchange: 'Exchange Online',
  arm: 'Azure Resource Manager',
};
const resourceName = (resource = 'a resource that is not named'): string => resourceNames[resource] ?? resource;

const stepWords: Readonly<Record<string, string>> = {
  asked: 'Asked for approval',
  approved: 'Approved',
  denied: 'Declined',
  revoked: 'Took back',
  used: 'Used the approval',
  expired: 'The approval expired',
  ended: 'The approval ended',
  failed: 'The decision did not take effect',
};

/** What became of it, and whether that is good, bad or neither. */
export function resultOf(one: Happening): readonly [tone: 'good' | 'bad' | 'warn' | 'idle', words: string] {
  const { kind, outcome, status } = one;
  if (outcome === 'denied') return ['idle', 'refused by the partner’s rules'];
  if (outcome === 'failed') return ['warn', kind === 'tags' ? 'the tags stayed as they were' : 'no answer is known'];
  if (outcome === 'sent') return ['warn', 'sent; no answer is recorded'];
  if (outcome === 'answered' && isUnclear(one)) return ['warn', 'Microsoft answered with an error; it may be done'];
  if (outcome === 'answered') return (status ?? 0) >= 400 ? ['idle', 'Microsoft refused it'] : ['good', 'done'];
  return ['good', outcome === 'changed' ? 'done' : outcome];
}

/** The request as it was sent, and what answered it: the status, the code of an error, or both. */
export function requestText({ method, path, cmdlet, resource, status, code }: Happening): string {
  const textOf = (...parts: readonly (string | number | undefined)[]): string =>
    parts.filter((part) => part !== undefined).join(' ');
  const sent = cmdlet === undefined ? textOf(method, path) : textOf(resource, cmdlet);
  const answer = textOf(status, code);
  return sent === '' || answer === '' ? `${sent}${answer}` : `${sent} → ${answer}`;
}
