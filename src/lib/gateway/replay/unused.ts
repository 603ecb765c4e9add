import { type RuleScope, scopeOf } from '../../access/policy/explain.ts';
import { type AllowList, type Rule, shortName } from '../../access/policy/policy.ts';
import { type TenantFacts, textOfEntry } from '../../access/tenants/tenant-set.ts';
import type { AuditEntry } from '../../audit/audit-log.ts';
import type { CallerRole } from '../../core/caller.ts';
import { isoTime } from '../../core/clock.ts';
import { entryOf } from '../../core/objects.ts';
import { decidedIn, jobOf, leastRole, type RecordJudge, wantedOf } from './judge-record.ts';

/** What a rule may name in vain. Of tenants: ids. */
export const ruleParts = ['scopes', 'callers', 'tenants', 'resources', 'cmdlets', 'changes'] as const;
export type RulePart = (typeof ruleParts)[number];

const named = (list: AllowList = '*'): Iterable<string> => (list === '*' ? [] : list);

/** The entries of a rule that a record can show the use of. Cmdlets are in lower case. */
const entriesOf: Readonly<Record<RulePart, (rule: Rule) => Iterable<string>>> = {
  scopes: ({ scopes = [] }) => scopes,
  callers: ({ callers }) => named(callers),
  // Which tenants a group, tag or domain stands for changes.
  tenants: ({ written }) => written.tenants.filter(({ kind }) => kind === 'id').map(textOfEntry),
  resources: ({ resources }) => named(resources),
  cmdlets: ({ requests }) => requests?.cmdlets?.keys() ?? [],
  changes: ({ changes }) => named(changes),
};

/** A rule with what nobody needed of it. */
export interface RuleUse {
  readonly rule: string;
  readonly allows: RuleScope;
  readonly records: number;
  /** Absent: nobody used the rule. */
  readonly lastAt?: string;
  /** What the rule names and nobody used, of a rule that somebody used. */
  readonly unused: Readonly<Partial<Record<RulePart, readonly string[]>>>;
}

/** App roles that a caller holds, and that opened nothing that it did. */
interface UnusedRoles {
  /** Object id of a person, application id of others. */
  readonly caller: string;
  readonly roles: readonly CallerRole[];
}

/** Permissions for Microsoft Graph of one of the broker's applications. */
interface PermissionUse {
  readonly application: string;
  /** Permissions that its tokens carried and that no request, requested scope or job needed. */
  readonly unused: readonly string[];
  /** Tokens that were handed out without a requested scope. They may have needed any of these. */
  readonly tokens: number;
}

export interface UseReport {
  readonly rules: readonly RuleUse[];
  /** Of tokens, requests and plans. Other roles leave no record of their use. */
  readonly roles: readonly UnusedRoles[];
  readonly permissions: readonly PermissionUse[];
  /** The names that the policy gives to callers, by application or object id in lower case. */
  readonly callerNames: Readonly<Record<string, string>>;
}

interface Seen {
  records: number;
  lastMs: number;
  /** In lower case. */
  readonly names: Readonly<Record<RulePart, Set<string>>>;
}

/** What was there, and what of it was needed. */
interface Held {
  readonly held: Set<string>;
  readonly needed: Set<string>;
  tokens: number;
}

const newSeen = (): Seen => ({
  records: 0,
  lastMs: 0,
  names: Object.fromEntries(ruleParts.map((part) => [part, new Set<string>()])) as Seen['names'],
});

const newHeld = (): Held => ({ held: new Set(), needed: new Set(), tokens: 0 });
const left = ({ held, needed }: Held): string[] => [...held].filter((name) => !needed.has(name)).toSorted();

/** Roles whose use leaves a record. */
const recorded: ReadonlySet<CallerRole> = new Set(Object.values(leastRole));

/** Collects what was used of the policy in force. Memory does not grow with the number of records. */
export class UnusedFinder {
  readonly #judge: RecordJudge;
  readonly #permissionsOf: (job: string) => readonly string[];
  readonly #rules = new Map<string, Seen>();
  readonly #callers = new Map<string, Held>();
  readonly #applications = new Map<string, Held>();

