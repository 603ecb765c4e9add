import type * as z from 'zod';
import { didYouMean } from './did-you-mean.ts';
import { duplicateKey } from './duplicate-key.ts';
import type { AccessPolicy, Rule, Selection } from './policy.ts';
import { type PolicyDocument, policyDocumentSchema, policyJsonSchema, type RuleDocument } from './policy-document.ts';
import { safeParse } from '../runtime/safe-parse.ts';

export type ParsedPolicy =
  | {
      readonly ok: true;
      readonly policy: AccessPolicy;
      /** What is allowed but worth a second look. */
      readonly warnings: readonly string[];
    }
  | { readonly ok: false /** One sentence each, with the place. */; readonly problems: readonly string[] };

/** Longest policy, characters. */
export const maxPolicyLength = 4 * 1024 * 1024;

/** Checks a policy text wholly, and makes it ready to decide. Every problem is reported at once. Pure. */
export function parsePolicy(text: string): ParsedPolicy {
  if (text.length > maxPolicyLength) return broken('is longer than 4 MiB');
  // Editors of some platforms put a byte order mark in front.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    // ECMA-262: nothing but a SyntaxError.
    return broken(`is not JSON (${(error as SyntaxError).message})`);
  }
  const twice = duplicateKey(json);
  if (twice !== undefined) return broken(`gives the key "${twice}" twice in one object; JSON would keep only the last`);
  const parsed = safeParse(policyDocumentSchema, value);
  if (!parsed.success) return { ok: false, problems: parsed.error.issues.flatMap((issue) => explain(issue, value)) };
  const problems = crossCheck(parsed.data);
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    warnings: warningsOf(parsed.data),
    policy: { rules: parsed.data.rules.map((rule) => compile(rule, parsed.data)) },
  };
}

const broken = (what: string): ParsedPolicy => ({ ok: false, problems: [`The policy ${what}.`] });

/** What a schema cannot say: names that refer to each other. */
function crossCheck(document: PolicyDocument): string[] {
  const problems: string[] = [];
  const groups = Object.keys(document.tenantGroups ?? {});
  const seen = new Set<string>();
  for (const [index, rule] of document.rules.entries()) {
    const place = `rules[${index}]`;
    if (seen.has(rule.name)) problems.push(`${place}.name: another rule is called "${rule.name}" too.`);
    seen.add(rule.name);
    for (const tenant of rule.tenants) {
      if (!tenant.startsWith('group:') || groups.includes(tenant.slice(6))) continue;
      problems.push(
        `${place}.tenants: there is no group "${tenant.slice(6)}"${didYouMean(tenant.slice(6), groups) || '.'}`,
      );
    }
    const lists = {
      'callers.applications': rule.callers.applications,
      tenants: rule.tenants,
      resources: rule.resources,
      scopes: rule.scopes,
    };
    for (const [name, list = []] of Object.entries(lists)) {
      if (list.includes('*') && list.length > 1) problems.push(`${place}.${name}: "*" means all and stands alone.`);
    }
    if (rule.excessScopes !== undefined && unlimited(rule.scopes)) {
      problems.push(`${place}.excessScopes: says nothing without a list of scopes.`);
    }
  }
  return problems;
}

function warningsOf(document: PolicyDocument): string[] {
  const used = new Set(document.rules.flatMap(({ tenants }) => tenants));
  const unused = Object.keys(document.tenantGroups ?? {}).filter((name) => !used.has(`group:${name}`));
  const wide = document.rules.filter(
    ({ callers, tenants, resources }) =>
      callers.applications.includes('*') && tenants.includes('*') && resources.includes('*'),
  );
  return [
    ...unused.map((name) => `No rule uses the group "${name}".`),
    ...wide.map(({ name }) => `"${name}" gives every caller every resource in every tenant.`),
  ];
}

const unlimited = (scopes: readonly string[] | undefined): boolean => scopes === undefined || scopes.includes('*');

function compile(rule: RuleDocument, { tenantGroups = {} }: PolicyDocument): Rule {
  const tenants = rule.tenants.flatMap((tenant) =>
    tenant.startsWith('group:') ? (tenantGroups[tenant.slice(6)] ?? []) : [tenant],
  );
  return {
    name: rule.name,
    callers: selection(rule.callers.applications),
    roles: rule.callers.roles ?? [],
    grants: new Set(rule.grants ?? ['delegated']),
    resources: selection(rule.resources),
    tenants: selection(tenants),
    scopes: unlimited(rule.scopes) ? undefined : rule.scopes,
    excessScopes: rule.excessScopes ?? 'refuse',
    application: rule.application ?? 'default',
  };
}

const selection = (items: readonly string[]): Selection =>
  items.includes('*') ? '*' : new Set(items.map((item) => item.toLowerCase()));

function explain(issue: z.core.$ZodIssue, document: unknown): string[] {
  const place = placeOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map(
      (key) =>
        `${place}: there is no key "${key}" here${didYouMean(key, known) || `; the keys are ${known.join(', ')}.`}`,
    );
  }
  const written = valueAt(document, issue.path);
  if (issue.code === 'invalid_value' && typeof written === 'string') {
    const known = issue.values.map(String);
    return [`${place}: "${written.slice(0, 100)}" is none of ${known.join(', ')}${didYouMean(written, known) || '.'}`];
  }
  if (issue.code === 'invalid_key') return [`${place}: ${issue.issues[0]?.message ?? issue.message}.`];
  if (written === undefined) return [`${place}: is missing.`];
  return [`${place}: ${typeof written === 'string' ? `"${written.slice(0, 100)}" ` : ''}${issue.message}.`];
}

const placeOf = (path: readonly PropertyKey[]): string =>
  path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${String(step)}`))
    .join('') || 'The policy';

const valueAt = (document: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce(
    (value: unknown, step) => (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[step],
    document,
  );

/** The keys that the schema has at a place, read from its published form. */
function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const schema = path.reduce<unknown>(
    (at, step) => (typeof step === 'number' ? valueAt(at, ['items']) : valueAt(at, ['properties', step])),
    policyJsonSchema(),
  );
  return Object.keys(valueAt(schema, ['properties']) ?? {});
}
