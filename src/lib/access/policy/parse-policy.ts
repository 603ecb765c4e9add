import type * as z from 'zod';
import { duplicateKey, safeParse } from '../../core/json.ts';
import { factsOf, judgedBy } from '../../core/resources.ts';
import { didYouMean } from '../../core/text.ts';
import {
  selectionOf,
  createSetCompiler,
  noGroups,
  parseEntry,
  readGroups,
  type TenantEntry,
  type TenantGroups,
  unknownGroups,
} from '../tenants/tenant-set.ts';
import { type PolicyDocument, policyDocumentSchema, policyJsonSchema, type RuleDocument } from './policy-document.ts';
import {
  type AccessPolicy,
  agentProblems,
  allowListOf,
  approvalProblems,
  changesProblems,
  protectionOf,
  protectProblems,
  requestLimitOf,
  type Rule,
  termsOf,
} from './policy.ts';

/** Whether a rule lets the gateway send requests. */
const isForGateway = ({ via }: Pick<RuleDocument, 'via'>): boolean => via?.includes('gateway') ?? false;

/**
 * Checks the keys of a rule that concern the gateway. Through it a rule has to name what it allows: the permissions for
 * Graph, and the requests for every other resource, because no published map of permissions exists for those.
 */
function gatewayProblems(rule: RuleDocument, location: string): string[] {
  // `tokenProblems` reports the keys of a rule that only limits reading.
  if (rule.resources === undefined) return [];
  if (isForGateway(rule)) return requiredKeys(rule, rule.resources, location);
  return rule.requests === undefined
    ? []
    : [`${location}.requests: has no effect without the gateway; add "via": ["gateway"].`];
}

const isJudgedByPermissions = (alias: string): boolean => judgedBy(alias) === 'permissions';

function requiredKeys(rule: RuleDocument, resources: readonly string[], location: string): string[] {
  const { scopes, requests, via, excessScopes } = rule;
  const all = resources.includes('*');
  const problems: string[] = [];
  if ((all || resources.some(isJudgedByPermissions)) && unlimited(scopes)) {
    problems.push(
      `${location}.scopes: a rule for the gateway names the permissions that open its requests to graph; list them, such as User.Read.All.`,
    );
  }
  const limited = requests?.paths !== undefined || requests?.cmdlets !== undefined;
  const others = resources.filter((resource) => !isJudgedByPermissions(resource));
  if (others.length > 0 && !limited) {
    const named = all ? 'resources other than graph' : others.join(', ');
    problems.push(
      `${location}.requests: is the only limit of the gateway for ${named}; list paths, or cmdlets for exchange.`,
    );
  }
  // RESOURCES may give other aliases an address of Exchange.
  const facts = resources.map(factsOf);
  const isExchange = facts.some((each) => each?.endpoint === undefined || each.judgedBy === 'cmdlets');
  if (requests?.cmdlets !== undefined && !isExchange)
    problems.push(`${location}.requests.cmdlets: has no effect without the resource exchange.`);
  if (excessScopes !== undefined && via?.includes('token') === false)
    problems.push(`${location}.excessScopes: has no effect, because the gateway hands out no token.`);
  return [...problems, ...unversionedPaths(rule, resources, location)];
}

/** A path of Graph without its version would never match. */
function unversionedPaths({ requests }: RuleDocument, resources: readonly string[], location: string): string[] {
  if (!resources.every(isJudgedByPermissions)) return [];
  return (requests?.paths ?? [])
    .filter((path) => !/^\/(?:v1\.0|beta)(?:\/|$)/i.test(path))
    .map(
      (path) =>
        `${location}.requests.paths: "${path}" does not start with /v1.0/ or /beta/; start it with one of them.`,
    );
}

const listNames = ['tenants', 'except', 'reads'] as const;

/** The schema has checked each entry. */
const entriesOf = (texts: readonly string[] = []): readonly TenantEntry[] =>
  texts.flatMap((text) => parseEntry(text) ?? []);

/** The groups of a policy. */
const groupsOf = ({ tenantGroups = {} }: PolicyDocument): TenantGroups => {
  const read = readGroups(tenantGroups);
  return read.ok ? read.groups : noGroups;
};