  /**
   * @param judge By the policy in force.
   * @param permissionsOf What a job declares. Empty for a job that is gone.
   */
  constructor(judge: RecordJudge, permissionsOf: (job: string) => readonly string[]) {
    this.#judge = judge;
    this.#permissionsOf = permissionsOf;
  }

  /** @param entry Undefined: a row that cannot be read. */
  add(entry: AuditEntry | undefined): void {
    if (entry === undefined || entry.outcome === 'denied') return;
    this.#addPermissions(entry);
    const decided = decidedIn(entry);
    if (typeof decided === 'string') return;
    const { caller, roles = [], requestedScopes = [] } = decided;
    // People share the application through which they sign in.
    const held = entryOf(this.#callers, caller.kind === 'user' ? caller.objectId : caller.applicationId, newHeld);
    for (const role of roles) if (recorded.has(role)) held.held.add(role);
    held.needed.add(leastRole[wantedOf(decided)]);
    const decision = this.#judge.decide(decided);
    if (decision.outcome !== 'served') return;
    const seen = entryOf(this.#rules, decision.rule.name, newSeen);
    seen.records += 1;
    seen.lastMs = Math.max(seen.lastMs, decided.atMs);
    const used: Readonly<Record<RulePart, readonly (string | undefined)[]>> = {
      // What a token carries may have been used.
      scopes: [...decision.permissions, ...requestedScopes].map(shortName),
      callers: [caller.applicationId],
      tenants: [decided.tenantId],
      resources: [decided.resource],
      cmdlets: [decided.cmdlet],
      changes: [jobOf(decided)],
    };
    for (const part of ruleParts)
      for (const name of used[part]) if (name !== undefined) seen.names[part].add(name.toLowerCase());
  }

  #addPermissions({ kind, application, resource, rule = '', scopes, requestedScopes = [] }: AuditEntry): void {
    if (application === undefined || resource !== 'graph') return;
    const use = entryOf(this.#applications, application, newHeld);
    const [, job] = /^job:(.+)$/.exec(rule) ?? [];
    const needed = kind === 'request' ? scopes : job === undefined ? requestedScopes : this.#permissionsOf(job);
    for (const permission of needed) use.needed.add(shortName(permission));
    if (kind !== undefined) return;
    // Entra puts everything that was consented into a delegated token.
    for (const scope of scopes) use.held.add(shortName(scope));
    if (job === undefined && requestedScopes.length === 0) use.tokens += 1;
  }

  /**
   * What was found: rules for tokens, requests and changes in the order of the policy.
   * @param partner the partner's own tenant, to say which rules open all of it.
   */
  report(partner?: TenantFacts): UseReport {
    return {
      rules: this.#judge.policy.rules
        .filter(({ tokens, gateway, changes }) => tokens || gateway || changes !== undefined)
        .map((rule) => ruleUse(rule, scopeOf(rule, partner), this.#rules.get(rule.name))),
      roles: [...this.#callers].flatMap(([caller, each]) => {
        const roles = left(each) as CallerRole[];
        return roles.length === 0 ? [] : [{ caller, roles }];
      }),
      permissions: [...this.#applications].map(([application, each]) => ({
        application,
        unused: left(each).filter((name) => !signIn.has(name)),
        tokens: each.tokens,
      })),
      callerNames: Object.fromEntries(this.#judge.policy.callerNames ?? []),
    };
  }
}

/** Every token of a person may carry these. */
const signIn: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access', '.default']);

function ruleUse(rule: Rule, allows: RuleScope, seen: Seen | undefined): RuleUse {
  if (seen === undefined) return { rule: rule.name, allows, records: 0, unused: {} };
  const { records, lastMs, names } = seen;
  const lists = ruleParts.flatMap((part): [RulePart, readonly string[]][] => {
    const unused = [...entriesOf[part](rule)].filter((name) => !names[part].has(name.toLowerCase()));
    return unused.length === 0 ? [] : [[part, unused]];
  });
  return { rule: rule.name, allows, records, lastAt: isoTime(lastMs), unused: Object.fromEntries(lists) };
}