/** Checks what the schema cannot: that groups exist and do not contain themselves. */
function tenantListProblems({ tenantGroups = {}, rules }: PolicyDocument): string[] {
  const read = readGroups(tenantGroups);
  const known = new Map(Object.entries(tenantGroups));
  return [
    ...(read.ok ? [] : read.problems.map(({ group, problem }) => `tenantGroups.${group}: ${problem}`)),
    ...rules.flatMap((rule, index) =>
      listNames.flatMap((name) =>
        unknownGroups(entriesOf(rule[name]), known).map((problem) => `rules[${index}].${name}: ${problem}`),
      ),
    ),
  ];
}

/** Whoever reads a name must know whose it is. */
function sharedNames({ callerNames = {} }: PolicyDocument): string[] {
  const byName = Map.groupBy(Object.entries(callerNames), ([, name]) => name.toLowerCase());
  return [...byName.values()].flatMap(([, ...others]) =>
    others.map(([id, name]) => `callerNames.${id}: another caller has the name "${name}" as well.`),
  );
}

/** The result of {@link parsePolicy}. */
export type ParsedPolicy =
  | {
      readonly ok: true;
      readonly policy: AccessPolicy;
      readonly document: PolicyDocument;
    }
  | {
      readonly ok: false;
      /** One sentence per problem, beginning with its location in the document. */
      readonly problems: readonly string[];
    };

/** Maximum length of a policy, characters. */
export const maxPolicyLength = 4 * 1024 * 1024;

/** Checks a policy text and compiles it for decisions. Reports all schema problems, or else all invalid references. Pure. */
export function parsePolicy(text: string): ParsedPolicy {
  if (text.length > maxPolicyLength) return invalid('is longer than 4 MiB');
  // Some editors write a byte order mark.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    // JSON.parse throws only SyntaxError (ECMA-262).
    return invalid(`is not JSON (${(error as SyntaxError).message})`);
  }
  const duplicate = duplicateKey(json);
  if (duplicate !== undefined)
    return invalid(`contains the key "${duplicate}" twice in one object; remove one of them`);
  const parsed = safeParse(policyDocumentSchema, value);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, value));
    return { ok: false, problems: [...problems, ...missingKeys(value)] };
  }
  const problems = referenceProblems(parsed.data);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, policy: compilePolicy(parsed.data), document: parsed.data };
}

const invalid = (problem: string): ParsedPolicy => ({ ok: false, problems: [`The policy ${problem}.`] });

/** Checks what the schema cannot express: references, unique names, and keys that depend on each other. */
function referenceProblems(document: PolicyDocument): string[] {
  const problems = [...tenantListProblems(document), ...sharedNames(document)];
  const seen = new Set<string>();
  for (const [index, rule] of document.rules.entries()) {
    const location = `rules[${index}]`;
    if (seen.has(rule.name)) problems.push(`${location}.name: another rule has the name "${rule.name}" as well.`);
    seen.add(rule.name);
    problems.push(
      ...tokenProblems(rule, location),
      ...gatewayProblems(rule, location),
      ...changesProblems(rule, location),
      ...approvalProblems(rule, location),
      ...agentProblems(rule, location),
      ...protectProblems(rule, location),
    );
    const lists = {
      'callers.applications': rule.callers.applications,
      tenants: rule.tenants,
      resources: rule.resources,
      changes: rule.changes,
      reads: rule.reads,
      scopes: rule.scopes,
    };
    for (const [name, list = []] of Object.entries(lists)) {
      if (list.includes('*') && list.length > 1)
        problems.push(`${location}.${name}: "*" means all and must be the only entry.`);
    }
    if (rule.excessScopes !== undefined && unlimited(rule.scopes))
      problems.push(`${location}.excessScopes: has no effect without a list of scopes.`);
  }
  return problems;
}

const isReadingOnly = ({ tenants, resources, reads, changes }: Partial<RuleDocument>): boolean =>
  reads !== undefined && changes === undefined && tenants === undefined && resources === undefined;

/** The keys that a rule for tokens lacks. For a document that has other problems too. */
function missingKeys(document: unknown): string[] {
  const rules = valueAt(document, ['rules']);
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: Partial<RuleDocument> | null, index) =>
    typeof rule === 'object' && rule !== null ? missingTokenKeys(rule, `rules[${index}]`) : [],
  );
}

const missingTokenKeys = (rule: Partial<RuleDocument>, location: string): string[] =>
  isReadingOnly(rule) || rule.changes !== undefined
    ? []
    : (['tenants', 'resources'] as const)
        .filter((key) => rule[key] === undefined)
        .map((key) => `${location}.${key}: is missing.`);

const accessKeys = [
  ...(['scopes', 'grants', 'application', 'excessScopes'] as const),
  ...(['via', 'requests', 'approval', 'breakGlass', 'protect'] as const),
];

/** Checks that a rule says which tokens it allows, or nothing about tokens and only what may be read. */
function tokenProblems(rule: RuleDocument, location: string): string[] {
  if (!isReadingOnly(rule)) return missingTokenKeys(rule, location);
  return accessKeys
    .filter((key) => rule[key] !== undefined)
    .map((key) => `${location}.${key}: has no effect without tenants and resources.`);
}

const unlimited = (scopes: readonly string[] | undefined): boolean => scopes === undefined || scopes.includes('*');

function compilePolicy(document: PolicyDocument): AccessPolicy {
  const groups = groupsOf(document);
  const compileList = createSetCompiler(groups);
  const tenantsOf = (rule: RuleDocument): Pick<Rule, 'tenants' | 'reads' | 'written'> => {
    const written = { tenants: entriesOf(rule.tenants), except: entriesOf(rule.except), reads: entriesOf(rule.reads) };
    const except = compileList(written.except);
    return {
      tenants: selectionOf(compileList(written.tenants), except),
      reads: rule.reads && selectionOf(compileList(written.reads), except),
      written,
    };
  };
  const names = Object.entries(document.callerNames ?? {}).map(([id, name]) => [id.toLowerCase(), name] as const);
  const rules = document.rules.map((rule) => ({ ...compile(rule), ...tenantsOf(rule) }));
  return { groups, rules, ...(names.length === 0 ? {} : { callerNames: new Map(names) }) };
}

function compile(rule: RuleDocument): Omit<Rule, 'tenants' | 'reads' | 'written'> {
  const { applications, objects = ['*'], blueprints, kinds = blueprints ? ['agent'] : ['*'] } = rule.callers;
  return {
    name: rule.name,
    callers: allowListOf(applications),
    objects: allowListOf(objects),
    kinds: allowListOf(kinds),
    blueprints: allowListOf(blueprints ?? ['*']),
    roles: rule.callers.roles ?? [],
    tokens: rule.resources !== undefined && (rule.via?.includes('token') ?? true),
    gateway: rule.resources !== undefined && isForGateway(rule),
    changes: rule.changes && allowListOf(rule.changes),
    requests: rule.requests && requestLimitOf(rule.requests),
    grants: new Set(rule.grants ?? ['delegated']),
    resources: allowListOf(rule.resources ?? []),
    scopes: unlimited(rule.scopes) ? undefined : rule.scopes,
    excessScopes: rule.excessScopes ?? 'refuse',
    application: rule.application ?? 'default',
    approval: rule.approval && termsOf(rule.approval),
    breakGlass: rule.breakGlass === true,
    protect: rule.protect && protectionOf(rule.protect),
  };
}

function problemsOf(issue: z.core.$ZodIssue, document: unknown): string[] {
  const location = locationOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map(
      (key) =>
        `${location}: unknown key "${key}"${didYouMean(key, known) || `; the valid keys are ${known.join(', ')}.`}`,
    );
  }
  const written = valueAt(document, issue.path);
  if (issue.code === 'invalid_value' && typeof written === 'string') {
    const known = issue.values.map(String);
    return [
      `${location}: "${written.slice(0, 100)}" is not one of ${known.join(', ')}${didYouMean(written, known) || '.'}`,
    ];
  }
  if (issue.code === 'invalid_key') return [`${location}: ${issue.issues[0]?.message ?? issue.message}.`];
  if (written === undefined) return [`${location}: is missing.`];
  return [`${location}: ${typeof written === 'string' ? `"${written.slice(0, 100)}" ` : ''}${issue.message}.`];
}

const locationOf = (path: readonly PropertyKey[]): string =>
  path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${String(step)}`))
    .join('') || 'The policy';

const valueAt = (document: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce(
    (value: unknown, step) => (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[step],
    document,
  );

/** Returns the keys that the published schema defines at a location. */
function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const schema = path.reduce<unknown>(
    (at, step) => (typeof step === 'number' ? valueAt(at, ['items']) : valueAt(at, ['properties', step])),
    policyJsonSchema(),
  );
  return Object.keys(valueAt(schema, ['properties']) ?? {});
}
